//! A private key, parsed once, that signs our tokens.
//!
//! Specs: RFC 7515 §5.1, RFC 7518 §3.3 and §3.4, RFC 8037 §3.1, RFC 5958.
//!
//! See `docs/decisions/0001-jose-on-aws-lc-rs.md` for why this stands directly on aws-lc-rs.

use super::{JoseError, Jwk, PublicKey, base64url, encoding::push_base64url};
use crate::{access_token, client::SigningAlg, id_token};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde::Serialize;
use std::fmt;
use zeroize::Zeroizing;

/// A key pair with its name. Cheap to sign with, dear to make: keep it.
pub struct SigningKey {
    alg: SigningAlg,
    kid: String,
    pair: Pair,
    public_key: PublicKey,
    /// The encoded header, with its dot, for each `typ` that we issue all day.
    headers: Vec<(&'static str, Vec<u8>)>,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new private key as PKCS #8, from the randomness of the cryptographic library.
    pub fn generate_pkcs8(alg: SigningAlg) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        let failed = |_| JoseError::SigningFailed;
        let random = SystemRandom::new();
        let der = match alg {
            SigningAlg::ES256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            SigningAlg::EdDSA => Ed25519KeyPair::generate_pkcs8(&random).map_err(failed)?.as_ref().to_vec(),
            SigningAlg::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
        };
        Ok(Zeroizing::new(der))
    }

    /// Parses and checks a PKCS #8 private key.
    pub fn from_pkcs8(alg: SigningAlg, kid: &str, der: &[u8]) -> Result<Self, JoseError> {
        let bad = |_| JoseError::BadKey;
        let (pair, public_key) = match alg {
            SigningAlg::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(bad)?;
                // SEC 1 §2.3.3: an uncompressed point is 4, x, y
                let (x, y) = pair
                    .public_key()
                    .as_ref()
                    .strip_prefix(&[4])
                    .and_then(|point| point.split_at_checked(32))
                    .ok_or(JoseError::BadKey)?;
                let public_key = PublicKey::Ec { crv: "P-256".to_owned(), x: base64url(x), y: base64url(y) };
                (Pair::Ecdsa(pair), public_key)
            }
            SigningAlg::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(der).map_err(bad)?;
                let x = base64url(pair.public_key().as_ref());
                (Pair::Ed25519(pair), PublicKey::Okp { crv: "Ed25519".to_owned(), x })
            }
            SigningAlg::RS256 => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(bad)?;
                // RFC 7518 §3.3
                if !(256..=512).contains(&pair.public_modulus_len()) {
                    return Err(JoseError::WeakKey);
                }
                let (n, e) = rsa_public_members(pair.public_key().as_ref()).ok_or(JoseError::BadKey)?;
                let public_key = PublicKey::Rsa { n: base64url(n), e: base64url(e) };
                (Pair::Rsa(Box::new(pair)), public_key)
            }
        };
        let mut key = Self { alg, kid: kid.to_owned(), pair, public_key, headers: Vec::new() };
        for typ in [access_token::TYP, id_token::TYP] {
            key.headers.push((typ, key.encode_header(typ)?));
        }
        Ok(key)
    }

    pub fn alg(&self) -> SigningAlg {
        self.alg
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn public_jwk(&self) -> Jwk {
        Jwk {
            key: self.public_key.clone(),
            kid: Some(self.kid.clone()),
            key_use: Some("sig".to_owned()),
            key_ops: None,
            alg: Some(self.alg.as_str().to_owned()),
        }
    }

    /// Signs `claims` as a token of type `typ`, in compact serialization.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, JoseError> {
        let mut payload = Vec::with_capacity(512);
        serde_json::to_writer(&mut payload, claims).map_err(|_| JoseError::SigningFailed)?;

        // One buffer for the whole token: an encoded header of about 100 bytes, the payload, a signature of 86 or 342.
        let mut token = Vec::with_capacity(payload.len() * 4 / 3 + 512);
        match self.headers.iter().find(|(own, _)| *own == typ) {
            Some((_, header)) => token.extend_from_slice(header),
            None => token.extend_from_slice(&self.encode_header(typ)?),
        }
        push_base64url(&mut token, &payload)?;
        self.push_signature(&mut token)?;
        String::from_utf8(token).map_err(|_| JoseError::SigningFailed)
    }

    fn push_signature(&self, token: &mut Vec<u8>) -> Result<(), JoseError> {
        let failed = |_| JoseError::SigningFailed;
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), token).map_err(failed)?;
                token.push(b'.');
                push_base64url(token, signature.as_ref())
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(token).map_err(failed)?;
                token.push(b'.');
                push_base64url(token, signature.as_ref())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token, &mut signature).map_err(failed)?;
                token.push(b'.');
                push_base64url(token, &signature)
            }
        }
    }

    fn encode_header(&self, typ: &str) -> Result<Vec<u8>, JoseError> {
        #[derive(Serialize)]
        struct Header<'a> {
            alg: &'a str,
            typ: &'a str,
            kid: &'a str,
        }
        let header = Header { alg: self.alg.as_str(), typ, kid: &self.kid };
        let json = serde_json::to_vec(&header).map_err(|_| JoseError::SigningFailed)?;
        let mut encoded = Vec::new();
        push_base64url(&mut encoded, &json)?;
        encoded.push(b'.');
        Ok(encoded)
    }
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 §A.1.1) as the library printed it, without leading zeros.
fn rsa_public_members(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (members, rest) = der_element(der, SEQUENCE)?;
    let (n, members) = der_element(members, INTEGER)?;
    let (e, members) = der_element(members, INTEGER)?;
    if !rest.is_empty() || !members.is_empty() {
        return None;
    }
    // A positive integer whose highest bit is set has a zero octet in front (X.690 §8.3).
    Some((n.strip_prefix(&[0]).unwrap_or(n), e.strip_prefix(&[0]).unwrap_or(e)))
}

