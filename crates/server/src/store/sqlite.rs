//! SQLite: one writer that commits all waiting jobs in one flush, and readers beside it.

use super::{
    job::{self, Effect, Ending, Job, ending},
    queue::Queue,
    sql::{Access, Driver, Row, Source, Trouble, Tx, Value},
};
use crate::failure::Failure;
use anyhow::{Context as _, Result, ensure};
use rusqlite::{CachedStatement, ErrorCode, OpenFlags, backup::Backup, config::DbConfig};
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    fs, iter,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, TryLockError},
    time::{Duration, Instant},
};

/// How long a connection waits for another process, such as the command line, to end its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A batch ends after so many jobs, or so much time: the first of its callers waits for the last.
const BATCH_JOBS: usize = 512;
const BATCH_TIME: Duration = Duration::from_millis(20);
pub(super) const READERS: usize = 4;
/// Beginning and ending a transaction costs as much as a small read.
const READ_TOGETHER: usize = 31;

pub(super) struct Connection {
    raw: rusqlite::Connection,
    shapes: HashMap<(usize, usize), Arc<Shape>>,
}

/// What is known about a statement once it was prepared.
struct Shape {
    columns: Vec<Box<str>>,
    /// The index of `$1`, `$2` …: to SQLite `$2` is a *name*, numbered by its first appearance.
    parameters: Vec<usize>,
}

impl Connection {
    pub(super) fn open(path: &Path, access: Access) -> Result<Self> {
        Self::open_waiting(path, access, BUSY_TIMEOUT)
    }

    pub(super) fn open_waiting(path: &Path, access: Access, busy_timeout: Duration) -> Result<Self> {
        let shown = path.display();
        create_private(path).with_context(|| format!("cannot create {shown}"))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let raw = rusqlite::Connection::open_with_flags(path, flags).with_context(|| format!("cannot open {shown}"))?;
        raw.busy_timeout(busy_timeout)?;
        let read_only = match access {
            Access::Read => "ON",
            Access::Write => "OFF",
        };
        let cache = match access {
            Access::Read => "-2000",
            Access::Write => "-8000",
        };
        for (pragma, value) in [
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("fullfsync", "ON"),
            ("checkpoint_fullfsync", "ON"),
            ("foreign_keys", "ON"),
            ("trusted_schema", "OFF"),
            ("temp_store", "MEMORY"),
            ("cache_size", cache),
            ("journal_size_limit", "67108864"),
            ("query_only", read_only),
        ] {
            // Some answer with the new value, some do not answer; the ones that matter are read back below.
            raw.pragma_update(None, pragma, value).with_context(|| format!("PRAGMA {pragma} on {shown}"))?;
        }
        let mode: String = raw.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        ensure!(mode == "wal", "{shown} cannot be switched to WAL (it is {mode}): is it on a network file system?");
        let settings = [("synchronous", 2), ("foreign_keys", 1), ("query_only", i64::from(access == Access::Read))];
        for (pragma, wanted) in settings {
            let found: i64 = raw.pragma_query_value(None, pragma, |row| row.get(0))?;
            ensure!(found == wanted, "PRAGMA {pragma} of {shown} is {found} although it was set to {wanted}");
        }
        // Else a join, once prepared, is planned anew for every value that is bound: ten times the work of running it.
        let is_stable = raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        ensure!(is_stable, "SQLite does not promise to keep its query plans");
        raw.set_prepared_statement_cache_capacity(512);
        Ok(Self { raw, shapes: HashMap::new() })
    }

    pub(super) fn each(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        visit: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.raw.prepare_cached(sql)?;
        let shape = shape(&mut self.shapes, &statement, sql)?;
        bind(&mut statement, &shape, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            visit(&Row::new(Source::Sqlite { row, columns: &shape.columns }))?;
        }
        Ok(())
    }

    pub(super) fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64> {
        let mut statement = self.raw.prepare_cached(sql)?;
        let shape = shape(&mut self.shapes, &statement, sql)?;
        bind(&mut statement, &shape, values)?;
        Ok(u64::try_from(statement.raw_execute()?)?)
    }

    pub(super) fn control(&self, sql: &str) -> rusqlite::Result<()> {
        self.raw.prepare_cached(sql)?.raw_execute().map(drop)
    }

    #[cfg(test)]
    pub(super) fn fail_commits(&mut self, fail: bool) -> Result<()> {
        Ok(self.raw.commit_hook(fail.then_some(|| true))?)
    }

    pub(super) fn raw(&self) -> &rusqlite::Connection {
        &self.raw
    }
}

/// Makes the file if it is missing. It holds password hashes and encrypted keys; SQLite gives its side files the same
/// mode.
///
/// A file that is there must not be opened here: when a process closes any descriptor of a file, POSIX takes away all
/// locks that the process has on it, also those of SQLite's other connections. Another process would then believe
/// that it is alone, and remove the log under our feet.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop),
    }
}

