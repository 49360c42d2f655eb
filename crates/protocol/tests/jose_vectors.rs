//! The worked examples of the specifications, and attacks on a token that verifies.
//!
//! Specs: RFC 7515 §A, RFC 7519 §3.1 and §6.1, RFC 7638 §3.1, RFC 8037 §A, OIDC Core §A.3; attacks.md rows 19 and 21.

// The lints that are off in tests (clippy.toml) are off in their helpers too.
#![cfg(test)]

use hospes_protocol::{
    access_token,
    client::SigningAlg,
    id_token,
    jose::{JoseError, Jwk, Jwks, KeySet, SigningKey, Unverified, VerifyingAlg, VerifyingKey, base64url},
};
use serde_json::{Value, json};

const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn jwk(value: Value) -> Jwk {
    serde_json::from_value(value).unwrap()
}

fn verifying(value: Value) -> VerifyingKey {
    VerifyingKey::from_jwk(&jwk(value)).unwrap()
}

#[track_caller]
fn check(token: &str, key: &VerifyingKey, expected: Result<Value, JoseError>) {
    let outcome = Unverified::parse(token).and_then(|token| token.verify(key));
    assert_eq!(outcome.map(|verified| Value::Object(verified.into_claims())), expected);
}

fn rfc7515_claims() -> Value {
    json!({ "iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true })
}

#[test]
fn rfc_7515_a_2_rs256() {
    let key = verifying(json!({
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
    }));
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    check(&format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{signature}"), &key, Ok(rfc7515_claims()));
    // The same signature presented as PS256
    let header = base64url(br#"{"alg":"PS256"}"#);
    check(&format!("{header}.{PAYLOAD}.{signature}"), &key, Err(JoseError::BadSignature));
}

fn rfc7515_a3_key() -> VerifyingKey {
    verifying(json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }))
}

fn rfc7515_a3_token() -> String {
    format!(
        "eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
}

#[test]
fn rfc_7515_a_3_es256() {
    check(&rfc7515_a3_token(), &rfc7515_a3_key(), Ok(rfc7515_claims()));
}

#[test]
fn rfc_7515_a_4_es512_is_not_ours() {
    let header = base64url(br#"{"alg":"ES512"}"#);
    check(&format!("{header}.UGF5bG9hZA.AAAA"), &rfc7515_a3_key(), Err(JoseError::UnsupportedAlgorithm));
}

#[test]
fn rfc_7519_3_1_shared_keys_and_6_1_unsecured_tokens_are_refused() {
    let shared =
        format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    check(&shared, &rfc7515_a3_key(), Err(JoseError::UnsupportedAlgorithm));
    check(&format!("eyJhbGciOiJub25lIn0.{PAYLOAD}."), &rfc7515_a3_key(), Err(JoseError::UnsupportedAlgorithm));
    // An empty signature under an algorithm that we do accept
    check(&format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}."), &rfc7515_a3_key(), Err(JoseError::BadSignature));
}

#[test]
fn rfc_7638_3_1_thumbprint() {
    let key = jwk(json!({
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }));
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

const RFC8037_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

#[test]
fn rfc_8037_a_1_to_a_3_private_key_public_key_and_thumbprint() {
    let seed: Vec<u8> = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ]
    .to_vec();
    // RFC 8410 §7: version 0, the algorithm's identifier, the seed as an octet string
    let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let key = SigningKey::from_pkcs8(SigningAlg::EdDSA, "1", &[&prefix[..], &seed].concat()).unwrap();
    let public = key.public_jwk();
    assert_eq!(serde_json::to_value(&public).unwrap()["x"], RFC8037_X);
    assert_eq!(public.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn rfc_8037_a_5_eddsa() {
    let key = verifying(json!({ "kty": "OKP", "crv": "Ed25519", "x": RFC8037_X }));
    let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    // The signature is right, and only then does it matter that the payload is no JWT.
    check(&format!("{input}.{signature}"), &key, Err(JoseError::BadPayload));
    let wrong = signature.replace("hgyY", "hgyZ");
    check(&format!("{input}.{wrong}"), &key, Err(JoseError::BadSignature));
}

#[test]
fn oidc_core_a_3_at_hash() {
    let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(id_token::at_hash(access_token, SigningAlg::RS256), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(id_token::at_hash(access_token, SigningAlg::ES256), "77QmUPtjPfzWtF2AnpK9RQ");
    // 32 of SHA-512's 64 octets
    assert_eq!(id_token::at_hash(access_token, SigningAlg::EdDSA).len(), 43);
}

/// CVE-2026-27840: a token that was cut or padded was accepted.
#[test]
fn every_prefix_suffix_change_of_case_and_exchanged_character_fails() {
    for alg in [SigningAlg::ES256, SigningAlg::EdDSA] {
        let signing = SigningKey::from_pkcs8(alg, "1", &SigningKey::generate_pkcs8(alg).unwrap()).unwrap();
        let key = VerifyingKey::from_jwk(&signing.public_jwk()).unwrap();
        let token = signing.sign(access_token::TYP, &json!({ "sub": "alice" })).unwrap();
        let verifies = |text: &str| Unverified::parse(text).and_then(|token| token.verify(&key)).is_ok();
        assert!(verifies(&token));
        for at in 0..token.len() {
            assert!(!verifies(&token[..at]), "prefix of {at}");
            assert!(!verifies(&token[at + 1..]), "suffix from {}", at + 1);
            assert!(!verifies(&format!("{}{}", &token[..at], &token[at + 1..])), "without character {at}");
            let own = token.as_bytes()[at];
            for other in [b'A', b'_', b'.', b'=', b' ', own ^ 0x20, own ^ 1] {
                if other != own {
                    let mut bytes = token.clone().into_bytes();
                    bytes[at] = other;
                    assert!(!verifies(&String::from_utf8(bytes).unwrap()), "{} at {at}", char::from(other));
                }
            }
        }
        for padding in ["=", "==", "A", "AA", "AAAA", ".", " ", "\n", "\0"] {
            assert!(!verifies(&format!("{token}{padding}")), "{padding:?} behind");
            assert!(!verifies(&format!("{padding}{token}")), "{padding:?} in front");
        }
        assert!(!verifies(&token.to_ascii_lowercase()) && !verifies(&token.to_ascii_uppercase()));
    }
}

/// CVE-2026-11800: the token chose how it was verified.
#[test]
fn a_token_cannot_choose_its_algorithm_or_its_key() {
    let make = |alg, kid| SigningKey::from_pkcs8(alg, kid, &SigningKey::generate_pkcs8(alg).unwrap()).unwrap();
    let all = [make(SigningAlg::ES256, "e"), make(SigningAlg::RS256, "r"), make(SigningAlg::EdDSA, "d")];
    let public: Vec<VerifyingKey> = all.iter().map(|key| VerifyingKey::from_jwk(&key.public_jwk()).unwrap()).collect();
    let claims = base64url(br#"{"sub":"alice"}"#);
    for (signing, own) in all.iter().zip(&public) {
        let token = signing.sign("at+jwt", &json!({ "sub": "alice" })).unwrap();
        let signature = token.rsplit_once('.').unwrap().1;
        assert!(Unverified::parse(&token).unwrap().verify(own).is_ok());
        for alg in VerifyingAlg::ALL.iter().filter(|alg| !own.fits(**alg)) {
            let header = base64url(json!({ "alg": alg.as_str() }).to_string().as_bytes());
            let forged = format!("{header}.{claims}.{signature}");
            assert_eq!(Unverified::parse(&forged).unwrap().verify(own).unwrap_err(), JoseError::WrongKey);
        }
        for other in public.iter().filter(|other| other.kid() != own.kid()) {
            assert_eq!(Unverified::parse(&token).unwrap().verify(other).unwrap_err(), JoseError::UnknownKey);
        }
    }

    // A key of the attacker's by the same name, and the attacker's key in the header itself
    let keys: KeySet = public.into_iter().collect();
    let evil = make(SigningAlg::ES256, "e");
    let token = evil.sign("at+jwt", &json!({ "sub": "alice" })).unwrap();
    assert_eq!(keys.verify(&Unverified::parse(&token).unwrap()).unwrap_err(), JoseError::BadSignature);
    let evil = make(SigningAlg::ES256, "evil");
    let token = evil.sign("at+jwt", &json!({ "sub": "alice" })).unwrap();
    assert_eq!(keys.verify(&Unverified::parse(&token).unwrap()).unwrap_err(), JoseError::UnknownKey);
    let header = json!({ "alg": "ES256", "kid": "e", "jwk": evil.public_jwk(), "jku": "https://evil.example/jwks" });
    let (_, rest) = token.split_once('.').unwrap();
    let forged = format!("{}.{rest}", base64url(header.to_string().as_bytes()));
    assert_eq!(keys.verify(&Unverified::parse(&forged).unwrap()).unwrap_err(), JoseError::BadSignature);
}

#[test]
fn a_set_finds_the_key_by_name_or_by_trying_those_that_fit() {
    let make = |alg, kid| SigningKey::from_pkcs8(alg, kid, &SigningKey::generate_pkcs8(alg).unwrap()).unwrap();
    let (first, second) = (make(SigningAlg::ES256, "1"), make(SigningAlg::ES256, "2"));
    let unnamed = |key: &SigningKey| Jwk { kid: None, ..key.public_jwk() };
    let token = second.sign("JWT", &json!({})).unwrap();
    let token = Unverified::parse(&token).unwrap();

    let named = KeySet::from_jwks(&Jwks { keys: vec![first.public_jwk(), second.public_jwk()] });
    assert!(named.verify(&token).is_ok());
    assert!(named.holds("2") && !named.holds("3") && !named.is_empty());
    let without = KeySet::from_jwks(&Jwks { keys: vec![first.public_jwk()] });
    assert_eq!(without.verify(&token).unwrap_err(), JoseError::UnknownKey);
    // Two keys by one name, as after a careless rotation: the right one is found.
    let careless = Jwk { kid: Some("2".to_owned()), ..first.public_jwk() };
    let keys = KeySet::from_jwks(&Jwks { keys: vec![careless, second.public_jwk()] });
    assert!(keys.verify(&token).is_ok());
    // A key without a name may be meant by any token.
    let keys = KeySet::from_jwks(&Jwks { keys: vec![unnamed(&first), unnamed(&second)] });
    assert!(keys.verify(&token).is_ok());
    assert_eq!(KeySet::default().verify(&token).unwrap_err(), JoseError::UnknownKey);
}
