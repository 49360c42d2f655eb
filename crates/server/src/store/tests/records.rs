//! Records to store: small, and different in every field that has a meaning.

use crate::store::{
    client_secrets::{ClientSecret, Proof, Slot},
    projects::Project,
};
use hospes_protocol::{
    Scope, Timestamp,
    authorization_code::AuthorizationCode,
    client::{Client, ClientSettings},
    family::{Family, FamilyContext, RefreshState, SupersededStep},
    grant::Grant,
    id::{ClientId, EmailId, FamilyId, InteractionId, ProjectId, SessionId, UserId},
    interaction::{Interaction, Progress, Way},
    plane::Plane,
    session::{Attributes, Factor, FactorMethod, FullSession, Session},
    user::{Email, Profile, User},
};

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000);

pub(super) fn later(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds)
}

pub(super) fn project_id() -> ProjectId {
    ProjectId::new("project-1")
}

pub(super) fn user_id() -> UserId {
    UserId::new("user-1")
}

pub(super) fn client_id() -> ClientId {
    ClientId::new("client-1")
}

pub(super) fn project() -> Project {
    Project {
        id: project_id(),
        name: "Example".into(),
        issuer: "https://id.example".into(),
        settings: crate::project_settings::ProjectSettings {
            authorization_url: Some("https://app.example/authorize".to_owned()),
            ..Default::default()
        },
        policy: serde_json::from_value(serde_json::json!({
            "scopes": [{ "value": "notes", "description": "Read your notes" }],
        }))
        .unwrap(),
        created_at: NOW,
        updated_at: NOW,
        version: 1,
        tokens_valid_from: Timestamp(0),
    }
}

pub(super) fn settings(name: &str) -> ClientSettings {
    serde_json::from_value(serde_json::json!({
        "name": name,
        "party": "third",
        "confidentiality": "confidential",
        "authentication_methods": ["client_secret_basic"],
        "redirect_uris": ["https://app.example/cb"],
        "scope": "openid email",
    }))
    .unwrap()
}

pub(super) fn client(id: &str) -> Client {
    Client {
        id: ClientId::new(id),
        settings: settings(id),
        created_at: NOW,
        updated_at: NOW,
        version: 1,
        disabled_at: None,
        tokens_valid_from: Timestamp(0),
    }
}

pub(super) fn secret(slot: Slot, byte: u8) -> ClientSecret {
    ClientSecret { slot, proof: Proof::Hash([byte; 32]), last_four: "abcd".into(), created_at: NOW }
}

/// `id`@example.com.
pub(super) fn email(id: &str) -> Email {
    Email { id: EmailId::new(format!("email-{id}")), address: format!("{id}@example.com"), verified: true }
}

pub(super) fn user(id: &str) -> User {
    User {
        id: UserId::new(id),
        external_id: Some(format!("host-{id}")),
        profile: Profile { emails: vec![email(id)], ..Profile::default() },
        roles: vec!["editor".into()],
        created_at: NOW,
        updated_at: NOW,
        disabled_at: None,
        tokens_valid_from: Timestamp(0),
    }
}

pub(super) fn session(id: &str) -> FullSession {
    let method = FactorMethod::TrustedAuthToken { token_id: "token-1".into() };
    FullSession {
        session: Session {
            id: SessionId::new(id),
            user_id: user_id(),
            authenticated_at: later(-10),
            amr: vec!["pwd".into(), "otp".into()],
            trusted_profile: Some("profile-1".into()),
            created_at: later(-9),
            expires_at: later(3600),
            revoked_at: None,
        },
        last_accessed_at: later(-1),
        attributes: Attributes { ip_address: "192.0.2.1".into(), user_agent: "Mozilla/5.0".into() },
        factors: vec![Factor { method, created_at: later(-9), last_authenticated_at: later(-8) }],
        custom_claims: [("tier".to_owned(), "paid".into())].into_iter().collect(),
        token_salt: [5; 16],
    }
}

pub(super) fn interaction(id: &str) -> Interaction<serde_json::Value> {
    Interaction {
        id: InteractionId::new(id),
        plane: Plane::Standard,
        way: Way::HostPage,
        request: serde_json::json!({ "client_id": "client-1" }),
        browser_hash: [9; 32],
        created_at: NOW,
        expires_at: later(600),
        progress: Progress::default(),
        decided_at: None,
    }
}

pub(super) fn code() -> AuthorizationCode {
    AuthorizationCode {
        plane: Plane::Stytch,
        client_id: client_id(),
        user_id: user_id(),
        session_id: Some(SessionId::new("session-1")),
        family_id: FamilyId::new("family-1"),
        redirect_uri: "https://app.example/cb".into(),
        code_challenge: Some("challenge".into()),
        nonce: None,
        scope: Scope::parse("openid email").unwrap(),
        resources: vec!["https://api.example".into()],
        context: context(),
        issued_at: NOW,
        expires_at: later(60),
        redeemed_at: None,
    }
}

fn context() -> FamilyContext {
    FamilyContext { auth_time: Some(later(-10)), amr: vec!["pwd".into()], ..FamilyContext::default() }
}

pub(super) fn family(id: &str) -> Family {
    Family {
        id: FamilyId::new(id),
        plane: Plane::Standard,
        client_id: client_id(),
        user_id: user_id(),
        session_id: Some(SessionId::new("session-1")),
        scope: Scope::parse("openid email").unwrap(),
        resources: vec![],
        context: context(),
        created_at: NOW,
        revoked_at: None,
        expires_at: later(31_536_000),
        refresh: Some(state(1)),
    }
}

pub(super) fn state(generation: u32) -> RefreshState {
    RefreshState {
        generation,
        secret_hash: [7; 32],
        superseded: vec![SupersededStep { generation: 0, superseded_at: NOW, salt: [3; 16] }],
        idle_expires_at: later(100),
    }
}

pub(super) fn grant(scope: &str) -> Grant {
    Grant {
        user_id: user_id(),
        client_id: client_id(),
        scope: Scope::parse(scope).unwrap(),
        resources: vec!["https://a.example".into()],
        created_at: NOW,
        updated_at: NOW,
        last_used_at: Some(NOW),
        expires_at: None,
        revoked_at: None,
        tokens_valid_from: Timestamp(0),
    }
}
