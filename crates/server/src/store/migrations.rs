//! Brings the schema up to date.
//!
//! What was taken is remembered with its checksum, so that a released file which was edited later is noticed.

use super::{open::Place, sql::Access, sqlite};
use anyhow::{Context as _, Result, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::OptionalExtension as _;
use std::{fmt::Write as _, time::Duration};

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 2] = [
    Migration { version: 1, name: "0001_init", sql: include_str!("../../migrations/0001_init.sql") },
    Migration {
        version: 2,
        name: "0002_voiding_and_audit",
        sql: include_str!("../../migrations/0002_voiding_and_audit.sql"),
    },
];

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version  BIGINT NOT NULL PRIMARY KEY,
    name     TEXT   NOT NULL,
    checksum TEXT   NOT NULL
)";
const TAKEN: &str = "SELECT version, name, checksum FROM schema_migrations ORDER BY version";
const TAKE: &str = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)";

/// How long a second process waits for the first.
const PATIENCE: Duration = Duration::from_mins(1);
/// The advisory lock's first number; the second tells schemas of one database apart.
const LOCK: i32 = 0x4853_5053;

pub(super) fn migrate(place: &Place) -> Result<Vec<&'static str>> {
    match place {
        Place::Sqlite(path) => {
            let connection = sqlite::Connection::open_waiting(path, Access::Write, PATIENCE)?;
            connection
                .control("BEGIN IMMEDIATE")
                .context("cannot begin to migrate; does another process do it, for a minute now?")?;
            connection.control(LEDGER)?;
            let pending = compare(&taken_sqlite(connection.raw())?)?;
            for migration in &pending {
                connection
                    .raw()
                    .execute_batch(&migration.sql.replace("BYTES", "BLOB"))
                    .with_context(|| format!("migration {}", migration.name))?;
                let checksum = checksum(migration);
                connection.raw().execute(TAKE, (migration.version, migration.name, checksum))?;
            }
            connection.control("COMMIT")?;
            Ok(names(&pending))
        }
        Place::Postgres { settings, .. } => {
            let mut connection = settings.connect()?;
            let client = connection.client();
            client.batch_execute(&format!(
                "SET statement_timeout = 0; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = 0",
                PATIENCE.as_millis()
            ))?;
            let mut transaction = client.transaction()?;
            transaction
                .execute("SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))", &[&LOCK])
                .context("cannot begin to migrate; does another process do it, for a minute now?")?;
            transaction.batch_execute(LEDGER)?;
            let pending = compare(&taken_postgres(&mut transaction)?)?;
            for migration in &pending {
                transaction
                    .batch_execute(&migration.sql.replace("BYTES", "BYTEA"))
                    .with_context(|| format!("migration {}", migration.name))?;
                transaction.execute(TAKE, &[&migration.version, &migration.name, &checksum(migration)])?;
            }
            transaction.commit()?;
            Ok(names(&pending))
        }
    }
}

pub(super) fn pending(place: &Place) -> Result<Vec<&'static str>> {
    let taken = match place {
        Place::Sqlite(path) => {
            let connection = sqlite::Connection::open(path, Access::Read)?;
            let ledger = connection
                .raw()
                .query_row("SELECT name FROM sqlite_schema WHERE name = 'schema_migrations'", [], |_| Ok(()))
                .optional()?;
            if ledger.is_some() { taken_sqlite(connection.raw())? } else { Vec::new() }
        }
        Place::Postgres { settings, .. } => {
            let mut connection = settings.connect()?;
            let mut transaction = connection.client().transaction()?;
            let ledger: Option<String> =
                transaction.query_one("SELECT to_regclass('schema_migrations')::text", &[])?.try_get(0)?;
            if ledger.is_some() { taken_postgres(&mut transaction)? } else { Vec::new() }
        }
    };
    compare(&taken).map(|pending| names(&pending))
}

/// Whether any migration was ever taken: whether this is a database of ours.
pub(super) fn any_taken(place: &Place) -> Result<bool> {
    let pending = pending(place)?;
    Ok(pending.len() < MIGRATIONS.len())
}

struct Taken {
    version: i64,
    name: String,
    checksum: String,
}

fn taken_sqlite(connection: &rusqlite::Connection) -> Result<Vec<Taken>> {
    let mut statement = connection.prepare(TAKEN)?;
    let rows = statement.query_map([], |row| {
        Ok(Taken { version: row.get("version")?, name: row.get("name")?, checksum: row.get("checksum")? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn taken_postgres(transaction: &mut ::postgres::Transaction<'_>) -> Result<Vec<Taken>> {
    transaction
        .query(TAKEN, &[])?
        .iter()
        .map(|row| {
            Ok(Taken {
                version: row.try_get("version")?,
                name: row.try_get("name")?,
                checksum: row.try_get("checksum")?,
            })
        })
        .collect()
}

/// What is still to be taken, after a look at what was.
fn compare(taken: &[Taken]) -> Result<Vec<&'static Migration>> {
    for row in taken {
        let Some(known) = MIGRATIONS.iter().find(|known| known.version == row.version) else {
            bail!(
                "the database was migrated by a newer version of Hospes (it has {}, this binary knows up to {}); \
                 install that version, or restore a backup",
                row.name,
                MIGRATIONS.last().map_or("none", |last| last.name)
            );
        };
        ensure!(
            row.checksum == checksum(known),
            "the database was made with another text of migration {} than this binary has; an unreleased version \
             made it: start with an empty database",
            row.name
        );
    }
    Ok(MIGRATIONS.iter().filter(|known| !taken.iter().any(|row| row.version == known.version)).collect())
}

#[cfg(test)]
pub(super) fn names_of_all() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|migration| migration.name).collect()
}

fn names(migrations: &[&'static Migration]) -> Vec<&'static str> {
    migrations.iter().map(|migration| migration.name).collect()
}

fn checksum(migration: &Migration) -> String {
    digest(&SHA256, migration.sql.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
