//! An interaction: an authorization request waiting for the user.

use crate::{
    id::{InteractionId, SessionId, UserId},
    plane::Plane,
    time::Timestamp,
};

/// The stored record. `request` holds the request as parsed, not as validated: every step validates it again,
/// against the client and the policy as they are then.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction<R> {
    pub id: InteractionId,
    pub plane: Plane,
    pub request: R,
    /// SHA-256 of the browser's binding cookie: an interaction finished in another browser is refused.
    pub browser_hash: [u8; 32],
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub progress: Progress,
    pub decided_at: Option<Timestamp>,
}

/// What the user has done within this interaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// The session with which the user went on: fixed by a login or by "continue as …".
    #[serde(default)]
    pub session_id: Option<SessionId>,
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// The user proved who they are within this interaction (answers `prompt=login` and `max_age`).
    #[serde(default)]
    pub authenticated_at: Option<Timestamp>,
    /// The user chose this account within this interaction (answers `prompt=select_account`).
    #[serde(default)]
    pub account_chosen_at: Option<Timestamp>,
}
