//! A grant: the user's standing permission for a client, and the memory of consent. "Disconnect" revokes it.

use crate::{
    id::{ClientId, UserId},
    scope::Scope,
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub user_id: UserId,
    pub client_id: ClientId,
    pub scope: Scope,
    /// Resources (RFC 8707), as registered.
    pub resources: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// The end date the user gave, if any.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Tokens issued before this time are void.
    pub tokens_valid_from: Timestamp,
}

impl Grant {
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
