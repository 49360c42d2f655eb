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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{parameters, scope};
    use proptest::prelude::*;

    const TOKEN: &str = "eyJ0eXAiOiJhdCtqd3QifQ.e30.c2ln";

    #[track_caller]
    fn check(authorization: Option<&str>, query: &str, body: Option<&str>, expected: Result<Option<&str>, Refusal>) {
        let (query, body) = (parameters(query), body.map(parameters));
        let authorization = authorization.map(str::as_bytes);
        assert_eq!(bearer(&Request { authorization, query: &query, body: body.as_ref() }), expected);
    }

    #[test]
    fn a_token_comes_in_the_header_or_in_the_form_body() {
        let header = format!("Bearer {TOKEN}");
        check(Some(&header), "", None, Ok(Some(TOKEN)));
        check(Some(&header), "x=y", Some("x=y"), Ok(Some(TOKEN)));
        check(Some(&format!("bEARER  {TOKEN}")), "", None, Ok(Some(TOKEN)));
        check(None, "", Some(&format!("access_token={TOKEN}")), Ok(Some(TOKEN)));
    }

    #[test]
    fn no_token_is_no_error() {
        check(None, "", None, Ok(None));
        check(None, "", Some(""), Ok(None));
        check(None, "", Some("access_token="), Ok(None));
        check(Some("Basic YTpi"), "", None, Ok(None));
        check(Some("DPoP abc"), "", None, Ok(None));
    }

    // RFC 6750 §2, OAuth 2.1 §5.1
    #[test]
    fn never_in_the_query_and_never_twice() {
        let header = format!("Bearer {TOKEN}");
        let body = format!("access_token={TOKEN}");
        check(None, &body, None, Err(TOKEN_IN_QUERY));
        check(Some(&header), "access_token=", None, Err(TOKEN_IN_QUERY));
        check(Some(&header), "", Some(&body), Err(SEVERAL_TOKENS));
        check(Some(&header), "", Some("access_token="), Err(SEVERAL_TOKENS));
        check(Some("Basic YTpi"), "", Some(&body), Err(SEVERAL_TOKENS));
    }

    #[test]
    fn a_malformed_header_is_refused() {
        for header in ["Bearer", "Bearer ", "Bearer a b", "Bearer \"a\"", "Bearer a,b", "Bearer é"] {
            check(Some(header), "", None, Err(MALFORMED_HEADER));
        }
        let query = parameters("");
        let request = Request { authorization: Some(b"Bearer \xff"), query: &query, body: None };
        assert_eq!(bearer(&request), Err(MALFORMED_HEADER));
    }

    #[test]
    fn the_scope_must_have_openid() {
        assert_eq!(is_open_to(&scope("email openid")), Ok(()));
        assert_eq!(is_open_to(&scope("email openid2")), Err(NEEDS_OPENID));
        assert_eq!(NEEDS_OPENID.error.status(), 403);
    }

    // RFC 6750 §3 and §3.1
    #[test]
    fn the_challenge_names_an_error_only_for_a_token() {
        assert_eq!(challenge(None), "Bearer");
        assert_eq!(
            challenge(Some(&refusal_for(Dead::FamilyRevoked))),
            "Bearer error=\"invalid_token\", \
             error_description=\"the access token was revoked, or what it stood on has ended\""
        );
        assert_eq!(
            challenge(Some(&NEEDS_OPENID)),
            "Bearer error=\"insufficient_scope\", \
             error_description=\"the access token lacks the scope value openid\", scope=\"openid\""
        );
        assert_eq!(refusal_for(Dead::UserDisabled), NO_LONGER_VALID);
    }

    proptest! {
        #[test]
        fn no_description_breaks_out_of_the_challenge(description in "\\PC{0,60}") {
            let refusal = Refusal { error: InvalidRequest, description: description.into() };
            let challenge = challenge(Some(&refusal));
            prop_assert_eq!(challenge.matches('"').count(), 4);
            prop_assert!(challenge.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\'));
        }

        #[test]
        fn no_header_panics(header in proptest::collection::vec(any::<u8>(), 0..60)) {
            let query = parameters("");
            let _ = bearer(&Request { authorization: Some(&header), query: &query, body: None });
        }
    }
}
