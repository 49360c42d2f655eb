//! PostgreSQL: N connections, each with a thread, that come back when they are lost.

use super::{
    job::{Effect, Ending, Job, ending},
    queue::Queue,
    sql::{Access, Driver, Row, Source, Trouble, Tx, Value},
    tls::{self, Tls},
};
use ::postgres::{
    Client, Statement,
    error::{DbError, SqlState},
    types::ToSql,
};
use anyhow::{Result, anyhow, ensure};
use std::{
    collections::HashMap,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const RERUNS: u32 = 3;

/// Where the database is and how to talk to it.
pub(super) struct Settings {
    config: ::postgres::Config,
    tls: Tls,
    statement_timeout: Duration,
}

/// What the lanes know about the database.
#[derive(Default)]
pub(super) struct Health {
    connected: AtomicUsize,
    /// Whether the latest attempt to connect failed.
    is_refused: AtomicBool,
}

impl Health {
    /// Whether there is no connection, and none to be had. Between two connections it is not down.
    pub(super) fn is_down(&self) -> bool {
        self.connected.load(Ordering::Relaxed) == 0 && self.is_refused.load(Ordering::Relaxed)
    }
}

pub(super) struct Connection {
    client: Client,
    prepared: HashMap<(usize, usize), Statement>,
}

impl Settings {
    pub(super) fn parse(url: &str, statement_timeout: Duration) -> Result<Self> {
        let (mut config, tls) = tls::parse(url)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("hospes");
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(10));
        }
        config.keepalives_idle(Duration::from_secs(30));
        Ok(Self { config, tls, statement_timeout })
    }

    /// Only to be called on the thread that owns the connection: the client waits on a runtime of its own.
    pub(super) fn connect(&self) -> Result<Connection> {
        let mut client = match &self.tls {
            Tls::Off => self.config.connect(::postgres::NoTls),
            Tls::On(connector) => self.config.connect(connector.clone()),
        }
        // One reason, on one line.
        .map_err(|error| anyhow!("cannot connect to PostgreSQL: {:#}", anyhow::Error::from(error)))?;
        let patience = self.statement_timeout.as_millis();
        client.batch_execute(&format!(
            "SET synchronous_commit = on;
             SET default_transaction_isolation = 'read committed';
             SET default_transaction_read_only = off;
             SET statement_timeout = {patience};
             SET lock_timeout = {patience};
             SET idle_in_transaction_session_timeout = {};
             SET standard_conforming_strings = on",
            patience.saturating_mul(2)
        ))?;
        for (setting, wanted) in [
            ("synchronous_commit", "on"),
            ("transaction_isolation", "read committed"),
            ("transaction_read_only", "off"),
            ("standard_conforming_strings", "on"),
            ("server_encoding", "UTF8"),
        ] {
            let found: String = client.query_one("SELECT current_setting($1)", &[&setting])?.try_get(0)?;
            ensure!(found == wanted, "PostgreSQL runs with {setting} = {found}, but {wanted} is needed");
        }
        Ok(Connection { client, prepared: HashMap::new() })
    }
}

impl Connection {
    pub(super) fn each(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        visit: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let statement = self.prepare(sql, values)?;
        for row in &self.client.query(&statement, &parameters(values))? {
            visit(&Row::new(Source::Postgres(row)))?;
        }
        Ok(())
    }

    pub(super) fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64> {
        let statement = self.prepare(sql, values)?;
        Ok(self.client.execute(&statement, &parameters(values))?)
    }

    pub(super) const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    fn prepare(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Statement> {
        let place = (sql.as_ptr().addr(), sql.len());
        let known = self.prepared.get(&place).cloned();
        let statement = if let Some(statement) = known {
            statement
        } else {
            let statement = self.client.prepare(sql)?;
            self.prepared.insert(place, statement.clone());
            statement
        };
        let (expected, given) = (statement.params().len(), values.len());
        ensure!(expected == given, "the statement has {expected} parameters, {given} were given");
        Ok(statement)
    }

    pub(super) fn trouble(&self, error: &anyhow::Error) -> Trouble {
        if self.client.is_closed() {
            return Trouble::Lost;
        }
        error.downcast_ref::<::postgres::Error>().map_or(Trouble::Broken, classify)
    }
}

fn parameters<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(values.len());
    for value in values {
        parameters.push(value);
    }
    parameters
}

fn classify(error: &::postgres::Error) -> Trouble {
    let Some(said) = error.as_db_error() else {
        // Not the server's word: either the line broke, or a value could not be bound or read.
        let source = std::error::Error::source(error);
        let is_line = error.is_closed() || source.is_some_and(|source| source.is::<std::io::Error>());
        return if is_line { Trouble::Lost } else { Trouble::Broken };
    };
    let code = said.code();
    if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
        return Trouble::Conflict;
    }
    if [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code) {
        return Trouble::Late;
    }
    if *code == SqlState::DISK_FULL {
        return Trouble::NoSpace;
    }
    // Class 57P: the server goes down or ends this session. 25006: it has become a standby.
    // 26000 and "cached plan": what was prepared here does not fit any more, which a new connection mends.
    let is_lost = code.code().starts_with("57P")
        || code.code().starts_with("08")
        || [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::INVALID_SQL_STATEMENT_NAME].contains(code)
        || is_stale_plan(said);
    if is_lost { Trouble::Lost } else { Trouble::Broken }
}

