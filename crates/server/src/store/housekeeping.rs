//! Removing what nobody needs any more, a little at a time: each call is one short transaction, so that no request
//! waits long behind it.

use super::sql::Tx;
use anyhow::Result;
use hospes_protocol::Timestamp;

/// How many rows one call should remove at most; well under 50 ms on a slow disk.
pub const BATCH: u32 = 200;
/// The same for unused clients: each of them is several statements.
pub const UNUSED_CLIENTS_BATCH: u32 = 40;

/// The kinds of rows that go by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    Sessions,
    Interactions,
    Codes,
    Families,
    RevokedTokens,
    Replays,
    PasswordResets,
    /// Revoked more than a year ago. Until then a client of the host app's own asks before it is connected again.
    RevokedGrants,
    /// Past the end date that the user gave, for more than a day.
    EndedGrants,
    /// Lined up for a webhook more than 30 days ago: sent or given up long since.
    Deliveries,
}

impl Expired {
    pub const ALL: [Self; 10] = [
        Self::Sessions,
        Self::Interactions,
        Self::Codes,
        Self::Families,
        Self::RevokedTokens,
        Self::Replays,
        Self::PasswordResets,
        Self::RevokedGrants,
        Self::EndedGrants,
        Self::Deliveries,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Interactions => "interactions",
            Self::Codes => "authorization_codes",
            Self::Families => "token_families",
            Self::RevokedTokens => "revoked_tokens",
            Self::Replays => "replays",
            Self::PasswordResets => "password_resets",
            Self::RevokedGrants => "revoked_grants",
            Self::EndedGrants => "ended_grants",
            Self::Deliveries => "webhook_deliveries",
        }
    }
}

impl Tx<'_> {
    /// Removes up to `limit` rows of one kind in all projects, oldest first, and returns how many there were. To be
    /// called again while it returns `limit`.
    pub fn remove_expired(&mut self, what: Expired, now: Timestamp, limit: u32) -> Result<u64> {
        let a_year_ago = Timestamp(now.0.saturating_sub(366 * 24 * 60 * 60));
        let a_month_ago = Timestamp(now.0.saturating_sub(30 * 24 * 60 * 60));
        let a_day_ago = Timestamp(now.0.saturating_sub(24 * 60 * 60));
        let (sql, before) = match what {
            Expired::Sessions => (
                "DELETE FROM sessions WHERE (project_id, session_id) IN (
                     SELECT project_id, session_id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                now,
            ),
            Expired::Interactions => (
                "DELETE FROM interactions WHERE (project_id, interaction_id) IN (
                     SELECT project_id, interaction_id FROM interactions
                     WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                now,
            ),
            Expired::Codes => (
                "DELETE FROM authorization_codes WHERE (project_id, code_hash) IN (
                     SELECT project_id, code_hash FROM authorization_codes
                     WHERE keep_until < $1 ORDER BY keep_until LIMIT $2)",
                now,
            ),
            Expired::Families => (
                "DELETE FROM token_families WHERE (project_id, family_id) IN (
                     SELECT project_id, family_id FROM token_families
                     WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                now,
            ),
            Expired::RevokedTokens => (
                "DELETE FROM revoked_tokens WHERE (project_id, jti) IN (
                     SELECT project_id, jti FROM revoked_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                now,
            ),
            Expired::Replays => (
                "DELETE FROM replays WHERE (project_id, kind, value_hash) IN (
                     SELECT project_id, kind, value_hash FROM replays
                     WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                now,
            ),
            Expired::PasswordResets => (
                "DELETE FROM password_resets WHERE (project_id, reset_id) IN (
                     SELECT project_id, reset_id FROM password_resets
                     WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                now,
            ),
            // The condition is repeated for PostgreSQL: a grant that was given anew while we waited for its row stays.
            Expired::RevokedGrants => (
                "DELETE FROM grants WHERE revoked_at < $1 AND (project_id, user_id, client_id) IN (
                     SELECT project_id, user_id, client_id FROM grants
                     WHERE revoked_at < $1 ORDER BY revoked_at LIMIT $2)",
                a_year_ago,
            ),
            Expired::EndedGrants => (
                "DELETE FROM grants WHERE expires_at < $1 AND (project_id, user_id, client_id) IN (
                     SELECT project_id, user_id, client_id FROM grants
                     WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                a_day_ago,
            ),
            Expired::Deliveries => (
                "DELETE FROM webhook_deliveries WHERE (project_id, webhook_id, event_id) IN (
                     SELECT project_id, webhook_id, event_id FROM webhook_deliveries
                     WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
                a_month_ago,
            ),
        };
        self.run(sql, &[before.into(), limit.into()])
    }
}
