//! A public key, parsed once, for as many verifications as come.
//!
//! Specs: RFC 7517 §4, RFC 7518 §3 and §6, RFC 8037 §3.1, RFC 8725 §3.1.

use super::{JoseError, Jwk, PublicKey, encoding::decode};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use std::fmt;

/// The algorithms we verify: ours, and PS256 for client assertions (FAPI 2.0 clients use it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerifyingAlg {
    ES256,
    RS256,
    EdDSA,
    PS256,
}

impl VerifyingAlg {
    pub const ALL: [Self; 4] = [Self::ES256, Self::RS256, Self::EdDSA, Self::PS256];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::EdDSA => "EdDSA",
            Self::PS256 => "PS256",
        }
    }

    /// The algorithm by its registered name, or by the one that RFC 9864 §2.2 gave EdDSA with this curve.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "Ed25519" {
            return Some(Self::EdDSA);
        }
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
    }
}

/// A public key ready to verify with. It knows which algorithms it may be used with; a token cannot choose another.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<String>,
    /// One entry, or two for an RSA key that does not say how it is used.
    parsed: Vec<(VerifyingAlg, ParsedPublicKey)>,
}

impl VerifyingKey {
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JoseError> {
        // RFC 7517 §4.2 and §4.3: a key for something else is not a key for this
        let is_for_signatures = jwk.key_use.as_deref().is_none_or(|key_use| key_use == "sig")
            && jwk.key_ops.as_ref().is_none_or(|key_ops| key_ops.iter().any(|operation| operation == "verify"));
        if !is_for_signatures {
            return Err(JoseError::UnsupportedKey);
        }
        let mut parsed = parse(&jwk.key)?;
        // RFC 7517 §4.4
        if let Some(alg) = &jwk.alg {
            parsed.retain(|(own, _)| VerifyingAlg::parse(alg) == Some(*own));
        }
        if parsed.is_empty() {
            return Err(JoseError::UnsupportedKey);
        }
        Ok(Self { kid: jwk.kid.clone(), parsed })
    }

    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether this key may be used with `alg`.
    pub fn fits(&self, alg: VerifyingAlg) -> bool {
        self.parsed.iter().any(|(own, _)| *own == alg)
    }

    pub(super) fn verify(&self, alg: VerifyingAlg, message: &[u8], signature: &[u8]) -> Result<(), JoseError> {
        // RFC 8725 §3.1: the key decides with which algorithm it is used
        let Some((_, key)) = self.parsed.iter().find(|(own, _)| *own == alg) else {
            return Err(JoseError::WrongKey);
        };
        key.verify_sig(message, signature).map_err(|_| JoseError::BadSignature)
    }
}

fn parse(key: &PublicKey) -> Result<Vec<(VerifyingAlg, ParsedPublicKey)>, JoseError> {
    match key {
        PublicKey::Rsa { n, e } => {
            let (n, e) = (decode_key(n)?, decode_key(e)?);
            // RFC 7518 §3.3: 2048 bits or more; the upper bound keeps a verification cheap
            if !(256..=512).contains(&n.len()) {
                return Err(JoseError::WeakKey);
            }
            // An even exponent, or 1, is no RSA key; more than 32 bits only cost time.
            let is_sound = (1..=4).contains(&e.len()) && e.last().is_some_and(|low| low % 2 == 1) && e != [1];
            if !is_sound {
                return Err(JoseError::BadKey);
            }
            let components = RsaPublicKeyComponents { n, e };
            let with = |parameters| components.to_parsed_public_key(parameters).map_err(|_| JoseError::BadKey);
            Ok(vec![
                (VerifyingAlg::RS256, with(&RSA_PKCS1_2048_8192_SHA256)?),
                (VerifyingAlg::PS256, with(&RSA_PSS_2048_8192_SHA256)?),
            ])
        }
        PublicKey::Ec { crv, x, y } if crv == "P-256" => {
            let (x, y) = (decode_key(x)?, decode_key(y)?);
            // RFC 7518 §6.2.1.2: the full size of a coordinate
            if x.len() != 32 || y.len() != 32 {
                return Err(JoseError::BadKey);
            }
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| JoseError::BadKey)?;
            Ok(vec![(VerifyingAlg::ES256, key)])
        }
        PublicKey::Okp { crv, x } if crv == "Ed25519" => {
            let x = decode_key(x)?;
            // RFC 8037 §2: the 32 octets themselves; the library would also take a DER structure
            if x.len() != 32 {
                return Err(JoseError::BadKey);
            }
            let key = ParsedPublicKey::new(&ED25519, x).map_err(|_| JoseError::BadKey)?;
            Ok(vec![(VerifyingAlg::EdDSA, key)])
        }
        PublicKey::Ec { .. } | PublicKey::Okp { .. } => Err(JoseError::UnsupportedKey),
    }
}

