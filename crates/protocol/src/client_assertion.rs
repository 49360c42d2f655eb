//! A client that authenticates by a JWT it signed (`private_key_jwt`).
//!
//! Specs: RFC 7523 §3, RFC 7521 §4.2 and §5.2, OIDC Core §9, draft-ietf-oauth-rfc7523bis (audience).
//!
//! The signature is verified before, with the client's own keys; remembering the `jti` is the store's part.
//! The refusals here are for the log: outside there is one answer for every failed client authentication.

use crate::{
    error::{ErrorCode::InvalidClient, Refusal, refuse},
    id::ClientId,
    jose::{Unverified, Verified, numeric_date},
    time::{Seconds, Timestamp},
};
use serde_json::Value;

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far the client's clock may differ from ours.
pub const LEEWAY: Seconds = Seconds(60);

/// The longest validity we accept, so that no `jti` has to be remembered for longer.
pub const LONGEST_VALIDITY: Seconds = Seconds(3600);

const LONGEST_JTI: usize = 512;

pub const WRONG_TYPE: Refusal =
    refuse(InvalidClient, "the client assertion's typ is neither absent, JWT nor client-authentication+jwt");
pub const WRONG_ISSUER: Refusal = refuse(InvalidClient, "the client assertion's iss is not the client_id");
pub const WRONG_SUBJECT: Refusal = refuse(InvalidClient, "the client assertion's sub is not the client_id");
pub const SEVERAL_AUDIENCES: Refusal = refuse(InvalidClient, "the client assertion's aud is not exactly one value");
pub const WRONG_AUDIENCE: Refusal = refuse(InvalidClient, "the client assertion's aud is not this issuer");
pub const NO_EXPIRY: Refusal = refuse(InvalidClient, "the client assertion has no exp");
pub const EXPIRED: Refusal = refuse(InvalidClient, "the client assertion has expired");
pub const TOO_LONG_LIVED: Refusal = refuse(InvalidClient, "the client assertion is valid for more than an hour");
pub const NOT_YET_VALID: Refusal =
    refuse(InvalidClient, "the client assertion is not valid yet: its iat or nbf lies ahead");
pub const VOID: Refusal =
    refuse(InvalidClient, "the client assertion was signed before everything that had been issued was declared void");
pub const BAD_TIME: Refusal =
    refuse(InvalidClient, "the client assertion's exp, iat or nbf is not a number of seconds");
pub const NO_JTI: Refusal =
    refuse(InvalidClient, "the client assertion's jti is absent, empty or longer than 512 bytes");

/// What an assertion must say, from our side.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub client_id: &'a ClientId,
    pub issuer: &'a str,
    /// Set if this client may also name the token endpoint (`assertion_audience_token_endpoint`).
    pub token_endpoint: Option<&'a str>,
    /// What was signed before is void. A database that was restored does not know which assertions were used after the
    /// backup. Of an assertion without `iat` nobody can tell when it was signed; it counts until its `exp`.
    pub valid_from: Timestamp,
}

/// A valid assertion, as long as its `jti` was not seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAssertion {
    /// Whose it is.
    pub client_id: ClientId,
    /// Single use, per client.
    pub jti: String,
    /// The last time at which this assertion could be accepted; remember the `jti` until then.
    pub remember_until: Timestamp,
    /// Nobody makes one without [`validate`].
    seal: Seal,
}

/// Only this module can make one, so whoever holds a sealed value knows that it was checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seal;

/// Whose assertion this claims to be: to find the client's keys, not to believe it.
pub fn claimed_client_id(assertion: &Unverified<'_>) -> Option<ClientId> {
    // RFC 7521 §4.2: client_id may be left out of the request; the assertion's subject names the client
    let claims = assertion.untrusted_claims().ok()?;
    claims.get("sub").and_then(Value::as_str).map(ClientId::new)
}

