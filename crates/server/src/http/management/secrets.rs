//! `/v1/secrets`: the secrets of this very API (our extension).

use super::{
    body::Body,
    caller::Management,
    reply::{Envelope, ErrorEnvelope, Nothing, Reply},
};
use crate::{app::App, failure::Failure, http::extract::Now, project, rfc3339, store::project_secrets::ProjectSecret};
use axum::extract::{Path, State};
use hospes_protocol::{
    audit_event::{Actor, EventKind},
    project_secret,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct SecretView {
    secret_id: String,
    /// The end of the secret, by which its owner recognises it.
    last_four: String,
    created_at: String,
    /// The secret itself: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl SecretView {
    fn of(own: &ProjectSecret, secret: Option<String>) -> Self {
        Self {
            secret_id: own.id.clone(),
            last_four: own.last_four.clone(),
            created_at: rfc3339::text(own.created_at),
            secret,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SecretsReply {
    secrets: Vec<SecretView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SecretReply {
    secret: SecretView,
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct NoMembers {}

/// Lists the secrets of the project, oldest first.
#[utoipa::path(get, path = "/v1/secrets", tag = "Project", responses(
    (status = 200, body = Envelope<SecretsReply>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn list(State(app): State<App>, caller: Management) -> Result<Reply<SecretsReply>, Failure> {
    let project = caller.current.project.id.clone();
    let found = app.store.read(move |tx| Ok(tx.find_project_secrets(&project)?)).await?;
    Ok(Reply(SecretsReply { secrets: found.iter().map(|own| SecretView::of(own, None)).collect() }))
}

/// Makes another secret; it is shown this once.
#[utoipa::path(post, path = "/v1/secrets", tag = "Project", request_body = NoMembers, responses(
    (status = 200, body = Envelope<SecretReply>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(NoMembers {}): Body<NoMembers>,
) -> Result<Reply<SecretReply>, Failure> {
    let project = caller.current.project.id.clone();
    let secret = project::new_secret(&project, &app.entropy);
    let stored = project::stored_secret(&project, secret.text(), &app.entropy, *now);
    let added = stored.clone();
    let occasion = app.occasion(Actor::Host, *now);
    app.store
        .write(move |tx| {
            project_secret::may_add(&tx.take_project_secrets(&project)?)?;
            tx.add_project_secret(&project, &added)?;
            let event = occasion.event(EventKind::ProjectSecretAdded).detail("secret_id", added.id.clone());
            Ok(tx.record(&project, &event)?)
        })
        .await?;
    Ok(Reply(SecretReply { secret: SecretView::of(&stored, Some(secret.text().to_owned())) }))
}

/// Deletes a secret: from the next request on nobody comes in with it.
#[utoipa::path(delete, path = "/v1/secrets/{secret_id}", tag = "Project", params(("secret_id" = String, Path)),
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<Nothing>, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, *now);
    app.store
        .write(move |tx| {
            // All of them, so that two that are deleted at the same time are not both the last but one.
            project_secret::may_remove(&tx.take_project_secrets(&project)?, &id)?;
            tx.remove_project_secret(&project, &id)?;
            let event = occasion.event(EventKind::ProjectSecretRemoved).detail("secret_id", id.clone());
            Ok(tx.record(&project, &event)?)
        })
        .await?;
    Ok(Reply(Nothing {}))
}
