//! Clients and the project as the request at hand sees them.
//!
//! A cached record is filed under the deployment's change counter, which every write to such a record moves in the
//! same transaction. The counter is read in the transaction that uses the record, so a change by another process or by
//! the command line holds at the next request, and an older entry can never be found again.
//!
//! Only a read fills the cache. A transaction that writes, or shares a flush with one that does, may see a counter that
//! is never committed; the next change would bring the same number again, with other records.

use crate::{
    config::Lifetimes,
    project,
    store::{Tx, client_secrets::Proof, projects::Project},
};
use anyhow::{Context as _, Result};
use hospes_protocol::{
    client::Client,
    id::{ClientId, ProjectId},
};
use quick_cache::sync::Cache;
use std::sync::{Arc, PoisonError, RwLock};

/// A client with what proves its live secrets.
#[derive(Debug)]
pub struct Registered {
    pub client: Client,
    /// SHA-256 of those that we made.
    pub secret_hashes: Vec<[u8; 32]>,
    /// Those that were made elsewhere; see `imported_secret`.
    pub wrapped_secrets: Vec<String>,
}

/// The project at one change counter.
#[derive(Debug, Clone)]
pub struct Current {
    pub counter: i64,
    pub project: Arc<Project>,
    /// The project's own, and the configuration's where it has none.
    pub lifetimes: Arc<Lifetimes>,
}

pub struct Records {
    /// Those of the configuration.
    common_lifetimes: Lifetimes,
    project: RwLock<Option<Current>>,
    clients: Cache<(i64, ClientId), Arc<Registered>>,
    project_secrets: Cache<(i64, ProjectId), Arc<[[u8; 32]]>>,
    public_tokens: Cache<(i64, ProjectId), Arc<[String]>>,
}

impl Records {
    /// `common_lifetimes` are the configuration's.
    pub fn new(common_lifetimes: Lifetimes) -> Self {
        Self {
            common_lifetimes,
            project: RwLock::new(None),
            clients: Cache::new(4096),
            project_secrets: Cache::new(64),
            public_tokens: Cache::new(64),
        }
    }

    /// The project as it is in this transaction.
    pub fn project(&self, tx: &mut Tx<'_>, id: &ProjectId) -> Result<Current> {
        let counter = tx.change_counter()?;
        if let Some(current) = self.last_known().filter(|current| current.counter == counter) {
            return Ok(current);
        }
        let project = tx.find_project(id)?.with_context(|| format!("project {id} is gone from the database"))?;
        let lifetimes = Arc::new(project::lifetimes(&self.common_lifetimes, &project)?);
        let current = Current { counter, project: Arc::new(project), lifetimes };
        if !tx.sees_only_what_is_committed() {
            return Ok(current);
        }
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
        let (mut secret_hashes, mut wrapped_secrets) = (Vec::new(), Vec::new());
        for secret in tx.find_client_secrets(&current.project.id, id)? {
            match secret.proof {
                Proof::Hash(hash) => secret_hashes.push(hash),
                Proof::Wrapped(wrapped) => wrapped_secrets.push(wrapped),
            }
        }
        let registered = Arc::new(Registered { client, secret_hashes, wrapped_secrets });
        if tx.sees_only_what_is_committed() {
            self.clients.insert(key, Arc::clone(&registered));
        }
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
        if tx.sees_only_what_is_committed() {
            self.project_secrets.insert(key, Arc::clone(&secrets));
        }
        Ok(secrets)
    }

    /// The project's public tokens, no older than `current`.
    pub fn public_tokens(&self, tx: &mut Tx<'_>, current: &Current) -> Result<Arc<[String]>> {
        let key = (current.counter, current.project.id.clone());
        if let Some(tokens) = self.public_tokens.get(&key) {
            return Ok(tokens);
        }
        let tokens: Arc<[_]> = tx.list_public_tokens(&current.project.id)?.into_iter().map(|own| own.token).collect();
        if tx.sees_only_what_is_committed() {
            self.public_tokens.insert(key, Arc::clone(&tokens));
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        store::tests::{Database, sqlite},
    };
    use anyhow::anyhow;
    use hospes_protocol::{
        Timestamp,
        client::{Client, ClientSettings},
        policy::Policy,
    };
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn settings(name: &str) -> ClientSettings {
        serde_json::from_value(serde_json::json!({
            "name": name, "party": "third", "confidentiality": "public", "authentication_methods": ["none"],
        }))
        .unwrap()
    }

    fn with_client() -> Database {
        let db = sqlite();
        let project = Project {
            id: ProjectId::new("project"),
            name: "Example".into(),
            issuer: "https://id.example".into(),
            settings: crate::project_settings::ProjectSettings::default(),
            policy: Policy::default(),
            created_at: NOW,
            updated_at: NOW,
            version: 1,
            tokens_valid_from: NOW,
        };
        let client = Client {
            id: ClientId::new("client"),
            settings: settings("old"),
            created_at: NOW,
            updated_at: NOW,
            version: 1,
            disabled_at: None,
            tokens_valid_from: NOW,
        };
        let add = move |tx: &mut Tx<'_>| Ok(tx.add_project(&project)? && tx.add_client(&project.id, &client)?);
        assert!(db.store.write_blocking(add).unwrap());
        db
    }

    fn records() -> Records {
        let config = Config::parse(None, "issuer = \"https://id.example\"", []).unwrap();
        Records::new(config.lifetimes)
    }

    fn name(tx: &mut Tx<'_>, records: &Records) -> Result<String> {
        let current = records.project(tx, &ProjectId::new("project"))?;
        let client = records.client(tx, &current, &ClientId::new("client"))?.context("the client is there")?;
        Ok(client.client.settings.name.clone())
    }

    fn rename(tx: &mut Tx<'_>, to: &str) -> Result<()> {
        let renamed = tx.update_client(&ProjectId::new("project"), &ClientId::new("client"), &settings(to), 1, NOW)?;
        renamed.map(drop).context("the client has version 1")
    }

    /// The counter that a transaction moved, and that was rolled back, is the number of the next change too.
    #[test]
    fn what_was_never_committed_is_not_remembered() {
        let (db, records) = (with_client(), Arc::new(records()));
        let seen = Arc::clone(&records);
        let undone = db.store.write_blocking(move |tx| {
            rename(tx, "undone")?;
            assert_eq!(name(tx, &seen)?, "undone");
            Err::<(), _>(anyhow!("and now it is rolled back").into())
        });
        assert!(undone.is_err());
        db.store.write_blocking(|tx| Ok(rename(tx, "new")?)).unwrap();
        let seen = Arc::clone(&records);
        assert_eq!(db.store.read_blocking(move |tx| Ok(name(tx, &seen)?)).unwrap(), "new");
        assert_eq!(records.last_known().unwrap().counter, 4);
    }
}
