//! How the secret of a client is replaced while both are accepted: the same for connected apps, for machines and for the
//! command line, whose errors have different names.

use crate::{
    failure::Failure,
    project,
    store::{
        Tx,
        client_secrets::{ClientSecret, Slot},
    },
};
use hospes_protocol::{
    Refusal,
    audit_event::{EventKind, Occasion},
    client::Client,
    id::ProjectId,
};

/// How whoever is asked says no.
pub(crate) struct Refusals {
    /// The client does not authenticate by a secret of ours.
    pub(crate) no_secrets: Refusal,
    pub(crate) already_rotating: Refusal,
    pub(crate) not_rotating: Refusal,
}

/// Adds a second secret.
pub(crate) fn start(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    client: &Client,
    next: &ClientSecret,
    refusals: &Refusals,
    occasion: &Occasion,
) -> Result<(), Failure> {
    has_secret(client, refusals)?;
    if tx.find_client_secrets(project, &client.id)?.iter().any(|own| own.slot == Slot::Next) {
        return Err(refusals.already_rotating.clone().into());
    }
    tx.set_client_secret(project, &client.id, next)?;
    Ok(tx.record(project, &occasion.event(EventKind::ClientSecretRotationStarted).client(&client.id))?)
}

/// Forgets the second secret.
pub(crate) fn cancel(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    client: &Client,
    refusals: &Refusals,
    occasion: &Occasion,
) -> Result<(), Failure> {
    has_secret(client, refusals)?;
    if !tx.cancel_client_secret(project, &client.id)? {
        return Err(refusals.not_rotating.clone().into());
    }
    Ok(tx.record(project, &occasion.event(EventKind::ClientSecretRotationCancelled).client(&client.id))?)
}

/// Forgets the first secret; the second takes its place.
pub(crate) fn finish(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    client: &Client,
    refusals: &Refusals,
    occasion: &Occasion,
) -> Result<(), Failure> {
    has_secret(client, refusals)?;
    if !tx.promote_client_secret(project, &client.id)? {
        return Err(refusals.not_rotating.clone().into());
    }
    Ok(tx.record(project, &occasion.event(EventKind::ClientSecretRotationFinished).client(&client.id))?)
}

fn has_secret(client: &Client, refusals: &Refusals) -> Result<(), Refusal> {
    if project::uses_secret(&client.settings) { Ok(()) } else { Err(refusals.no_secrets.clone()) }
}
