//! The access token in the form of the Stytch plane: what every official SDK of Stytch checks, and nothing more.
//!
//! Specs: RFC 7519 §4.1, RFC 8725 §3.11 and §3.12.
//!
//! Its type is `JWT`, as that of an ID token is; it is told apart by the claims that an ID token of ours never has. The
//! claims are exactly those of the contract, because SDKs hand every other one to the application as a custom claim. So
//! the family, which a standard token names in `fid`, stands in the first half of `jti` here.

use crate::{
    access_token::AccessTokenClaims,
    id::{ClientId, FamilyId},
    jose::{JoseError, SigningKey, Verified, VerifyingAlg},
    plane::Plane,
    scope::Scope,
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// RFC 7519 §5.1: the header's `typ`. Stytch's SDK for Node refuses `at+jwt`.
pub const TYP: &str = "JWT";
/// How long a token lives unless its client says otherwise.
pub const DEFAULT_LIFETIME: Seconds = Seconds(60 * 60);

/// Claims by which another JWT of ours would be known: an ID token's, and that of a session.
const MARKS_OF_OTHERS: [&str; 4] = ["nonce", "at_hash", "events", "https://stytch.com/session"];

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    iss: Cow<'a, str>,
    sub: Cow<'a, str>,
    /// Always a list.
    aud: Cow<'a, [String]>,
    client_id: Cow<'a, ClientId>,
    /// Always there: SDKs split it.
    scope: Cow<'a, Scope>,
    iat: Timestamp,
    nbf: Timestamp,
    exp: Timestamp,
    jti: Cow<'a, str>,
    #[serde(flatten)]
    custom_claims: Cow<'a, Map<String, Value>>,
}

/// The signed token.
pub fn sign(claims: &AccessTokenClaims, key: &SigningKey) -> Result<String, JoseError> {
    let jti = match &claims.fid {
        Some(family) => Cow::Owned(format!("{family}.{}", claims.jti)),
        None => Cow::Borrowed(claims.jti.as_str()),
    };
    let wire = Wire {
        iss: Cow::Borrowed(&claims.iss),
        sub: Cow::Borrowed(&claims.sub),
        aud: Cow::Borrowed(&claims.aud),
        client_id: Cow::Borrowed(&claims.client_id),
        scope: Cow::Borrowed(&claims.scope),
        iat: claims.iat,
        nbf: claims.nbf.unwrap_or(claims.iat),
        exp: claims.exp,
        jti,
        custom_claims: Cow::Borrowed(&claims.custom_claims),
    };
    key.sign(TYP, &wire)
}

/// The claims of a verified token, if it is an access token of this form.
pub fn claims(verified: &Verified) -> Option<AccessTokenClaims> {
    // RFC 8725 §3.11 and §3.12: this plane signs with RS256 only, and each kind of JWT is known by its own claims
    if !verified.is_of_type(TYP) || verified.alg() != VerifyingAlg::RS256 {
        return None;
    }
    if MARKS_OF_OTHERS.iter().any(|name| verified.claims().contains_key(*name)) {
        return None;
    }
    // An ID token has neither `client_id` nor `scope`, and no template can add them
    let wire: Wire<'static> = serde_json::from_value(Value::Object(verified.claims().clone())).ok()?;
    let (fid, jti) = match wire.jti.split_once('.') {
        Some((family, own)) => (Some(FamilyId::new(family)), own.to_owned()),
        None => (None, wire.jti.into_owned()),
    };
    Some(AccessTokenClaims {
        plane: Plane::Stytch,
        iss: wire.iss.into_owned(),
        sub: wire.sub.into_owned(),
        aud: wire.aud.into_owned(),
        client_id: wire.client_id.into_owned(),
        scope: wire.scope.into_owned(),
        iat: wire.iat,
        nbf: Some(wire.nbf),
        exp: wire.exp,
        jti,
        fid,
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        sid: None,
        custom_claims: wire.custom_claims.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access_token::{AccessToken, WRONG_TYPE},
        client::SigningAlg,
        jose::{KeySet, Unverified, VerifyingKey},
        samples,
    };
    use serde_json::json;

    fn token() -> AccessTokenClaims {
        AccessTokenClaims {
            plane: Plane::Stytch,
            aud: vec!["project-test-1".into()],
            nbf: Some(samples::NOW),
            auth_time: None,
            custom_claims: json!({ "plan": "gold" }).as_object().unwrap().clone(),
            ..samples::claims()
        }
    }

    fn wire() -> Value {
        json!({
            "iss": "https://id.example.com", "sub": "user-test-1", "aud": ["project-test-1"], "client_id": "app",
            "scope": "openid notes:read", "iat": samples::NOW.0, "nbf": samples::NOW.0, "exp": samples::NOW.0 + 600,
            "jti": format!("{}.token-1", samples::FAMILY), "plan": "gold",
        })
    }

    #[test]
    fn a_token_has_the_claims_of_the_contract_and_leads_back_to_its_family() {
        let der = SigningKey::generate_pkcs8(SigningAlg::RS256).unwrap();
        let key = SigningKey::from_pkcs8(SigningAlg::RS256, "1", &der).unwrap();
        let keys: KeySet = [VerifyingKey::from_jwk(&key.public_jwk()).unwrap()].into_iter().collect();
        let read = |text: &str| {
            let verified = keys.verify(&Unverified::parse(text).unwrap()).unwrap();
            (Value::Object(verified.claims().clone()), AccessToken::from_verified(verified).unwrap().into_claims())
        };
        assert_eq!(read(&sign(&token(), &key).unwrap()), (wire(), token()));
        let own = AccessTokenClaims { fid: None, scope: Scope::default(), ..token() };
        let (shown, back) = read(&sign(&own, &key).unwrap());
        assert_eq!((&shown["scope"], &shown["jti"]), (&json!(""), &json!("token-1")));
        assert_eq!(back, own);
    }

    /// CVE-2026-4282: a token of another kind was taken for an access token.
    #[test]
    fn no_other_jwt_of_ours_passes_for_one() {
        let read = |alg, typ, claims: Value| claims_of(alg, typ, claims).is_some();
        assert!(read(VerifyingAlg::RS256, Some("JWT"), wire()));
        for alg in [VerifyingAlg::ES256, VerifyingAlg::EdDSA, VerifyingAlg::PS256] {
            assert!(!read(alg, Some("JWT"), wire()));
        }
        for typ in [None, Some("at+jwt"), Some("logout+jwt"), Some("")] {
            assert!(!read(VerifyingAlg::RS256, typ, wire()), "{typ:?}");
        }
        for name in ["iss", "sub", "aud", "client_id", "scope", "iat", "nbf", "exp", "jti"] {
            let mut claims = wire();
            claims.as_object_mut().unwrap().remove(name);
            assert!(!read(VerifyingAlg::RS256, Some("JWT"), claims), "{name}");
        }
        for name in MARKS_OF_OTHERS {
            let mut claims = wire();
            claims[name] = json!("x");
            assert!(!read(VerifyingAlg::RS256, Some("JWT"), claims), "{name}");
        }
        // As a text, `aud` is an ID token's.
        let mut claims = wire();
        claims["aud"] = json!("project-test-1");
        let verified = Verified::assume(VerifyingAlg::RS256, Some("JWT"), claims);
        assert_eq!(AccessToken::from_verified(verified), Err(WRONG_TYPE));
    }

    fn claims_of(alg: VerifyingAlg, typ: Option<&str>, claims: Value) -> Option<AccessTokenClaims> {
        super::claims(&Verified::assume(alg, typ, claims))
    }
}
