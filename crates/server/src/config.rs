//! The configuration: one typed struct from `hospes.toml` and `HOSPES_*`, the only place that reads the environment.
//!
//! Every key is listed once, in [`Config::read`], with its default and its limits. Unknown keys are errors that name
//! the nearest known one; every problem is reported at once and says what to change.
//! Relative paths start at the directory of the file, or at the working directory where there is no file.

mod pages;
mod setting;
mod source;

pub use pages::{Color, Pages, Theme};
pub use setting::{DatabaseUrl, Destination, Issuer, Secret};
pub use source::{Effective, Origin};

use crate::store::StoreConfig;
use anyhow::{Context as _, Result, anyhow, bail};
use hospes_protocol::{Seconds, id::ProjectId};
use ipnet::IpNet;
use serde_json::{Map, Value};
use setting::{Setting, parse_word};
use source::{Raw, Source};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The file that is read when no other is named.
pub const DEFAULT_FILE: &str = "hospes.toml";

const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

#[derive(Debug, Clone)]
pub struct Config {
    pub issuer: Issuer,
    /// Which project this server is, where the database holds several.
    pub project: Option<ProjectId>,
    pub listen: SocketAddr,
    /// `/healthz`, `/readyz` and `/metrics`; `None` turns them off.
    pub operations_listen: Option<SocketAddr>,
    pub database: Database,
    pub master_key: MasterKeySource,
    pub lifetimes: Lifetimes,
    pub pages: Pages,
    pub limits: Limits,
    pub fetch: Fetch,
    pub log: Log,
    pub passwords: Passwords,
    pub http: Http,
    pub mail: Mail,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Every key with its value and origin, in the order of reading; secrets are masked.
    pub effective: Vec<Effective>,
}

#[derive(Debug, Clone)]
pub struct Database {
    pub url: DatabaseUrl,
    /// Connections to PostgreSQL; reading connections of SQLite.
    pub connections: usize,
    /// Jobs that may wait for a connection; one more is answered with 503.
    pub queue: usize,
    pub statement_timeout: Duration,
}

/// Where the key comes from that encrypts the signing keys in the database.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// 32 bytes as base64url, from `HOSPES_MASTER_KEY`.
    Environment(Secret),
    /// A file with mode 0600 that holds the same text.
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetimes {
    pub access_token: Seconds,
    pub id_token: Seconds,
    pub code: Seconds,
    pub interaction: Seconds,
    pub session: Seconds,
    pub refresh_idle: Seconds,
    pub refresh_absolute: Seconds,
    /// How long a superseded refresh token still yields its successor; 0 turns it off.
    pub refresh_window: Seconds,
    /// How long a new signing key is published before it signs.
    pub key_lead: Seconds,
    /// How long a replaced signing key stays published after it stopped signing.
    pub key_retire: Seconds,
}

/// Limits of rate, kept in memory by each process; 0 turns one off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Login attempts from one address in a minute, and apart from them as many questions for a new password.
    pub login_per_minute: u32,
    /// Authorization requests from one address in a minute.
    pub authorize_per_minute: u32,
    /// Registrations of clients from one address in a minute.
    pub register_per_minute: u32,
    /// Token, introspection and revocation requests of one client in a second.
    pub token_per_second: u32,
    /// Failed client authentications from one address in a minute.
    pub failed_authentication_per_minute: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Private destinations that may be reached; for development and tests.
    pub allow: Vec<Destination>,
    pub extra_ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// A filter of `tracing`, as in `info` or `hospes=debug,info`.
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passwords {
    /// How many passwords are hashed at the same time; where the file says 0, one less than there are processors.
    pub threads: usize,
    /// How many may wait; one more is answered with 503.
    pub queue: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// `X-Forwarded-For` is believed only when it comes from these.
    pub trusted_proxies: Vec<IpNet>,
    pub max_body: usize,
    pub request_timeout: Duration,
    pub max_connections: usize,
    /// How long running requests may go on when the server is told to stop.
    pub shutdown_timeout: Duration,
}

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The mail server; `None` writes mail into `dir`.
    pub host: Option<String>,
    pub port: u16,
    pub tls: MailTls,
    /// Certificates to trust besides the system's, for a relay that a private authority has certified.
    pub extra_ca_file: Option<PathBuf>,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// The sender, as in `Harbour <no-reply@harbour.example>`.
    pub from: String,
    pub dir: PathBuf,
}

