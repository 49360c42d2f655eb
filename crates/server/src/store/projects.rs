//! Projects: one issuer each, with its policy and settings.

use super::sql::{Row, Tx, to_json};
use crate::project_settings::ProjectSettings;
use anyhow::Result;
use hospes_protocol::{Timestamp, id::ProjectId, policy::Policy};

#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    pub id: ProjectId,
    pub name: String,
    pub issuer: String,
    /// What the server keeps about the project beyond its policy.
    pub settings: ProjectSettings,
    pub policy: Policy,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes; an update names the version it read.
    pub version: i64,
    /// Artifacts of the project issued before this time are void.
    pub tokens_valid_from: Timestamp,
}

impl Tx<'_> {
    pub fn find_project(&mut self, project: &ProjectId) -> Result<Option<Project>> {
        self.one(
            "SELECT project_id, name, issuer, settings, policy, created_at, updated_at, version, tokens_valid_from
             FROM projects WHERE project_id = $1",
            &[project.into()],
            project_row,
        )
    }

    pub fn find_project_by_issuer(&mut self, issuer: &str) -> Result<Option<Project>> {
        self.one(
            "SELECT project_id, name, issuer, settings, policy, created_at, updated_at, version, tokens_valid_from
             FROM projects WHERE issuer = $1",
            &[issuer.into()],
            project_row,
        )
    }

    /// All projects, oldest first.
    pub fn list_projects(&mut self) -> Result<Vec<Project>> {
        self.all(
            "SELECT project_id, name, issuer, settings, policy, created_at, updated_at, version, tokens_valid_from
             FROM projects ORDER BY created_at, project_id",
            &[],
            project_row,
        )
    }

    /// Holds the row of a project until the transaction ends, for what is counted in a project as a whole: of two that
    /// count and then add, the second sees what the first added. `false` when there is no such project.
    pub fn take_project(&mut self, project: &ProjectId) -> Result<bool> {
        Ok(self.run("UPDATE projects SET version = version WHERE project_id = $1", &[project.into()])? == 1)
    }

    /// Adds a project; `false` when its id or issuer is taken.
    pub fn add_project(&mut self, project: &Project) -> Result<bool> {
        let added = self.run(
            "INSERT INTO projects
                 (project_id, name, issuer, settings, policy, created_at, updated_at, version, tokens_valid_from)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT DO NOTHING",
            &[
                (&project.id).into(),
                (&project.name).into(),
                (&project.issuer).into(),
                (&to_json(&project.settings)?).into(),
                (&to_json(&project.policy)?).into(),
                project.created_at.into(),
                project.updated_at.into(),
                project.version.into(),
                project.tokens_valid_from.into(),
            ],
        )?;
        self.count_change()?;
        Ok(added == 1)
    }

    /// Writes name, issuer, settings and policy of `project`, if its row still has the version that `project` was
    /// read with. Returns the new version, or `None` when somebody else was faster.
    pub fn update_project(&mut self, project: &Project, now: Timestamp) -> Result<Option<i64>> {
        let version = self.one(
            "UPDATE projects SET name = $3, issuer = $4, settings = $5, policy = $6, updated_at = $7,
                 version = version + 1
             WHERE project_id = $1 AND version = $2
             RETURNING version",
            &[
                (&project.id).into(),
                project.version.into(),
                (&project.name).into(),
                (&project.issuer).into(),
                (&to_json(&project.settings)?).into(),
                (&to_json(&project.policy)?).into(),
                now.into(),
            ],
            |row| row.get("version"),
        )?;
        self.count_change()?;
        Ok(version)
    }

    /// Voids everything that any project issued before `from`; for a database that was restored. Sessions,
    /// interactions and codes go at once: those that had ended after the backup would live again.
    pub fn void_tokens_of_all_projects(&mut self, from: Timestamp) -> Result<()> {
        self.run("DELETE FROM authorization_codes", &[])?;
        self.run("DELETE FROM interactions", &[])?;
        self.run("DELETE FROM sessions", &[])?;
        self.run("UPDATE projects SET tokens_valid_from = $1, version = version + 1", &[from.into()])?;
        self.count_change()
    }
}

fn project_row(row: &Row<'_>) -> Result<Project> {
    Ok(Project {
        id: row.get("project_id")?,
        name: row.get("name")?,
        issuer: row.get("issuer")?,
        settings: row.json("projects", "settings")?,
        policy: row.json("projects", "policy")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        version: row.get("version")?,
        tokens_valid_from: row.get("tokens_valid_from")?,
    })
}
