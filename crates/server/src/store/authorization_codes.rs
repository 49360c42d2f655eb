//! Authorization codes, found by the SHA-256 of their text.

use super::sql::{Row, Tx, to_json};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    authorization_code::AuthorizationCode,
    id::{ClientId, ProjectId, UserId},
    plane::Plane,
};

impl Tx<'_> {
    pub fn add_code(&mut self, project: &ProjectId, hash: &[u8; 32], code: &AuthorizationCode) -> Result<()> {
        self.run(
            "INSERT INTO authorization_codes (project_id, code_hash, plane, client_id, user_id, session_id, family_id,
                 redirect_uri, code_challenge, nonce, scope, resources, context, issued_at, expires_at, redeemed_at,
                 keep_until, attempts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $15, 0)",
            &[
                project.into(),
                hash.into(),
                code.plane.as_str().into(),
                (&code.client_id).into(),
                (&code.user_id).into(),
                code.session_id.as_ref().into(),
                (&code.family_id).into(),
                (&code.redirect_uri).into(),
                code.code_challenge.as_ref().into(),
                code.nonce.as_ref().into(),
                (&code.scope.to_string()).into(),
                (&to_json(&code.resources)?).into(),
                (&to_json(&code.context)?).into(),
                code.issued_at.into(),
                code.expires_at.into(),
                code.redeemed_at.into(),
            ],
        )?;
        Ok(())
    }

    /// Reads a code and locks its row until the transaction ends.
    ///
    /// Counting the attempt is the lock: `UPDATE … RETURNING` holds the row on PostgreSQL, and on SQLite the
    /// transaction is the only writer anyway.
    pub fn take_code(&mut self, project: &ProjectId, hash: &[u8; 32]) -> Result<Option<AuthorizationCode>> {
        self.one(
            "UPDATE authorization_codes SET attempts = attempts + 1 WHERE project_id = $1 AND code_hash = $2
             RETURNING plane, client_id, user_id, session_id, family_id, redirect_uri, code_challenge, nonce, scope,
                 resources, context, issued_at, expires_at, redeemed_at",
            &[project.into(), hash.into()],
            code,
        )
    }

    /// Marks a code as redeemed and keeps its row until `keep_until`, so that a replay is noticed. To be called after
    /// [`Tx::take_code`] in the same transaction.
    pub fn redeem_code(
        &mut self,
        project: &ProjectId,
        hash: &[u8; 32],
        now: Timestamp,
        keep_until: Timestamp,
    ) -> Result<()> {
        self.run(
            "UPDATE authorization_codes SET redeemed_at = $3, keep_until = $4 WHERE project_id = $1 AND code_hash = $2",
            &[project.into(), hash.into(), now.into(), keep_until.into()],
        )?;
        Ok(())
    }

    /// Voids what the client has not redeemed yet of this user's codes, and returns how many there were.
    pub fn void_codes_of_grant(&mut self, project: &ProjectId, user: &UserId, client: &ClientId) -> Result<u64> {
        self.run(
            "DELETE FROM authorization_codes
             WHERE project_id = $1 AND client_id = $3 AND user_id = $2 AND redeemed_at IS NULL",
            &[project.into(), user.into(), client.into()],
        )
    }

    /// The same for all clients of a user. Every code has a grant, and by those they are found.
    pub fn void_codes_of_user(&mut self, project: &ProjectId, user: &UserId) -> Result<u64> {
        self.run(
            "DELETE FROM authorization_codes
             WHERE redeemed_at IS NULL AND (project_id, client_id, user_id) IN (
                 SELECT project_id, client_id, user_id FROM grants WHERE project_id = $1 AND user_id = $2)",
            &[project.into(), user.into()],
        )
    }

    /// The same for all users of a client.
    pub fn void_codes_of_client(&mut self, project: &ProjectId, client: &ClientId) -> Result<u64> {
        self.run(
            "DELETE FROM authorization_codes WHERE project_id = $1 AND client_id = $2 AND redeemed_at IS NULL",
            &[project.into(), client.into()],
        )
    }
}

fn code(row: &Row<'_>) -> Result<AuthorizationCode> {
    Ok(AuthorizationCode {
        plane: row.word("authorization_codes", "plane", Plane::parse)?,
        client_id: row.get("client_id")?,
        user_id: row.get("user_id")?,
        session_id: row.get("session_id")?,
        family_id: row.get("family_id")?,
        redirect_uri: row.get("redirect_uri")?,
        code_challenge: row.get("code_challenge")?,
        nonce: row.get("nonce")?,
        scope: row.get("scope")?,
        resources: row.json("authorization_codes", "resources")?,
        context: row.json("authorization_codes", "context")?,
        issued_at: row.get("issued_at")?,
        expires_at: row.get("expires_at")?,
        redeemed_at: row.get("redeemed_at")?,
    })
}
