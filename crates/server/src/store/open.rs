//! Opening the store and sending it work.

use super::{
    job::{Ending, Work},
    migrations, postgresql,
    queue::Queue,
    sql::{Access, Tx},
    sqlite,
};
use crate::failure::Failure;
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::sync::oneshot;

/// Where the database is and how much may wait for it.
#[derive(Clone)]
pub struct StoreConfig {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// Connections to PostgreSQL. SQLite always has one writer and four readers.
    pub connections: usize,
    /// How many transactions may wait, for reads and for writes each, before the server says that it is busy.
    pub queue: usize,
    /// PostgreSQL: how long a statement may run, or wait for a lock.
    pub statement_timeout: Duration,
}

impl StoreConfig {
    /// `url` with what suits a single server.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), connections: 8, queue: 1024, statement_timeout: Duration::from_secs(5) }
    }
}

/// The database. Cloning is cheap; all clones are the same database.
#[derive(Clone)]
pub struct Store(Arc<Lanes>);

struct Lanes {
    place: Place,
    reads: Arc<Queue>,
    writes: Arc<Queue>,
    /// SQLite only.
    at_hand: Option<sqlite::AtHand>,
    /// On SQLite the writer is the first.
    threads: Mutex<Vec<JoinHandle<()>>>,
    #[cfg(test)]
    switches: Arc<super::tests::Switches>,
}

pub(super) enum Place {
    Sqlite(PathBuf),
    Postgres { settings: Arc<postgresql::Settings>, health: Arc<postgresql::Health> },
}

/// How busy the store is, for metrics and readiness.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    pub reads_waiting: usize,
    /// On PostgreSQL reads and writes wait in one line, and both figures are its length.
    pub writes_waiting: usize,
    /// Whether there is a connection, or one to be had.
    pub is_reachable: bool,
}

impl Store {
    /// Opens the database without looking into it: call [`Store::migrate`] before the first transaction.
    ///
    /// An SQLite file is made if it is missing. A PostgreSQL that cannot be reached is no error: until it can,
    /// everything answers [`Failure::Busy`].
    pub fn open(config: &StoreConfig) -> Result<Self> {
        ensure!(config.queue > 0, "the queue of the store must have room for at least one");
        match parse_place(config)? {
            Place::Sqlite(path) => Self::open_sqlite(config, path),
            place @ Place::Postgres { .. } => Self::open_postgres(config, place),
        }
    }

    fn open_sqlite(config: &StoreConfig, path: PathBuf) -> Result<Self> {
        let (reads, writes) = (Arc::new(Queue::new(config.queue)), Arc::new(Queue::new(config.queue)));
        #[cfg(test)]
        let switches = Arc::default();
        let mut writer = sqlite::Writer {
            path: path.clone(),
            connection: Some(sqlite::Connection::open(&path, Access::Write)?),
            #[cfg(test)]
            switches: Arc::clone(&switches),
        };
        let mut threads = Vec::new();
        let queue = Arc::clone(&writes);
        threads.push(named("store-writer").spawn(move || writer.serve(&queue))?);
        for _ in 0..sqlite::READERS {
            let connection = sqlite::Connection::open(&path, Access::Read)?;
            let (path, queue) = (path.clone(), Arc::clone(&reads));
            threads.push(named("store-reader").spawn(move || sqlite::read_lane(connection, &path, &queue))?);
        }
        let askers = thread::available_parallelism().map_or(1, |processors| processors.get()).min(sqlite::READERS);
        Ok(Self(Arc::new(Lanes {
            at_hand: Some(sqlite::AtHand::open(&path, askers)?),
            place: Place::Sqlite(path),
            reads,
            writes,
            threads: Mutex::new(threads),
            #[cfg(test)]
            switches,
        })))
    }

    fn open_postgres(config: &StoreConfig, place: Place) -> Result<Self> {
        ensure!(config.connections > 0, "the store needs at least one connection");
        let queue = Arc::new(Queue::new(config.queue));
        let mut threads = Vec::new();
        if let Place::Postgres { settings, health } = &place {
            let (ready, attempts) = mpsc::channel();
            for _ in 0..config.connections {
                let (settings, health) = (Arc::clone(settings), Arc::clone(health));
                let (queue, ready) = (Arc::clone(&queue), ready.clone());
                let lane = move || postgresql::lane(&settings, &health, &queue, ready);
                threads.push(named("store").spawn(lane)?);
            }
            drop(ready);
            // One connection is enough to begin with; without any, the lanes have logged why.
            let _ = attempts.iter().find(Result::is_ok);
        }
        Ok(Self(Arc::new(Lanes {
            place,
            reads: Arc::clone(&queue),
            writes: queue,
            at_hand: None,
            threads: Mutex::new(threads),
            #[cfg(test)]
            switches: Arc::default(),
        })))
    }

