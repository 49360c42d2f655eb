//! A login of a user in a browser.

use crate::{
    id::{SessionId, UserId},
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    /// When the user last proved who they are: the `auth_time` claim (OIDC Core §2).
    pub authenticated_at: Timestamp,
    /// How (RFC 8176): `["pwd"]`.
    pub amr: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}
