//! `hospes backup`: a copy of the database, made while the server runs.

use super::{
    open::Database,
    output::{self, Form},
};
use crate::config::Config;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Backup {
    /// Where to write it; the file must not exist yet
    path: PathBuf,
}

impl Backup {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let database = Database::open(config)?;
        database.store.backup_to(&self.path)?;
        let path = self.path.display().to_string();
        match form {
            Form::Json => output::json(&json!({"path": path, "holds_master_key": false})),
            Form::Text => {
                output::line(format!("The database was copied to {path}."));
                output::line(format!(
                    "It does not hold the master key ({}): keep that somewhere else, a backup is worth nothing without it.",
                    config.master_key
                ));
            }
        }
        Ok(())
    }
}
