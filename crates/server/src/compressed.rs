//! Files that never change while the server runs, compressed once for all who can read it.
//!
//! Specs: RFC 9110 §8.4.1.3 (gzip), §8.8.3.3 (entity tags of codings) and §12.5.3 (`Accept-Encoding`).
//! Nothing with a secret in it is compressed: its length would tell of it (RFC 9325 §3.3).

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

/// How a file goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    /// The value of `Content-Encoding`; none for the file as it is.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
        }
    }
}

/// A file in every coding that pays.
#[derive(Debug)]
pub(crate) struct Compressed {
    identity: Bytes,
    /// `None` where it would hardly be smaller.
    gzip: Option<Bytes>,
}

impl Compressed {
    pub(crate) fn new(identity: Bytes) -> Self {
        let gzip = gzip(&identity).filter(|gzip| gzip.len() < identity.len() / 10 * 9);
        Self { identity, gzip }
    }

    /// The file as it is.
    pub(crate) const fn identity(&self) -> &Bytes {
        &self.identity
    }

    /// The file for a reader with this `Accept-Encoding`.
    pub(crate) fn choose(&self, accept_encoding: &str) -> (Coding, &Bytes) {
        match &self.gzip {
            Some(gzip) if reads_gzip(accept_encoding) => (Coding::Gzip, gzip),
            _ => (Coding::Identity, &self.identity),
        }
    }
}

/// The same bytes whenever it is made: the header has no time in it.
fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    Some(encoder.finish().ok()?.into())
}

/// RFC 9110 §12.5.3: named, under its old name too, or meant by `*`, and not with a weight of zero.
fn reads_gzip(accept_encoding: &str) -> bool {
    let wanted = |name: &str| {
        accept_encoding.split(',').find_map(|item| {
            let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
            coding.trim().eq_ignore_ascii_case(name).then(|| !is_zero(parameters))
        })
    };
    ["gzip", "x-gzip", "*"].into_iter().find_map(wanted).unwrap_or(false)
}

/// RFC 9110 §12.4.2: `q=0`, `q=0.000`.
fn is_zero(parameters: &str) -> bool {
    let weight = parameters.trim().strip_prefix(['q', 'Q']).and_then(|rest| rest.trim_start().strip_prefix('='));
    weight.is_some_and(|weight| weight.trim().bytes().all(|b| b == b'0' || b == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read as _;

    #[test]
    fn who_can_read_gzip_says_so() {
        for field in ["gzip", "br, gzip;q=0.5", "deflate,GZIP", "x-gzip", "*", "identity;q=0, *;q=0.1", "gzip ; q=1"] {
            assert!(reads_gzip(field), "{field}");
        }
        for field in ["", "identity", "br", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzipped", "gzip;Q=0"] {
            assert!(!reads_gzip(field), "{field}");
        }
    }

    #[test]
    fn only_what_gets_smaller_is_compressed() {
        let text = Bytes::from("the quick brown fox ".repeat(50));
        let file = Compressed::new(text.clone());
        let (coding, bytes) = file.choose("gzip");
        let mut read = Vec::new();
        GzDecoder::new(bytes.as_ref()).read_to_end(&mut read).unwrap();
        assert_eq!((coding, Bytes::from(read)), (Coding::Gzip, text.clone()));
        assert_eq!(file.choose("br"), (Coding::Identity, &text));
        let noise: Bytes = (0_u32..400).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        assert_eq!(Compressed::new(noise.clone()).choose("gzip"), (Coding::Identity, &noise));
    }
}
