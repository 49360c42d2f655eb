//! Making a project: its record, its keys and its first secret; and finding the one that is meant.

use crate::{
    config::{Issuer, Lifetimes},
    entropy::Entropy,
    keys::{self, MasterKey},
    project_settings::ProjectSettings,
    secret::{Secret, sha256},
    store::{
        Tx,
        client_secrets::{ClientSecret, Proof, Slot},
        project_secrets::ProjectSecret,
        projects::Project,
        signing_keys::StoredKey,
    },
};
use anyhow::{Context as _, Result, bail, ensure};
use hospes_protocol::{
    Scope, Timestamp,
    audit_event::{Actor, Occasion},
    client::{AuthenticationMethod, ClientKind, ClientSettings, SigningAlg},
    id::{ClientId, EmailId, EventId, PhoneId, ProjectId, UserId},
    policy::{Policy, STANDARD_SCOPES},
    rbac,
};

/// What every project can sign with: access tokens, ID tokens, and what clients may ask for instead.
pub const SIGNING_ALGS: [SigningAlg; 3] = [SigningAlg::ES256, SigningAlg::RS256, SigningAlg::EdDSA];

/// A project that is to be added, with everything that was drawn for it.
#[derive(Clone)]
pub struct NewProject {
    pub record: Project,
    secret: ProjectSecret,
    keys: Vec<StoredKey>,
    master_key_id: String,
}

impl NewProject {
    /// A project with an empty policy, its first keys and the admin secret `secret`.
    pub fn new(
        id: ProjectId,
        name: &str,
        issuer: &Issuer,
        secret: &str,
        master: &MasterKey,
        entropy: &Entropy,
        now: Timestamp,
    ) -> Result<Self> {
        let keys = keys::first(master, &id, &SIGNING_ALGS, entropy, now)?;
        let secret = stored_secret(&id, secret, entropy, now);
        let record = Project {
            id,
            name: name.to_owned(),
            issuer: issuer.to_string(),
            settings: ProjectSettings::default(),
            policy: Policy::default(),
            created_at: now,
            updated_at: now,
            version: 1,
            tokens_valid_from: now,
        };
        Ok(Self { record, secret, keys, master_key_id: master.id().to_owned() })
    }

    pub fn add(&self, tx: &mut Tx<'_>) -> Result<()> {
        let id = &self.record.id;
        // Keys that another master key opens would be of no use.
        let mark = tx.find_deployment()?.master_key.context("the database knows no master key yet")?;
        ensure!(mark.id == self.master_key_id, "the database's master key was changed meanwhile; try again");
        ensure!(tx.add_project(&self.record)?, "another project has the id {id} or the issuer {}", self.record.issuer);
        tx.add_project_secret(id, &self.secret)?;
        for key in &self.keys {
            tx.add_key(id, key)?;
        }
        Ok(())
    }
}

/// The lifetimes of a project: its own, and the configuration's where it has none.
pub fn lifetimes(common: &Lifetimes, project: &Project) -> Result<Lifetimes> {
    common.overridden(&project.settings.lifetimes).context("the project's own lifetimes cannot be used")
}

/// `live` or `test`: the second part of every id that Stytch's clients see.
pub fn environment(project: &ProjectId) -> &'static str {
    if project.as_str().starts_with("project-live-") { "live" } else { "test" }
}

/// The environment of a project that is to be made. Where people really log in is `https`; everything else is for tests.
pub const fn environment_of_new(is_live: bool) -> &'static str {
    if is_live { "live" } else { "test" }
}

/// A new project id.
pub fn new_id(is_live: bool, entropy: &Entropy) -> ProjectId {
    ProjectId::new(format!("project-{}-{}", environment_of_new(is_live), entropy.uuid()))
}

pub fn new_user_id(project: &ProjectId, entropy: &Entropy) -> UserId {
    UserId::new(format!("user-{}-{}", environment(project), entropy.uuid()))
}

pub fn new_trusted_profile_id(project: &ProjectId, entropy: &Entropy) -> String {
    format!("trusted-token-profile-{}-{}", environment(project), entropy.uuid())
}

pub fn new_email_id(project: &ProjectId, entropy: &Entropy) -> EmailId {
    EmailId::new(format!("email-{}-{}", environment(project), entropy.uuid()))
}

/// For one event, if it comes to it.
pub fn occasion(project: &ProjectId, entropy: &Entropy, actor: Actor, at: Timestamp) -> Occasion {
    let id = EventId::new(format!("event-{}-{}", environment(project), entropy.uuid()));
    Occasion { id, actor, at }
}

pub fn new_phone_id(project: &ProjectId, entropy: &Entropy) -> PhoneId {
    PhoneId::new(format!("phone-number-{}-{}", environment(project), entropy.uuid()))
}

/// A new client id; a client without users is a machine.
pub fn new_client_id(project: &ProjectId, settings: &ClientSettings, entropy: &Entropy) -> ClientId {
    let kind = match settings.kind() {
        ClientKind::Machine => "m2m-client",
        ClientKind::App => "connected-app",
    };
    ClientId::new(format!("{kind}-{}-{}", environment(project), entropy.uuid()))
}

/// A new secret of the management API.
pub fn new_secret(project: &ProjectId, entropy: &Entropy) -> Secret {
    Secret::new(&format!("secret-{}-", environment(project)), entropy)
}

