//! Randomness. Every secret and id is drawn here, so that a test can seed it and get the same ones again.

use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where randomness comes from: the operating system, or a seed (tests and reproducible demos only). Cheap to clone;
/// clones of a seeded source share one sequence, so no two draws are alike.
#[derive(Debug, Clone)]
pub enum Entropy {
    Os,
    Seeded(Arc<Seed>),
}

/// A deterministic sequence: HMAC-SHA256 of a counter under a key made of the seed.
pub struct Seed {
    key: hmac::Key,
    draws: AtomicU64,
}

impl Entropy {
    /// The sequence that belongs to `seed`. Whoever knows the seed knows every secret drawn from it.
    pub fn seeded(seed: u64) -> Self {
        let key =
            hmac::Key::new(hmac::HMAC_SHA256, &[b"hospes seeded entropy".as_slice(), &seed.to_be_bytes()].concat());
        Self::Seeded(Arc::new(Seed { key, draws: AtomicU64::new(0) }))
    }

    /// Fills `target` with random bytes.
    pub fn fill(&self, target: &mut [u8]) {
        match self {
            Self::Os => fill_from_system(target),
            Self::Seeded(seed) => seed.fill(target),
        }
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A random (version 4) UUID (RFC 9562 §5.4).
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// 256 random bits as 43 characters of base64url: the body of every secret that we hand out.
    pub fn token(&self) -> String {
        let bytes = Zeroizing::new(self.bytes::<32>());
        Base64UrlUnpadded::encode_string(bytes.as_slice())
    }
}

impl Seed {
    fn fill(&self, target: &mut [u8]) {
        let draw = self.draws.fetch_add(1, Ordering::SeqCst);
        for (block, chunk) in (0_u64..).zip(target.chunks_mut(32)) {
            let output = hmac::sign(&self.key, &[draw.to_be_bytes(), block.to_be_bytes()].concat());
            for (to, from) in chunk.iter_mut().zip(output.as_ref()) {
                *to = *from;
            }
        }
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed")
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for randomness")]
#[expect(
    clippy::expect_used,
    reason = "without randomness every secret would be guessable; there is nothing to fall back to"
)]
fn fill_from_system(target: &mut [u8]) {
    aws_lc_rs::rand::fill(target).expect("the operating system gives randomness");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_seed_repeats_its_sequence_and_another_does_not() {
        let (one, again, other) = (Entropy::seeded(7), Entropy::seeded(7), Entropy::seeded(8));
        assert_eq!(one.token(), again.token());
        assert_eq!(one.uuid(), again.uuid());
        assert_ne!(one.token(), other.token());
    }

    #[test]
    fn no_two_draws_are_alike_even_through_clones() {
        for source in [Entropy::Os, Entropy::seeded(1)] {
            let clone = source.clone();
            let draws: HashSet<[u8; 16]> =
                (0..100).map(|n| if n % 2 == 0 { source.bytes() } else { clone.bytes() }).collect();
            assert_eq!(draws.len(), 100, "{source:?}");
        }
    }

    #[test]
    fn long_draws_do_not_repeat_inside() {
        let draw = Entropy::seeded(1).bytes::<96>();
        let blocks: HashSet<&[u8]> = draw.chunks(32).collect();
        assert_eq!(blocks.len(), 3);
    }

    #[test]
    fn tokens_and_uuids_have_their_form() {
        let source = Entropy::Os;
        assert_eq!(source.token().len(), 43);
        assert_eq!(source.uuid().get_version_num(), 4);
        assert_eq!(source.uuid().get_variant(), uuid::Variant::RFC4122);
    }
}
