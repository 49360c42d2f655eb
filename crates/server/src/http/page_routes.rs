//! What all pages have in common: looking without touching, and failures that a person can read.

use super::{answer::Failed, observe::RequestId, visit::Visit};
use crate::{
    app::App,
    http::{answer::NO_STORE, interaction::waiting, visit::FORGED},
    limits,
    pages::{ErrorKind, ErrorView},
};
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, Method, StatusCode,
        header::{ACCEPT, ALLOW, RETRY_AFTER},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use hospes_protocol::{
    ErrorCode, Refusal,
    authorization_request::{DISABLED_CLIENT, UNKNOWN_CLIENT, UNREGISTERED_REDIRECT_URI},
};

/// Link scanners and browsers that prefetch must not use anything up (mcp T-27): they get an empty answer.
pub(crate) async fn answer_peeking(request: Request, next: Next) -> Response {
    if *request.method() == Method::HEAD || is_prefetch(request.headers()) {
        return (StatusCode::NO_CONTENT, NO_STORE, [(ALLOW, "GET, HEAD, POST")]).into_response();
    }
    next.run(request).await
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .any(|value| value.contains("prefetch") || value.contains("prerender") || value.contains("preview"))
}

/// Draws a failure as a page. It stays here: nothing that failed is sent on to a place that was not proven.
pub(crate) async fn draw_failures(State(app): State<App>, visit: Visit, request: Request, next: Next) -> Response {
    let error_id = request.extensions().get::<RequestId>().map(|id| id.0.to_string()).unwrap_or_default();
    let response = next.run(request).await;
    let Some(failed) = response.extensions().get::<Failed>().cloned() else { return response };
    let view = ErrorView {
        status: response.status().as_u16(),
        error: failed.refusal.error.as_str().to_owned(),
        description: Some(failed.refusal.description.clone().into_owned()),
        error_id,
        kind: kind_of(&failed.refusal),
    };
    let mut page = app.pages.error(&view, &visit.page);
    if let Some(wait) = response.headers().get(RETRY_AFTER) {
        page.headers_mut().insert(RETRY_AFTER, wait.clone());
    }
    page.extensions_mut().insert(failed);
    page
}

/// The same where a program may ask as well: it gets the failure as it is unless it says that it reads pages.
pub(crate) async fn draw_failures_for_people(app: State<App>, visit: Visit, request: Request, next: Next) -> Response {
    if reads_pages(request.headers()) {
        draw_failures(app, visit, request, next).await
    } else {
        next.run(request).await
    }
}

/// RFC 9110 §12.5.1. Browsers name the type; `*/*` alone is what programs send.
fn reads_pages(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let media_type = range.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("text/html")
    })
}

fn kind_of(refusal: &Refusal) -> ErrorKind {
    let known = [
        (&UNKNOWN_CLIENT, ErrorKind::UnknownClient),
        (&DISABLED_CLIENT, ErrorKind::UnknownClient),
        (&UNREGISTERED_REDIRECT_URI, ErrorKind::WrongRedirect),
        (&waiting::UNKNOWN, ErrorKind::Expired),
        (&waiting::DECIDED, ErrorKind::Expired),
        (&waiting::CHANGED, ErrorKind::Expired),
        (&waiting::OTHER_BROWSER, ErrorKind::OtherBrowser),
        (&FORGED, ErrorKind::Forged),
        (&limits::TOO_MANY, ErrorKind::TooManyRequests),
    ];
    if let Some((_, kind)) = known.into_iter().find(|(own, _)| *own == refusal) {
        return kind;
    }
    match refusal.error {
        ErrorCode::ServerError => ErrorKind::Fault,
        ErrorCode::TemporarilyUnavailable => ErrorKind::Busy,
        ErrorCode::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::ClientMistake,
    }
}
