//! Access tokens whose signature was verified once. An entry says only "these bytes verify under that key": it holds
//! the claims, and whether they still count is read for each request (attacks.md row 31).

use crate::{keys::KeyRing, secret::sha256};
use hospes_protocol::{
    Refusal,
    access_token::{self, AccessToken},
    jose::Unverified,
};
use quick_cache::sync::Cache;
use std::{ops::Deref, sync::Arc};

pub struct VerifiedTokens {
    /// By the token's SHA-256; no truncated or otherwise altered token has the same.
    tokens: Cache<[u8; 32], Arc<Entry>>,
}

struct Entry {
    kid: String,
    token: AccessToken,
}

/// A token as it was presented, and what is remembered of it.
pub struct Presented<'t> {
    text: &'t str,
    hash: [u8; 32],
    entry: Option<Arc<Entry>>,
}

/// A token that a key of the ring verifies. Cheap to clone.
#[derive(Clone)]
pub struct VerifiedToken(Arc<Entry>);

impl Deref for VerifiedToken {
    type Target = AccessToken;
    fn deref(&self) -> &AccessToken {
        &self.0.token
    }
}

impl Presented<'_> {
    /// What the token says, if it was verified before; by which key, and whether that key still counts, is for
    /// [`VerifiedTokens::verify`]. Good for looking up beforehand what the token will be asked about.
    pub fn remembered(&self) -> Option<VerifiedToken> {
        self.entry.clone().map(VerifiedToken)
    }
}

impl VerifiedTokens {
    pub fn new() -> Self {
        Self { tokens: Cache::new(16_384) }
    }

    pub fn look_at<'t>(&self, token: &'t str) -> Presented<'t> {
        let hash = sha256(token.as_bytes());
        Presented { text: token, hash, entry: self.tokens.get(&hash) }
    }

    /// The verified token, from memory or by its signature. The key must still be in the ring either way.
    pub fn verify(&self, ring: &KeyRing, presented: Presented<'_>) -> Result<VerifiedToken, Refusal> {
        if let Some(entry) = presented.entry.filter(|entry| ring.key_set().holds(&entry.kid)) {
            return Ok(VerifiedToken(entry));
        }
        let unverified = Unverified::parse(presented.text).map_err(|_| access_token::MALFORMED)?;
        let kid = unverified.kid().ok_or(access_token::MALFORMED)?.to_owned();
        let verified = ring.key_set().verify(&unverified).map_err(|_| access_token::MALFORMED)?;
        let entry = Arc::new(Entry { kid, token: AccessToken::from_verified(verified)? });
        self.tokens.insert(presented.hash, Arc::clone(&entry));
        Ok(VerifiedToken(entry))
    }
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self::new()
    }
}
