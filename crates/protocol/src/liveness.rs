//! Whether what an artifact stands on is still there: project, client, user, grant, family, session.
//!
//! Specs: RFC 7009 §2.1, RFC 7662 §2.2, RFC 9700 §4.14.2, RFC 6749 §10.4.
//!
//! Every use of a code, refresh token or access token asks here, with the rows as they are now: disabling a user or
//! client, disconnecting a grant and signing out everywhere hold at the next request. Nothing here is cached.

use crate::{
    access_token::AccessTokenClaims,
    client::Client,
    error::{ErrorCode::InvalidGrant, Refusal, refuse},
    family::Family,
    grant::Grant,
    session::Session,
    time::Timestamp,
    user::User,
};

/// What the client is told, whatever ended; the reason is for the log.
pub const ENDED: Refusal =
    refuse(InvalidGrant, "the authorization has ended; send the user through authorization again");

/// Why nothing may be done with an artifact any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    ProjectTokensVoid,
    ClientMissing,
    ClientDisabled,
    ClientTokensVoid,
    UserMissing,
    UserDisabled,
    UserTokensVoid,
    GrantMissing,
    GrantRevoked,
    GrantExpired,
    GrantTokensVoid,
    FamilyMissing,
    FamilyRevoked,
    FamilyExpired,
    SessionMissing,
    SessionEnded,
    SessionOfAnotherUser,
    /// The access token itself was revoked.
    TokenRevoked,
    /// The access token names a family of another client, or a user without a family.
    TokenOfAnotherFamily,
}

impl Dead {
    /// The reason for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProjectTokensVoid => "project_tokens_void",
            Self::ClientMissing => "client_missing",
            Self::ClientDisabled => "client_disabled",
            Self::ClientTokensVoid => "client_tokens_void",
            Self::UserMissing => "user_missing",
            Self::UserDisabled => "user_disabled",
            Self::UserTokensVoid => "user_tokens_void",
            Self::GrantMissing => "grant_missing",
            Self::GrantRevoked => "grant_revoked",
            Self::GrantExpired => "grant_expired",
            Self::GrantTokensVoid => "grant_tokens_void",
            Self::FamilyMissing => "family_missing",
            Self::FamilyRevoked => "family_revoked",
            Self::FamilyExpired => "family_expired",
            Self::SessionMissing => "session_missing",
            Self::SessionEnded => "session_ended",
            Self::SessionOfAnotherUser => "session_of_another_user",
            Self::TokenRevoked => "token_revoked",
            Self::TokenOfAnotherFamily => "token_of_another_family",
        }
    }
}

impl From<Dead> for Refusal {
    fn from(_: Dead) -> Self {
        ENDED
    }
}

/// The rows behind a user's authorization, as the store has them now; `None` means the row is gone.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Artifacts of the project that were issued before this time are void (a restore moves it).
    pub project_valid_from: Timestamp,
    pub client: Option<&'a Client>,
    pub user: Option<&'a User>,
    pub grant: Option<&'a Grant>,
}

/// Proof that client, user and grant were alive for an artifact; only this module makes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alive<'a> {
    pub client: &'a Client,
    pub user: &'a User,
    pub grant: &'a Grant,
    seal: Seal,
}

/// Only this module can make one, so whoever holds a sealed value knows that it was checked here.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seal;

