//! `hospes config …`: what the server would run with, and why.

use super::output::{self, Form};
use crate::config::{Config, MasterKeySource};
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
        let master_key = json!({"source": config.master_key.to_string(), "is_there": is_there(&config.master_key)});
        output::json(&json!({"file": file, "settings": settings, "master_key": master_key}));
        return;
    }
    let rows: Vec<_> = config
        .effective
        .iter()
        .map(|entry| [entry.key.clone(), entry.value.clone(), entry.origin.to_string()])
        .collect();
    output::table(["KEY", "VALUE", "FROM"], &rows);
    let file = file.unwrap_or_else(|| String::from("no file; defaults and environment only"));
    let missing = if is_there(&config.master_key) { "" } else { ", which is not there; `hospes init` makes it" };
    output::line(format!("\nThe master key is read from {}{missing}.", config.master_key));
    output::line(format!("The configuration is valid ({file})."));
}

fn is_there(master_key: &MasterKeySource) -> bool {
    match master_key {
        MasterKeySource::Environment(_) => true,
        MasterKeySource::File(path) => path.exists(),
    }
}
