//! A secret we hand out: 256 random bits behind a prefix that secret scanners can match. Only its SHA-256 is stored.

use crate::entropy::Entropy;
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt;
use zeroize::Zeroizing;

/// Never printed, never compared as text.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(prefix: &str, entropy: &Entropy) -> Self {
        Self(Zeroizing::new(format!("{prefix}{}", entropy.token())))
    }

    /// A secret that was made elsewhere.
    pub fn from_text(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }

    /// The text, for the one time it is shown.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
