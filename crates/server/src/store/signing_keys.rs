//! Keys of a project: those it signs with, and those its refresh tokens are made with.

use super::sql::{Row, Tx, to_json};
use anyhow::{Context as _, Result};
use hospes_protocol::{Timestamp, client::SigningAlg, id::ProjectId};

#[derive(Debug, Clone, PartialEq)]
pub struct StoredKey {
    pub kid: String,
    pub purpose: KeyPurpose,
    /// `None` for keys that sign nothing.
    pub alg: Option<SigningAlg>,
    pub public_jwk: Option<serde_json::Value>,
    /// Encrypted under the master key.
    pub private_key: Vec<u8>,
    pub created_at: Timestamp,
    /// From when on it is used; it is published before.
    pub activates_at: Timestamp,
    /// From when on nothing new is made with it.
    pub retires_at: Option<Timestamp>,
    /// From when on nothing made with it is accepted.
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Access tokens and ID tokens.
    Signing,
    /// Tokens of sessions; never a key that signs OAuth tokens, so that one cannot pass for the other.
    Session,
    /// Refresh tokens: the key from which successor and tag keys are derived.
    Refresh,
}

impl KeyPurpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Session => "session",
            Self::Refresh => "refresh",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Signing, Self::Session, Self::Refresh].into_iter().find(|purpose| purpose.as_str() == text)
    }
}

impl Tx<'_> {
    /// All keys of the project, oldest first.
    pub fn find_keys(&mut self, project: &ProjectId) -> Result<Vec<StoredKey>> {
        self.all(
            "SELECT kid, purpose, alg, public_jwk, private_key, created_at, activates_at, retires_at, expires_at
             FROM signing_keys WHERE project_id = $1 ORDER BY created_at, kid",
            &[project.into()],
            key,
        )
    }

    pub fn add_key(&mut self, project: &ProjectId, key: &StoredKey) -> Result<()> {
        let public_jwk = key.public_jwk.as_ref().map(to_json).transpose()?;
        self.run(
            "INSERT INTO signing_keys (project_id, kid, purpose, alg, public_jwk, private_key, created_at,
                 activates_at, retires_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[
                project.into(),
                (&key.kid).into(),
                key.purpose.as_str().into(),
                key.alg.map(SigningAlg::as_str).into(),
                public_jwk.as_ref().into(),
                (&key.private_key).into(),
                key.created_at.into(),
                key.activates_at.into(),
                key.retires_at.into(),
                key.expires_at.into(),
            ],
        )?;
        self.count_change()
    }

    /// Says from when on a key makes nothing new, and from when on it is of no use at all.
    pub fn retire_key(
        &mut self,
        project: &ProjectId,
        kid: &str,
        retires_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.run(
            "UPDATE signing_keys SET retires_at = $3, expires_at = $4 WHERE project_id = $1 AND kid = $2",
            &[project.into(), kid.into(), retires_at.into(), expires_at.into()],
        )?;
        self.count_change()
    }

    /// When the last family ends that has a refresh token: until then its key is needed.
    pub fn last_refresh_end(&mut self, project: &ProjectId) -> Result<Option<Timestamp>> {
        let last = self.one(
            "SELECT MAX(expires_at) AS last_end FROM token_families
             WHERE project_id = $1 AND generation IS NOT NULL AND revoked_at IS NULL",
            &[project.into()],
            |row| row.get("last_end"),
        )?;
        Ok(last.flatten())
    }

    /// Stores a key encrypted anew, under another master key.
    pub fn rewrap_key(&mut self, project: &ProjectId, kid: &str, private_key: &[u8]) -> Result<()> {
        self.run(
            "UPDATE signing_keys SET private_key = $3 WHERE project_id = $1 AND kid = $2",
            &[project.into(), kid.into(), private_key.into()],
        )?;
        self.count_change()
    }

    /// Removes the keys that have been of no use since before `now`, and returns how many there were.
    pub fn remove_expired_keys(&mut self, project: &ProjectId, now: Timestamp) -> Result<u64> {
        let removed = self
            .run("DELETE FROM signing_keys WHERE project_id = $1 AND expires_at < $2", &[project.into(), now.into()])?;
        if removed > 0 {
            self.count_change()?;
        }
        Ok(removed)
    }
}

fn key(row: &Row<'_>) -> Result<StoredKey> {
    let kid: String = row.get("kid")?;
    let purpose = row.word("signing_keys", "purpose", KeyPurpose::parse)?;
    let alg = match row.get::<Option<String>>("alg")? {
        None => None,
        Some(text) => Some(
            SigningAlg::parse(&text)
                .with_context(|| format!("signing_keys.alg holds {text:?}, which this version does not know"))?,
        ),
    };
    let public_jwk = row.get::<Option<String>>("public_jwk")?;
    Ok(StoredKey {
        kid,
        purpose,
        alg,
        public_jwk: public_jwk
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .context("signing_keys.public_jwk is not JSON")?,
        private_key: row.get("private_key")?,
        created_at: row.get("created_at")?,
        activates_at: row.get("activates_at")?,
        retires_at: row.get("retires_at")?,
        expires_at: row.get("expires_at")?,
    })
}
