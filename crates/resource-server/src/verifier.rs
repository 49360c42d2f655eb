//! What must hold of an access token before an API acts on it.
//!
//! Specs: RFC 9068 §4, RFC 8725 §3, RFC 9449 §7.1.

use crate::Rejection;
use hospes_protocol::{
    access_token::{EXPIRED, MALFORMED, NOT_YET_VALID, TYP, WRONG_ISSUER, WRONG_TYPE},
    error::Refusal,
    jose::{JoseError, KeySet, Unverified, Verified, VerifyingAlg, numeric_date},
    scope::Scope,
    time::{Seconds, Timestamp},
};
use serde_json::{Map, Value};
use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

const WRONG_AUDIENCE: &str = "the access token was not issued for this resource";
const BOUND: &str = "the access token is bound to a key and cannot be used as a bearer token here";

/// Verifies access tokens for one resource.
#[derive(Debug, Clone)]
pub struct Verifier {
    issuer: String,
    audience: String,
    leeway: Seconds,
}

/// A verified access token: what the request may act on.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken {
    /// The user; the client itself when there is no user (RFC 9068 §2.2).
    pub subject: String,
    /// The application that sent the request.
    pub client_id: String,
    /// What the application may do.
    pub scope: Scope,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// The token's name (`jti`).
    pub token_id: String,
    /// All claims, for those that are your own.
    pub claims: Map<String, Value>,
}

/// The time of a system clock in whole seconds.
pub fn unix_time(time: SystemTime) -> Timestamp {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX))
}

impl Verifier {
    /// A verifier for tokens of `issuer` (its `issuer` in the metadata, byte for byte) whose `aud` holds `audience`.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), audience: audience.into(), leeway: Seconds(30) }
    }

    /// How far the issuer's clock may differ from ours; 30 seconds unless set, never more than five minutes.
    #[must_use]
    pub fn with_leeway(self, leeway: Seconds) -> Self {
        Self { leeway: leeway.clamp(Seconds(0), Seconds(300)), ..self }
    }

    /// Verifies `token` with the issuer's `keys` at `now`.
    ///
    /// The signature comes first: before it is verified, nothing the token says is worth a look. Of the claims, the
    /// times come last, so that a token for somebody else is called that even when it has expired.
    pub fn verify(&self, token: &str, keys: &KeySet, now: Timestamp) -> Result<AccessToken, Rejection> {
        let verified = Unverified::parse(token).and_then(|token| keys.verify(&token)).map_err(|error| match error {
            JoseError::UnknownKey => Rejection::UnknownKey,
            other => Rejection::InvalidToken(other.reason()),
        })?;
        // RFC 9068 §4: an ID token or another JWT of the issuer is no access token
        if !verified.is_of_type(TYP) || verified.alg() == VerifyingAlg::PS256 {
            return Err(invalid(WRONG_TYPE));
        }
        // RFC 9068 §4
        if verified.text("iss") != Some(&self.issuer) {
            return Err(invalid(WRONG_ISSUER));
        }
        // RFC 9068 §4
        if !is_for(&verified, &self.audience) {
            return Err(Rejection::InvalidToken(WRONG_AUDIENCE));
        }
        // RFC 9449 §7.1: whoever holds a bound token has proven nothing by it
        if verified.claims().contains_key("cnf") {
            return Err(Rejection::InvalidToken(BOUND));
        }
        let expires_at = time(&verified, "exp")?.ok_or_else(|| invalid(MALFORMED))?;
        // RFC 7519 §4.1.4
        if now >= expires_at.plus(self.leeway) {
            return Err(invalid(EXPIRED));
        }
        // RFC 7519 §4.1.5
        if time(&verified, "nbf")?.is_some_and(|not_before| now.plus(self.leeway) < not_before) {
            return Err(invalid(NOT_YET_VALID));
        }
        // RFC 9068 §2.2
        let text = |name| verified.text(name).map(str::to_owned).ok_or_else(|| invalid(MALFORMED));
        let (subject, client_id, token_id) = (text("sub")?, text("client_id")?, text("jti")?);
        let scope = match verified.claims().get("scope") {
            None => Scope::default(),
            Some(Value::String(scope)) => Scope::parse(scope).map_err(|_| invalid(MALFORMED))?,
            Some(_) => return Err(invalid(MALFORMED)),
        };
        Ok(AccessToken { subject, client_id, scope, expires_at, token_id, claims: verified.into_claims() })
    }
}

impl AccessToken {
    /// Refuses the request unless the token carries every value of `needed`.
    pub fn require_scope(&self, needed: &[&str]) -> Result<(), Rejection> {
        // RFC 6750 §3.1
        if needed.iter().all(|value| self.scope.contains(value)) {
            return Ok(());
        }
        Err(Rejection::InsufficientScope { needed: needed.join(" ") })
    }
}

