//! Base64url without padding (RFC 7515 §2), in its one canonical form.

use super::JoseError;
use base64ct::{Base64UrlUnpadded, Encoding};

/// The canonical text of `bytes`.
pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Appends the canonical text of `bytes` to `out` without an intermediate string.
pub(super) fn push_base64url(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), JoseError> {
    let start = out.len();
    out.resize(start + Base64UrlUnpadded::encoded_len(bytes), 0);
    let (_, tail) = out.split_at_mut(start);
    Base64UrlUnpadded::encode(bytes, tail).map(|_| ()).map_err(|_| JoseError::SigningFailed)
}

/// Refuses padding, foreign characters and trailing bits that are not zero, so every value has exactly one text.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, JoseError> {
    Base64UrlUnpadded::decode_vec(text).map_err(|_| JoseError::BadEncoding)
}
