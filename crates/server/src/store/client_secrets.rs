//! Client secrets: at most two a client, both accepted, so that a client can change over without a gap.

use super::sql::{Row, Tx};
use anyhow::{Context as _, Result};
use hospes_protocol::{
    Timestamp,
    id::{ClientId, ProjectId},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    pub slot: Slot,
    pub proof: Proof,
    pub last_four: String,
    pub created_at: Timestamp,
}

/// What is kept of a secret, and proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// SHA-256 of a secret that we made.
    Hash([u8; 32]),
    /// Of one that was made elsewhere, and may be short: `imported_secret::wrap`.
    Wrapped(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Current,
    /// Only while the client changes over.
    Next,
}

impl Slot {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Current, Self::Next].into_iter().find(|slot| slot.as_str() == text)
    }
}

impl Tx<'_> {
    /// None, the current one, or the current and the next; all of them are accepted.
    pub fn find_client_secrets(&mut self, project: &ProjectId, client: &ClientId) -> Result<Vec<ClientSecret>> {
        self.all(
            "SELECT slot, secret_hash, wrapped_secret, last_four, created_at FROM client_secrets
             WHERE project_id = $1 AND client_id = $2 ORDER BY slot",
            &[project.into(), client.into()],
            client_secret,
        )
    }

    /// Sets or replaces the secret in its slot.
    pub fn set_client_secret(&mut self, project: &ProjectId, client: &ClientId, secret: &ClientSecret) -> Result<()> {
        self.write_client_secret(project, client, secret)?;
        self.count_change()
    }

    pub(super) fn write_client_secret(
        &mut self,
        project: &ProjectId,
        client: &ClientId,
        secret: &ClientSecret,
    ) -> Result<()> {
        let (hash, wrapped) = match &secret.proof {
            Proof::Hash(hash) => (Some(hash.as_slice()), None),
            Proof::Wrapped(wrapped) => (None, Some(wrapped.as_str())),
        };
        self.run(
            "INSERT INTO client_secrets (project_id, client_id, slot, secret_hash, wrapped_secret, last_four,
                 created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (project_id, client_id, slot) DO UPDATE
             SET secret_hash = excluded.secret_hash, wrapped_secret = excluded.wrapped_secret,
                 last_four = excluded.last_four, created_at = excluded.created_at",
            &[
                project.into(),
                client.into(),
                secret.slot.as_str().into(),
                hash.into(),
                wrapped.into(),
                (&secret.last_four).into(),
                secret.created_at.into(),
            ],
        )?;
        Ok(())
    }

    /// Makes the next secret the current one and forgets the old one; `false` when there is no next one.
    pub fn promote_client_secret(&mut self, project: &ProjectId, client: &ClientId) -> Result<bool> {
        self.run(
            "DELETE FROM client_secrets WHERE project_id = $1 AND client_id = $2 AND slot = 'current' AND EXISTS (
                 SELECT slot FROM client_secrets WHERE project_id = $1 AND client_id = $2 AND slot = 'next')",
            &[project.into(), client.into()],
        )?;
        let promoted = self.run(
            "UPDATE client_secrets SET slot = 'current' WHERE project_id = $1 AND client_id = $2 AND slot = 'next'",
            &[project.into(), client.into()],
        )?;
        self.count_change()?;
        Ok(promoted == 1)
    }

    /// Forgets the next secret; `false` when there is none.
    pub fn cancel_client_secret(&mut self, project: &ProjectId, client: &ClientId) -> Result<bool> {
        let cancelled = self.run(
            "DELETE FROM client_secrets WHERE project_id = $1 AND client_id = $2 AND slot = 'next'",
            &[project.into(), client.into()],
        )?;
        self.count_change()?;
        Ok(cancelled == 1)
    }
}

fn client_secret(row: &Row<'_>) -> Result<ClientSecret> {
    let hash: Option<[u8; 32]> = row.get("secret_hash")?;
    let wrapped: Option<String> = row.get("wrapped_secret")?;
    let proof = hash.map(Proof::Hash).or(wrapped.map(Proof::Wrapped));
    Ok(ClientSecret {
        slot: row.word("client_secrets", "slot", Slot::parse)?,
        proof: proof.context("a row of client_secrets proves nothing")?,
        last_four: row.get("last_four")?,
        created_at: row.get("created_at")?,
    })
}
