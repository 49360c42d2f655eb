//! `hospes key …`: the keys that sign tokens, and the master key that keeps them secret.

use super::{
    open::{Database, Opened},
    output::{self, Form},
};
use crate::{
    config::Config,
    keys::{self, MasterKey, Rotation, open_master_key, state_of},
    project, rfc3339,
    store::signing_keys::StoredKey,
};
use anyhow::Result;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::Subcommand;
use hospes_protocol::{Seconds, Timestamp, client::SigningAlg};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

#[derive(Debug, Subcommand)]
pub enum Key {
    /// List the keys: which signs, which comes next, which is kept for tokens it signed
    List,
    /// Replace the signing keys; the old ones stay published until their last token has expired
    Rotate {
        /// Replace the key of refresh tokens instead
        #[arg(long)]
        refresh: bool,
        /// A key is known to somebody else: the new one signs at once and the old one is void at once
        #[arg(long, conflicts_with = "refresh")]
        now: bool,
    },
    /// Print a new master key, for HOSPES_MASTER_KEY; nothing is changed
    New,
    /// Encrypt every stored key under a new master key
    Rewrap {
        /// The file with the new master key; it is made if it does not exist
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
    },
}

impl Key {
    /// The master key is the deployment's.
    pub(super) const fn is_about_one_project(&self) -> bool {
        matches!(self, Self::List | Self::Rotate { .. })
    }

    pub(super) fn run(&self, load_config: impl FnOnce() -> Result<Config>, form: Form) -> Result<()> {
        match self {
            Self::New => {
                new(form);
                Ok(())
            }
            Self::List => list(&Opened::with_project(&load_config()?)?, form),
            Self::Rotate { refresh, now } => rotate(&load_config()?, *refresh, *now, form),
            Self::Rewrap { new_key_file } => rewrap(&load_config()?, new_key_file, form),
        }
    }
}

fn new(form: Form) {
    let bytes = Zeroizing::new(crate::entropy::Entropy::Os.bytes::<32>());
    let text = Zeroizing::new(Base64UrlUnpadded::encode_string(bytes.as_slice()));
    match form {
        Form::Json => output::json(&json!({"master_key": *text})),
        Form::Text => output::line(&*text),
    }
}

fn list(opened: &Opened, form: Form) -> Result<()> {
    let (keys, now) = (opened.read(|tx, project| tx.find_keys(project))?, opened.now());
    match form {
        Form::Json => {
            let keys: Vec<_> = keys.iter().map(|key| as_json(key, now)).collect();
            output::json(&json!({"keys": keys}));
        }
        Form::Text => table(&keys, now),
    }
    Ok(())
}

fn table(keys: &[StoredKey], now: Timestamp) {
    let time = |at: Option<Timestamp>| at.map_or_else(|| String::from("-"), rfc3339::text);
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            let use_for = key.alg.map_or_else(|| key.purpose.as_str().to_owned(), |alg| alg.as_str().to_owned());
            let state = state_of(key, now).as_str().to_owned();
            [
                key.kid.clone(),
                use_for,
                state,
                rfc3339::text(key.activates_at),
                time(key.retires_at),
                time(key.expires_at),
            ]
        })
        .collect();
    output::table(["KID", "USE", "STATE", "ACTIVE FROM", "RETIRES", "GONE"], &rows);
}

fn as_json(key: &StoredKey, now: Timestamp) -> Value {
    json!({
        "kid": key.kid,
        "purpose": key.purpose.as_str(),
        "alg": key.alg.map(SigningAlg::as_str),
        "state": state_of(key, now).as_str(),
        "created_at": rfc3339::text(key.created_at),
        "activates_at": rfc3339::text(key.activates_at),
        "retires_at": key.retires_at.map(rfc3339::text),
        "expires_at": key.expires_at.map(rfc3339::text),
    })
}

fn rotate(config: &Config, is_refresh: bool, is_emergency: bool, form: Form) -> Result<()> {
    let opened = Opened::with_project(config)?;
    let database = &opened.database;
    let master = open_master_key(&config.master_key, &database.store, &database.entropy)?;
    let lifetimes = project::lifetimes(&config.lifetimes, &opened.project)?;
    let rotation = match (is_refresh, is_emergency) {
        (true, _) => Rotation::Refresh { keep: lifetimes.refresh_absolute },
        (false, true) => Rotation::Signing { lead: Seconds(0), keep: Seconds(0) },
        (false, false) => Rotation::Signing { lead: lifetimes.key_lead, keep: lifetimes.key_retire },
    };
    let now = opened.now();
    let made = keys::rotate(&database.store, &master, &opened.project.id, rotation, &database.entropy, now)?;
    match form {
        Form::Json => {
            let keys: Vec<_> = made.iter().map(|key| as_json(key, now)).collect();
            output::json(&json!({"new_keys": keys}));
        }
        Form::Text => {
            table(&made, now);
            output::note("The new keys are published now, and take over at the time shown. Servers need no restart.");
        }
    }
    Ok(())
}

fn rewrap(config: &Config, new_key_file: &Path, form: Form) -> Result<()> {
    let database = Database::open(config)?;
    let old = open_master_key(&config.master_key, &database.store, &database.entropy)?;
    let new = match MasterKey::read_file(new_key_file)? {
        Some(key) => key,
        None => MasterKey::make_file(new_key_file, &database.entropy)?,
    };
    let id = new.id().to_owned();
    let count = keys::rewrap(&database.store, old, new, &database.entropy)?;
    let path = new_key_file.display();
    match form {
        Form::Json => output::json(&json!({"master_key_id": id, "rewrapped_keys": count, "file": path.to_string()})),
        Form::Text => {
            output::line(format!("{count} keys are now encrypted under the master key {id} in {path}."));
            output::line(format!(
                "Now make the servers use it instead of {}: set `master_key.file`, or HOSPES_MASTER_KEY to what the \
                 file holds, and start them again. Keep the old one for backups from before.",
                config.master_key
            ));
        }
    }
    Ok(())
}
