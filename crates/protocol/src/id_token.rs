//! The ID token, and the ID token that comes back as a hint.
//!
//! Specs: OIDC Core §2, §3.1.2.1 (`id_token_hint`), §3.1.3.6 (`at_hash`), §5.1; RP-Initiated Logout §2.
//!
//! Which claims of a user go in is decided in `claims`.

use crate::{
    client::SigningAlg,
    error::{ErrorCode::InvalidRequest, Refusal, refuse},
    id::{ClientId, SessionId, UserId},
    jose::{JoseError, KeySet, Unverified, Verified, base64url, numeric_date},
    time::Timestamp,
};
use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::{Map, Value};

/// RFC 7519 §5.1: the header's `typ`.
pub const TYP: &str = "JWT";

pub const HINT_WRONG_TYPE: Refusal = refuse(InvalidRequest, "id_token_hint is not an ID token");
pub const HINT_WRONG_ISSUER: Refusal = refuse(InvalidRequest, "id_token_hint was issued by another issuer");
pub const HINT_WRONG_AUDIENCE: Refusal = refuse(InvalidRequest, "id_token_hint was issued to another client");

/// Claims that an ID token gets from its issuer only. Neither a user's profile, a template nor a custom claim sets them.
pub const RESERVED_CLAIMS: [&str; 24] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "scope",
    "client_id",
    "cnf",
    "act",
    "may_act",
    "events",
    "typ",
    "fid",
];

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdTokenClaims {
    pub iss: String,
    pub sub: UserId,
    pub aud: Audience,
    pub exp: Timestamp,
    pub iat: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// As the authorization request had it; not repeated on refresh unless the caller keeps it (OIDC Core §12.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azp: Option<ClientId>,
    /// From [`at_hash`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    #[serde(flatten)]
    pub user_claims: UserClaims,
}

/// The one client that an ID token is for (RFC 7519 §4.1.3).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Audience {
    Text(ClientId),
    /// The form of the Stytch plane.
    List([ClientId; 1]),
}

/// Claims about the user; none of them is a reserved one.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct UserClaims(Map<String, Value>);

/// The access token's fingerprint in the ID token: the left half of its hash by the hash function of `alg`.
pub fn at_hash(access_token: &str, alg: SigningAlg) -> String {
    // OIDC Core §3.1.3.6. Ed25519 hashes with SHA-512 (RFC 8032 §5.1), and clients expect that here too.
    let algorithm = match alg {
        SigningAlg::ES256 | SigningAlg::RS256 => &digest::SHA256,
        SigningAlg::EdDSA => &digest::SHA512,
    };
    let hash = digest::digest(algorithm, access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    base64url(left)
}

impl UserClaims {
    /// Drops reserved names and `null`s: a claim is absent or has a value (OIDC Core §5.3.2).
    pub fn new(claims: Map<String, Value>) -> Self {
        Self(
            claims
                .into_iter()
                .filter(|(name, value)| !RESERVED_CLAIMS.contains(&name.as_str()) && !value.is_null())
                .collect(),
        )
    }
}

/// What an ID token of ours says about whom it was issued for. It may have expired long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub user_id: UserId,
    pub client_id: ClientId,
    pub session_id: Option<SessionId>,
    pub issued_at: Timestamp,
}

/// Verifies an `id_token_hint` with the `keys` that we sign ID tokens with, retired ones included. `issuers` are all
/// that we name ourselves by.
///
/// Expired tokens are good: the client keeps its last ID token for exactly this. But it must be ours, an ID token and,
/// where the client is known, issued to that client; a hint that is not is refused rather than ignored,
/// because ignoring it would sign in or out somebody whom the client did not mean.
pub fn verify_hint(
    token: &str,
    keys: &KeySet,
    issuers: &[impl AsRef<str>],
    client_id: Option<&ClientId>,
) -> Result<Hint, Refusal> {
    let verified = Unverified::parse(token)
        .and_then(|unverified| keys.verify(&unverified))
        .map_err(|error| refuse(InvalidRequest, hint_reason(error)))?;
    let hint = parse_hint(&verified, issuers)?;
    // OIDC Core §3.1.2.1, RP-Initiated Logout §2
    if client_id.is_some_and(|client_id| *client_id != hint.client_id) {
        return Err(HINT_WRONG_AUDIENCE);
    }
    Ok(hint)
}

