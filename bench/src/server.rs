//! Hospes itself: a directory with a configuration and a seeded database, and the release binary started on it.

use crate::{
    browser::{Browser, hidden},
    child::{Running, free_address},
    cores::Cores,
    http::{self, HOST},
    place::{Paths, USERS},
    report::{Start, median},
    scripts::{CALLBACK, Client},
};
use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use std::{
    env, fs,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub(crate) const PATHS: Paths = Paths {
    discovery: "/.well-known/openid-configuration",
    jwks: "/.well-known/jwks.json",
    authorize: "/oauth2/authorize",
    token: "/oauth2/token",
    introspect: "/oauth2/introspect",
    userinfo: "/oauth2/userinfo",
};

pub(crate) const API: &str = "https://api.example/notes";
const PASSWORD: &str = "correct horse battery staple";
/// Of that password, with the parameters of `examples/seed.toml`.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$hN+TT2RiIAAM89g7Y89eIw$VgQAgr00OM27d4u9JOGWvyFeKYVyaNW0MWpzMtv4HsI";

const SECRET: &str = "hcs_for-measuring-only-0123456789abcdefghij";
/// A web application with a back end; it gets no refresh token.
pub(crate) const WEB: Client = Client { id: "web", secret: Some(SECRET) };
/// The same, with ID tokens by ES256.
pub(crate) const WEB_ES256: Client = Client { id: "web-es256", secret: Some(SECRET) };
/// A public client with refresh tokens.
pub(crate) const APP: Client = Client { id: "app", secret: None };
pub(crate) const SERVICE: Client = Client { id: "service", secret: Some(SECRET) };
/// The API that asks about tokens.
pub(crate) const RESOURCE_SERVER: Client = Client { id: "api", secret: Some(SECRET) };

/// Whether the server limits rates, as it does by default.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limits {
    Off,
    Default,
}

pub(crate) struct Installed {
    binary: PathBuf,
    directory: TempDir,
    address: SocketAddr,
}

impl Installed {
    /// Writes configuration and key, and seeds the database.
    pub(crate) fn new(binary: &Path, url: &str) -> Result<Self> {
        let binary = fs::canonicalize(binary)
            .with_context(|| format!("{} is not there; cargo build --release -p hospes", binary.display()))?;
        let directory = tempfile::Builder::new().prefix("hospes-bench-").tempdir()?;
        let installed = Self { binary, directory, address: free_address()? };
        installed.write("hospes.key", &new_key()?)?;
        installed.write(&Limits::Off.file(), &installed.configuration(url, Limits::Off))?;
        installed.write(&Limits::Default.file(), &installed.configuration(url, Limits::Default))?;
        installed.write("seed.toml", &seed())?;
        installed.run(&["migrate"])?;
        installed.run(&["seed", &installed.path("seed.toml")])?;
        Ok(installed)
    }

    pub(crate) async fn start(&self, cores: &Cores, limits: Limits) -> Result<Running> {
        let log = fs::File::create(self.directory.path().join("server.log"))?;
        let mut command = cores.server_command(&self.binary.to_string_lossy());
        command.args(["--config", &self.path(&limits.file()), "serve"]).stderr(log);
        without_own_settings(&mut command);
        let mut running = Running::start(&mut command, self.address)?;
        running.wait(Duration::from_secs(20)).await.with_context(|| self.log())?;
        Ok(running)
    }

    /// From the start of the process to its first answer, and how much memory it holds then. `loaded` is the peak of
    /// the server that was measured, in KiB.
    pub(crate) async fn measure_start(&self, cores: &Cores, rounds: u32, loaded: u32) -> Result<Start> {
        let mut times = Vec::new();
        let mut idle = Vec::new();
        for _ in 0..rounds.max(5) {
            let started = Instant::now();
            let running = self.start(cores, Limits::Default).await?;
            http::once(self.address, &http::get(PATHS.discovery, ""), |answer| {
                ensure!(answer.status == 200, "status {}", answer.status);
                Ok(())
            })
            .await?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            tokio::time::sleep(Duration::from_millis(500)).await;
            idle.push(f64::from(running.memory()?.resident) / 1024.0);
        }
        Ok(Start { milliseconds: median(times), idle_mb: median(idle), loaded_mb: f64::from(loaded) / 1024.0 })
    }

