//! Public keys in PEM form, as some issuers hand them out instead of a key set.
//!
//! Specs: RFC 7468 §13, RFC 5280 §4.1.2.7, RFC 3279 §2.3, RFC 8410 §4.

use super::{JoseError, Jwk, PublicKey, base64url, signing::der_element};
use base64ct::{Base64, Encoding as _};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// RFC 3279 §2.3.1: rsaEncryption, 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// RFC 3279 §2.3.5: id-ecPublicKey, 1.2.840.10045.2.1
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// RFC 5480 §2.1.1.1: secp256r1, 1.2.840.10045.3.1.7
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// RFC 8410 §3: id-Ed25519, 1.3.101.112
const ED25519: &[u8] = &[0x2B, 0x65, 0x70];

impl Jwk {
    /// The key of a `PUBLIC KEY` block, with no name of its own. Whether it can be used is for
    /// [`super::VerifyingKey::from_jwk`] to say.
    pub fn from_pem(text: &str) -> Result<Self, JoseError> {
        let body = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or(JoseError::BadKey)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = Base64::decode_vec(&body).map_err(|_| JoseError::BadKey)?;
        let key = from_spki(&der).ok_or(JoseError::UnsupportedKey)?;
        Ok(Self { key, kid: None, key_use: None, key_ops: None, alg: None })
    }
}

/// RFC 5280 §4.1: SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
fn from_spki(der: &[u8]) -> Option<PublicKey> {
    let (members, rest) = der_element(der, SEQUENCE)?;
    let (algorithm, members) = der_element(members, SEQUENCE)?;
    let (bits, more) = der_element(members, BIT_STRING)?;
    if !rest.is_empty() || !more.is_empty() {
        return None;
    }
    // The first octet counts the unused bits of the last.
    let key = bits.strip_prefix(&[0])?;
    let (kind, parameters) = der_element(algorithm, OBJECT_IDENTIFIER)?;
    match kind {
        RSA => {
            let (members, rest) = der_element(key, SEQUENCE)?;
            let (n, members) = der_element(members, INTEGER)?;
            let (e, members) = der_element(members, INTEGER)?;
            let unsigned = |number: &[u8]| base64url(number.strip_prefix(&[0]).unwrap_or(number));
            (rest.is_empty() && members.is_empty()).then(|| PublicKey::Rsa { n: unsigned(n), e: unsigned(e) })
        }
        EC => {
            let (curve, _) = der_element(parameters, OBJECT_IDENTIFIER)?;
            // SEC 1 §2.3.3: an uncompressed point is 4, x, y
            let (x, y) = key.strip_prefix(&[4]).filter(|point| curve == P256 && point.len() == 64)?.split_at(32);
            Some(PublicKey::Ec { crv: "P-256".to_owned(), x: base64url(x), y: base64url(y) })
        }
        ED25519 => Some(PublicKey::Okp { crv: "Ed25519".to_owned(), x: base64url(key) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::SigningAlg,
        jose::{KeySet, SigningKey, Unverified, VerifyingKey},
    };
    use aws_lc_rs::{
        encoding::{AsDer as _, PublicKeyX509Der},
        rsa::KeyPair as RsaKeyPair,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
    };
    use proptest::prelude::*;
    use serde_json::json;

    fn pem(der: &[u8]) -> String {
        let text = Base64::encode_string(der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
    }

    /// SubjectPublicKeyInfo of a private key, as the library writes it.
    fn spki(alg: SigningAlg, private: &[u8]) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match alg {
            SigningAlg::RS256 => RsaKeyPair::from_pkcs8(private).unwrap().public_key().as_der().unwrap(),
            SigningAlg::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private).unwrap();
                pair.public_key().as_der().unwrap()
            }
            SigningAlg::EdDSA => Ed25519KeyPair::from_pkcs8(private).unwrap().public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    #[test]
    fn a_key_in_pem_form_is_the_same_key() {
        for alg in [SigningAlg::ES256, SigningAlg::RS256, SigningAlg::EdDSA] {
            let private = SigningKey::generate_pkcs8(alg).unwrap();
            let key = SigningKey::from_pkcs8(alg, "1", &private).unwrap();
            let jwk = Jwk::from_pem(&pem(&spki(alg, &private))).unwrap();
            assert_eq!(jwk.key, key.public_jwk().key, "{alg:?}");
            let keys: KeySet = [VerifyingKey::from_jwk(&jwk).unwrap()].into_iter().collect();
            let token = key.sign("JWT", &json!({})).unwrap();
            assert!(keys.verify(&Unverified::parse(&token).unwrap()).is_ok());
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let private = SigningKey::generate_pkcs8(SigningAlg::ES256).unwrap();
        let good = spki(SigningAlg::ES256, &private);
        for end in 0..good.len() {
            assert!(Jwk::from_pem(&pem(&good[..end])).is_err(), "{end}");
        }
        assert!(Jwk::from_pem(&pem(&[&good[..], &[0]].concat())).is_err());
        let private = pem(&private).replace("PUBLIC", "PRIVATE");
        for text in ["", BEGIN, "-----BEGIN PUBLIC KEY-----!-----END PUBLIC KEY-----", &private] {
            assert_eq!(Jwk::from_pem(text), Err(JoseError::BadKey), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Jwk::from_pem(&pem(&bytes));
            let _ = Jwk::from_pem(&String::from_utf8_lossy(&bytes));
        }
    }
}