fn parse_hint(verified: &Verified, issuers: &[impl AsRef<str>]) -> Result<Hint, Refusal> {
    // RFC 8725 §3.11 and §3.12: an access token, a logout token or another JWT of ours is no ID token.
    // `scope` and `client_id` mark JWT access tokens of the legacy shape, whose typ is JWT too.
    let marks_another_kind = ["scope", "client_id", "events", "https://stytch.com/session"]
        .iter()
        .any(|name| verified.claims().contains_key(*name));
    if !verified.is_of_type(TYP) || marks_another_kind {
        return Err(HINT_WRONG_TYPE);
    }
    // OIDC Core §3.1.3.7
    if !verified.text("iss").is_some_and(|iss| issuers.iter().any(|own| own.as_ref() == iss)) {
        return Err(HINT_WRONG_ISSUER);
    }
    // We issue to exactly one audience, which Stytch's plane writes as a list.
    let aud = match verified.claims().get("aud") {
        Some(Value::String(aud)) => Some(aud.as_str()),
        Some(Value::Array(list)) => match list.as_slice() {
            [Value::String(aud)] => Some(aud.as_str()),
            _ => None,
        },
        _ => None,
    };
    let (Some(sub), Some(aud), Some(issued_at)) =
        (verified.text("sub"), aud, verified.claims().get("iat").and_then(numeric_date))
    else {
        return Err(HINT_WRONG_TYPE);
    };
    Ok(Hint {
        user_id: UserId::new(sub),
        client_id: ClientId::new(aud),
        session_id: verified.text("sid").map(SessionId::new),
        issued_at,
    })
}