/// A setting that can be used and is hardly meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The part of the configuration that it is about.
    pub about: &'static str,
    pub found: String,
    /// What to change.
    pub mend: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.found, self.mend)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte.
    Implicit,
    Starttls,
    /// For a mail server on this machine.
    None,
}

impl Config {
    /// Where requests are answered unless the configuration says otherwise.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

    /// What can be used and is hardly meant.
    pub fn warnings(&self) -> Vec<Warning> {
        self.address_warning().into_iter().chain(self.mail_warning()).collect()
    }

    fn address_warning(&self) -> Option<Warning> {
        let differing = self.issuer.loopback().filter(|address| {
            // Port 0 is any port, chosen by whoever asked for it.
            self.listen.port() != 0 && self.listen.port() != address.port()
        });
        differing.map(|address| Warning {
            about: "listen",
            found: format!(
                "the issuer is {} and `listen` is {}, so that nobody answers at the issuer",
                self.issuer, self.listen
            ),
            mend: format!("set listen = \"{address}\""),
        })
    }

    fn mail_warning(&self) -> Option<Warning> {
        (self.issuer.is_https() && self.mail.host.is_none()).then(|| Warning {
            about: "mail",
            found: format!(
                "no mail server is configured, so that mail to users is written into {} and not sent",
                self.mail.dir.display()
            ),
            mend: "set mail.host and mail.from".to_owned(),
        })
    }

    /// Reads `file` (which must exist when it is named; else `HOSPES_CONFIG`, else `hospes.toml` if there is one)
    /// and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let environment = environment();
        let named = named(file, &environment);
        let path = named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
        let text = match &path {
            Some(path) => std::fs::read_to_string(path).with_context(|| {
                format!("cannot read the configuration file {}; `hospes init` writes one", path.display())
            })?,
            None if environment.iter().any(|(name, _)| name == "HOSPES_ISSUER") => String::new(),
            None => bail!("there is no {DEFAULT_FILE} here; run `hospes init --issuer URL`, or give --config"),
        };
        Self::parse(path, &text, environment)
    }

    /// The same configuration for another project of its database, which is named by its id or by its issuer.
    pub fn of_project(self, name: &str) -> Result<Self> {
        if name.starts_with("project-") {
            return Ok(Self { project: Some(ProjectId::new(name)), ..self });
        }
        let issuer =
            Issuer::parse(name).map_err(|why| anyhow!("--project: no id of a project, and no issuer: {why}"))?;
        Ok(Self { issuer, project: None, ..self })
    }

    /// The file that [`Config::load`] reads, whether it exists or not.
    pub fn path_to_read(file: Option<&Path>) -> PathBuf {
        named(file, &environment()).unwrap_or_else(|| PathBuf::from(DEFAULT_FILE))
    }

    /// Reads the `text` of `file` (which need not exist) and `environment`.
    pub fn parse(
        file: Option<PathBuf>,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut source = Source::default();
        source.add_file(text);
        source.add_environment(environment);
        let base = file.as_deref().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
        let config = Self::read(&mut source, &base);
        let name = file.as_deref().map_or_else(|| String::from("environment"), |path| path.display().to_string());
        match (source.finish(), config) {
            (Ok(effective), Some(config)) => Ok(Self { file, effective, ..config }),
            (Ok(_), None) => bail!("the configuration in {name} cannot be used"),
            (Err(problems), _) => {
                bail!("the configuration in {name} cannot be used:\n  {}", problems.join("\n  "))
            }
        }
    }

    fn read(source: &mut Source, base: &Path) -> Option<Self> {
        let issuer = source.optional("issuer");
        if issuer.is_none() && !source.is_set("issuer") {
            source
                .refuse("issuer", "not set; write the URL of this server, as in issuer = \"https://auth.example.com\"");
        }
        let project = source.optional("project");
        let listen = source.or("listen", Self::LISTEN);
        let operations_listen = source.or("operations_listen", Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9464))));
        if operations_listen == Some(listen) && listen.port() != 0 {
            source.refuse("operations_listen", "this is the address of `listen`; give it another port, or \"none\"");
        }
        let database = Database::read(source, base);
        let master_key = MasterKeySource::read(source, base, &database);
        Some(Self {
            project,
            listen,
            operations_listen,
            database,
            master_key,
            lifetimes: Lifetimes::read(source),
            pages: Pages::read(source, base),
            limits: Limits::read(source),
            fetch: Fetch {
                allow: source.or("fetch.allow", Vec::new()),
                extra_ca_file: source.optional::<PathBuf>("fetch.extra_ca_file").map(|path| base.join(path)),
            },
            log: Log::read(source),
            mail: Mail::read(source, base),
            passwords: Passwords {
                threads: source.within("passwords.threads", 0, 0..=64),
                queue: source.within("passwords.queue", 64, 1..=10_000),
            },
            http: Http {
                trusted_proxies: source.or("http.trusted_proxies", Vec::new()),
                max_body: source.within("http.max_body", 65_536, 1024..=16_777_216),
                request_timeout: source.within(
                    "http.request_timeout",
                    Duration::from_secs(30),
                    Duration::from_secs(1)..=Duration::from_mins(10),
                ),
                max_connections: source.within("http.max_connections", 10_000, 1..=1_000_000),
                shutdown_timeout: source.within(
                    "http.shutdown_timeout",
                    Duration::from_secs(10),
                    Duration::ZERO..=Duration::from_mins(10),
                ),
            },
            file: None,
            effective: Vec::new(),
            issuer: issuer?,
        })
    }
}

