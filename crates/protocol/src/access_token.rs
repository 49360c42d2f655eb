//! The access token as a signed JWT: what we put in, and what must hold of one that comes back to us.
//!
//! Specs: RFC 9068 §2 and §4, RFC 6750 §3.1, RFC 8725 §3.11.
//!
//! The form of the Stytch plane is `stytch_access_token`.
//! Whether client, user, grant and family are still alive is not a question to the token: see `liveness`.

use crate::{
    error::{ErrorCode::InvalidToken, Refusal, refuse},
    id::{ClientId, FamilyId, SessionId},
    jose::{JoseError, SigningKey, Verified, VerifyingAlg},
    plane::{Place, Plane},
    scope::Scope,
    stytch_access_token,
    time::Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// RFC 9068 §2.1: the header's `typ`.
pub const TYP: &str = "at+jwt";

pub const WRONG_TYPE: Refusal = refuse(InvalidToken, "the token is not an access token: its typ must be at+jwt");
pub const MALFORMED: Refusal =
    refuse(InvalidToken, "the access token lacks a required claim or holds one of another type");
pub const WRONG_PLANE: Refusal =
    refuse(InvalidToken, "the access token came from another token endpoint; use it where it belongs");
pub const WRONG_ISSUER: Refusal = refuse(InvalidToken, "the access token was issued by another issuer");
pub const EXPIRED: Refusal = refuse(InvalidToken, "the access token has expired");
pub const NOT_YET_VALID: Refusal = refuse(InvalidToken, "the access token is not valid yet");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// Where it was issued, which its form tells; not a claim.
    #[serde(skip)]
    pub plane: Plane,
    pub iss: String,
    /// The user; the client itself where no user is involved (RFC 9068 §2.2).
    pub sub: String,
    /// The resources; one is written as text, several as an array (RFC 7519 §4.1.3).
    #[serde(serialize_with = "one_as_text", deserialize_with = "text_or_array")]
    pub aud: Vec<String>,
    pub client_id: ClientId,
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    pub iat: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<Timestamp>,
    pub exp: Timestamp,
    pub jti: String,
    /// The token family; absent where there is none (client credentials).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fid: Option<FamilyId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// From a template; none of them has the name of a claim above.
    #[serde(flatten)]
    pub custom_claims: Map<String, Value>,
}

/// An access token whose signature and kind are proven. It may be kept; `validate` it at each use.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken {
    claims: AccessTokenClaims,
}

/// The signed token, in the form of its plane.
pub fn sign(claims: &AccessTokenClaims, key: &SigningKey) -> Result<String, JoseError> {
    match claims.plane {
        Plane::Standard => key.sign(TYP, claims),
        Plane::Stytch => stytch_access_token::sign(claims, key),
    }
}

impl AccessToken {
    /// Proves the kind of a verified token. An ID token, a client assertion or a session's token is none.
    pub fn from_verified(verified: Verified) -> Result<Self, Refusal> {
        if let Some(claims) = stytch_access_token::claims(&verified) {
            return Ok(Self { claims });
        }
        // RFC 9068 §4, RFC 8725 §3.11. We never sign with PS256, whatever a key would allow.
        if !verified.is_of_type(TYP) || verified.alg() == VerifyingAlg::PS256 {
            return Err(WRONG_TYPE);
        }
        // RFC 9068 §2.2: required claims; their absence fails here
        let claims: AccessTokenClaims =
            serde_json::from_value(Value::Object(verified.into_claims())).map_err(|_| MALFORMED)?;
        Ok(Self { claims })
    }

    pub fn claims(&self) -> &AccessTokenClaims {
        &self.claims
    }

    pub fn into_claims(self) -> AccessTokenClaims {
        self.claims
    }

    /// Whether the token was issued at `place` and is valid at `now`. Our own clock issued it, so there is no leeway.
    pub fn validate(&self, place: Place<'_>, now: Timestamp) -> Result<(), Refusal> {
        if self.claims.plane != place.plane {
            return Err(WRONG_PLANE);
        }
        // RFC 9068 §4
        if !place.has_issued_as(&self.claims.iss) {
            return Err(WRONG_ISSUER);
        }
        // RFC 7519 §4.1.4: on or after this time it must not be accepted
        if now >= self.claims.exp {
            return Err(EXPIRED);
        }
        // RFC 7519 §4.1.5
        if self.claims.nbf.is_some_and(|nbf| now < nbf) {
            return Err(NOT_YET_VALID);
        }
        Ok(())
    }
}

/// `aud` as most write it: one alone is no array (RFC 7519 §4.1.3).
pub(crate) fn one_as_text<S: Serializer>(values: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match values {
        [one] => serializer.serialize_str(one),
        all => all.serialize(serializer),
    }
}

