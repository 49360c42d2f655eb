//! The session that every test project has: a fixed token for trying out a client of the management API.
//!
//! Nothing is stored, and its user exists nowhere: they have no grants, and no role but that of everybody. A live project
//! knows none of this.

use crate::{
    id::{SessionId, UserId},
    session::{Attributes, FullSession, Session},
    time::{Seconds, Timestamp},
    user::{Profile, User},
};
use serde_json::Map;

/// The token that is answered with a session, as Stytch's contract names it.
pub const SESSION_TOKEN: &str = "WJtR5BCy38Szd5AfoDpf0iqFKEt4EE5JhjlWUY7l3FtY";

/// Whose session it is.
pub fn user(now: Timestamp) -> User {
    User {
        id: UserId::new("user-test-e3795c81-f849-4167-bfda-e4a6e9c280fd"),
        external_id: None,
        profile: Profile::default(),
        roles: Vec::new(),
        created_at: now,
        updated_at: now,
        disabled_at: None,
        tokens_valid_from: now,
    }
}

/// The session, begun now and for an hour.
pub fn session(now: Timestamp) -> FullSession {
    FullSession {
        session: Session {
            id: SessionId::new("session-test-e3795c81-f849-4167-bfda-e4a6e9c280fd"),
            user_id: user(now).id,
            authenticated_at: now,
            amr: Vec::new(),
            trusted_profile: None,
            created_at: now,
            expires_at: now.plus(Seconds(3600)),
            revoked_at: None,
        },
        last_accessed_at: now,
        attributes: Attributes::default(),
        factors: Vec::new(),
        custom_claims: Map::new(),
        token_salt: [0; 16],
    }
}
