//! The real application in-process, on a real listener and a real database, with a clock that the test moves.
//!
//! SQLite in a directory of its own; PostgreSQL, in a schema of its own, where `TEST_DATABASE_URL` names a server.
//! Around it stand the people and programs that use it: [`Browser`], [`Client`] and the operator, which is the app itself.

mod browser;
pub(crate) mod client;
mod elsewhere;
mod host;
pub(crate) mod html;
mod mail_server;
pub(crate) mod mailbox;
mod neighbour;
mod operator;
mod reply;
mod seed;

pub(crate) use browser::Browser;
pub(crate) use client::{Authentication, AuthorizationUrl, Client, Tokens, decode};
pub(crate) use elsewhere::Elsewhere;
pub(crate) use host::Host;
pub(crate) use html::Form;
pub(crate) use mail_server::MailServer;
pub(crate) use reply::{Callback, Reply};
pub(crate) use seed::{API, FILES, MCP, ODD_CLIENT, PASSWORD, PROJECT, SECRET};

use hospes::{
    app::{self, App},
    clock::Clock,
    config::Config,
    entropy::Entropy,
    keys,
    seed::Seed,
    store::{Tx, projects::Project},
};
use hospes_protocol::{Seconds, Timestamp};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{OnceCell, watch},
    task::JoinSet,
};

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp(1_800_000_000);

/// 32 bytes that nobody else has.
const MASTER_KEY: &str = "dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3RzLCAzMmI";

pub(crate) struct TestApp {
    pub(crate) issuer: String,
    /// Where the listener is, with the issuer's path. Behind a proxy the issuer has another name.
    base: String,
    /// The operators' listener.
    operations: String,
    pub(crate) app: App,
    clock: Clock,
    http: reqwest::Client,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
    schema: Option<Schema>,
    directory: TempDir,
    environment: BTreeMap<String, String>,
    plan: Plan,
}

/// What a test wants otherwise than [`TestApp::new`].
#[derive(Clone)]
pub(crate) struct Plan {
    path: &'static str,
    /// Where this is not the listener's own address.
    issuer: Option<&'static str>,
    database: Option<String>,
    settings: BTreeMap<String, String>,
    seed: Value,
    /// Whether the seed is everybody's.
    is_usual: bool,
}

impl Plan {
    /// A setting of the configuration, named as in `hospes.toml`.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        let variable = format!("HOSPES_{}", key.replace('.', "__").to_uppercase());
        self.settings.insert(variable, value.to_owned());
        self
    }

    /// The issuer's path, as in `/t1`.
    pub(crate) fn path(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// An issuer whose TLS ends at a proxy before us.
    pub(crate) fn issuer(mut self, issuer: &'static str) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Reaches PostgreSQL at this address.
    pub(crate) fn database_at(mut self, address: &str) -> Self {
        self.database = Some(address.to_owned());
        self
    }

    /// Changes the seed before it is loaded.
    pub(crate) fn seed(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.seed);
        self.is_usual = false;
        self
    }

    /// Changes one client of the seed.
    pub(crate) fn client(self, id: &str, change: impl FnOnce(&mut Value)) -> Self {
        self.seed(|seed| {
            let clients = seed["clients"].as_array_mut().unwrap();
            change(clients.iter_mut().find(|client| client["id"] == id).expect("a client of the seed"));
        })
    }

    /// What a process of this server finds in its environment.
    fn environment(&self, issuer: &str, database: String) -> BTreeMap<String, String> {
        let mut settings = self.settings.clone();
        settings.insert("HOSPES_ISSUER".into(), issuer.into());
        settings.insert("HOSPES_DATABASE__URL".into(), database);
        settings.insert("HOSPES_MASTER_KEY".into(), MASTER_KEY.into());
        settings
    }

    fn config(&self, directory: &TempDir, issuer: &str, database: String) -> Config {
        let settings = self.environment(issuer, database);
        Config::parse(Some(directory.path().join("hospes.toml")), "", settings).unwrap()
    }

    pub(crate) async fn start(self) -> TestApp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}{}", listener.local_addr().unwrap(), self.path);
        let operators = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let operations = format!("http://{}", operators.local_addr().unwrap());
        let issuer = self.issuer.map_or_else(|| base.clone(), str::to_owned);
        let directory = tempfile::tempdir().unwrap();
        let schema = Schema::make();
        let file = directory.path().join("hospes.db");
        let database = match &schema {
            Some(schema) => schema.url_at(self.database.as_deref()),
            None => format!("sqlite:{}", file.display()),
        };
        let environment = self.environment(&issuer, database.clone());
        let config = self.config(&directory, &issuer, database);
        let clock = Clock::fixed(START);
        if self.is_usual && schema.is_none() {
            let [database, log] = usual_database().await;
            fs::write(&file, database).unwrap();
            fs::write(file.with_extension("db-wal"), log).unwrap();
            rename(&config).await;
        } else {
            seed(&self.seed, &config).await;
        }
        let store = app::open_store(&config).unwrap();
        let app = App::build(config, store, clock.clone(), Entropy::Os).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut serving = JoinSet::new();
        serving.spawn(app::run(app.clone(), listener, Some(operators), stopped));
        let (http, plan) = (http(), self);
        TestApp { issuer, base, operations, app, clock, http, stop, serving, schema, directory, environment, plan }
    }
}

