//! What most commands begin with: the database, and the project that is meant.

use crate::{
    clock::Clock,
    config::Config,
    entropy::Entropy,
    failure::Failure,
    project,
    store::{Store, StoreConfig, Tx, projects::Project},
};
use anyhow::{Context as _, Result, anyhow, bail};
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::{Actor, Occasion},
    id::ProjectId,
};

/// A database whose tables are up to date.
pub(super) struct Database {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
}

impl Database {
    /// Opens the database; it must exist and be migrated.
    pub(super) fn open(config: &Config) -> Result<Self> {
        if let Some(path) = config.database.url.sqlite_path().filter(|path| !path.exists()) {
            bail!("there is no database {}; `hospes init` makes it", path.display());
        }
        let database = Self::open_as_it_is(config)?;
        let pending = database.store.pending_migrations().context("cannot read the database")?;
        if !pending.is_empty() {
            bail!("the database lacks the migrations {}; run `hospes migrate`", pending.join(", "));
        }
        Ok(database)
    }

    /// Opens the database, makes it if it is an SQLite file that is missing, and brings its tables up to date.
    pub(super) fn open_and_migrate(config: &Config) -> Result<Self> {
        let database = Self::open_as_it_is(config)?;
        database.store.migrate().context("cannot bring the tables of the database up to date")?;
        Ok(database)
    }

    pub(super) fn open_as_it_is(config: &Config) -> Result<Self> {
        // One command needs one connection.
        let store = Store::open(&StoreConfig { connections: 1, ..config.database.store() })?;
        Ok(Self { store, clock: Clock::System, entropy: Entropy::Os })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn read<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        Ok(self.store.read_blocking(move |tx| body(tx).map_err(Failure::from))?)
    }

    /// Runs `body` in one transaction: an error undoes all of it.
    pub(super) fn write<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        Ok(self.store.write_blocking(move |tx| body(tx).map_err(Failure::from))?)
    }
}

/// A database, and the project that the configuration means.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) project: Project,
}

impl Opened {
    pub(super) fn with_project(config: &Config) -> Result<Self> {
        let database = Database::open(config)?;
        let (id, issuer) = (config.project.clone(), config.issuer.to_string());
        let project = database.read(move |tx| project::find(tx, id.as_ref(), &issuer))?;
        let project = project.context("the database holds no project yet; `hospes init` makes one")?;
        Ok(Self { database, project })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.database.now()
    }

    /// For one event of the audit log.
    pub(super) fn occasion(&self) -> Occasion {
        project::occasion(&self.project.id, &self.database.entropy, Actor::Operator, self.now())
    }

    pub(super) fn read<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>, &ProjectId) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let project = self.project.id.clone();
        self.database.read(move |tx| body(tx, &project))
    }

    /// Runs `body` in one transaction: an error undoes all of it.
    pub(super) fn write<T: Send + 'static>(
        &self,
        body: impl Fn(&mut Tx<'_>, &ProjectId) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let project = self.project.id.clone();
        self.database.write(move |tx| body(tx, &project))
    }
}

/// What went wrong as the operator reads it: a refusal without the wire's code, a fault as it is.
pub(super) fn told(failure: impl Into<Failure>) -> anyhow::Error {
    match failure.into() {
        Failure::Refused(Refusal { description, .. }) => anyhow!("{description}"),
        Failure::Fault(error) => error,
        other => other.into(),
    }
}
