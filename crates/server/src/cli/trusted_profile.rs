//! `hospes trusted-profile …`: other issuers whose JWTs log users in.

use super::{
    open::{Opened, told},
    output::{self, Form},
};
use crate::{config::Config, project, rfc3339};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use hospes_protocol::{
    audit_event::EventKind,
    trusted_profile::{MOST_PROFILES, ProfileSettings, PublicKeyType, TrustedProfile as Record, validate_settings},
};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum TrustedProfile {
    /// Trust another issuer: its JWTs log users in at /v1/sessions/attest
    Add(Box<Add>),
    /// List the profiles, oldest first
    List,
    /// Trust an issuer no more; refresh tokens whose login stems from it end
    Remove { profile_id: String },
}

#[derive(Debug, Args)]
pub struct Add {
    /// What you call it
    #[arg(long)]
    name: String,
    /// The tokens' iss, byte for byte
    #[arg(long)]
    issuer: String,
    /// One of the tokens' aud, byte for byte
    #[arg(long)]
    audience: String,
    /// Where the issuer publishes its keys
    #[arg(long, value_name = "URL", required_unless_present = "pem_files", conflicts_with = "pem_files")]
    jwks_url: Option<String>,
    /// A file with a public key in PEM form; repeat for up to five
    #[arg(long = "pem-file", value_name = "FILE")]
    pem_files: Vec<PathBuf>,
    /// The claim that holds the e-mail address
    #[arg(long, value_name = "CLAIM", default_value = "email")]
    email_claim: String,
    /// The claim that tells one token from another
    #[arg(long, value_name = "CLAIM", default_value = "jti")]
    token_id_claim: String,
    /// The claim that holds the host app's own id of the user
    #[arg(long, value_name = "CLAIM")]
    external_id_claim: Option<String>,
    /// The claim that holds the user's roles; dots lead inwards
    #[arg(long, value_name = "CLAIM")]
    roles_claim: Option<String>,
    /// Make users who are not known yet
    #[arg(long)]
    jit: bool,
    /// How old the last login may be when a refresh token is used
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    reauthenticate_after_days: u32,
    /// Asked whether a user still has access when a refresh token is used
    #[arg(long, value_name = "URL")]
    host_check_url: Option<String>,
}

impl TrustedProfile {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let opened = Opened::with_project(config)?;
        match self {
            Self::Add(add) => add.run(&opened, form),
            Self::List => list(&opened, form),
            Self::Remove { profile_id } => remove(&opened, profile_id, form),
        }
    }
}

impl Add {
    fn run(&self, opened: &Opened, form: Form) -> Result<()> {
        let settings = self.settings()?;
        validate_settings(&settings).map_err(told)?;
        let (now, occasion) = (opened.now(), opened.occasion());
        let id = project::new_trusted_profile_id(&opened.project.id, &opened.database.entropy);
        let profile = Record { id: id.clone(), settings, created_at: now, updated_at: now };
        opened.write(move |tx, project| {
            let count = tx.list_trusted_profiles(project)?.len();
            ensure!(count < MOST_PROFILES, "the project has {count} trusted token profiles; remove one first");
            ensure!(tx.add_trusted_profile(project, &profile)?, "the id {} is taken", profile.id);
            let event = occasion.event(EventKind::TrustedTokenProfileAdded);
            tx.record(project, &event.detail("profile_id", profile.id.clone()))
        })?;
        match form {
            Form::Json => output::json(&json!({"profile_id": id})),
            Form::Text => output::line(format!("Added the trusted token profile {id}.")),
        }
        Ok(())
    }

    fn settings(&self) -> Result<ProfileSettings> {
        let read =
            |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        let claims = [
            ("email", Some(&self.email_claim)),
            ("token_id", Some(&self.token_id_claim)),
            ("external_user_id", self.external_id_claim.as_ref()),
            ("role_ids", self.roles_claim.as_ref()),
        ];
        let mapped = claims.into_iter().filter_map(|(name, claim)| Some((name.to_owned(), claim?.clone())));
        Ok(ProfileSettings {
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            public_key_type: if self.jwks_url.is_some() { PublicKeyType::Jwk } else { PublicKeyType::Pem },
            jwks_url: self.jwks_url.clone(),
            pem_files: self.pem_files.iter().map(read).collect::<Result<_>>()?,
            attribute_mapping: mapped.collect(),
            can_jit_provision: self.jit,
            reauthenticate_after_seconds: i64::from(self.reauthenticate_after_days) * 24 * 60 * 60,
            host_check_url: self.host_check_url.clone(),
        })
    }
}

fn list(opened: &Opened, form: Form) -> Result<()> {
    let profiles = opened.read(|tx, project| tx.list_trusted_profiles(project))?;
    match form {
        Form::Json => {
            let profiles: Vec<_> = profiles.iter().map(as_json).collect();
            output::json(&json!({"trusted_token_profiles": profiles}));
        }
        Form::Text => {
            let rows: Vec<_> = profiles.iter().map(row).collect();
            output::table(["PROFILE ID", "NAME", "ISSUER", "AUDIENCE", "NEW USERS"], &rows);
        }
    }
    Ok(())
}

fn row(profile: &Record) -> [String; 5] {
    let settings = &profile.settings;
    let new_users = if settings.can_jit_provision { "made" } else { "refused" };
    [&profile.id, &settings.name, &settings.issuer, &settings.audience, new_users].map(|text: &str| text.to_owned())
}

fn as_json(profile: &Record) -> Value {
    json!({"profile_id": profile.id, "settings": profile.settings, "created_at": rfc3339::text(profile.created_at)})
}

fn remove(opened: &Opened, id: &str, form: Form) -> Result<()> {
    let (wanted, occasion) = (id.to_owned(), opened.occasion());
    opened.write(move |tx, project| {
        ensure!(tx.remove_trusted_profile(project, &wanted)?, "there is no trusted token profile {wanted}");
        let event = occasion.event(EventKind::TrustedTokenProfileRemoved);
        tx.record(project, &event.detail("profile_id", wanted.clone()))
    })?;
    match form {
        Form::Json => output::json(&json!({"profile_id": id})),
        Form::Text => output::line("The issuer is not trusted any more."),
    }
    Ok(())
}