impl Database {
    /// The same as the store takes it.
    pub fn store(&self) -> StoreConfig {
        StoreConfig {
            url: self.url.expose().to_owned(),
            connections: self.connections,
            queue: self.queue,
            statement_timeout: self.statement_timeout,
        }
    }

    fn read(source: &mut Source, base: &Path) -> Self {
        let url = source.or("database.url", DatabaseUrl::new("sqlite:hospes.db"));
        let url = match url.sqlite_path() {
            Some(path) => DatabaseUrl::new(format!("sqlite:{}", base.join(path).display())),
            None => url,
        };
        Self {
            url,
            connections: source.within("database.connections", 8, 1..=200),
            queue: source.within("database.queue", 1024, 1..=100_000),
            statement_timeout: source.within(
                "database.statement_timeout_seconds",
                Duration::from_secs(5),
                Duration::from_secs(1)..=Duration::from_mins(10),
            ),
        }
    }
}

impl MasterKeySource {
    fn read(source: &mut Source, base: &Path, database: &Database) -> Self {
        let own_file = database.url.sqlite_path().map_or_else(
            || base.join("hospes.key"),
            // Beside the database whose keys it opens.
            |path| path.with_extension("key"),
        );
        let file = source.optional::<PathBuf>("master_key.file").map(|path| base.join(path));
        match source.optional::<MasterKeyText>("master_key") {
            Some(MasterKeyText(key)) => {
                if source.is_in_file("master_key") {
                    source.refuse("master_key", "a key does not belong in this file; set HOSPES_MASTER_KEY instead");
                }
                Self::Environment(key)
            }
            None => Self::File(file.unwrap_or(own_file)),
        }
    }
}

/// The text of `HOSPES_MASTER_KEY`.
struct MasterKeyText(Secret);

