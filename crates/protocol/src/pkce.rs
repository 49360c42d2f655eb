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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 7636 Appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[track_caller]
    fn check(challenge: &str, verifier: &str, expected: bool) {
        assert_eq!(CodeChallenge::parse(challenge).unwrap().is_met_by(verifier), expected);
    }

    fn challenge_of(verifier: &str) -> String {
        Base64UrlUnpadded::encode_string(digest(&SHA256, verifier.as_bytes()).as_ref())
    }

    #[test]
    fn the_vector_of_rfc_7636_appendix_b_is_met() {
        check(CHALLENGE, VERIFIER, true);
    }

    /// attacks.md rows 7, 8 and 19.
    #[test]
    fn any_other_verifier_fails() {
        for verifier in ["", "a", CHALLENGE, &VERIFIER[..42], &VERIFIER[1..], &VERIFIER.to_lowercase()] {
            check(CHALLENGE, verifier, false);
        }
        check(CHALLENGE, &format!("{VERIFIER}="), false);
        check(CHALLENGE, &format!(" {VERIFIER}"), false);
    }

    #[test]
    fn a_verifier_outside_the_grammar_fails_even_if_its_hash_is_right() {
        for verifier in ["", &"a".repeat(42), &"a".repeat(129), &format!("{}+", "a".repeat(43)), &"é".repeat(30)] {
            check(&challenge_of(verifier), verifier, false);
        }
        for length in [43, 48, 96, 128] {
            let verifier = "~".repeat(length);
            check(&challenge_of(&verifier), &verifier, true);
        }
    }

    #[test]
    fn only_what_s256_can_give_is_a_challenge() {
        let with_stray_bits = format!("{}N", &CHALLENGE[..42]);
        let padded = format!("{CHALLENGE}=");
        let other_alphabet = CHALLENGE.replace('-', "+");
        for text in ["", "abc", &CHALLENGE[..42], &padded, &other_alphabet, &with_stray_bits, &"A".repeat(128)] {
            assert_eq!(CodeChallenge::parse(text), Err(MALFORMED), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_verifier_meets_its_own_challenge_and_no_other(one in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~-]{43,128}") {
            let challenge = CodeChallenge::parse(&challenge_of(&one)).unwrap();
            prop_assert!(challenge.is_met_by(&one));
            prop_assert_eq!(challenge.is_met_by(&other), one == other);
        }

        #[test]
        fn a_parsed_challenge_prints_as_it_was(text in "[A-Za-z0-9_=+/-]{0,60}") {
            if let Ok(challenge) = CodeChallenge::parse(&text) {
                prop_assert_eq!(challenge.as_str(), text);
            }
        }
    }
}