async fn seed(seed: &Value, config: &Config) {
    let (seed, config) = (Seed::from_json(&seed.to_string()).unwrap(), config.clone());
    let load = move || {
        let store = app::open_store(&config).unwrap();
        let master = keys::open_master_key(&config.master_key, &store, &Entropy::Os).unwrap();
        seed.load(&config, &store, &master, &Entropy::Os, START).unwrap();
        store.close();
    };
    tokio::task::spawn_blocking(load).await.unwrap();
}

/// An SQLite file with the usual seed, and its log. Making keys takes longer than most tests, so it is made once.
async fn usual_database() -> &'static [Vec<u8>; 2] {
    static FILES: OnceCell<[Vec<u8>; 2]> = OnceCell::const_new();
    let make = async || {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("hospes.db");
        let plan = TestApp::plan();
        let config = plan.config(&directory, "http://127.0.0.1:1", format!("sqlite:{}", file.display()));
        seed(&plan.seed, &config).await;
        // Connections that close at the same time may each leave the log to the other.
        [fs::read(&file).unwrap(), fs::read(file.with_extension("db-wal")).unwrap_or_default()]
    };
    FILES.get_or_init(make).await
}

/// Gives the project of [`usual_database`] the issuer of this test.
async fn rename(config: &Config) {
    let store = app::open_store(config).unwrap();
    let issuer = config.issuer.as_str().to_owned();
    let rename = move |tx: &mut Tx<'_>| {
        let project = tx.list_projects()?.remove(0);
        let renamed = Project { issuer: issuer.clone(), ..project };
        Ok(tx.update_project(&renamed, START)?)
    };
    store.write(rename).await.unwrap().unwrap();
    store.close();
}

