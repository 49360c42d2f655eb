//! The demo's API: the host app's post office, which takes postcards from other applications.
//!
//! Specs: RFC 6750 §2.1, RFC 9068 §4.
//! It knows of the server only what every API may: the issuer, and its published keys. A revoked access token works
//! here until it expires; an API that must know at once asks for introspection.

use super::exchange::Wire;
use crate::clock::Clock;
use anyhow::Result;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use hospes_resource_server::{AccessToken, Challenge, KeyCache, Rejection, Timestamp, Verifier, bearer_token};
use serde_json::json;
use std::sync::Arc;

/// What a token must allow.
pub(crate) const SCOPE: &str = "postcards:send";
/// Where the API stands at its host.
pub(crate) const PATH: &str = "/post-office";

#[derive(Clone)]
pub(crate) struct PostOffice(Arc<Parts>);

struct Parts {
    verifier: Verifier,
    keys: KeyCache,
    jwks_uri: String,
    wire: Wire,
    clock: Clock,
}

impl PostOffice {
    /// The API of which tokens of `issuer` say that they are for `audience`.
    pub(crate) fn new(issuer: &str, audience: &str, clock: Clock) -> Result<Self> {
        Ok(Self(Arc::new(Parts {
            verifier: Verifier::new(issuer, audience),
            keys: KeyCache::new(),
            jwks_uri: format!("{issuer}/.well-known/jwks.json"),
            wire: Wire::new()?,
            clock,
        })))
    }

    pub(crate) fn router(self) -> Router {
        Router::new().route(PATH, post(take)).with_state(self)
    }

    async fn check(&self, headers: &HeaderMap) -> Result<AccessToken, Rejection> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (token, now) = (bearer_token(authorization)?, self.0.clock.now());
        if self.0.keys.is_stale(now) {
            self.fetch_keys(now).await;
        }
        let token = match self.0.verifier.verify(token, &self.0.keys.current(), now) {
            // The issuer may have rotated its keys.
            Err(Rejection::UnknownKey) => {
                self.fetch_keys(now).await;
                self.0.verifier.verify(token, &self.0.keys.current(), now)?
            }
            outcome => outcome?,
        };
        token.require_scope(&[SCOPE])?;
        Ok(token)
    }

    async fn fetch_keys(&self, now: Timestamp) {
        if !self.0.keys.begin_refresh(now) {
            return;
        }
        let (_, answer) = self.0.wire.get("", "", &self.0.jwks_uri, None).await;
        // The keys from before remain when these cannot be had.
        if let Ok(jwks) = answer {
            let _ = self.0.keys.replace(jwks.to_string().as_bytes(), now);
        }
    }
}

/// Takes a postcard, if the token is for this API and allows it.
async fn take(State(office): State<PostOffice>, headers: HeaderMap) -> Response {
    match office.check(&headers).await {
        Ok(token) => {
            let receipt = json!({ "sent": true, "from": token.subject, "by": token.client_id });
            (StatusCode::CREATED, Json(receipt)).into_response()
        }
        Err(rejection) => {
            let status = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::UNAUTHORIZED);
            let challenge = Challenge { scope: Some(SCOPE), ..Challenge::default() }.header(&rejection);
            let body = json!({ "error": rejection.code(), "error_description": rejection.to_string() });
            (status, [(header::WWW_AUTHENTICATE, challenge)], Json(body)).into_response()
        }
    }
}