fn shape(
    shapes: &mut HashMap<(usize, usize), Arc<Shape>>,
    statement: &CachedStatement<'_>,
    sql: &'static str,
) -> Result<Arc<Shape>> {
    match shapes.entry((sql.as_ptr().addr(), sql.len())) {
        Entry::Occupied(known) => Ok(Arc::clone(known.get())),
        Entry::Vacant(unknown) => {
            let columns = statement.column_names().map(Into::into).collect();
            let parameters = (1..=statement.parameter_count())
                .map(|n| {
                    let name = format!("${n}");
                    statement.parameter_index(&name)?.with_context(|| format!("{name} is not in the statement"))
                })
                .collect::<Result<_>>()?;
            Ok(Arc::clone(unknown.insert(Arc::new(Shape { columns, parameters }))))
        }
    }
}

fn bind(statement: &mut CachedStatement<'_>, shape: &Shape, values: &[Value<'_>]) -> Result<()> {
    let (expected, given) = (shape.parameters.len(), values.len());
    ensure!(expected == given, "the statement has {expected} parameters, {given} were given");
    for (index, value) in shape.parameters.iter().zip(values) {
        statement.raw_bind_parameter(*index, value)?;
    }
    Ok(())
}

pub(super) fn trouble(error: &anyhow::Error) -> Trouble {
    match error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Late,
        Some(ErrorCode::DiskFull) => Trouble::NoSpace,
        _ => Trouble::Broken,
    }
}

/// Connections for reads so short that the way to another thread and back would cost more than they do.
pub(super) struct AtHand(Vec<Mutex<Option<Connection>>>);

impl AtHand {
    /// One for each thread that may ask at the same moment.
    pub(super) fn open(path: &Path, count: usize) -> Result<Self> {
        let open = || {
            let connection = Connection::open(path, Access::Read)?;
            // Nothing waits on a thread that serves requests: what would have to wait is sent to a reader.
            connection.raw.busy_timeout(Duration::ZERO)?;
            Ok(Mutex::new(Some(connection)))
        };
        (0..count).map(|_| open()).collect::<Result<_>>().map(Self)
    }

