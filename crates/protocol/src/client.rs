//! The client record: a registered application.
//!
//! Specs: RFC 6749 §2, RFC 7591 §2, RFC 8252 §8.4.

use crate::{
    id::ClientId,
    plane::Plane,
    redirect_uri,
    scope::Scope,
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A registered client, with what happened to it since.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    pub id: ClientId,
    pub settings: ClientSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes; an update names the version it read (attacks.md row 32).
    pub version: i64,
    /// Since when nobody may use this client.
    pub disabled_at: Option<Timestamp>,
    /// Artifacts issued before this time are void.
    pub tokens_valid_from: Timestamp,
}

impl Client {
    /// A client that is made now.
    pub fn new(id: ClientId, settings: ClientSettings, now: Timestamp) -> Self {
        Self { id, settings, created_at: now, updated_at: now, version: 1, disabled_at: None, tokens_valid_from: now }
    }
}

/// What the operator (or a registration) may say about a client. Stored as one JSON text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub party: Party,
    pub confidentiality: Confidentiality,
    #[serde(default)]
    pub application_type: ApplicationType,
    #[serde(default)]
    pub plane: Plane,
    /// How the client may authenticate at the token endpoint; never empty. Public clients: exactly `none`.
    pub authentication_methods: Vec<AuthenticationMethod>,
    #[serde(default = "default_grant_types")]
    pub grant_types: Vec<GrantType>,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    #[serde(default)]
    pub logo_uri: Option<String>,
    #[serde(default)]
    pub client_uri: Option<String>,
    /// How the client treats what it learns of the user (RFC 7591 §2 `policy_uri`).
    #[serde(default)]
    pub policy_uri: Option<String>,
    /// The client's terms of service (RFC 7591 §2 `tos_uri`).
    #[serde(default)]
    pub tos_uri: Option<String>,
    /// The most that this client may ever get; `None` means every scope value of the project.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// What it gets when it asks for no scope; `None` means the project's default scope.
    #[serde(default)]
    pub default_scope: Option<Scope>,
    /// The resources it may name (RFC 8707), as registered; `None` means every resource of the project.
    #[serde(default)]
    pub resources: Option<Vec<String>>,
    /// Public keys for `private_key_jwt`, inline (RFC 7517 §5) …
    #[serde(default)]
    pub jwks: Option<Value>,
    /// … or where to fetch them.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// Accept the token endpoint's URL as audience of a client assertion too (design section 5).
    #[serde(default)]
    pub assertion_audience_token_endpoint: bool,
    /// PKCE is required unless this is set; only ever set for confidential clients, never by registration.
    #[serde(default)]
    pub pkce_optional: bool,
    /// First party only: no consent question for `offline_access`.
    #[serde(default)]
    pub bypass_consent_for_offline_access: bool,
    /// First party only: may get `full_access`, with which its user's session can be had.
    #[serde(default)]
    pub full_access_allowed: bool,
    /// Set when the operator has checked who stands behind this client.
    #[serde(default)]
    pub verified: bool,
    #[serde(default)]
    pub access_token_alg: Option<SigningAlg>,
    #[serde(default)]
    pub id_token_alg: Option<SigningAlg>,
    #[serde(default)]
    pub access_token_lifetime: Option<Seconds>,
    /// How long a superseded refresh token still yields its successor; `None` means the project's setting, 0 turns it off.
    #[serde(default)]
    pub refresh_window: Option<Seconds>,
    /// One more member of `aud` in its access tokens.
    #[serde(default)]
    pub access_token_custom_audience: Option<String>,
    /// More claims for its access tokens and ID tokens (`claim_template`); empty for none.
    #[serde(default)]
    pub access_token_template: String,
    #[serde(default)]
    pub id_token_template: String,
    /// What the host app notes about a machine, for claim templates. Its keys are the host app's.
    #[serde(default)]
    pub trusted_metadata: Map<String, Value>,
    #[serde(default)]
    pub creation_method: CreationMethod,
    /// Where its metadata came from, if from its own document.
    #[serde(default)]
    pub client_id_metadata_url: Option<String>,
}

/// Who made a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreationMethod {
    /// The operator or the host app.
    #[default]
    Management,
    /// Itself (RFC 7591).
    DynamicClientRegistration,
    /// Itself, by a document at its own address.
    ClientIdMetadataDocument,
}

impl CreationMethod {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::DynamicClientRegistration => "dynamic_client_registration",
            Self::ClientIdMetadataDocument => "client_id_metadata_document",
        }
    }
}

/// Whom a client acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// For users, with their consent.
    App,
    /// Only ever for itself (RFC 6749 §4.4).
    Machine,
}

impl ClientKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Machine => "machine",
        }
    }
}

impl ClientSettings {
    /// A client of the management's about which nothing else is known. It has no redirect URI, no way to authenticate
    /// and no grant type yet, and none of what must be given on purpose.
    pub fn new(party: Party, confidentiality: Confidentiality, plane: Plane) -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            party,
            confidentiality,
            application_type: ApplicationType::Web,
            plane,
            authentication_methods: Vec::new(),
            grant_types: Vec::new(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            logo_uri: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            scope: None,
            default_scope: None,
            resources: None,
            jwks: None,
            jwks_uri: None,
            assertion_audience_token_endpoint: false,
            pkce_optional: false,
            bypass_consent_for_offline_access: false,
            full_access_allowed: false,
            verified: false,
            access_token_alg: None,
            id_token_alg: None,
            access_token_lifetime: None,
            refresh_window: None,
            access_token_custom_audience: None,
            access_token_template: String::new(),
            id_token_template: String::new(),
            trusted_metadata: Map::new(),
            creation_method: CreationMethod::Management,
            client_id_metadata_url: None,
        }
    }

    pub fn kind(&self) -> ClientKind {
        if self.grant_types == [GrantType::ClientCredentials] { ClientKind::Machine } else { ClientKind::App }
    }
}

fn default_grant_types() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Belongs to the host app itself.
    First,
    /// Belongs to somebody else; the user is asked.
    Third,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidentiality {
    Public,
    Confidential,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    #[default]
    Web,
    Native,
}

/// RFC 7591 §2 `token_endpoint_auth_method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

/// The algorithms we sign with (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlg {
    ES256,
    RS256,
    EdDSA,
}

impl SigningAlg {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::EdDSA => "EdDSA",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::ES256, Self::RS256, Self::EdDSA].into_iter().find(|alg| alg.as_str() == text)
    }
}

impl AuthenticationMethod {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

impl GrantType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

impl Client {
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.settings.grant_types.contains(&grant_type)
    }

    /// What to call it before people: its name, else where it lives, else its id.
    pub fn display_name(&self) -> String {
        let settings = &self.settings;
        if !settings.name.is_empty() {
            return settings.name.clone();
        }
        let host = settings.redirect_uris.first().map(|uri| redirect_uri::display_host(uri));
        host.filter(|host| !host.is_empty()).unwrap_or_else(|| self.id.to_string())
    }

    pub fn is_public(&self) -> bool {
        self.settings.confidentiality == Confidentiality::Public
    }
}
