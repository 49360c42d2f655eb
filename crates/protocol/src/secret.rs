//! How secrets of 256 random bits are stored and compared: codes, client secrets, session tokens.
//!
//! Specs: RFC 6749 §10.3 and §10.10.
//!
//! For passwords, and for anything that a person may have chosen, this is not enough: those take argon2id.

use aws_lc_rs::digest;
use subtle::{Choice, ConstantTimeEq};

/// SHA-256 of a secret's text: what the store keeps, and finds it by.
pub fn hash(secret: &str) -> [u8; 32] {
    hash_bytes(secret.as_bytes())
}

/// SHA-256 of a secret's bytes.
pub fn hash_bytes(secret: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.iter_mut().zip(digest::digest(&digest::SHA256, secret).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// Whether any of `presented` equals any of `stored`. Every pair is compared, in the same time whatever matches.
pub fn any_equal(presented: &[[u8; 32]], stored: &[[u8; 32]]) -> bool {
    let mut found = Choice::from(0);
    for own in presented {
        for kept in stored {
            found |= own.ct_eq(kept);
        }
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256() {
        // FIPS 180-4, the example "abc"
        let expected = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03,
            0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(hash("abc"), expected);
        assert_eq!(hash_bytes(b"abc"), expected);
    }

    #[test]
    fn one_equal_pair_is_enough_and_none_is_not() {
        let [a, b, c] = [hash("a"), hash("b"), hash("c")];
        assert!(any_equal(&[a, b], &[c, b]));
        assert!(!any_equal(&[a], &[b, c]));
        assert!(!any_equal(&[], &[a]));
        assert!(!any_equal(&[a], &[]));
    }
}