impl Setting for MasterKeyText {
    fn parse(raw: &Raw) -> Result<Self, String> {
        use base64ct::{Base64UrlUnpadded, Encoding as _};
        let text = Secret::parse(raw)?;
        let bytes = Base64UrlUnpadded::decode_vec(text.expose().trim_end_matches('=')).map(zeroize::Zeroizing::new);
        match bytes {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(text)),
            _ => Err(String::from("the master key must be 32 bytes as base64url (43 characters)")),
        }
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

impl Lifetimes {
    fn read(source: &mut Source) -> Self {
        let mut span =
            |key, default, low: i64, high: i64| source.within(key, Seconds(default), Seconds(low)..=Seconds(high));
        let lifetimes = Self {
            access_token: span("lifetimes.access_token", 600, 10, DAY),
            id_token: span("lifetimes.id_token", 3600, 10, DAY),
            // OAuth 2.1 §4.1.2 allows ten minutes; one is enough
            code: span("lifetimes.code", 60, 1, 60),
            interaction: span("lifetimes.interaction", 3600, 60, DAY),
            session: span("lifetimes.session", 30 * DAY, 60, YEAR),
            refresh_idle: span("lifetimes.refresh_idle", 90 * DAY, 60, 10 * YEAR),
            refresh_absolute: span("lifetimes.refresh_absolute", YEAR, 60, 10 * YEAR),
            refresh_window: span("lifetimes.refresh_window", 60, 0, 3600),
            key_lead: span("lifetimes.key_lead", 3600, 0, 30 * DAY),
            key_retire: span("lifetimes.key_retire", 2 * DAY, 60, YEAR),
        };
        lifetimes.validate(source);
        lifetimes
    }

    fn validate(&self, source: &mut Source) {
        if self.refresh_idle > self.refresh_absolute {
            source.refuse("lifetimes.refresh_idle", "this is longer than refresh_absolute; make it shorter");
        }
        // A token must not outlive the key that verifies it.
        if self.key_retire < self.access_token.max(self.id_token) {
            source.refuse("lifetimes.key_retire", "this is shorter than the life of a token; make it longer");
        }
    }

    /// These lifetimes with a project's own ones in their place; the names and limits are those of `[lifetimes]`.
    pub fn overridden(&self, own: &Map<String, Value>) -> Result<Self> {
        let mut source = Source::default();
        for (name, value) in self.named() {
            source.add_value(&format!("lifetimes.{name}"), Raw::Integer(value.0));
        }
        for (name, value) in own {
            source.add_value(&format!("lifetimes.{name}"), Raw::from_json(value));
        }
        let lifetimes = Self::read(&mut source);
        match source.finish() {
            Ok(_) => Ok(lifetimes),
            Err(problems) => bail!("{}", problems.join("\n  ")),
        }
    }

    fn named(&self) -> [(&'static str, Seconds); 10] {
        [
            ("access_token", self.access_token),
            ("id_token", self.id_token),
            ("code", self.code),
            ("interaction", self.interaction),
            ("session", self.session),
            ("refresh_idle", self.refresh_idle),
            ("refresh_absolute", self.refresh_absolute),
            ("refresh_window", self.refresh_window),
            ("key_lead", self.key_lead),
            ("key_retire", self.key_retire),
        ]
    }
}

impl Limits {
    fn read(source: &mut Source) -> Self {
        Self {
            login_per_minute: source.or("limits.login_per_minute", 20),
            authorize_per_minute: source.or("limits.authorize_per_minute", 300),
            register_per_minute: source.or("limits.register_per_minute", 10),
            token_per_second: source.or("limits.token_per_second", 200),
            failed_authentication_per_minute: source.or("limits.failed_authentication_per_minute", 60),
        }
    }
}

impl Log {
    fn read(source: &mut Source) -> Self {
        let level: String = source.or("log.level", String::from("info"));
        // A bare word that is no level would be the name of a target, and silence everything else.
        let is_slip = |part: &str| !part.contains(['=', ':']) && part.trim().parse::<LevelFilter>().is_err();
        if level.parse::<Targets>().is_err() || level.split(',').any(is_slip) {
            source.refuse("log.level", "write error, warn, info, debug, trace or a filter as in \"hospes=debug,info\"");
        }
        Self { format: source.or("log.format", LogFormat::Text), level }
    }
}

impl Mail {
    fn read(source: &mut Source, base: &Path) -> Self {
        let host = source.optional::<String>("mail.host");
        let tls = source.or("mail.tls", MailTls::Implicit);
        let port = source.within("mail.port", if tls == MailTls::Starttls { 587_usize } else { 465 }, 1..=65_535);
        let from: Option<String> = source.optional("mail.from");
        if host.is_some() && from.is_none() {
            source.refuse("mail.from", "not set; write who the mail comes from, as in \"no-reply@example.com\"");
        }
        let is_here = host.as_deref().is_none_or(|host| {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        });
        if tls == MailTls::None && !is_here {
            source.refuse(
                "mail.tls",
                "\"none\" is for a mail server on this machine; write \"implicit\" or \"starttls\"",
            );
        }
        if source.is_in_file("mail.password") {
            source
                .refuse("mail.password", "a password does not belong in this file; set HOSPES_MAIL__PASSWORD instead");
        }
        Self {
            port: u16::try_from(port).unwrap_or_default(),
            tls,
            extra_ca_file: source.optional::<PathBuf>("mail.extra_ca_file").map(|path| base.join(path)),
            user: source.optional("mail.user"),
            password: source.optional("mail.password"),
            from: from.unwrap_or_else(|| String::from("no-reply@localhost.localdomain")),
            dir: base.join(source.or("mail.dir", PathBuf::from("mail"))),
            host,
        }
    }
}

impl Setting for MailTls {
    fn parse(raw: &Raw) -> Result<Self, String> {
        parse_word(raw, &[("implicit", Self::Implicit), ("starttls", Self::Starttls), ("none", Self::None)])
    }

