//! `hospes demo`: a server with a user and a guest application, on loopback, from nothing in a second.
//!
//! Everything goes through the same doors as in real use: a configuration, a seed, the server's own listener. The guest
//! is an OAuth client that talks HTTP.

mod exchange;
mod guest;

use crate::{
    app::{self, App},
    cli::output,
    clock::Clock,
    config::Config,
    entropy::Entropy,
    keys, seed,
};
use anyhow::{Context as _, Result};
use guest::{Guest, Registration};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};
use tokio::{net::TcpListener, sync::watch};

const LOGIN: &str = "alice@example.com";
const PASSWORD: &str = "correct horse battery";
const CLIENT: &str = "postcard";

/// Where the demo keeps its files and listens.
#[derive(Debug, Clone)]
pub struct Options {
    pub directory: std::path::PathBuf,
    pub port: u16,
    pub guest_port: u16,
}
