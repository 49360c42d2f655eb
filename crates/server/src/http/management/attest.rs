//! `POST /v1/sessions/attest`: a JWT of an issuer that the project trusts logs its user in.

use super::{
    body::Body,
    caller::Management,
    reply::{Envelope, ErrorEnvelope, Reply},
    session_block::{Prepared, SessionBlock, SessionFields},
};
use crate::{
    app::App,
    failure::Failure,
    http::{attestation::Attestation, extract::Now},
};
use axum::extract::State;
use hospes_protocol::{
    audit_event::Actor,
    session::{Attributes, FactorMethod},
    user::User,
};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
pub(crate) struct Attest {
    profile_id: String,
    /// The other issuer's JWT.
    token: String,
    #[serde(flatten)]
    session: SessionFields,
}

/// Logs a user in by a JWT of an issuer that the project trusts. The same JWT may be attested again until it expires.
#[utoipa::path(post, path = "/v1/sessions/attest", tag = "Sessions", request_body = Attest,
    responses((status = 200, body = Envelope<SessionBlock>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn attest(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Attest>,
) -> Result<Reply<SessionBlock>, Failure> {
    let attestation = Attestation::verify(&app, &asked.profile_id, &asked.token, Actor::Host, *now).await?;
    let prepared = asked.session.prepare(&app, &caller.current, Attributes::default(), *now).await?;
    Ok(Reply(admit(&app, attestation, prepared).await?.0))
}

/// Logs in whom the attestation means, with the session that was prepared.
pub(crate) async fn admit(
    app: &App,
    attestation: Attestation,
    mut prepared: Prepared,
) -> Result<(SessionBlock, User), Failure> {
    prepared.beginning.trusted_profile = Some(attestation.profile_id.clone());
    let (stored, user) = app
        .store
        .write(move |tx| {
            let user = attestation.admit(tx, &prepared.signer.current.project)?;
            let method = FactorMethod::TrustedAuthToken { token_id: attestation.attested.token_id.clone() };
            Ok((prepared.store(tx, &user, method)?, user))
        })
        .await?;
    Ok((stored.sign()?, user))
}
