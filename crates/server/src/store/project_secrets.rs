//! The secrets with which the host app's back end calls the management API.

use super::sql::{Row, Tx};
use anyhow::Result;
use hospes_protocol::{Timestamp, id::ProjectId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSecret {
    pub id: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    pub last_four: String,
    pub created_at: Timestamp,
}

impl Tx<'_> {
    /// All of them are accepted.
    pub fn find_project_secrets(&mut self, project: &ProjectId) -> Result<Vec<ProjectSecret>> {
        self.all(
            "SELECT secret_id, secret_hash, last_four, created_at FROM project_secrets
             WHERE project_id = $1 ORDER BY created_at, secret_id",
            &[project.into()],
            project_secret,
        )
    }

    /// The ids of all secrets, with their rows locked until the transaction ends.
    pub fn take_project_secrets(&mut self, project: &ProjectId) -> Result<Vec<String>> {
        self.all(
            "UPDATE project_secrets SET created_at = created_at WHERE project_id = $1 RETURNING secret_id",
            &[project.into()],
            |row| row.get("secret_id"),
        )
    }

    pub fn add_project_secret(&mut self, project: &ProjectId, secret: &ProjectSecret) -> Result<()> {
        self.run(
            "INSERT INTO project_secrets (project_id, secret_id, secret_hash, last_four, created_at)
             VALUES ($1, $2, $3, $4, $5)",
            &[
                project.into(),
                (&secret.id).into(),
                (&secret.hash).into(),
                (&secret.last_four).into(),
                secret.created_at.into(),
            ],
        )?;
        self.count_change()
    }

    /// Removes a secret; `false` when there was none.
    pub fn remove_project_secret(&mut self, project: &ProjectId, id: &str) -> Result<bool> {
        let removed = self.run(
            "DELETE FROM project_secrets WHERE project_id = $1 AND secret_id = $2",
            &[project.into(), id.into()],
        )?;
        self.count_change()?;
        Ok(removed == 1)
    }
}

fn project_secret(row: &Row<'_>) -> Result<ProjectSecret> {
    Ok(ProjectSecret {
        id: row.get("secret_id")?,
        hash: row.get("secret_hash")?,
        last_four: row.get("last_four")?,
        created_at: row.get("created_at")?,
    })
}