#[expect(clippy::disallowed_methods, reason = "the clients of the tests are not the server's")]
pub(crate) fn http() -> reqwest::Client {
    // Whoever is first installs it; the others find it there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::plan().start().await
    }

    pub(crate) fn plan() -> Plan {
        let settings = [
            ("HOSPES_OPERATIONS_LISTEN", "none"),
            // Limits have tests of their own.
            ("HOSPES_LIMITS__LOGIN_PER_MINUTE", "0"),
            ("HOSPES_LIMITS__AUTHORIZE_PER_MINUTE", "0"),
            ("HOSPES_LIMITS__TOKEN_PER_SECOND", "0"),
            ("HOSPES_LIMITS__FAILED_AUTHENTICATION_PER_MINUTE", "0"),
            ("HOSPES_HTTP__SHUTDOWN_TIMEOUT", "0"),
        ];
        Plan {
            path: "",
            issuer: None,
            database: None,
            settings: settings.map(|(key, value)| (key.into(), value.into())).into(),
            seed: seed::world(),
            is_usual: true,
        }
    }

    /// The built program on the same database, with the clock of the machine.
    pub(crate) fn command_line(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hospes"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOSPES_")) {
            command.env_remove(name);
        }
        command.current_dir(self.directory.path()).envs(&self.environment).stdin(Stdio::null());
        command
    }

    /// A second process on the same database, with the same clock.
    pub(crate) async fn another_process(&self) -> Sibling {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}{}", listener.local_addr().unwrap(), self.plan.path);
        let config = self.app.config.clone();
        let store = app::open_store(&config).unwrap();
        let app = App::build(config, store, self.clock.clone(), Entropy::Os).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut serving = JoinSet::new();
        serving.spawn(app::run(app.clone(), listener, None, stopped));
        Sibling { base, app, stop, serving }
    }

    /// Ends the server as a signal does: requests and jobs finish, the database stays.
    pub(crate) async fn stop(&mut self) {
        let _ = self.stop.send(true);
        while self.serving.join_next().await.is_some() {}
    }

    /// Moves the server's clock.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(Seconds(seconds));
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A browser that has never been here.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.http.clone(), &self.issuer).at(&self.base)
    }

    /// A client of the seed.
    pub(crate) fn client(&self, id: &str) -> Client {
        let secret = seed::secret_of(id);
        Client::new(self.http.clone(), &self.base, id, secret, seed::redirect_uri_of(id))
    }

    /// A request by nobody in particular.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.http.get(self.url(path))).await
    }

    /// The host app's back end, with a secret of the project.
    pub(crate) fn host(&self) -> Host {
        Host::new(self.http.clone(), &self.base, seed::PROJECT, seed::SECRET)
    }

    /// A request by an operator.
    pub(crate) async fn operations(&self, path: &str) -> Reply {
        self.send(self.http.get(format!("{}{path}", self.operations))).await
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        Reply::of(request.send().await.unwrap()).await
    }

    /// Everything that whoever steals the database has: SQLite's files, or each row of PostgreSQL as text, in which
    /// bytes are hexadecimal digits.
    pub(crate) fn stolen_database(&self) -> Vec<u8> {
        if let Some(schema) = &self.schema {
            return schema.rows();
        }
        let files = ["hospes.db", "hospes.db-wal", "hospes.db-shm"];
        files.iter().flat_map(|name| fs::read(self.directory.path().join(name)).unwrap_or_default()).collect()
    }

    /// The user logs in, allows everything, and the client redeems the code.
    pub(crate) async fn tokens(&self, client: &str, user: &str) -> Tokens {
        let client = self.client(client);
        let callback = self.browser().login_and_consent(&client.request(), user).await;
        client.redeem(&callback.code()).await.tokens()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.serving.abort_all();
        self.app.store.close();
    }
}

/// Another process of the same server.
pub(crate) struct Sibling {
    pub(crate) base: String,
    pub(crate) app: App,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
}

impl Sibling {
    /// The same client, which now talks to this process.
    pub(crate) fn client(&self, client: &Client) -> Client {
        client.at(&self.base)
    }

    pub(crate) fn browser(&self, browser: &Browser) -> Browser {
        browser.at(&self.base)
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.serving.abort_all();
        self.app.store.close();
    }
}

/// A schema of PostgreSQL that goes with its test.
struct Schema {
    server: String,
    name: String,
}

impl Schema {
    fn make() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = test_database_url()?;
        let name = format!("it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let sql = format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}");
        on_postgres(&server, |client| client.batch_execute(&sql).unwrap());
        Some(Self { server, name })
    }

    /// The schema's address, at the server itself or behind a proxy.
    fn url_at(&self, address: Option<&str>) -> String {
        let mut url = url::Url::parse(&self.server).unwrap();
        if let Some((host, port)) = address.and_then(|address| address.rsplit_once(':')) {
            url.set_host(Some(host)).unwrap();
            url.set_port(port.parse().ok()).unwrap();
        }
        let separator = if url.query().is_some() { '&' } else { '?' };
        format!("{url}{separator}options=-c%20search_path%3D{}", self.name)
    }
}

impl Schema {
    fn rows(&self) -> Vec<u8> {
        on_postgres(&self.server, |client| {
            let tables = "SELECT tablename FROM pg_tables WHERE schemaname = $1";
            let mut rows = Vec::new();
            for table in client.query(tables, &[&self.name]).unwrap() {
                let every = format!("SELECT own::text FROM {}.{} own", self.name, table.get::<_, String>(0));
                for row in client.query(&every, &[]).unwrap() {
                    rows.extend(row.get::<_, String>(0).into_bytes());
                    rows.push(b'\n');
                }
            }
            rows
        })
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        on_postgres(&self.server, |client| client.batch_execute(&sql).unwrap());
    }
}

#[expect(clippy::disallowed_methods, reason = "this switch is the tests' own")]
pub(crate) fn test_database_url() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// On a thread of its own: this client has a runtime inside.
fn on_postgres<T: Send>(url: &str, work: impl FnOnce(&mut postgres::Client) -> T + Send) -> T {
    thread::scope(|scope| {
        let work = || work(&mut postgres::Client::connect(url, postgres::NoTls).unwrap());
        scope.spawn(work).join().unwrap()
    })
}
