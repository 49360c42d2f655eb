//! `hospes demo`: a server with a user and a guest application, on loopback, from nothing in a second.
//!
//! Everything goes through the doors of real use: a configuration, a seed, the server's own listener. The guest is an
//! OAuth client that talks HTTP.

mod exchange;
mod guest;
mod post_office;

use crate::{
    app::{self, App},
    cli::output,
    clock::Clock,
    config::Config,
    entropy::Entropy,
    keys,
    listen::{self, Bounds},
    seed::Seed,
};
use anyhow::{Context as _, Result};
use guest::{Guest, Registration};
use post_office::PostOffice;
use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch};

const LOGIN: &str = "alice@example.com";
const PASSWORD: &str = "correct horse battery";
const HOST: &str = "Lantern";
const CLIENT: &str = "postcard";
const SCOPE: &str = "openid profile email offline_access postcards:send";

/// Where the demo keeps its files, and where it listens if those ports are free.
#[derive(Debug, Clone)]
pub struct Options {
    pub directory: PathBuf,
    pub port: u16,
    pub guest_port: u16,
}

/// Runs until SIGINT or SIGTERM. The database is made anew each time.
pub async fn run(options: Options) -> Result<()> {
    let listener = bind(options.port).await?;
    let guest_listener = bind(options.guest_port).await?;
    let issuer = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
    // Another name for the same machine: so the guest's cookies are not the server's.
    let home = format!("http://localhost:{}", guest_listener.local_addr()?.port());

    let config = configure(&options.directory, &issuer)?;
    let app = build(config, &home).await?;
    let api = format!("{home}{}", post_office::PATH);
    let post_office = PostOffice::new(&issuer, &api, app.clock.clone())?;
    let registration = Registration {
        host: HOST.to_owned(),
        issuer: issuer.clone(),
        client_id: CLIENT.to_owned(),
        redirect_uri: format!("{home}/callback"),
        post_logout_redirect_uri: format!("{home}/logged-out"),
        scope: SCOPE.to_owned(),
        api,
    };
    let guest = Guest::new(registration, app.entropy.clone())?;

    output::line(welcome(&home, &issuer, &options.directory));
    let (stop, stopped) = watch::channel(false);
    let bounds = Bounds { connections: 64, goodbye: Duration::from_secs(1) };
    let serving = async {
        tokio::join!(
            app::run(app.clone(), listener, None, stopped.clone()),
            listen::serve(guest_listener, guest.router().merge(post_office.router()), bounds, stopped.clone()),
        )
    };
    let stopping = async {
        app::wait_for_signal().await;
        let _ = stop.send(true);
    };
    tokio::join!(serving, stopping);
    app.store.close();
    Ok(())
}

/// The port that is wanted, or any that is free.
async fn bind(port: u16) -> Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
        bound => bound,
    }
    .with_context(|| format!("cannot listen on 127.0.0.1:{port}"))
}

fn configure(directory: &Path, issuer: &str) -> Result<Config> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make the folder {}", directory.display()))?;
    for name in ["demo.db", "demo.db-wal", "demo.db-shm", "demo.key"] {
        match std::fs::remove_file(directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {name} of an earlier demo"));
            }
            _ => {}
        }
    }
    let text = format!(
        "issuer = \"{issuer}\"\n\
         operations_listen = \"none\"\n\
         [database]\nurl = \"sqlite:demo.db\"\n\
         [master_key]\nfile = \"demo.key\"\n\
         [pages.theme]\nname = \"{HOST}\"\n"
    );
    Config::parse(Some(directory.join("hospes.toml")), &text, [])
}

async fn build(config: Config, home: &str) -> Result<App> {
    let seed = Seed::from_toml(&seed(home))?;
    let (clock, entropy) = (Clock::System, Entropy::Os);
    let store = app::open_store(&config)?;
    {
        let (config, store, clock, entropy) = (config.clone(), store.clone(), clock.clone(), entropy.clone());
        tokio::task::spawn_blocking(move || {
            let master = keys::open_master_key(&config.master_key, &store, &entropy)?;
            seed.load(&config, &store, &master, &entropy, clock.now())
        })
        .await??;
    }
    App::build(config, store, clock, entropy).await
}

/// The host app is called Lantern; the guest is Postcard, a product of somebody else's.
fn seed(home: &str) -> String {
    format!(
        r#"
[project]
name = "{HOST}"

[[policy.scopes]]
value = "{send}"
description = "Send postcards in your name"
optional = true

[[policy.resources]]
uri = "{home}{path}"
name = "{HOST}'s post office"

[[clients]]
id = "{CLIENT}"
name = "Postcard"
description = "Sends postcards to people you like"
client_uri = "{home}/"
authentication_methods = ["none"]
redirect_uris = ["{home}/callback"]
post_logout_redirect_uris = ["{home}/logged-out"]

[[users]]
password = "{PASSWORD}"
[users.profile]
email = "{LOGIN}"
email_verified = true
[users.profile.claims]
name = "Alice Archer"
given_name = "Alice"
family_name = "Archer"

[[users]]
password = "{PASSWORD}"
[users.profile]
email = "bob@example.com"
email_verified = true
[users.profile.claims]
name = "Bob Baker"
given_name = "Bob"
"#,
        send = post_office::SCOPE,
        path = post_office::PATH,
    )
}

fn welcome(home: &str, issuer: &str, directory: &Path) -> String {
    format!(
        "\n  Open      {home}\n  Log in    {LOGIN}\n  Password  {PASSWORD}\n\n  \
         Server    {issuer}   (the host app, \"Lantern\")\n  \
         Guest     {home}   (an app of somebody else's, \"Postcard\")\n  \
         Files     {}   (made anew at each start)\n\n  Ctrl-C stops both.\n",
        directory.display()
    )
}
