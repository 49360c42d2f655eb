//! `hospes client …`: the applications that use this server.

use super::{
    ask,
    open::{Opened, told},
    output::{self, Form},
};
use crate::{
    config::Config,
    project::{self, CLIENT_SECRET_PREFIX},
    secret::{Secret, sha256},
    rfc3339,
    store::{
        Position, Tx,
        client_secrets::{ClientSecret, Slot},
    },
};
use anyhow::{Context as _, Result, anyhow, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::{Args, Subcommand, ValueEnum};
use form_urlencoded::Serializer;
use hospes_protocol::{
    ErrorCode::InvalidRequest,
    Scope, Seconds,
    audit_event::EventKind,
    capabilities::Endpoints,
    client::{
        ApplicationType, AuthenticationMethod, Client as Record, ClientKind, ClientSettings, Confidentiality,
        CreationMethod, GrantType, Party, SigningAlg,
    },
    id::{ClientId, ProjectId},
    plane::Plane,
    refuse,
    registration_rules::validate_client_settings_allowing,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::PathBuf};
use url::Url;

/// How many records are read or removed at once.
const PAGE: u32 = 500;

#[derive(Debug, Subcommand)]
pub enum Client {
    /// Register a client; its secret is printed once
    Add(Box<Add>),
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
    #[arg(long, default_value = "")]
    description: String,
    /// It cannot keep a secret: an app on a device, or in a browser
    #[arg(long)]
    public: bool,
    /// It acts for itself only, never for a user: a first party with the grant client_credentials
    #[arg(long, conflicts_with_all = ["public", "native", "grants", "redirect_uris"])]
    machine: bool,
    /// Whether it belongs to the host app itself
    #[arg(long, value_enum, default_value_t = PartyName::Third, default_value_if("machine", "true", "first"))]
    party: PartyName,
    /// It runs on the user's device
    #[arg(long)]
    native: bool,
    /// Where codes may be sent; repeat for more
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where browsers may be sent after logging out; repeat for more
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// What it may ask tokens for; repeat for more [default: authorization_code and refresh_token]
    #[arg(long = "grant", value_enum, value_name = "GRANT")]
    grants: Vec<GrantName>,
    /// How it proves who it is; repeat for more [default: none when public, else client_secret_basic]
    #[arg(long = "auth-method", value_enum, value_name = "METHOD")]
    methods: Vec<MethodName>,
    /// The most it may ever get, as in "openid profile" [default: everything the project has]
    #[arg(long)]
    scope: Option<String>,
    /// What it gets when it asks for no scope
    #[arg(long, value_name = "SCOPE")]
    default_scope: Option<String>,
    /// A resource it may name; repeat for more [default: every resource of the project]
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// A file with its public keys (a JSON Web Key Set), for private_key_jwt
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks_file: Option<PathBuf>,
    /// Where its public keys are, for private_key_jwt
    #[arg(long, value_name = "URI")]
    jwks_uri: Option<String>,
    #[arg(long, value_name = "URI")]
    logo_uri: Option<String>,
    #[arg(long, value_name = "URI")]
    client_uri: Option<String>,
    /// You have checked who stands behind it
    #[arg(long)]
    verified: bool,
    /// Accept requests without PKCE; confidential clients only
    #[arg(long)]
    pkce_optional: bool,
    /// Do not ask the user about offline access; first party only
    #[arg(long)]
    bypass_consent_for_offline_access: bool,
    /// Accept the token endpoint's URL as audience of its assertions too
    #[arg(long)]
    assertion_audience_token_endpoint: bool,
    #[arg(long, value_enum, value_name = "ALG")]
    access_token_alg: Option<AlgName>,
    #[arg(long, value_enum, value_name = "ALG")]
    id_token_alg: Option<AlgName>,
    /// In seconds
    #[arg(long, value_name = "SECONDS")]
    access_token_lifetime: Option<i64>,
    /// How long a superseded refresh token still yields its successor, in seconds; 0 turns it off
    #[arg(long, value_name = "SECONDS")]
    refresh_window: Option<i64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartyName {
    First,
    Third,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum GrantName {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum MethodName {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AlgName {
    #[value(name = "ES256")]
    Es256,
    #[value(name = "RS256")]
    Rs256,
    #[value(name = "EdDSA")]
    EdDsa,
}

impl Client {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        match self {
            Self::Add(add) => add.run(config, form),
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
        let methods: Vec<_> = self.methods.iter().copied().map(MethodName::method).collect();
        let is_public = self.public || methods == [AuthenticationMethod::None];
        let (confidentiality, usual) = if is_public {
            (Confidentiality::Public, AuthenticationMethod::None)
        } else {
            (Confidentiality::Confidential, AuthenticationMethod::ClientSecretBasic)
        };
        let grants: Vec<_> = self.grants.iter().copied().map(GrantName::grant).collect();
        let parse_scope = |text: &Option<String>| text.as_deref().map(Scope::parse).transpose().map_err(told);
        Ok(ClientSettings {
            name: self.name.clone(),
            description: self.description.clone(),
            party: match self.party {
                PartyName::First => Party::First,
/// What the operator is told where a rotation cannot go on.
const ROTATION: Refusals = Refusals {
    no_secrets: refuse(InvalidRequest, "it is a public client, or authenticates with its own keys: it has no secret"),
    already_rotating: refuse(
        InvalidRequest,
        "it has a new secret already; `rotate-secret promote` or `cancel` it first",
    ),
    not_rotating: refuse(InvalidRequest, "there is no new secret; `rotate-secret start` makes one"),
};

                PartyName::Third => Party::Third,
            },
            confidentiality,
            application_type: if self.native { ApplicationType::Native } else { ApplicationType::Web },
            plane: Plane::Standard,
            authentication_methods: if methods.is_empty() { vec![usual] } else { methods },
            grant_types: if self.machine {
                vec![GrantType::ClientCredentials]
            } else if grants.is_empty() {
                vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
            } else {
                grants
            },
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            logo_uri: self.logo_uri.clone(),
            client_uri: self.client_uri.clone(),
            scope: parse_scope(&self.scope)?,
            default_scope: parse_scope(&self.default_scope)?,
            resources: if self.resources.is_empty() { None } else { Some(self.resources.clone()) },
            jwks: self.jwks()?,
            jwks_uri: self.jwks_uri.clone(),
            assertion_audience_token_endpoint: self.assertion_audience_token_endpoint,
            pkce_optional: self.pkce_optional,
            full_access_allowed: false,
            bypass_consent_for_offline_access: self.bypass_consent_for_offline_access,
            verified: self.verified,
            access_token_alg: self.access_token_alg.map(AlgName::alg),
            id_token_alg: self.id_token_alg.map(AlgName::alg),
            access_token_lifetime: self.access_token_lifetime.map(Seconds),
            refresh_window: self.refresh_window.map(Seconds),
            access_token_custom_audience: None,
            access_token_template: String::new(),
            id_token_template: String::new(),
            trusted_metadata: serde_json::Map::new(),
            creation_method: CreationMethod::Management,
            client_id_metadata_url: None,
        })
    }

    fn jwks(&self) -> Result<Option<Value>> {
        let Some(path) = &self.jwks_file else { return Ok(None) };
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).map(Some).with_context(|| format!("{} is not JSON", path.display()))
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

impl GrantName {
    const fn grant(self) -> GrantType {
        match self {
            Self::AuthorizationCode => GrantType::AuthorizationCode,
            Self::RefreshToken => GrantType::RefreshToken,
            Self::ClientCredentials => GrantType::ClientCredentials,
        }
    }
}

impl MethodName {
    const fn method(self) -> AuthenticationMethod {
        match self {
            Self::None => AuthenticationMethod::None,
            Self::ClientSecretBasic => AuthenticationMethod::ClientSecretBasic,
            Self::ClientSecretPost => AuthenticationMethod::ClientSecretPost,
            Self::PrivateKeyJwt => AuthenticationMethod::PrivateKeyJwt,
        }
    }
}

impl AlgName {
    const fn alg(self) -> SigningAlg {
        match self {
            Self::Es256 => SigningAlg::ES256,
            Self::Rs256 => SigningAlg::RS256,
            Self::EdDsa => SigningAlg::EdDSA,
        }
    }
}
