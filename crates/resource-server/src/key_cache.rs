//! The issuer's keys, kept between requests, and when to fetch them again.
//!
//! Specs: RFC 7517 §5. Fetching is the caller's; nobody but the issuer must be able to cause it often.

use hospes_protocol::jose::{JoseError, Jwks, KeySet};
use hospes_protocol::time::{Seconds, Timestamp};
use std::sync::{Arc, PoisonError, RwLock};

/// After this the keys are fetched again, so that a key the issuer withdrew stops working.
const LIFETIME: Seconds = Seconds(600);
/// Tokens with invented key names must not make us fetch more often than this.
const SHORTEST_INTERVAL: Seconds = Seconds(30);
const LARGEST_KEY_SET: usize = 262_144;

/// A fetched document that was not taken over; the keys from before remain in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetRefused {
    /// It is longer than 256 KiB.
    #[error("the key set is longer than 256 KiB")]
    TooLong,
    /// It is no JSON Web Key Set, or publishes private keys.
    #[error("the key set cannot be used: {0}")]
    Malformed(#[from] JoseError),
    /// It holds no key that we could verify with.
    #[error("the key set holds no key for ES256, RS256 or EdDSA")]
    Empty,
}

/// The keys of one issuer, shared by all requests.
#[derive(Debug, Default)]
pub struct KeyCache {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Arc<KeySet>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl KeyCache {
    /// An empty cache: stale, and refusing every token until keys are put in.
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys as they are now.
    pub fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).keys)
    }

    /// Whether the keys are absent or ten minutes old.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.fetched_at.is_none_or(|fetched_at| now.since(fetched_at) >= LIFETIME)
    }

    /// Whether the caller shall fetch the keys now; of several callers within 30 seconds, one is told so.
    pub fn begin_refresh(&self, now: Timestamp) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let was_tried =
            state.tried_at.is_some_and(|tried_at| (Seconds(0)..SHORTEST_INTERVAL).contains(&now.since(tried_at)));
        if was_tried {
            return false;
        }
        state.tried_at = Some(now);
        true
    }

    /// Puts in the key set as it was fetched from the issuer's `jwks_uri`.
    pub fn replace(&self, jwks: &[u8], now: Timestamp) -> Result<(), KeySetRefused> {
        if jwks.len() > LARGEST_KEY_SET {
            return Err(KeySetRefused::TooLong);
        }
        let keys = KeySet::from_jwks(&Jwks::parse(jwks)?);
        if keys.is_empty() {
            return Err(KeySetRefused::Empty);
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.keys = Arc::new(keys);
        state.fetched_at = Some(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWKS: &[u8] =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    #[test]
    fn keys_are_fetched_at_first_and_again_after_ten_minutes() {
        let cache = KeyCache::new();
        assert!(cache.is_stale(Timestamp(0)));
        cache.replace(JWKS, Timestamp(0)).unwrap();
        assert!(!cache.is_stale(Timestamp(599)));
        assert!(cache.is_stale(Timestamp(600)));
    }

    #[test]
    fn of_many_who_would_fetch_one_does_within_half_a_minute() {
        let cache = KeyCache::new();
        let told = |now| (0..40).filter(|_| cache.begin_refresh(Timestamp(now))).count();
        assert_eq!((told(100), told(129), told(130)), (1, 0, 1));
        // A clock that was set back does not stop fetching for long.
        assert_eq!(told(50), 1);
    }

    #[test]
    fn a_document_that_cannot_be_used_leaves_the_keys_as_they_are() {
        let cache = KeyCache::new();
        cache.replace(JWKS, Timestamp(0)).unwrap();
        for (document, expected) in [
            (&b"<html>"[..], KeySetRefused::Malformed(JoseError::BadKey)),
            (br#"{"keys":[]}"#, KeySetRefused::Empty),
            (br#"{"keys":[{"kty":"EC","crv":"P-384","x":"eA","y":"eQ"}]}"#, KeySetRefused::Empty),
            (br#"{"keys":[{"kty":"oct","k":"aw"}]}"#, KeySetRefused::Malformed(JoseError::PrivateKey)),
            (" ".repeat(LARGEST_KEY_SET + 1).as_bytes(), KeySetRefused::TooLong),
        ] {
            assert_eq!(cache.replace(document, Timestamp(700)), Err(expected));
        }
        assert!(!cache.current().is_empty());
        assert!(cache.is_stale(Timestamp(700)));
    }
}
