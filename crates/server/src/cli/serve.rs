//! `hospes serve`: the log, the runtime, and then the server.

use crate::config::{Config, Log, LogFormat};
use anyhow::{Context as _, Result, anyhow};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::{
    Layer as _, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Who logs that the database cannot be reached; the command itself says so too.
const DATABASE: &str = "hospes::store::postgresql";

pub(super) fn run(config: Config) -> Result<()> {
    start_log(&config.log)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    runtime()?.block_on(crate::app::serve(config))
}

/// A runtime with one worker for each processor.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the threads of the server")
}

/// The log of a server goes to standard error, as the configuration says.
pub(super) fn start_log(log: &Log) -> Result<()> {
    let filter: Targets = log.level.parse().map_err(|error| anyhow!("log.level: {error}"))?;
    // Colours are for people; a file or a journal gets plain text.
    let layer = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let layer = match log.format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
    };
    Ok(Registry::default().with(layer).try_init()?)
}

/// Other commands only show what went wrong, and what they end with, `main` says.
pub(super) fn start_quiet_log(level: LevelFilter) -> Result<()> {
    let layer = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .with_filter(Targets::new().with_default(level).with_target(DATABASE, LevelFilter::OFF));
    Ok(Registry::default().with(layer).try_init()?)
}
