//! The store on both databases: SQLite always, PostgreSQL where `TEST_DATABASE_URL` names one.

#![expect(clippy::disallowed_methods, reason = "tests measure how long things take, and have a switch of their own")]

mod connections;
mod entities;
mod records;
mod statements;
mod tls;
mod transactions;

use super::{Store, StoreConfig, job::Ending, job::Job, sqlite::Connection};
use crate::failure::Failure;
use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    thread,
};
use tempfile::TempDir;

/// What a test may break in the writer of SQLite, and what it may count.
#[derive(Default)]
pub(super) struct Switches {
    /// From the next batch on every COMMIT fails.
    fail_commit: AtomicBool,
    /// Answers leave before COMMIT: the mistake that the tests must notice.
    answer_early: AtomicBool,
    /// The next batch finds a disk that has no room for one more page.
    fill_disk: AtomicBool,
    /// How many batches were begun.
    batches: AtomicUsize,
}

impl Switches {
    pub(super) fn apply(&self, mut connection: Connection) -> anyhow::Result<Connection> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        // SQLite never sets the limit below what there is, so the smallest one means "not one page more".
        let pages = if self.fill_disk.load(Ordering::SeqCst) { 1 } else { 1 << 30 };
        connection.raw().pragma_update(None, "max_page_count", pages)?;
        connection.fail_commits(self.fail_commit.load(Ordering::SeqCst))?;
        Ok(connection)
    }

    pub(super) fn answer_early(
        &self,
        done: Vec<(Box<dyn Job>, Ending<'static>)>,
    ) -> Vec<(Box<dyn Job>, Ending<'static>)> {
        if !self.answer_early.load(Ordering::SeqCst) {
            return done;
        }
        for (job, ending) in done {
            job.answer(ending);
        }
        Vec::new()
    }
}

/// A migrated database of one test's own, gone when it ends.
pub(crate) struct Database {
    pub(crate) store: Store,
    url: String,
    schema: Option<Schema>,
    pub(crate) folder: TempDir,
}

/// A schema of the server that `TEST_DATABASE_URL` names.
struct Schema {
    server: String,
    name: String,
}

impl Database {
    pub(crate) fn open_again(&self) -> Store {
        Store::open(&StoreConfig::new(&self.url)).unwrap()
    }

    const fn is_postgres(&self) -> bool {
        self.schema.is_some()
    }

    /// Runs statements that are not part of the dialect, on a connection of their own.
    fn execute(&self, sql: &str) {
        match self.store.sqlite_path() {
            Some(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
            None => on_postgres(&self.url, |client| client.batch_execute(sql).unwrap()),
        }
    }

    /// How many rows have `part` in this column.
    fn count(&self, table: &str, column: &str, part: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {column} LIKE '%{part}%'");
        match self.store.sqlite_path() {
            Some(path) => rusqlite::Connection::open(path).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap(),
            None => on_postgres(&self.url, |client| client.query_one(&sql, &[]).unwrap().get(0)),
        }
    }

    /// A table to play with: `notes (id, body, size)`.
    fn with_notes(self) -> Self {
        let bytes = if self.is_postgres() { "BYTEA" } else { "BLOB" };
        self.execute(&format!(
            "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, body TEXT, size BIGINT, picture {bytes})"
        ));
        self
    }

    fn notes(&self) -> i64 {
        count_notes(&self.store)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA {} CASCADE", self.name);
        on_postgres(&self.server, |client| client.batch_execute(&sql).unwrap());
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.store.close();
    }
}

fn databases() -> Vec<Database> {
    databases_with(|_| ())
}

fn databases_with(configure: impl Fn(&mut StoreConfig)) -> Vec<Database> {
    [Some(sqlite_with(&configure)), postgres_with(&configure)].into_iter().flatten().collect()
}

pub(crate) fn sqlite() -> Database {
    sqlite_with(|_| ())
}

fn sqlite_with(configure: impl Fn(&mut StoreConfig)) -> Database {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("hospes.db").display());
    Database { store: migrated(&url, configure), url, schema: None, folder }
}

pub(crate) fn postgres() -> Option<Database> {
    postgres_with(|_| ())
}

fn postgres_with(configure: impl Fn(&mut StoreConfig)) -> Option<Database> {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let server = test_database_url()?;
    let name = format!("store_{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
    on_postgres(&server, |client| client.batch_execute(&format!("CREATE SCHEMA {name}")).unwrap());
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}application_name={name}&options=-c%20search_path%3D{name}");
    let schema = Schema { server, name };
    Some(Database { store: migrated(&url, configure), url, schema: Some(schema), folder: tempfile::tempdir().unwrap() })
}

fn test_database_url() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

fn migrated(url: &str, configure: impl Fn(&mut StoreConfig)) -> Store {
    let mut config = StoreConfig { connections: 4, ..StoreConfig::new(url) };
    configure(&mut config);
    let store = Store::open(&config).unwrap();
    assert_eq!(store.migrate().unwrap(), super::migrations::names_of_all());
    store
}

/// A client of its own, on a thread of its own.
fn on_postgres<T: Send>(url: &str, work: impl FnOnce(&mut postgres::Client) -> T + Send) -> T {
    thread::scope(|scope| {
        scope.spawn(|| work(&mut postgres::Client::connect(url, postgres::NoTls).unwrap())).join().unwrap()
    })
}

fn add_note(store: &Store, id: i64) -> Result<u64, Failure> {
    store.write_blocking(move |tx| Ok(tx.run("INSERT INTO notes (id) VALUES ($1)", &[id.into()])?))
}

fn count_notes(store: &Store) -> i64 {
    store
        .read_blocking(|tx| Ok(tx.one("SELECT COUNT(*) AS notes FROM notes", &[], |row| row.get("notes"))?))
        .unwrap()
        .unwrap_or(-1)
}