/// As [`JoseError::reason`], naming the parameter.
const fn hint_reason(error: JoseError) -> &'static str {
    match error {
        JoseError::BadSignature => "id_token_hint has a signature that does not verify",
        JoseError::UnknownKey | JoseError::WrongKey => "id_token_hint was not signed by a key of this issuer",
        JoseError::TooLong => "id_token_hint is too long",
        _ => "id_token_hint is not a signed JWT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access_token,
        jose::{SigningKey, VerifyingAlg, VerifyingKey},
    };
    use serde_json::json;

    const ISSUER: &str = "https://login.example";

    fn claims() -> IdTokenClaims {
        IdTokenClaims {
            iss: ISSUER.to_owned(),
            sub: UserId::new("alice"),
            aud: Audience::Text(ClientId::new("web")),
            exp: Timestamp(1_600),
            iat: Timestamp(1_000),
            nbf: None,
            auth_time: None,
            nonce: None,
            acr: None,
            amr: Vec::new(),
            azp: None,
            at_hash: None,
            sid: None,
            user_claims: UserClaims::default(),
        }
    }

    fn hint() -> Hint {
        Hint {
            user_id: UserId::new("alice"),
            client_id: ClientId::new("web"),
            session_id: None,
            issued_at: Timestamp(1_000),
        }
    }

    #[test]
    fn absent_claims_are_absent() {
        assert_eq!(
            serde_json::to_value(claims()).unwrap(),
            json!({ "iss": ISSUER, "sub": "alice", "aud": "web", "exp": 1_600, "iat": 1_000 })
        );
        let full = IdTokenClaims {
            auth_time: Some(Timestamp(990)),
            nonce: Some("n".to_owned()),
            acr: Some("1".to_owned()),
            amr: vec!["pwd".to_owned()],
            azp: Some(ClientId::new("web")),
            at_hash: Some(at_hash("token", SigningAlg::ES256)),
            sid: Some(SessionId::new("s")),
            user_claims: UserClaims::new(json!({ "email": "a@b.example" }).as_object().unwrap().clone()),
            ..claims()
        };
        assert_eq!(
            serde_json::to_value(full).unwrap(),
            json!({
                "iss": ISSUER, "sub": "alice", "aud": "web", "exp": 1_600, "iat": 1_000, "auth_time": 990, "nonce": "n",
                "acr": "1", "amr": ["pwd"], "azp": "web", "at_hash": "PEaenWxYddN6Q_NT1PiOYQ", "sid": "s",
                "email": "a@b.example",
            })
        );
    }

    #[test]
    fn claims_about_the_user_never_set_what_the_issuer_says() {
        let mut hostile: Map<String, Value> =
            RESERVED_CLAIMS.iter().map(|name| ((*name).to_owned(), json!("evil"))).collect();
        hostile.insert("name".to_owned(), json!("Alice"));
        hostile.insert("picture".to_owned(), Value::Null);
        let claims = IdTokenClaims { user_claims: UserClaims::new(hostile), ..claims() };
        let text = serde_json::to_string(&claims).unwrap();
        assert!(!text.contains("evil") && !text.contains("null"), "{text}");
        assert_eq!(serde_json::to_value(&claims).unwrap()["name"], "Alice");
    }

    #[track_caller]
    fn check(typ: Option<&str>, changes: &Value, expected: Result<Hint, Refusal>) {
        let mut claims = serde_json::to_value(claims()).unwrap();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        assert_eq!(parse_hint(&Verified::assume(VerifyingAlg::RS256, typ, claims), &[ISSUER]), expected);
    }

    /// CVE-2026-4282: a token of another kind was taken for an ID token.
    #[test]
    fn only_an_id_token_of_ours_is_a_hint() {
        check(Some("JWT"), &json!({}), Ok(hint()));
        check(Some("JWT"), &json!({ "sid": "s" }), Ok(Hint { session_id: Some(SessionId::new("s")), ..hint() }));
        check(Some("JWT"), &json!({ "exp": 1 }), Ok(hint()));
        for typ in [None, Some(access_token::TYP), Some("logout+jwt"), Some("client-authentication+jwt")] {
            check(typ, &json!({}), Err(HINT_WRONG_TYPE));
        }
        for marker in ["scope", "client_id", "events", "https://stytch.com/session"] {
            check(Some("JWT"), &json!({ marker: "x" }), Err(HINT_WRONG_TYPE));
        }
        check(Some("JWT"), &json!({ "iss": "https://evil.example" }), Err(HINT_WRONG_ISSUER));
        check(Some("JWT"), &json!({ "aud": ["web"] }), Ok(hint()));
        for several in [json!([]), json!(["web", "other"]), json!([1]), json!({ "web": 1 }), json!(null)] {
            check(Some("JWT"), &json!({ "aud": several }), Err(HINT_WRONG_TYPE));
        }
        for changes in
            [json!({ "sub": 1 }), json!({ "aud": ["web", "other"] }), json!({ "aud": null }), json!({ "iat": "x" })]
        {
            check(Some("JWT"), &changes, Err(HINT_WRONG_TYPE));
        }
    }

    #[test]
    fn a_hint_is_verified_but_may_have_expired() {
        let make = || {
            let der = SigningKey::generate_pkcs8(SigningAlg::EdDSA).unwrap();
            SigningKey::from_pkcs8(SigningAlg::EdDSA, "1", &der).unwrap()
        };
        let (own, evil) = (make(), make());
        let keys: KeySet = [VerifyingKey::from_jwk(&own.public_jwk()).unwrap()].into_iter().collect();
        let token = own.sign(TYP, &claims()).unwrap();
        let web = ClientId::new("web");
        assert_eq!(verify_hint(&token, &keys, &[ISSUER], Some(&web)), Ok(hint()));
        assert_eq!(verify_hint(&token, &keys, &[ISSUER], None), Ok(hint()));
        let other = ClientId::new("other");
        assert_eq!(verify_hint(&token, &keys, &[ISSUER], Some(&other)), Err(HINT_WRONG_AUDIENCE));
        for (text, reason) in [
            (evil.sign(TYP, &claims()).unwrap(), "id_token_hint has a signature that does not verify"),
            (own.sign(TYP, &json!([])).unwrap(), "id_token_hint is not a signed JWT"),
            ("alice".to_owned(), "id_token_hint is not a signed JWT"),
            ("x".repeat(20_000), "id_token_hint is too long"),
        ] {
            assert_eq!(verify_hint(&text, &keys, &[ISSUER], None), Err(refuse(InvalidRequest, reason)));
        }
        let retired = verify_hint(&token, &KeySet::default(), &[ISSUER], None).unwrap_err();
        assert_eq!(retired.description, "id_token_hint was not signed by a key of this issuer");
    }
}