fn decode_key(text: &str) -> Result<Vec<u8>, JoseError> {
    decode(text).map_err(|_| JoseError::BadKey)
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.parsed.iter().map(|(alg, _)| alg.as_str()).collect();
        f.debug_struct("VerifyingKey").field("kid", &self.kid).field("algorithms", &algorithms).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn ec() -> Value {
        json!({ "kty": "EC", "crv": "P-256", "x": X, "y": Y })
    }

    fn rsa(octets: usize, e: &str) -> Value {
        json!({ "kty": "RSA", "n": super::super::base64url(&vec![0xC5; octets]), "e": e })
    }

    #[track_caller]
    fn check(key: &Value, changes: &Value, expected: Result<&[&str], JoseError>) {
        let mut key = key.clone();
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        let jwk: Jwk = serde_json::from_value(key).unwrap();
        let outcome =
            VerifyingKey::from_jwk(&jwk).map(|key| key.parsed.iter().map(|(alg, _)| alg.as_str()).collect::<Vec<_>>());
        assert_eq!(outcome.as_deref(), expected.as_ref().copied());
    }

    #[test]
    fn a_key_serves_the_algorithms_of_its_kind_and_no_other() {
        check(&ec(), &json!({}), Ok(&["ES256"]));
        check(&ec(), &json!({ "alg": "ES256", "use": "sig", "key_ops": ["verify"] }), Ok(&["ES256"]));
        check(&ec(), &json!({ "alg": "RS256" }), Err(JoseError::UnsupportedKey));
        check(&ec(), &json!({ "alg": "HS256" }), Err(JoseError::UnsupportedKey));
        check(&rsa(256, "AQAB"), &json!({}), Ok(&["RS256", "PS256"]));
        check(&rsa(256, "AQAB"), &json!({ "alg": "PS256" }), Ok(&["PS256"]));
        check(&rsa(256, "AQAB"), &json!({ "alg": "RS512" }), Err(JoseError::UnsupportedKey));
        let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        check(&okp, &json!({ "alg": "EdDSA" }), Ok(&["EdDSA"]));
        check(&okp, &json!({ "alg": "Ed25519" }), Ok(&["EdDSA"]));
        check(&okp, &json!({ "crv": "X25519" }), Err(JoseError::UnsupportedKey));
        check(&okp, &json!({ "crv": "Ed448" }), Err(JoseError::UnsupportedKey));
        check(&okp, &json!({ "x": "11qY" }), Err(JoseError::BadKey));
    }

    #[test]
    fn a_key_for_encryption_or_for_signing_only_does_not_verify() {
        check(&ec(), &json!({ "use": "enc" }), Err(JoseError::UnsupportedKey));
        check(&ec(), &json!({ "key_ops": ["deriveKey"] }), Err(JoseError::UnsupportedKey));
        check(&ec(), &json!({ "key_ops": [] }), Err(JoseError::UnsupportedKey));
    }

    #[test]
    fn another_curve_or_a_point_off_the_curve_is_refused() {
        for crv in ["P-384", "P-521", "secp256k1", "p-256", ""] {
            check(&ec(), &json!({ "crv": crv }), Err(JoseError::UnsupportedKey));
        }
        // x and y exchanged, short, padded, all zero
        check(&ec(), &json!({ "x": Y, "y": X }), Err(JoseError::BadKey));
        check(&ec(), &json!({ "x": "AQAB" }), Err(JoseError::BadKey));
        check(&ec(), &json!({ "x": format!("{X}=") }), Err(JoseError::BadKey));
        let zero = super::super::base64url(&[0; 32]);
        check(&ec(), &json!({ "x": zero, "y": zero }), Err(JoseError::BadKey));
    }

    #[test]
    fn weak_and_oversized_rsa_keys_are_refused() {
        check(&rsa(128, "AQAB"), &json!({}), Err(JoseError::WeakKey));
        check(&rsa(255, "AQAB"), &json!({}), Err(JoseError::WeakKey));
        check(&rsa(512, "AQAB"), &json!({}), Ok(&["RS256", "PS256"]));
        check(&rsa(513, "AQAB"), &json!({}), Err(JoseError::WeakKey));
        // 1, 2, 65536, five octets, none
        for e in ["AQ", "Ag", "AQAA", "AQAAAAE", ""] {
            check(&rsa(256, e), &json!({}), Err(JoseError::BadKey));
        }
        // RFC 7518 §6.3.1.1: no zero octet in front
        let padded = super::super::base64url(&[&[0][..], &[0xC5; 256]].concat());
        check(&rsa(256, "AQAB"), &json!({ "n": padded }), Err(JoseError::BadKey));
    }
}
