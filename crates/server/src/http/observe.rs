//! The one layer around every route: it gives a request its id, its bounds in size and time, and its headers for other
//! origins, counts it, and logs what went wrong, once.
//!
//! One layer rather than one for each purpose, because every layer of a router is boxed and cloned for each request.
//! Never logged: query strings, bodies, headers. They hold codes, tokens and secrets.

use super::{answer::Failed, cors};
use crate::{app::App, failure::Failure};
use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header::STRICT_TRANSPORT_SECURITY},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use hospes_protocol::{ErrorCode, id::ClientId};
use tracing::{Instrument as _, Span, debug, error, field, info, info_span, warn};
use uuid::fmt::Simple;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// How much of a client id is logged.
const LONGEST_NAME: usize = 200;

/// The route of requests that match none.
const UNMATCHED: &str = "unmatched";

/// The id of a request, in its log lines, its response header and on error pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(pub(crate) Simple);

/// Who calls a group of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callers {
    /// Anybody, from any origin, for documents that are prepared: answering says nothing to the log.
    Readers,
    /// Clients, from any origin.
    Clients,
    /// People and back ends. No page of another origin may read the answers. Their failures have forms of their own, so
    /// their routers bound the time themselves, by [`answer_in_time`].
    SameOrigin,
}

/// `router` with everything that its requests have in common.
pub(crate) fn observed<S: Clone + Send + Sync + 'static>(router: Router<S>, app: &App, callers: Callers) -> Router<S> {
    router.layer(from_fn_with_state((app.clone(), callers), observe))
}

async fn observe(State((app, callers)): State<(App, Callers)>, mut request: Request, next: Next) -> Response {
    let started = app.metrics.start();
    let id = app.entropy.uuid().simple();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let in_log = || info_span!("request", %id, %method, route, client_id = field::Empty);
    request.extensions_mut().insert(RequestId(id));
    let (mut response, span) = match callers {
        Callers::Readers | Callers::Clients if method == Method::OPTIONS => (cors::preflight(), Span::none()),
        Callers::Readers => (next.run(request).await, Span::none()),
        Callers::Clients => {
            let span = in_log();
            bound(&app, &mut request);
            (in_time(&app, request, next).instrument(span.clone()).await, span)
        }
        Callers::SameOrigin => {
            let span = in_log();
            bound(&app, &mut request);
            (next.run(request).instrument(span.clone()).await, span)
        }
    };
    app.metrics.finish(started, method.as_str(), route, response.status().as_u16());
    if let Some(failed) = response.extensions().get::<Failed>() {
        let span = if span.is_none() { in_log() } else { span };
        span.in_scope(|| log(failed));
    }
    let headers = response.headers_mut();
    if callers != Callers::SameOrigin {
        cors::open(headers);
    }
    // RFC 6797 §7.2: only where the issuer is reached over TLS
    if app.issuer.starts_with("https:") {
        headers.insert(STRICT_TRANSPORT_SECURITY, A_YEAR);
    }
    if let Ok(value) = HeaderValue::from_str(id.encode_lower(&mut [0; Simple::LENGTH])) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// Names the client in the log lines of this request. Whoever asks chose the text, so it is short and escaped.
pub(crate) fn name_client(client_id: &ClientId) {
    let shown: String = client_id.as_str().chars().take(LONGEST_NAME).collect();
    Span::current().record("client_id", field::debug(shown));
}

/// How large a body may be.
fn bound(app: &App, request: &mut Request) {
    DefaultBodyLimit::max(app.config.http.max_body).apply(request);
}

/// Ends a request that takes too long: it is answered like any other that finds the server busy. Where failures get
/// another form than clients see, this layer belongs below the one that gives it.
pub(crate) async fn answer_in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    in_time(&app, request, next).await
}

async fn in_time(app: &App, request: Request, next: Next) -> Response {
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
