//! `hospes migrate`: the tables of the database.

use super::{
    open::Database,
    output::{self, Form},
};
use crate::config::Config;
use anyhow::Result;
use serde_json::json;

pub(super) fn run(config: &Config, form: Form) -> Result<()> {
    let applied = Database::open_as_it_is(config)?.store.migrate()?;
    match form {
        Form::Json => output::json(&json!({"applied": applied})),
        Form::Text if applied.is_empty() => output::line("The database is up to date."),
        Form::Text => applied.iter().for_each(|name| output::line(format!("applied {name}"))),
    }
    Ok(())
}
