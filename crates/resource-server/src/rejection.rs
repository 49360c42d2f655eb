//! Why a request does not go on, and with which status to answer it.
//!
//! Specs: RFC 6750 §3.1.

/// Why a request does not go on. The text is for the developer of the client and holds no part of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No bearer token came with the request.
    #[error("no access token was sent")]
    NoToken,
    /// The `Authorization` header cannot be read.
    #[error("the Authorization header must be `Bearer`, one space and the token")]
    BadRequest,
    /// The token was signed by a key that the issuer did not publish when the keys were last fetched.
    #[error("the access token was signed by a key that the issuer does not publish")]
    UnknownKey,
    /// The token is malformed, expired, not from the issuer, not for this resource or of another kind.
    #[error("{0}")]
    InvalidToken(&'static str),
    /// The token is good but does not allow this; the client may ask the user for more.
    #[error("the access token lacks scope")]
    InsufficientScope {
        /// The scope that the request needs, separated by spaces.
        needed: String,
    },
}

impl Rejection {
    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        // RFC 6750 §3.1
        match self {
            Self::BadRequest => 400,
            Self::NoToken | Self::UnknownKey | Self::InvalidToken(_) => 401,
            Self::InsufficientScope { .. } => 403,
        }
    }

    /// The `error` code; `None` when the client did not try to authenticate.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            // RFC 6750 §3.1: a request without any credentials is told no error
            Self::NoToken => None,
            Self::BadRequest => Some("invalid_request"),
            Self::UnknownKey | Self::InvalidToken(_) => Some("invalid_token"),
            Self::InsufficientScope { .. } => Some("insufficient_scope"),
        }
    }
}
