//! Making and removing the public tokens of a project: the same for the management API and for the command line.

use crate::{
    entropy::Entropy,
    failure::Failure,
    project::environment,
    store::{Tx, public_tokens::PublicToken},
};
use hospes_protocol::{
    Timestamp,
    audit_event::{EventKind, Occasion},
    id::ProjectId,
    public_token::{self, NOT_FOUND},
};

/// A new token, which [`add`] stores.
pub(crate) fn new(project: &ProjectId, entropy: &Entropy, now: Timestamp) -> PublicToken {
    let token = format!("{}{}", public_token::prefix(environment(project)), entropy.uuid());
    PublicToken { token, created_at: now }
}

/// Adds a token to those that the project has.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    token: &PublicToken,
    occasion: &Occasion,
) -> Result<(), Failure> {
    // One after the other, so that two do not each become the tenth.
    tx.take_project(project)?;
    public_token::may_add(tx.list_public_tokens(project)?.len())?;
    // Nobody else draws the same 122 random bits.
    tx.add_public_token(project, token)?;
    let event = occasion.event(EventKind::ProjectPublicTokenAdded);
    Ok(tx.record(project, &event.detail("public_token", token.token.clone()))?)
}

/// Removes a token; pages that use it are turned away from their next request on.
pub(crate) fn remove(tx: &mut Tx<'_>, project: &ProjectId, token: &str, occasion: &Occasion) -> Result<(), Failure> {
    if !tx.remove_public_token(project, token)? {
        return Err(NOT_FOUND.into());
    }
    let event = occasion.event(EventKind::ProjectPublicTokenRemoved);
    Ok(tx.record(project, &event.detail("public_token", token))?)
}
