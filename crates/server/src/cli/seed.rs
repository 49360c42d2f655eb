//! `hospes seed FILE`: a whole project from one file, into an empty database.

use super::{
    open::Database,
    output::{self, Form},
};
use crate::{
    config::Config,
    keys::open_master_key,
    secret::Secret,
    seed::{Loaded, Seed},
};
use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct SeedCommand {
    /// A TOML file, or a JSON file whose name ends in .json
    file: PathBuf,
}

impl SeedCommand {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let seed = Seed::read(&self.file)?;
        let name = self.file.display();
        seed.validate(config).with_context(|| format!("{name} cannot be used"))?;
        let database = Database::open_and_migrate(config)?;
        let master = open_master_key(&config.master_key, &database.store, &database.entropy)?;
        let loaded = seed
            .load(config, &database.store, &master, &database.entropy, database.now())
            .with_context(|| format!("nothing of {name} was loaded"))?;
        show(&loaded, config, form);
        Ok(())
    }
}

fn show(loaded: &Loaded, config: &Config, form: Form) {
    if form == Form::Json {
        let clients: Vec<_> = loaded
            .clients
            .iter()
            .map(|client| {
                let secret = client.secret.as_ref().map(Secret::text);
                json!({"client_id": client.id, "name": client.name, "client_secret": secret})
            })
            .collect();
        let users: Vec<_> =
            loaded.users.iter().map(|user| json!({"user_id": user.id, "logins": user.logins})).collect();
        output::json(&json!({
            "project_id": loaded.project,
            "secret": loaded.project_secret.as_ref().map(Secret::text),
            "issuer": config.issuer.as_str(),
            "clients": clients,
            "users": users,
        }));
        return;
    }
    let mut fields = vec![("project_id", loaded.project.to_string()), ("issuer", config.issuer.to_string())];
    if let Some(secret) = &loaded.project_secret {
        fields.push(("secret", secret.text().to_owned()));
    }
    output::fields(&fields);
    let rows: Vec<_> = loaded
        .clients
        .iter()
        .map(|client| {
            let secret = client.secret.as_ref().map_or("(as given, or none)", Secret::text);
            [client.name.clone(), client.id.to_string(), secret.to_owned()]
        })
        .collect();
    if !rows.is_empty() {
        output::line("");
        output::table(["CLIENT", "CLIENT ID", "SECRET"], &rows);
    }
    let rows: Vec<_> = loaded.users.iter().map(|user| [user.logins.join(", "), user.id.to_string()]).collect();
    if !rows.is_empty() {
        output::line("");
        output::table(["USER", "USER ID"], &rows);
    }
    output::note("Secrets that were made are shown this once.");
}