/// Validates the claims of an assertion that was verified with a key of `expected.client_id`.
///
/// What the assertion is and for whom comes before its times, so that a token of another kind, or one meant for another
/// server, is called that even when it has expired.
pub fn validate(assertion: &Verified, expected: &Expected<'_>, now: Timestamp) -> Result<ClientAssertion, Refusal> {
    // RFC 8725 §3.11: a token that was made for another purpose, ours included, is no assertion
    let is_assertion =
        assertion.typ().is_none() || assertion.is_of_type("JWT") || assertion.is_of_type("client-authentication+jwt");
    if !is_assertion {
        return Err(WRONG_TYPE);
    }
    // RFC 7523 §3 (1), RFC 7521 §5.2
    if assertion.text("iss") != Some(expected.client_id.as_str()) {
        return Err(WRONG_ISSUER);
    }
    // RFC 7523 §3 (2)
    if assertion.text("sub") != Some(expected.client_id.as_str()) {
        return Err(WRONG_SUBJECT);
    }
    // RFC 7523 §3 (3). One audience only: an assertion that also names another server could be replayed by it
    let audience = match assertion.claims().get("aud") {
        Some(Value::String(one)) => one,
        Some(Value::Array(values)) => match values.as_slice() {
            [Value::String(one)] => one,
            _ => return Err(SEVERAL_AUDIENCES),
        },
        _ => return Err(SEVERAL_AUDIENCES),
    };
    if audience != expected.issuer && Some(audience.as_str()) != expected.token_endpoint {
        return Err(WRONG_AUDIENCE);
    }
    // RFC 7523 §3 (4)
    let exp = time(assertion, "exp")?.ok_or(NO_EXPIRY)?;
    let remember_until = exp.plus(LEEWAY);
    if now >= remember_until {
        return Err(EXPIRED);
    }
    if exp > now.plus(LONGEST_VALIDITY).plus(LEEWAY) {
        return Err(TOO_LONG_LIVED);
    }
    // RFC 7523 §3 (5) and (6)
    for name in ["nbf", "iat"] {
        if time(assertion, name)?.is_some_and(|time| time > now.plus(LEEWAY)) {
            return Err(NOT_YET_VALID);
        }
    }
    if time(assertion, "iat")?.is_some_and(|signed| signed < expected.valid_from) {
        return Err(VOID);
    }
    // RFC 7523 §3 (7), which OIDC Core §9 makes required
    let jti = assertion.text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI).ok_or(NO_JTI)?;
    Ok(ClientAssertion { client_id: expected.client_id.clone(), jti: jti.to_owned(), remember_until, seal: Seal })
}

