//! The events of the audit log: what happened, who did it, to whom.
//!
//! An event names its kind by a word that never changes once it is released: scripts and webhooks compare it. Its detail
//! holds names (of settings, of scope values, of keys), never a secret, an address or a value that a person has given.
//! What happens all the time (a token is issued, refreshed, looked at) is no event.

use crate::{
    consent::Approval,
    grant::Grant,
    id::{ClientId, EventId, UserId},
    scope::Scope,
    time::Timestamp,
    user::User,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A client was registered.
    ClientAdded,
    /// A client's settings were changed; `changed` names them.
    ClientChanged,
    ClientDisabled,
    ClientEnabled,
    ClientRemoved,
    ClientSecretRotationCancelled,
    ClientSecretRotationFinished,
    ClientSecretRotationStarted,
    /// A code came a second time: everything that was issued for it has ended.
    CodeReplayed,
    /// A user allowed a client something; `scope` and `resources` are what the grant holds now.
    ConsentGiven,
    /// A user took from a client some of what it had; `withdrawn` names the scope values.
    ConsentNarrowed,
    /// A user's permission for a client ended.
    GrantDisconnected,
    /// Roles, resources or scope values were changed.
    PolicyChanged,
    /// `public_token`, here and below.
    ProjectPublicTokenAdded,
    ProjectPublicTokenRemoved,
    /// The database was put back to what a backup holds; `kept_grants` says whether what was issued before counts.
    ProjectRestored,
    /// A secret of the management API was made.
    ProjectSecretAdded,
    ProjectSecretRemoved,
    /// `changed` names the settings.
    ProjectSettingsChanged,
    /// A superseded refresh token came too late to be a repetition: the family has ended.
    RefreshTokenReused,
    /// A client gave its refresh token back.
    RefreshTokenRevoked,
    /// Keys were replaced; `kids` names the new ones.
    SigningKeyRotated,
    TrustedTokenProfileAdded,
    TrustedTokenProfileChanged,
    TrustedTokenProfileRemoved,
    UserAdded,
    /// `changed` names what: members of the profile, roles, external id.
    UserChanged,
    UserDeleted,
    UserDisabled,
    UserEnabled,
    /// Too many wrong passwords: no password counts for a while.
    UserLocked,
    UserPasswordRemoved,
    UserPasswordSet,
    /// Every session, token and open request of the user was ended.
    UserSignedOut,
    UserUnlocked,
    /// `webhook_id`, here and below.
    WebhookAdded,
    /// `changed` names what.
    WebhookChanged,
    WebhookRemoved,
    WebhookSecretRotated,
}