/// What is kept of a secret of the management API.
pub fn stored_secret(project: &ProjectId, secret: &str, entropy: &Entropy, now: Timestamp) -> ProjectSecret {
    ProjectSecret {
        id: format!("secret-id-{}-{}", environment(project), entropy.uuid()),
        hash: sha256(secret.as_bytes()),
        last_four: last_four(secret),
        created_at: now,
    }
}

/// What scanners for leaked secrets can look for.
pub const CLIENT_SECRET_PREFIX: &str = "hcs_";

/// The end of a secret by which its owner recognises it.
pub fn last_four(secret: &str) -> String {
    let skipped = secret.chars().count().saturating_sub(4);
    secret.chars().skip(skipped).collect()
}

/// What is stored of a client's secret that we made.
pub fn in_slot(slot: Slot, secret: &Secret, now: Timestamp) -> ClientSecret {
    ClientSecret { slot, proof: Proof::Hash(secret.hash()), last_four: last_four(secret.text()), created_at: now }
}

/// Whether the client proves who it is by a secret of ours.
pub fn uses_secret(settings: &ClientSettings) -> bool {
    settings.authentication_methods.iter().any(|method| {
        matches!(method, AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost)
    })
}

/// A project id that somebody gave.
pub fn validate_id(id: &ProjectId) -> Result<()> {
    let text = id.as_str();
    let has_form = text.starts_with("project-live-") || text.starts_with("project-test-");
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if has_form && is_plain && text.len() <= 100 {
        return Ok(());
    }
    bail!("`{text}` is no project id; write \"project-test-\" or \"project-live-\" and a UUID")
}

/// Whether a client asks for nothing that the project does not have: no user can ever give that to it.
pub fn validate_client_against(policy: &Policy, settings: &ClientSettings) -> Result<()> {
    // A machine's scope values are words between it and the host app.
    if settings.kind() == ClientKind::App {
        for scope in [&settings.scope, &settings.default_scope].into_iter().flatten() {
            validate_scope(policy, scope)?;
        }
    }
    for uri in settings.resources.iter().flatten() {
        let is_known = policy.resources.iter().any(|resource| resource.uri == *uri);
        ensure!(is_known || policy.accept_any_resource, "the project has no resource `{uri}`");
    }
    Ok(())
}

fn validate_scope(policy: &Policy, scope: &Scope) -> Result<()> {
    let Some(unknown) = scope.iter().find(|value| !policy.knows(value)) else { return Ok(()) };
    let own = policy.scopes.iter().map(|own| own.value.as_str());
    let known: Vec<_> = STANDARD_SCOPES.into_iter().chain(own).collect();
    bail!("the project has no scope value `{unknown}`; it has {}", known.join(", "))
}

/// A role must be one of the policy's: a misspelt one would silently allow nothing.
pub fn validate_role(policy: &Policy, role: &str) -> Result<()> {
    if policy.roles.iter().any(|own| own.id == role) {
        return Ok(());
    }
    let known: Vec<_> = policy.roles.iter().map(|role| role.id.as_str()).collect();
    bail!("the policy has no role `{role}`; it has [{}]", known.join(", "))
}

/// The roles to store of those that were asked for: each once, and without the one that everybody has anyway.
pub fn roles_to_store(policy: &Policy, asked: Vec<String>) -> Result<Vec<String>> {
    let mut roles: Vec<String> = Vec::new();
    for role in asked.into_iter().filter(|role| role != rbac::EVERYBODY) {
        validate_role(policy, &role)?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    Ok(roles)
}

/// A client id that somebody gave: any visible text without quotes, so also a URL (mcp T-19).
pub fn parse_client_id(text: &str) -> Result<ClientId> {
    // RFC 6749 appendix A.1 allows blanks and quotes too; they help nobody, and get lost in shells and logs.
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"\"'\\".contains(&b);
    if text.is_empty() || text.len() > 200 || !text.bytes().all(is_plain) {
        bail!("`{text}` is no client id: it has 1 to 200 visible ASCII characters, no quotes and no backslash");
    }
    // RFC 9068 §5: the subject of a client's own token must never be taken for a user's
    if text.starts_with("user-") {
        bail!("`{text}` begins like the id of a user; choose another client id");
    }
    Ok(ClientId::new(text))
}

/// The project that the configuration means: the one it names, else the one with its issuer. `None` when the database
/// holds no project at all.
pub fn find(tx: &mut Tx<'_>, id: Option<&ProjectId>, issuer: &str) -> Result<Option<Project>> {
    let projects = tx.list_projects()?;
    if projects.is_empty() {
        return Ok(None);
    }
    let found = match id {
        Some(id) => projects.iter().find(|project| project.id == *id),
        None => projects.iter().find(|project| project.issuer == issuer),
    };
    if let Some(project) = found {
        return Ok(Some(project.clone()));
    }
    let held: Vec<_> = projects.iter().map(|project| format!("{} ({})", project.id, project.issuer)).collect();
    let wanted = id.map_or_else(|| format!("the issuer {issuer}"), |id| format!("the id {id}"));
    bail!(
        "the database holds no project with {wanted}, only {}; correct `issuer` or `project` in the configuration, or \
         name one of these by --project",
        held.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_may_be_a_url_but_nothing_invisible_or_quoted() {
        for text in ["web", "connected-app-test-1", "https://a.example/x:y?z=1", "a".repeat(200).as_str()] {
            assert_eq!(parse_client_id(text).unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\nb", "\"a\"", "a'b", "a\\b", "é", "a\u{0}", "a".repeat(201).as_str()] {
            assert!(parse_client_id(text).is_err(), "{text:?}");
        }
    }
}
