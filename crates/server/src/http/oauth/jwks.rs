//! `GET /.well-known/jwks.json`: the keys that verify our tokens, next and retired ones included.
//!
//! Specs: RFC 7517 §5, OIDC Discovery §3 `jwks_uri`.

use super::metadata::Document;
use crate::app::App;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue},
    response::Response,
};

pub(crate) async fn jwks(State(app): State<App>, headers: HeaderMap) -> Response {
    let ring = app.keys.last_known();
    let jwks = ring.jwks();
    let etag = HeaderValue::from_str(&jwks.etag).unwrap_or(HeaderValue::from_static("\"\""));
    Document { bytes: jwks.bytes.clone(), etag }.answer(&headers)
}