    /// Runs `body` on this thread. `None` when no connection is free, or a statement failed: a reader is to try then.
    ///
    /// As on PostgreSQL, each statement sees its own snapshot.
    pub(super) fn read<T>(&self, body: &impl Fn(&mut Tx<'_>) -> Result<T, Failure>) -> Option<Result<T, Failure>> {
        let mut slot = self.0.iter().find_map(|slot| match slot.try_lock() {
            Ok(slot) => Some(slot),
            Err(TryLockError::Poisoned(slot)) => Some(slot.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })?;
        let mut tx = Tx::new(Driver::Sqlite(slot.as_mut()?), Access::Read);
        let (_, outcome) = job::run(body, &mut tx);
        if tx.trouble().is_some() { None } else { Some(outcome) }
    }

    #[cfg(test)]
    pub(super) fn take(&self) -> Vec<std::sync::MutexGuard<'_, Option<Connection>>> {
        self.0.iter().map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    pub(super) fn close(&self) {
        for slot in &self.0 {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// Serves reads until the queue is closed: each time the reader's share of those that wait, up to so many.
pub(super) fn read_lane(mut connection: Connection, path: &Path, queue: &Queue) {
    while let Some(first) = queue.next() {
        let share = (queue.len() / READERS).min(READ_TOGETHER);
        let mut jobs: VecDeque<_> = iter::once(first).chain((0..share).map_while(|_| queue.waiting())).collect();
        if let Err(error) = read(&mut connection, &mut jobs) {
            tracing::error!("the database could not be read: {error:#}");
            for job in jobs {
                job.answer(Ending::Busy);
            }
            match Connection::open(path, Access::Read) {
                Ok(new) => connection = new,
                Err(error) => tracing::error!("the database could not be opened again: {error:#}"),
            }
        }
    }
}

/// Reads that all waited before it began may share a transaction: each sees what was committed before it was asked
/// for. An error means that the connection is of no use any more; the jobs that are left were not answered.
fn read(connection: &mut Connection, jobs: &mut VecDeque<Box<dyn Job>>) -> Result<()> {
    connection.control("BEGIN")?;
    while let Some(mut job) = jobs.pop_front() {
        if job.is_wanted() {
            let mut tx = Tx::new(Driver::Sqlite(connection), Access::Read);
            let effect = job.run(&mut tx);
            let trouble = tx.trouble();
            job.answer(ending(effect, trouble));
        }
    }
    if !connection.raw.is_autocommit() {
        connection.control("ROLLBACK")?;
    }
    Ok(())
}

/// Writes until the queue is closed.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    /// `None` after a failure, until the next batch opens it again.
    pub(super) connection: Option<Connection>,
    #[cfg(test)]
    pub(super) switches: std::sync::Arc<super::tests::Switches>,
}

impl Writer {
    pub(super) fn serve(&mut self, queue: &Queue) {
        while let Some(job) = queue.next() {
            self.batch(job, queue);
        }
    }

    /// Runs `first` and everything that waits in one transaction and answers after its flush.
    #[expect(clippy::disallowed_methods, reason = "how long a batch runs decides nothing but its size")]
    fn batch(&mut self, first: Box<dyn Job>, queue: &Queue) {
        let mut connection = match self.begin() {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!("no transaction could be begun: {error:#}");
                return answer_waiting(first, queue);
            }
        };
        let started = Instant::now();
        let mut done: Vec<(Box<dyn Job>, Ending<'static>)> = Vec::new();
        let mut next = Some(first);
        while let Some(mut job) = next {
            if job.is_wanted() {
                match step(&mut connection, &mut *job) {
                    Ok(ending) => done.push((job, ending)),
                    Err(lost) => {
                        let why = format!("the transaction was lost under a job: {:#}", lost.error);
                        tracing::error!("{why}");
                        // Closing the connection ends what may be left of the transaction.
                        drop(connection);
                        let ending = if lost.for_want_of_space { Ending::Busy } else { Ending::Fault(&why) };
                        job.answer(ending);
                        return done.into_iter().for_each(|(job, _)| job.answer(ending));
                    }
                }
            }
            let has_room = done.len() < BATCH_JOBS && started.elapsed() < BATCH_TIME;
            next = if has_room { queue.waiting() } else { None };
        }
        self.finish(connection, done);
    }

    fn begin(&mut self) -> Result<Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.path, Access::Write)?,
        };
        #[cfg(test)]
        let connection = self.switches.apply(connection)?;
        connection.control("BEGIN IMMEDIATE")?;
        Ok(connection)
    }

    /// No answer leaves before COMMIT returned. If it fails, also a refusal is void: that a code "was used
    /// already" may rest on a neighbour in the same batch, which now never happened.
    fn finish(&mut self, connection: Connection, done: Vec<(Box<dyn Job>, Ending<'static>)>) {
        #[cfg(test)]
        let done = self.switches.answer_early(done);
        match connection.control("COMMIT") {
            Ok(()) => {
                self.connection = Some(connection);
                for (job, ending) in done {
                    job.answer(ending);
                }
            }
            Err(error) => {
                tracing::error!("COMMIT failed: {error}");
                drop(connection);
                for (job, _) in done {
                    job.answer(Ending::Busy);
                }
            }
        }
    }
}

/// A whole batch is lost.
struct Lost {
    error: anyhow::Error,
    for_want_of_space: bool,
}

/// One job inside its savepoint.
fn step(connection: &mut Connection, job: &mut dyn Job) -> Result<Ending<'static>, Lost> {
    let lost = |error, trouble| Lost { error, for_want_of_space: trouble == Some(Trouble::NoSpace) };
    connection.control("SAVEPOINT job").map_err(|error| lost(error.into(), None))?;
    let mut tx = Tx::new(Driver::Sqlite(connection), Access::Write);
    let effect = job.run(&mut tx);
    let trouble = tx.trouble();
    close(connection, effect == Effect::Keep && trouble.is_none()).map_err(|error| lost(error, trouble))?;
    Ok(ending(effect, trouble))
}

/// Ends a job's savepoint, with or without its changes.
fn close(connection: &Connection, keep: bool) -> Result<()> {
    // A full disk or an IO error may have rolled back everything, not only this job's statement.
    ensure!(!connection.raw.is_autocommit(), "SQLite rolled the transaction back");
    if !keep {
        connection.control("ROLLBACK TO job")?;
    }
    connection.control("RELEASE job")?;
    Ok(())
}

/// Another process holds the file, or it cannot be opened: so it is for all who wait.
fn answer_waiting(first: Box<dyn Job>, queue: &Queue) {
    first.answer(Ending::Busy);
    for _ in 0..queue.len() {
        let Some(job) = queue.waiting() else { return };
        job.answer(Ending::Busy);
    }
}

/// Copies the database as it is at one moment, while others read and write it.
pub(super) fn backup(from: &Path, to: &Path) -> Result<()> {
    let shown = to.display();
    ensure!(!to.exists(), "{shown} exists already; a backup never overwrites a file");
    let source = Connection::open(from, Access::Read)?;
    create_private(to).with_context(|| format!("cannot create {shown}"))?;
    let mut copy = rusqlite::Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // One step for all pages is one read transaction: writers go on, and the copy is not begun again for each commit.
    Backup::new(&source.raw, &mut copy)?.step(-1).with_context(|| format!("cannot copy to {shown}"))?;
    let verdict: String = copy.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    ensure!(verdict == "ok", "the copy in {shown} is damaged: {verdict}");
    copy.close().map_err(|(_, error)| error)?;
    fs::File::open(to)?.sync_all()?;
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
