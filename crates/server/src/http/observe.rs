//! The outermost layer: gives every request an id, counts it, and logs what went wrong, once.
//!
//! Never logged: query strings, bodies, headers. They hold codes, tokens and secrets.

use super::answer::Failed;
use crate::{app::App, failure::Failure};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header::STRICT_TRANSPORT_SECURITY},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use hospes_protocol::ErrorCode;
use tracing::{Instrument as _, debug, error, info, info_span, warn};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The route of requests that match none.
const UNMATCHED: &str = "unmatched";

/// The id of a request, in its log lines, its response header and on error pages.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = app.entropy.uuid().simple().to_string();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = info_span!("request", id, %method, route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str));
    let started = app.metrics.start();
    let mut response = next.run(request).instrument(span.clone()).await;
    app.metrics.finish(
        started,
        method.as_str(),
        route.as_ref().map_or(UNMATCHED, MatchedPath::as_str),
        response.status().as_u16(),
    );
    if let Some(failed) = response.extensions().get::<Failed>() {
        span.in_scope(|| log(failed));
    }
    // RFC 6797 §7.2: only where the issuer is reached over TLS
    if app.issuer.starts_with("https:") {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, A_YEAR);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Ends a request that takes too long: it is answered like any other that finds the server busy, in the form and with
/// the headers of its endpoint.
pub(crate) async fn answer_in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.config.http.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::Busy.into_response(),
    }
}

/// The level follows the code: what clients do every day is quiet, what an operator must see is loud.
fn log(failed: &Failed) {
    let (error, description) = (failed.refusal.error.as_str(), failed.refusal.description.as_ref());
    if let Some(fault) = &failed.fault {
        error!(error, fault = format!("{fault:#}"), "fault");
        return;
    }
    match failed.refusal.error {
        ErrorCode::InvalidClient | ErrorCode::TemporarilyUnavailable | ErrorCode::TooManyRequests => {
            warn!(error, description, "refused");
        }
        ErrorCode::NotFound | ErrorCode::LoginRequired | ErrorCode::InteractionRequired => {
            debug!(error, description, "refused");
        }
        _ => info!(error, description, "refused"),
    }
}