impl EventKind {
    pub const ALL: [Self; 39] = [
        Self::ClientAdded,
        Self::ClientChanged,
        Self::ClientDisabled,
        Self::ClientEnabled,
        Self::ClientRemoved,
        Self::ClientSecretRotationCancelled,
        Self::ClientSecretRotationFinished,
        Self::ClientSecretRotationStarted,
        Self::CodeReplayed,
        Self::ConsentGiven,
        Self::ConsentNarrowed,
        Self::GrantDisconnected,
        Self::PolicyChanged,
        Self::ProjectPublicTokenAdded,
        Self::ProjectPublicTokenRemoved,
        Self::ProjectRestored,
        Self::ProjectSecretAdded,
        Self::ProjectSecretRemoved,
        Self::ProjectSettingsChanged,
        Self::RefreshTokenReused,
        Self::RefreshTokenRevoked,
        Self::SigningKeyRotated,
        Self::TrustedTokenProfileAdded,
        Self::TrustedTokenProfileChanged,
        Self::TrustedTokenProfileRemoved,
        Self::UserAdded,
        Self::UserChanged,
        Self::UserDeleted,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::UserLocked,
        Self::UserPasswordRemoved,
        Self::UserPasswordSet,
        Self::UserSignedOut,
        Self::UserUnlocked,
        Self::WebhookAdded,
        Self::WebhookChanged,
        Self::WebhookRemoved,
        Self::WebhookSecretRotated,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientAdded => "client.added",
            Self::ClientChanged => "client.changed",
            Self::ClientDisabled => "client.disabled",
            Self::ClientEnabled => "client.enabled",
            Self::ClientRemoved => "client.removed",
            Self::ClientSecretRotationCancelled => "client.secret_rotation_cancelled",
            Self::ClientSecretRotationFinished => "client.secret_rotation_finished",
            Self::ClientSecretRotationStarted => "client.secret_rotation_started",
            Self::CodeReplayed => "code.replayed",
            Self::ConsentGiven => "consent.given",
            Self::ConsentNarrowed => "consent.narrowed",
            Self::GrantDisconnected => "grant.disconnected",
            Self::PolicyChanged => "policy.changed",
            Self::ProjectPublicTokenAdded => "project.public_token_added",
            Self::ProjectPublicTokenRemoved => "project.public_token_removed",
            Self::ProjectRestored => "project.restored",
            Self::ProjectSecretAdded => "project.secret_added",
            Self::ProjectSecretRemoved => "project.secret_removed",
            Self::ProjectSettingsChanged => "project.settings_changed",
            Self::RefreshTokenReused => "refresh_token.reused",
            Self::RefreshTokenRevoked => "refresh_token.revoked",
            Self::SigningKeyRotated => "signing_key.rotated",
            Self::TrustedTokenProfileAdded => "trusted_token_profile.added",
            Self::TrustedTokenProfileChanged => "trusted_token_profile.changed",
            Self::TrustedTokenProfileRemoved => "trusted_token_profile.removed",
            Self::UserAdded => "user.added",
            Self::UserChanged => "user.changed",
            Self::UserDeleted => "user.deleted",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
            Self::UserLocked => "user.locked",
            Self::UserPasswordRemoved => "user.password_removed",
            Self::UserPasswordSet => "user.password_set",
            Self::UserSignedOut => "user.signed_out",
            Self::UserUnlocked => "user.unlocked",
            Self::WebhookAdded => "webhook.added",
            Self::WebhookChanged => "webhook.changed",
            Self::WebhookRemoved => "webhook.removed",
            Self::WebhookSecretRotated => "webhook.secret_rotated",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Who made it happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The user, on our pages.
    User,
    /// The client, at the OAuth endpoints.
    Client,
    /// The host app's back end, by the management API.
    Host,
    /// Whoever has the command line.
    Operator,
    /// We ourselves, for what a stranger did.
    Server,
}

impl Actor {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
            Self::Host => "host",
            Self::Operator => "operator",
            Self::Server => "server",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Client, Self::Host, Self::Operator, Self::Server]
            .into_iter()
            .find(|actor| actor.as_str() == text)
    }
}

/// What is known of an event before the transaction that makes it happen, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// For one event only.
    pub id: EventId,
    pub actor: Actor,
    pub at: Timestamp,
}

