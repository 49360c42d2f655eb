//! The seed file: a whole project (policy, clients, users) that loads into an empty database, so that a test or a
//! demonstration starts from nothing in a second. `examples/seed.toml` shows every key.
//!
//! It never changes a database that holds something already; that is what the command line is for.

use crate::{
    config::{Config, Secret},
    entropy::Entropy,
    failure::Failure,
    imported_secret,
    keys::MasterKey,
    passwords,
    project::{self, NewProject},
    project_settings::{self, ProjectSettings},
    secret,
    store::{
        Store, Taken, Tx,
        client_secrets::{ClientSecret, Slot},
        public_tokens::PublicToken,
    },
};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use hospes_protocol::{
    Refusal, Timestamp,
    client::{Client, ClientSettings},
    email_address, external_id,
    id::{ClientId, ProjectId, UserId},
    login_name, machine, phone_number,
    policy::Policy,
    policy_rules, public_token,
    registration_rules::validate_client_settings_allowing,
    trusted_profile::{self, ProfileSettings, TrustedProfile},
    user::{Email, Name, PhoneNumber, Profile, Status, User},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, fmt, path::Path};

/// A seed file as it was written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    #[serde(default)]
    pub project: SeedProject,
    /// Lifetimes that this project has instead of the configuration's; names and values as in `hospes.toml`.
    #[serde(default)]
    pub lifetimes: Map<String, Value>,
    /// What the project sets, by the names of `/v1/settings`.
    #[serde(default)]
    pub settings: Map<String, Value>,
    #[serde(default)]
    pub policy: Policy,
    #[serde(default)]
    pub clients: Vec<SeedClient>,
    #[serde(default)]
    pub users: Vec<SeedUser>,
    #[serde(default)]
    pub trusted_token_profiles: Vec<SeedTrustedProfile>,
}

/// Another issuer whose JWTs log users in: its id, if it is to have a given one, and what the management API takes.
#[derive(Debug, Clone)]
pub struct SeedTrustedProfile {
    pub id: Option<String>,
    pub settings: ProfileSettings,
}

impl<'de> Deserialize<'de> for SeedTrustedProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::<String, Value>::deserialize(deserializer)?;
        let id = Option::deserialize(members.remove("id").unwrap_or(Value::Null))
            .map_err(|_| D::Error::custom("a trusted token profile's id must be text"))?;
        let settings = ProfileSettings::deserialize(Value::Object(members))
            .map_err(|error| D::Error::custom(format!("a trusted token profile: {error}")))?;
        Ok(Self { id, settings })
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedProject {
    /// Absent: the configuration's `project`, else a new one.
    #[serde(default)]
    pub id: Option<ProjectId>,
    #[serde(default)]
    pub name: Option<String>,
    /// The project's first admin secret; absent: a new one.
    #[serde(default)]
    pub secret: Option<SeedSecret>,
    /// By which pages in the browser name the project; absent: none.
    #[serde(default)]
    pub public_tokens: Vec<String>,
}

/// A client: its id and secret, if it is to have given ones, and its settings beside them.
#[derive(Debug, Clone)]
pub struct SeedClient {
    pub id: Option<ClientId>,
    pub secret: Option<SeedSecret>,
    pub disabled: bool,
    pub settings: ClientSettings,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedUser {
    #[serde(default)]
    pub id: Option<UserId>,
    /// Another name to log in with, beside the e-mail address.
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub external_id: Option<String>,
    /// In clear: for development only.
    #[serde(default)]
    pub password: Option<SeedSecret>,
    /// An argon2 hash in PHC form.
    #[serde(default)]
    pub password_hash: Option<SeedSecret>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub disabled: bool,
    #[serde(default)]
    pub trusted_metadata: Map<String, Value>,
    #[serde(default)]
    pub untrusted_metadata: Map<String, Value>,
    #[serde(default)]
    pub profile: SeedProfile,
}

/// The claims of a user (OIDC Core §5.1), as clients will see them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedProfile {
    pub email: Option<String>,
    pub email_verified: bool,
    /// In E.164 form.
    pub phone_number: Option<String>,
    pub phone_number_verified: bool,
    pub address: Option<Map<String, Value>>,
    /// The claims of scope `profile`.
    pub claims: Map<String, Value>,
}

