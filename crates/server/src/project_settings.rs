//! What a project may set beyond its policy. Stored as one text, read and written whole.
//!
//! Changes hold at the next request: readers take it from [`crate::records::Current`], never from the configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Unknown members are kept out on the way in (the management API and the seed file refuse them), not here: a process
/// of the release before must be able to read what a newer one wrote.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectSettings {
    /// Lifetimes of this project, by the names of the configuration; the configuration's hold for the rest.
    pub lifetimes: Map<String, Value>,
    /// The host app's own authorization page; then it is the published `authorization_endpoint`.
    pub authorization_url: Option<String>,
    pub stytch: StytchPlane,
    /// Where links in mails may lead.
    pub redirect_urls: Vec<RedirectUrl>,
    pub dynamic_client_registration: DynamicClientRegistration,
    pub session_template: JwtTemplate,
    pub m2m_template: JwtTemplate,
    pub password_policy: PasswordPolicy,
    pub lock_policy: LockPolicy,
    /// An OpenID Connect userinfo endpoint: sessions of the login before can be exchanged for ours.
    pub session_migration_url: Option<String>,
}

/// The endpoints of Stytch's contract for OAuth, beside those of the specifications.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StytchPlane {
    pub enabled: bool,
    pub issuer: StytchIssuer,
}

/// The `iss` of what is issued on the Stytch plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StytchIssuer {
    /// `stytch.com/{project_id}`: the one form that every official SDK accepts.
    #[default]
    ProjectId,
    /// The project's own issuer, an https URL; not for the Rust SDK.
    Issuer,
}

/// Where a link in a mail may lead, and which kinds of link go there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectUrl {
    pub url: String,
    pub types: Vec<RedirectUrlType>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectUrlType {
    #[serde(rename = "type")]
    pub kind: RedirectUrlKind,
    /// Where a link of this kind leads if the request names none.
    #[serde(default)]
    pub is_default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedirectUrlKind {
    Login,
    Signup,
    Invite,
    ResetPassword,
}

/// RFC 7591: whether clients may register themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DynamicClientRegistration {
    pub enabled: bool,
    /// The access token template of clients that register themselves; empty for none.
    pub access_token_template: String,
}

/// More claims for a JWT: a JSON object in which `{{ … }}` stands for a value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JwtTemplate {
    /// Empty for none.
    pub content: String,
    /// One more member of `aud`; empty for none.
    pub custom_audience: String,
}

/// How strong a new password must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PasswordPolicy {
    pub kind: PasswordPolicyKind,
    /// LUDS: the least number of characters.
    pub luds_min_length: u32,
    /// LUDS: of how many kinds (lower case, upper case, digits, symbols) there must be one.
    pub luds_min_complexity: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PasswordPolicyKind {
    /// A score of 3 or more by zxcvbn.
    #[default]
    Zxcvbn,
    /// Lower case, upper case, digits, symbols.
    Luds,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { kind: PasswordPolicyKind::Zxcvbn, luds_min_length: 8, luds_min_complexity: 3 }
    }
}

/// When an account is locked after wrong passwords, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockPolicy {
    /// Failed attempts: 1 to 100.
    pub threshold: u32,
    /// Seconds: 300 to 604,800.
    pub lock_seconds: u32,
}

impl Default for LockPolicy {
    fn default() -> Self {
        Self { threshold: 10, lock_seconds: 3600 }
    }
}
