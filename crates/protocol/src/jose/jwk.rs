//! Public keys as JSON.
//!
//! Specs: RFC 7517, RFC 7518 §6, RFC 7638, RFC 8037 §2. Never holds a private member.

use super::{JoseError, base64url};
use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};

/// A public key with what it may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    #[serde(flatten)]
    pub key: PublicKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub key_use: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
}

/// The members of a kind of key that we can use, as base64url text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: String, x: String },
}

/// A key set (RFC 7517 §5).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Jwks {
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// The RFC 7638 thumbprint: SHA-256 over the required members, as base64url.
    pub fn thumbprint(&self) -> String {
        // RFC 7638 §3.2: the required members only, in lexicographic order. They are inserted in that order,
        // so that it does not matter how `Map` keeps them.
        let members: Vec<(&str, &str)> = match &self.key {
            PublicKey::Rsa { n, e } => vec![("e", e), ("kty", "RSA"), ("n", n)],
            PublicKey::Ec { crv, x, y } => vec![("crv", crv), ("kty", "EC"), ("x", x), ("y", y)],
            PublicKey::Okp { crv, x } => vec![("crv", crv), ("kty", "OKP"), ("x", x)],
        };
        let object: Map<String, Value> =
            members.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        base64url(digest::digest(&digest::SHA256, Value::Object(object).to_string().as_bytes()).as_ref())
    }
}

impl Jwks {
    /// Parses a key set. Keys that we cannot use are left out (RFC 7517 §5); a set that publishes a private or
    /// shared key is refused whole, because its owner has to know.
    pub fn parse(json: &[u8]) -> Result<Self, JoseError> {
        let value: Value = serde_json::from_slice(json).map_err(|_| JoseError::BadKey)?;
        Self::from_value(&value)
    }

    /// As [`Jwks::parse`], from a parsed document.
    pub fn from_value(value: &Value) -> Result<Self, JoseError> {
        let Some(keys) = value.get("keys").and_then(Value::as_array) else {
            return Err(JoseError::BadKey);
        };
        if keys.iter().any(holds_private_members) {
            return Err(JoseError::PrivateKey);
        }
        Ok(Self { keys: keys.iter().filter_map(|key| Jwk::deserialize(key).ok()).collect() })
    }
}

/// The private members of RFC 7518 §6.2.2, §6.3.2, §6.4.1 and RFC 8037 §2.
pub(crate) const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn holds_private_members(key: &Value) -> bool {
    SECRET_MEMBERS.iter().any(|member| key.get(member).is_some())
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Members {
            kid: Option<String>,
            #[serde(rename = "use")]
            key_use: Option<String>,
            key_ops: Option<Vec<String>>,
            alg: Option<String>,
        }
        let value = Value::deserialize(deserializer)?;
        if holds_private_members(&value) {
            return Err(D::Error::custom(JoseError::PrivateKey));
        }
        let key = PublicKey::deserialize(&value).map_err(D::Error::custom)?;
        let Members { kid, key_use, key_ops, alg } = Members::deserialize(&value).map_err(D::Error::custom)?;
        Ok(Self { key, kid, key_use, key_ops, alg })
    }
}

impl<'de> Deserialize<'de> for Jwks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys_of_other_kinds_are_left_out_of_a_set() {
        let ec = json!({ "kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ", "kid": "1", "x5c": ["MII"] });
        let set = json!({ "keys": [{ "kty": "AKP", "pub": "eA" }, { "kty": "EC", "crv": 7 }, 7, ec, { "kid": "2" }] });
        let jwks = Jwks::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!(jwks.keys.len(), 1);
        assert_eq!(
            serde_json::to_value(&jwks).unwrap(),
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ", "kid": "1" }] })
        );
    }

    #[test]
    fn a_set_that_publishes_a_private_or_shared_key_is_refused() {
        for key in [
            json!({ "kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ", "d": "ZA" }),
            json!({ "kty": "RSA", "n": "bg", "e": "AQAB", "p": "cA" }),
            json!({ "kty": "oct", "k": "aw" }),
        ] {
            let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "eA" }, key] });
            assert_eq!(Jwks::from_value(&set), Err(JoseError::PrivateKey), "{key}");
            assert!(serde_json::from_value::<Jwk>(key.clone()).is_err());
            assert!(serde_json::from_value::<Jwks>(set).unwrap_err().to_string().contains("publish public keys only"));
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "[]", "{}", "null", r#"{"keys":{}}"#, r#"{"keys":[]"#] {
            assert_eq!(Jwks::parse(text.as_bytes()), Err(JoseError::BadKey), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_survives_printing(x in "\\PC{0,50}", kid in proptest::option::of("\\PC{0,20}")) {
            let set = json!({ "keys": [{ "kty": "OKP", "crv": x, "x": x, "kid": kid }] });
            let jwks = Jwks::parse(set.to_string().as_bytes()).unwrap();
            prop_assert_eq!(Jwks::from_value(&serde_json::to_value(&jwks).unwrap()), Ok(jwks.clone()));
            for jwk in &jwks.keys {
                jwk.thumbprint();
                let _ = super::super::VerifyingKey::from_jwk(jwk);
            }
        }
    }
}
