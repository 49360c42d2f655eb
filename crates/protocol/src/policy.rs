//! What a project offers: scope values, resources, roles. One document, read and written whole.

use crate::{
    client::ClientSettings,
    rbac::{ANY_ACTION, EVERYBODY},
    scope::Scope,
    user::User,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The scope values every project has (OIDC Core §5.4 and §11).
pub const STANDARD_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Scope values beyond the standard ones.
    #[serde(default)]
    pub scopes: Vec<ScopeValue>,
    #[serde(default)]
    pub resources: Vec<Resource>,
    #[serde(default)]
    pub roles: Vec<Role>,
    /// The kinds of things that permissions are about. Those that only permissions name need not be here.
    #[serde(default)]
    pub rbac_resources: Vec<RbacResource>,
    /// What a client gets that asks for no scope and has no default of its own; `None` means `openid`.
    #[serde(default)]
    pub default_scope: Option<Scope>,
    /// For development: accept any https resource, with the requested canonical value as audience.
    #[serde(default)]
    pub accept_any_resource: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeValue {
    pub value: String,
    /// In plain words, for the consent page.
    pub description: String,
    /// The user's roles must cover all of these, else the value cannot be granted.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// The user may leave it out on the consent page.
    #[serde(default)]
    pub optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// The RFC 8707 URI as the resource server published it; becomes `aud` byte for byte.
    pub uri: String,
    #[serde(default)]
    pub name: String,
    /// The audience of tokens whose request names no resource.
    #[serde(default)]
    pub default: bool,
    /// Also stands for every path below it.
    #[serde(default)]
    pub prefix: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub id: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

/// A kind of thing of the host app, and what can be done with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RbacResource {
    pub id: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub actions: Vec<String>,
}

/// Actions on one kind of thing of the host app; `*` stands for every action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    pub resource_id: String,
    pub actions: Vec<String>,
}

impl Role {
    /// Whether the role alone allows `action` on `resource_id`.
    pub fn allows(&self, resource_id: &str, action: &str) -> bool {
        self.permissions.iter().any(|held| {
            held.resource_id == resource_id && held.actions.iter().any(|own| own == ANY_ACTION || own == action)
        })
    }
}

impl Policy {
    pub fn scope_value(&self, value: &str) -> Option<&ScopeValue> {
        self.scopes.iter().find(|own| own.value == value)
    }

    pub fn knows(&self, value: &str) -> bool {
        STANDARD_SCOPES.contains(&value) || self.scope_value(value).is_some()
    }

    /// What a client is registered for, this policy has and `next` has not: scope values and resources.
    pub fn lost_by(&self, next: &Self, settings: &ClientSettings) -> Vec<String> {
        let scopes = [&settings.scope, &settings.default_scope].into_iter().flatten().flat_map(Scope::iter);
        let lost: BTreeSet<_> = scopes.filter(|value| self.knows(value) && !next.knows(value)).collect();
        let has = |policy: &Self, uri: &String| {
            policy.accept_any_resource || policy.resources.iter().any(|own| own.uri == *uri)
        };
        let resources = settings.resources.iter().flatten().filter(|uri| has(self, uri) && !has(next, uri));
        lost.into_iter().map(str::to_owned).chain(resources.cloned()).collect()
    }

    /// Those of `roles` that allow `action` on `resource_id`.
    pub fn granting_roles(&self, roles: &[String], resource_id: &str, action: &str) -> Vec<String> {
        let held = self.roles.iter().filter(|role| roles.contains(&role.id));
        held.filter(|role| role.allows(resource_id, action)).map(|role| role.id.clone()).collect()
    }