/// RFC 7519 §4.1.3: one text or an array of them, compared byte for byte.
fn is_for(verified: &Verified, audience: &str) -> bool {
    match verified.claims().get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(values)) => values.iter().any(|value| value.as_str() == Some(audience)),
        _ => false,
    }
}

fn time(verified: &Verified, name: &str) -> Result<Option<Timestamp>, Rejection> {
    let Some(value) = verified.claims().get(name) else { return Ok(None) };
    numeric_date(value).map(Some).ok_or_else(|| invalid(MALFORMED))
}

/// The protocol's refusals of access tokens have fixed texts.
fn invalid(refusal: Refusal) -> Rejection {
    match refusal.description {
        Cow::Borrowed(description) => Rejection::InvalidToken(description),
        Cow::Owned(_) => Rejection::InvalidToken("the access token is not valid"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hospes_protocol::{
        client::SigningAlg,
        jose::{Jwks, SigningKey, base64url},
    };
    use serde_json::json;
    use std::time::Duration;

    const ISSUER: &str = "https://login.example";
    const API: &str = "https://api.example/";
    const NOW: Timestamp = Timestamp(10_000);

    fn key(alg: SigningAlg, kid: &str) -> SigningKey {
        SigningKey::from_pkcs8(alg, kid, &SigningKey::generate_pkcs8(alg).unwrap()).unwrap()
    }

    fn keys(keys: &[&SigningKey]) -> KeySet {
        KeySet::from_jwks(&Jwks { keys: keys.iter().map(|key| key.public_jwk()).collect() })
    }

    fn claims(changes: &Value) -> Value {
        let mut claims = json!({
            "iss": ISSUER, "sub": "alice", "aud": API, "client_id": "web", "scope": "files:read files:list",
            "iat": 9_900, "exp": 10_500, "jti": "1",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    #[track_caller]
    fn check(changes: &Value, expected: Result<(), &'static str>) {
        check_type(TYP, changes, expected);
    }

    #[track_caller]
    fn check_type(typ: &str, changes: &Value, expected: Result<(), &'static str>) {
        let signing = key(SigningAlg::EdDSA, "1");
        let token = signing.sign(typ, &claims(changes)).unwrap();
        let outcome = Verifier::new(ISSUER, API).verify(&token, &keys(&[&signing]), NOW);
        assert_eq!(outcome.map(|_| ()), expected.map_err(Rejection::InvalidToken), "{changes}");
    }

    #[test]
    fn a_token_of_each_algorithm_verifies() {
        for alg in [SigningAlg::ES256, SigningAlg::RS256, SigningAlg::EdDSA] {
            let signing = key(alg, "1");
            let token = signing.sign(TYP, &claims(&json!({ "tenant": "acme" }))).unwrap();
            let token = Verifier::new(ISSUER, API).verify(&token, &keys(&[&signing]), NOW).unwrap();
            assert_eq!(
                (token.subject.as_str(), token.client_id.as_str(), token.token_id.as_str()),
                ("alice", "web", "1")
            );
            assert_eq!(token.claims["tenant"], "acme");
            assert_eq!(token.expires_at, Timestamp(10_500));
        }
    }

    #[test]
    fn a_token_from_somebody_else_or_for_somebody_else_is_refused() {
        check(&json!({ "aud": ["https://other.example", API] }), Ok(()));
        for aud in [json!("https://api.example"), json!("https://API.example/"), json!([]), json!([7]), json!(null)] {
            check(&json!({ "aud": aud }), Err(WRONG_AUDIENCE));
        }
        for iss in [json!("https://login.example/"), json!("https://evil.example"), json!([ISSUER]), json!(null)] {
            check(&json!({ "iss": iss }), Err("the access token was issued by another issuer"));
        }
    }

    #[test]
    fn times_have_a_small_leeway() {
        const OVER: Result<(), &str> = Err("the access token has expired");
        const EARLY: Result<(), &str> = Err("the access token is not valid yet");
        const MALFORMED: Result<(), &str> = Err("the access token lacks a required claim or holds one of another type");
        check(&json!({ "exp": 9_971 }), Ok(()));
        check(&json!({ "exp": 9_970 }), OVER);
        check(&json!({ "exp": i64::MIN }), OVER);
        check(&json!({ "exp": 10_500.5 }), Ok(()));
        check(&json!({ "nbf": 10_030 }), Ok(()));
        check(&json!({ "nbf": 10_031 }), EARLY);
        for bad in [json!(null), json!("10500"), json!(true), json!(1e300)] {
            check(&json!({ "exp": bad }), MALFORMED);
            check(&json!({ "nbf": bad }), MALFORMED);
        }
        for name in ["sub", "client_id", "jti", "scope"] {
            check(&json!({ name: 7 }), MALFORMED);
        }
        let signing = key(SigningAlg::EdDSA, "1");
        let token = signing.sign(TYP, &claims(&json!({ "exp": 9_999 }))).unwrap();
        let outcome = Verifier::new(ISSUER, API).with_leeway(Seconds(0)).verify(&token, &keys(&[&signing]), NOW);
        assert_eq!(outcome.map(|_| ()), OVER.map_err(Rejection::InvalidToken));
    }

    #[test]
    fn leeway_stays_small() {
        assert_eq!(Verifier::new(ISSUER, API).with_leeway(Seconds(i64::MAX)).leeway, Seconds(300));
        assert_eq!(Verifier::new(ISSUER, API).with_leeway(Seconds(-1)).leeway, Seconds(0));
    }

    /// CVE-2026-4282: a token of another kind was taken for an access token.
    #[test]
    fn a_token_of_another_kind_is_refused() {
        check_type("application/at+jwt", &json!({}), Ok(()));
        for typ in ["JWT", "logout+jwt", "dpop+jwt", "client-authentication+jwt", ""] {
            check_type(typ, &json!({}), Err("the token is not an access token: its typ must be at+jwt"));
        }
        check(&json!({ "cnf": { "jkt": "x" } }), Err(BOUND));
    }

    #[test]
    fn scope_is_required_value_by_value() {
        let signing = key(SigningAlg::EdDSA, "1");
        let verify = |changes: Value| {
            let token = signing.sign(TYP, &claims(&changes)).unwrap();
            Verifier::new(ISSUER, API).verify(&token, &keys(&[&signing]), NOW).unwrap()
        };
        let token = verify(json!({}));
        assert_eq!(token.require_scope(&["files:read"]), Ok(()));
        assert_eq!(token.require_scope(&[]), Ok(()));
        let refused = token.require_scope(&["files:read", "files:write"]);
        assert_eq!(refused, Err(Rejection::InsufficientScope { needed: "files:read files:write".to_owned() }));
        for scope in ["", "files:readall", "FILES:READ", "files"] {
            assert!(verify(json!({ "scope": scope })).require_scope(&["files:read"]).is_err(), "{scope}");
        }
    }

    /// CVE-2026-27840: a token that was cut or padded was accepted.
    #[test]
    fn a_cut_padded_or_altered_token_is_refused() {
        let signing = key(SigningAlg::EdDSA, "1");
        let (verifier, keys) = (Verifier::new(ISSUER, API), keys(&[&signing]));
        let token = signing.sign(TYP, &claims(&json!({}))).unwrap();
        for at in 0..token.len() {
            assert!(verifier.verify(&token[..at], &keys, NOW).is_err(), "prefix of {at}");
            assert!(verifier.verify(&token[at + 1..], &keys, NOW).is_err(), "suffix from {}", at + 1);
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            assert!(verifier.verify(&String::from_utf8(altered).unwrap(), &keys, NOW).is_err(), "altered at {at}");
        }
        for padding in ["=", "A", ".", " ", "\0"] {
            assert!(verifier.verify(&format!("{token}{padding}"), &keys, NOW).is_err(), "{padding:?}");
        }
    }

    /// CVE-2026-11800: the token chose how it was verified.
    #[test]
    fn a_token_cannot_choose_how_it_is_verified() {
        let (verifier, published) = (Verifier::new(ISSUER, API), key(SigningAlg::RS256, "1"));
        let keys = keys(&[&published]);
        let payload = base64url(claims(&json!({})).to_string().as_bytes());
        for (alg, reason) in [
            ("none", JoseError::UnsupportedAlgorithm),
            // HMAC with the published modulus as the shared key would verify where alg is believed.
            ("HS256", JoseError::UnsupportedAlgorithm),
            ("ES256", JoseError::WrongKey),
            ("PS256", JoseError::WrongKey),
            ("RS256", JoseError::BadSignature),
        ] {
            let header = base64url(json!({ "alg": alg, "typ": TYP, "kid": "1" }).to_string().as_bytes());
            let forged = format!("{header}.{payload}.{}", base64url(&[1; 256]));
            let outcome = verifier.verify(&forged, &keys, NOW);
            assert_eq!(outcome.unwrap_err(), Rejection::InvalidToken(reason.reason()), "{alg}");
        }
        let evil = key(SigningAlg::RS256, "evil").sign(TYP, &claims(&json!({}))).unwrap();
        assert_eq!(verifier.verify(&evil, &keys, NOW).unwrap_err(), Rejection::UnknownKey);
        assert_eq!(verifier.verify(&evil, &KeySet::default(), NOW).unwrap_err(), Rejection::UnknownKey);
    }

    #[test]
    fn a_system_clock_is_read_in_whole_seconds() {
        assert_eq!(unix_time(UNIX_EPOCH + Duration::from_millis(1_999)), Timestamp(1));
        assert_eq!(unix_time(UNIX_EPOCH - Duration::from_secs(5)), Timestamp(0));
    }
}
