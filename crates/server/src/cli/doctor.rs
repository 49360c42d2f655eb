//! `hospes doctor`: looks for what is wrong, and says what to mend.

use super::{
    Outcome,
    open::Database,
    output::{self, Form},
    serve,
};
use crate::{
    clock::Clock,
    config::{Config, Destination, MasterKeySource},
    fetch::{Fetch, FetchConfig, FetchError, Fetched},
    http::sdk,
    keys::{KeyState, MasterKey, state_of},
    project::{self, SIGNING_ALGS},
    rfc3339,
    store::{
        Store,
        projects::Project,
        signing_keys::{KeyPurpose, StoredKey},
    },
};
use anyhow::{Context as _, Result};
use hospes_protocol::{Seconds, Timestamp};
use serde_json::{Value, json};
use std::{fs, net::TcpStream, path::Path, time::Duration};

/// How far clocks may differ before tokens of one look too new to the other.
const SKEW: i64 = 5;
/// A rotation should be thought of when a signing key has signed for so long.
const OLD_KEY: Seconds = Seconds(365 * 86_400);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    /// Neither good nor bad.
    Notice,
    Warning,
    Error,
}

struct Finding {
    level: Level,
    /// What was looked at.
    about: &'static str,
    found: String,
    /// What to do about it; empty where nothing is to be done.
    mend: String,
}

#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn ok(&mut self, about: &'static str, found: impl Into<String>) {
        self.add(Level::Ok, about, found, "");
    }

    fn notice(&mut self, about: &'static str, found: impl Into<String>, mend: impl Into<String>) {
        self.add(Level::Notice, about, found, mend);
    }

    fn warning(&mut self, about: &'static str, found: impl Into<String>, mend: impl Into<String>) {
        self.add(Level::Warning, about, found, mend);
    }

    fn error(&mut self, about: &'static str, found: impl Into<String>, mend: impl Into<String>) {
        self.add(Level::Error, about, found, mend);
    }

    fn add(&mut self, level: Level, about: &'static str, found: impl Into<String>, mend: impl Into<String>) {
        self.findings.push(Finding { level, about, found: found.into(), mend: mend.into() });
    }
}

pub(super) fn run(config: &Config, form: Form) -> Result<Outcome> {
    let (mut report, now) = (Report::default(), Clock::System.now());
    report.ok(
        "configuration",
        config.file.as_deref().map_or("defaults and environment".into(), |p| p.display().to_string()),
    );
    for warning in config.warnings() {
        report.warning(warning.about, warning.found, warning.mend);
    }
    let store = look_at_database(config, &mut report);
    let project = store.as_ref().and_then(|store| look_at_project(config, store, &mut report));
    look_at_master_key(config, store.as_ref(), &mut report);
    let keys = store
        .as_ref()
        .zip(project.as_ref())
        .and_then(|(store, project)| look_at_keys(config, store, project, now, &mut report));
    let fetched = look_at_issuer(config, keys.as_deref(), &mut report)?;
    look_at_clocks(store.as_ref(), fetched.as_ref(), &mut report);
    look_at_proxies(config, &mut report);
    look_at_files(config, &mut report);
    look_at_space(config, &mut report);
    look_at_sdk(config, &mut report);
    show(&report, form);
    let is_well = report.findings.iter().all(|finding| finding.level != Level::Error);
    Ok(if is_well { Outcome::Done } else { Outcome::Found })
}

/// What a page that loads the SDK from here writes into its script tag.
fn look_at_sdk(config: &Config, report: &mut Report) {
    let (path, integrity) = sdk::pinned();
    report.ok("sdk", format!("{}{path} has integrity=\"{integrity}\"", config.issuer.as_str().trim_end_matches('/')));
}

/// The store, if it can be worked with.
fn look_at_database(config: &Config, report: &mut Report) -> Option<Store> {
    const ABOUT: &str = "database";
    let shown = config.database.url.masked();
    if let Some(path) = config.database.url.sqlite_path().filter(|path| !path.exists()) {
        report.error(ABOUT, format!("there is no {}", path.display()), "run `hospes init`, or correct database.url");
        return None;
    }
    let pending =
        Database::open_as_it_is(config).and_then(|found| Ok((found.store.pending_migrations()?, found.store)));
    match pending {
        Err(error) => {
            report.error(
                ABOUT,
                format!("{shown} cannot be used: {error:#}"),
                "correct database.url, or start the database",
            );
            None
        }
        Ok((pending, _)) if !pending.is_empty() => {
            report.error(ABOUT, format!("{shown} lacks {}", pending.join(", ")), "run `hospes migrate`");
            None
        }
        Ok((_, store)) => {
            report.ok(ABOUT, format!("{shown} can be reached and is up to date"));
            Some(store)
        }
    }
}

