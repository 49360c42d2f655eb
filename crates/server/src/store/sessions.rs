//! Sessions: logins of users, in browsers and through the management API.

use super::{
    sql::{Row, Tx, to_json},
    users::user,
};
use anyhow::{Context as _, Result};
use hospes_protocol::{
    Timestamp,
    id::{ProjectId, SessionId, UserId},
    session::{FullSession, Session},
    user::User,
};

impl Tx<'_> {
    pub fn find_session(&mut self, project: &ProjectId, id: &SessionId) -> Result<Option<Session>> {
        self.one(
            "SELECT session_id, user_id, authenticated_at, amr, trusted_profile, created_at, expires_at,
                 revoked_at
             FROM sessions WHERE project_id = $1 AND session_id = $2",
            &[project.into(), id.into()],
            session,
        )
    }

    /// `token_hash` is the SHA-256 of the browser's cookie.
    pub fn find_session_by_token(&mut self, project: &ProjectId, token_hash: &[u8; 32]) -> Result<Option<Session>> {
        self.one(
            "SELECT session_id, user_id, authenticated_at, amr, trusted_profile, created_at, expires_at,
                 revoked_at
             FROM sessions WHERE project_id = $1 AND token_hash = $2",
            &[project.into(), token_hash.into()],
            session,
        )
    }

    /// The session behind a browser's cookie, dead or alive, with its user.
    pub fn find_login(&mut self, project: &ProjectId, token_hash: &[u8; 32]) -> Result<Option<(Session, User)>> {
        self.one(
            "SELECT s.session_id AS s_session_id, s.user_id AS s_user_id, s.authenticated_at AS s_authenticated_at,
                 s.amr AS s_amr, s.trusted_profile AS s_trusted_profile, s.created_at AS s_created_at,
                 s.expires_at AS s_expires_at, s.revoked_at AS s_revoked_at,
                 u.user_id AS u_user_id, u.external_id AS u_external_id, u.profile AS u_profile, u.roles AS u_roles,
                 u.created_at AS u_created_at, u.updated_at AS u_updated_at, u.disabled_at AS u_disabled_at,
                 u.tokens_valid_from AS u_tokens_valid_from
             FROM sessions s JOIN users u ON u.project_id = s.project_id AND u.user_id = s.user_id
             WHERE s.project_id = $1 AND s.token_hash = $2",
            &[project.into(), token_hash.into()],
            |row| {
                let session = row.joined("s_", "session_id", session)?.context("a session without an id")?;
                let user = row.joined("u_", "user_id", user)?.context("a user without an id")?;
                Ok((session, user))
            },
        )
    }

    /// The session with what the host app sees of it.
    pub fn find_full_session(&mut self, project: &ProjectId, id: &SessionId) -> Result<Option<FullSession>> {
        self.one(
            "SELECT session_id, user_id, authenticated_at, amr, trusted_profile, created_at, expires_at, revoked_at,
                 last_accessed_at, attributes, factors, custom_claims, token_salt
             FROM sessions WHERE project_id = $1 AND session_id = $2",
            &[project.into(), id.into()],
            full_session,
        )
    }

    /// The user's sessions that are alive at `now`, newest first.
    pub fn list_sessions_of_user(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<FullSession>> {
        self.all(
            "SELECT session_id, user_id, authenticated_at, amr, trusted_profile, created_at, expires_at, revoked_at,
                 last_accessed_at, attributes, factors, custom_claims, token_salt
             FROM sessions WHERE project_id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3
             ORDER BY created_at DESC, session_id",
            &[project.into(), user.into(), now.into()],
            full_session,
        )
    }

    pub fn add_session(&mut self, project: &ProjectId, full: &FullSession, token_hash: &[u8; 32]) -> Result<()> {
        let session = &full.session;
        self.run(
            "INSERT INTO sessions (project_id, session_id, token_hash, user_id, authenticated_at, amr, trusted_profile,
                 created_at, expires_at, revoked_at, last_accessed_at, attributes, factors, custom_claims, token_salt)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            &[
                project.into(),
                (&session.id).into(),
                token_hash.into(),
                (&session.user_id).into(),
                session.authenticated_at.into(),
                (&to_json(&session.amr)?).into(),
                session.trusted_profile.as_ref().into(),
                session.created_at.into(),
                session.expires_at.into(),
                session.revoked_at.into(),
                full.last_accessed_at.into(),
                (&to_json(&full.attributes)?).into(),
                (&to_json(&full.factors)?).into(),
                (&to_json(&full.custom_claims)?).into(),
                (&full.token_salt).into(),
            ],
        )?;
        Ok(())
    }

    /// Stores what became of a session; to be called after [`Tx::take_full_session`] in the same transaction.
    pub fn save_session(&mut self, project: &ProjectId, full: &FullSession) -> Result<()> {
        let session = &full.session;
        self.run(
            "UPDATE sessions SET authenticated_at = $3, amr = $4, trusted_profile = $5, expires_at = $6,
                 last_accessed_at = $7, factors = $8, custom_claims = $9
             WHERE project_id = $1 AND session_id = $2",
            &[
                project.into(),
                (&session.id).into(),
                session.authenticated_at.into(),
                (&to_json(&session.amr)?).into(),
                session.trusted_profile.as_ref().into(),
                session.expires_at.into(),
                full.last_accessed_at.into(),
                (&to_json(&full.factors)?).into(),
                (&to_json(&full.custom_claims)?).into(),
            ],
        )?;
        Ok(())
    }

    /// Reads a session and locks its row until the transaction ends, so that a logout comes before or after.
    pub fn take_session(&mut self, project: &ProjectId, id: &SessionId) -> Result<Option<Session>> {
        self.one(
            "UPDATE sessions SET expires_at = expires_at WHERE project_id = $1 AND session_id = $2
             RETURNING session_id, user_id, authenticated_at, amr, trusted_profile, created_at, expires_at, revoked_at",
            &[project.into(), id.into()],
            session,
        )
    }

    /// The same with what the host app sees of it.
    pub fn take_full_session(&mut self, project: &ProjectId, id: &SessionId) -> Result<Option<FullSession>> {
        self.one(
            "UPDATE sessions SET expires_at = expires_at WHERE project_id = $1 AND session_id = $2
             RETURNING session_id, user_id, authenticated_at, amr, trusted_profile, created_at, expires_at, revoked_at,
                 last_accessed_at, attributes, factors, custom_claims, token_salt",
            &[project.into(), id.into()],
            full_session,
        )
    }

    /// Ends one login, and with it what it gave away without `offline_access` (OIDC Core §11).
    pub fn end_session(&mut self, project: &ProjectId, id: &SessionId, now: Timestamp) -> Result<()> {
        self.revoke_session(project, id, now)?;
        self.revoke_online_families_of_session(project, id, now)?;
        Ok(())
    }

    /// Ends one login. What it gave away without `offline_access` is for the caller to end too, after this.
    pub fn revoke_session(&mut self, project: &ProjectId, id: &SessionId, now: Timestamp) -> Result<()> {
        self.run(
            "UPDATE sessions SET revoked_at = $3 WHERE project_id = $1 AND session_id = $2 AND revoked_at IS NULL",
            &[project.into(), id.into(), now.into()],
        )?;
        Ok(())
    }

    /// Returns how many were alive.
    pub fn revoke_sessions_of_user(&mut self, project: &ProjectId, user: &UserId, now: Timestamp) -> Result<u64> {
        self.run(
            "UPDATE sessions SET revoked_at = $3
             WHERE project_id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3",
            &[project.into(), user.into(), now.into()],
        )
    }
}

pub(super) fn session(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        id: row.get("session_id")?,
        user_id: row.get("user_id")?,
        authenticated_at: row.get("authenticated_at")?,
        amr: row.json("sessions", "amr")?,
        trusted_profile: row.get("trusted_profile")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}

fn full_session(row: &Row<'_>) -> Result<FullSession> {
    Ok(FullSession {
        session: session(row)?,
        last_accessed_at: row.get("last_accessed_at")?,
        attributes: row.json("sessions", "attributes")?,
        factors: row.json("sessions", "factors")?,
        custom_claims: row.json("sessions", "custom_claims")?,
        token_salt: row.get("token_salt")?,
    })
}
