//! What `hospes client add` and `hospes client update` say about a client: the same options in both.

use super::open::told;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use hospes_protocol::{
    Scope, Seconds,
    client::{ApplicationType, AuthenticationMethod, ClientSettings, Confidentiality, GrantType, Party, SigningAlg},
};
use std::{fs, path::PathBuf};

/// What is not given stays as it is; for a new client that is what most clients are. An option that is on or off is on
/// without a value, and off with `=false`.
#[derive(Debug, Args)]
pub(super) struct SettingsArguments {
    #[arg(long)]
    description: Option<String>,
    /// It cannot keep a secret: an app on a device, or in a browser
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    public: Option<bool>,
    /// Whether it belongs to the host app itself [default: third; first for a machine]
    #[arg(long, value_enum)]
    party: Option<PartyName>,
    /// It runs on the user's device
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    native: Option<bool>,
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
    /// How it treats what it learns of the user; linked on the consent page of a verified client
    #[arg(long, value_name = "URI")]
    policy_uri: Option<String>,
    /// Its terms of service; linked likewise
    #[arg(long, value_name = "URI")]
    tos_uri: Option<String>,
    /// More claims for its users' access tokens, as in '{"external_id": {{ user.external_id }}}'
    #[arg(long, value_name = "TEMPLATE")]
    access_token_template: Option<String>,
    /// You have checked who stands behind it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    verified: Option<bool>,
    /// Accept requests without PKCE; confidential clients only
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pkce_optional: Option<bool>,
    /// Do not ask the user about offline access; first party only
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    bypass_consent_for_offline_access: Option<bool>,
    /// Accept the token endpoint's URL as audience of its assertions too
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    assertion_audience_token_endpoint: Option<bool>,
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

/// What a client need not have, by the name of its option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Unsettable {
    Description,
    PostLogoutRedirectUri,
    Scope,
    DefaultScope,
    Resource,
    JwksFile,
    JwksUri,
    LogoUri,
    ClientUri,
    PolicyUri,
    TosUri,
    AccessTokenTemplate,
    AccessTokenAlg,
    IdTokenAlg,
    AccessTokenLifetime,
    RefreshWindow,
}

impl Unsettable {
    /// Takes it away; the default holds again.
    pub(super) fn unset(self, settings: &mut ClientSettings) {
        match self {
            Self::Description => settings.description.clear(),
            Self::PostLogoutRedirectUri => settings.post_logout_redirect_uris.clear(),
            Self::Scope => settings.scope = None,
            Self::DefaultScope => settings.default_scope = None,
            Self::Resource => settings.resources = None,
            Self::JwksFile => settings.jwks = None,
            Self::JwksUri => settings.jwks_uri = None,
            Self::LogoUri => settings.logo_uri = None,
            Self::ClientUri => settings.client_uri = None,
            Self::PolicyUri => settings.policy_uri = None,
            Self::TosUri => settings.tos_uri = None,
            Self::AccessTokenTemplate => settings.access_token_template.clear(),
            Self::AccessTokenAlg => settings.access_token_alg = None,
            Self::IdTokenAlg => settings.id_token_alg = None,
            Self::AccessTokenLifetime => settings.access_token_lifetime = None,
            Self::RefreshWindow => settings.refresh_window = None,
        }
    }
}

impl SettingsArguments {
    /// Writes what was given into `settings`. Whether the outcome may be stored is for the caller to ask.
    pub(super) fn apply(&self, settings: &mut ClientSettings) -> Result<()> {
        self.apply_authentication(settings);
        set(&mut settings.description, self.description.as_ref());
        set(&mut settings.party, self.party.map(PartyName::party).as_ref());
        set(&mut settings.application_type, self.native.map(application_type).as_ref());
        set_list(&mut settings.redirect_uris, self.redirect_uris.clone());
        set_list(&mut settings.post_logout_redirect_uris, self.post_logout_redirect_uris.clone());
        set_list(&mut settings.grant_types, self.grants.iter().copied().map(GrantName::grant).collect());
        set_some(&mut settings.scope, parse_scope(self.scope.as_deref())?);
        set_some(&mut settings.default_scope, parse_scope(self.default_scope.as_deref())?);
        set_some(&mut settings.resources, Some(self.resources.clone()).filter(|given| !given.is_empty()));
        if let Some(path) = &self.jwks_file {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let keys = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
            (settings.jwks, settings.jwks_uri) = (Some(keys), None);
        }
        if let Some(uri) = &self.jwks_uri {
            (settings.jwks, settings.jwks_uri) = (None, Some(uri.clone()));
        }
        set_some(&mut settings.logo_uri, self.logo_uri.clone());
        set_some(&mut settings.client_uri, self.client_uri.clone());
        set_some(&mut settings.policy_uri, self.policy_uri.clone());
        set_some(&mut settings.tos_uri, self.tos_uri.clone());
        set(&mut settings.access_token_template, self.access_token_template.as_ref());
        set(&mut settings.verified, self.verified.as_ref());
        set(&mut settings.pkce_optional, self.pkce_optional.as_ref());
        set(&mut settings.bypass_consent_for_offline_access, self.bypass_consent_for_offline_access.as_ref());
        set(&mut settings.assertion_audience_token_endpoint, self.assertion_audience_token_endpoint.as_ref());
        set_some(&mut settings.access_token_alg, self.access_token_alg.map(AlgName::alg));
        set_some(&mut settings.id_token_alg, self.id_token_alg.map(AlgName::alg));
        set_some(&mut settings.access_token_lifetime, self.access_token_lifetime.map(Seconds));
        set_some(&mut settings.refresh_window, self.refresh_window.map(Seconds));
        Ok(())
    }

    /// Each of `--public` and `--auth-method` implies the other where that is not given.
    fn apply_authentication(&self, settings: &mut ClientSettings) {
        let methods: Vec<_> = self.methods.iter().copied().map(MethodName::method).collect();
        let is_public = match methods.as_slice() {
            [] => self.public,
            [AuthenticationMethod::None] => Some(true),
            _ => Some(self.public.unwrap_or(false)),
        };
        let Some(is_public) = is_public else { return };
        let (confidentiality, usual) = if is_public {
            (Confidentiality::Public, AuthenticationMethod::None)
        } else {
            (Confidentiality::Confidential, AuthenticationMethod::ClientSecretBasic)
        };
        let is_new = settings.confidentiality != confidentiality;
        settings.confidentiality = confidentiality;
        if !methods.is_empty() {
            settings.authentication_methods = methods;
        } else if is_new {
            settings.authentication_methods = vec![usual];
        }
    }
}

fn set<T: Clone>(own: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        own.clone_from(given);
    }
}

fn set_some<T>(own: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *own = given;
    }
}

/// A list is given as a whole.
fn set_list<T>(own: &mut Vec<T>, given: Vec<T>) {
    if !given.is_empty() {
        *own = given;
    }
}

fn parse_scope(text: Option<&str>) -> Result<Option<Scope>> {
    text.map(Scope::parse).transpose().map_err(told)
}

const fn application_type(is_native: bool) -> ApplicationType {
    if is_native { ApplicationType::Native } else { ApplicationType::Web }
}

impl PartyName {
    const fn party(self) -> Party {
        match self {
            Self::First => Party::First,
            Self::Third => Party::Third,
        }
    }
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
