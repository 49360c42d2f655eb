//! `/v1/public_tokens`: by which pages in the browser say which project they belong to (our extension).

use super::{
    body::Body,
    caller::Management,
    reply::{Envelope, ErrorEnvelope, Nothing, Reply},
    secrets::NoMembers,
};
use crate::{app::App, failure::Failure, http::extract::Now, public_token, rfc3339, store::public_tokens::PublicToken};
use axum::extract::{Path, State};
use hospes_protocol::audit_event::Actor;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct PublicTokenView {
    /// Not secret: it stands in the page.
    public_token: String,
    created_at: String,
}

impl From<PublicToken> for PublicTokenView {
    fn from(own: PublicToken) -> Self {
        Self { public_token: own.token, created_at: rfc3339::text(own.created_at) }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PublicTokensReply {
    public_tokens: Vec<PublicTokenView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PublicTokenReply {
    public_token: PublicTokenView,
}

/// Lists the public tokens of the project, oldest first; there are at most 10.
#[utoipa::path(get, path = "/v1/public_tokens", tag = "Project", operation_id = "list_public_tokens", responses(
    (status = 200, body = Envelope<PublicTokensReply>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn list(State(app): State<App>, caller: Management) -> Result<Reply<PublicTokensReply>, Failure> {
    let project = caller.current.project.id.clone();
    let found = app.store.read(move |tx| Ok(tx.list_public_tokens(&project)?)).await?;
    Ok(Reply(PublicTokensReply { public_tokens: found.into_iter().map(PublicTokenView::from).collect() }))
}

/// Makes a public token. What browsers may do with it is in the settings `sdk.enabled` and `sdk.domains`.
#[utoipa::path(post, path = "/v1/public_tokens", tag = "Project", operation_id = "add_public_token",
    request_body = NoMembers, responses(
    (status = 200, body = Envelope<PublicTokenReply>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(NoMembers {}): Body<NoMembers>,
) -> Result<Reply<PublicTokenReply>, Failure> {
    let project = caller.current.project.id.clone();
    let token = public_token::new(&project, &app.entropy, *now);
    let (added, occasion) = (token.clone(), app.occasion(Actor::Host, *now));
    app.store.write(move |tx| public_token::add(tx, &project, &added, &occasion)).await?;
    Ok(Reply(PublicTokenReply { public_token: token.into() }))
}

/// Deletes a public token: pages that use it are turned away from their next request on.
#[utoipa::path(delete, path = "/v1/public_tokens/{public_token}", tag = "Project",
    operation_id = "remove_public_token", params(("public_token" = String, Path)),
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(token): Path<String>,
) -> Result<Reply<Nothing>, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, *now);
    app.store.write(move |tx| public_token::remove(tx, &project, &token, &occasion)).await?;
    Ok(Reply(Nothing {}))
}
