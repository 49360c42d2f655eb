//! Who calls: a page of the project that the public token names, and the session that it shows.
//!
//! Specs: RFC 7617 §2 (Basic).
//!
//! The packages send Basic with the public token as user name. The password is the session's token, or the public token once
//! more: then nobody is logged in, or the session is in a cookie that the page cannot read.

use super::cookies;
use crate::{
    app::App,
    failure::Failure,
    http::{
        browser_api::sender::Sender,
        browser_login,
        extract::single,
        management::{error::refuse_with, session_block::NamedSession},
    },
    records::Current,
    secret::sha256,
};
use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};
use base64ct::{Base64, Encoding as _};
use hospes_protocol::{Refusal, refuse_api, session::Attributes};
use std::net::IpAddr;

pub(crate) const NO_PUBLIC_TOKEN: Refusal = refuse_api(
    401,
    "invalid_authorization_header",
    "send Authorization: Basic base64(public_token:session_token), or the public token twice when nobody is logged in",
);
pub(crate) const UNKNOWN_PUBLIC_TOKEN: Refusal = refuse_api(
    401,
    "invalid_public_token",
    "the project has no such public token; `hospes public-token list` shows those that it has, \
     `hospes public-token add` makes one",
);
pub(crate) const NOT_LOGGED_IN: Refusal = refuse_api(
    401,
    "user_unauthenticated",
    "nobody is logged in: send the session's token as the password of Basic, or log the user in first; a cookie of \
     sdk.http_only_cookies comes along only where page and server are of one site",
);
pub(crate) const JWT_IS_NO_PROOF: Refusal = refuse_api(
    401,
    "unauthorized_credentials",
    "the password of Basic is the session's token, session_token; its JWT is for back ends",
);

/// A call by a page, or by an app that is none.
pub(super) struct SdkCall {
    pub(super) current: Current,
    pub(super) address: IpAddr,
    pub(super) attributes: Attributes,
    shown: Option<Shown>,
    /// Whether sessions travel in cookies: the project wants it so, and a browser calls that says from which page.
    pub(super) by_cookie: bool,
}

/// How a call shows a session.
enum Shown {
    /// The token itself, or so it should be.
    Bearer(String),
    /// By the SHA-256 of the token in the cookie.
    Cookie([u8; 32]),
}

impl SdkCall {
    /// The session that the call shows, dead or alive.
    pub(super) fn session(&self) -> Result<Option<NamedSession>, Refusal> {
        match &self.shown {
            // A JWT goes to back ends and further; whoever has got one must not get the session itself for it.
            Some(Shown::Bearer(bearer)) if bearer.contains('.') => Err(JWT_IS_NO_PROOF),
            Some(Shown::Bearer(bearer)) => Ok(Some(NamedSession::Token(sha256(bearer.as_bytes())))),
            Some(Shown::Cookie(hash)) => Ok(Some(NamedSession::Token(*hash))),
            None => Ok(None),
        }
    }

    /// The same where nothing can be done without one.
    pub(super) fn signed_in(&self) -> Result<NamedSession, Refusal> {
        self.session()?.ok_or(NOT_LOGGED_IN)
    }

    /// How long a session is to last that begins with this call.
    pub(super) fn minutes(&self, asked: Option<i64>) -> Result<i64, Refusal> {
        let longest = browser_login::longest_minutes(&self.current);
        match asked {
            Some(minutes) if minutes > longest => Err(refuse_with(
                400,
                "invalid_session_duration_minutes",
                format!(
                    "session_duration_minutes: a page may ask for {longest} at most, which is the lifetimes.session of the project"
                ),
            )),
            Some(minutes) => Ok(minutes),
            None => Ok(longest),
        }
    }
}

impl FromRequestParts<App> for SdkCall {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Sender { current, page_is_known, address, attributes } = Sender::from_request_parts(parts, app).await?;
        let header = single(&parts.headers, AUTHORIZATION)?.and_then(parse).ok_or(NO_PUBLIC_TOKEN)?;
        check_public_token(app, &current, &header.public_token).await?;
        let by_cookie = current.project.settings.sdk.http_only_cookies && page_is_known;
        let shown = match header.session {
            Some(bearer) => Some(Shown::Bearer(bearer)),
            None if by_cookie => {
                let sdk = &current.project.settings.sdk;
                cookies::session_token(sdk, &parts.headers).map(|token| Shown::Cookie(sha256(token.as_bytes())))
            }
            None => None,
        };
        Ok(Self { current, address, attributes, shown, by_cookie })
    }
}

/// Refuses what is no public token of the project.
pub(super) async fn check_public_token(app: &App, current: &Current, token: &str) -> Result<(), Failure> {
    let (looking, current) = (app.clone(), current.clone());
    let known = app.store.look_up(move |tx| Ok(looking.records.public_tokens(tx, &current)?)).await?;
    if known.iter().any(|own| own == token) { Ok(()) } else { Err(UNKNOWN_PUBLIC_TOKEN.into()) }
}

/// What the packages put into `Authorization`.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    public_token: String,
    session: Option<String>,
}

fn parse(header: &[u8]) -> Option<Header> {
    let (scheme, encoded) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(Base64::decode_vec(encoded.trim()).ok()?).ok()?;
    let (public_token, second) = text.split_once(':')?;
    let session = Some(second).filter(|second| !second.is_empty() && *second != public_token);
    Some(Header { public_token: public_token.to_owned(), session: session.map(str::to_owned) })
}

#[test]
fn the_password_is_a_session_unless_it_is_the_public_token_again() {
    let header = |session: Option<&str>| {
        Some(Header { public_token: "public-token-test-1".to_owned(), session: session.map(str::to_owned) })
    };
    for (text, expected) in [
        ("public-token-test-1:public-token-test-1", header(None)),
        ("public-token-test-1:", header(None)),
        ("public-token-test-1:abc", header(Some("abc"))),
        ("public-token-test-1:a:b", header(Some("a:b"))),
        ("public-token-test-1", None),
    ] {
        let sent = format!("basic {}", Base64::encode_string(text.as_bytes()));
        assert_eq!(parse(sent.as_bytes()), expected, "{text}");
    }
    for sent in ["", "Basic", "Basic !!", "Bearer cHVibGljOmE=", "Basic /w=="] {
        assert_eq!(parse(sent.as_bytes()), None, "{sent}");
    }
}
