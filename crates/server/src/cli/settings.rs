//! `hospes settings …`: what the project may set, as `/v1/settings` has it.

use super::{
    open::Opened,
    output::{self, Form},
};
use crate::{config::Config, project_settings};
use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;
use hospes_protocol::audit_event::{self, EventKind};
use serde_json::{Map, Value, json};

#[derive(Debug, Subcommand)]
pub enum Settings {
    /// Show the settings
    Get,
    /// Change one setting, as in `hospes settings set stytch.enabled true`; a running server follows at the next request
    Set {
        /// The setting, with dots between the parts of its name
        name: String,
        /// JSON, or text; `null` resets to the default
        value: String,
    },
}

impl Settings {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let opened = Opened::with_project(config)?;
        let settings = match self {
            Self::Get => opened.project.settings.clone(),
            Self::Set { name, value } => {
                let patch = patch(name, value);
                let (now, lifetimes, fetch) = (opened.now(), config.lifetimes.clone(), config.fetch.clone());
                let occasion = opened.occasion();
                opened.write(move |tx, id| {
                    let mut project = tx.find_project(id)?.context("the project is gone")?;
                    let settings =
                        project_settings::changed(&project.settings, &patch, &project.issuer, &lifetimes, &fetch)
                            .map_err(|why| anyhow!(why))?;
                    let changed = audit_event::changed(&project.settings, &settings);
                    project.settings = settings.clone();
                    tx.update_project(&project, now)?.context("somebody else changed the project; try again")?;
                    if !changed.is_empty() {
                        let event = occasion.event(EventKind::ProjectSettingsChanged);
                        tx.record(id, &event.detail("changed", changed))?;
                    }
                    Ok(settings)
                })?
            }
        };
        match form {
            Form::Json => output::json(&json!({ "settings": settings })),
            Form::Text => output::json(&json!(settings)),
        }
        Ok(())
    }
}

/// `a.b` and a value as a merge patch.
fn patch(name: &str, value: &str) -> Map<String, Value> {
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let patch = name.rsplit('.').fold(value, |below, part| json!({ part: below }));
    match patch {
        Value::Object(patch) => patch,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_dots_leads_into_objects() {
        assert_eq!(Value::Object(patch("stytch.enabled", "true")), json!({ "stytch": { "enabled": true } }));
        assert_eq!(
            Value::Object(patch("authorization_url", "https://a.example")),
            json!({ "authorization_url": "https://a.example" })
        );
        assert_eq!(Value::Object(patch("lock_policy", "null")), json!({ "lock_policy": null }));
    }
}
