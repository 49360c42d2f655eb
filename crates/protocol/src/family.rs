//! A token family: everything issued from one authorization. One row for its whole life, updated in place.

use crate::{
    id::{ClientId, FamilyId, SessionId, UserId},
    plane::Plane,
    scope::Scope,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    pub id: FamilyId,
    pub plane: Plane,
    pub client_id: ClientId,
    pub user_id: UserId,
    /// The login that it came from; `None` when the host app vouched for the user without one.
    pub session_id: Option<SessionId>,
    /// The authorization's scope; a request never changes it.
    pub scope: Scope,
    pub resources: Vec<String>,
    pub context: FamilyContext,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    /// When nothing of this family can be alive any more; absolute, never moved.
    pub expires_at: Timestamp,
    /// `None` when no refresh token was issued.
    pub refresh: Option<RefreshState>,
}

/// What later ID tokens and userinfo answers of this family need from its authorization request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FamilyContext {
    pub auth_time: Option<Timestamp>,
    #[serde(default)]
    pub amr: Vec<String>,
    #[serde(default)]
    pub acr: Option<String>,
    /// The `claims` parameter (OIDC Core §5.5): names asked for in `userinfo` and `id_token`.
    #[serde(default)]
    pub userinfo_claims: Vec<String>,
    #[serde(default)]
    pub id_token_claims: Vec<String>,
    /// The trusted token profile that the login stemmed from: its refresh tokens need attests that are not too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_profile: Option<String>,
}

/// The refresh token's side of a family (design section 4, "Refresh tokens").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshState {
    pub generation: u32,
    /// SHA-256 of the current secret.
    pub secret_hash: [u8; 32],
    /// The last superseded steps, oldest first; at most 8.
    pub superseded: Vec<SupersededStep>,
    /// Ends the family when it is not refreshed until then.
    pub idle_expires_at: Timestamp,
}

/// One rotation: generation `generation` was replaced at `superseded_at`, and its successor's secret was derived with `salt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupersededStep {
    pub generation: u32,
    pub superseded_at: Timestamp,
    pub salt: [u8; 16],
}
