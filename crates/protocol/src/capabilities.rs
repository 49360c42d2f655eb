//! What this server can do, in one value. The metadata documents are built from it, and it is built from the very
//! constants that the rules read, so that neither can promise what the other refuses.
//!
//! Specs: RFC 8414 §2, OIDC Discovery §3.

use crate::{
    authorization_request::{PROMPT_VALUES, RESPONSE_TYPES, ResponseMode},
    claims,
    client::{AuthenticationMethod, GrantType, SigningAlg},
    jose::VerifyingAlg,
    pkce,
    policy::{Policy, STANDARD_SCOPES},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Without a slash at the end; byte for byte the `iss` of everything we issue.
    pub issuer: String,
    pub endpoints: Endpoints,
    pub grant_types: Vec<GrantType>,
    pub response_types: Vec<&'static str>,
    pub response_modes: Vec<ResponseMode>,
    pub authentication_methods: Vec<AuthenticationMethod>,
    /// The algorithms of client assertions (RFC 7523).
    pub assertion_algs: Vec<&'static str>,
    pub id_token_algs: Vec<SigningAlg>,
    pub code_challenge_methods: Vec<&'static str>,
    pub prompt_values: Vec<&'static str>,
    pub scopes: Vec<String>,
    pub claims: Vec<&'static str>,
    /// The resources that clients may name (RFC 8707), as registered.
    pub resources: Vec<String>,
    pub ui_locales: Vec<String>,
}

/// Absolute URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    pub authorization: String,
    pub token: String,
    pub introspection: String,
    pub revocation: String,
    pub userinfo: String,
    pub end_session: String,
    pub jwks: String,
    /// Only where clients may register themselves.
    pub registration: Option<String>,
}

impl Endpoints {
    pub const AUTHORIZATION: &'static str = "/oauth2/authorize";
    pub const TOKEN: &'static str = "/oauth2/token";
    pub const INTROSPECTION: &'static str = "/oauth2/introspect";
    pub const REVOCATION: &'static str = "/oauth2/revoke";
    pub const USERINFO: &'static str = "/oauth2/userinfo";
    pub const END_SESSION: &'static str = "/oauth2/logout";
    pub const REGISTRATION: &'static str = "/oauth2/register";
    pub const JWKS: &'static str = "/.well-known/jwks.json";

    pub fn of(issuer: &str) -> Self {
        let url = |path| format!("{issuer}{path}");
        Self {
            authorization: url(Self::AUTHORIZATION),
            token: url(Self::TOKEN),
            introspection: url(Self::INTROSPECTION),
            revocation: url(Self::REVOCATION),
            userinfo: url(Self::USERINFO),
            end_session: url(Self::END_SESSION),
            jwks: url(Self::JWKS),
            registration: None,
        }
    }
}

impl Capabilities {
    /// The same where clients may register themselves (RFC 7591).
    #[must_use]
    pub fn with_registration(mut self) -> Self {
        self.endpoints.registration = Some(format!("{}{}", self.issuer, Endpoints::REGISTRATION));
        self
    }

    /// What a project with this issuer and policy can do when it has signing keys for `id_token_algs`.
    pub fn of(issuer: &str, policy: &Policy, id_token_algs: Vec<SigningAlg>) -> Self {
        let standard = STANDARD_SCOPES.iter().map(|value| (*value).to_owned());
        let of_the_project = policy.scopes.iter().map(|own| own.value.clone());
        Self {
            issuer: issuer.to_owned(),
            endpoints: Endpoints::of(issuer),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials],
            response_types: RESPONSE_TYPES.to_vec(),
            response_modes: ResponseMode::ALL.to_vec(),
            authentication_methods: vec![
                AuthenticationMethod::None,
                AuthenticationMethod::ClientSecretBasic,
                AuthenticationMethod::ClientSecretPost,
                AuthenticationMethod::PrivateKeyJwt,
            ],
            assertion_algs: VerifyingAlg::ALL.into_iter().map(VerifyingAlg::as_str).collect(),
            id_token_algs,
            code_challenge_methods: vec![pkce::METHOD],
            prompt_values: PROMPT_VALUES.to_vec(),
            scopes: standard.chain(of_the_project).collect(),
            claims: ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "at_hash", "sid"]
                .into_iter()
                .chain(claims::names())
                .collect(),
            resources: policy.resources.iter().map(|own| own.uri.clone()).collect(),
            ui_locales: Vec::new(),
        }
    }
}
