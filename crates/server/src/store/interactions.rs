//! Interactions: authorization requests that wait for the user.

use super::sql::{Row, Tx, to_json};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    id::{ClientId, InteractionId, ProjectId, UserId},
    interaction::{Interaction, Progress, Way},
    plane::Plane,
};
use serde::{Serialize, de::DeserializeOwned};

impl Tx<'_> {
    /// `client` asks, and `user` is who was signed in when it did: what ends either ends the interaction.
    pub fn add_interaction<R: Serialize>(
        &mut self,
        project: &ProjectId,
        interaction: &Interaction<R>,
        client: &ClientId,
        user: Option<&UserId>,
    ) -> Result<()> {
        self.run(
            "INSERT INTO interactions (project_id, interaction_id, plane, request, progress, browser_hash, user_id,
                 created_at, expires_at, decided_at, client_id, way, attempts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0)",
            &[
                project.into(),
                (&interaction.id).into(),
                interaction.plane.as_str().into(),
                (&to_json(&interaction.request)?).into(),
                (&to_json(&interaction.progress)?).into(),
                (&interaction.browser_hash).into(),
                user.into(),
                interaction.created_at.into(),
                interaction.expires_at.into(),
                interaction.decided_at.into(),
                client.into(),
                interaction.way.as_str().into(),
            ],
        )?;
        Ok(())
    }

    pub fn find_interaction<R: DeserializeOwned>(
        &mut self,
        project: &ProjectId,
        id: &InteractionId,
    ) -> Result<Option<Interaction<R>>> {
        self.one(
            "SELECT interaction_id, plane, way, request, progress, browser_hash, created_at, expires_at, decided_at
             FROM interactions WHERE project_id = $1 AND interaction_id = $2",
            &[project.into(), id.into()],
            interaction,
        )
    }

    /// Reads an interaction and locks its row until the transaction ends, so that only one decision is made.
    pub fn take_interaction<R: DeserializeOwned>(
        &mut self,
        project: &ProjectId,
        id: &InteractionId,
    ) -> Result<Option<Interaction<R>>> {
        self.one(
            "UPDATE interactions SET attempts = attempts + 1 WHERE project_id = $1 AND interaction_id = $2
             RETURNING interaction_id, plane, way, request, progress, browser_hash, created_at, expires_at,
                 decided_at",
            &[project.into(), id.into()],
            interaction,
        )
    }

    pub fn save_progress(&mut self, project: &ProjectId, id: &InteractionId, progress: &Progress) -> Result<()> {
        self.run(
            "UPDATE interactions SET progress = $3, user_id = $4 WHERE project_id = $1 AND interaction_id = $2",
            &[project.into(), id.into(), (&to_json(progress)?).into(), progress.user_id.as_ref().into()],
        )?;
        Ok(())
    }

    /// Marks an interaction as decided; to be called after [`Tx::take_interaction`] in the same transaction.
    pub fn decide_interaction(&mut self, project: &ProjectId, id: &InteractionId, now: Timestamp) -> Result<()> {
        self.run(
            "UPDATE interactions SET decided_at = $3 WHERE project_id = $1 AND interaction_id = $2",
            &[project.into(), id.into(), now.into()],
        )?;
        Ok(())
    }

    /// Removes what waits for this user's answer to this client.
    pub fn remove_interactions_of_grant(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        client: &ClientId,
    ) -> Result<u64> {
        self.run(
            "DELETE FROM interactions WHERE project_id = $1 AND client_id = $3 AND user_id = $2",
            &[project.into(), user.into(), client.into()],
        )
    }

    /// Removes what waits for anybody's answer to this client.
    pub fn remove_interactions_of_client(&mut self, project: &ProjectId, client: &ClientId) -> Result<u64> {
        self.run("DELETE FROM interactions WHERE project_id = $1 AND client_id = $2", &[project.into(), client.into()])
    }

    /// Removes the interactions that began while this user was signed in, or in which they have gone on.
    pub fn remove_interactions_of_user(&mut self, project: &ProjectId, user: &UserId) -> Result<u64> {
        self.run("DELETE FROM interactions WHERE project_id = $1 AND user_id = $2", &[project.into(), user.into()])
    }
}

fn interaction<R: DeserializeOwned>(row: &Row<'_>) -> Result<Interaction<R>> {
    Ok(Interaction {
        id: row.get("interaction_id")?,
        plane: row.word("interactions", "plane", Plane::parse)?,
        way: row.word("interactions", "way", Way::parse)?,
        request: row.json("interactions", "request")?,
        progress: row.json("interactions", "progress")?,
        browser_hash: row.get("browser_hash")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        decided_at: row.get("decided_at")?,
    })
}
