//! The endpoints in the envelope of the contract. What they do is in [`crate::http::oauth`].

use super::{OTHER_PROJECT, body::Fields};
use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::Challenged,
        extract::{Now, Query, is_form},
        management::{
            error::refuse_api,
            reply::{Nothing, Reply},
        },
        oauth::{authenticate::Sender, introspect, register, revoke, token, userinfo},
        visit::Address,
    },
    issue::{self, TokenResponse},
};
use axum::{
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use hospes_protocol::{
    ErrorCode::InvalidToken, Refusal, capabilities::Capabilities, metadata, parameters::Parameters, plane::Plane,
    refuse, userinfo::challenge,
};
use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) const NO_TOKEN: Refusal =
    refuse(InvalidToken, "no access token: send Authorization: Bearer with one of this project's");
pub(crate) const NO_AUTHORIZATION_PAGE: Refusal = refuse_api(
    400,
    "authorization_endpoint_not_configured_for_project",
    "the project has no page for authorization requests; set authorization_url to the host app's",
);

pub(super) async fn token(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    Fields(parameters): Fields,
) -> Result<Reply<TokenResponse>, Challenged> {
    Ok(Reply(token::answer(&app, sender(&headers, address), &parameters, now).await?))
}

/// As in the contract, the answer is the registration alone, without an envelope.
pub(super) async fn register(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    register::answer(&app, Plane::Stytch, now, address, &headers, body).await
}

pub(super) async fn introspect(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    Fields(parameters): Fields,
) -> Result<Response, Challenged> {
    introspect::answer(&app, sender(&headers, address), &parameters, now, |answer| Reply(answer).into_response()).await
}

pub(super) async fn revoke(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    Fields(parameters): Fields,
) -> Result<Reply<Nothing>, Challenged> {
    revoke::apply(&app, sender(&headers, address), &parameters, now).await?;
    Ok(Reply(Nothing {}))
}

fn sender(headers: &HeaderMap, address: Address) -> Sender<'_> {
    Sender { plane: Plane::Stytch, headers, address: address.0 }
}

pub(super) async fn userinfo(
    State(app): State<App>,
    now: Now,
    headers: HeaderMap,
    Query(query): Query,
    body: Bytes,
) -> Result<Reply<Map<String, Value>>, Challenged> {
    // RFC 6750 §2.2: a body counts only as a form; SDKs send one along with GET
    let body = if is_form(&headers) { Some(Parameters::parse(&body)?) } else { None };
    let claims = userinfo::claims(&app, Plane::Stytch, now, &headers, &query, body.as_ref()).await?;
    claims.map(Reply).ok_or_else(|| Challenged { failure: NO_TOKEN.into(), challenge: Some(challenge(None)) })
}

/// The metadata of this plane.
pub(super) async fn discovery(State(app): State<App>) -> Result<Reply<Value>, Failure> {
    let current = {
        let app = app.clone();
        app.clone().store.look_up(move |tx| Ok(app.records.project(tx, &app.project)?)).await?
    };
    let authorization = current.project.settings.authorization_url.as_deref().ok_or(NO_AUTHORIZATION_PAGE)?;
    let issuer = issue::issuer(&app, &current, Plane::Stytch);
    let mut capabilities = Capabilities::of(&app.issuer, &current.project.policy, Vec::new());
    if current.project.settings.dynamic_client_registration.enabled {
        capabilities = capabilities.with_registration();
    }
    Ok(Reply(metadata::stytch_document(&capabilities, &app.project, &issuer, authorization)))
}

#[derive(Serialize)]
pub(super) struct Keys {
    keys: Vec<Value>,
}

/// The keys that verify tokens of this plane and of sessions.
pub(super) async fn keys(State(app): State<App>, Path(project): Path<String>) -> Result<Reply<Keys>, Failure> {
    if project != app.project.as_str() {
        return Err(OTHER_PROJECT.into());
    }
    Ok(Reply(Keys { keys: app.keys.last_known().rsa_keys().to_vec() }))
}