fn look_at_project(config: &Config, store: &Store, report: &mut Report) -> Option<Project> {
    const ABOUT: &str = "project";
    let (id, issuer) = (config.project.clone(), config.issuer.to_string());
    match store.read_blocking(move |tx| Ok(project::find(tx, id.as_ref(), &issuer)?)) {
        Ok(Some(project)) if project.issuer != config.issuer.as_str() => {
            report.error(
                ABOUT,
                format!("{} has the issuer {}, the configuration says {}", project.id, project.issuer, config.issuer),
                "write the project's issuer into the configuration",
            );
            Some(project)
        }
        Ok(Some(project)) => {
            match project::lifetimes(&config.lifetimes, &project) {
                Ok(_) => report.ok(ABOUT, project.id.to_string()),
                Err(error) => report.error(ABOUT, format!("{error:#}"), "load the project from a seed file without it"),
            }
            Some(project)
        }
        Ok(None) => {
            report.error(ABOUT, "there is none", "run `hospes init`");
            None
        }
        Err(error) => {
            report.error(ABOUT, error.to_string(), "correct `issuer` or `project` in the configuration");
            None
        }
    }
}

fn look_at_master_key(config: &Config, store: Option<&Store>, report: &mut Report) {
    const ABOUT: &str = "master key";
    let source = &config.master_key;
    let needed = store.and_then(|store| store.read_blocking(|tx| Ok(tx.find_deployment()?.master_key)).ok().flatten());
    match (MasterKey::find(source), needed) {
        (Err(error), _) => report.error(ABOUT, format!("{error:#}"), "put the right key there, for its owner alone"),
        (Ok(None), Some(mark)) => report.error(
            ABOUT,
            format!("there is no {source}, and the database needs {}", mark.id),
            "put the key back from where you keep it, or set HOSPES_MASTER_KEY",
        ),
        (Ok(None), None) => report.error(ABOUT, format!("there is no {source}"), "run `hospes init`"),
        (Ok(Some(key)), Some(mark)) if key.id() != mark.id => report.error(
            ABOUT,
            format!("{source} holds {}, and the database needs {}", key.id(), mark.id),
            "put the right key there; `hospes key rewrap` changes it",
        ),
        (Ok(Some(key)), Some(_)) => report.ok(ABOUT, format!("{} from {source} is the database's", key.id())),
        (Ok(Some(key)), None) => {
            report.ok(ABOUT, format!("{} from {source}; the database could not be asked", key.id()));
        }
    }
}

/// The project's keys, if they could be read.
fn look_at_keys(
    config: &Config,
    store: &Store,
    project: &Project,
    now: Timestamp,
    report: &mut Report,
) -> Option<Vec<StoredKey>> {
    const ABOUT: &str = "signing keys";
    let id = project.id.clone();
    let keys = match store.read_blocking(move |tx| Ok(tx.find_keys(&id)?)) {
        Ok(keys) => keys,
        Err(error) => {
            report.error(ABOUT, error.to_string(), "look at the database");
            return None;
        }
    };
    let active = |purpose, alg| {
        keys.iter().find(|key| key.purpose == purpose && key.alg == alg && state_of(key, now) == KeyState::Active)
    };
    let wanted = SIGNING_ALGS.map(|alg| (KeyPurpose::Signing, Some(alg), alg.as_str()));
    for (purpose, alg, name) in wanted.into_iter().chain([(KeyPurpose::Refresh, None, "refresh tokens")]) {
        match active(purpose, alg) {
            None => {
                report.error(ABOUT, format!("no active key for {name}"), "run `hospes init`: it makes what is missing");
            }
            Some(key) if purpose == KeyPurpose::Signing && now.since(key.activates_at) > OLD_KEY => report.warning(
                ABOUT,
                format!("{name}: {} has signed since {}", key.kid, rfc3339::text(key.activates_at)),
                "run `hospes key rotate`",
            ),
            Some(key) => {
                let next = key.retires_at.map_or_else(String::new, |at| format!(", retires {}", rfc3339::text(at)));
                report.ok(ABOUT, format!("{name}: {} active since {}{next}", key.kid, rfc3339::text(key.activates_at)));
            }
        }
    }
    look_inside(config, project, &keys, report);
    Some(keys)
}