    /// Whether `user` may pass `value` on: their roles, with the one that everybody has, cover every permission behind
    /// it. `*` means every action of the resource. An app never gets more than its user has.
    pub fn is_grantable(&self, value: &str, user: &User) -> bool {
        let Some(scope_value) = self.scope_value(value) else {
            return STANDARD_SCOPES.contains(&value);
        };
        let may = |resource: &str, action: &str| {
            let is_held = |role: &Role| role.id == EVERYBODY || user.roles.contains(&role.id);
            self.roles.iter().any(|role| is_held(role) && role.allows(resource, action))
        };
        scope_value.permissions.iter().all(|needed| {
            let resource = needed.resource_id.as_str();
            // A permission that names no action is a mistake, and a mistake opens nothing.
            !needed.actions.is_empty()
                && needed.actions.iter().all(|action| {
                    let described = self.rbac_resources.iter().find(|own| own.id == resource);
                    may(resource, action)
                        || action == ANY_ACTION
                            && described.is_some_and(|own| {
                                !own.actions.is_empty() && own.actions.iter().all(|action| may(resource, action))
                            })
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_allows_the_actions_that_it_names_or_all_of_them() {
        let role = |id: &str, resource_id: &str, actions: &[&str]| Role {
            description: String::new(),
            id: id.into(),
            permissions: vec![Permission {
                resource_id: resource_id.into(),
                actions: actions.iter().map(|action| (*action).into()).collect(),
            }],
        };
        let roles =
            vec![role("reader", "notes", &["read"]), role("admin", "notes", &["*"]), role("other", "files", &["*"])];
        let policy = Policy { roles, ..Policy::default() };
        let all = ["reader", "admin", "other", "invented"].map(String::from);
        assert_eq!(policy.granting_roles(&all, "notes", "read"), ["reader", "admin"]);
        assert_eq!(policy.granting_roles(&all, "notes", "write"), ["admin"]);
        assert_eq!(policy.granting_roles(&all[..1], "notes", "*"), [""; 0]);
        assert_eq!(policy.granting_roles(&all, "Notes", "read"), [""; 0]);
        assert_eq!(policy.granting_roles(&[], "notes", "read"), [""; 0]);
    }

    #[test]
    fn what_a_client_is_registered_for_is_lost_only_when_it_was_there() {
        let scope = |value: &str| ScopeValue {
            value: value.into(),
            description: String::new(),
            permissions: Vec::new(),
            optional: false,
        };
        let resource = |uri: &str| Resource { uri: uri.into(), name: String::new(), default: false, prefix: false };
        let now = Policy {
            scopes: vec![scope("notes.read"), scope("notes.write")],
            resources: vec![resource("https://a.example"), resource("https://b.example")],
            ..Policy::default()
        };
        let settings = ClientSettings {
            scope: Some(crate::samples::scope("openid notes.read notes.write invented")),
            default_scope: Some(crate::samples::scope("notes.read")),
            resources: Some(vec!["https://a.example".into(), "https://c.example".into()]),
            ..crate::samples::client().settings
        };
        let less = Policy { scopes: vec![scope("notes.write")], ..now.clone() };
        let elsewhere = Policy { resources: vec![resource("https://b.example")], ..now.clone() };
        let anywhere = Policy { accept_any_resource: true, ..elsewhere.clone() };
        assert_eq!(now.lost_by(&now, &settings), [""; 0]);
        assert_eq!(now.lost_by(&less, &settings), ["notes.read"]);
        assert_eq!(now.lost_by(&elsewhere, &settings), ["https://a.example"]);
        assert_eq!(now.lost_by(&anywhere, &settings), [""; 0]);
        // A client that is registered for nothing in particular loses nothing that it needs.
        assert_eq!(now.lost_by(&Policy::default(), &crate::samples::client().settings), [""; 0]);
    }

    #[test]
    fn everybody_has_the_role_of_everybody_and_a_star_means_every_action_of_the_resource() {
        let permission = |actions: &[&str]| Permission {
            resource_id: "notes".into(),
            actions: actions.iter().map(|action| (*action).into()).collect(),
        };
        let role = |id: &str, actions: &[&str]| Role {
            id: id.into(),
            description: String::new(),
            permissions: vec![permission(actions)],
        };
        let scope = |value: &str, actions: &[&str]| ScopeValue {
            value: value.into(),
            description: String::new(),
            permissions: vec![permission(actions)],
            optional: false,
        };
        let mut policy = Policy {
            roles: vec![role(EVERYBODY, &["read"]), role("writer", &["write"])],
            scopes: vec![scope("notes:read", &["read"]), scope("notes:all", &["*"])],
            ..Policy::default()
        };
        let nobody = User { roles: Vec::new(), ..crate::samples::user() };
        let writer = User { roles: vec!["writer".into()], ..crate::samples::user() };
        assert!(policy.is_grantable("notes:read", &nobody));
        // Nobody has said what all the actions are.
        assert!(!policy.is_grantable("notes:all", &writer));
        policy.rbac_resources = vec![RbacResource {
            id: "notes".into(),
            description: String::new(),
            actions: vec!["read".into(), "write".into()],
        }];
        assert!(policy.is_grantable("notes:all", &writer));
        assert!(!policy.is_grantable("notes:all", &nobody));
        policy.rbac_resources[0].actions.push("delete".into());
        assert!(!policy.is_grantable("notes:all", &writer));
    }
}
