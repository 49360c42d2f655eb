//! `hospes migrate`: the tables of the database.

use super::output::{self, Form};
use crate::{config::Config, store::Store};
use anyhow::Result;
use serde_json::json;

pub(super) fn run(config: &Config, form: Form) -> Result<()> {
    let store = Store::open(&config.database.store())?;
    let applied = store.migrate()?;
    match form {
        Form::Json => output::json(&json!({"applied": applied})),
        Form::Text if applied.is_empty() => output::line("The database is up to date."),
        Form::Text => applied.iter().for_each(|name| output::line(format!("applied {name}"))),
    }
    Ok(())
}