/// Whether an authorization's artifact issued at `issued_at` still stands: project, client, user and grant.
pub fn authorization(standing: Standing<'_>, issued_at: Timestamp, now: Timestamp) -> Result<Alive<'_>, Dead> {
    let client = client(standing.client, standing.project_valid_from, issued_at)?;
    let user = standing.user.ok_or(Dead::UserMissing)?;
    if user.disabled_at.is_some() {
        return Err(Dead::UserDisabled);
    }
    if issued_at < user.tokens_valid_from {
        return Err(Dead::UserTokensVoid);
    }
    let grant = standing.grant.ok_or(Dead::GrantMissing)?;
    if grant.revoked_at.is_some() {
        return Err(Dead::GrantRevoked);
    }
    if !grant.is_alive(now) {
        return Err(Dead::GrantExpired);
    }
    if issued_at < grant.tokens_valid_from {
        return Err(Dead::GrantTokensVoid);
    }
    // A grant of another pair is no grant of this one.
    if grant.user_id != user.id || grant.client_id != client.id {
        return Err(Dead::GrantMissing);
    }
    Ok(Alive { client, user, grant, seal: Seal })
}

/// Whether a family still stands, with everything behind it.
pub fn family<'a>(family: &Family, standing: Standing<'a>, now: Timestamp) -> Result<Alive<'a>, Dead> {
    if family.revoked_at.is_some() {
        return Err(Dead::FamilyRevoked);
    }
    if now >= family.expires_at {
        return Err(Dead::FamilyExpired);
    }
    let alive = authorization(standing, family.created_at, now)?;
    // Rows of somebody else prove nothing for this family.
    if alive.client.id != family.client_id {
        return Err(Dead::ClientMissing);
    }
    if alive.user.id != family.user_id {
        return Err(Dead::UserMissing);
    }
    Ok(alive)
}

/// An access token whose signature, issuer and times are proven, with what the store knows of it now.
#[derive(Debug, Clone, Copy)]
pub struct AccessToken<'a> {
    pub claims: &'a AccessTokenClaims,
    /// The row of the family that the token names; `None` when it names none or the row is gone.
    pub family: Option<&'a Family>,
    /// Whether its `jti` is on the list of revoked tokens.
    pub is_listed: bool,
}

/// Whether an access token still stands: a user's by its family, a client's own by the client. `None` means that no
/// user is behind it.
pub fn access_token<'a>(
    token: &AccessToken<'_>,
    standing: Standing<'a>,
    now: Timestamp,
) -> Result<Option<Alive<'a>>, Dead> {
    let claims = token.claims;
    // RFC 7009 §2
    if token.is_listed {
        return Err(Dead::TokenRevoked);
    }
    let Some(family_id) = &claims.fid else {
        // RFC 9068 §2.2: without a user, the subject is the client
        if claims.sub != claims.client_id.as_str() {
            return Err(Dead::TokenOfAnotherFamily);
        }
        let alive = client(standing.client, standing.project_valid_from, claims.iat)?;
        return if alive.id == claims.client_id { Ok(None) } else { Err(Dead::ClientMissing) };
    };
    let own = token.family.ok_or(Dead::FamilyMissing)?;
    if own.id != *family_id || own.client_id != claims.client_id {
        return Err(Dead::TokenOfAnotherFamily);
    }
    family(own, standing, now).map(Some)
}

/// Whether a client's own artifact (client credentials) issued at `issued_at` still stands.
pub fn client(client: Option<&Client>, project_valid_from: Timestamp, issued_at: Timestamp) -> Result<&Client, Dead> {
    if issued_at < project_valid_from {
        return Err(Dead::ProjectTokensVoid);
    }
    let client = client.ok_or(Dead::ClientMissing)?;
    if client.disabled_at.is_some() {
        return Err(Dead::ClientDisabled);
    }
    if issued_at < client.tokens_valid_from {
        return Err(Dead::ClientTokensVoid);
    }
    Ok(client)
}

/// Whether the login from which a code came still holds, for the same user.
pub fn session(session: Option<&Session>, user: &User, now: Timestamp) -> Result<(), Dead> {
    let session = session.ok_or(Dead::SessionMissing)?;
    if session.user_id != user.id {
        return Err(Dead::SessionOfAnotherUser);
    }
    if !session.is_alive(now) {
        return Err(Dead::SessionEnded);
    }
    if session.created_at < user.tokens_valid_from {
        return Err(Dead::UserTokensVoid);
    }
    Ok(())
}
