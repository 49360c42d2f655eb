//! The load: so many workers, each with one connection, each asking again as soon as it was answered.

use crate::http::{Answer, Connection};
use anyhow::{Context as _, Result};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// What one worker asks. It lives on between the rounds, so it may carry a chain of tokens along.
pub(crate) trait Script: Send {
    /// The next request.
    fn request(&mut self, to: &mut Vec<u8>);

    /// Takes its answer; whether an operation is complete with it. An answer that is not as it should be is an error,
    /// and ends the measurement: failures are not to be counted as speed.
    fn take(&mut self, answer: &Answer<'_>) -> Result<bool>;
}

pub(crate) type Scripts = Vec<Box<dyn Script>>;

/// What came of one round.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) operations: u32,
    pub(crate) elapsed: Duration,
    /// In microseconds, unordered.
    pub(crate) latencies: Vec<u32>,
}

/// Lets the scripts run for `time`; operations begun by then are finished. The scripts come back.
pub(crate) async fn run(address: SocketAddr, scripts: Scripts, time: Duration) -> Result<(Scripts, Round)> {
    let mut connections = Vec::with_capacity(scripts.len());
    for _ in &scripts {
        connections.push(Connection::open(address).await?);
    }
    let started = Instant::now();
    let end = started.checked_add(time).context("so long a round")?;
    let mut workers = JoinSet::new();
    for (script, connection) in scripts.into_iter().zip(connections) {
        workers.spawn(work(script, connection, end));
    }
    let mut round = Round::default();
    let mut scripts = Scripts::new();
    while let Some(worker) = workers.join_next().await {
        let (script, latencies) = worker.context("a worker ended")??;
        scripts.push(script);
        round.latencies.extend(latencies);
    }
    round.elapsed = started.elapsed();
    round.operations = round.latencies.len().try_into()?;
    Ok((scripts, round))
}

async fn work(
    mut script: Box<dyn Script>,
    mut connection: Connection,
    end: Instant,
) -> Result<(Box<dyn Script>, Vec<u32>)> {
    let mut latencies = Vec::new();
    let mut request = Vec::with_capacity(2048);
    let mut began = Instant::now();
    while began < end {
        loop {
            request.clear();
            script.request(&mut request);
            let answer = connection.exchange(&request).await?;
            if script.take(&answer)? {
                break;
            }
        }
        let now = Instant::now();
        latencies.push(u32::try_from(now.duration_since(began).as_micros()).unwrap_or(u32::MAX));
        began = now;
    }
    Ok((script, latencies))
}
