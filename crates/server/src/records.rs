//! Clients and the project as the request at hand sees them.
//!
//! A cached record is filed under the deployment's change counter, which every write to such a record moves in the
//! same transaction. The counter is read in the transaction that uses the record, so a change by another process or by
//! the command line holds at the next request, and an older entry can never be found again.

use crate::store::{Tx, projects::Project};
use anyhow::{Context as _, Result};
use hospes_protocol::{
    client::Client,
    id::{ClientId, ProjectId},
};
use quick_cache::sync::Cache;
use std::sync::{Arc, PoisonError, RwLock};

/// A client with the SHA-256 hashes of its live secrets.
#[derive(Debug)]
pub struct Registered {
    pub client: Client,
    pub secret_hashes: Vec<[u8; 32]>,
}

/// The project at one change counter.
#[derive(Debug, Clone)]
pub struct Current {
    pub counter: i64,
    pub project: Arc<Project>,
}

pub struct Records {
    project: RwLock<Option<Current>>,
    clients: Cache<(i64, ClientId), Arc<Registered>>,
    project_secrets: Cache<(i64, ProjectId), Arc<[[u8; 32]]>>,
}

impl Records {
    pub fn new() -> Self {
        Self { project: RwLock::new(None), clients: Cache::new(4096), project_secrets: Cache::new(64) }
    }

    /// The project as it is in this transaction.
    pub fn project(&self, tx: &mut Tx<'_>, id: &ProjectId) -> Result<Current> {
        let counter = tx.change_counter()?;
        if let Some(current) = self.last_known().filter(|current| current.counter == counter) {
            return Ok(current);
        }
        let project = tx.find_project(id)?.with_context(|| format!("project {id} is gone from the database"))?;
        let current = Current { counter, project: Arc::new(project) };
        *self.project.write().unwrap_or_else(PoisonError::into_inner) = Some(current.clone());
        Ok(current)
    }

    /// The project as some recent request saw it; for documents that must be served while the database is away.
    pub fn last_known(&self) -> Option<Current> {
        self.project.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The client as it is in this transaction.
    pub fn client(&self, tx: &mut Tx<'_>, current: &Current, id: &ClientId) -> Result<Option<Arc<Registered>>> {
        let key = (current.counter, id.clone());
        if let Some(registered) = self.clients.get(&key) {
            return Ok(Some(registered));
        }
        let Some(client) = tx.find_client(&current.project.id, id)? else {
            return Ok(None);
        };
        let secret_hashes = tx.find_client_secrets(&current.project.id, id)?.into_iter().map(|own| own.hash).collect();
        let registered = Arc::new(Registered { client, secret_hashes });
        self.clients.insert(key, Arc::clone(&registered));
        Ok(Some(registered))
    }
}

impl Records {
    /// The SHA-256 hashes of the project's secrets for the management API, as they are in this transaction.
    pub fn project_secrets(&self, tx: &mut Tx<'_>, current: &Current) -> Result<Arc<[[u8; 32]]>> {
        let key = (current.counter, current.project.id.clone());
        if let Some(secrets) = self.project_secrets.get(&key) {
            return Ok(secrets);
        }
        let secrets: Arc<[_]> =
            tx.find_project_secrets(&current.project.id)?.into_iter().map(|secret| secret.hash).collect();
        self.project_secrets.insert(key, Arc::clone(&secrets));
        Ok(secrets)
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::new()
    }
}
