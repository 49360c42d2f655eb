//! Roles, resources and scope values as the management API reads and writes them, and what must hold among them.
//!
//! An RBAC resource is a kind of thing of the host app, with actions; it is no resource of RFC 8707.

use crate::{
    Refusal, Scope,
    full_access::FULL_ACCESS,
    policy::{Permission, Policy, RbacResource, Role, STANDARD_SCOPES, ScopeValue},
    refuse_api,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The role that everybody has.
pub const EVERYBODY: &str = "stytch_user";
/// Ids that begin so are not the project's to give.
const RESERVED: &str = "stytch";
/// Every action of a resource.
pub const ANY_ACTION: &str = "*";

const LONGEST_ID: usize = 128;
const LONGEST_DESCRIPTION: usize = 1024;
/// More of one kind would make every decision slow.
const MOST: usize = 500;

pub const ROLE_DUPLICATE: Refusal = refuse_api(400, "rbac_role_duplicate", "custom_roles: a role_id is there twice");
pub const RESOURCE_DUPLICATE: Refusal =
    refuse_api(400, "rbac_resource_duplicate", "custom_resources: a resource_id is there twice");
pub const SCOPE_DUPLICATE: Refusal = refuse_api(400, "rbac_scope_duplicate", "custom_scopes: a scope is there twice");
pub const ACTION_DUPLICATE: Refusal =
    refuse_api(400, "rbac_action_duplicate", "a resource or permission has an action twice");
pub const EMPTY_ROLE: Refusal = refuse_api(400, "empty_rbac_role_id", "custom_roles: a role_id is empty");
pub const EMPTY_RESOURCE: Refusal = refuse_api(400, "empty_rbac_resource_id", "a resource_id is empty");
pub const EMPTY_SCOPE: Refusal = refuse_api(400, "empty_rbac_scope", "custom_scopes: a scope is empty");
pub const ROLE_TOO_LONG: Refusal =
    refuse_api(400, "rbac_role_id_too_long", "custom_roles: a role_id has 128 characters at most");
pub const RESOURCE_TOO_LONG: Refusal =
    refuse_api(400, "rbac_resource_id_too_long", "a resource_id has 128 characters at most");
pub const SCOPE_TOO_LONG: Refusal =
    refuse_api(400, "rbac_scope_too_long", "custom_scopes: a scope has 128 characters at most");
pub const ACTION_TOO_LONG: Refusal = refuse_api(400, "rbac_action_too_long", "an action has 1 to 128 characters");
pub const DESCRIPTION_TOO_LONG: Refusal =
    refuse_api(400, "rbac_description_too_long", "a description has 1024 characters at most");
pub const RESERVED_ROLE: Refusal = refuse_api(
    400,
    "invalid_rbac_role_id",
    "ids that begin with `stytch` are reserved; choose another role_id or resource_id",
);
pub const RESERVED_SCOPE: Refusal = refuse_api(
    400,
    "rbac_reserved_scope",
    "custom_scopes: openid, profile, email, address, phone, offline_access and full_access are always there; take them out",
);
pub const NO_SCOPE_VALUE: Refusal =
    refuse_api(400, "invalid_argument", "custom_scopes: a scope is printable ASCII without blank, quote and backslash");
pub const PERMISSION_MISSING_ACTIONS: Refusal =
    refuse_api(400, "rbac_permission_missing_actions", "a permission names no action; name some, or `*`");
pub const SCOPE_MISSING_PERMISSIONS: Refusal = refuse_api(
    400,
    "rbac_scope_missing_permissions",
    "custom_scopes: a scope needs a permission, else it means nothing",
);
pub const WILDCARD_WITH_OTHERS: Refusal =
    refuse_api(400, "cannot_specify_wildcard_with_other_actions", "`*` stands for every action; leave out the others");
pub const UNKNOWN_RESOURCE: Refusal =
    refuse_api(400, "rbac_resource_not_found", "a permission names a resource_id that custom_resources does not have");
pub const UNKNOWN_ACTION: Refusal =
    refuse_api(400, "rbac_action_not_found", "a permission names an action that its resource does not have");
pub const TOO_MANY: Refusal =
    refuse_api(400, "invalid_argument", "there can be 500 roles, resources and scopes at most");

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

    /// `policy` with these roles, resources and scope values in the place of its own; the rest stays.
    pub fn apply(self, policy: &Policy) -> Result<Policy, Refusal> {
        validate(&self)?;
        let everybody =
            Role { id: EVERYBODY.to_owned(), description: String::new(), permissions: self.stytch_user.permissions };
        let custom = self.custom_roles.into_iter().map(|own| Role {
            id: own.role_id,
            description: own.description,
            permissions: own.permissions,
        });
        Ok(Policy {
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
        })
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

fn validate(document: &Document) -> Result<(), Refusal> {
    let Document { stytch_user, custom_roles, custom_resources, custom_scopes } = document;
    if [custom_roles.len(), custom_resources.len(), custom_scopes.len()].into_iter().any(|count| count > MOST) {
        return Err(TOO_MANY);
    }
    let mut seen = BTreeSet::new();
    for resource in custom_resources {
        check_id(&resource.resource_id, &EMPTY_RESOURCE, &RESOURCE_TOO_LONG)?;
        check_not_reserved(&resource.resource_id)?;
        check_description(&resource.description)?;
        check_actions(&resource.available_actions)?;
        if !seen.insert(&resource.resource_id) {
            return Err(RESOURCE_DUPLICATE);
        }
    }
    let mut seen = BTreeSet::new();
    for role in custom_roles {
        check_id(&role.role_id, &EMPTY_ROLE, &ROLE_TOO_LONG)?;
        check_not_reserved(&role.role_id)?;
        check_description(&role.description)?;
        check_permissions(&role.permissions, custom_resources)?;
        if !seen.insert(&role.role_id) {
            return Err(ROLE_DUPLICATE);
        }
    }
    check_permissions(&stytch_user.permissions, custom_resources)?;
    let mut seen = BTreeSet::new();
    for scope in custom_scopes {
        check_id(&scope.scope, &EMPTY_SCOPE, &SCOPE_TOO_LONG)?;
        if STANDARD_SCOPES.contains(&scope.scope.as_str()) || scope.scope == FULL_ACCESS {
            return Err(RESERVED_SCOPE);
        }
        // RFC 6749 §3.3
        if !Scope::parse(&scope.scope)
            .is_ok_and(|parsed| parsed.to_string() == scope.scope && parsed.iter().count() == 1)
        {
            return Err(NO_SCOPE_VALUE);
        }
        check_description(&scope.description)?;
        if scope.permissions.is_empty() {
            return Err(SCOPE_MISSING_PERMISSIONS);
        }
        check_permissions(&scope.permissions, custom_resources)?;
        if !seen.insert(&scope.scope) {
            return Err(SCOPE_DUPLICATE);
        }
    }
    Ok(())
}

fn check_id(id: &str, empty: &Refusal, too_long: &Refusal) -> Result<(), Refusal> {
    match id.chars().count() {
        0 => Err(empty.clone()),
        length if length > LONGEST_ID => Err(too_long.clone()),
        _ => Ok(()),
    }
}

fn check_not_reserved(id: &str) -> Result<(), Refusal> {
    if id.starts_with(RESERVED) { Err(RESERVED_ROLE) } else { Ok(()) }
}

fn check_description(text: &str) -> Result<(), Refusal> {
    if text.chars().count() > LONGEST_DESCRIPTION { Err(DESCRIPTION_TOO_LONG) } else { Ok(()) }
}

fn check_actions(actions: &[String]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for action in actions {
        if action.is_empty() || action.chars().count() > LONGEST_ID {
            return Err(ACTION_TOO_LONG);
        }
        if !seen.insert(action) {
            return Err(ACTION_DUPLICATE);
        }
    }
    if actions.len() > 1 && actions.iter().any(|action| action == ANY_ACTION) {
        return Err(WILDCARD_WITH_OTHERS);
    }
    Ok(())
}

fn check_permissions(permissions: &[Permission], resources: &[CustomResource]) -> Result<(), Refusal> {
    for permission in permissions {
        if permission.resource_id.is_empty() {
            return Err(EMPTY_RESOURCE);
        }
        let resource =
            resources.iter().find(|own| own.resource_id == permission.resource_id).ok_or(UNKNOWN_RESOURCE)?;
        if permission.actions.is_empty() {
            return Err(PERMISSION_MISSING_ACTIONS);
        }
        check_actions(&permission.actions)?;
        let is_known = |action: &String| action == ANY_ACTION || resource.available_actions.contains(action);
        if !permission.actions.iter().all(is_known) {
            return Err(UNKNOWN_ACTION);
        }
    }
    Ok(())
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
        assert_eq!(document.apply(&Policy::default()), Err(expected.clone()));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let long = "x".repeat(129);
        check(|d| d.custom_roles.push(d.custom_roles[0].clone()), &ROLE_DUPLICATE);
        check(|d| d.custom_resources.push(d.custom_resources[0].clone()), &RESOURCE_DUPLICATE);
        check(|d| d.custom_scopes.push(d.custom_scopes[0].clone()), &SCOPE_DUPLICATE);
        check(|d| d.custom_resources[0].available_actions.push("read".to_owned()), &ACTION_DUPLICATE);
        check(|d| d.custom_roles[0].role_id.clear(), &EMPTY_ROLE);
        check(|d| d.custom_resources[0].resource_id.clear(), &EMPTY_RESOURCE);
        check(|d| d.custom_scopes[0].scope.clear(), &EMPTY_SCOPE);
        check(|d| d.custom_roles[0].role_id.clone_from(&long), &ROLE_TOO_LONG);
        check(|d| d.custom_resources[0].resource_id.clone_from(&long), &RESOURCE_TOO_LONG);
        check(|d| d.custom_scopes[0].scope.clone_from(&long), &SCOPE_TOO_LONG);
        check(|d| d.custom_resources[0].available_actions.push(long.clone()), &ACTION_TOO_LONG);
        check(|d| d.custom_roles[0].description = "x".repeat(1025), &DESCRIPTION_TOO_LONG);
        check(|d| d.custom_roles[0].role_id = "stytch_admin".to_owned(), &RESERVED_ROLE);
        check(|d| d.custom_scopes[0].scope = "openid".to_owned(), &RESERVED_SCOPE);
        check(|d| d.custom_scopes[0].scope = "full_access".to_owned(), &RESERVED_SCOPE);
        check(|d| d.custom_scopes[0].scope = "two words".to_owned(), &NO_SCOPE_VALUE);
        check(|d| d.custom_roles[0].permissions[0].actions.clear(), &PERMISSION_MISSING_ACTIONS);
        check(|d| d.custom_scopes[0].permissions.clear(), &SCOPE_MISSING_PERMISSIONS);
        check(|d| d.custom_roles[0].permissions[0].actions.push("read".to_owned()), &WILDCARD_WITH_OTHERS);
        check(|d| d.stytch_user.permissions[0].resource_id = "boats".to_owned(), &UNKNOWN_RESOURCE);
        check(|d| d.stytch_user.permissions[0].actions = vec!["sink".to_owned()], &UNKNOWN_ACTION);
        check(|d| d.custom_roles = vec![d.custom_roles[0].clone(); 501], &TOO_MANY);
    }
}
