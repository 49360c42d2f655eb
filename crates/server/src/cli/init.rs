//! `hospes init`: from nothing to a project that a server can run; and further projects beside it, for other issuers.

use super::{
    open::Database,
    output::{self, Form},
};
use crate::{
    config::{self, Config, Issuer},
    keys::{self, open_master_key},
    project::{self, NewProject, SIGNING_ALGS, environment},
    store::projects::Project,
};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use hospes_protocol::id::ProjectId;
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
    /// The URL of this server, as in https://auth.example.com or http://localhost:8080; where there is a configuration
    /// with another one, a further project is made for this issuer
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

/// The project that is to be there.
#[derive(Debug)]
struct Wanted {
    issuer: Issuer,
    /// The id that it is to have, if it is to have a given one.
    id: Option<ProjectId>,
    /// Whether it is another than the configuration's.
    is_beside: bool,
}

impl Init {
    pub(super) fn run(&self, file: Option<&Path>, form: Form) -> Result<()> {
        let path = Config::path_to_read(file);
        let config = if path.exists() { Config::load(Some(&path))? } else { self.write(&path)? };
        let wanted = self.wanted(&config)?;
        let database = Database::open_and_migrate(&config)?;
        if wanted.is_beside {
            require_the_first(&database, &config, &path)?;
        }
        let master = open_master_key(&config.master_key, &database.store, &database.entropy)?;
        let now = database.now();

        let (id, issuer) = (wanted.id.clone(), wanted.issuer.to_string());
        let existing = database.read(move |tx| match &id {
            Some(id) => tx.find_project(id),
            // Projects of other issuers may be beside it.
            None => tx.find_project_by_issuer(&issuer),
        })?;
        if let Some(project) = existing {
            ensure!(
                project.issuer == wanted.issuer.as_str(),
                "the project {} was made for the issuer {}, and `issuer` is {}; set it back, or take `project` out of \
                 the configuration to make another project",
                project.id,
                project.issuer,
                wanted.issuer
            );
            ensure!(
                !(self.live && environment(&project.id) == "test" || self.test && environment(&project.id) == "live"),
                "the project {} of this issuer exists already, and what it is for cannot be changed; leave out --test \
                 and --live, or give another issuer",
                project.id
            );
            let made = keys::ensure(&database.store, &master, &project.id, &SIGNING_ALGS, &database.entropy, now)?;
            tell_existing(&project, made.len(), form);
            return Ok(());
        }

        let is_live = self.live || (!self.test && wanted.issuer.is_https());
        let id = wanted.id.clone().unwrap_or_else(|| project::new_id(is_live, &database.entropy));
        let secret = project::new_secret(&id, &database.entropy);
        let new = NewProject::new(id, &self.name, &wanted.issuer, secret.text(), &master, &database.entropy, now)?;
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
                     `hospes client add`.",
                );
                output::note(if wanted.is_beside { next_beside(&project) } else { NEXT.to_owned() });
            }
        }
        Ok(())
    }

    /// The project that `--issuer` names, else the configuration's.
    fn wanted(&self, config: &Config) -> Result<Wanted> {
        let configured = Wanted { issuer: config.issuer.clone(), id: config.project.clone(), is_beside: false };
        match &self.issuer {
            Some(issuer) if *issuer != config.issuer.as_str() => {
                let issuer = Issuer::parse(issuer).map_err(|why| anyhow!("--issuer: {why}"))?;
                Ok(Wanted { issuer, id: None, is_beside: true })
            }
            _ => Ok(configured),
        }
    }

    /// Writes the first configuration file, if everything in it can be used.
    fn write(&self, path: &PathBuf) -> Result<Config> {
        let environment = config::environment();
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

/// A server needs the project of its configuration; one that is beside nothing would be served by nobody.
fn require_the_first(database: &Database, config: &Config, path: &Path) -> Result<()> {
    let (id, issuer) = (config.project.clone(), config.issuer.to_string());
    let first = database.read(move |tx| match &id {
        Some(id) => tx.find_project(id),
        None => tx.find_project_by_issuer(&issuer),
    })?;
    ensure!(
        first.is_some(),
        "{} says that the issuer is {}, and the database holds no project for it; run `hospes init` without --issuer \
         first, or change the file",
        path.display(),
        config.issuer
    );
    Ok(())
}

fn tell_existing(project: &Project, keys_made: usize, form: Form) {
    match form {
        Form::Json => output::json(&json!({
            "project_id": project.id,
            "issuer": project.issuer,
            "created": false,
            "keys_made": keys_made,
        })),
        Form::Text if keys_made == 0 => {
            output::line(format!("The project {} exists already; nothing was changed.", project.id));
        }
        Form::Text => {
            output::line(format!("The project {} exists already; {keys_made} keys were made.", project.id));
        }
    }
}

/// What to do next about the first project.
const NEXT: &str = "Keep a copy of the master key apart from the backups: without it they are worth nothing.\n\
                    Next: `hospes policy apply` if there are APIs, then `hospes user add`, `hospes client add`, \
                    `hospes serve`.";

/// What to do next about a project beside it.
fn next_beside(project: &Project) -> String {
    let issuer = &project.issuer;
    format!(
        "Servers that run answer for it at once; all it needs is that requests to {issuer} reach them under that name.\n\
         Next: commands about it name it, as in `hospes --project {issuer} client add`."
    )
}
