//! The userinfo endpoint's access: how a bearer token is presented, what it must allow, how to ask for a better one.
//!
//! Specs: RFC 6750 §2 and §3, OAuth 2.1 §5.1, OIDC Core §5.3, RFC 9110 §11.1 and §11.6.1.
//!
//! Which claims the answer holds is in `claims`; whether the token still counts is in `liveness`.

use crate::{
    error::{
        ErrorCode::{InsufficientScope, InvalidRequest, InvalidToken},
        Refusal, refuse,
    },
    liveness::Dead,
    parameters::Parameters,
    scope::{OPENID, Scope},
};

pub const TOKEN_IN_QUERY: Refusal =
    refuse(InvalidRequest, "access_token must not be in the URL; send it in the Authorization header");
pub const SEVERAL_TOKENS: Refusal =
    refuse(InvalidRequest, "the access token was sent in more than one way; use the Authorization header only");
pub const MALFORMED_HEADER: Refusal =
    refuse(InvalidRequest, "the Authorization header must be Bearer, one space and the access token");
pub const NO_LONGER_VALID: Refusal =
    refuse(InvalidToken, "the access token was revoked, or what it stood on has ended");
pub const NEEDS_OPENID: Refusal = refuse(InsufficientScope, "the access token lacks the scope value openid");

/// Where a request may carry an access token.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The value of the only `Authorization` header, if there is one.
    pub authorization: Option<&'a [u8]>,
    pub query: &'a Parameters,
    /// The body's parameters, for a POST with a form body.
    pub body: Option<&'a Parameters>,
}

/// Finds the access token of a request. `None` means that the request has none: answer 401 with a challenge that
/// names no error (RFC 6750 §3.1).
pub fn bearer<'a>(request: &Request<'a>) -> Result<Option<&'a str>, Refusal> {
    // OAuth 2.1 §5.1: no longer in the query
    if request.query.has("access_token") {
        return Err(TOKEN_IN_QUERY);
    }
    let in_header = request.authorization.map(from_header).transpose()?.flatten();
    let Some(body) = request.body.filter(|body| body.has("access_token")) else {
        return Ok(in_header);
    };
    // RFC 6750 §2: not more than one method. An empty value counts: it is an attempt.
    if request.authorization.is_some() {
        return Err(SEVERAL_TOKENS);
    }
    // RFC 6750 §2.2
    Ok(body.get("access_token"))
}

/// RFC 6750 §2.1. Another scheme presents no bearer token.
fn from_header(authorization: &[u8]) -> Result<Option<&str>, Refusal> {
    let authorization = std::str::from_utf8(authorization).map_err(|_| MALFORMED_HEADER)?;
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    let is_b64token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_b64token) {
        return Err(MALFORMED_HEADER);
    }
    Ok(Some(token))
}

/// Whether an access token with this scope may ask for the user's claims.
pub fn is_open_to(scope: &Scope) -> Result<(), Refusal> {
    // OIDC Core §5.3.1: the token of an OpenID Connect authentication
    if scope.contains(OPENID) { Ok(()) } else { Err(NEEDS_OPENID) }
}

/// What to tell the bearer of a token that is dead; why is for the log.
pub const fn refusal_for(_: Dead) -> Refusal {
    NO_LONGER_VALID
}

/// The value of `WWW-Authenticate`: with an error only if a token was presented (RFC 6750 §3.1).
pub fn challenge(refusal: Option<&Refusal>) -> String {
    let Some(refusal) = refusal else { return "Bearer".to_owned() };
    let mut challenge = format!("Bearer error=\"{}\", error_description=\"", refusal.error.as_str());
    // RFC 6750 §3: %x20-21 / %x23-5B / %x5D-7E
    challenge.extend(refusal.description.chars().map(|character| match character {
        ' '..='!' | '#'..='[' | ']'..='~' => character,
        '"' => '\'',
        _ => '?',
    }));
    challenge.push('"');
    if refusal.error == InsufficientScope {
        // RFC 6750 §3: the scope that is needed
        challenge.push_str(", scope=\"openid\"");
    }
    challenge
}
