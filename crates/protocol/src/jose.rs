//! Signed JSON Web Tokens: making them, and verifying them without ever choosing a weaker check.
//!
//! Specs: RFC 7515, RFC 7517, RFC 7518 §3, RFC 7519, RFC 7638, RFC 8037, RFC 8725.
//!
//! The path of a token we receive is [`Unverified::parse`] → [`KeySet::verify`] → [`Verified`], and only a [`Verified`]
//! is accepted by the rules (`access_token`, `id_token`, `client_assertion`). Compact serialization only; no encryption,
//! no `none`, no shared-key algorithms, no keys named by the token itself (`jwk`, `jku`, `x5u`, `x5c`).

mod encoding;
mod error;
mod jwk;
mod key_set;
mod numeric_date;
pub(crate) mod object;
mod pem;
mod signing;
mod unverified;
mod verifying;

pub use encoding::base64url;
pub use error::JoseError;
pub(crate) use jwk::SECRET_MEMBERS;
pub use jwk::{Jwk, Jwks, PublicKey};
pub use key_set::KeySet;
pub use numeric_date::numeric_date;
pub use signing::SigningKey;
pub use unverified::{MAX_TOKEN_LENGTH, Unverified, Verified};
pub use verifying::{VerifyingAlg, VerifyingKey};
