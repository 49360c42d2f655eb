//! `hospes public-token …`: by which pages in the browser say which project they belong to.

use super::{
    open::{Opened, told},
    output::{self, Form},
};
use crate::{config::Config, public_token, rfc3339, store::public_tokens::PublicToken};
use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub enum PublicTokenCommand {
    /// Make another public token
    Add,
    /// List the public tokens, oldest first
    List,
    /// Remove a public token; pages that use it are turned away from their next request on
    Remove { public_token: String },
}

impl PublicTokenCommand {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let opened = Opened::with_project(config)?;
        match self {
            Self::Add => add(&opened, form),
            Self::List => list(&opened, form),
            Self::Remove { public_token } => remove(&opened, public_token, form),
        }
    }
}

fn add(opened: &Opened, form: Form) -> Result<()> {
    let token = public_token::new(&opened.project.id, &opened.database.entropy, opened.now());
    let (added, occasion) = (token.clone(), opened.occasion());
    opened.write(move |tx, project| public_token::add(tx, project, &added, &occasion).map_err(told))?;
    match form {
        Form::Json => output::json(&as_json(&token)),
        Form::Text => {
            output::fields(&[("public_token", token.token)]);
            let sdk = &opened.project.settings.sdk;
            if !sdk.enabled || sdk.domains.is_empty() {
                output::note(
                    "\nIt is not secret. Browsers may use it once `hospes settings set sdk.enabled true` is done and \
                     `hospes settings set sdk.domains '[\"https://app.example.com\"]'` names the origins of your pages.",
                );
            }
        }
    }
    Ok(())
}

fn list(opened: &Opened, form: Form) -> Result<()> {
    let tokens = opened.read(|tx, project| tx.list_public_tokens(project))?;
    match form {
        Form::Json => {
            let tokens: Vec<_> = tokens.iter().map(as_json).collect();
            output::json(&json!({ "public_tokens": tokens }));
        }
        Form::Text => {
            let rows: Vec<_> = tokens.into_iter().map(|own| [own.token, rfc3339::text(own.created_at)]).collect();
            output::table(["PUBLIC TOKEN", "MADE"], &rows);
        }
    }
    Ok(())
}

fn remove(opened: &Opened, token: &str, form: Form) -> Result<()> {
    let (gone, occasion) = (token.to_owned(), opened.occasion());
    opened.write(move |tx, project| public_token::remove(tx, project, &gone, &occasion).map_err(told))?;
    match form {
        Form::Json => output::json(&json!({ "public_token": token, "removed": true })),
        Form::Text => output::line(format!("{token} is removed.")),
    }
    Ok(())
}

fn as_json(own: &PublicToken) -> Value {
    json!({ "public_token": own.token, "created_at": rfc3339::text(own.created_at) })
}
