//! Redeeming an authorization code.
//!
//! Specs: OAuth 2.1 §4.1.3, RFC 6749 §4.1.2 and §4.1.3, RFC 7636 §4.6, RFC 9700 §2.1.1 and §4.8.2.
//!
//! After `Issue`, and before the code is marked as redeemed, ask `liveness` for the code's client, user, grant and
//! session, and `access_scope` for scope and resources.

use crate::{
    error::{ErrorCode::InvalidGrant, Refusal, refuse},
    family::FamilyContext,
    id::{ClientId, FamilyId, SessionId, UserId},
    plane::Plane,
    scope::Scope,
    secret,
    time::{Seconds, Timestamp},
};
use base64ct::{Base64UrlUnpadded, Encoding};

pub const UNKNOWN: Refusal = refuse(InvalidGrant, "authorization code is unknown, or too old to be remembered");
pub const EXPIRED: Refusal = refuse(InvalidGrant, "authorization code has expired; redeem it at once");
pub const REPLAYED: Refusal =
    refuse(InvalidGrant, "authorization code was already used; the tokens issued from it are revoked");
pub const WRONG_CLIENT: Refusal = refuse(InvalidGrant, "authorization code was issued to another client");
pub const WRONG_PLANE: Refusal =
    refuse(InvalidGrant, "authorization code came from another authorization endpoint; redeem it where it belongs");
pub const WRONG_REDIRECT_URI: Refusal =
    refuse(InvalidGrant, "redirect_uri differs from that of the authorization request");
pub const MISSING_VERIFIER: Refusal =
    refuse(InvalidGrant, "code_verifier is missing, but the authorization request had a code_challenge");
pub const UNEXPECTED_VERIFIER: Refusal =
    refuse(InvalidGrant, "code_verifier was sent, but the authorization request had no code_challenge");
pub const WRONG_VERIFIER: Refusal = refuse(InvalidGrant, "code_verifier does not match the code_challenge");

/// The longest that a code may live (design section 5).
pub const LIFETIME: Seconds = Seconds(60);
/// The shortest that a redeemed code is remembered, so that a replay is noticed.
pub const REMEMBERED: Seconds = Seconds(24 * 60 * 60);
/// Lets secret scanners find a leaked code, and nobody take it for another kind of token.
pub const PREFIX: &str = "hac_";

/// An authorization code as it was issued, plus what has happened to it since.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorizationCode {
    pub plane: Plane,
    pub client_id: ClientId,
    pub user_id: UserId,
    pub session_id: SessionId,
    /// The family that redeeming creates; known beforehand so that a replay can name it.
    pub family_id: FamilyId,
    pub redirect_uri: String,
    pub code_challenge: Option<String>,
    pub nonce: Option<String>,
    pub scope: Scope,
    /// Resources (RFC 8707), as registered.
    pub resources: Vec<String>,
    pub context: FamilyContext,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    pub redeemed_at: Option<Timestamp>,
}

/// What an authenticated client sent to redeem a code.
#[derive(Clone, Copy)]
pub struct Redemption<'a> {
    pub client_id: &'a ClientId,
    pub plane: Plane,
    pub redirect_uri: Option<&'a str>,
    pub code_verifier: Option<&'a str>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    Issue,
    /// Two parties hold the code, so nothing issued from it can be trusted: revoke, then answer [`REPLAYED`].
    RevokeFamily,
    Refuse(Refusal),
}

/// Until when the row of a code redeemed at `redeemed_at` must be kept, so that a replay still ends what was issued.
pub fn keep_until(redeemed_at: Timestamp, access_token_expires_at: Timestamp) -> Timestamp {
    redeemed_at.plus(REMEMBERED).max(access_token_expires_at)
}

/// A code as the client sees it.
pub fn text(secret: &[u8; 32]) -> String {
    let mut text = String::with_capacity(PREFIX.len() + 43);
    text.push_str(PREFIX);
    text.push_str(&Base64UrlUnpadded::encode_string(secret));
    text
}

/// What the store keeps of a code, and finds it by: SHA-256 of its text.
pub fn hash(code: &str) -> [u8; 32] {
    secret::hash(code)
}
