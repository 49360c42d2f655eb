//! The tokens by which pages in the browser say which project they belong to. No secrets, so stored as they are.

use super::sql::{Row, Tx};
use anyhow::Result;
use hospes_protocol::{Timestamp, id::ProjectId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicToken {
    pub token: String,
    pub created_at: Timestamp,
}

impl Tx<'_> {
    /// All of the project, oldest first; there are few.
    pub fn list_public_tokens(&mut self, project: &ProjectId) -> Result<Vec<PublicToken>> {
        self.all(
            "SELECT public_token, created_at FROM public_tokens WHERE project_id = $1
             ORDER BY created_at, public_token",
            &[project.into()],
            public_token,
        )
    }

    /// Adds a token; `false` when this or another project has it already.
    pub fn add_public_token(&mut self, project: &ProjectId, token: &PublicToken) -> Result<bool> {
        let added = self.run(
            "INSERT INTO public_tokens (project_id, public_token, created_at) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
            &[project.into(), (&token.token).into(), token.created_at.into()],
        )?;
        self.count_change()?;
        Ok(added == 1)
    }

    /// Removes a token; `false` when there was none.
    pub fn remove_public_token(&mut self, project: &ProjectId, token: &str) -> Result<bool> {
        let removed = self.run(
            "DELETE FROM public_tokens WHERE project_id = $1 AND public_token = $2",
            &[project.into(), token.into()],
        )?;
        self.count_change()?;
        Ok(removed == 1)
    }
}

fn public_token(row: &Row<'_>) -> Result<PublicToken> {
    Ok(PublicToken { token: row.get("public_token")?, created_at: row.get("created_at")? })
}
