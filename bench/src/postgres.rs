//! A private PostgreSQL with its defaults: made in a temporary directory, on loopback, ended with the run. It runs on the
//! core of the load, as if on a machine of its own.

use anyhow::{Context as _, Result, ensure};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

pub(crate) struct Private {
    programs: PathBuf,
    directory: TempDir,
    address: SocketAddr,
}

impl Private {
    pub(crate) fn start() -> Result<Self> {
        let private = Self {
            programs: programs().context("PostgreSQL is not installed (initdb and pg_ctl are needed)")?,
            directory: tempfile::Builder::new().prefix("hospes-bench-postgres-").tempdir()?,
            address: crate::child::free_address()?,
        };
        if is_root() {
            // PostgreSQL refuses to run as root.
            let owned = Command::new("chown").arg("postgres").arg(private.directory.path()).status()?;
            ensure!(owned.success(), "there is no user postgres");
        }
        let data = private.data();
        private.run("initdb", &["-D", &data, "-U", "hospes", "-A", "trust", "-E", "UTF8", "--locale=C"])?;
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -k {data}", private.address.port());
        let log = private.directory.path().join("log");
        private.run("pg_ctl", &["-D", &data, "-w", "-o", &options, "-l", &log.to_string_lossy(), "start"])?;
        Ok(private)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://hospes@{}/postgres?sslmode=disable", self.address)
    }

    fn data(&self) -> String {
        self.directory.path().join("data").to_string_lossy().into_owned()
    }

    /// Runs one of its programs on the core that we are on ourselves.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        let status = command
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {program}"))?;
        ensure!(status.success(), "{program} failed: {status}");
        Ok(())
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Err(error) = self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]) {
            eprintln!("the private PostgreSQL could not be stopped: {error:#}");
        }
    }
}

/// Debian keeps them off the path.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|path| path.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().or_else(|| Some(PathBuf::from("/usr/local/bin")).filter(|path| path.join("initdb").exists()))
}

fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}
