//! The keys of a project: those that sign its tokens, those that its refresh tokens are made with, and the master key
//! under which they are stored.
//!
//! Specs: RFC 7517 §5, RFC 8725 §3.9, RFC 9700 §4.14; OIDC Core §10.1.1 (rotation).
//!
//! Handlers work with a [`KeyRing`]: all keys at one change counter, opened and parsed. A key goes next → active → retired
//! by its times alone, so nothing has to run at the moment it changes; what rotation does is in `rotation`.

mod certificate;
mod master_key;
mod opening;
mod ring;
mod rotation;
#[cfg(test)]
pub(crate) mod tests;

pub use master_key::{Context, MasterKey};
pub use opening::{hold_master_key, open_master_key, rewrap, webhook_secret};
pub use ring::{JwksDocument, KeyRing, KeyState, state_of};
pub use rotation::{Rotation, ensure, first, rotate};

use crate::{clock::Clock, failure::Failure, store::Store};
use anyhow::anyhow;
use aws_lc_rs::hmac;
use hospes_protocol::id::ProjectId;
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};
use zeroize::Zeroizing;

/// The keys of one project, for a running server. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Shared>);

struct Shared {
    store: Store,
    master: Arc<MasterKey>,
    project: ProjectId,
    clock: Clock,
    current: RwLock<Arc<KeyRing>>,
    loading: tokio::sync::Mutex<()>,
    mac: hmac::Key,
}

impl Keys {
    /// Loads the keys of `project`. Fails when one of them does not open.
    pub async fn open(store: &Store, master: MasterKey, project: &ProjectId, clock: &Clock) -> Result<Self, Failure> {
        Self::open_under(store, Arc::new(master), project, clock).await
    }

    /// The keys of another project of the same database, under the same master key.
    pub async fn of_project(&self, project: &ProjectId) -> Result<Self, Failure> {
        let Shared { store, master, clock, .. } = &*self.0;
        Self::open_under(store, Arc::clone(master), project, clock).await
    }

    async fn open_under(
        store: &Store,
        master: Arc<MasterKey>,
        project: &ProjectId,
        clock: &Clock,
    ) -> Result<Self, Failure> {
        let mac = hmac::Key::new(hmac::HMAC_SHA256, master.subkey("mac", project)?.as_slice());
        let ring = load(store, &master, project, clock, None).await?;
        Ok(Self(Arc::new(Shared {
            store: store.clone(),
            master,
            project: project.clone(),
            clock: clock.clone(),
            current: RwLock::new(Arc::new(ring)),
            loading: tokio::sync::Mutex::new(()),
            mac,
        })))
    }

    /// The keys as they were at `counter`, which the caller read in its own transaction, or newer. So a rotation
    /// by another process holds from the next request on.
    pub async fn ring(&self, counter: i64) -> Result<Arc<KeyRing>, Failure> {
        let ring = self.last_known();
        if ring.counter >= counter {
            return Ok(ring);
        }
        let _loading = self.0.loading.lock().await;
        let ring = self.last_known();
        // Somebody else loaded it while we waited.
        if ring.counter >= counter {
            return Ok(ring);
        }
        let Shared { store, master, project, clock, .. } = &*self.0;
        let ring = Arc::new(load(store, master, project, clock, Some(ring)).await?);
        self.set(&ring);
        Ok(ring)
    }

    /// As [`Keys::ring`], for callers that have read no counter.
    pub async fn ring_of_now(&self) -> Result<Arc<KeyRing>, Failure> {
        let counter = self.0.store.look_up(|tx| Ok(tx.change_counter()?)).await?;
        self.ring(counter).await
    }

    /// The keys as some request saw them last; for what must be served while the database is away.
    pub fn last_known(&self) -> Arc<KeyRing> {
        let ring = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let now = self.0.clock.now();
        if ring.is_as_of(now) {
            return ring;
        }
        // A key came to its end by time.
        let ring = Arc::new(ring.at(now));
        self.set(&ring);
        ring
    }

    /// Authenticates `parts` for the use that `label` names, under a key of this project that is never stored. All
    /// processes with the same master key agree; after a change of the master key earlier results hold no more.
    pub fn mac(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0.mac);
        context.update(&master_key::join(&[label]));
        context.update(&master_key::join(parts));
        let mut mac = [0; 32];
        mac.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        mac
    }

    /// What secrets that are no keys are sealed under.
    pub fn master(&self) -> &MasterKey {
        &self.0.master
    }

    /// Decrypts what [`MasterKey::seal`] made for the same `context`.
    pub fn unseal(&self, context: Context<'_>, sealed: &[u8]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        self.0.master.open(context, sealed)
    }

    fn set(&self, ring: &Arc<KeyRing>) {
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.counter <= ring.counter {
            *current = Arc::clone(ring);
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("master", &self.0.master).field("ring", &self.last_known()).finish()
    }
}

async fn load(
    store: &Store,
    master: &MasterKey,
    project: &ProjectId,
    clock: &Clock,
    previous: Option<Arc<KeyRing>>,
) -> Result<KeyRing, Failure> {
    let (own_project, id) = (project.clone(), master.id().to_owned());
    let (counter, keys, is_ours) = store
        .read(move |tx| {
            // The counter first: the keys are then as new as it says, or newer.
            let deployment = tx.find_deployment()?;
            let is_ours = deployment.master_key.is_some_and(|mark| mark.id == id);
            Ok((deployment.change_counter, tx.find_keys(&own_project)?, is_ours))
        })
        .await?;
    let ring = KeyRing::load(counter, &keys, master, project, previous.as_deref(), clock.now());
    Ok(ring.map_err(|error| {
        if is_ours {
            error
        } else {
            error.context(anyhow!("the master key was changed; start the server with the new one"))
        }
    })?)
}
