//! Connections that break and come back, migrations, backups, the URL.

use super::*;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

#[test]
fn a_killed_connection_is_opened_again() {
    let Some(db) = postgres_with(|config| config.connections = 2) else { return };
    let db = db.with_notes();
    for round in 0..5 {
        kill_connections(&db);
        // Whoever comes first notices; nothing was done yet, so it is done on a new connection.
        add_note(&db.store, round).unwrap();
        assert_eq!(db.notes(), round + 1);
    }
}

#[test]
fn a_connection_killed_in_the_middle_of_a_transaction_runs_it_again_from_the_start() {
    let Some(db) = postgres_with(|config| config.connections = 1) else { return };
    let db = db.with_notes();
    let server = db.schema.as_ref().unwrap().server.clone();
    let killed = AtomicBool::new(false);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    db.store
        .write_blocking(move |tx| {
            counted.fetch_add(1, Ordering::SeqCst);
            tx.run("INSERT INTO notes (id) VALUES (1)", &[])?;
            if !killed.swap(true, Ordering::SeqCst) {
                let pid: String = tx.one("SELECT pg_backend_pid()::text AS pid", &[], |row| row.get("pid"))?.unwrap();
                on_postgres(&server, |client| {
                    client.batch_execute(&format!("SELECT pg_terminate_backend({pid})")).unwrap();
                });
                thread::sleep(Duration::from_millis(50));
            }
            tx.run("INSERT INTO notes (id) VALUES (2)", &[])?;
            Ok(())
        })
        .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(db.notes(), 2);
}

#[test]
fn a_connection_lost_during_commit_is_busy_and_never_run_again() {
    let Some(db) = postgres_with(|config| config.connections = 1) else { return };
    let db = db.with_notes();
    // A deferred trigger runs inside COMMIT.
    db.execute(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER dying AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (NEW.size = 13) EXECUTE FUNCTION die()",
    );
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let lost = db.store.write_blocking(move |tx| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(tx.run("INSERT INTO notes (id, size) VALUES (1, 13)", &[])?)
    });
    assert!(matches!(lost, Err(Failure::Busy)), "{lost:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    add_note(&db.store, 2).unwrap();
    assert_eq!(db.notes(), 1);
}

#[test]
fn a_changed_table_does_not_break_prepared_statements() {
    let Some(db) = postgres_with(|config| config.connections = 1) else { return };
    let db = db.with_notes();
    let read =
        |store: &Store| store.read_blocking(|tx| Ok(tx.all("SELECT * FROM notes", &[], |row| row.get::<i64>("id"))?));
    add_note(&db.store, 1).unwrap();
    assert_eq!(read(&db.store).unwrap(), [1]);
    db.execute("ALTER TABLE notes ADD COLUMN colour TEXT");
    assert_eq!(read(&db.store).unwrap(), [1]);
}

#[test]
fn a_server_that_starts_before_its_database_waits_for_it() {
    let Some(db) = postgres() else { return };
    let db = db.with_notes();
    let proxy = Proxy::new(db.schema.as_ref().unwrap().server.clone());
    let store = Store::open(&StoreConfig { connections: 3, ..StoreConfig::new(proxy.url(&db)) }).unwrap();
    for cycle in 0..2 {
        assert!(!store.pressure().is_reachable);
        let begun = Instant::now();
        assert!(matches!(add_note(&store, cycle), Err(Failure::Busy)));
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
        proxy.start();
        within(Duration::from_secs(8), || add_note(&store, cycle).is_ok());
        proxy.stop();
        // Some find out only now that their connection is gone.
        within(Duration::from_secs(8), || {
            matches!(add_note(&store, -1), Err(Failure::Busy)) && !store.pressure().is_reachable
        });
    }
    assert_eq!(db.notes(), 2);
    store.close();
}

#[test]
fn migrations_are_taken_once_even_by_two_at_a_time() {
    for db in databases() {
        let empty = db.emptied();
        let stores: Vec<_> = (0..4).map(|_| empty.open_again()).collect();
        assert_eq!(stores[0].pending_migrations().unwrap(), crate::store::migrations::names_of_all());
        let taken: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = stores.iter().map(|store| scope.spawn(|| store.migrate().unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().filter(|taken| !taken.is_empty()).count(), 1, "{taken:?}");
        assert!(stores[0].pending_migrations().unwrap().is_empty());
        stores.iter().for_each(Store::close);
    }
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    for db in databases() {
        db.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, '9999_future', '')");
        for outcome in [db.store.migrate(), db.store.pending_migrations()] {
            let error = format!("{:#}", outcome.unwrap_err());
            assert!(error.contains("newer version") && error.contains("9999_future"), "{error}");
        }
    }
}

#[test]
fn a_migration_that_was_edited_is_noticed() {
    for db in databases() {
        db.execute("UPDATE schema_migrations SET checksum = 'other'");
        let error = format!("{:#}", db.store.migrate().unwrap_err());
        assert!(error.contains("0001_init"), "{error}");
    }
}