fn time(assertion: &Verified, name: &str) -> Result<Option<Timestamp>, Refusal> {
    match assertion.claims().get(name) {
        None => Ok(None),
        Some(value) => numeric_date(value).map(Some).ok_or(BAD_TIME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::VerifyingAlg;
    use proptest::prelude::*;
    use serde_json::json;

    const ISSUER: &str = "https://login.example";
    const TOKEN_ENDPOINT: &str = "https://login.example/oauth2/token";
    const NOW: i64 = 10_000;

    fn expected(client_id: &ClientId) -> Expected<'_> {
        Expected { client_id, issuer: ISSUER, token_endpoint: None, valid_from: Timestamp(NOW - 600) }
    }

    fn with(changes: &Value) -> Value {
        let mut claims = json!({ "iss": "web", "sub": "web", "aud": ISSUER, "exp": NOW + 300, "iat": NOW, "jti": "1" });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    #[track_caller]
    fn check_type(typ: Option<&str>, changes: &Value, refusal: Option<Refusal>) {
        let assertion = Verified::assume(VerifyingAlg::PS256, typ, with(changes));
        let outcome = validate(&assertion, &expected(&ClientId::new("web")), Timestamp(NOW));
        assert_eq!(outcome.err(), refusal, "{typ:?} {changes}");
    }

    #[track_caller]
    fn check(changes: &Value, refusal: Option<Refusal>) {
        check_type(None, changes, refusal);
    }

    #[test]
    fn the_jti_is_to_be_remembered_for_as_long_as_the_assertion_would_be_accepted() {
        let client_id = ClientId::new("web");
        let assertion = Verified::assume(VerifyingAlg::ES256, Some("JWT"), with(&json!({})));
        let valid = validate(&assertion, &expected(&client_id), Timestamp(NOW)).unwrap();
        assert_eq!((valid.jti.as_str(), valid.remember_until), ("1", Timestamp(NOW + 360)));
        let last = Timestamp(valid.remember_until.0 - 1);
        assert!(validate(&assertion, &expected(&client_id), last).is_ok());
        assert_eq!(validate(&assertion, &expected(&client_id), valid.remember_until), Err(EXPIRED));
    }

    #[test]
    fn issuer_and_subject_are_the_client() {
        check(&json!({ "iss": "other" }), Some(WRONG_ISSUER));
        check(&json!({ "iss": null }), Some(WRONG_ISSUER));
        check(&json!({ "iss": ["web"] }), Some(WRONG_ISSUER));
        check(&json!({ "sub": "alice" }), Some(WRONG_SUBJECT));
        check(&json!({ "sub": "" }), Some(WRONG_SUBJECT));
    }

    #[test]
    fn what_was_signed_before_everything_was_declared_void_is_void() {
        check(&json!({ "iat": NOW - 600 }), None);
        check(&json!({ "iat": NOW - 601 }), Some(VOID));
        check(&json!({ "iat": NOW - 601, "exp": NOW - 60 }), Some(EXPIRED));
    }

    /// CVE-2020-5300, CVE-2020-15222: an assertion for another server, or without a `jti`, was accepted.
    #[test]
    fn the_audience_is_this_issuer_and_nobody_else() {
        check(&json!({ "aud": [ISSUER] }), None);
        check(&json!({ "aud": [ISSUER, "https://evil.example"] }), Some(SEVERAL_AUDIENCES));
        check(&json!({ "aud": [ISSUER, ISSUER] }), Some(SEVERAL_AUDIENCES));
        for aud in [json!([]), json!([7]), json!(7), json!(null), json!({ "0": ISSUER }), json!([[ISSUER]])] {
            check(&json!({ "aud": aud }), Some(SEVERAL_AUDIENCES));
        }
        for aud in
            ["https://login.example/", "https://evil.example", "HTTPS://login.example", "web", "", TOKEN_ENDPOINT]
        {
            check(&json!({ "aud": aud }), Some(WRONG_AUDIENCE));
        }
    }

    #[test]
    fn the_token_endpoint_is_an_audience_only_where_the_client_says_so() {
        let client_id = ClientId::new("web");
        let switched = Expected { token_endpoint: Some(TOKEN_ENDPOINT), ..expected(&client_id) };
        let for_endpoint = Verified::assume(VerifyingAlg::ES256, None, with(&json!({ "aud": TOKEN_ENDPOINT })));
        assert!(validate(&for_endpoint, &switched, Timestamp(NOW)).is_ok());
        assert_eq!(validate(&for_endpoint, &expected(&client_id), Timestamp(NOW)), Err(WRONG_AUDIENCE));
        let for_issuer = Verified::assume(VerifyingAlg::ES256, None, with(&json!({})));
        assert!(validate(&for_issuer, &switched, Timestamp(NOW)).is_ok());
    }

    #[test]
    fn times_are_checked_with_a_minute_of_leeway() {
        check(&json!({ "exp": NOW - 59 }), None);
        check(&json!({ "exp": NOW - 60 }), Some(EXPIRED));
        check(&json!({ "exp": NOW + 3_660 }), None);
        check(&json!({ "exp": NOW + 3_661 }), Some(TOO_LONG_LIVED));
        check(&json!({ "exp": i64::MAX }), Some(TOO_LONG_LIVED));
        check(&json!({ "exp": i64::MIN }), Some(EXPIRED));
        for name in ["iat", "nbf"] {
            check(&json!({ name: NOW + 60 }), None);
            check(&json!({ name: NOW + 61 }), Some(NOT_YET_VALID));
            check(&json!({ name: "soon" }), Some(BAD_TIME));
        }
        check(&json!({ "exp": null }), Some(BAD_TIME));
        check(&json!({ "exp": f64::from(10_300) + 0.5 }), None);
        let mut claims = with(&json!({}));
        claims.as_object_mut().unwrap().remove("exp");
        let eternal = Verified::assume(VerifyingAlg::ES256, None, claims);
        assert_eq!(validate(&eternal, &expected(&ClientId::new("web")), Timestamp(NOW)), Err(NO_EXPIRY));
    }

    #[test]
    fn a_jti_is_required() {
        for jti in [json!(null), json!(""), json!(1), json!("x".repeat(513))] {
            check(&json!({ "jti": jti }), Some(NO_JTI));
        }
        check(&json!({ "jti": "x".repeat(512) }), None);
    }

    /// CVE-2025-12421: a token of another kind was taken for a credential.
    #[test]
    fn a_token_of_another_kind_is_no_assertion() {
        for typ in [None, Some("JWT"), Some("jwt"), Some("client-authentication+jwt")] {
            check_type(typ, &json!({}), None);
        }
        for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "oauth-authz-req+jwt", ""]
        {
            check_type(Some(typ), &json!({}), Some(WRONG_TYPE));
        }
        // An ID token of ours: its subject is a user and its issuer is us.
        check_type(Some("JWT"), &json!({ "iss": ISSUER, "sub": "alice", "aud": "web" }), Some(WRONG_ISSUER));
    }

    #[test]
    fn the_claimed_client_is_the_subject() {
        let header = crate::jose::base64url(br#"{"alg":"ES256"}"#);
        let claimed = |claims: &str| {
            let text = format!("{header}.{}.AAAA", crate::jose::base64url(claims.as_bytes()));
            claimed_client_id(&Unverified::parse(&text).unwrap())
        };
        assert_eq!(claimed(r#"{"sub":"web","iss":"x"}"#), Some(ClientId::new("web")));
        assert_eq!(claimed(r#"{"iss":"web"}"#), None);
        assert_eq!(claimed(r#"{"sub":1}"#), None);
        assert_eq!(claimed("web"), None);
    }

    proptest! {
        #[test]
        fn no_claims_make_it_panic(exp in any::<i64>(), iat in any::<f64>(), aud in "\\PC{0,20}", now in any::<i64>()) {
            let claims = json!({ "iss": "web", "sub": "web", "aud": aud, "exp": exp, "iat": iat, "jti": aud });
            let _ = validate(&Verified::assume(VerifyingAlg::ES256, None, claims), &expected(&ClientId::new("web")), Timestamp(now));
        }
    }
}