/// Whether the keys open with the master key.
fn look_inside(config: &Config, project: &Project, keys: &[StoredKey], report: &mut Report) {
    let Ok(Some(master)) = MasterKey::find(&config.master_key) else { return };
    for key in keys {
        let context = crate::keys::Context { project: &project.id, kid: &key.kid, purpose: key.purpose.as_str() };
        if let Err(error) = master.open(context, &key.private_key) {
            report.error("signing keys", error.to_string(), "restore the key from a backup, or rotate the keys");
        }
    }
}

/// Fetches our own metadata the way a client would.
fn look_at_issuer(config: &Config, keys: Option<&[StoredKey]>, report: &mut Report) -> Result<Option<Fetched>> {
    const ABOUT: &str = "issuer";
    let mut settings = FetchConfig::read(&config.fetch)?;
    // The operator trusts the server's own host, wherever it is.
    let url = url::Url::parse(config.issuer.as_str()).context("the issuer is a URL")?;
    if let Some(host) = url.host_str() {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        settings.allow.push(match name.parse() {
            Ok(address) => Destination::Network(ipnet::IpNet::new(address, if address.is_ipv4() { 32 } else { 128 })?),
            Err(_) => Destination::Host { name: name.to_owned(), port: url.port_or_known_default() },
        });
    }
    let fetch = Fetch::new(&settings)?;
    let address = format!("{}/.well-known/openid-configuration", config.issuer);
    let fetched = match serve::runtime()?.block_on(fetch.json(&address, 1 << 20)) {
        Ok(fetched) => fetched,
        Err(FetchError::Unreachable) if !somebody_listens(config) => {
            report.notice(ABOUT, "the server does not run", "start it with `hospes serve`");
            return Ok(None);
        }
        Err(error) => {
            report.error(
                ABOUT,
                format!("{address}: {error} ({error:?})"),
                format!("let {} reach {}, where the server listens", config.issuer.origin(), config.listen),
            );
            return Ok(None);
        }
    };
    match fetched.json.get("issuer").and_then(Value::as_str) {
        Some(issuer) if issuer == config.issuer.as_str() => {
            report.ok(ABOUT, format!("{issuer} answers with its own metadata"));
        }
        other => report.error(
            ABOUT,
            format!("{address} says that it is {}", other.unwrap_or("nobody")),
            "another server answers there, or one with another configuration; correct the proxy or restart the server",
        ),
    }
    let published = fetched.json.get("jwks_uri").and_then(Value::as_str).map(str::to_owned);
    if let (Some(keys), Some(jwks_uri)) = (keys, published) {
        look_at_key_set(&fetch, &jwks_uri, keys, report)?;
    }
    Ok(Some(fetched))
}

/// Whether a server runs on this machine, as far as one can tell without speaking to it.
fn somebody_listens(config: &Config) -> bool {
    TcpStream::connect_timeout(&config.listen, Duration::from_millis(500)).is_ok()
}

