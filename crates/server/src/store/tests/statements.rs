//! What replaces compile-time checking of SQL: every statement prepares, and the schema is what the rules allow.

use super::*;
use crate::store::Value;
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_statement_prepares() {
    let statements = statements();
    assert!(statements.len() >= 80, "only {} statements were found", statements.len());
    for db in databases() {
        let mut failed = Vec::new();
        let mut note = |sql: &str, error: String| failed.push(format!("{error}\n  {sql}"));
        match db.store.sqlite_path() {
            Some(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                for sql in &statements {
                    if let Err(error) = connection.prepare(sql) {
                        note(sql, error.to_string());
                    }
                }
            }
            None => on_postgres(&db.url, |client| {
                for sql in &statements {
                    match client.prepare(sql) {
                        Err(error) => note(sql, format!("{:?}", error.as_db_error())),
                        Ok(statement) => {
                            let results = statement.columns().iter().map(postgres::Column::type_);
                            for ty in statement.params().iter().chain(results) {
                                if !["int8", "text", "bytea"].contains(&ty.name()) {
                                    note(sql, format!("type {ty}"));
                                }
                            }
                        }
                    }
                }
            }),
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
}

#[test]
fn a_wrong_statement_would_be_noticed() {
    let db = sqlite();
    let connection = rusqlite::Connection::open(db.store.sqlite_path().unwrap()).unwrap();
    assert!(connection.prepare("SELECT nickname FROM users").is_err());
    assert_eq!(literals(r#"x = "SELECT 'a\"b'"; // "SELECT no" "#), [r#"SELECT 'a"b'"#]);
}

/// Whatever grows is found by an index, or each request would get slower with every user.
#[test]
fn no_statement_reads_a_whole_table_that_grows() {
    let db = sqlite();
    let connection = rusqlite::Connection::open(db.store.sqlite_path().unwrap()).unwrap();
    let scans: Vec<_> = statements().into_iter().filter(|sql| reads_a_whole_table(&connection, sql)).collect();
    assert!(scans.is_empty(), "{}", scans.join("\n"));
    assert!(reads_a_whole_table(&connection, "SELECT user_id FROM users WHERE profile = $1"));
}

fn reads_a_whole_table(connection: &rusqlite::Connection, sql: &str) -> bool {
    // Few projects with few webhooks, one row for the deployment (`d`), and a subselect with a limit.
    let small = ["projects", "webhooks", "d", "batch"];
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // The parameters stay unbound: the plan does not depend on them.
    let steps: Vec<String> = plan.raw_query().mapped(|row| row.get("detail")).map(Result::unwrap).collect();
    steps.iter().any(|step| {
        step.strip_prefix("SCAN ").is_some_and(|rest| !small.contains(&rest.split(' ').next().unwrap_or_default()))
    })
}

/// SQLite may plan a statement anew for each value that is bound, which costs ten times what running it does.
#[test]
fn no_statement_is_planned_anew_for_new_values() {
    let db = sqlite();
    let connection = Connection::open(db.store.sqlite_path().unwrap(), crate::store::sql::Access::Write).unwrap();
    connection.control("BEGIN").unwrap();
    let mut planned_anew = Vec::new();
    for sql in statements() {
        let mut statement = connection.raw().prepare(&sql).unwrap();
        for round in 0..3 {
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, i64::from(round)).unwrap();
            }
            // Some break a constraint with such values, which is no matter here.
            let mut rows = statement.raw_query();
            while let Ok(Some(_)) = rows.next() {}
        }
        if statement.get_status(rusqlite::StatementStatus::RePrepare) > 0 {
            planned_anew.push(sql);
        }
    }
    assert!(planned_anew.is_empty(), "{}", planned_anew.join("\n"));
}

#[test]
fn both_databases_have_the_same_tables_of_three_types() {
    let sqlite = schema_of_sqlite(&sqlite());
    let types: BTreeSet<_> = sqlite.iter().map(|(_, _, ty, _)| ty.as_str()).collect();
    assert_eq!(types, BTreeSet::from(["BIGINT", "BYTES", "TEXT"]));
    assert!(sqlite.len() > 100);
    if let Some(db) = postgres() {
        assert_eq!(schema_of_postgres(&db), sqlite);
    }
}

#[test]
fn every_table_but_the_deployments_leads_with_the_project() {
    let db = sqlite();
    let connection = rusqlite::Connection::open(db.store.sqlite_path().unwrap()).unwrap();
    let mut keys = connection
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND c.pk = 1 AND t.name NOT IN ('deployment', 'schema_migrations')",
        )
        .unwrap();
    let keys: Vec<(String, String)> =
        keys.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert!(keys.len() >= 15);
    assert!(keys.iter().all(|(_, first)| first == "project_id"), "{keys:?}");
}

#[test]
fn parameters_are_bound_by_their_names() {
    for db in databases() {
        let db = db.with_notes();
        let found = db.store.write_blocking(|tx| {
            // To SQLite $2 is the first parameter here.
            tx.run(
                "INSERT INTO notes (body, id, size) VALUES ($2, $1, $3)",
                &[1_i64.into(), "two".into(), 3_i64.into()],
            )?;
            Ok(tx.one("SELECT size FROM notes WHERE body = $2 AND id = $1", &[1_i64.into(), "two".into()], |row| {
                row.get::<i64>("size")
            })?)
        });
        assert_eq!(found.unwrap(), Some(3));
    }
}

#[test]
fn values_of_all_types_come_back_as_they_went() {
    for db in databases() {
        let db = db.with_notes();
        let text = "Ω \u{1F980} ' \" \\ %s $1";
        let bytes: Vec<u8> = (0..=255).collect();
        let stored = bytes.clone();
        db.store
            .write_blocking(move |tx| {
                let sql = "INSERT INTO notes (id, body, size, picture) VALUES ($1, $2, $3, $4)";
                tx.run(sql, &[i64::MIN.into(), text.into(), i64::MAX.into(), (&stored).into()])?;
                tx.run(sql, &[0_i64.into(), Value::Null, Value::Null, Value::Null])?;
                Ok(())
            })
            .unwrap();
        let rows = db.store.read_blocking(|tx| {
            Ok(tx.all("SELECT picture, size, body, id FROM notes ORDER BY id", &[], |row| {
                // Not in the order in which they were selected.
                let id: i64 = row.get("id")?;
                let body: Option<String> = row.get("body")?;
                let size: Option<i64> = row.get("size")?;
                let picture: Option<Vec<u8>> = row.get("picture")?;
                Ok((id, body, size, picture))
            })?)
        });
        assert_eq!(
            rows.unwrap(),
            [(i64::MIN, Some(text.to_owned()), Some(i64::MAX), Some(bytes)), (0, None, None, None)]
        );
    }
}

#[test]
fn a_value_of_the_wrong_type_or_number_is_a_fault() {
    for db in databases() {
        let db = db.with_notes();
        add_note(&db.store, 1).unwrap();
        let faults = [
            db.store.write_blocking(|tx| Ok(tx.run("UPDATE notes SET size = 1 WHERE id = $1", &[])?)),
            db.store.write_blocking(|tx| {
                Ok(tx.run("UPDATE notes SET size = 1 WHERE id = $1", &[1_i64.into(), 2_i64.into()])?)
            }),
            db.store.read_blocking(|tx| {
                Ok(tx.one("SELECT id FROM notes", &[], |row| row.get::<String>("id"))?.map_or(0, |_| 0))
            }),
            db.store.read_blocking(|tx| {
                Ok(tx.one("SELECT size FROM notes", &[], |row| row.get::<i64>("size"))?.map_or(0, |_| 0))
            }),
            db.store.read_blocking(|tx| {
                Ok(tx.one("SELECT id FROM notes", &[], |row| row.get::<i64>("ident"))?.map_or(0, |_| 0))
            }),
        ];
        for fault in faults {
            assert!(matches!(fault, Err(Failure::Fault(_))), "{fault:?}");
        }
        add_note(&db.store, 2).unwrap();
        let two = db.store.read_blocking(|tx| Ok(tx.one("SELECT id FROM notes", &[], |row| row.get::<i64>("id"))?));
        assert!(matches!(two, Err(Failure::Fault(_))), "two rows where one was expected: {two:?}");
    }
}

/// The SQL of the entity files: their string literals that begin with a verb.
fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let not_entities = ["sql.rs", "sqlite.rs", "postgresql.rs", "migrations.rs", "maintenance.rs", "tests.rs"];
    let mut statements = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && !not_entities.contains(&name.as_str()) {
            let found = literals(&fs::read_to_string(&path).unwrap());
            statements.extend(found.into_iter().filter(|text| {
                ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|verb| text.starts_with(verb))
            }));
        }
    }
    statements
}

fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => {
                rest.by_ref().find(|c| *c == '\n');
            }
            // A character or a lifetime: only a quote inside would confuse us.
            '\'' if rest.peek() == Some(&'"') => {
                rest.next();
            }
            '"' => {
                let mut text = String::new();
                while let Some(c) = rest.next() {
                    match c {
                        '"' => break,
                        '\\' => text.extend(rest.next()),
                        c => text.push(c),
                    }
                }
                found.push(text);
            }
            _ => {}
        }
    }
    found
}

type Columns = BTreeSet<(String, String, String, bool)>;

pub(super) fn schema_of_sqlite(db: &Database) -> Columns {
    let connection = rusqlite::Connection::open(db.store.sqlite_path().unwrap()).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT t.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table'",
        )
        .unwrap();
    statement
        .query_map([], |row| {
            let ty: String = row.get(2)?;
            Ok((row.get(0)?, row.get(1)?, ty.replace("BLOB", "BYTES"), row.get(3)?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn schema_of_postgres(db: &Database) -> Columns {
    on_postgres(&db.url, |client| {
        let sql = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'NO'
                   FROM information_schema.columns WHERE table_schema = current_schema()";
        client
            .query(sql, &[])
            .unwrap()
            .iter()
            .map(|row| {
                let ty: String = row.get(2);
                (row.get(0), row.get(1), ty.to_uppercase().replace("BYTEA", "BYTES"), row.get(3))
            })
            .collect()
    })
}
