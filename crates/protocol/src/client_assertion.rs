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
pub const BAD_TIME: Refusal =
    refuse(InvalidClient, "the client assertion's exp, iat or nbf is not a number of seconds");
pub const NO_JTI: Refusal =
    refuse(InvalidClient, "the client assertion's jti is absent, empty or longer than 512 bytes");
/// For the store's part: the same `jti` came before.
pub const REPLAYED: Refusal = refuse(InvalidClient, "the client assertion was used before");

/// What an assertion must say, from our side.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub client_id: &'a ClientId,
    pub issuer: &'a str,
    /// Set if this client may also name the token endpoint (`assertion_audience_token_endpoint`).
    pub token_endpoint: Option<&'a str>,
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
