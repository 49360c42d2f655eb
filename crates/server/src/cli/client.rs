//! `hospes client …`: the applications that use this server.

use super::{
    ask,
    client_settings::{SettingsArguments, Unsettable},
    open::{Opened, told},
    output::{self, Form},
};
use crate::{
    config::Config,
    project::{self, CLIENT_SECRET_PREFIX},
    rfc3339,
    secret::{Secret, sha256},
    secret_rotation::{self, Refusals},
    store::{
        Position, Tx,
        client_secrets::{ClientSecret, Slot},
    },
};
use anyhow::{Context as _, Result, anyhow, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::{Args, Subcommand};
use form_urlencoded::Serializer;
use hospes_protocol::{
    ErrorCode::InvalidRequest,
    audit_event::{self, EventKind},
    capabilities::Endpoints,
    client::{AuthenticationMethod, Client as Record, ClientKind, ClientSettings, Confidentiality, GrantType, Party},
    id::{ClientId, ProjectId},
    plane::Plane,
    refuse,
    registration_rules::{validate_client_draft, validate_client_settings_allowing},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use url::Url;

/// How many records are read or removed at once.
const PAGE: u32 = 500;

#[derive(Debug, Subcommand)]
pub enum Client {
    /// Register a client; its secret is printed once
    Add(Box<Add>),
    /// Change a client; what is not given stays as it is
    Update(Box<Update>),
    /// List all clients
    List,
    /// Show one client
    Show { client_id: String },
    /// Remove a client with everything that was issued to it
    Remove {
        client_id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Replace a client's secret without an interruption: start, change the application, promote
    #[command(subcommand)]
    RotateSecret(RotateSecret),
    /// Refuse a client everywhere from the next request on
    Disable { client_id: String },
    /// Let a disabled client in again
    Enable { client_id: String },
}

#[derive(Debug, Subcommand)]
pub enum RotateSecret {
    /// Make a second secret; from now on both are accepted
    Start { client_id: String },
    /// Forget the old secret
    Promote { client_id: String },
    /// Forget the new secret
    Cancel { client_id: String },
}

#[derive(Debug, Args)]
pub struct Add {
    /// The name that people see
    #[arg(long)]
    name: String,
    /// The client's id [default: a new one]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// It acts for itself only, never for a user: a first party with the grant client_credentials
    #[arg(long, conflicts_with_all = ["public", "native", "grants", "redirect_uris"])]
    machine: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

#[derive(Debug, Args)]
pub struct Update {
    client_id: String,
    /// The name that people see
    #[arg(long)]
    name: Option<String>,
    /// Take away what it need not have; repeat for more
    #[arg(long = "unset", value_enum, value_name = "OPTION")]
    unset: Vec<Unsettable>,
    #[command(flatten)]
    settings: SettingsArguments,
}

impl Client {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        match self {
            Self::Add(add) => add.run(config, form),
            Self::Update(update) => update.run(&Opened::with_project(config)?, form),
            Self::List => list(&Opened::with_project(config)?, form),
            Self::Show { client_id } => show(&Opened::with_project(config)?, client_id, form),
            Self::Remove { client_id, yes } => remove(&Opened::with_project(config)?, client_id, *yes, form),
            Self::RotateSecret(command) => command.run(&Opened::with_project(config)?, form),
            Self::Disable { client_id } => disable(&Opened::with_project(config)?, client_id, form),
            Self::Enable { client_id } => enable(&Opened::with_project(config)?, client_id, form),
        }
    }
}

impl Add {
    fn run(&self, config: &Config, form: Form) -> Result<()> {
        let settings = self.settings()?;
        let opened = Opened::with_project(config)?;
        let schemes: Vec<_> = opened.project.settings.private_use_schemes.iter().map(String::as_str).collect();
        validate_client_settings_allowing(&settings, &schemes).map_err(told)?;
        project::validate_client_against(&opened.project.policy, &settings)?;
        let (now, entropy) = (opened.now(), &opened.database.entropy);
        let id = match &self.id {
            Some(id) => project::parse_client_id(id)?,
            None => project::new_client_id(&opened.project.id, &settings, entropy),
        };
        let secret = project::uses_secret(&settings).then(|| Secret::new(CLIENT_SECRET_PREFIX, entropy));
        let stored = secret.as_ref().map(|secret| project::in_slot(Slot::Current, secret, now));
        let client = Record::new(id, settings, now);
        let added = client.clone();
        let occasion = opened.occasion();
        opened.write(move |tx, project| {
            ensure!(tx.add_client(project, &added)?, "a client with the id {} exists already", added.id);
            if let Some(secret) = &stored {
                tx.set_client_secret(project, &added.id, secret)?;
            }
            tx.record(project, &occasion.event(EventKind::ClientAdded).client(&added.id))
        })?;
        let id = client.id.as_str();
        match form {
            Form::Json => output::json(&json!({
                "client_id": id,
                "client_secret": secret.as_ref().map(Secret::text),
                "name": client.settings.name,
                "issuer": opened.project.issuer,
                "discovery_url": discovery_url(&opened.project.issuer),
            })),
            Form::Text => {
                let mut fields = vec![("client_id", id.to_owned())];
                if let Some(secret) = &secret {
                    fields.push(("client_secret", secret.text().to_owned()));
                }
                fields.push(("issuer", opened.project.issuer.clone()));
                fields.push(("discovery", discovery_url(&opened.project.issuer)));
                output::fields(&fields);
                if secret.is_some() {
                    output::note("Keep the secret now: only its hash is stored, so it cannot be shown again.");
                }
                if let Some(redirect_uri) = client.settings.redirect_uris.first() {
                    let verifier = entropy.token();
                    let url = authorize_url(&opened.project.issuer, id, redirect_uri, &verifier);
                    output::note(format!(
                        "\nTo try it, open this while `hospes serve` runs:\n{url}\n\
                         The code that arrives is exchanged with the code_verifier {verifier}; an application makes \
                         a new one for each login."
                    ));
                }
            }
        }
        Ok(())
    }

    fn settings(&self) -> Result<ClientSettings> {
        let party = if self.machine { Party::First } else { Party::Third };
        let mut settings = ClientSettings {
            name: self.name.clone(),
            authentication_methods: vec![AuthenticationMethod::ClientSecretBasic],
            grant_types: if self.machine {
                vec![GrantType::ClientCredentials]
            } else {
                vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
            },
            ..ClientSettings::new(party, Confidentiality::Confidential, Plane::Standard)
        };
        self.settings.apply(&mut settings)?;
        Ok(settings)
    }
}

impl Update {
    fn run(&self, opened: &Opened, form: Form) -> Result<()> {
        let id = ClientId::new(&self.client_id);
        let looked_up = id.clone();
        let before = opened.read(move |tx, project| find(tx, project, &looked_up))?;
        let mut settings = before.settings.clone();
        settings.name = self.name.clone().unwrap_or(settings.name);
        self.unset.iter().for_each(|option| option.unset(&mut settings));
        self.settings.apply(&mut settings)?;
        self.validate(opened, &before.settings, &settings)?;

        let changed = audit_event::changed(&before.settings, &settings);
        let (now, occasion, told) = (opened.now(), opened.occasion(), changed.clone());
        opened.write(move |tx, project| {
            if changed.is_empty() {
                return Ok(());
            }
            let updated = tx.update_client(project, &id, &settings, before.version, now)?;
            updated.with_context(|| format!("somebody else changed {id} meanwhile; try again"))?;
            tx.record(project, &occasion.event(EventKind::ClientChanged).client(&id).detail("changed", changed.clone()))
        })?;
        match form {
            Form::Json => output::json(&json!({"client_id": self.client_id, "changed": told})),
            Form::Text if told.is_empty() => {
                output::line("Nothing was changed: the client has these settings already.");
            }
            Form::Text => output::line(format!("Changed {}; it holds from the next request on.", told.join(", "))),
        }
        Ok(())
    }

    /// Whether the client may be stored as `next`.
    fn validate(&self, opened: &Opened, before: &ClientSettings, next: &ClientSettings) -> Result<()> {
        ensure!(
            before.kind() == next.kind(),
            "{} is {}, as its id says, and stays so; register another client with `hospes client add`",
            self.client_id,
            match before.kind() {
                ClientKind::App => "no machine",
                ClientKind::Machine => "a machine, which has the grant client_credentials alone",
            }
        );
        let schemes: Vec<_> = opened.project.settings.private_use_schemes.iter().map(String::as_str).collect();
        // One that the host app is still setting up may go on without what it lacks already.
        let is_whole = validate_client_settings_allowing(before, &schemes).is_ok();
        let validate = if is_whole { validate_client_settings_allowing } else { validate_client_draft };
        validate(next, &schemes).map_err(told)?;
        let asks = |settings: &ClientSettings| {
            (settings.scope.clone(), settings.default_scope.clone(), settings.resources.clone())
        };
        if asks(before) != asks(next) {
            project::validate_client_against(&opened.project.policy, next)?;
        }
        Ok(())
    }
}

/// Where every client library finds the rest (OIDC Discovery §4).
fn discovery_url(issuer: &str) -> String {
    format!("{issuer}/.well-known/openid-configuration")
}

/// The beginning of a login, as the application would write it (OAuth 2.1 §4.1.1).
fn authorize_url(issuer: &str, client_id: &str, redirect_uri: &str, verifier: &str) -> String {
    let challenge = Base64UrlUnpadded::encode_string(&sha256(verifier.as_bytes()));
    let query = Serializer::new(String::new())
        .extend_pairs([
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ])
        .finish();
    format!("{issuer}{}?{query}", Endpoints::AUTHORIZATION)
}

/// What the operator is told where a rotation cannot go on.
const ROTATION: Refusals = Refusals {
    no_secrets: refuse(InvalidRequest, "it is a public client, or authenticates with its own keys: it has no secret"),
    already_rotating: refuse(
        InvalidRequest,
        "it has a new secret already; `rotate-secret promote` or `cancel` it first",
    ),
    not_rotating: refuse(InvalidRequest, "there is no new secret; `rotate-secret start` makes one"),
};

impl RotateSecret {
    fn run(&self, opened: &Opened, form: Form) -> Result<()> {
        match self {
            Self::Start { client_id } => start_rotation(opened, client_id, form),
            Self::Promote { client_id } => {
                let (id, occasion) = (ClientId::new(client_id), opened.occasion());
                opened.write(move |tx, project| {
                    let client = take(tx, project, &id)?;
                    secret_rotation::finish(tx, project, &client, &ROTATION, &occasion).map_err(told)
                })?;
                done(form, client_id, "The new secret is now the only one.");
                Ok(())
            }
            Self::Cancel { client_id } => {
                let (id, occasion) = (ClientId::new(client_id), opened.occasion());
                opened.write(move |tx, project| {
                    let client = take(tx, project, &id)?;
                    secret_rotation::cancel(tx, project, &client, &ROTATION, &occasion).map_err(told)
                })?;
                done(form, client_id, "The new secret is void; the old one is the only one.");
                Ok(())
            }
        }
    }
}

fn start_rotation(opened: &Opened, client_id: &str, form: Form) -> Result<()> {
    let id = ClientId::new(client_id);
    let secret = Secret::new(CLIENT_SECRET_PREFIX, &opened.database.entropy);
    let stored = project::in_slot(Slot::Next, &secret, opened.now());
    let occasion = opened.occasion();
    opened.write(move |tx, project| {
        let client = take(tx, project, &id)?;
        secret_rotation::start(tx, project, &client, &stored, &ROTATION, &occasion).map_err(told)
    })?;
    match form {
        Form::Json => output::json(&json!({"client_id": client_id, "next_client_secret": secret.text()})),
        Form::Text => {
            output::fields(&[("client_id", client_id.to_owned()), ("next_client_secret", secret.text().to_owned())]);
            output::note(
                "Both secrets are accepted now. Give the new one to the application, then run \
                 `hospes client rotate-secret promote`.",
            );
        }
    }
    Ok(())
}

fn list(opened: &Opened, form: Form) -> Result<()> {
    let clients = opened.read(|tx, project| {
        let (mut all, mut after) = (Vec::new(), Position::START);
        loop {
            let page = tx.list_clients(project, &after, PAGE)?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Position { created_at: last.created_at, id: last.id.to_string() };
            all.extend(page);
        }
    })?;
    match form {
        Form::Json => {
            let clients: Vec<_> = clients.iter().map(|client| as_json(client, &[])).collect();
            output::json(&json!({"clients": clients}));
        }
        Form::Text => {
            let rows: Vec<_> = clients.iter().map(row).collect();
            output::table(["CLIENT ID", "NAME", "PARTY", "KIND", "REDIRECTS TO", "CREATED", "STATE"], &rows);
        }
    }
    Ok(())
}

fn row(client: &Record) -> [String; 7] {
    let settings = &client.settings;
    let party = match settings.party {
        Party::First => "first",
        Party::Third => "third",
    };
    let kind = match (settings.kind(), settings.confidentiality) {
        (ClientKind::Machine, _) => "machine",
        (ClientKind::App, Confidentiality::Public) => "public",
        (ClientKind::App, Confidentiality::Confidential) => "confidential",
    };
    let state = if client.disabled_at.is_some() { "disabled" } else { "active" };
    let created = rfc3339::text(client.created_at).chars().take_while(|c| *c != 'T').collect();
    let redirects = places(&settings.redirect_uris);
    [client.id.to_string(), settings.name.clone(), party.into(), kind.into(), redirects, created, state.into()]
}

/// The hosts of redirect URIs, each once; of an app's own scheme the scheme.
fn places(redirect_uris: &[String]) -> String {
    let place = |uri: &String| {
        let Ok(url) = Url::parse(uri) else { return uri.clone() };
        match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => format!("{}:", url.scheme()),
        }
    };
    let places: BTreeSet<_> = redirect_uris.iter().map(place).collect();
    places.into_iter().collect::<Vec<_>>().join(", ")
}

fn show(opened: &Opened, client_id: &str, form: Form) -> Result<()> {
    let id = ClientId::new(client_id);
    let (client, secrets) =
        opened.read(move |tx, project| Ok((find(tx, project, &id)?, tx.find_client_secrets(project, &id)?)))?;
    let document = as_json(&client, &secrets);
    if form == Form::Json {
        output::json(&document);
        return Ok(());
    }
    let Value::Object(members) = document else { return Ok(()) };
    let fields: Vec<_> = members
        .iter()
        .filter(|(_, value)| !value.is_null() && **value != json!([]) && **value != json!(""))
        .map(|(name, value)| (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    output::fields(&fields);
    Ok(())
}

/// The settings with what belongs to the record around them. The hash of a secret is nobody's business.
fn as_json(client: &Record, secrets: &[ClientSecret]) -> Value {
    let mut document = json!({"client_id": client.id});
    let settings = serde_json::to_value(&client.settings).unwrap_or_default();
    let own = json!({
        "created_at": rfc3339::text(client.created_at),
        "updated_at": rfc3339::text(client.updated_at),
        "disabled_at": client.disabled_at.map(rfc3339::text),
        "secrets": secrets
            .iter()
            .map(|secret| {
                json!({
                    "slot": secret.slot.as_str(),
                    "last_four": secret.last_four,
                    "created_at": rfc3339::text(secret.created_at),
                })
            })
            .collect::<Vec<_>>(),
    });
    if let Value::Object(members) = &mut document {
        for part in [settings, own] {
            if let Value::Object(part) = part {
                members.extend(part);
            }
        }
    }
    document
}

fn remove(opened: &Opened, client_id: &str, is_confirmed: bool, form: Form) -> Result<()> {
    let id = ClientId::new(client_id);
    let looked_up = id.clone();
    let client = opened.read(move |tx, project| find(tx, project, &looked_up))?;
    if !is_confirmed {
        let name = &client.settings.name;
        ask::confirm(&format!("Remove the client {name} ({id}) with every permission that users gave it?"))?;
    }
    let (removed, occasion) = (id.clone(), opened.occasion());
    opened.write(move |tx, project| {
        ensure!(tx.remove_client(project, &removed)?, "somebody else has removed {removed} meanwhile");
        tx.record(project, &occasion.event(EventKind::ClientRemoved).client(&removed))
    })?;
    // From here on nothing that it holds is accepted; the rest is cleaning up, in steps that hold nobody up.
    loop {
        let cleaned = id.clone();
        if opened.write(move |tx, project| tx.remove_remains_of_client(project, &cleaned, PAGE))? == 0 {
            break;
        }
    }
    done(form, client_id, "The client is removed.");
    Ok(())
}

fn disable(opened: &Opened, client_id: &str, form: Form) -> Result<()> {
    let (id, now, occasion) = (ClientId::new(client_id), opened.now(), opened.occasion());
    opened.write(move |tx, project| {
        let client = take(tx, project, &id)?;
        tx.disable_client(project, &id, now)?;
        if client.disabled_at.is_none() {
            tx.record(project, &occasion.event(EventKind::ClientDisabled).client(&id))?;
        }
        Ok(())
    })?;
    done(form, client_id, "The client is disabled; what it holds stays void when it is enabled again.");
    Ok(())
}

fn enable(opened: &Opened, client_id: &str, form: Form) -> Result<()> {
    let (id, now, occasion) = (ClientId::new(client_id), opened.now(), opened.occasion());
    opened.write(move |tx, project| {
        let client = take(tx, project, &id)?;
        tx.enable_client(project, &id, now)?;
        if client.disabled_at.is_some() {
            tx.record(project, &occasion.event(EventKind::ClientEnabled).client(&id))?;
        }
        Ok(())
    })?;
    done(form, client_id, "The client is enabled.");
    Ok(())
}

fn done(form: Form, client_id: &str, text: &str) {
    match form {
        Form::Json => output::json(&json!({"client_id": client_id})),
        Form::Text => output::line(text),
    }
}

fn find(tx: &mut Tx<'_>, project: &ProjectId, id: &ClientId) -> Result<Record> {
    tx.find_client(project, id)?.ok_or_else(|| anyhow!(no_client(id)))
}

/// The same, with its row locked: what is decided about it holds until it is written.
fn take(tx: &mut Tx<'_>, project: &ProjectId, id: &ClientId) -> Result<Record> {
    tx.take_client(project, id)?.ok_or_else(|| anyhow!(no_client(id)))
}

fn no_client(id: &ClientId) -> String {
    format!("there is no client {id}; `hospes client list` shows all")
}
