//! From which pages the browser APIs may be called, and what browsers are told about it.
//!
//! Specs: Fetch §3.2 and §3.3 (CORS), RFC 6454 §7, OWASP CSRF prevention by verified origin, attacks.md row 37.
//!
//! What carries anything in its body is JSON, which no form can send, so a page of another origin must ask first. And an
//! `Origin` that is not known is refused whatever else comes along, and is never echoed; `null` is no origin that could be registered.

use crate::{app::App, failure::Failure, records::Current};
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use hospes_protocol::{Refusal, refuse_api};
use url::Url;

pub(crate) const NOT_REGISTERED: Refusal = refuse_api(
    403,
    "origin_not_registered",
    "pages of this origin may not call the browser API; add it, as browsers write it, to the setting sdk.domains",
);

/// What a page may send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) methods: &'static str,
    pub(crate) headers: &'static str,
}

const READ: HeaderValue = HeaderValue::from_static("retry-after,x-request-id");
/// Seconds for which a browser need not ask again; an origin that was taken out of the settings is refused all the same.
const AN_HOUR: HeaderValue = HeaderValue::from_static("3600");

/// The project as it is now, and whether the browser vouches that a known page calls.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) current: Current,
    /// Only then does a cookie count: without it a page of any origin might have caused the call.
    pub(crate) page_is_known: bool,
}

/// Lets calls pass that come from no page, or from one that may call.
pub(crate) async fn only_known(
    State((app, allowed)): State<(App, Allowed)>,
    mut request: Request,
    next: Next,
) -> Response {
    let current = {
        let app = app.clone();
        app.clone().store.look_up(move |tx| Ok(app.records.project(tx, &app.project)?)).await
    };
    let current = match current {
        Ok(current) => current,
        Err(failure) => return failure.into_response(),
    };
    let origin = match known_origin(request.headers(), &app, &current) {
        Ok(origin) => origin,
        Err(refusal) => return Failure::from(refusal).into_response(),
    };
    let is_preflight = request.method() == Method::OPTIONS;
    let page_is_known = origin.is_some() || is_same_origin(request.headers());
    request.extensions_mut().insert(Known { current, page_is_known });
    let mut response = if is_preflight { preflight(allowed) } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        // For pages of the same site. Our cookies are SameSite=Lax, so none comes along from another.
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    }
    response
}

fn preflight(allowed: Allowed) -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allowed.methods)),
        (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed.headers)),
        (ACCESS_CONTROL_MAX_AGE, AN_HOUR),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// The origin of the page that calls, if the browser names one.
fn known_origin(headers: &HeaderMap, app: &App, current: &Current) -> Result<Option<HeaderValue>, Refusal> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(None) };
    let own = Url::parse(&app.issuer).map(|issuer| issuer.origin().ascii_serialization()).unwrap_or_default();
    let mut known = current.project.settings.sdk.domains.iter().chain([&own]);
    let is_known = origins.next().is_none() && known.any(|known| known.as_bytes() == origin.as_bytes());
    if is_known { Ok(Some(origin.clone())) } else { Err(NOT_REGISTERED) }
}

/// Browsers send no `Origin` with a GET to the page's own origin, but say this.
fn is_same_origin(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|value| value == "same-origin")
}
