//! node-oidc-provider with its in-memory store, as a measured peer. It is no dependency of ours: npm installs it into a
//! directory under `target/` when `--peers` is given.

use crate::{
    browser::Browser,
    child::{Running, free_address},
    cores::Cores,
    place::{Paths, Provider},
    scripts::{CALLBACK, authorization},
    server::WEB,
};
use anyhow::{Context as _, Result, ensure};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

pub(crate) const PATHS: Paths = Paths {
    discovery: "/.well-known/openid-configuration",
    jwks: "/jwks",
    authorize: "/auth",
    token: "/token",
    introspect: "/token/introspection",
    userinfo: "/me",
};

const VERSION: &str = "9.13.3";
const PROGRAM: &str = include_str!("../peers/node-oidc-provider.mjs");

/// Installs it if need be, and starts it.
pub(crate) async fn start(cores: &Cores) -> Result<Running> {
    let directory = Path::new("target/bench-peers");
    fs::create_dir_all(directory)?;
    if !directory.join(format!("node_modules/oidc-provider-{VERSION}")).exists() {
        fs::write(directory.join("package.json"), "{ \"private\": true }\n")?;
        eprintln!("installing oidc-provider {VERSION} …");
        let npm = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", &format!("oidc-provider@{VERSION}")])
            .current_dir(directory)
            .stdout(Stdio::null())
            .status()
            .context("npm is needed for --peers")?;
        ensure!(npm.success(), "npm could not install oidc-provider");
        fs::write(directory.join(format!("node_modules/oidc-provider-{VERSION}")), "")?;
    }
    fs::write(directory.join("server.mjs"), PROGRAM)?;
    let address = free_address()?;
    let mut command = cores.server_command("node");
    command
        .arg("server.mjs")
        .current_dir(directory)
        .env("PORT", address.port().to_string())
        .env("CALLBACK", CALLBACK)
        .env("NODE_ENV", "production")
        .stderr(fs::File::create(directory.join("server.log"))?);
    let mut running = Running::start(&mut command, address)?;
    running.wait(Duration::from_secs(30)).await?;
    Ok(running)
}

/// Logs a user in (the program does so by itself) and returns the session's cookie as a header line.
pub(crate) async fn log_in(address: SocketAddr) -> Result<String> {
    let mut browser = Browser::new(address);
    let provider = Provider { address, paths: &PATHS, sessions: Vec::new() };
    let end = browser.follow(&authorization(&provider, WEB, "notes.read")).await?;
    ensure!(end.starts_with(CALLBACK) && end.contains("code="), "the peer's login ended at {end}");
    browser.forget_cookies_but(|name| name.starts_with("_session"));
    Ok(browser.cookie_line())
}
