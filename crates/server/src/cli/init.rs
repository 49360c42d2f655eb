//! `hospes init`: from nothing to a project that a server can run.

use super::{
    open::Database,
    output::{self, Form},
};
use crate::{
    config::{Config, Issuer, environment},
    keys::{self, open_master_key},
    project::{self, NewProject, SIGNING_ALGS},
};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use serde_json::json;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// The configuration that is written where there is none.
const TEMPLATE: &str = include_str!("hospes.toml");

#[derive(Debug, Args)]
pub struct Init {
    /// The URL of this server, as in https://auth.example.com or http://localhost:8080
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The project's name, as people see it
    #[arg(long, default_value = "Hospes")]
    name: String,
    /// A project for tests [default: when the issuer is not https]
    #[arg(long, conflicts_with = "live")]
    test: bool,
    /// A project for real users [default: when the issuer is https]
    #[arg(long)]
    live: bool,
}

impl Init {
    pub(super) fn run(&self, file: Option<&Path>, form: Form) -> Result<()> {
        let path = Config::path_to_read(file);
        let config = if path.exists() { self.existing(&path)? } else { self.write(&path)? };
        let database = Database::open_and_migrate(&config)?;
        let master = open_master_key(&config.master_key, &database.store, &database.entropy)?;
        let now = database.now();

        let (id, issuer) = (config.project.clone(), config.issuer.to_string());
        let existing = database.read(move |tx| match &id {
            Some(id) => tx.find_project(id),
            // Projects of other issuers may be beside it.
            None => tx.find_project_by_issuer(&issuer),
        })?;
        if let Some(project) = existing {
            ensure!(
                project.issuer == config.issuer.as_str(),
                "the project {} was made for the issuer {}, and `issuer` is {}; set it back, or take `project` out of \
                 the configuration to make another project",
                project.id,
                project.issuer,
                config.issuer
            );
            let made = keys::ensure(&database.store, &master, &project.id, &SIGNING_ALGS, &database.entropy, now)?;
            match form {
                Form::Json => output::json(&json!({
                    "project_id": project.id,
                    "issuer": project.issuer,
                    "created": false,
                    "keys_made": made.len(),
                })),
                Form::Text if made.is_empty() => {
                    output::line(format!("The project {} exists already; nothing was changed.", project.id));
                }
                Form::Text => {
                    output::line(format!("The project {} exists already; {} keys were made.", project.id, made.len()));
                }
            }
            return Ok(());
        }

        let is_live = self.live || (!self.test && config.issuer.is_https());
        let id = config.project.clone().unwrap_or_else(|| project::new_id(is_live, &database.entropy));
        let secret = project::new_secret(&id, &database.entropy);
        let new = NewProject::new(id, &self.name, &config.issuer, secret.text(), &master, &database.entropy, now)?;
        let project = new.record.clone();
        database.write(move |tx| new.add(tx))?;
        let shown_file = path.display().to_string();
        match form {
            Form::Json => output::json(&json!({
                "project_id": project.id,
                "secret": secret.text(),
                "issuer": project.issuer,
                "created": true,
                "config": shown_file,
                "database": config.database.url.masked(),
                "master_key": config.master_key.to_string(),
            })),
            Form::Text => {
                output::fields(&[
                    ("project_id", project.id.to_string()),
                    ("secret", secret.text().to_owned()),
                    ("issuer", project.issuer.clone()),
                    ("configuration", shown_file),
                    ("database", config.database.url.masked()),
                    ("master key", config.master_key.to_string()),
                ]);
                output::note(
                    "\nKeep the secret now: only its hash is stored, so it cannot be shown again.\n\
                     It is for your own back end, which calls the management API with it; clients get theirs by \
                     `hospes client add`.\n\
                     Keep a copy of the master key apart from the backups: without it they are worth nothing.\n\
                     Next: `hospes policy apply` if there are APIs, then `hospes user add`, `hospes client add`, `hospes serve`.",
                );
            }
        }
        Ok(())
    }

    fn existing(&self, path: &Path) -> Result<Config> {
        let config = Config::load(Some(path))?;
        match &self.issuer {
            Some(issuer) if *issuer != config.issuer.as_str() => bail!(
                "{} says that the issuer is {}; leave out --issuer, or change the file",
                path.display(),
                config.issuer
            ),
            _ => Ok(config),
        }
    }

    /// Writes the first configuration file, if everything in it can be used.
    fn write(&self, path: &PathBuf) -> Result<Config> {
        let environment = environment();
        let from_environment = environment.iter().find(|(name, _)| name == "HOSPES_ISSUER").map(|(_, value)| value);
        let Some(issuer) = self.issuer.as_ref().or(from_environment) else {
            bail!(
                "there is no configuration {} yet; give the URL of this server, as in \
                 --issuer https://auth.example.com or --issuer http://localhost:8080",
                path.display()
            )
        };
        let issuer = Issuer::parse(issuer).map_err(|why| anyhow!("--issuer: {why}"))?;
        let mut text = TEMPLATE.replace("{issuer}", issuer.as_str());
        if let Some(address) = issuer.loopback().filter(|address| *address != Config::LISTEN) {
            text = text.replace(&format!("#listen = \"{}\"", Config::LISTEN), &format!("listen = \"{address}\""));
        }
        let config = Config::parse(Some(path.clone()), &text, environment)?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(config)
    }
}
