//! Where a server is run, killed and run again: its directory, its database, and the process.

use crate::app::PASSWORD;
use hospes::{entropy::Entropy, passwords};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
};
use tempfile::TempDir;

pub(super) const CALLBACK: &str = "https://app.example/callback";
pub(super) const API_SECRET: &str = "api-secret-for-tests-0123456789abcdef";
pub(super) const SECRET: &str = "app-secret-for-tests-0123456789abcdef";

/// A directory with a configuration, and a seeded database.
pub(super) struct Place {
    directory: TempDir,
    url: String,
    /// Dropped with the place.
    _schema: Option<Schema>,
}

struct Schema {
    server: String,
    name: String,
}

impl Place {
    /// SQLite in a directory of its own, for so many users.
    pub(super) fn on_sqlite(users: usize) -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite:{}", directory.path().join("hospes.db").display());
        Self { directory, url, _schema: None }.seeded(users)
    }

    pub(super) fn on_sqlite_in(folder: &Path, users: usize) -> Self {
        let url = format!("sqlite:{}", folder.join("hospes.db").display());
        Self { directory: TempDir::new().unwrap(), url, _schema: None }.seeded(users)
    }

    /// A schema of its own on the server that `url` names.
    pub(super) fn on_postgres(server: &str, users: usize) -> Self {
        static SCHEMAS: AtomicU32 = AtomicU32::new(0);
        let name = format!("faults_{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
        on_postgres(server, &format!("CREATE SCHEMA {name}")).unwrap();
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-c%20search_path%3D{name}");
        let schema = Schema { server: server.to_owned(), name };
        Self { directory: TempDir::new().unwrap(), url, _schema: Some(schema) }.seeded(users)
    }

    fn seeded(self, users: usize) -> Self {
        let mut key = fs::File::options();
        let mut key = key.write(true).create_new(true).mode(0o600).open(self.path("hospes.key")).unwrap();
        key.write_all(b"dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3RzLCAzMmI").unwrap();
        let config = format!(
            "issuer = \"http://127.0.0.1:8080\"\nlisten = \"127.0.0.1:0\"\noperations_listen = \"none\"\n\
             [database]\nurl = \"{}\"\n[lifetimes]\naccess_token = \"1h\"\nrefresh_window = \"1h\"\n\
             [limits]\nlogin_per_minute = 0\nauthorize_per_minute = 0\ntoken_per_second = 0\n\
             failed_authentication_per_minute = 0\n",
            self.url
        );
        fs::write(self.path("hospes.toml"), config).unwrap();
        fs::write(self.path("seed.json"), seed(users).to_string()).unwrap();
        for arguments in [&["migrate"][..], &["seed", "seed.json"]] {
            let output = self.command(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        self
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The file of the database, on SQLite.
    pub(super) fn database(&self) -> PathBuf {
        fs::canonicalize(self.url.strip_prefix("sqlite:").unwrap()).unwrap()
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hospes"));
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    pub(super) fn prepare(&self, command: &mut Command) {
        command.current_dir(self.directory.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOSPES_")) {
            command.env_remove(name);
        }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let _ = on_postgres(&self.server, &format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

/// One statement, on a thread of its own: the client must not be used inside a runtime.
pub(super) fn on_postgres(url: &str, sql: &str) -> Result<(), postgres::Error> {
    thread::scope(|scope| {
        let run = || postgres::Client::connect(url, postgres::NoTls)?.batch_execute(sql);
        scope.spawn(run).join().unwrap()
    })
}

/// Clients of every kind that a token is rotated, kept or asked about for, and users who log in once.
fn seed(users: usize) -> Value {
    let client = |id: &str, own: Value| {
        let mut client = json!({ "id": id, "name": id, "redirect_uris": [CALLBACK] });
        client.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        client
    };
    let ours = json!({ "party": "first", "bypass_consent_for_offline_access": true });
    let public = |mut own: Value| {
        own["authentication_methods"] = json!(["none"]);
        own.as_object_mut().unwrap().extend(ours.as_object().unwrap().clone());
        own
    };
    let first = json!({ "secret": SECRET, "party": "first", "bypass_consent_for_offline_access": true });
    let api = json!({
        "secret": API_SECRET, "party": "first", "redirect_uris": [], "grant_types": ["client_credentials"],
        "resources": ["https://api.example.com"],
    });
    let hash = password_hash();
    let users: Vec<Value> = (0..users)
        .map(|n| json!({ "username": format!("user{n}"), "password_hash": hash, "roles": ["member"] }))
        .collect();
    json!({
        "project": { "name": "Harbour" },
        "policy": {
            "scopes": [{
                "value": "notes:read", "description": "Read your notes",
                "permissions": [{ "resource_id": "notes", "actions": ["read"] }],
            }],
            "resources": [{ "uri": "https://api.example.com", "name": "Notes", "default": true }],
            "roles": [{ "id": "member", "permissions": [{ "resource_id": "notes", "actions": ["*"] }] }],
        },
        "clients": [
            client("public", public(json!({}))),
            client("strict", public(json!({ "refresh_window": 0 }))),
            client("first", first),
            client("third", json!({ "secret": SECRET })),
            client("api", api),
        ],
        "users": users,
    })
}

/// Argon2 is slow on purpose: once for all tests.
fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| passwords::hash(PASSWORD, &Entropy::Os).unwrap())
}

/// A running server. Only this process is ever killed.
pub(super) struct Serving {
    child: Child,
    pub(super) address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Serving {
    /// Waits until the server listens.
    pub(super) fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        let address = loop {
            let begin = text.len();
            let length = stderr.read_line(&mut text).unwrap();
            assert!(length > 0, "the server did not start ({:?}): {text}", child.wait());
            let Some((_, rest)) = text[begin..].split_once("hospes serves") else { continue };
            let (_, rest) = rest.split_once("listen=").unwrap();
            break rest.split_whitespace().next().unwrap().parse().unwrap();
        };
        let log = Arc::new(Mutex::new(text));
        let reader = {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                let mut line = String::new();
                while stderr.read_line(&mut line).is_ok_and(|length| length > 0) {
                    log.lock().unwrap().push_str(&line);
                    line.clear();
                }
            })
        };
        Self { child, address, log, reader: Some(reader) }
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, unless it is dead already; returns its log.
    pub(super) fn kill(mut self) -> String {
        self.end();
        let log = self.log.lock().unwrap().clone();
        assert!(!log.contains("panicked"), "{log}");
        log
    }

    /// The same; its log can still be had by [`Serving::kill`].
    pub(super) fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.end();
    }
}
