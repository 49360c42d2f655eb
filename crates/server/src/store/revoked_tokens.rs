//! Access tokens revoked one by one, until they would have expired anyway.

use super::sql::Tx;
use anyhow::Result;
use hospes_protocol::{Timestamp, id::ProjectId};

impl Tx<'_> {
    pub fn add_revoked_token(&mut self, project: &ProjectId, jti: &str, expires_at: Timestamp) -> Result<()> {
        self.run(
            "INSERT INTO revoked_tokens (project_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[project.into(), jti.into(), expires_at.into()],
        )?;
        Ok(())
    }

    pub fn is_token_revoked(&mut self, project: &ProjectId, jti: &str) -> Result<bool> {
        let listed = self.one(
            "SELECT expires_at FROM revoked_tokens WHERE project_id = $1 AND jti = $2",
            &[project.into(), jti.into()],
            |row| row.get::<Timestamp>("expires_at"),
        )?;
        Ok(listed.is_some())
    }
}
