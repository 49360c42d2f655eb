//! Which master key a database needs: found at the start, refused if it is another, changed by `hospes key rewrap`.
//!
//! These functions block: they are for the command line and for the start of a server, not for a thread of the async runtime.

use super::master_key::{Context, MasterKey};
use crate::{
    config::MasterKeySource,
    entropy::Entropy,
    failure::Failure,
    store::{Store, Tx, deployment::MasterKeyMark, webhooks::Webhook},
};
use anyhow::{Result, anyhow, bail};
use hospes_protocol::id::{ProjectId, WebhookId};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// The master key, checked against the database, whose tables must be up to date.
///
/// A database that never had one takes the key that is there. The key file is made only where nothing can be lost by it: for
/// an SQLite database that holds no keys.
pub fn open_master_key(source: &MasterKeySource, store: &Store, entropy: &Entropy) -> Result<MasterKey> {
    let found = MasterKey::find(source)?;
    let (known, has_keys) = store.read_blocking(|tx| {
        let known = tx.find_deployment()?.master_key;
        Ok((known, has_keys(tx)?))
    })?;
    if let Some(known) = known {
        let Some(key) = found else {
            bail!(
                "this database needs the master key {}, and there is no {source}. Put the key back from where you keep it \
                 (a backup of the database does not hold it), or set HOSPES_MASTER_KEY.",
                known.id
            );
        };
        recognize(&key, &known, source)?;
        return Ok(key);
    }
    // Keys without a mark: the row was lost, and any key might be the wrong one.
    if has_keys {
        bail!("the database holds keys but does not say which master key they need; restore it from a backup");
    }
    let key = match (found, source) {
        (Some(key), _) => key,
        (None, MasterKeySource::File(path)) if store.sqlite_path().is_some() => MasterKey::make_file(path, entropy)?,
        (None, _) => bail!(
            "there is no {source}. Make a key with `hospes key new` and set HOSPES_MASTER_KEY to it, or write it to that \
             file with mode 600; every server of this database needs the same."
        ),
    };
    let mark = key.mark();
    let known = store.write_blocking(move |tx| {
        // The row is locked by the change, so of several servers that start at once one sets the key.
        tx.count_change()?;
        if let Some(known) = tx.find_deployment()?.master_key {
            return Ok(known);
        }
        tx.set_master_key(&mark)?;
        Ok(mark.clone())
    })?;
    recognize(&key, &known, source)?;
    Ok(key)
}

/// Encrypts every stored key under `new` instead of `old`, all in one transaction. Servers that run must then be
/// started again with the new key; until then they go on with the keys that they have opened.
pub fn rewrap(store: &Store, old: MasterKey, new: MasterKey, entropy: &Entropy) -> Result<u64> {
    if old.id() == new.id() {
        bail!("the new master key is the one that is in use already");
    }
    let (old, new, entropy) = (Arc::new(old), Arc::new(new), entropy.clone());
    Ok(store.write_blocking(move |tx| {
        tx.count_change()?;
        require(tx, old.id())?;
        let mut count = 0;
        for project in tx.list_projects()? {
            for key in tx.find_keys(&project.id)? {
                let context = Context { project: &project.id, kid: &key.kid, purpose: key.purpose.as_str() };
                let secret = old.open(context, &key.private_key)?;
                tx.rewrap_key(&project.id, &key.kid, &new.seal(context, &secret, &entropy)?)?;
                count += 1;
            }
            for webhook in tx.list_webhooks(&project.id)? {
                let context = webhook_secret(&project.id, &webhook.id);
                let renew = |sealed: &[u8]| new.seal(context, &old.open(context, sealed)?, &entropy);
                let previous = match &webhook.previous {
                    Some((secret, until)) => Some((renew(secret)?, *until)),
                    None => None,
                };
                tx.rewrap_webhook(&project.id, &Webhook { secret: renew(&webhook.secret)?, previous, ..webhook })?;
                count += 1;
            }
        }
        tx.set_master_key(&new.mark())?;
        Ok(count)
    })?)
}

/// What the secret of a webhook is sealed for.
pub fn webhook_secret<'a>(project: &'a ProjectId, webhook: &'a WebhookId) -> Context<'a> {
    Context { project, kid: webhook.as_str(), purpose: "webhook" }
}

/// To be called before anything sealed under the master key `id` is stored: keeps it from being changed until the
/// transaction ends, and refuses when it has been.
pub fn hold_master_key(tx: &mut Tx<'_>, id: &str) -> Result<(), Failure> {
    tx.count_change()?;
    require(tx, id)
}

/// Refuses to go on with a master key that is not, or no longer, the database's.
pub(super) fn require(tx: &mut Tx<'_>, id: &str) -> Result<(), Failure> {
    match tx.find_deployment()?.master_key {
        Some(known) if known.id == id => Ok(()),
        Some(known) => {
            Err(anyhow!("the database's master key is now {}, and {id} was given; use the new one", known.id).into())
        }
        None => Err(anyhow!("the database knows no master key yet").into()),
    }
}

fn recognize(key: &MasterKey, known: &MasterKeyMark, source: &MasterKeySource) -> Result<()> {
    let is_known = known.id == key.id() && bool::from(key.check_value().ct_eq(known.check_value.as_slice()));
    if is_known {
        return Ok(());
    }
    bail!(
        "the master key in {source} ({}) is not the one that this database needs ({}). Put the right key there. \
         If you mean to change it, start with the right key and run `hospes key rewrap`.",
        key.id(),
        known.id
    )
}

fn has_keys(tx: &mut Tx<'_>) -> Result<bool, Failure> {
    for project in tx.list_projects()? {
        if !tx.find_keys(&project.id)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
