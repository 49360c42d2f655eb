//! Trusted token profiles, and when each user was attested last by one of them.

use super::sql::{Row, Tx, to_json};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    id::{ProjectId, UserId},
    trusted_profile::TrustedProfile,
};

impl Tx<'_> {
    pub fn find_trusted_profile(&mut self, project: &ProjectId, id: &str) -> Result<Option<TrustedProfile>> {
        self.one(
            "SELECT profile_id, settings, created_at, updated_at FROM trusted_token_profiles
             WHERE project_id = $1 AND profile_id = $2",
            &[project.into(), id.into()],
            profile,
        )
    }

    /// Reads a profile and locks its row until the transaction ends.
    pub fn take_trusted_profile(&mut self, project: &ProjectId, id: &str) -> Result<Option<TrustedProfile>> {
        self.one(
            "UPDATE trusted_token_profiles SET updated_at = updated_at WHERE project_id = $1 AND profile_id = $2
             RETURNING profile_id, settings, created_at, updated_at",
            &[project.into(), id.into()],
            profile,
        )
    }

    /// All profiles of the project, oldest first.
    pub fn list_trusted_profiles(&mut self, project: &ProjectId) -> Result<Vec<TrustedProfile>> {
        self.all(
            "SELECT profile_id, settings, created_at, updated_at FROM trusted_token_profiles
             WHERE project_id = $1 ORDER BY created_at, profile_id",
            &[project.into()],
            profile,
        )
    }

    /// Adds a profile; `false` when its id is taken.
    pub fn add_trusted_profile(&mut self, project: &ProjectId, profile: &TrustedProfile) -> Result<bool> {
        let added = self.run(
            "INSERT INTO trusted_token_profiles (project_id, profile_id, settings, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            &[
                project.into(),
                (&profile.id).into(),
                (&to_json(&profile.settings)?).into(),
                profile.created_at.into(),
                profile.updated_at.into(),
            ],
        )?;
        Ok(added == 1)
    }

    /// Stores a profile's settings; to be called after [`Tx::take_trusted_profile`] in the same transaction.
    pub fn save_trusted_profile(&mut self, project: &ProjectId, profile: &TrustedProfile) -> Result<()> {
        self.run(
            "UPDATE trusted_token_profiles SET settings = $3, updated_at = $4
             WHERE project_id = $1 AND profile_id = $2",
            &[project.into(), (&profile.id).into(), (&to_json(&profile.settings)?).into(), profile.updated_at.into()],
        )?;
        Ok(())
    }

    /// Removes a profile: nobody comes in by it any more, and what stands on it is not refreshed. `false` when there is
    /// none.
    pub fn remove_trusted_profile(&mut self, project: &ProjectId, id: &str) -> Result<bool> {
        let removed = self.run(
            "DELETE FROM trusted_token_profiles WHERE project_id = $1 AND profile_id = $2",
            &[project.into(), id.into()],
        )?;
        self.run("DELETE FROM attests WHERE project_id = $1 AND profile_id = $2", &[project.into(), id.into()])?;
        Ok(removed == 1)
    }

    /// Notes that the user was attested by a profile.
    pub fn save_attest(&mut self, project: &ProjectId, user: &UserId, profile_id: &str, at: Timestamp) -> Result<()> {
        self.run(
            "INSERT INTO attests (project_id, user_id, profile_id, attested_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (project_id, user_id, profile_id) DO UPDATE SET attested_at = excluded.attested_at",
            &[project.into(), user.into(), profile_id.into(), at.into()],
        )?;
        Ok(())
    }

    /// When the user was attested last by a profile.
    pub fn find_attest(&mut self, project: &ProjectId, user: &UserId, profile_id: &str) -> Result<Option<Timestamp>> {
        self.one(
            "SELECT attested_at FROM attests WHERE project_id = $1 AND user_id = $2 AND profile_id = $3",
            &[project.into(), user.into(), profile_id.into()],
            |row| row.get("attested_at"),
        )
    }
}

fn profile(row: &Row<'_>) -> Result<TrustedProfile> {
    Ok(TrustedProfile {
        id: row.get("profile_id")?,
        settings: row.json("trusted_token_profiles", "settings")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