fn is_stale_plan(said: &DbError) -> bool {
    *said.code() == SqlState::FEATURE_NOT_SUPPORTED && said.message().starts_with("cached plan")
}

/// What one attempt at a job came to.
enum Attempt {
    Settled(Ending<'static>),
    /// Settled, but the connection must not be used again.
    SettledAndLost(Ending<'static>),
    /// Given up by the database, and nothing of it was done.
    Conflict,
    /// The connection broke before COMMIT was sent, so nothing of it was done.
    LostBefore,
}

/// Serves jobs until the queue is closed, and connects again as often as it takes. How the first attempt went is
/// told to `ready`.
pub(super) fn lane(settings: &Settings, health: &Health, queue: &Queue, ready: mpsc::Sender<Result<()>>) {
    let mut ready = Some(ready);
    let mut pause = FIRST_PAUSE;
    while !queue.is_closed() {
        match settings.connect() {
            Ok(connection) => {
                health.connected.fetch_add(1, Ordering::Relaxed);
                if health.is_refused.swap(false, Ordering::Relaxed) {
                    tracing::info!("PostgreSQL can be reached again");
                }
                // Whoever opens the store may have stopped listening after the first lane was ready.
                ready.take().map(|ready| ready.send(Ok(())));
                pause = FIRST_PAUSE;
                serve(settings, connection, queue);
                health.connected.fetch_sub(1, Ordering::Relaxed);
            }
            Err(error) => {
                // All lanes meet the same, and try again and again: the first says it.
                if health.is_refused.swap(true, Ordering::Relaxed) {
                    tracing::debug!("{error:#}");
                } else {
                    tracing::warn!("{error:#}");
                }
                ready.take().map(|ready| ready.send(Err(error)));
                refuse_for(pause, health, queue);
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
    }
    refuse_waiting(health, queue);
}

/// Without any connection nobody is kept waiting for one.
fn refuse_for(pause: Duration, health: &Health, queue: &Queue) {
    const NAP: Duration = Duration::from_millis(10);
    let mut left = pause;
    while !left.is_zero() && !queue.is_closed() {
        refuse_waiting(health, queue);
        thread::sleep(NAP);
        left = left.saturating_sub(NAP);
    }
}

fn refuse_waiting(health: &Health, queue: &Queue) {
    while health.is_down()
        && let Some(job) = queue.waiting()
    {
        job.answer(Ending::Busy);
    }
}

/// Returns when the queue is closed or the connection is lost.
fn serve(settings: &Settings, mut connection: Connection, queue: &Queue) {
    while let Some(mut job) = queue.next() {
        if !job.is_wanted() {
            continue;
        }
        let mut reruns = 0;
        let mut is_new = false;
        loop {
            match attempt(&mut connection, &mut *job) {
                Attempt::Settled(ending) => {
                    job.answer(ending);
                    break;
                }
                Attempt::SettledAndLost(ending) => return job.answer(ending),
                Attempt::Conflict if reruns < RERUNS => {
                    reruns += 1;
                    thread::sleep(Duration::from_millis(5).saturating_mul(reruns));
                }
                Attempt::Conflict => {
                    tracing::warn!("a transaction was given up in favour of others {RERUNS} times");
                    job.answer(Ending::Busy);
                    break;
                }
                // Most often the connection had been dead for long and this job is the first to notice.
                Attempt::LostBefore if !is_new => match settings.connect() {
                    Ok(new) => {
                        connection = new;
                        is_new = true;
                    }
                    Err(error) => {
                        tracing::warn!("{error:#}");
                        return job.answer(Ending::Busy);
                    }
                },
                Attempt::LostBefore => return job.answer(Ending::Busy),
            }
        }
    }
}

fn attempt(connection: &mut Connection, job: &mut dyn Job) -> Attempt {
    let access = job.access();
    // A read needs no transaction: under READ COMMITTED each statement would have its own snapshot all the same.
    if access == Access::Write && connection.client.batch_execute("BEGIN").is_err() {
        return Attempt::LostBefore;
    }
    let mut tx = Tx::new(Driver::Postgres(connection), access);
    let effect = job.run(&mut tx);
    let trouble = tx.trouble();
    match (effect, trouble) {
        // The client itself may have been interrupted: the server rolls back when the line goes down.
        (Effect::Panicked, _) => return Attempt::SettledAndLost(Ending::AsSaid),
        (_, Some(Trouble::Lost)) => return Attempt::LostBefore,
        (Effect::Keep, None) if access == Access::Write => return commit(connection),
        _ => {}
    }
    if access == Access::Write && connection.client.batch_execute("ROLLBACK").is_err() {
        return match trouble {
            Some(Trouble::Conflict) => Attempt::LostBefore,
            _ => Attempt::SettledAndLost(ending(effect, trouble)),
        };
    }
    match trouble {
        Some(Trouble::Conflict) => Attempt::Conflict,
        _ => Attempt::Settled(ending(effect, trouble)),
    }
}

/// Nobody knows what became of a COMMIT that was not answered, so it is never sent again.
fn commit(connection: &mut Connection) -> Attempt {
    let Err(error) = connection.client.batch_execute("COMMIT") else {
        return Attempt::Settled(Ending::AsSaid);
    };
    let is_conflict = error.as_db_error().is_some() && classify(&error) == Trouble::Conflict;
    if is_conflict && !connection.client.is_closed() {
        return Attempt::Conflict;
    }
    tracing::error!("COMMIT failed: {error}");
    Attempt::SettledAndLost(Ending::Busy)
}
