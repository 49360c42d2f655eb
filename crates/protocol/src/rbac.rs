//! Roles, resources and scope values as the management API reads and writes them. What must hold among them is in
//! `policy_rules`; here is what this form asks for beyond that.
//!
//! An RBAC resource is a kind of thing of the host app, with actions; it is no resource of RFC 8707.

use crate::{
    Refusal,
    policy::{Permission, Policy, RbacResource, Role, ScopeValue},
    policy_rules::{self, RESERVED_ID},
    refuse_api,
};
use serde::{Deserialize, Serialize};

/// The role that everybody has.
pub const EVERYBODY: &str = "stytch_user";
/// Every action of a resource.
pub const ANY_ACTION: &str = "*";

pub const SCOPE_MISSING_PERMISSIONS: Refusal = refuse_api(
    400,
    "rbac_scope_missing_permissions",
    "custom_scopes: a scope needs a permission, else it means nothing",
);
pub const UNKNOWN_RESOURCE: Refusal =
    refuse_api(400, "rbac_resource_not_found", "a permission names a resource_id that custom_resources does not have");

/// What a project writes: the whole of its roles, resources and scope values.
///
/// A member that is not known is refused: what is absent is taken away, so a policy in the form in which it is read, with
/// `roles` and `scopes`, would take away everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    #[serde(default)]
    pub stytch_user: Everybody,
    #[serde(default)]
    pub custom_roles: Vec<CustomRole>,
    #[serde(default)]
    pub custom_resources: Vec<CustomResource>,
    #[serde(default)]
    pub custom_scopes: Vec<CustomScope>,
}

