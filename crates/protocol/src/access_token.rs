//! The access token as a signed JWT: what we put in, and what must hold of one that comes back to us.
//!
//! Specs: RFC 9068 §2 and §4, RFC 6750 §3.1, RFC 8725 §3.11.
//!
//! Whether client, user, grant and family are still alive is not a question to the token: see `liveness`.

use crate::{
    error::{ErrorCode::InvalidToken, Refusal, refuse},
    id::{ClientId, FamilyId, SessionId},
    jose::{KeySet, Unverified, Verified, VerifyingAlg},
    scope::Scope,
    time::Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// RFC 9068 §2.1: the header's `typ`.
pub const TYP: &str = "at+jwt";

pub const WRONG_TYPE: Refusal = refuse(InvalidToken, "the token is not an access token: its typ must be at+jwt");
pub const MALFORMED: Refusal =
    refuse(InvalidToken, "the access token lacks a required claim or holds one of another type");
pub const WRONG_ISSUER: Refusal = refuse(InvalidToken, "the access token was issued by another issuer");
pub const EXPIRED: Refusal = refuse(InvalidToken, "the access token has expired");
pub const NOT_YET_VALID: Refusal = refuse(InvalidToken, "the access token is not valid yet");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
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
}

/// An access token whose signature and kind are proven. It may be kept; `validate` it at each use.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken {
    claims: AccessTokenClaims,
}

/// Everything at once: parses `token`, verifies it with our `keys` and validates it at `now`.
pub fn verify(token: &str, keys: &KeySet, issuer: &str, now: Timestamp) -> Result<AccessToken, Refusal> {
    let verified = Unverified::parse(token)
        .and_then(|unverified| keys.verify(&unverified))
        .map_err(|error| refuse(InvalidToken, error.reason()))?;
    let token = AccessToken::from_verified(verified)?;
    token.validate(issuer, now)?;
    Ok(token)
}

impl AccessToken {
    /// Proves the kind of a verified token. An ID token, a client assertion or a session's token is none.
    pub fn from_verified(verified: Verified) -> Result<Self, Refusal> {
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

    /// Whether the token is one of `issuer`'s and valid at `now`. Our own clock issued it, so there is no leeway.
    pub fn validate(&self, issuer: &str, now: Timestamp) -> Result<(), Refusal> {
        // RFC 9068 §4
        if self.claims.iss != issuer {
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

fn one_as_text<S: Serializer>(values: &[String], serializer: S) -> Result<S::Ok, S::Error> {
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