fn text_or_array<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::Several(several) => several,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::SigningAlg,
        id::ProjectId,
        jose::{KeySet, Unverified, VerifyingKey},
        samples,
    };
    use serde_json::json;

    const ISSUER: &str = "https://login.example";

    fn place(project: &ProjectId) -> Place<'_> {
        Place { plane: Plane::Standard, issuer: ISSUER, project }
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER,
            "sub": "alice",
            "aud": "https://api.example",
            "client_id": "web",
            "scope": "openid files:read",
            "iat": 1_000,
            "exp": 1_600,
            "jti": "1",
            "fid": "f",
            "auth_time": 990,
            "amr": ["pwd"],
            "sid": "s",
        })
    }

    fn with(changes: Value) -> Value {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    fn verified(typ: Option<&str>, claims: Value) -> Verified {
        Verified::assume(VerifyingAlg::ES256, typ, claims)
    }

    #[track_caller]
    fn check(changes: Value, now: i64, expected: Result<(), Refusal>) {
        let outcome = AccessToken::from_verified(verified(Some(TYP), with(changes)))
            .and_then(|token| token.validate(place(&samples::project()), Timestamp(now)));
        assert_eq!(outcome, expected);
    }

    #[test]
    fn a_token_is_valid_from_nbf_until_just_before_exp() {
        check(json!({}), 1_000, Ok(()));
        check(json!({}), 1_599, Ok(()));
        check(json!({}), 1_600, Err(EXPIRED));
        check(json!({ "nbf": 1_100 }), 1_099, Err(NOT_YET_VALID));
        check(json!({ "nbf": 1_100 }), 1_100, Ok(()));
        check(json!({ "exp": i64::MIN }), 1_000, Err(EXPIRED));
    }

    #[test]
    fn another_issuer_is_refused_byte_for_byte() {
        for issuer in ["https://login.example/", "https://LOGIN.example", "http://login.example", ""] {
            check(json!({ "iss": issuer }), 1_000, Err(WRONG_ISSUER));
        }
    }

    #[test]
    fn a_missing_or_mistyped_claim_is_refused() {
        for name in ["iss", "sub", "aud", "client_id", "iat", "exp", "jti"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(AccessToken::from_verified(verified(Some(TYP), claims)), Err(MALFORMED), "{name}");
        }
        for changes in [
            json!({ "aud": 1 }),
            json!({ "aud": [1] }),
            json!({ "exp": "1600" }),
            json!({ "scope": ["openid"] }),
            json!({ "sub": null }),
            json!({ "fid": {} }),
        ] {
            check(changes, 1_000, Err(MALFORMED));
        }
    }

    /// CVE-2026-4282: a token of another kind was taken for an access token.
    #[test]
    fn only_an_access_token_is_an_access_token() {
        for typ in
            [None, Some("JWT"), Some("logout+jwt"), Some("client-authentication+jwt"), Some("dpop+jwt"), Some("")]
        {
            assert_eq!(AccessToken::from_verified(verified(typ, claims())), Err(WRONG_TYPE), "{typ:?}");
        }
        assert!(AccessToken::from_verified(verified(Some("application/at+jwt"), claims())).is_ok());
        let signed_otherwise = Verified::assume(VerifyingAlg::PS256, Some(TYP), claims());
        assert_eq!(AccessToken::from_verified(signed_otherwise), Err(WRONG_TYPE));
    }

    #[test]
    fn one_audience_is_text_several_are_an_array_and_nothing_is_null() {
        let token = AccessToken::from_verified(verified(Some(TYP), claims())).unwrap();
        assert_eq!(serde_json::to_value(token.claims()).unwrap(), claims());
        let several = json!(["https://a.example", "https://b.example"]);
        let token = AccessToken::from_verified(verified(Some(TYP), with(json!({ "aud": several })))).unwrap();
        assert_eq!(serde_json::to_value(token.claims()).unwrap()["aud"], several);

        let more = with(json!({ "plan": "gold", "list": [1, { "a": null }] }));
        let token = AccessToken::from_verified(verified(Some(TYP), more.clone())).unwrap();
        assert_eq!(serde_json::to_value(token.claims()).unwrap(), more);

        let least = json!({
            "iss": ISSUER, "sub": "m2m", "aud": "a", "client_id": "m2m", "iat": 1, "exp": 2, "jti": "2",
        });
        let token = AccessToken::from_verified(verified(Some(TYP), least.clone())).unwrap();
        assert_eq!(serde_json::to_value(token.into_claims()).unwrap(), least);
    }

    #[test]
    fn a_token_is_verified_and_then_validated() {
        let der = SigningKey::generate_pkcs8(SigningAlg::ES256).unwrap();
        let key = SigningKey::from_pkcs8(SigningAlg::ES256, "1", &der).unwrap();
        let keys: KeySet = [VerifyingKey::from_jwk(&key.public_jwk()).unwrap()].into_iter().collect();
        let token = key.sign(TYP, &claims()).unwrap();
        let project = samples::project();
        let verify = |token: &str, place, now| {
            let verified = Unverified::parse(token).and_then(|unverified| keys.verify(&unverified));
            let token = AccessToken::from_verified(verified.map_err(|error| refuse(InvalidToken, error.reason()))?)?;
            token.validate(place, Timestamp(now))?;
            Ok::<_, Refusal>(token.into_claims())
        };
        let at = |token: &str, now| verify(token, place(&project), now);
        assert_eq!(at(&token, 1_000).unwrap().client_id, ClientId::new("web"));
        assert_eq!(at(&token, 1_600), Err(EXPIRED));
        let other = key.sign(TYP, &with(json!({ "sub": "eve" }))).unwrap();
        let forged = format!("{}.{}", other.rsplit_once('.').unwrap().0, token.rsplit_once('.').unwrap().1);
        assert_eq!(at(&forged, 1_000), Err(refuse(InvalidToken, JoseError::BadSignature.reason())));
        assert_eq!(at("", 1_000), Err(refuse(InvalidToken, JoseError::NotThreeParts.reason())));
        let id_token = key.sign("JWT", &claims()).unwrap();
        assert_eq!(at(&id_token, 1_000), Err(WRONG_TYPE));
        let elsewhere = Place { plane: Plane::Stytch, ..place(&project) };
        assert_eq!(verify(&token, elsewhere, 1_000), Err(WRONG_PLANE));
    }
}