impl<'de> Deserialize<'de> for SeedClient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::<String, Value>::deserialize(deserializer)?;
        let mut take = |name: &str| members.remove(name).unwrap_or(Value::Null);
        let id = Option::deserialize(take("id")).map_err(|_| D::Error::custom("a client's id must be text"))?;
        let secret =
            Option::deserialize(take("secret")).map_err(|_| D::Error::custom("a client's secret must be text"))?;
        let disabled = match take("disabled") {
            Value::Null => false,
            Value::Bool(disabled) => disabled,
            _ => return Err(D::Error::custom("a client's `disabled` must be true or false")),
        };
        let name = members.get("name").and_then(Value::as_str).unwrap_or("without a name").to_owned();
        fill_in_client(&mut members);
        let settings = ClientSettings::deserialize(Value::Object(members))
            .map_err(|error| D::Error::custom(format!("client {name}: {error}")))?;
        Ok(Self { id, secret, disabled, settings })
    }
}

/// What most clients are need not be written: third party, confidential unless the method says otherwise, a secret by
/// Basic, codes with refresh tokens.
fn fill_in_client(members: &mut Map<String, Value>) {
    let is_public = members.get("authentication_methods") == Some(&json!(["none"]))
        || members.get("confidentiality") == Some(&json!("public"));
    let (confidentiality, method) =
        if is_public { ("public", "none") } else { ("confidential", "client_secret_basic") };
    members.entry("party").or_insert_with(|| json!("third"));
    members.entry("confidentiality").or_insert_with(|| json!(confidentiality));
    members.entry("authentication_methods").or_insert_with(|| json!([method]));
    members.entry("grant_types").or_insert_with(|| json!(["authorization_code", "refresh_token"]));
}

impl Seed {
    pub fn read(path: &Path) -> Result<Self> {
        read_file(path)
    }

    pub fn from_toml(text: &str) -> Result<Self> {
        from_toml(text)
    }

    pub fn from_json(text: &str) -> Result<Self> {
        Ok(serde_json::from_str(text)?)
    }
}

/// Reads what somebody wrote into a file: JSON when its name ends so, else TOML.
pub fn read_file<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let read = if is_json { serde_json::from_str(&text).map_err(Into::into) } else { from_toml(&text) };
    read.with_context(|| format!("{} cannot be used", path.display()))
}

fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().trim_end()))
}

/// Text of the file that is not printed again.
#[derive(Clone)]
pub struct SeedSecret(Secret);

