//! Values that may be used once, remembered until they would be too old anyway.

use super::sql::Tx;
use anyhow::Result;
use hospes_protocol::{Timestamp, id::ProjectId};

impl Tx<'_> {
    /// Remembers a value of one `kind` by its SHA-256; `false` when it was there already: a replay.
    pub fn add_replay(
        &mut self,
        project: &ProjectId,
        kind: &str,
        value_hash: &[u8; 32],
        expires_at: Timestamp,
    ) -> Result<bool> {
        let added = self.run(
            "INSERT INTO replays (project_id, kind, value_hash, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            &[project.into(), kind.into(), value_hash.into(), expires_at.into()],
        )?;
        Ok(added == 1)
    }
}
