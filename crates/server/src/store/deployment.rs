//! What the whole deployment shares: which master key it needs, and the counter that the caches compare.

use super::sql::{Row, Tx};
use anyhow::{Context as _, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `None` until a master key was used for the first time.
    pub master_key: Option<MasterKeyMark>,
    pub change_counter: i64,
}

/// How a master key is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyMark {
    pub id: String,
    pub check_value: Vec<u8>,
}

impl Tx<'_> {
    pub fn find_deployment(&mut self) -> Result<Deployment> {
        self.one(
            "SELECT master_key_id, check_value, change_counter FROM deployment WHERE name = 'main'",
            &[],
            deployment,
        )?
        .context("the deployment's row is missing")
    }

    /// Says which master key the database needs from now on.
    pub fn set_master_key(&mut self, mark: &MasterKeyMark) -> Result<()> {
        self.run(
            "UPDATE deployment SET master_key_id = $1, check_value = $2 WHERE name = 'main'",
            &[(&mark.id).into(), (&mark.check_value).into()],
        )?;
        self.count_change()
    }

    /// Moves whenever a project, one of its secrets or public tokens, a client, a client secret or a signing key changes, in the same transaction. A record that
    /// was cached under an older counter must be read again. Read at most once in a transaction.
    pub fn change_counter(&mut self) -> Result<i64> {
        if let Some(counter) = self.change_counter {
            return Ok(counter);
        }
        let counter = self
            .one("SELECT change_counter FROM deployment WHERE name = 'main'", &[], |row| row.get("change_counter"))?
            .context("the deployment's row is missing")?;
        self.change_counter = Some(counter);
        Ok(counter)
    }

    /// Voids what the caches hold. Everything in `store` that changes a cached record calls it.
    pub fn count_change(&mut self) -> Result<()> {
        self.change_counter = None;
        self.run("UPDATE deployment SET change_counter = change_counter + 1 WHERE name = 'main'", &[])?;
        Ok(())
    }
}

fn deployment(row: &Row<'_>) -> Result<Deployment> {
    let id: Option<String> = row.get("master_key_id")?;
    let check_value: Option<Vec<u8>> = row.get("check_value")?;
    Ok(Deployment {
        master_key: id.zip(check_value).map(|(id, check_value)| MasterKeyMark { id, check_value }),
        change_counter: row.get("change_counter")?,
    })
}