impl SeedSecret {
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for SeedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for SeedSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// What a seed file made. Secrets are here only when they were made, not when they were given.
#[derive(Debug)]
pub struct Loaded {
    pub project: ProjectId,
    pub project_secret: Option<secret::Secret>,
    pub clients: Vec<LoadedClient>,
    pub users: Vec<LoadedUser>,
}

#[derive(Debug)]
pub struct LoadedClient {
    pub id: ClientId,
    pub name: String,
    pub secret: Option<secret::Secret>,
}

#[derive(Debug)]
pub struct LoadedUser {
    pub id: UserId,
    pub logins: Vec<String>,
}

/// Everything that is to be written, finished before the transaction begins.
#[derive(Clone)]
struct Rows {
    project: NewProject,
    public_tokens: Vec<PublicToken>,
    clients: Vec<(Client, Option<ClientSecret>)>,
    users: Vec<(User, Option<String>)>,
    trusted_profiles: Vec<TrustedProfile>,
}

impl Rows {
    fn add(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
        ensure!(
            tx.list_projects()?.is_empty(),
            "a seed file loads into an empty database only, and this one holds a project already"
        );
        self.project.add(tx)?;
        let project = &self.project.record.id;
        for token in &self.public_tokens {
            ensure!(tx.add_public_token(project, token)?, "the public token {} is taken", token.token);
        }
        for (client, secret) in &self.clients {
            ensure!(tx.add_client(project, client)?, "two clients have the id {}", client.id);
            if let Some(secret) = secret {
                tx.set_client_secret(project, &client.id, secret)?;
            }
        }
        for (user, hash) in &self.users {
            match tx.add_user(project, user)? {
                Ok(()) => {}
                Err(Taken::Id) => bail!("two users have the id {}", user.id),
                Err(Taken::Name(name)) => bail!("two users have the {} {}", name.kind.as_str(), name.text),
            }
            if let Some(hash) = hash {
                tx.set_password(project, &user.id, hash, now)?;
            }
        }
        for profile in &self.trusted_profiles {
            ensure!(tx.add_trusted_profile(project, profile)?, "two trusted token profiles have the id {}", profile.id);
        }
        Ok(())
    }
}

impl Seed {
    /// Loads everything in one transaction into a database that is migrated and holds no project. This blocks: it is
    /// not for a thread of an async runtime.
    pub fn load(
        &self,
        config: &Config,
        store: &Store,
        master: &MasterKey,
        entropy: &Entropy,
        now: Timestamp,
    ) -> Result<Loaded> {
        let (rows, loaded) = self.prepare(config, master, entropy, now)?;
        store.write_blocking(move |tx| rows.add(tx, now).map_err(Failure::from))?;
        Ok(loaded)
    }

    fn settings(&self) -> Result<ProjectSettings> {
        let own = project_settings::patched(&ProjectSettings::default(), &self.settings).map_err(|why| anyhow!(why))?;
        ensure!(own.lifetimes.is_empty(), "settings.lifetimes: write lifetimes in the table `lifetimes`");
        Ok(ProjectSettings { lifetimes: self.lifetimes.clone(), ..own })
    }

    /// Whether everything in the file is consistent; nothing is made.
    pub fn validate(&self, config: &Config) -> Result<()> {
        let settings = self.settings()?;
        project_settings::validate(&settings, config.issuer.as_str(), &config.lifetimes, &config.fetch)
            .map_err(|why| anyhow!(why))?;
        let schemes: Vec<_> = settings.private_use_schemes.iter().map(String::as_str).collect();
        if let Some(id) = &self.project.id {
            project::validate_id(id)?;
        }
        if let Some(secret) = &self.project.secret {
            validate_secret(secret)?;
        }
        self.validate_public_tokens(config)?;
        policy_rules::validate(&self.policy).map_err(|refusal| anyhow!("policy: {}", refusal.description))?;
        for client in &self.clients {
            client.validate(&self.policy, &schemes).with_context(|| format!("client {}", client.settings.name))?;
        }
        let mut seen = BTreeSet::new();
        for user in &self.users {
            user.validate(&self.policy).with_context(|| format!("user {}", user.name()))?;
            for name in user.names() {
                let text = name.text.clone();
                ensure!(seen.insert(name), "{text} is there twice");
            }
        }
        for profile in &self.trusted_token_profiles {
            trusted_profile::validate_settings(&profile.settings).map_err(|refusal| {
                anyhow!("trusted token profile {}: {}", profile.settings.name, refusal.description)
            })?;
        }
        Ok(())
    }

    fn validate_public_tokens(&self, config: &Config) -> Result<()> {
        let tokens = &self.project.public_tokens;
        let given = self.project.id.as_ref().or(config.project.as_ref());
        let environment =
            given.map_or_else(|| project::environment_of_new(config.issuer.is_https()), project::environment);
        let mut seen = BTreeSet::new();
        for token in tokens {
            let told = |refusal: Refusal| anyhow!("public token {token}: {}", refusal.description);
            public_token::check_form(token, environment).map_err(told)?;
            public_token::may_add(seen.len()).map_err(told)?;
            ensure!(seen.insert(token), "the public token {token} is there twice");
        }
        Ok(())
    }

