//! The faults of `failing_fsync.c`: built once, switched while the server runs, and what a power cut leaves.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};
use tempfile::TempDir;

/// The built library; `None`, with the reason printed, where it cannot be built.
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY
        .get_or_init(|| {
            if !cfg!(all(target_os = "linux", target_pointer_width = "64")) {
                super::skipped("faults of the disk are injected by LD_PRELOAD on 64-bit Linux only");
                return None;
            }
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/faults/failing_fsync.c");
            let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}.so", std::process::id()));
            let built = Command::new("cc")
                .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-pthread", "-o"])
                .arg(&library)
                .arg(source)
                .output();
            match built {
                Ok(output) if output.status.success() => Some(library),
                Ok(output) => panic!("{source}: {}", String::from_utf8_lossy(&output.stderr)),
                Err(error) => {
                    super::skipped(&format!("faults of the disk need a C compiler, cc: {error}"));
                    None
                }
            }
        })
        .as_deref()
}

/// The disk under one SQLite database, as far as a test breaks it.
pub(super) struct Disk {
    database: PathBuf,
    folder: TempDir,
    control: File,
}

/// A power cut takes from each file what was not flushed, or leaves it, as the kernel happened to write it out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeps {
    pub(super) database: bool,
    pub(super) log: bool,
}

impl Disk {
    pub(super) fn under(database: &Path) -> Option<Self> {
        library()?;
        let folder = TempDir::new().unwrap();
        let page = folder.path().join("control");
        fs::write(&page, [0; 16]).unwrap();
        let control = File::options().read(true).write(true).open(page).unwrap();
        Some(Self { database: database.to_owned(), folder, control })
    }

    /// Has `command` run on this disk. Everything that is there now counts as flushed.
    pub(super) fn preload(&self, command: &mut Command) {
        for rest in ["", "-wal"] {
            let (own, kept) = (self.file(rest), self.kept(rest));
            if own.exists() {
                fs::copy(own, kept).unwrap();
            } else if kept.exists() {
                fs::remove_file(kept).unwrap();
            }
        }
        command
            .env("LD_PRELOAD", library().unwrap())
            .env("FAULTS_CONTROL", self.folder.path().join("control"))
            .env("FAULTS_DATABASE", &self.database)
            .env("FAULTS_COPIES", self.folder.path());
    }

    pub(super) fn fail_flushes(&self, fail: bool) {
        self.set(0, i32::from(fail));
    }

    pub(super) fn pretend_flushes(&self, pretend: bool) {
        self.set(1, i32::from(pretend));
    }

    /// The process dies at the so many-th write or flush from now; 0 calls that off.
    pub(super) fn die_at(&self, point: i32) {
        self.set(2, point);
    }

    /// How many flushes failed or only pretended since the last call.
    pub(super) fn faults(&self) -> i32 {
        let mut bytes = [0; 4];
        self.control.read_exact_at(&mut bytes, 12).unwrap();
        self.set(3, 0);
        i32::from_ne_bytes(bytes)
    }

    /// What the files are after a power cut. Only for a server that has been killed.
    pub(super) fn cut_power(&self, keeps: Keeps) {
        for (rest, keep) in [("", keeps.database), ("-wal", keeps.log)] {
            let (own, kept) = (self.file(rest), self.kept(rest));
            match (keep, kept.exists()) {
                (true, _) => {}
                (false, true) => drop(fs::copy(kept, own).unwrap()),
                (false, false) => drop(fs::remove_file(own)),
            }
        }
        // Never flushed, and made anew from the log.
        let _ = fs::remove_file(self.file("-shm"));
    }

    fn set(&self, slot: u64, value: i32) {
        self.control.write_all_at(&value.to_ne_bytes(), slot * 4).unwrap();
    }

    fn file(&self, rest: &str) -> PathBuf {
        PathBuf::from(format!("{}{rest}", self.database.display()))
    }

    fn kept(&self, rest: &str) -> PathBuf {
        self.folder.path().join(format!("flushed{rest}"))
    }
}
