//! Parsed public keys of one issuer or one client.
//!
//! Specs: RFC 7515 §4.1.4, RFC 7517 §5.

use super::{JoseError, Jwks, Unverified, Verified, VerifyingKey};

/// More keys than this are not looked at: a token without `kid` is tried against each.
const MAX_KEYS: usize = 32;

#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
}

impl KeySet {
    /// The usable keys of `jwks`; possibly none.
    pub fn from_jwks(jwks: &Jwks) -> Self {
        Self { keys: jwks.keys.iter().filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok()).take(MAX_KEYS).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key by that name is here; if not, the set may be out of date.
    pub fn holds(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Verifies `token` with the key that it names, or, if it names none, with any key that fits its algorithm.
    pub fn verify(&self, token: &Unverified<'_>) -> Result<Verified, JoseError> {
        // RFC 7515 §4.1.4: kid is a hint which key was used; a key without a name may be meant by any token
        let mut outcome = Err(JoseError::UnknownKey);
        for key in self.candidates(token) {
            outcome = match token.verify(key) {
                Ok(verified) => return Ok(verified),
                // Of two reasons, the one about a key that fitted says more.
                Err(JoseError::WrongKey) if outcome == Err(JoseError::BadSignature) => outcome,
                Err(error) => Err(error),
            };
        }
        outcome
    }

    fn candidates(&self, token: &Unverified<'_>) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().filter(|key| match (token.kid(), key.kid()) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        })
    }
}

impl FromIterator<VerifyingKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        Self { keys: keys.into_iter().collect() }
    }
}
