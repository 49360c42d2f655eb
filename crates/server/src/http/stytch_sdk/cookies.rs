//! A session in cookies that no script can read, under the names that the packages and their back ends know.
//!
//! Specs: RFC 6265bis §4.1.2, §4.1.3 and §5.7 (`__Host-`, `Domain`, `Secure`, `HttpOnly`, `SameSite`).
//!
//! They are not the cookies of our own pages. A cookie of this kind counts only where the browser says that a registered page
//! calls, for it comes along whoever made the browser send the request.
//!
//! Where no back end beside the issuer is to get them they are `__Host-` cookies, which no other host can set. Else any host
//! of the domain can, and two different values are none: which of them is the user's own, nobody can say.

use super::caller::SdkCall;
use crate::{
    http::{extract::cookies, management::session_block::SessionBlock},
    project_settings::BrowserSdk,
    rfc3339,
};
use axum::{
    http::{HeaderMap, HeaderValue, header::SET_COOKIE},
    response::{IntoResponseParts, ResponseParts},
};
use hospes_protocol::Timestamp;
use std::convert::Infallible;

const TOKEN: &str = "stytch_session";
const JWT: &str = "stytch_session_jwt";

/// The `Set-Cookie` headers of an answer; none where the page keeps the tokens itself.
#[derive(Default)]
pub(super) struct SessionCookies(Vec<String>);

impl IntoResponseParts for SessionCookies {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        for cookie in self.0.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

/// The token of the session in the cookie.
pub(super) fn session_token(sdk: &BrowserSdk, headers: &HeaderMap) -> Option<String> {
    let name = name_of(sdk, TOKEN);
    let mut values = cookies(headers, &name);
    let token = values.next().filter(|token| !token.is_empty() && token.len() <= 128)?;
    values.all(|other| other == token).then(|| token.to_owned())
}

/// Moves the tokens of a session out of the answer and into cookies, where the project wants it so.
pub(super) fn keep(call: &SdkCall, block: &mut SessionBlock, now: Timestamp) -> SessionCookies {
    let Some(session) = block.session.as_ref().filter(|_| call.by_cookie) else { return SessionCookies::default() };
    let seconds = rfc3339::parse(&session.expires_at).map_or(0, |end| end.since(now).0).max(0);
    let sdk = &call.current.project.settings.sdk;
    let pairs = [(TOKEN, &mut block.session_token), (JWT, &mut block.session_jwt)];
    SessionCookies(pairs.map(|(name, value)| text(sdk, name, &std::mem::take(value), seconds)).into())
}

/// Takes the cookies away.
pub(super) fn clear(call: &SdkCall) -> SessionCookies {
    let sdk = &call.current.project.settings.sdk;
    if call.by_cookie {
        SessionCookies([TOKEN, JWT].map(|name| text(sdk, name, "", 0)).into())
    } else {
        SessionCookies::default()
    }
}

fn name_of(sdk: &BrowserSdk, name: &str) -> String {
    let prefix = if sdk.cookie_domain.is_none() { "__Host-" } else { "" };
    format!("{prefix}{name}")
}

fn text(sdk: &BrowserSdk, name: &str, value: &str, seconds: i64) -> String {
    let name = name_of(sdk, name);
    let domain = sdk.cookie_domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    format!("{name}={value}; Max-Age={seconds}; Path=/{domain}; Secure; HttpOnly; SameSite=Lax")
}
