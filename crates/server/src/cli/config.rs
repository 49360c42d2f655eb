//! `hospes config …`: what the server would run with, and why.

use super::output::{self, Form};
use crate::config::Config;
use clap::Subcommand;
use serde_json::{Map, Value, json};

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting with its value and where it came from; secrets are masked
    Check,
}

impl ConfigCommand {
    pub(super) fn run(&self, config: &Config, form: Form) {
        match self {
            Self::Check => check(config, form),
        }
    }
}

fn check(config: &Config, form: Form) {
    for warning in config.warnings() {
        output::note(format!("warning: {warning}"));
    }
    let file = config.file.as_deref().map(|path| path.display().to_string());
    if form == Form::Json {
        let settings: Map<String, Value> = config
            .effective
            .iter()
            .map(|entry| (entry.key.clone(), json!({"value": entry.value, "origin": entry.origin.to_string()})))
            .collect();
        output::json(&json!({"file": file, "settings": settings}));
        return;
    }
    let rows: Vec<_> = config
        .effective
        .iter()
        .map(|entry| [entry.key.clone(), entry.value.clone(), entry.origin.to_string()])
        .collect();
    output::table(["KEY", "VALUE", "FROM"], &rows);
    let file = file.unwrap_or_else(|| String::from("no file; defaults and environment only"));
    output::line(format!("\nThe configuration is valid ({file})."));
}
