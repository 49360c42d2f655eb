//! The command line: one file per command in `cli/`.
//!
//! Passwords and secrets are never arguments, where every process of the machine could read them: they come from
//! standard input or from a prompt. `--json` answers in a form for scripts.

mod ask;
mod audit;
mod backup;
mod client;
mod client_settings;
mod config;
mod demo;
mod doctor;
mod import;
mod init;
mod key;
mod migrate;
mod open;
pub mod output;
mod policy;
mod project;
mod public_token;
mod restore;
mod secret;
mod seed;
mod serve;
mod settings;
mod trusted_profile;
mod user;
mod webhook;

use crate::config::Config;
use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use output::Form;
use std::path::PathBuf;
use tracing_subscriber::filter::LevelFilter;

/// An OAuth 2.1 and OpenID Connect authorization server that an application hosts itself.
#[derive(Debug, Parser)]
#[command(name = "hospes", version, about, arg_required_else_help = true)]
pub struct Arguments {
    /// The configuration file [default: HOSPES_CONFIG, else hospes.toml in this directory]
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answer in JSON, for scripts
    #[arg(long, global = true)]
    json: bool,
    /// The project that the command is about, by its id or its issuer [default: the one of the configuration]
    #[arg(long, global = true, value_name = "PROJECT")]
    project: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve,
    /// Show it at work: a server, a user and a guest application, on this machine
    Demo(demo::Demo),
    /// Create the tables of the database, or bring them up to date
    Migrate,
    /// Create a project, its signing keys and its first secret: the first one, or another one beside it
    Init(init::Init),
    /// Look at the projects of the database
    #[command(subcommand)]
    Project(project::ProjectCommand),
    /// Look after clients: the applications that use this server
    #[command(subcommand)]
    Client(client::Client),
    /// Look after trusted token profiles: other issuers whose tokens log users in
    #[command(subcommand)]
    TrustedProfile(trusted_profile::TrustedProfile),
    /// Look after users
    #[command(subcommand)]
    User(user::User),
    /// Look after signing keys and the master key
    #[command(subcommand)]
    Key(key::Key),
    /// Look after the secrets of the management API
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Take users, connected apps and machines from the exports of Stytch and Auth0
    Import(import::Import),
    /// Look after the tokens by which pages in the browser name the project
    #[command(subcommand)]
    PublicToken(public_token::PublicTokenCommand),
    /// Look at the project's scope values, resources and roles, and replace them
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Look at what the project may set, and change it without a restart
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Look after webhooks: where the host app is told what happens
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Look at what happened, and who did it
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Write a copy of the database to a file, while the server runs
    Backup(backup::Backup),
    /// Put a backup in the place of the database; stop `hospes serve` first
    Restore(restore::Restore),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look for what is wrong, and say what to mend
    Doctor,
    /// Load a project with clients and users into an empty database
    Seed(seed::SeedCommand),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The command did its work and what it found is not good.
    Found,
}

impl Arguments {
    /// Runs the command.
    pub fn run(&self) -> Result<Outcome> {
        ensure!(
            self.project.is_none() || self.command.is_about_one_project(),
            "--project is for commands about one project, and this one is about the whole deployment; leave it out"
        );
        let form = if self.json { Form::Json } else { Form::Text };
        if !matches!(self.command, Command::Serve) {
            // What doctor meets, it reports itself.
            let is_doctor = matches!(self.command, Command::Doctor);
            serve::start_quiet_log(if is_doctor { LevelFilter::OFF } else { LevelFilter::WARN })?;
        }
        match &self.command {
            Command::Serve => serve::run(self.load_config()?)?,
            Command::Demo(command) => command.run()?,
            Command::Init(command) => command.run(self.config.as_deref(), form)?,
            Command::Project(command) => command.run(&self.load_config()?, form)?,
            Command::Config(command) => command.run(&self.load_config()?, form),
            Command::Doctor => return doctor::run(&self.load_config()?, form),
            Command::Migrate => migrate::run(&self.load_config()?, form)?,
            Command::Client(command) => command.run(&self.load_config()?, form)?,
            Command::TrustedProfile(command) => command.run(&self.load_config()?, form)?,
            Command::User(command) => command.run(&self.load_config()?, form)?,
            Command::Key(command) => command.run(|| self.load_config(), form)?,
            Command::Secret(command) => command.run(&self.load_config()?, form)?,
            Command::PublicToken(command) => command.run(&self.load_config()?, form)?,
            Command::Policy(command) => command.run(&self.load_config()?, form)?,
            Command::Settings(command) => command.run(&self.load_config()?, form)?,
            Command::Webhook(command) => command.run(&self.load_config()?, form)?,
            Command::Audit(command) => command.run(&self.load_config()?, form)?,
            Command::Backup(command) => command.run(&self.load_config()?, form)?,
            Command::Restore(command) => command.run(&self.load_config()?, form)?,
            Command::Import(command) => return command.run(&self.load_config()?, form),
            Command::Seed(command) => command.run(&self.load_config()?, form)?,
        }
        Ok(Outcome::Done)
    }

    /// What may help when the command failed.
    pub fn hint(&self) -> Option<&'static str> {
        let is_about_the_installation = matches!(self.command, Command::Serve | Command::Key(_) | Command::Migrate);
        is_about_the_installation.then_some("`hospes doctor` looks for what is wrong and says what to mend")
    }

    /// The configuration, of the project that the command line names.
    fn load_config(&self) -> Result<Config> {
        let config = Config::load(self.config.as_deref())?;
        match &self.project {
            Some(project) => config.of_project(project),
            None => Ok(config),
        }
    }
}

impl Command {
    /// Whether the command works on the records of one project.
    const fn is_about_one_project(&self) -> bool {
        match self {
            Self::Client(_)
            | Self::TrustedProfile(_)
            | Self::User(_)
            | Self::Secret(_)
            | Self::PublicToken(_)
            | Self::Import(_)
            | Self::Policy(_)
            | Self::Settings(_)
            | Self::Webhook(_)
            | Self::Audit(_) => true,
            Self::Key(command) => command.is_about_one_project(),
            Self::Serve
            | Self::Demo(_)
            | Self::Migrate
            | Self::Init(_)
            | Self::Project(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Config(_)
            | Self::Doctor
            | Self::Seed(_) => false,
        }
    }
}
