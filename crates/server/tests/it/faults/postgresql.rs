//! A PostgreSQL of a test's own, to be killed.

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

pub(super) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// PostgreSQL does not run as root.
    user: Option<(u32, u32)>,
    postmaster: Option<Child>,
}

impl Cluster {
    /// `None`, with the reason printed, where PostgreSQL is not installed.
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            super::skipped("initdb and postgres are neither on the PATH nor in /usr/lib/postgresql");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut cluster = Self { user: unprivileged(folder.path()), folder, programs, port, postmaster: None };
        let initialised = cluster
            .command("initdb")
            .args(["-U", "hospes", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(cluster.folder.path().join("cluster"))
            .output()
            .unwrap();
        assert!(initialised.status.success(), "{}", String::from_utf8_lossy(&initialised.stderr));
        cluster.start_postmaster();
        Some(cluster)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://hospes@127.0.0.1:{}/postgres?connect_timeout=5", self.port)
    }

    pub(super) fn start_postmaster(&mut self) {
        // After a kill the others of the old one may need a moment to notice and to let go of what they share.
        for _ in 0..100 {
            let log = fs::File::create(self.folder.path().join("postgres.log")).unwrap();
            let mut child = self
                .command("postgres")
                .arg("-D")
                .arg(self.folder.path().join("cluster"))
                .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=on", "-c"])
                .arg(format!("unix_socket_directories={}", self.folder.path().display()))
                .stderr(log)
                .spawn()
                .unwrap();
            while child.try_wait().unwrap().is_none() {
                if super::place::on_postgres(&self.url(), "SELECT 1").is_ok() {
                    self.postmaster = Some(child);
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{}", fs::read_to_string(self.folder.path().join("postgres.log")).unwrap());
    }

    /// `kill -9` of the first process; the others end when they notice.
    pub(super) fn kill_postmaster(&mut self) {
        let mut postmaster = self.postmaster.take().unwrap();
        postmaster.kill().unwrap();
        postmaster.wait().unwrap();
    }

    /// `kill -9` of one process that serves a connection: PostgreSQL then ends all others and recovers.
    pub(super) fn kill_a_backend(&self) {
        let url = self.url();
        let find = || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'hospes' AND pid <> pg_backend_pid()
                       ORDER BY state_change DESC LIMIT 1";
            client.query_opt(sql, &[]).unwrap().map(|row| row.get::<_, i32>(0))
        };
        let backend = thread::scope(|scope| scope.spawn(find).join().unwrap()).expect("hospes is connected");
        let killed = Command::new("kill").args(["-9", &backend.to_string()]).status().unwrap();
        assert!(killed.success());
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut postmaster) = self.postmaster.take() {
            // Its children end with it.
            let _ = postmaster.kill();
            let _ = postmaster.wait();
            thread::sleep(Duration::from_millis(200));
        }
    }
}

fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    folders.extend(installed.map(|entry| entry.unwrap().path().join("bin")));
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// Whom to run as: nobody in particular when we are root, and then the folder is theirs.
fn unprivileged(folder: &Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    if fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse().unwrap());
        Some((fields.next()?, fields.next()?))
    };
    let (user, group) = find("postgres").or_else(|| find("nobody")).expect("postgres or nobody");
    chown(folder, Some(user), Some(group)).unwrap();
    Some((user, group))
}
