//! Client secrets that were made elsewhere: they may be short, so SHA-256 alone would not keep them.
//!
//! Specs: RFC 6749 §2.3.1 and §10.10.
//!
//! What is stored is argon2id over the SHA-256 of the secret. A machine asks for tokens often, and argon2id is slow on
//! purpose, so a pair that was proven once is remembered in this process: as a MAC over both sides, under a key that
//! never leaves it. Such a proof cannot grow old. It says that these two belong together, and the stored one is read
//! from the database for each request.

use crate::{
    entropy::Entropy,
    failure::Failure,
    passwords::{self, Passwords, Verdict},
    project,
    secret::Secret,
    store::client_secrets::{ClientSecret, Proof, Slot},
};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::Timestamp;
use quick_cache::sync::Cache;
use zeroize::Zeroizing;

/// How many pairs are remembered.
const MOST_PROVEN: usize = 4096;
/// Of a shorter secret four characters would be too much to tell.
const SHOWS_ITS_END: usize = 20;

pub struct ImportedSecrets {
    key: Key,
    proven: Cache<[u8; 32], ()>,
}

/// Why there is no proof.
enum Unproven {
    Wrong,
    Failed(Failure),
}

impl ImportedSecrets {
    pub fn new(entropy: &Entropy) -> Self {
        Self { key: Key::new(HMAC_SHA256, &entropy.bytes::<32>()), proven: Cache::new(MOST_PROVEN) }
    }

    /// Whether `wrapped` was made of the secret with this SHA-256. Equal questions at the same time are computed once.
    pub async fn proves(&self, passwords: &Passwords, hash: &[u8; 32], wrapped: &str) -> Result<bool, Failure> {
        let verify = async {
            match passwords.verify(as_password(hash), Some(wrapped.to_owned())).await {
                Ok(Verdict::Right { .. }) => Ok(()),
                Ok(Verdict::Wrong) => Err(Unproven::Wrong),
                Err(failure) => Err(Unproven::Failed(failure)),
            }
        };
        match self.proven.get_or_insert_async(&self.pair(hash, wrapped), verify).await {
            Ok(()) => Ok(true),
            Err(Unproven::Wrong) => Ok(false),
            Err(Unproven::Failed(failure)) => Err(failure),
        }
    }

    /// Names a pair, without saying anything about it to whoever reads our memory but not the key.
    fn pair(&self, hash: &[u8; 32], wrapped: &str) -> [u8; 32] {
        let mut mac = Context::with_key(&self.key);
        mac.update(hash);
        mac.update(wrapped.as_bytes());
        let mut name = [0; 32];
        name.iter_mut().zip(mac.sign().as_ref()).for_each(|(to, from)| *to = *from);
        name
    }
}

/// What to store of the secret with this SHA-256.
pub async fn wrap(passwords: &Passwords, hash: &[u8; 32]) -> Result<String, Failure> {
    passwords.hash(as_password(hash)).await
}

/// The same on this thread: for the command line and the seed file. Servers use [`wrap`].
pub fn wrap_here(hash: &[u8; 32], entropy: &Entropy) -> anyhow::Result<String> {
    passwords::hash(&as_password(hash), entropy)
}

/// The row of a secret that was made elsewhere, and that `wrapped` was made of.
pub fn in_slot(slot: Slot, secret: &Secret, wrapped: String, now: Timestamp) -> ClientSecret {
    let text = secret.text();
    let last_four = if text.len() < SHOWS_ITS_END { String::new() } else { project::last_four(text) };
    ClientSecret { slot, proof: Proof::Wrapped(wrapped), last_four, created_at: now }
}

fn as_password(hash: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(Base64UrlUnpadded::encode_string(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::sha256;

    #[tokio::test]
    async fn only_the_secret_itself_is_proven_and_only_what_is_proven_is_remembered() {
        let entropy = Entropy::seeded(1);
        let passwords = Passwords::new(2, 8, &entropy);
        let secrets = ImportedSecrets::new(&entropy);
        let (right, wrong) = (sha256(b"kR7_v-2Qb9"), sha256(b"kR7_v-2Qb8"));
        let wrapped = wrap(&passwords, &right).await.unwrap();
        assert!(wrapped.starts_with("$argon2id$"), "{wrapped}");
        for _ in 0..2 {
            assert!(!secrets.proves(&passwords, &wrong, &wrapped).await.unwrap());
            assert!(!secrets.proves(&passwords, &right, "").await.unwrap());
        }
        assert_eq!(secrets.proven.len(), 0);
        for _ in 0..2 {
            assert!(secrets.proves(&passwords, &right, &wrapped).await.unwrap());
        }
        assert_eq!(secrets.proven.len(), 1);
        // Once proven it needs no thread, and another secret beside it still does.
        let busy = Passwords::new(1, 0, &entropy);
        let taken = busy.hash(as_password(&wrong));
        let (_, at_once) = tokio::join!(taken, secrets.proves(&busy, &right, &wrapped));
        assert!(at_once.unwrap());
        // The same secret wrapped anew is another pair.
        let anew = wrap(&passwords, &right).await.unwrap();
        assert!(anew != wrapped && secrets.proves(&passwords, &right, &anew).await.unwrap());
        assert_eq!(secrets.proven.len(), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn forty_at_once_are_computed_once() {
        let entropy = Entropy::seeded(1);
        // No place to wait: a second computation would be answered `Busy`.
        let passwords = Passwords::new(1, 0, &entropy);
        let right = sha256(b"kR7_v-2Qb9");
        let wrapped = wrap(&passwords, &right).await.unwrap();
        let secrets = std::sync::Arc::new(ImportedSecrets::new(&entropy));
        let mut storm = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let (secrets, passwords, wrapped) = (secrets.clone(), passwords.clone(), wrapped.clone());
            storm.spawn(async move { secrets.proves(&passwords, &right, &wrapped).await });
        }
        while let Some(answer) = storm.join_next().await {
            assert!(answer.unwrap().unwrap());
        }
    }
}
