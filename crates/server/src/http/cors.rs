//! What pages of other origins may do with the endpoints that clients call: everything, but never with cookies.
//!
//! Specs: Fetch §3.3.3 and §3.3.4, OAuth 2.1 §3.2, mcp T-06.

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        },
    },
    response::{IntoResponse, Response},
};

/// Credentials are not allowed with it, so no cookie of ours ever comes along.
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,POST,OPTIONS");
const SENT: HeaderValue = HeaderValue::from_static("authorization,content-type,accept,dpop,mcp-protocol-version");
const READ: HeaderValue = HeaderValue::from_static("www-authenticate,retry-after,dpop-nonce,x-request-id");
/// Seconds for which a browser need not ask again.
const AN_HOUR: HeaderValue = HeaderValue::from_static("3600");

/// The answer to a browser that asks before it sends.
pub(crate) fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, SENT),
        (ACCESS_CONTROL_MAX_AGE, AN_HOUR),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets any page read the answer. It is the same for every origin, so there is nothing to vary by.
pub(crate) fn open(answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READ);
}