    fn configuration(&self, url: &str, limits: Limits) -> String {
        let limits = match limits {
            Limits::Off => {
                "[limits]\nlogin_per_minute = 0\nauthorize_per_minute = 0\ntoken_per_second = 0\n\
                 failed_authentication_per_minute = 0\n"
            }
            Limits::Default => "",
        };
        // Tokens that are presented again and again must outlast the run.
        format!(
            "issuer = \"http://{HOST}\"\nlisten = \"{0}\"\noperations_listen = \"none\"\n[database]\nurl = \"{url}\"\n\
             [master_key]\nfile = \"hospes.key\"\n[lifetimes]\naccess_token = \"12h\"\n{limits}",
            self.address
        )
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.path().join(name);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(std::io::Write::write_all(&mut file, text.as_bytes())?)
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_string_lossy().into_owned()
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.binary);
        command.args(["--config", &self.path(&Limits::Off.file())]).args(arguments).stdout(Stdio::null());
        without_own_settings(&mut command);
        let output = command.output()?;
        let name = arguments.first().copied().unwrap_or_default();
        ensure!(output.status.success(), "hospes {name}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// The file of an SQLite database.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("hospes.db")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default()
    }
}

impl Limits {
    fn file(self) -> String {
        match self {
            Self::Off => "unlimited.toml".to_owned(),
            Self::Default => "hospes.toml".to_owned(),
        }
    }
}

/// Nothing of the caller's own configuration may leak in.
fn without_own_settings(command: &mut Command) {
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOSPES_")) {
        command.env_remove(name);
    }
}

fn new_key() -> Result<String> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| anyhow::anyhow!("no randomness"))?;
    Ok(Base64UrlUnpadded::encode_string(&key))
}

fn seed() -> String {
    let mut text = format!(
        "[project]\nname = \"Bench\"\n[[policy.scopes]]\nvalue = \"notes.read\"\ndescription = \"Read your notes\"\n\
         [[policy.resources]]\nuri = \"{API}\"\nname = \"Notes\"\ndefault = true\n"
    );
    for (client, settings) in [
        (WEB, "grant_types = [\"authorization_code\"]"),
        (WEB_ES256, "grant_types = [\"authorization_code\"]\nid_token_alg = \"ES256\""),
        (APP, "authentication_methods = [\"none\"]\nbypass_consent_for_offline_access = true"),
        (SERVICE, "grant_types = [\"client_credentials\"]\nscope = \"notes.read\""),
    ] {
        let uris = if client.id == SERVICE.id { String::new() } else { format!("redirect_uris = [\"{CALLBACK}\"]\n") };
        text.push_str(&record(client, &format!("party = \"first\"\n{uris}{settings}\n")));
    }
    text.push_str(&record(RESOURCE_SERVER, &format!("grant_types = []\nresources = [\"{API}\"]\n")));
    for user in 0..64 {
        text.push_str(&seed_user(user));
    }
    text
}

fn seed_user(user: u32) -> String {
    format!(
        "[[users]]\nusername = \"user{user}\"\npassword_hash = \"{PASSWORD_HASH}\"\n\
             profile = {{ email = \"user{user}@example.com\", email_verified = true, \
             claims = {{ name = \"User {user}\", given_name = \"User\", locale = \"en\" }} }}\n"
    )
}

fn record(client: Client, settings: &str) -> String {
    let secret = client.secret.map(|secret| format!("secret = \"{secret}\"\n")).unwrap_or_default();
    format!("[[clients]]\nid = \"{0}\"\nname = \"{0}\"\n{secret}{settings}", client.id)
}

/// Logs the users in, and returns the cookies of each as a header line.
pub(crate) async fn log_in_users(address: SocketAddr) -> Result<Vec<String>> {
    let mut sessions = Vec::new();
    for user in 0..USERS {
        sessions.push(log_in(address, user).await.with_context(|| format!("user {user}"))?);
    }
    Ok(sessions)
}

/// Logs a user in and returns the cookies of the session as a header line.
async fn log_in(address: SocketAddr, user: usize) -> Result<String> {
    let mut browser = Browser::new(address);
    let page = browser.get("/login").await?;
    let csrf = hidden(&page.body, "csrf").with_context(|| format!("no form:\n{}", page.body))?;
    let password = PASSWORD.replace(' ', "+");
    let form = format!("csrf={csrf}&username=user{user}&password={password}&decision=login");
    let done = browser.post("/login", &form).await?;
    ensure!(done.status == 303, "the login was refused:\n{}", done.body);
    Ok(browser.cookie_line())
}
