//! `hospes project …`: the projects of the database, and which of them a server with this configuration answers for.
//!
//! A server answers for every project of its database, told apart by issuer; the one of the configuration must be among
//! them, and gets what no other is named by (`front.rs`). `hospes init` makes projects.

use super::{
    open::Database,
    output::{self, Form},
};
use crate::{
    config::Config,
    project::{environment, find},
    rfc3339,
    store::projects::Project,
};
use anyhow::{Context as _, Result};
use clap::Subcommand;
use hospes_protocol::client::ClientKind;
use serde_json::{Map, Value, json};

#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// List the projects, oldest first
    List,
    /// Show one project
    Show {
        /// Its id or its issuer [default: the project of the configuration]
        #[arg(value_name = "PROJECT")]
        named: Option<String>,
    },
}

/// Whether a server with this configuration answers for a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    /// It is the project of the configuration.
    AsConfigured,
    /// It is beside it.
    Too,
    /// The server does not start: the project of the configuration is not there.
    No,
}

impl Served {
    fn of(project: &Project, all: &[Project], config: &Config) -> Self {
        let is_configured = |own: &Project| {
            config.project.as_ref().is_none_or(|id| own.id == *id) && own.issuer == config.issuer.as_str()
        };
        if is_configured(project) {
            Self::AsConfigured
        } else if all.iter().any(is_configured) {
            Self::Too
        } else {
            Self::No
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::AsConfigured => "as configured",
            Self::Too => "too",
            Self::No => "no",
        }
    }
}

impl ProjectCommand {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let database = Database::open(config)?;
        match self {
            Self::List => list(&database, config, form),
            Self::Show { named } => show(&database, config, named.as_deref(), form),
        }
    }
}

fn list(database: &Database, config: &Config, form: Form) -> Result<()> {
    let projects = database.read(|tx| tx.list_projects())?;
    match form {
        Form::Json => {
            let projects: Vec<_> =
                projects.iter().map(|own| members(own, Served::of(own, &projects, config))).collect();
            output::json(&json!({ "projects": projects }));
        }
        Form::Text => {
            let rows: Vec<_> = projects
                .iter()
                .map(|own| {
                    let served = Served::of(own, &projects, config).as_str().to_owned();
                    let kind = environment(&own.id).to_owned();
                    [
                        own.id.to_string(),
                        own.name.clone(),
                        own.issuer.clone(),
                        kind,
                        rfc3339::text(own.created_at),
                        served,
                    ]
                })
                .collect();
            output::table(["PROJECT ID", "NAME", "ISSUER", "KIND", "CREATED", "SERVED"], &rows);
            if projects.iter().all(|own| Served::of(own, &projects, config) == Served::No) {
                output::note(format!(
                    "The configuration's issuer is {}, and no project here is the one it means, so `hospes serve` does \
                     not start; correct `issuer` or `project`, or run `hospes init`.",
                    config.issuer
                ));
            }
        }
    }
    Ok(())
}

fn show(database: &Database, config: &Config, named: Option<&str>, form: Form) -> Result<()> {
    let wanted = match named {
        Some(name) => config.clone().of_project(name)?,
        None => config.clone(),
    };
    let (project, all, counts) = database.read(move |tx| {
        let project = find(tx, wanted.project.as_ref(), wanted.issuer.as_str())?;
        let project = project.context("the database holds no project yet; `hospes init` makes one")?;
        let counts = [
            ("users", tx.count_users(&project.id)?),
            ("apps", tx.count_clients(&project.id, ClientKind::App)?),
            ("machines", tx.count_clients(&project.id, ClientKind::Machine)?),
        ];
        Ok((project, tx.list_projects()?, counts))
    })?;
    let mut members = members(&project, Served::of(&project, &all, config));
    members.extend(counts.map(|(name, count)| (name.to_owned(), count.into())));
    match form {
        Form::Json => output::json(&Value::Object(members)),
        Form::Text => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let fields: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
            output::fields(&fields);
        }
    }
    Ok(())
}

fn members(project: &Project, served: Served) -> Map<String, Value> {
    let members = [
        ("project_id", project.id.to_string()),
        ("name", project.name.clone()),
        ("issuer", project.issuer.clone()),
        ("kind", environment(&project.id).to_owned()),
        ("created_at", rfc3339::text(project.created_at)),
        ("served", served.as_str().to_owned()),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}
