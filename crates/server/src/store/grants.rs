//! Grants: what users permit clients, and what "disconnect" revokes.

use super::{
    clients::client,
    sql::{Row, Tx, to_json},
};
use anyhow::{Context as _, Result};
use hospes_protocol::{
    Timestamp,
    client::Client,
    grant::Grant,
    id::{ClientId, ProjectId, UserId},
};

impl Tx<'_> {
    pub fn find_grant(&mut self, project: &ProjectId, user: &UserId, client: &ClientId) -> Result<Option<Grant>> {
        self.one(
            "SELECT user_id, client_id, scope, resources, created_at, updated_at, last_used_at, expires_at, revoked_at,
                 tokens_valid_from
             FROM grants WHERE project_id = $1 AND user_id = $2 AND client_id = $3",
            &[project.into(), user.into(), client.into()],
            grant,
        )
    }

    /// Reads a grant for issuing something from it: notes the use and locks the row until the transaction ends. Who
    /// revokes the grant, or ends the user's access, either comes before and is seen here, or waits and then finds
    /// what was issued.
    pub fn take_grant(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Option<Grant>> {
        self.one(
            "UPDATE grants SET last_used_at = $4 WHERE project_id = $1 AND user_id = $2 AND client_id = $3
             RETURNING user_id, client_id, scope, resources, created_at, updated_at, last_used_at, expires_at,
                 revoked_at, tokens_valid_from",
            &[project.into(), user.into(), client.into(), now.into()],
            grant,
        )
    }

    /// Notes a use of the grant, to the minute: a busy client does not write for each request.
    pub fn touch_grant(&mut self, project: &ProjectId, user: &UserId, client: &ClientId, now: Timestamp) -> Result<()> {
        self.run(
            "UPDATE grants SET last_used_at = $4
             WHERE project_id = $1 AND user_id = $2 AND client_id = $3
               AND (last_used_at IS NULL OR last_used_at < $5)",
            &[project.into(), user.into(), client.into(), now.into(), now.0.saturating_sub(60).into()],
        )?;
        Ok(())
    }

    /// Adds a grant, or changes the one that is there: `change` gets what there was, `None` for nothing, and says what
    /// there is to be. The row is locked from before `change` until the transaction ends.
    pub fn save_grant(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        client: &ClientId,
        now: Timestamp,
        change: impl FnOnce(Option<&Grant>) -> Grant,
    ) -> Result<()> {
        // Where there was none, a row is made that ended before it began: after this there is one, and it is ours.
        let before = self
            .one(
                "INSERT INTO grants (project_id, user_id, client_id, scope, resources, created_at, updated_at,
                     last_used_at, expires_at, revoked_at, tokens_valid_from)
                 VALUES ($1, $2, $3, '', '[]', $4, $4, NULL, NULL, 0, 0)
                 ON CONFLICT (project_id, user_id, client_id) DO UPDATE SET last_used_at = grants.last_used_at
                 RETURNING user_id, client_id, scope, resources, created_at, updated_at, last_used_at, expires_at,
                     revoked_at, tokens_valid_from",
                &[project.into(), user.into(), client.into(), now.into()],
                grant,
            )?
            .context("an upsert that returned no row")?;
        let after = change(Some(&before).filter(|before| before.revoked_at != Some(Timestamp(0))));
        let scope = after.scope.to_string();
        let resources = to_json(&after.resources)?;
        self.run(
            "UPDATE grants SET scope = $4, resources = $5, created_at = $6, updated_at = $7, expires_at = $8,
                 revoked_at = $9, tokens_valid_from = $10, last_used_at = $11
             WHERE project_id = $1 AND user_id = $2 AND client_id = $3",
            &[
                project.into(),
                user.into(),
                client.into(),
                (&scope).into(),
                (&resources).into(),
                after.created_at.into(),
                after.updated_at.into(),
                after.expires_at.into(),
                after.revoked_at.into(),
                after.tokens_valid_from.into(),
                after.last_used_at.into(),
            ],
        )?;
        Ok(())
    }

    /// "Disconnect": ends the grant, every token family under it, and what was on the way to one: codes not yet
    /// redeemed and interactions that wait. `false` when there was nothing to end.
    ///
    /// Codes and families are looked for twice. The first time comes before the grant's row is locked, in the order in
    /// which a redemption or a refresh locks them; the second finds what was added by whoever held the grant until now.
    pub fn revoke_grant(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<bool> {
        self.void_codes_of_grant(project, user, client)?;
        self.remove_interactions_of_grant(project, user, client)?;
        let families = self.revoke_families_of_grant(project, user, client, now)?;
        let revoked = self.run(
            "UPDATE grants SET revoked_at = $4, tokens_valid_from = $4, updated_at = $4
             WHERE project_id = $1 AND user_id = $2 AND client_id = $3 AND revoked_at IS NULL",
            &[project.into(), user.into(), client.into(), now.into()],
        )?;
        self.void_codes_of_grant(project, user, client)?;
        let late = self.revoke_families_of_grant(project, user, client, now)?;
        Ok(families.saturating_add(revoked).saturating_add(late) > 0)
    }

    /// The user's living grants with their clients, last used first.
    pub fn list_grants_of_user(
        &mut self,
        project: &ProjectId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<(Grant, Client)>> {
        self.all(
            "SELECT g.user_id AS g_user_id, g.client_id AS g_client_id, g.scope AS g_scope, g.resources AS g_resources,
                 g.created_at AS g_created_at, g.updated_at AS g_updated_at, g.last_used_at AS g_last_used_at,
                 g.expires_at AS g_expires_at, g.revoked_at AS g_revoked_at,
                 g.tokens_valid_from AS g_tokens_valid_from,
                 c.client_id AS c_client_id, c.settings AS c_settings, c.created_at AS c_created_at,
                 c.updated_at AS c_updated_at, c.version AS c_version, c.disabled_at AS c_disabled_at,
                 c.tokens_valid_from AS c_tokens_valid_from
             FROM grants g JOIN clients c ON c.project_id = g.project_id AND c.client_id = g.client_id
             WHERE g.project_id = $1 AND g.user_id = $2 AND g.revoked_at IS NULL
               AND (g.expires_at IS NULL OR g.expires_at > $3)
             ORDER BY COALESCE(g.last_used_at, g.created_at) DESC, g.client_id",
            &[project.into(), user.into(), now.into()],
            |row| {
                let grant = row.joined("g_", "user_id", grant)?.context("a grant without a user")?;
                let client = row.joined("c_", "client_id", client)?.context("a client without an id")?;
                Ok((grant, client))
            },
        )
    }
}

pub(super) fn grant(row: &Row<'_>) -> Result<Grant> {
    Ok(Grant {
        user_id: row.get("user_id")?,
        client_id: row.get("client_id")?,
        scope: row.get("scope")?,
        resources: row.json("grants", "resources")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
        revoked_at: row.get("revoked_at")?,
        tokens_valid_from: row.get("tokens_valid_from")?,
    })
}
