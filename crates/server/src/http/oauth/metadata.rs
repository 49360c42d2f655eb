//! The metadata document at its four well-known forms, and a JSON 404 for everything else below `/.well-known/`.
//!
//! Specs: RFC 8414 §3, OIDC Discovery §4, mcp T-04, T-07 and T-17: prepared bytes that need no database.

use crate::{app::App, secret::sha256};
use axum::{
    body::Bytes,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};

const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A public JSON document, serialised once.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    pub(crate) etag: HeaderValue,
}

impl Document {
    /// With an entity tag that changes with the bytes.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let tag = Base64UrlUnpadded::encode_string(sha256(&bytes).get(..12).unwrap_or_default());
        let etag = HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { bytes: bytes.into(), etag }
    }

    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        let is_known = headers.get(IF_NONE_MATCH).is_some_and(|own| own == self.etag);
        let caching = [(CACHE_CONTROL, FIVE_MINUTES), (ETAG, self.etag.clone())];
        if is_known {
            return (StatusCode::NOT_MODIFIED, caching).into_response();
        }
        let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (caching, kind, self.bytes.clone()).into_response()
    }
}

pub(crate) async fn metadata(State(app): State<App>, headers: HeaderMap) -> Response {
    app.metadata().answer(&headers)
}
