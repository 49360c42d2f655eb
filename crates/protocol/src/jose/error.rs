//! Why a token or a key was not accepted.

use std::fmt;

/// The reason, for the log and the developer; it never holds a part of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoseError {
    TooLong,
    NotThreeParts,
    Encrypted,
    BadEncoding,
    BadHeader,
    BadPayload,
    UnsupportedAlgorithm,
    UnsupportedHeader,
    WrongKey,
    UnknownKey,
    BadSignature,
    BadKey,
    UnsupportedKey,
    WeakKey,
    PrivateKey,
    SigningFailed,
}

impl JoseError {
    /// A fixed text that says what is wrong, for `error_description`, logs and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "the token is longer than 16384 bytes",
            Self::NotThreeParts => "the token does not consist of three parts separated by dots",
            Self::Encrypted => "the token is encrypted; send a signed token (JWS)",
            Self::BadEncoding => "a part of the token is not canonical unpadded base64url",
            Self::BadHeader => "the token's header is not a JSON object with text members, each named once",
            Self::BadPayload => "the token's payload is not a JSON object with each member named once",
            Self::UnsupportedAlgorithm => "the token's alg is not one of ES256, RS256, EdDSA, PS256",
            Self::UnsupportedHeader => {
                "the token's header uses crit, b64, zip or a nested token, which are not supported"
            }
            Self::WrongKey => "the token's alg does not fit the key",
            Self::UnknownKey => "the token was signed by a key that is not in the key set",
            Self::BadSignature => "the token's signature does not verify",
            Self::BadKey => "the key is malformed",
            Self::UnsupportedKey => "the key is not for signatures by RSA, EC P-256 or OKP Ed25519",
            Self::WeakKey => "the RSA key does not have 2048 to 4096 bits",
            Self::PrivateKey => "the key set holds private key members; publish public keys only",
            Self::SigningFailed => "signing failed",
        }
    }
}

impl fmt::Display for JoseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for JoseError {}
