//! `hospes secret …`: the secrets with which the host app's back end calls the management API.

use super::{
    open::{Opened, told},
    output::{self, Form},
};
use crate::{config::Config, project, rfc3339};
use anyhow::Result;
use clap::Subcommand;
use hospes_protocol::{audit_event::EventKind, project_secret};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Make another secret, and show it this once
    Add,
    /// List the secrets by their last four characters
    List,
    /// Remove a secret; nobody comes in with it from the next request on
    Remove {
        /// The id that `hospes secret list` shows
        secret_id: String,
    },
}

impl SecretCommand {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let opened = Opened::with_project(config)?;
        match self {
            Self::Add => add(&opened, form),
            Self::List => list(&opened, form),
            Self::Remove { secret_id } => remove(&opened, secret_id, form),
        }
    }
}

fn add(opened: &Opened, form: Form) -> Result<()> {
    let entropy = &opened.database.entropy;
    let secret = project::new_secret(&opened.project.id, entropy);
    let stored = project::stored_secret(&opened.project.id, secret.text(), entropy, opened.now());
    let (id, occasion) = (stored.id.clone(), opened.occasion());
    opened.write(move |tx, project| {
        project_secret::may_add(&tx.take_project_secrets(project)?).map_err(told)?;
        tx.add_project_secret(project, &stored)?;
        tx.record(project, &occasion.event(EventKind::ProjectSecretAdded).detail("secret_id", stored.id.clone()))
    })?;
    match form {
        Form::Json => output::json(&json!({ "secret_id": id, "secret": secret.text() })),
        Form::Text => {
            output::fields(&[("secret_id", id), ("secret", secret.text().to_owned())]);
            output::note("\nKeep the secret now: only its hash is stored, and it cannot be shown again.");
        }
    }
    Ok(())
}

fn list(opened: &Opened, form: Form) -> Result<()> {
    let secrets = opened.read(|tx, project| tx.find_project_secrets(project))?;
    match form {
        Form::Json => {
            let secrets: Vec<_> = secrets
                .iter()
                .map(
                    |own| json!({ "secret_id": own.id, "last_four": own.last_four, "created_at": rfc3339::text(own.created_at) }),
                )
                .collect();
            output::json(&json!({ "secrets": secrets }));
        }
        Form::Text => {
            let rows: Vec<_> = secrets
                .iter()
                .map(|own| [own.id.clone(), format!("…{}", own.last_four), rfc3339::text(own.created_at)])
                .collect();
            output::table(["SECRET ID", "ENDS WITH", "MADE"], &rows);
        }
    }
    Ok(())
}

fn remove(opened: &Opened, id: &str, form: Form) -> Result<()> {
    let id = id.to_owned();
    let (gone, occasion) = (id.clone(), opened.occasion());
    opened.write(move |tx, project| {
        project_secret::may_remove(&tx.take_project_secrets(project)?, &id).map_err(told)?;
        tx.remove_project_secret(project, &id)?;
        tx.record(project, &occasion.event(EventKind::ProjectSecretRemoved).detail("secret_id", id.clone()))
    })?;
    match form {
        Form::Json => output::json(&json!({ "secret_id": gone, "removed": true })),
        Form::Text => output::line(format!("{gone} is removed.")),
    }
    Ok(())
}
