//! What is done to a whole database rather than to its rows: putting a backup in its place, comparing clocks.

use super::{
    migrations,
    open::{Place, Store, on_own_thread},
    sqlite,
};
use anyhow::{Context as _, Result, bail, ensure};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::{
    ffi::OsString,
    fs,
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long another command may take to be done with a database that is to be replaced. A server is never done.
const BRIEFLY: Duration = Duration::from_millis(250);

/// How every SQLite file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

impl Store {
    /// The time of the database's own clock, in seconds; `None` for SQLite, which has none but ours.
    pub fn database_time(&self) -> Result<Option<i64>> {
        match self.place() {
            Place::Sqlite(_) => Ok(None),
            Place::Postgres { settings, .. } => on_own_thread(|| {
                let mut connection = settings.connect()?;
                let row = connection.client().query_one("SELECT EXTRACT(EPOCH FROM clock_timestamp())::bigint", &[])?;
                Ok(Some(row.try_get(0)?))
            }),
        }
    }

    /// Whether this is a database of ours, however old its tables are.
    pub fn has_migrations(&self) -> Result<bool> {
        on_own_thread(|| migrations::any_taken(self.place()))
    }

    /// Closes an SQLite database and folds its log into the file, which can then be moved.
    pub fn close_whole(self) -> Result<()> {
        let path = self.sqlite_path().map(Path::to_path_buf);
        self.close();
        // Connections that close at the same moment may each leave the log to the other.
        path.map_or(Ok(()), |path| take_out_of_use(&path).map(drop))
    }
}

/// Copies the SQLite file `from`, which nobody may have open, to `to`, readable by its owner alone.
pub fn copy_closed(from: &Path, to: &Path) -> Result<()> {
    let wal = side_file(from, "-wal");
    if fs::metadata(&wal).is_ok_and(|file| file.len() > 0) {
        bail!(
            "{} lies beside it: this is not a backup but a database in use; make one with `hospes backup`",
            wal.display()
        );
    }
    let mut source = fs::File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
    let mut beginning = Vec::new();
    (&mut source).take(16).read_to_end(&mut beginning).with_context(|| format!("cannot read {}", from.display()))?;
    ensure!(beginning == MAGIC, "{} is not a backup of Hospes: it is no SQLite database", from.display());
    source.rewind()?;
    sqlite::create_private(to).with_context(|| format!("cannot create {}", to.display()))?;
    let mut target = fs::OpenOptions::new().write(true).truncate(true).open(to)?;
    std::io::copy(&mut source, &mut target).with_context(|| format!("cannot write {}", to.display()))?;
    Ok(target.sync_all()?)
}

/// Puts the closed SQLite file `new` in the place of `target`, if no other process has `target` open. Whoever opens
/// it meanwhile waits, and then has the new one.
pub fn replace(target: &Path, new: &Path) -> Result<()> {
    // Held until the new file is in its place.
    let _lock = if target.exists() { take_out_of_use(target)? } else { None };
    fs::rename(new, target).with_context(|| format!("cannot replace {}", target.display()))?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(fs::File::open(folder)?.sync_all()?)
}

/// Fails when another process has the SQLite file `path` open.
pub fn refuse_in_use(path: &Path) -> Result<()> {
    lock(path).map(drop)
}

/// Locks the database against everybody else and folds its log into it, so that no side file of the old database is
/// left that could be taken for one of the new. `None` when the file is no database.
fn take_out_of_use(path: &Path) -> Result<Option<Connection>> {
    let locked = lock(path)?;
    if locked.is_none() {
        for end in ["-wal", "-shm", "-journal"] {
            let side = side_file(path, end);
            if side.exists() {
                fs::remove_file(&side).with_context(|| format!("cannot remove {}", side.display()))?;
            }
        }
    }
    Ok(locked)
}

/// Locks the database against everybody else and folds its log into it. `None` when the file is no database.
fn lock(path: &Path) -> Result<Option<Connection>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BRIEFLY)?;
    let outcome = connection
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .and_then(|()| connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)))
        .and_then(|_| connection.execute_batch("BEGIN EXCLUSIVE"));
    match outcome.map_err(|error| (error.sqlite_error_code(), error)) {
        Ok(()) => Ok(Some(connection)),
        Err((Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _)) => {
            bail!("the database {} is in use; stop `hospes serve` first", path.display())
        }
        Err((Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt), _)) => Ok(None),
        Err((_, error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

fn side_file(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreConfig;
    use tempfile::tempdir;

    fn store(path: &Path) -> Store {
        let store = Store::open(&StoreConfig::new(format!("sqlite:{}", path.display()))).unwrap();
        store.migrate().unwrap();
        store
    }

    fn counter(path: &Path) -> i64 {
        let store = store(path);
        let counter = store.read_blocking(|tx| Ok(tx.change_counter()?)).unwrap();
        store.close_whole().unwrap();
        counter
    }

    #[test]
    fn a_database_is_replaced_with_its_log() {
        let folder = tempdir().unwrap();
        let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
        let fresh = counter(&new);
        let open = store(&old);
        open.write_blocking(|tx| Ok(tx.count_change()?)).unwrap();
        store(&new).close_whole().unwrap();

        let error = replace(&old, &new).unwrap_err().to_string();
        assert!(error.contains("is in use; stop `hospes serve` first"), "{error}");
        assert!(new.exists(), "a refused replacement takes nothing away");

        open.close_whole().unwrap();
        replace(&old, &new).unwrap();
        assert!(!new.exists());
        assert_eq!(counter(&old), fresh, "the old log must not be read into the new database");
    }

    #[test]
    fn what_is_no_database_is_replaced_too() {
        let folder = tempdir().unwrap();
        let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
        fs::write(&old, "broken ".repeat(1000)).unwrap();
        fs::write(side_file(&old, "-wal"), "left over").unwrap();
        let fresh = counter(&new);
        store(&new).close_whole().unwrap();
        replace(&old, &new).unwrap();
        assert_eq!(counter(&old), fresh);
    }

    #[test]
    fn a_database_in_use_is_no_backup() {
        let folder = tempdir().unwrap();
        let (used, copy) = (folder.path().join("used.db"), folder.path().join("copy.db"));
        let fresh = counter(&used);
        let open = store(&used);
        open.write_blocking(|tx| Ok(tx.count_change()?)).unwrap();
        let error = copy_closed(&used, &copy).unwrap_err().to_string();
        assert!(error.contains("hospes backup"), "{error}");
        open.close_whole().unwrap();
        copy_closed(&used, &copy).unwrap();
        assert_eq!(counter(&copy), fresh + 1);
    }
}