impl Occasion {
    /// The event that it became.
    pub fn event(&self, kind: EventKind) -> AuditEvent {
        AuditEvent {
            id: self.id.clone(),
            kind,
            actor: self.actor,
            at: self.at,
            user_id: None,
            client_id: None,
            detail: Map::new(),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    pub id: EventId,
    pub kind: EventKind,
    pub actor: Actor,
    pub at: Timestamp,
    /// Whom it was about; mostly not who did it.
    pub user_id: Option<UserId>,
    pub client_id: Option<ClientId>,
    /// What the kind says there is. No secret, and nothing that a person has written.
    pub detail: Map<String, Value>,
}

impl AuditEvent {
    #[must_use]
    pub fn user(self, id: &UserId) -> Self {
        Self { user_id: Some(id.clone()), ..self }
    }

    #[must_use]
    pub fn client(self, id: &ClientId) -> Self {
        Self { client_id: Some(id.clone()), ..self }
    }

    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}

/// The names of the members in which two records differ, in the order of the alphabet. The values stay where they are:
/// a name is enough to know where to look, and no address and no key gets into a log.
pub fn changed<T: Serialize>(before: &T, after: &T) -> Vec<String> {
    let members = |record: &T| match serde_json::to_value(record) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let (before, after) = (members(before), members(after));
    let mut names: Vec<String> =
        before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// The names of what differs between two states of a user: as [`changed`], with the profile's members by their own names.
pub fn changed_of_user(before: &User, after: &User) -> Vec<String> {
    let mut names = changed(&before.profile, &after.profile);
    if before.external_id != after.external_id {
        names.push("external_id".to_owned());
    }
    if before.roles != after.roles {
        names.push("roles".to_owned());
    }
    names.sort();
    names
}

/// What a user's approval is in the log; nothing when they were not asked, or only whether it is them. `before` is the
/// grant as it was, if it was alive.
pub fn of_consent(
    occasion: &Occasion,
    approval: &Approval,
    before: Option<&Grant>,
    after: &Grant,
) -> Option<AuditEvent> {
    if !approval.remember {
        return None;
    }
    let withdrawn: Scope =
        before.map(|before| before.scope.filter(|value| !after.scope.contains(value))).unwrap_or_default();
    let kind = if withdrawn.is_empty() { EventKind::ConsentGiven } else { EventKind::ConsentNarrowed };
    let event = occasion
        .event(kind)
        .user(&after.user_id)
        .client(&after.client_id)
        .detail("scope", after.scope.to_string())
        .detail("resources", after.resources.clone());
    Some(if withdrawn.is_empty() { event } else { event.detail("withdrawn", withdrawn.to_string()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{API, NOW, grant, scope, user};
    use serde_json::json;

    fn occasion() -> Occasion {
        Occasion { id: EventId::new("event-test-1"), actor: Actor::Host, at: NOW }
    }

    fn approval(declined: &str) -> Approval {
        Approval {
            scope: scope("openid"),
            resources: vec![API.into()],
            expires_at: None,
            remember: true,
            declined: scope(declined),
        }
    }

    #[test]
    fn an_answer_gives_or_narrows_and_no_answer_is_no_event() {
        let before = Grant { scope: scope("openid email"), ..grant() };
        let after = |granted: &str| Grant { scope: scope(granted), resources: vec![API.into()], ..grant() };
        let kind = |before: Option<&Grant>, granted: &str| {
            of_consent(&occasion(), &approval(""), before, &after(granted)).map(|event| event.kind)
        };
        assert_eq!(kind(None, "openid"), Some(EventKind::ConsentGiven));
        assert_eq!(kind(Some(&before), "openid email phone"), Some(EventKind::ConsentGiven));
        assert_eq!(kind(Some(&before), "openid phone"), Some(EventKind::ConsentNarrowed));
        let silent = Approval { remember: false, ..approval("") };
        assert_eq!(of_consent(&occasion(), &silent, None, &after("openid")), None);

        let narrowed = of_consent(&occasion(), &approval("email"), Some(&before), &after("openid")).unwrap();
        let expected = json!({ "scope": "openid", "resources": [API], "withdrawn": "email" });
        assert_eq!(Value::Object(narrowed.detail), expected);
        assert_eq!((narrowed.user_id, narrowed.client_id), (Some(grant().user_id), Some(grant().client_id)));
    }

    #[test]
    fn what_changes_of_a_user_is_named() {
        let mut after = user();
        assert!(changed_of_user(&user(), &after).is_empty());
        after.roles.push("owner".to_owned());
        after.external_id = Some("another".to_owned());
        after.profile.username = Some("another".to_owned());
        assert_eq!(changed_of_user(&user(), &after), ["external_id", "roles", "username"]);
    }

    #[test]
    fn a_kind_is_known_by_its_name_and_each_has_its_own() {
        let names: std::collections::BTreeSet<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), EventKind::ALL.len());
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!((EventKind::parse("user.Disabled"), Actor::parse("root")), (None, None));
        assert_eq!(Actor::parse("operator"), Some(Actor::Operator));
    }

    #[test]
    fn an_occasion_becomes_an_event_about_somebody() {
        let event = occasion().event(EventKind::UserChanged).user(&user().id).detail("changed", ["roles"].as_slice());
        assert_eq!((event.at, event.user_id, event.client_id), (NOW, Some(user().id), None));
        assert_eq!(Value::Object(event.detail), json!({ "changed": ["roles"] }));
    }

    #[test]
    fn what_differs_is_named_and_not_shown() {
        let before = json!({ "name": "Notes", "redirect_uris": ["https://a.example/"], "logo_uri": null });
        let after = json!({ "name": "Notes", "redirect_uris": [], "scope": "openid", "logo_uri": null });
        assert_eq!(changed(&before, &after), ["redirect_uris", "scope"]);
        assert!(changed(&before, &before).is_empty());
    }
}
