//! Access tokens whose signature was verified once. An entry says only "these bytes verify under that key": it holds
//! the claims, and whether they still count is read for each request (attacks.md row 31).

use crate::{keys::KeyRing, secret::sha256};
use hospes_protocol::{
    Refusal,
    access_token::{self, AccessToken},
    jose::Unverified,
};
use quick_cache::sync::Cache;
use std::sync::Arc;

pub struct VerifiedTokens {
    /// By the token's SHA-256; no truncated or otherwise altered token has the same.
    tokens: Cache<[u8; 32], Arc<Entry>>,
}

struct Entry {
    kid: String,
    token: AccessToken,
}

impl VerifiedTokens {
    pub fn new() -> Self {
        Self { tokens: Cache::new(16_384) }
    }

    /// The verified token, from memory or by its signature. The key must still be in the ring either way.
    pub fn verify(&self, ring: &KeyRing, token: &str) -> Result<AccessToken, Refusal> {
        let hash = sha256(token.as_bytes());
        if let Some(entry) = self.tokens.get(&hash).filter(|entry| ring.key_set().holds(&entry.kid)) {
            return Ok(entry.token.clone());
        }
        let unverified = Unverified::parse(token).map_err(|_| access_token::MALFORMED)?;
        let kid = unverified.kid().ok_or(access_token::MALFORMED)?.to_owned();
        let verified = ring.key_set().verify(&unverified).map_err(|_| access_token::MALFORMED)?;
        let token = AccessToken::from_verified(verified)?;
        self.tokens.insert(hash, Arc::new(Entry { kid, token: token.clone() }));
        Ok(token)
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self::new()
    }
}
