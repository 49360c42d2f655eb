//! `POST /v1/sessions/exchange_access_token`: an access token with `full_access` for the session that it was issued on.

use super::{
    body::Body,
    caller::Management,
    reply::{Envelope, ErrorEnvelope, Reply},
    session_block::{NamedSession, SessionBlock, SessionFields},
};
use crate::{
    app::App,
    failure::Failure,
    http::{extract::Now, oauth::access},
    records::Current,
    secret::sha256,
};
use axum::extract::State;
use hospes_protocol::{
    Timestamp, access_token,
    access_token_exchange::{EXPIRED, INVALID_GRANT, NO_SESSION, NOT_FOUND, decide},
    liveness,
    plane::Plane,
    session::{Attributes, FactorMethod},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What is remembered of an exchanged token, so that it is exchanged once.
const REPLAY: &str = "exchanged_access_token";

#[derive(Deserialize, ToSchema)]
pub(crate) struct Exchange {
    /// Of a first party client of the Stytch plane, with the scope `full_access`, at most five minutes old.
    access_token: String,
    /// 5 to 527040: the session ends so long from now; absent: it keeps its end.
    session_duration_minutes: Option<i64>,
    #[schema(value_type = Option<Object>)]
    session_custom_claims: Option<Map<String, Value>>,
}

/// Exchanges an access token, once, for the session that was active when it was authorized.
#[utoipa::path(post, path = "/v1/sessions/exchange_access_token", tag = "Sessions", request_body = Exchange,
    responses((status = 200, body = Envelope<SessionBlock>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn exchange(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Exchange>,
) -> Result<Reply<SessionBlock>, Failure> {
    let fields = SessionFields::unnamed(asked.session_duration_minutes, asked.session_custom_claims);
    Ok(Reply(session_of(&app, &caller.current, &asked.access_token, &fields, *now).await?))
}

/// The session behind an access token, which is exchanged once.
pub(crate) async fn session_of(
    app: &App,
    current: &Current,
    access_token: &str,
    fields: &SessionFields,
    now: Timestamp,
) -> Result<SessionBlock, Failure> {
    let ring = app.keys.ring(current.counter).await?;
    let token = app.verified.verify(&ring, app.verified.look_at(access_token)).map_err(|_| NOT_FOUND)?;
    token
        .validate(app.place(Plane::Stytch), now)
        .map_err(|refusal| if refusal == access_token::EXPIRED { EXPIRED } else { NOT_FOUND })?;
    let prepared = fields.prepare(app, current, Attributes::default(), now).await?;
    let app = app.clone();
    let stored = app
        .clone()
        .store
        .write(move |tx| {
            let claims = token.claims();
            let behind = access::load(tx, &app, claims)?;
            let alive = liveness::access_token(&behind.token(claims), behind.standing(), now);
            let alive = alive.map_err(|_| INVALID_GRANT)?.ok_or(NOT_FOUND)?;
            let family = behind.rows.family.as_ref().ok_or(INVALID_GRANT)?;
            let session = NamedSession::Id(decide(claims, &alive, family, now)?.clone());
            if session.find(tx, &app.project, now)?.is_none_or(|(_, user)| user.id != alive.user.id) {
                return Err(NO_SESSION.into());
            }
            if !tx.add_replay(&app.project, REPLAY, &sha256(claims.jti.as_bytes()), claims.exp)? {
                return Err(INVALID_GRANT.into());
            }
            let user = tx.take_user(&app.project, &alive.user.id)?.ok_or(NO_SESSION)?;
            let method = FactorMethod::AccessTokenExchange { client_id: claims.client_id.clone() };
            prepared.on(session).store(tx, &user, method)
        })
        .await?;
    stored.sign()
}