    fn prepare(
        &self,
        config: &Config,
        master: &MasterKey,
        entropy: &Entropy,
        now: Timestamp,
    ) -> Result<(Rows, Loaded)> {
        self.validate(config)?;
        let id = self.project.id.clone().or_else(|| config.project.clone());
        let id = id.unwrap_or_else(|| project::new_id(config.issuer.is_https(), entropy));
        let made = self.project.secret.is_none().then(|| project::new_secret(&id, entropy));
        let given = self.project.secret.as_ref().map(SeedSecret::expose);
        let secret = given.or(made.as_ref().map(secret::Secret::text)).unwrap_or_default();
        let name = self.project.name.clone().unwrap_or_else(|| String::from("Hospes"));
        let mut project = NewProject::new(id, &name, &config.issuer, secret, master, entropy, now)?;
        project.record.policy = self.policy.clone();
        project.record.settings = self.settings()?;
        let id = project.record.id.clone();
        let tokens = self.project.public_tokens.iter();
        let public_tokens = tokens.map(|token| PublicToken { token: token.clone(), created_at: now }).collect();
        let mut rows =
            Rows { project, public_tokens, clients: Vec::new(), users: Vec::new(), trusted_profiles: Vec::new() };
        let mut loaded = Loaded { project: id.clone(), project_secret: made, clients: Vec::new(), users: Vec::new() };
        for client in &self.clients {
            let (record, stored, made) = client.prepare(&id, entropy, now)?;
            loaded.clients.push(LoadedClient {
                id: record.id.clone(),
                name: record.settings.name.clone(),
                secret: made,
            });
            rows.clients.push((record, stored));
        }
        for user in &self.users {
            let (record, hash) = user.prepare(&id, entropy, now)?;
            loaded.users.push(LoadedUser { id: record.id.clone(), logins: record.logins() });
            rows.users.push((record, hash));
        }
        for profile in &self.trusted_token_profiles {
            rows.trusted_profiles.push(TrustedProfile {
                id: profile.id.clone().unwrap_or_else(|| project::new_trusted_profile_id(&id, entropy)),
                settings: profile.settings.clone(),
                created_at: now,
                updated_at: now,
            });
        }
        Ok((rows, loaded))
    }
}

impl SeedClient {
    fn validate(&self, policy: &Policy, private_schemes: &[&str]) -> Result<()> {
        if let Some(id) = &self.id {
            project::parse_client_id(id.as_str())?;
        }
        validate_client_settings_allowing(&self.settings, private_schemes)
            .map_err(|refusal| anyhow!("{}", refusal.description))?;
        project::validate_client_against(policy, &self.settings)?;
        if let Some(secret) = &self.secret {
            ensure!(project::uses_secret(&self.settings), "it has a secret, and none of its methods uses one");
            machine::validate_imported_secret(secret.expose()).map_err(|refusal| anyhow!("{}", refusal.description))?;
        }
        Ok(())
    }

    fn prepare(
        &self,
        project: &ProjectId,
        entropy: &Entropy,
        now: Timestamp,
    ) -> Result<(Client, Option<ClientSecret>, Option<secret::Secret>)> {
        let settings = self.settings.clone();
        let id = self.id.clone().unwrap_or_else(|| project::new_client_id(project, &settings, entropy));
        let record = Client { disabled_at: self.disabled.then_some(now), ..Client::new(id, settings, now) };
        if let Some(given) = &self.secret {
            let given = secret::Secret::from_text(given.expose().to_owned());
            let wrapped = imported_secret::wrap_here(&given.hash(), entropy)?;
            return Ok((record, Some(imported_secret::in_slot(Slot::Current, &given, wrapped, now)), None));
        }
        let is_needed = project::uses_secret(&record.settings);
        let made = is_needed.then(|| secret::Secret::new(project::CLIENT_SECRET_PREFIX, entropy));
        let stored = made.as_ref().map(|made| project::in_slot(Slot::Current, made, now));
        Ok((record, stored, made))
    }
}

impl SeedUser {
    /// How the file calls the user, for an error.
    fn name(&self) -> &str {
        let names = [self.username.as_deref(), self.profile.email.as_deref(), self.external_id.as_deref()];
        names.into_iter().flatten().next().unwrap_or("without a name")
    }