    /// Runs `body`, which only reads.
    pub async fn read<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        settle(self.send(Access::Read, body).await)
    }

    /// [`Store::read`] for a few rows that are found by their keys: on SQLite that is done on the caller's thread, which
    /// costs less than waking another. Each statement sees its own snapshot.
    pub async fn look_up<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        match self.0.at_hand.as_ref().and_then(|at_hand| at_hand.read(&body)) {
            Some(outcome) => outcome,
            None => self.read(body).await,
        }
    }

    /// Holds all connections at hand, as many threads that ask at the same moment do.
    #[cfg(test)]
    pub(super) fn take_what_is_at_hand(&self) -> impl Sized + '_ {
        self.0.at_hand.as_ref().map(sqlite::AtHand::take).into_iter().flatten().collect::<Vec<_>>()
    }

    /// Runs `body` in one transaction. A refusal is an answer and is committed; a fault is not, and is rolled back.
    ///
    /// `body` may run more than once, so it has no effect but on the database. The answer comes after the flush.
    pub async fn write<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        settle(self.send(Access::Write, body).await)
    }

    /// [`Store::read`] for the command line. Not to be called on a thread of an async runtime.
    pub fn read_blocking<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        settle(self.send(Access::Read, body).blocking_recv())
    }

    /// [`Store::write`] for the command line. Not to be called on a thread of an async runtime.
    pub fn write_blocking<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        settle(self.send(Access::Write, body).blocking_recv())
    }

    /// Brings the schema up to date and returns the names of the migrations that it took. A second process that
    /// comes meanwhile waits. Refuses a database that a newer version has migrated.
    pub fn migrate(&self) -> Result<Vec<&'static str>> {
        on_own_thread(|| migrations::migrate(&self.0.place))
    }

    /// The migrations that [`Store::migrate`] would take, without taking them.
    pub fn pending_migrations(&self) -> Result<Vec<&'static str>> {
        on_own_thread(|| migrations::pending(&self.0.place))
    }

    /// Copies an SQLite database to a new file while it is in use. The copy holds no master key.
    pub fn backup_to(&self, path: &Path) -> Result<()> {
        match &self.0.place {
            Place::Sqlite(source) => sqlite::backup(source, path),
            Place::Postgres { .. } => bail!("a PostgreSQL database is backed up with pg_dump, not by Hospes"),
        }
    }

    /// The file of an SQLite database.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0.place {
            Place::Sqlite(path) => Some(path),
            Place::Postgres { .. } => None,
        }
    }

    pub fn pressure(&self) -> Pressure {
        Pressure {
            reads_waiting: self.0.reads.len(),
            writes_waiting: self.0.writes.len(),
            is_reachable: self.0.is_reachable(),
        }
    }

    /// Finishes what waits, takes nothing new and closes the connections. Blocks until that is done.
    pub fn close(&self) {
        let mut writer = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let readers = writer.split_off(writer.len().min(1));
        // The writer last and alone: the last connection writes SQLite's log back into the file, and connections that
        // close at the same moment each leave it to the others.
        self.0.reads.close();
        join(readers);
        if let Some(at_hand) = &self.0.at_hand {
            at_hand.close();
        }
        self.0.writes.close();
        join(writer);
    }

    fn send<T, F>(&self, access: Access, body: F) -> oneshot::Receiver<Result<T, Failure>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let (job, answer) = Work::line_up(access, body);
        match access {
            _ if !self.0.is_reachable() => job.answer(Ending::Busy),
            Access::Read => self.0.reads.push(job),
            Access::Write => self.0.writes.push(job),
        }
        answer
    }

    pub(super) fn place(&self) -> &Place {
        &self.0.place
    }

    #[cfg(test)]
    pub(super) fn switches(&self) -> &super::tests::Switches {
        &self.0.switches
    }
}

impl Lanes {
    fn is_reachable(&self) -> bool {
        match &self.place {
            Place::Sqlite(_) => true,
            Place::Postgres { health, .. } => !health.is_down(),
        }
    }

    fn close(&self) {
        self.reads.close();
        self.writes.close();
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.close();
    }
}

fn settle<T>(answer: Result<Result<T, Failure>, oneshot::error::RecvError>) -> Result<T, Failure> {
    answer.context("the thread of the database stopped")?
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // A thread that panicked has said so on its own.
        let _ = thread.join();
    }
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

/// The client of PostgreSQL waits on a runtime of its own, which must not be inside another one.
pub(super) fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(outcome) => outcome,
        Err(_) => bail!("panic while talking to the database"),
    })
}

fn parse_place(config: &StoreConfig) -> Result<Place> {
    let url = &config.url;
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let settings = Arc::new(postgresql::Settings::parse(url, config.statement_timeout)?);
        return Ok(Place::Postgres { settings, health: Arc::default() });
    }
    let Some(path) = url.strip_prefix("sqlite:") else {
        bail!("the database URL must begin with sqlite: or postgres://");
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    ensure!(!path.is_empty(), "the database URL names no file; write for example sqlite:hospes.db");
    ensure!(!path.starts_with(':') && !path.contains('?'), "an SQLite URL is sqlite: and the path of a file");
    Ok(Place::Sqlite(PathBuf::from(path)))
}
