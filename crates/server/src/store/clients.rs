//! Clients.

use super::{
    client_secrets::ClientSecret,
    page::Position,
    sql::{Row, Tx, to_json},
};
use anyhow::Result;
use hospes_protocol::{
    Seconds, Timestamp,
    client::{Client, ClientKind, ClientSettings, CreationMethod},
    id::{ClientId, ProjectId},
};

impl Tx<'_> {
    pub fn find_client(&mut self, project: &ProjectId, id: &ClientId) -> Result<Option<Client>> {
        self.one(
            "SELECT client_id, settings, created_at, updated_at, version, disabled_at, tokens_valid_from
             FROM clients WHERE project_id = $1 AND client_id = $2",
            &[project.into(), id.into()],
            client,
        )
    }

    /// Reads a client for changing it, and locks the row until the transaction ends: changes come one after the other.
    pub fn take_client(&mut self, project: &ProjectId, id: &ClientId) -> Result<Option<Client>> {
        self.one(
            "UPDATE clients SET version = version WHERE project_id = $1 AND client_id = $2
             RETURNING client_id, settings, created_at, updated_at, version, disabled_at, tokens_valid_from",
            &[project.into(), id.into()],
            client,
        )
    }

    /// A page of clients, oldest first.
    pub fn list_clients(&mut self, project: &ProjectId, after: &Position, limit: u32) -> Result<Vec<Client>> {
        self.all(
            "SELECT client_id, settings, created_at, updated_at, version, disabled_at, tokens_valid_from
             FROM clients WHERE project_id = $1 AND (created_at, client_id) > ($2, $3)
             ORDER BY created_at, client_id LIMIT $4",
            &[project.into(), after.created_at.into(), (&after.id).into(), limit.into()],
            client,
        )
    }

    /// A page of the clients of one kind, oldest first.
    pub fn list_clients_of_kind(
        &mut self,
        project: &ProjectId,
        kind: ClientKind,
        after: &Position,
        limit: u32,
    ) -> Result<Vec<Client>> {
        self.all(
            "SELECT client_id, settings, created_at, updated_at, version, disabled_at, tokens_valid_from
             FROM clients WHERE project_id = $1 AND kind = $2 AND (created_at, client_id) > ($3, $4)
             ORDER BY created_at, client_id LIMIT $5",
            &[project.into(), kind.as_str().into(), after.created_at.into(), (&after.id).into(), limit.into()],
            client,
        )
    }

    /// How many clients of one kind there are.
    pub fn count_clients(&mut self, project: &ProjectId, kind: ClientKind) -> Result<i64> {
        let count = self.one(
            "SELECT COUNT(client_id) AS total FROM clients WHERE project_id = $1 AND kind = $2",
            &[project.into(), kind.as_str().into()],
            |row| row.get("total"),
        )?;
        Ok(count.unwrap_or_default())
    }

    /// Adds a client; `false` when its id is taken.
    pub fn add_client(&mut self, project: &ProjectId, client: &Client) -> Result<bool> {
        let added = self.write_new_client(project, client)?;
        self.count_change()?;
        Ok(added)
    }

    /// Adds a client that registered itself, with its secret; `false` when its id is taken. It moves no change counter,
    /// so that strangers cannot empty the caches: they hold what was found only, and this was not there to be found.
    pub fn add_self_registered_client(
        &mut self,
        project: &ProjectId,
        client: &Client,
        secret: Option<&ClientSecret>,
    ) -> Result<bool> {
        if !self.write_new_client(project, client)? {
            return Ok(false);
        }
        if let Some(secret) = secret {
            self.write_client_secret(project, &client.id, secret)?;
        }
        Ok(true)
    }

    /// How many clients there are that registered themselves.
    pub fn count_self_registered_clients(&mut self, project: &ProjectId) -> Result<i64> {
        let count = self.one(
            "SELECT COUNT(client_id) AS total FROM clients WHERE project_id = $1 AND registered_at IS NOT NULL",
            &[project.into()],
            |row| row.get("total"),
        )?;
        Ok(count.unwrap_or_default())
    }

    /// Removes up to `limit` clients that registered themselves before `before` and that no user ever allowed anything,
    /// oldest first, with the note in the audit log that they came; returns how many. One that the operator or the host
    /// app has changed or disabled stays: it would only register again.
    pub fn remove_unused_clients(&mut self, project: &ProjectId, before: Timestamp, limit: u32) -> Result<u64> {
        let unused: Vec<ClientId> = self.all(
            "SELECT c.client_id FROM clients c
             WHERE c.project_id = $1 AND c.registered_at IS NOT NULL AND c.registered_at < $2 AND c.version = 1
               AND NOT EXISTS (SELECT g.user_id FROM grants g WHERE g.project_id = $1 AND g.client_id = c.client_id)
             ORDER BY c.registered_at, c.client_id LIMIT $3",
            &[project.into(), before.into(), limit.into()],
            |row| row.get("client_id"),
        )?;
        let mut removed = 0_u64;
        for id in &unused {
            self.remove_client(project, id)?;
            self.run(
                "DELETE FROM audit_events WHERE project_id = $1 AND client_id = $2",
                &[project.into(), id.into()],
            )?;
            removed = removed.saturating_add(1);
        }
        Ok(removed)
    }

    fn write_new_client(&mut self, project: &ProjectId, client: &Client) -> Result<bool> {
        let registers_itself = client.settings.creation_method == CreationMethod::DynamicClientRegistration;
        let added = self.run(
            "INSERT INTO clients (project_id, client_id, kind, settings, created_at, updated_at, version, disabled_at,
                 tokens_valid_from, registered_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT DO NOTHING",
            &[
                project.into(),
                (&client.id).into(),
                client.settings.kind().as_str().into(),
                (&to_json(&client.settings)?).into(),
                client.created_at.into(),
                client.updated_at.into(),
                client.version.into(),
                client.disabled_at.into(),
                client.tokens_valid_from.into(),
                registers_itself.then_some(client.created_at).into(),
            ],
        )?;
        Ok(added == 1)
    }

    /// Writes new settings, if the row still has the version that they were derived from. Returns the new version,
    /// or `None` when somebody else was faster.
    pub fn update_client(
        &mut self,
        project: &ProjectId,
        id: &ClientId,
        settings: &ClientSettings,
        version: i64,
        now: Timestamp,
    ) -> Result<Option<i64>> {
        let version = self.one(
            "UPDATE clients SET settings = $4, updated_at = $5, kind = $6, version = version + 1
             WHERE project_id = $1 AND client_id = $2 AND version = $3
             RETURNING version",
            &[
                project.into(),
                id.into(),
                version.into(),
                (&to_json(settings)?).into(),
                now.into(),
                settings.kind().as_str().into(),
            ],
            |row| row.get("version"),
        )?;
        self.count_change()?;
        Ok(version)
    }

    /// Nobody may use the client until [`Tx::enable_client`], and what it holds stays void after that: codes and
    /// interactions go, and the rest, which may be much, by the time before which nothing of the client's counts.
    /// That is the next second, so what was issued in this one is void too. `false` when there is no such client.
    pub fn disable_client(&mut self, project: &ProjectId, id: &ClientId, now: Timestamp) -> Result<bool> {
        let disabled = self.run(
            "UPDATE clients SET disabled_at = COALESCE(disabled_at, $3), tokens_valid_from = $4, updated_at = $3,
                 version = version + 1
             WHERE project_id = $1 AND client_id = $2",
            &[project.into(), id.into(), now.into(), now.plus(Seconds(1)).into()],
        )?;
        self.void_codes_of_client(project, id)?;
        self.remove_interactions_of_client(project, id)?;
        self.count_change()?;
        Ok(disabled == 1)
    }

    /// Lets a disabled client in again. What a transaction issued that began before the client was disabled and ended
    /// after it is void now at the latest. `false` when there is no such client.
    pub fn enable_client(&mut self, project: &ProjectId, id: &ClientId, now: Timestamp) -> Result<bool> {
        let enabled = self.run(
            "UPDATE clients SET disabled_at = NULL, updated_at = $3, version = version + 1,
                 tokens_valid_from = CASE WHEN disabled_at IS NULL THEN tokens_valid_from ELSE $4 END
             WHERE project_id = $1 AND client_id = $2",
            &[project.into(), id.into(), now.into(), now.plus(Seconds(1)).into()],
        )?;
        self.count_change()?;
        Ok(enabled == 1)
    }

    /// Removes a client and its secrets; from then on nothing that it holds is accepted. `false` when there is no such
    /// client. Its families and grants may be many: remove them with [`Tx::remove_remains_of_client`] afterwards.
    pub fn remove_client(&mut self, project: &ProjectId, id: &ClientId) -> Result<bool> {
        self.run("DELETE FROM client_secrets WHERE project_id = $1 AND client_id = $2", &[project.into(), id.into()])?;
        self.void_codes_of_client(project, id)?;
        self.remove_interactions_of_client(project, id)?;
        let removed =
            self.run("DELETE FROM clients WHERE project_id = $1 AND client_id = $2", &[project.into(), id.into()])?;
        self.count_change()?;
        Ok(removed == 1)
    }

    /// Removes up to `limit` grants of a removed client, with their families. To be repeated, each time in a
    /// transaction of its own, until it returns 0; does nothing while the client is there.
    pub fn remove_remains_of_client(&mut self, project: &ProjectId, id: &ClientId, limit: u32) -> Result<u64> {
        if self.find_client(project, id)?.is_some() {
            return Ok(0);
        }
        self.run(
            "DELETE FROM token_families WHERE (project_id, family_id) IN (
                 SELECT f.project_id, f.family_id
                 FROM (SELECT project_id, user_id, client_id FROM grants
                       WHERE project_id = $1 AND client_id = $2 ORDER BY user_id LIMIT $3) batch
                 JOIN token_families f ON f.project_id = batch.project_id AND f.user_id = batch.user_id
                   AND f.client_id = batch.client_id)",
            &[project.into(), id.into(), limit.into()],
        )?;
        self.run(
            "DELETE FROM grants WHERE (project_id, user_id, client_id) IN (
                 SELECT project_id, user_id, client_id FROM grants
                 WHERE project_id = $1 AND client_id = $2 ORDER BY user_id LIMIT $3)",
            &[project.into(), id.into(), limit.into()],
        )
    }
}

pub(super) fn client(row: &Row<'_>) -> Result<Client> {
    Ok(Client {
        id: row.get("client_id")?,
        settings: row.json("clients", "settings")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        version: row.get("version")?,
        disabled_at: row.get("disabled_at")?,
        tokens_valid_from: row.get("tokens_valid_from")?,
    })
}
