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

/// How many tokens are remembered; the least used go first.
const ROOM: usize = 16_384;

impl VerifiedTokens {
    pub fn new() -> Self {
        Self::with_room_for(ROOM)
    }

    fn with_room_for(tokens: usize) -> Self {
        Self { tokens: Cache::new(tokens) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::Test;
    use hospes_protocol::client::SigningAlg::ES256;
    use serde_json::json;

    /// attacks.md row 31: whoever presents many tokens makes us forget, not grow.
    #[test]
    fn many_tokens_do_not_fill_the_memory() {
        let test = Test::new();
        test.ensure();
        let ring = test.ring(&test.server());
        let key = ring.signing(ES256, test.now()).unwrap();
        let tokens = VerifiedTokens::with_room_for(8);
        for number in 0..64 {
            let claims = json!({
                "iss": "https://p.example", "sub": "alice", "aud": "https://api.example", "client_id": "web",
                "jti": number.to_string(), "iat": test.now(), "exp": test.now().plus(hospes_protocol::Seconds(600)),
            });
            let token = key.sign("at+jwt", &claims).unwrap();
            let verified = tokens.verify(&ring, tokens.look_at(&token)).unwrap();
            assert_eq!(verified.claims().jti, number.to_string());
        }
        assert!(tokens.tokens.len() <= 8, "{} tokens are remembered", tokens.tokens.len());
    }
}