    fn show(&self) -> String {
        String::from(match self {
            Self::Implicit => "implicit",
            Self::Starttls => "starttls",
            Self::None => "none",
        })
    }
}

impl Setting for LogFormat {
    fn parse(raw: &Raw) -> Result<Self, String> {
        parse_word(raw, &[("text", Self::Text), ("json", Self::Json)])
    }

    fn show(&self) -> String {
        String::from(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

impl fmt::Display for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(_) => f.write_str("HOSPES_MASTER_KEY"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

fn named(file: Option<&Path>, environment: &[(String, String)]) -> Option<PathBuf> {
    file.map(Path::to_path_buf).or_else(|| {
        let variable = environment.iter().find(|(name, value)| name == "HOSPES_CONFIG" && !value.is_empty());
        variable.map(|(_, value)| PathBuf::from(value))
    })
}

/// The `HOSPES_*` variables of this process. Those that are not Unicode are left out: they hold no setting of ours.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("HOSPES_"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "issuer = \"https://auth.example.com\"\n";

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(Some(PathBuf::from("/etc/hospes/hospes.toml")), text, environment).map_err(|e| e.to_string())
    }

    #[track_caller]
    fn check_refused(text: &str, environment: &[(&str, &str)], expected: &str) {
        let error = load(text, environment).expect_err("the configuration must be refused");
        assert!(error.contains(expected), "{expected:?} is not in:\n{error}");
    }

    #[test]
    fn an_issuer_is_enough() {
        let config = load(BASE, &[]).unwrap();
        assert_eq!(config.issuer.as_str(), "https://auth.example.com");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.lifetimes.refresh_idle, Seconds(90 * DAY));
        assert_eq!(config.database.url.expose(), "sqlite:/etc/hospes/hospes.db");
        assert!(
            matches!(config.master_key, MasterKeySource::File(path) if path == Path::new("/etc/hospes/hospes.key"))
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
        check_refused(
            &format!("{BASE}\n[lifetimes]\nacess_token = 300\n"),
            &[],
            "line 4: unknown key `lifetimes.acess_token`; did you mean `lifetimes.access_token`?",
        );
        check_refused(&format!("{BASE}max_body = 5000\n"), &[], "did you mean `http.max_body`?");
        check_refused(&format!("{BASE}[zzz]\nqqq = 1\n"), &[], "line 3: unknown key `zzz.qqq`");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_its_mistakes_are_named() {
        let text = format!("{BASE}[lifetimes]\naccess_token = 300\n");
        let config = load(&text, &[("HOSPES_LIFETIMES__ACCESS_TOKEN", "5m"), ("HOSPES_LISTEN", "[::1]:9000")]).unwrap();
        assert_eq!(config.lifetimes.access_token, Seconds(300));
        assert_eq!(config.listen.to_string(), "[::1]:9000");
        let shown = config.effective.iter().find(|entry| entry.key == "lifetimes.access_token").unwrap();
        assert_eq!(shown.origin.to_string(), "HOSPES_LIFETIMES__ACCESS_TOKEN");
        check_refused(BASE, &[("HOSPES_LIFETIME__CODE", "5")], "HOSPES_LIFETIME__CODE: unknown key `lifetime.code`");
    }

    #[test]
    fn lists_come_from_brackets_or_from_commas() {
        let text = format!("{BASE}[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n");
        assert_eq!(load(&text, &[]).unwrap().http.trusted_proxies.len(), 2);
        let config = load(BASE, &[("HOSPES_FETCH__ALLOW", "127.0.0.0/8, api.test:8443")]).unwrap();
        assert_eq!(config.fetch.allow[1], Destination::Host { name: String::from("api.test"), port: Some(8443) });
        check_refused(
            &format!("{BASE}[http]\ntrusted_proxies = [\"10.0.0.0/99\"]\n"),
            &[],
            "`10.0.0.0/99` is no network",
        );
    }

    #[test]
    fn variables_of_a_kubernetes_service_called_hospes_are_no_settings() {
        let set =
            [("HOSPES_PORT", "tcp://10.0.0.1:80"), ("HOSPES_SERVICE_HOST", "10.0.0.1"), ("HOSPES_PORT_80_TCP", "x")];
        assert!(load(BASE, &set).is_ok());
    }

    #[test]
    fn an_issuer_has_one_spelling() {
        for (issuer, expected) in [
            ("https://auth.example.com/", "ends with a slash"),
            ("http://auth.example.com", "must use https"),
            ("https://auth.example.com?x=1", "query or fragment"),
            ("https://auth.example.com#x", "query or fragment"),
            ("https://Auth.example.com", "write `https://auth.example.com`"),
            ("https://auth.example.com:443", "write `https://auth.example.com`"),
            ("https://auth.example.com/a/../b", "write `https://auth.example.com/b`"),
            ("https://me:pw@auth.example.com", "no password"),
            ("auth.example.com", "is not a URL"),
            ("ftp://auth.example.com", "begins with https://"),
            ("https://auth.example.com/.well-known/x", "has /.well-known in its path"),
            ("https://auth.example.com/oauth2", "has /oauth2 in its path"),
            ("https://auth.example.com/tenant/login", "has /login in its path"),
        ] {
            check_refused(&format!("issuer = \"{issuer}\""), &[], expected);
        }
        for issuer in ["http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:80/x", "https://a.test/oauth"] {
            let normal = Issuer::parse(issuer);
            assert_eq!(normal.is_ok(), issuer != "http://[::1]:80/x", "{issuer}: {normal:?}");
        }
        assert_eq!(Issuer::parse("https://a.test/auth").unwrap().path(), "/auth");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let error = load("[lifetimes]\ncode = 600\nsession = \"soon\"\n[log]\nformat = \"xml\"\n", &[]).unwrap_err();
        for expected in ["issuer: not set", "give a value from 1s to 1m", "`soon` is no span", "\"text\", \"json\""] {
            assert!(error.contains(expected), "{expected:?} is not in:\n{error}");
        }
    }

    #[test]
    fn spans_have_units() {
        for (text, expected) in [("90", Some(90)), ("10m", Some(600)), ("90d", Some(90 * DAY)), ("1y", Some(YEAR))] {
            assert_eq!(setting::parse_span(text), expected, "{text}");
        }
        for text in ["", "m", "-5", "1w", "1.5h", "99999999999999999999d", "9223372036854775807y"] {
            assert_eq!(setting::parse_span(text), None, "{text}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let key = "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c";
        let set = [("HOSPES_MASTER_KEY", key), ("HOSPES_DATABASE__URL", "postgres://hospes:hunter2@db/hospes")];
        let config = load(BASE, &set).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains(key) && !shown.contains("hunter2"), "{shown}");
        let url = config.effective.iter().find(|entry| entry.key == "database.url").unwrap();
        assert_eq!(url.value, "postgres://hospes:***@db/hospes");
        check_refused(BASE, &[("HOSPES_DATABASE__URL", "mysql://hospes:hunter2@db")], "this is no database address");
        assert!(!load(BASE, &[("HOSPES_DATABASE__URL", "mysql://a:hunter2@db")]).unwrap_err().contains("hunter2"));
    }

    #[test]
    fn a_master_key_comes_from_the_environment_only_and_has_32_bytes() {
        check_refused(BASE, &[("HOSPES_MASTER_KEY", "c2hvcnQ")], "32 bytes as base64url");
        let text = format!("{BASE}master_key = \"{}\"", "A".repeat(43));
        check_refused(&text, &[], "a key does not belong in this file");
    }

    #[test]
    fn mail_that_nobody_gets_is_warned_of_where_people_really_log_in() {
        let about = |text: &str| -> Vec<_> {
            load(text, &[]).unwrap().warnings().into_iter().map(|warning| warning.about).collect()
        };
        assert_eq!(about(BASE), ["mail"]);
        let mail = "[mail]\nhost = \"smtp.example.com\"\nfrom = \"no-reply@example.com\"\n";
        assert_eq!(about(&format!("{BASE}{mail}")), [""; 0]);
        assert_eq!(about("issuer = \"http://localhost:8080\"\n"), [""; 0]);
    }

    #[test]
    fn a_project_has_lifetimes_of_its_own_within_the_same_limits() {
        let lifetimes = load(BASE, &[]).unwrap().lifetimes;
        let own = |text| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        assert_eq!(lifetimes.overridden(&Map::new()).unwrap(), lifetimes);
        let changed = lifetimes.overridden(&own(r#"{"access_token": "5m", "refresh_window": 0}"#)).unwrap();
        assert_eq!(changed, Lifetimes { access_token: Seconds(300), refresh_window: Seconds(0), ..lifetimes.clone() });
        let refused = |text| lifetimes.overridden(&own(text)).unwrap_err().to_string();
        assert!(refused(r#"{"code": "10m"}"#).contains("give a value from 1s to 1m"));
        assert!(refused(r#"{"acess_token": 5}"#).contains("did you mean `lifetimes.access_token`?"));
        assert!(refused(r#"{"code": null}"#).contains("no span of time"));
    }

    #[test]
    fn the_look_is_checked_before_it_is_a_style_sheet() {
        let page = |line: &str| format!("{BASE}[pages]\n{line}\n");
        let theme = |line: &str| format!("{BASE}[pages.theme]\n{line}\n");
        let good = theme("accent = \"#ABC\"\ncolor_scheme = \"dark\"");
        let config = load(&good, &[]).unwrap();
        assert_eq!(config.pages.theme.accent.unwrap().as_str(), "#abc");
        assert_eq!(config.pages.theme.color_scheme, crate::pages::ColorScheme::Dark);
        check_refused(&theme("accent = \"red;} body{\""), &[], "is no colour");
        check_refused(&theme("font = \"x; } body {\""), &[], "list of font families");
        check_refused(&theme("radius = 33"), &[], "0 to 32");
        check_refused(&theme("logo = \"missing.svg\""), &[], "there is no such file");
        check_refused(&page("locale = \"en_GB\""), &[], "no language tag");
        check_refused(&page("templates_dir = \"missing\""), &[], "there is no such directory");
        check_refused(&page("support_url = \"javascript:alert(1)\""), &[], "begins with https:// or mailto:");
    }

    #[test]
    fn lifetimes_must_agree_with_each_other() {
        check_refused(
            &format!("{BASE}[lifetimes]\nrefresh_idle = \"2y\"\n"),
            &[],
            "lifetimes.refresh_idle: this is longer than refresh_absolute",
        );
        check_refused(&format!("{BASE}[lifetimes]\nkey_retire = 60\n"), &[], "shorter than the life of a token");
    }
}