/// Whether everybody who verifies can see every key that signs.
fn look_at_key_set(fetch: &Fetch, jwks_uri: &str, keys: &[StoredKey], report: &mut Report) -> Result<()> {
    const ABOUT: &str = "published keys";
    let published = match serve::runtime()?.block_on(fetch.json(jwks_uri, 1 << 20)) {
        Ok(fetched) => fetched.json,
        Err(error) => {
            report.error(ABOUT, format!("{jwks_uri}: {error}"), "let the proxy pass this path too");
            return Ok(());
        }
    };
    let listed: Vec<_> = published
        .get("keys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|key| key.get("kid").and_then(Value::as_str))
        .collect();
    let now = Clock::System.now();
    let missing: Vec<_> = keys
        .iter()
        .filter(|key| key.purpose == KeyPurpose::Signing && state_of(key, now) == KeyState::Active)
        .filter(|key| !listed.contains(&key.kid.as_str()))
        .map(|key| key.kid.as_str())
        .collect();
    if missing.is_empty() {
        report.ok(ABOUT, format!("{} at {jwks_uri}", listed.len()));
    } else {
        report.error(
            ABOUT,
            format!("{jwks_uri} does not show {}", missing.join(", ")),
            "a cache in between keeps an old copy, or another database is behind that server",
        );
    }
    Ok(())
}

fn look_at_clocks(store: Option<&Store>, fetched: Option<&Fetched>, report: &mut Report) {
    const ABOUT: &str = "clock";
    let now = || Clock::System.now();
    let mut compare = |whose: &str, other: Timestamp, now: Timestamp| {
        let apart = now.since(other).0.abs();
        if apart <= SKEW {
            report.ok(ABOUT, format!("within {SKEW} seconds of {whose}"));
        } else {
            report.error(
                ABOUT,
                format!("{apart} seconds apart from {whose}"),
                "let NTP set the clocks of all machines",
            );
        }
    };
    if let Some(Ok(Some(time))) = store.map(Store::database_time) {
        compare("the database", Timestamp(time), now());
    }
    if let Some(date) = fetched.and_then(|fetched| fetched.date) {
        compare("the issuer's Date header", date, now());
    }
    // Without any other clock, at least the century must be right.
    if now() < Timestamp(1_750_000_000) {
        report.error(ABOUT, format!("it is set to {}", rfc3339::text(now())), "set the clock");
    }
}

/// We serve plain HTTP: behind an https issuer stands a proxy, whose address every request seems to come from.
fn look_at_proxies(config: &Config, report: &mut Report) {
    const ABOUT: &str = "proxies";
    if !config.issuer.as_str().starts_with("https:") {
        return;
    }
    match config.http.trusted_proxies.len() {
        0 => report.warning(
            ABOUT,
            "the issuer is https, so a proxy stands in front, and none is trusted: all people share one limit of rate",
            "set `http.trusted_proxies` to the proxy's address",
        ),
        count => report.ok(ABOUT, format!("{count} networks are trusted")),
    }
}

#[cfg(unix)]
fn look_at_files(config: &Config, report: &mut Report) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut look = |path: &Path, forbidden: u32, who: &str, right: &str| {
        let Ok(metadata) = fs::metadata(path) else { return };
        let (mode, shown) = (metadata.permissions().mode() & 0o777, path.display());
        if mode & forbidden == 0 {
            report.ok("files", format!("{shown} has the mode {mode:03o}"));
        } else {
            report.error("files", format!("{who} {shown} (mode {mode:03o})"), format!("run `chmod {right} {shown}`"));
        }
    };
    if let Some(path) = &config.file {
        look(path, 0o022, "others may change", "go-w");
    }
    if let MasterKeySource::File(path) = &config.master_key {
        look(path, 0o077, "others may read", "600");
    }
    if let Some(path) = config.database.url.sqlite_path() {
        look(&path, 0o077, "others may read", "600");
    }
}

#[cfg(not(unix))]
fn look_at_files(_: &Config, _: &mut Report) {}

#[cfg(unix)]
fn look_at_space(config: &Config, report: &mut Report) {
    const ABOUT: &str = "disk space";
    const MIB: u64 = 1 << 20;
    let Some(path) = config.database.url.sqlite_path() else { return };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(space) = rustix::fs::statvfs(folder) else { return };
    let free = space.f_bavail.saturating_mul(space.f_frsize) / MIB;
    let found = format!("{free} MiB free for {}", path.display());
    match free {
        0..100 => report.error(ABOUT, found, "make room: a full disk stops every login"),
        100..1024 => report.warning(ABOUT, found, "make room"),
        _ => report.ok(ABOUT, found),
    }
}

#[cfg(not(unix))]
fn look_at_space(_: &Config, _: &mut Report) {}

fn show(report: &Report, form: Form) {
    if form == Form::Json {
        let findings: Vec<_> = report
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "level": finding.level.word(),
                    "about": finding.about,
                    "found": finding.found,
                    "mend": finding.mend,
                })
            })
            .collect();
        output::json(&json!({"findings": findings}));
        return;
    }
    for finding in &report.findings {
        output::line(format!("{:<7}  {:<14}  {}", finding.level.word(), finding.about, finding.found));
        if !finding.mend.is_empty() {
            output::line(format!("{:<25}→ {}", "", finding.mend));
        }
    }
    let count = |level| report.findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    let is_up = count(Level::Notice) == 0;
    output::line(match (errors, warnings) {
        (0, 0) if is_up => String::from("\nAll is well."),
        (0, 0) => String::from("\nNothing to mend."),
        (0, _) => format!("\nIt works; {warnings} to look at."),
        _ => format!("\n{errors} to mend, {warnings} to look at."),
    });
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
