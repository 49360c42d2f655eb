//! Proof Key for Code Exchange. Only `S256`; `plain` does not exist here.
//!
//! Specs: RFC 7636 §4.1, §4.2 and §4.6, RFC 9700 §2.1.1, OAuth 2.1 §4.1.1 and §7.5.

use crate::error::{ErrorCode::InvalidRequest, Refusal, refuse};
use aws_lc_rs::digest::{SHA256, digest};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize};
use subtle::ConstantTimeEq;

pub const MALFORMED: Refusal =
    refuse(InvalidRequest, "code_challenge must be the base64url form of a SHA-256 hash: 43 characters, no padding");

/// The only `code_challenge_method`.
pub const METHOD: &str = "S256";

/// `BASE64URL(SHA256(code_verifier))`, as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Takes exactly what `S256` can give. A challenge that no verifier could ever meet is refused here, where the
    /// client's developer sees it, and not after the user has consented.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        // RFC 7636 §4.2; the decoder refuses padding, other alphabets and stray bits at the end
        let mut hash = [0; 32];
        match Base64UrlUnpadded::decode(text, &mut hash) {
            Ok(hash) if hash.len() == 32 => Ok(Self(text.to_owned())),
            _ => Err(MALFORMED),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `verifier` hashes to this challenge (RFC 7636 §4.6). A verifier outside the grammar of §4.1 never does,
    /// whatever it hashes to.
    pub fn is_met_by(&self, verifier: &str) -> bool {
        let computed = Base64UrlUnpadded::encode_string(digest(&SHA256, verifier.as_bytes()).as_ref());
        let is_equal = computed.as_bytes().ct_eq(self.0.as_bytes());
        is_code_verifier(verifier) && is_equal.into()
    }
}

impl<'de> Deserialize<'de> for CodeChallenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// RFC 7636 §4.1: `code-verifier = 43*128unreserved`
fn is_code_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}