/// The contents of the element at the start of `der`, and what follows it.
pub(super) fn der_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&own_tag, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    // X.690 §8.1.3: below 128 the length itself, else the number of octets that hold it
    let (length, der) = if first < 0x80 {
        (usize::from(first), der)
    } else {
        let (octets, der) = der.split_at_checked(usize::from(first & 0x7F))?;
        if octets.len() > 4 {
            return None;
        }
        (octets.iter().fold(0_usize, |length, octet| (length << 8) | usize::from(*octet)), der)
    };
    if own_tag != tag {
        return None;
    }
    der.split_at_checked(length)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("alg", &self.alg).field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{KeySet, Unverified, VerifyingKey};
    use serde_json::json;

    const ALL: [SigningAlg; 3] = [SigningAlg::ES256, SigningAlg::RS256, SigningAlg::EdDSA];

    fn key(alg: SigningAlg, kid: &str) -> SigningKey {
        SigningKey::from_pkcs8(alg, kid, &SigningKey::generate_pkcs8(alg).unwrap()).unwrap()
    }

    #[test]
    fn what_is_signed_verifies_by_the_public_key_of_the_same_name() {
        for alg in ALL {
            let key = key(alg, "k\"1");
            let keys: KeySet = [VerifyingKey::from_jwk(&key.public_jwk()).unwrap()].into_iter().collect();
            for typ in [access_token::TYP, id_token::TYP, "logout+jwt"] {
                let token = key.sign(typ, &json!({ "sub": "alice", "n": [1, "é"] })).unwrap();
                let verified = keys.verify(&Unverified::parse(&token).unwrap()).unwrap();
                assert_eq!(verified.typ(), Some(typ));
                assert_eq!(verified.kid(), Some("k\"1"));
                assert_eq!(verified.alg().as_str(), alg.as_str());
                assert_eq!(serde_json::Value::Object(verified.into_claims()), json!({ "sub": "alice", "n": [1, "é"] }));
            }
        }
    }

    #[test]
    fn a_public_key_holds_no_private_member_and_survives_printing() {
        for alg in ALL {
            let jwk = key(alg, "1").public_jwk();
            let json = serde_json::to_value(&jwk).unwrap();
            assert!(["d", "p", "q", "k"].iter().all(|member| json.get(member).is_none()), "{json}");
            assert_eq!(json["kid"], "1");
            assert_eq!(json["use"], "sig");
            assert_eq!(json["alg"], alg.as_str());
            assert_eq!(serde_json::from_value::<Jwk>(json).unwrap(), jwk);
        }
    }

    #[test]
    fn a_private_key_of_another_kind_is_refused() {
        for alg in ALL {
            let der = SigningKey::generate_pkcs8(alg).unwrap();
            for other in ALL.into_iter().filter(|other| *other != alg) {
                assert_eq!(
                    SigningKey::from_pkcs8(other, "1", &der).unwrap_err(),
                    JoseError::BadKey,
                    "{alg:?} {other:?}"
                );
            }
            assert_eq!(SigningKey::from_pkcs8(alg, "1", &der[..der.len() - 1]).unwrap_err(), JoseError::BadKey);
        }
        assert_eq!(SigningKey::from_pkcs8(SigningAlg::RS256, "1", b"").unwrap_err(), JoseError::BadKey);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let key = key(SigningAlg::EdDSA, "1");
        assert_eq!(format!("{key:?}"), r#"SigningKey { alg: EdDSA, kid: "1", .. }"#);
    }

    #[test]
    fn a_broken_structure_has_no_members() {
        let good = [0x30, 7, 2, 2, 0, 0xC5, 2, 1, 3];
        assert_eq!(rsa_public_members(&good), Some((&[0xC5][..], &[3][..])));
        for end in 0..good.len() {
            assert_eq!(rsa_public_members(&good[..end]), None, "{end}");
        }
        assert_eq!(rsa_public_members(&[&good[..], &[0]].concat()), None);
        assert_eq!(rsa_public_members(&[0x30, 0x85, 0, 0, 0, 0, 0]), None);
        assert_eq!(rsa_public_members(&[0x31, 7, 2, 2, 0, 0xC5, 2, 1, 3]), None);
    }
}