#[test]
fn a_backup_is_whole_while_others_write() {
    let db = sqlite().with_notes();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Two rows a transaction: a torn copy would have an odd number.
            for id in 0_i64.. {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                db.store
                    .write_blocking(move |tx| {
                        tx.run("INSERT INTO notes (id) VALUES ($1)", &[(2 * id).into()])?;
                        tx.run("INSERT INTO notes (id) VALUES ($1)", &[(2 * id + 1).into()])?;
                        Ok(())
                    })
                    .unwrap();
            }
        });
        for n in 0..5 {
            thread::sleep(Duration::from_millis(20));
            let path = db.folder.path().join(format!("copy-{n}.db"));
            let at_least = db.notes();
            db.store.backup_to(&path).unwrap();
            let copy = Store::open(&StoreConfig::new(format!("sqlite:{}", path.display()))).unwrap();
            assert!(copy.migrate().unwrap().is_empty());
            let notes = count_notes(&copy);
            assert!(notes % 2 == 0 && notes >= at_least, "{notes} of at least {at_least}");
            copy.close();
            let again = db.store.backup_to(&path).unwrap_err().to_string();
            assert!(again.contains("exists already"), "{again}");
        }
        stop.store(true, Ordering::SeqCst);
    });
    if let Some(db) = postgres() {
        let error = db.store.backup_to(&db.folder.path().join("copy.db")).unwrap_err().to_string();
        assert!(error.contains("pg_dump"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let db = sqlite().with_notes();
    add_note(&db.store, 1).unwrap();
    let copy = db.folder.path().join("copy.db");
    db.store.backup_to(&copy).unwrap();
    let path = db.store.sqlite_path().unwrap();
    let wal = PathBuf::from(format!("{}-wal", path.display()));
    for path in [path.to_owned(), wal, copy] {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn closing_finishes_what_waits_and_takes_nothing_new() {
    for db in databases() {
        let db = db.with_notes();
        let waiting: Vec<_> = (0..20)
            .map(|id| {
                let store = db.store.clone();
                thread::spawn(move || add_note(&store, id).is_ok())
            })
            .collect();
        db.store.close();
        let done = waiting.into_iter().map(|job| job.join().unwrap()).filter(|ok| *ok).count();
        assert!(matches!(add_note(&db.store, 100), Err(Failure::Busy)));
        let again = db.open_again();
        assert_eq!(count_notes(&again), i64::try_from(done).unwrap());
        again.close();
    }
}

#[test]
fn a_bad_url_says_what_to_change_and_not_the_password() {
    for (url, expected) in [
        ("mysql://root:hunter2@localhost/db", "must begin with sqlite: or postgres://"),
        ("sqlite:", "names no file"),
        ("sqlite::memory:", "path of a file"),
        ("postgres://u:hunter2@localhost/db?sslmode=maybe", "sslmode=maybe is not known"),
        ("postgres://u:hunter2@localhost/db?nonsense=1", "not one of PostgreSQL"),
        ("postgres://u:hunter2@localhost:port/db", "cannot be parsed"),
        ("postgres://u:hunter2@localhost/db?sslmode=verify-full&sslrootcert=/no/such/file", "cannot be read"),
    ] {
        let Err(error) = Store::open(&StoreConfig::new(url)) else { panic!("{url} was accepted") };
        let error = format!("{error:#}");
        assert!(error.contains(expected) && !error.contains("hunter2"), "{url}: {error}");
    }
}

impl Database {
    /// The same place, as if nothing had ever been there.
    fn emptied(self) -> Self {
        if let Some(Schema { name, .. }) = &self.schema {
            self.execute(&format!("DROP SCHEMA {name} CASCADE; CREATE SCHEMA {name}"));
        } else {
            self.store.close();
            std::fs::remove_file(self.store.sqlite_path().unwrap()).unwrap();
        }
        self
    }
}

/// Ends every connection of this test's store, seen from the server.
fn kill_connections(db: &Database) {
    let Schema { server, name } = db.schema.as_ref().unwrap();
    let sql = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND application_name = '{name}'"
    );
    on_postgres(server, |client| client.batch_execute(&sql).unwrap());
    thread::sleep(Duration::from_millis(50));
}

#[track_caller]
fn within(limit: Duration, mut happens: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happens() {
        assert!(begun.elapsed() < limit, "not within {limit:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Stands between store and database, and can be unplugged.
struct Proxy {
    port: u16,
    server: String,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    listener: Option<TcpListener>,
    plugged: Vec<TcpStream>,
}

impl Proxy {
    fn new(server: String) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, server, line: Arc::default() }
    }

    fn url(&self, db: &Database) -> String {
        let config: postgres::Config = db.url.parse().unwrap();
        let (user, name) = (config.get_user().unwrap(), config.get_dbname().unwrap());
        let password = config.get_password().map(|p| format!(":{}", String::from_utf8_lossy(p))).unwrap_or_default();
        let options = db.url.split_once("options=").unwrap().1;
        format!("postgres://{user}{password}@127.0.0.1:{}/{name}?sslmode=disable&options={options}", self.port)
    }

    fn start(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.line.lock().unwrap().listener = Some(listener);
        let (line, server) = (Arc::clone(&self.line), self.server.clone());
        thread::spawn(move || {
            loop {
                let accepted = {
                    let mut line = line.lock().unwrap();
                    let Some(listener) = &line.listener else { return };
                    let accepted = listener.accept().ok().map(|(stream, _)| stream);
                    if let Some(stream) = &accepted {
                        line.plugged.push(stream.try_clone().unwrap());
                    }
                    accepted
                };
                match accepted {
                    Some(stream) => pipe(stream, &server),
                    None => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
    }

    fn stop(&self) {
        let mut line = self.line.lock().unwrap();
        line.listener = None;
        for stream in line.plugged.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pipe(near: TcpStream, server: &str) {
    near.set_nonblocking(false).unwrap();
    let config: postgres::Config = server.parse().unwrap();
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match &config.get_hosts()[0] {
        postgres::config::Host::Tcp(host) => {
            let far = TcpStream::connect((host.as_str(), port)).unwrap();
            copy(near.try_clone().unwrap(), far.try_clone().unwrap());
            copy(far, near);
        }
        postgres::config::Host::Unix(folder) => {
            let far = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).unwrap();
            copy(near.try_clone().unwrap(), far.try_clone().unwrap());
            copy(far, near);
        }
    }
}

fn copy(mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static) {
    thread::spawn(move || std::io::copy(&mut from, &mut to));
}