/// What everybody may do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Everybody {
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomRole {
    pub role_id: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomResource {
    pub resource_id: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub available_actions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomScope {
    pub scope: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// Ours: the user may leave it out on the consent page.
    #[serde(default)]
    pub optional: bool,
}

impl Document {
    /// What `policy` has now, in the form in which it is written.
    pub fn of(policy: &Policy) -> Self {
        let everybody = policy.roles.iter().find(|role| role.id == EVERYBODY);
        Self {
            stytch_user: Everybody { permissions: everybody.map(|own| own.permissions.clone()).unwrap_or_default() },
            custom_roles: policy
                .roles
                .iter()
                .filter(|role| role.id != EVERYBODY)
                .map(|role| CustomRole {
                    role_id: role.id.clone(),
                    description: role.description.clone(),
                    permissions: role.permissions.clone(),
                })
                .collect(),
            custom_resources: resources(policy)
                .into_iter()
                .map(|own| CustomResource {
                    resource_id: own.id,
                    description: own.description,
                    available_actions: own.actions,
                })
                .collect(),
            custom_scopes: policy
                .scopes
                .iter()
                .map(|own| CustomScope {
                    scope: own.value.clone(),
                    description: own.description.clone(),
                    permissions: own.permissions.clone(),
                    optional: own.optional,
                })
                .collect(),
        }
    }

    /// `policy` with these roles, resources and scope values in the place of its own, if that can be used; the rest
    /// stays.
    pub fn apply(self, policy: &Policy) -> Result<Policy, Refusal> {
        // The one that everybody has stands apart.
        if self.custom_roles.iter().any(|role| role.role_id == EVERYBODY) {
            return Err(RESERVED_ID);
        }
        let described = check_described(&self);
        let next = self.written_into(policy);
        policy_rules::validate(&next)?;
        described.map(|()| next)
    }

    fn written_into(self, policy: &Policy) -> Policy {
        let everybody =
            Role { id: EVERYBODY.to_owned(), description: String::new(), permissions: self.stytch_user.permissions };
        let custom = self.custom_roles.into_iter().map(|own| Role {
            id: own.role_id,
            description: own.description,
            permissions: own.permissions,
        });
        Policy {
            roles: Some(everybody).filter(|own| !own.permissions.is_empty()).into_iter().chain(custom).collect(),
            rbac_resources: self
                .custom_resources
                .into_iter()
                .map(|own| RbacResource {
                    id: own.resource_id,
                    description: own.description,
                    actions: own.available_actions,
                })
                .collect(),
            scopes: self
                .custom_scopes
                .into_iter()
                .map(|own| ScopeValue {
                    value: own.scope,
                    description: own.description,
                    permissions: own.permissions,
                    optional: own.optional,
                })
                .collect(),
            ..policy.clone()
        }
    }
}

/// The RBAC resources of a policy: those it describes, and those that only permissions name.
pub fn resources(policy: &Policy) -> Vec<RbacResource> {
    let mut all = policy.rbac_resources.clone();
    let permissions = policy.roles.iter().flat_map(|role| &role.permissions);
    for permission in permissions.chain(policy.scopes.iter().flat_map(|scope| &scope.permissions)) {
        if policy.rbac_resources.iter().any(|own| own.id == permission.resource_id) {
            continue;
        }
        let at = all.iter().position(|own| own.id == permission.resource_id).unwrap_or_else(|| {
            all.push(RbacResource {
                id: permission.resource_id.clone(),
                description: String::new(),
                actions: Vec::new(),
            });
            all.len() - 1
        });
        let Some(resource) = all.get_mut(at) else { continue };
        for action in permission.actions.iter().filter(|action| *action != ANY_ACTION) {
            if !resource.actions.contains(action) {
                resource.actions.push(action.clone());
            }
        }
    }
    all
}

/// What a file may leave open, this form may not: it says of every scope value what stands behind it, and of every
/// permission what it is about.
fn check_described(document: &Document) -> Result<(), Refusal> {
    let Document { stytch_user, custom_roles, custom_resources, custom_scopes } = document;
    if custom_scopes.iter().any(|scope| scope.permissions.is_empty()) {
        return Err(SCOPE_MISSING_PERMISSIONS);
    }
    let mut permissions = stytch_user
        .permissions
        .iter()
        .chain(custom_roles.iter().flat_map(|role| &role.permissions))
        .chain(custom_scopes.iter().flat_map(|scope| &scope.permissions));
    let is_described =
        |permission: &Permission| custom_resources.iter().any(|own| own.resource_id == permission.resource_id);
    if permissions.all(is_described) { Ok(()) } else { Err(UNKNOWN_RESOURCE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(resource: &str, actions: &[&str]) -> Permission {
        Permission { resource_id: resource.to_owned(), actions: actions.iter().map(|own| (*own).to_owned()).collect() }
    }

    fn document() -> Document {
        Document {
            stytch_user: Everybody { permissions: vec![permission("notes", &["read"])] },
            custom_roles: vec![CustomRole {
                role_id: "editor".to_owned(),
                description: "Changes notes".to_owned(),
                permissions: vec![permission("notes", &["*"])],
            }],
            custom_resources: vec![CustomResource {
                resource_id: "notes".to_owned(),
                description: String::new(),
                available_actions: vec!["read".to_owned(), "write".to_owned()],
            }],
            custom_scopes: vec![CustomScope {
                scope: "notes:write".to_owned(),
                description: "Change your notes".to_owned(),
                permissions: vec![permission("notes", &["write"])],
                optional: true,
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_the_rest_of_the_policy_stays() {
        let before = Policy { accept_any_resource: true, ..Policy::default() };
        let policy = document().apply(&before).unwrap();
        assert!(policy.accept_any_resource);
        assert_eq!(Document::of(&policy), document());
    }

    #[test]
    fn resources_that_only_permissions_name_are_there_too() {
        let policy = Policy { rbac_resources: Vec::new(), ..document().apply(&Policy::default()).unwrap() };
        let [resource] = resources(&policy).try_into().unwrap();
        assert_eq!((resource.id.as_str(), resource.actions), ("notes", vec!["read".to_owned(), "write".to_owned()]));
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Document), expected: &Refusal) {
        let mut document = document();
        change(&mut document);
        let refused = document.apply(&Policy::default()).expect_err(&expected.description);
        assert_eq!(refused.error, expected.error, "{refused}");
    }

    #[test]
    fn every_permission_is_about_something_that_is_described() {
        check(|d| d.custom_scopes[0].permissions.clear(), &SCOPE_MISSING_PERMISSIONS);
        check(|d| d.stytch_user.permissions[0].resource_id = "boats".to_owned(), &UNKNOWN_RESOURCE);
        check(|d| d.custom_roles[0].permissions[0].resource_id = "boats".to_owned(), &UNKNOWN_RESOURCE);
        check(|d| d.custom_scopes[0].permissions[0].resource_id = "boats".to_owned(), &UNKNOWN_RESOURCE);
        check(|d| d.custom_roles[0].role_id = EVERYBODY.to_owned(), &RESERVED_ID);
    }

    #[test]
    fn the_rules_of_every_policy_hold() {
        check(|d| d.custom_roles.push(d.custom_roles[0].clone()), &policy_rules::ROLE_DUPLICATE);
        check(|d| d.custom_scopes[0].scope = "full_access".to_owned(), &policy_rules::RESERVED_SCOPE);
        let policy = Policy { default_scope: Some(crate::samples::scope("openid boats")), ..Policy::default() };
        let refused = document().apply(&policy).unwrap_err();
        assert_eq!(refused.error, policy_rules::UNKNOWN_DEFAULT_SCOPE.error, "{refused}");
    }
}