    /// By what the user will be found.
    fn names(&self) -> Vec<Name> {
        let email = self.profile.email.iter().map(|email| Name::email(email));
        let phone = self.profile.phone_number.iter().map(|number| Name::phone_number(number));
        let username = self.username.iter().map(|name| Name::username(name));
        let external_id = self.external_id.iter().map(|id| Name::external_id(id));
        email.chain(phone).chain(username).chain(external_id).collect()
    }

    fn validate(&self, policy: &Policy) -> Result<()> {
        let told = |refusal: Refusal| anyhow!("{}", refusal.description);
        self.username.as_deref().map(login_name::parse_username).transpose().map_err(told)?;
        self.profile.email.as_deref().map(email_address::parse).transpose().map_err(told)?;
        self.profile.phone_number.as_deref().map(phone_number::parse).transpose().map_err(told)?;
        self.external_id.as_deref().map(external_id::parse).transpose().map_err(told)?;
        for role in &self.roles {
            project::validate_role(policy, role)?;
        }
        match (&self.password, &self.password_hash) {
            (Some(_), Some(_)) => bail!("it has password and password_hash; give one of them"),
            (Some(password), None) => passwords::validate_chosen(password.expose()).map_err(told),
            (None, Some(hash)) if !passwords::is_usable(hash.expose()) => {
                bail!("password_hash is no argon2 hash in PHC form ($argon2id$v=19$…)")
            }
            (None, _) => Ok(()),
        }
    }

    fn prepare(&self, project: &ProjectId, entropy: &Entropy, now: Timestamp) -> Result<(User, Option<String>)> {
        let hash = match (&self.password, &self.password_hash) {
            (Some(password), _) => Some(passwords::hash(password.expose(), entropy)?),
            (None, Some(hash)) => Some(hash.expose().to_owned()),
            (None, None) => None,
        };
        let email = self.profile.email.as_deref().map(|address| Email {
            id: project::new_email_id(project, entropy),
            address: address.trim().to_owned(),
            verified: self.profile.email_verified,
        });
        let phone_number = self.profile.phone_number.clone().map(|number| PhoneNumber {
            id: project::new_phone_id(project, entropy),
            number,
            verified: self.profile.phone_number_verified,
        });
        let profile = Profile {
            username: self.username.as_deref().map(|name| name.trim().to_owned()),
            emails: email.into_iter().collect(),
            phone_numbers: phone_number.into_iter().collect(),
            status: Status::Active,
            address: self.profile.address.clone(),
            claims: self.profile.claims.clone(),
            trusted_metadata: self.trusted_metadata.clone(),
            untrusted_metadata: self.untrusted_metadata.clone(),
        };
        let id = self.id.clone().unwrap_or_else(|| project::new_user_id(project, entropy));
        let user = User {
            external_id: self.external_id.clone(),
            roles: self.roles.clone(),
            disabled_at: self.disabled.then_some(now),
            ..User::new(id, profile, now)
        };
        Ok((user, hash))
    }
}

/// The project's is stored as SHA-256, which only hides what cannot be guessed.
fn validate_secret(secret: &SeedSecret) -> Result<()> {
    let text = secret.expose();
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
    ensure!(
        text.len() >= 32 && text.len() <= 200 && is_plain,
        "a project's secret must have 32 to 200 visible ASCII characters: at least 32 characters that nobody can guess"
    );
    Ok(())
}
