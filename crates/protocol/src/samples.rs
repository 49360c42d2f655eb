//! Base values for the tests of the token side: one of each record, alive and fitting together.

use crate::{
    access_token::AccessTokenClaims,
    client::{AuthenticationMethod, Client, ClientSettings, Confidentiality, GrantType, Party},
    family::{Family, FamilyContext},
    grant::Grant,
    id::{ClientId, FamilyId, ProjectId, SessionId, UserId},
    liveness::{self, Alive, Standing},
    parameters::Parameters,
    plane::Plane,
    policy::{Permission, Policy, Resource, Role, ScopeValue},
    scope::Scope,
    session::{Attributes, Factor, FactorMethod, FullSession, Session},
    time::{Seconds, Timestamp},
    user::{Profile, User},
};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
/// When everything below began.
pub(crate) const BEFORE: Timestamp = Timestamp(1_799_990_000);
pub(crate) const API: &str = "https://api.example.com";
pub(crate) const OTHER_API: &str = "https://files.example.com/v1";
pub(crate) const FAMILY: &str = "0198f3c2-7a1b-7cde-8f01-23456789abcd";

pub(crate) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

pub(crate) fn parameters(text: &str) -> Parameters {
    Parameters::parse(text.as_bytes()).unwrap()
}

pub(crate) fn project() -> ProjectId {
    ProjectId::new("project-test-1")
}

/// A public client that acts for users.
pub(crate) fn client() -> Client {
    Client {
        id: ClientId::new("app"),
        settings: ClientSettings {
            name: "App".into(),
            authentication_methods: vec![AuthenticationMethod::None],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: vec!["https://app.example/cb".into()],
            ..ClientSettings::new(Party::Third, Confidentiality::Public, Plane::Standard)
        },
        created_at: BEFORE,
        updated_at: BEFORE,
        version: 1,
        disabled_at: None,
        tokens_valid_from: BEFORE,
    }
}

/// A client with a secret that also acts in its own name.
pub(crate) fn confidential() -> Client {
    with_settings(client(), |settings| {
        settings.confidentiality = Confidentiality::Confidential;
        settings.authentication_methods =
            vec![AuthenticationMethod::ClientSecretBasic, AuthenticationMethod::ClientSecretPost];
        settings.grant_types.push(GrantType::ClientCredentials);
    })
}

pub(crate) fn with_settings(mut client: Client, change: impl FnOnce(&mut ClientSettings)) -> Client {
    change(&mut client.settings);
    client
}

pub(crate) fn user() -> User {
    User {
        id: UserId::new("user-test-1"),
        external_id: None,
        profile: Profile::default(),
        roles: vec!["editor".into()],
        created_at: BEFORE,
        updated_at: BEFORE,
        disabled_at: None,
        tokens_valid_from: BEFORE,
    }
}

pub(crate) fn grant() -> Grant {
    Grant {
        user_id: user().id,
        client_id: client().id,
        scope: scope("openid email offline_access notes:read notes:write"),
        resources: vec![API.into(), OTHER_API.into()],
        created_at: BEFORE,
        updated_at: BEFORE,
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
        tokens_valid_from: BEFORE,
    }
}

pub(crate) fn session() -> Session {
    Session {
        id: SessionId::new("session-test-1"),
        user_id: user().id,
        authenticated_at: BEFORE,
        amr: vec!["pwd".into()],
        trusted_profile: None,
        created_at: BEFORE,
        expires_at: NOW.plus(Seconds(3600)),
        revoked_at: None,
    }
}

/// The same with what the host app sees of it.
pub(crate) fn full_session() -> FullSession {
    let method = FactorMethod::Password { email_id: "email-1".into(), email_address: "alice@example.com".into() };
    FullSession {
        session: session(),
        last_accessed_at: BEFORE,
        attributes: Attributes::default(),
        factors: vec![Factor { method, created_at: BEFORE, last_authenticated_at: BEFORE }],
        custom_claims: serde_json::Map::new(),
        token_salt: [1; 16],
    }
}

pub(crate) fn family() -> Family {
    Family {
        id: FamilyId::new(FAMILY),
        plane: Plane::Standard,
        client_id: client().id,
        user_id: user().id,
        session_id: Some(session().id),
        scope: scope("openid email offline_access notes:read notes:write"),
        resources: vec![API.into(), OTHER_API.into()],
        context: FamilyContext { auth_time: Some(BEFORE), acr: Some("urn:example:acr".into()), ..Default::default() },
        created_at: BEFORE,
        revoked_at: None,
        expires_at: NOW.plus(Seconds(365 * 24 * 60 * 60)),
        refresh: None,
    }
}

/// `notes:write` needs a role, `notes:read` does not.
pub(crate) fn policy() -> Policy {
    let may_write = Permission { resource_id: "notes".into(), actions: vec!["write".into()] };
    let value = |value: &str, permissions| ScopeValue {
        value: value.into(),
        description: value.into(),
        permissions,
        optional: false,
    };
    let resource = |uri: &str, default| Resource { uri: uri.into(), name: String::new(), default, prefix: false };
    Policy {
        rbac_resources: Vec::new(),
        scopes: vec![
            value("notes:read", Vec::new()),
            value("notes:write", vec![may_write.clone()]),
            value("notes:delete", Vec::new()),
        ],
        resources: vec![resource(API, true), resource(OTHER_API, false), resource("https://third.example.com", false)],
        roles: vec![Role { id: "editor".into(), description: String::new(), permissions: vec![may_write] }],
        default_scope: None,
        accept_any_resource: false,
    }
}

pub(crate) fn standing<'a>(client: &'a Client, user: &'a User, grant: &'a Grant) -> Standing<'a> {
    Standing { project_valid_from: BEFORE, client: Some(client), user: Some(user), grant: Some(grant) }
}

pub(crate) fn alive<'a>(client: &'a Client, user: &'a User, grant: &'a Grant) -> Alive<'a> {
    liveness::authorization(standing(client, user, grant), BEFORE, NOW).unwrap()
}

/// An access token of [`family`].
pub(crate) fn claims() -> AccessTokenClaims {
    AccessTokenClaims {
        plane: Plane::Standard,
        iss: "https://id.example.com".into(),
        sub: user().id.to_string(),
        aud: vec![API.into()],
        client_id: client().id,
        scope: scope("openid notes:read"),
        iat: NOW,
        nbf: None,
        exp: NOW.plus(Seconds(600)),
        jti: "token-1".into(),
        fid: Some(FamilyId::new(FAMILY)),
        auth_time: Some(BEFORE),
        acr: None,
        amr: Vec::new(),
        sid: None,
        custom_claims: serde_json::Map::new(),
    }
}

/// An access token that a client has in its own name.
pub(crate) fn own_claims(client: &Client) -> AccessTokenClaims {
    AccessTokenClaims {
        sub: client.id.to_string(),
        client_id: client.id.clone(),
        scope: scope("notes:read"),
        fid: None,
        auth_time: None,
        ..claims()
    }
}
