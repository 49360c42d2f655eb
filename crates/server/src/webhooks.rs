//! Making webhooks, removing them and replacing their secrets: the same for the management API and for the command line.
//!
//! A secret is drawn and sealed before the transaction that stores it; the transaction holds the master key under which it
//! was sealed, so that a change of the master key cannot pass it by.

use crate::{
    entropy::Entropy,
    failure::Failure,
    fetch::Fetch,
    keys::{self, MasterKey, webhook_secret},
    project::environment,
    store::{Tx, webhooks::Webhook},
};
use anyhow::Result;
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::{EventKind, Occasion},
    id::{ProjectId, WebhookId},
    refuse_api,
    webhook::{self, NOT_FOUND, OLD_SECRET_SIGNS},
};
use zeroize::Zeroizing;

pub(crate) const BAD_URL: Refusal = refuse_api(
    400,
    "invalid_argument",
    "url: an absolute https URL without user name, password and fragment, on the public internet or where fetch.allow leads",
);

/// A secret, as its owner gets it and as it is stored.
#[derive(Clone)]
pub(crate) struct NewSecret {
    pub(crate) text: String,
    sealed: Vec<u8>,
    /// The master key that it is sealed under.
    master_key_id: String,
}

impl NewSecret {
    pub(crate) fn draw(master: &MasterKey, project: &ProjectId, id: &WebhookId, entropy: &Entropy) -> Result<Self> {
        let secret = Zeroizing::new(entropy.bytes::<32>());
        let sealed = master.seal(webhook_secret(project, id), secret.as_slice(), entropy)?;
        Ok(Self { text: webhook::secret_text(secret.as_slice()), sealed, master_key_id: master.id().to_owned() })
    }
}

pub(crate) fn new_id(project: &ProjectId, entropy: &Entropy) -> WebhookId {
    WebhookId::new(format!("webhook-{}-{}", environment(project), entropy.uuid()))
}

/// Whether messages can be posted there; `fetch` is the way out that they take.
pub(crate) fn parse_url(fetch: &Fetch, url: String) -> Result<String, Refusal> {
    fetch.check(&url).map_err(|_| BAD_URL)?;
    Ok(url)
}

/// A webhook that is made now; [`add`] stores it.
pub(crate) fn new(id: WebhookId, url: String, kinds: Vec<String>, secret: &NewSecret, now: Timestamp) -> Webhook {
    Webhook { id, url, kinds, secret: secret.sealed.clone(), previous: None, created_at: now, updated_at: now }
}

/// Adds a webhook, whose secret was made as `secret`, to those that the project has.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    webhook: &Webhook,
    secret: &NewSecret,
    occasion: &Occasion,
) -> Result<(), Failure> {
    // One after the other, so that two do not each become the tenth.
    keys::hold_master_key(tx, &secret.master_key_id)?;
    webhook::may_add(tx.list_webhooks(project)?.len())?;
    tx.add_webhook(project, webhook)?;
    let event = occasion.event(EventKind::WebhookAdded).detail("webhook_id", webhook.id.to_string());
    Ok(tx.record(project, &event)?)
}

/// Removes a webhook. Nothing more is sent to it, not even what waits.
pub(crate) fn remove(tx: &mut Tx<'_>, project: &ProjectId, id: &WebhookId, occasion: &Occasion) -> Result<(), Failure> {
    if !tx.remove_webhook(project, id)? {
        return Err(NOT_FOUND.into());
    }
    let event = occasion.event(EventKind::WebhookRemoved).detail("webhook_id", id.to_string());
    Ok(tx.record(project, &event)?)
}

/// Gives a webhook another secret; the one before signs as well for a while.
pub(crate) fn rotate_secret(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    id: &WebhookId,
    secret: &NewSecret,
    occasion: &Occasion,
) -> Result<Webhook, Failure> {
    keys::hold_master_key(tx, &secret.master_key_id)?;
    let before = tx.take_webhook(project, id)?.ok_or(NOT_FOUND)?;
    let previous = Some((before.secret, occasion.at.plus(OLD_SECRET_SIGNS)));
    let webhook = Webhook { secret: secret.sealed.clone(), previous, updated_at: occasion.at, ..before };
    tx.save_webhook(project, &webhook)?;
    let event = occasion.event(EventKind::WebhookSecretRotated).detail("webhook_id", id.to_string());
    tx.record(project, &event)?;
    Ok(webhook)
}
