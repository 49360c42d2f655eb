/*
 * Faults of the disk, preloaded into the server by faults/shim.rs.
 *
 * The test maps the same page: what it writes there takes effect at once. Only the database file and its write-ahead
 * log are touched; every other file, and every socket, passes through.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct control {
    /* Every flush fails with EIO. */
    volatile int32_t fail;
    /* Every flush says that it succeeded, and does nothing. */
    volatile int32_t pretend;
    /* The process dies at the so many-th write point from now; 0 is never. */
    volatile int32_t points;
    /* How many flushes failed or only pretended. */
    volatile int32_t faults;
};

static struct control *control;
static const char *database;
static const char *copies;
static pthread_mutex_t copying = PTHREAD_MUTEX_INITIALIZER;
static int database_file = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *page = getenv("FAULTS_CONTROL");
    database = getenv("FAULTS_DATABASE");
    copies = getenv("FAULTS_COPIES");
    if (page == NULL || database == NULL || copies == NULL)
        return;
    int file = open(page, O_RDWR | O_CLOEXEC);
    if (file < 0)
        abort();
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        abort();
    control = mapped;
    close(file);
}

/* Whether `file` is the database or its log; then its path is in `path`, and the rest of its name is returned. */
static const char *ours(int file, char path[4096])
{
    char link[64];
    if (control == NULL)
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, 4095);
    if (length < 0)
        return NULL;
    path[length] = 0;
    size_t own = strlen(database);
    if (strncmp(path, database, own) != 0)
        return NULL;
    const char *rest = path + own;
    return *rest == 0 || strcmp(rest, "-wal") == 0 ? rest : NULL;
}

static void point(void)
{
    if (control->points > 0 && __atomic_sub_fetch(&control->points, 1, __ATOMIC_SEQ_CST) == 0) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
}

/* Keeps what a power cut would leave: the file as it is after this flush. Replaced as a whole, or not at all. */
static void keep(const char *path, const char *rest)
{
    static char buffer[1 << 18];
    char kept[4096], fresh[4096];
    snprintf(kept, sizeof kept, "%s/flushed%s", copies, rest);
    snprintf(fresh, sizeof fresh, "%s/fresh%s", copies, rest);
    pthread_mutex_lock(&copying);
    int from = *rest == 0 && database_file >= 0 ? database_file : open(path, O_RDONLY | O_CLOEXEC);
    int to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from < 0 || to < 0)
        abort();
    ssize_t got;
    off_t at = 0;
    while ((got = pread(from, buffer, sizeof buffer, at)) > 0) {
        if (pwrite(to, buffer, (size_t)got, at) != got)
            abort();
        at += got;
    }
    if (got < 0 || rename(fresh, kept) != 0)
        abort();
    /*
     * POSIX takes a process's locks on a file away when it closes any descriptor of it. SQLite locks the database
     * file itself, so that descriptor stays open.
     */
    if (*rest == 0)
        database_file = from;
    else
        close(from);
    close(to);
    pthread_mutex_unlock(&copying);
}

static int flush(int file, long call)
{
    char path[4096];
    const char *rest = ours(file, path);
    if (rest == NULL)
        return (int)syscall(call, file);
    point();
    if (control->fail || control->pretend) {
        __atomic_add_fetch(&control->faults, 1, __ATOMIC_SEQ_CST);
        if (!control->fail)
            return 0;
        errno = EIO;
        return -1;
    }
    int result = (int)syscall(call, file);
    if (result == 0)
        keep(path, rest);
    point();
    return result;
}

int fsync(int file)
{
    return flush(file, SYS_fsync);
}

int fdatasync(int file)
{
    return flush(file, SYS_fdatasync);
}

static void before_write(int file)
{
    char path[4096];
    if (control != NULL && control->points > 0 && ours(file, path) != NULL)
        point();
}

ssize_t write(int file, const void *bytes, size_t count)
{
    before_write(file);
    return syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at)
{
    before_write(file);
    return syscall(SYS_pwrite64, file, bytes, count, at);
}
