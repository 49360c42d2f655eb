//! What must hold in a policy, whether a file, a seed or the management API brings it.
//!
//! Specs: RFC 6749 §3.3 (scope values), RFC 8707 §2 (resources); the names of most refusals are those of Stytch's contract.
//!
//! A refusal names what it is about before it says what is wrong.

use crate::{
    Refusal, Scope,
    full_access::FULL_ACCESS,
    policy::{Permission, Policy, RbacResource, STANDARD_SCOPES},
    rbac::{ANY_ACTION, EVERYBODY},
    refuse_api, resource,
};
use std::collections::BTreeSet;

/// Ids that begin so are not the project's to give.
const RESERVED: &str = "stytch";
const LONGEST_ID: usize = 128;
const LONGEST_DESCRIPTION: usize = 1024;
/// More of one kind would make every decision slow.
const MOST: usize = 500;

pub const ROLE_DUPLICATE: Refusal = refuse_api(400, "rbac_role_duplicate", "it is there twice");
pub const RESOURCE_DUPLICATE: Refusal = refuse_api(400, "rbac_resource_duplicate", "it is there twice");
pub const SCOPE_DUPLICATE: Refusal = refuse_api(400, "rbac_scope_duplicate", "it is there twice");
pub const ACTION_DUPLICATE: Refusal = refuse_api(400, "rbac_action_duplicate", "it has an action twice");
pub const EMPTY_ROLE: Refusal = refuse_api(400, "empty_rbac_role_id", "its id is empty");
pub const EMPTY_RESOURCE: Refusal = refuse_api(400, "empty_rbac_resource_id", "its id is empty");
pub const EMPTY_SCOPE: Refusal = refuse_api(400, "empty_rbac_scope", "it is empty");
pub const ROLE_TOO_LONG: Refusal = refuse_api(400, "rbac_role_id_too_long", "an id has 128 characters at most");
pub const RESOURCE_TOO_LONG: Refusal = refuse_api(400, "rbac_resource_id_too_long", "an id has 128 characters at most");
pub const SCOPE_TOO_LONG: Refusal = refuse_api(400, "rbac_scope_too_long", "it has 128 characters at most");
pub const ACTION_TOO_LONG: Refusal = refuse_api(400, "rbac_action_too_long", "an action has 1 to 128 characters");
pub const DESCRIPTION_TOO_LONG: Refusal =
    refuse_api(400, "rbac_description_too_long", "a description has 1024 characters at most");
pub const RESERVED_ID: Refusal =
    refuse_api(400, "invalid_rbac_role_id", "ids that begin with `stytch` are reserved; choose another");
pub const RESERVED_SCOPE: Refusal = refuse_api(
    400,
    "rbac_reserved_scope",
    "openid, profile, email, address, phone, offline_access and full_access are always there; take it out",
);
pub const NO_SCOPE_VALUE: Refusal =
    refuse_api(400, "invalid_argument", "this is no scope value: printable ASCII without blank, quote and backslash");
pub const PERMISSION_MISSING_ACTIONS: Refusal =
    refuse_api(400, "rbac_permission_missing_actions", "a permission names no action; name some, or `*`");
pub const WILDCARD_WITH_OTHERS: Refusal =
    refuse_api(400, "cannot_specify_wildcard_with_other_actions", "`*` stands for every action; leave out the others");
pub const UNKNOWN_ACTION: Refusal =
    refuse_api(400, "rbac_action_not_found", "a permission names an action that its resource does not have");
pub const TOO_MANY: Refusal =
    refuse_api(400, "invalid_argument", "there can be 500 roles, resources and scope values at most");
pub const UNKNOWN_DEFAULT_SCOPE: Refusal = refuse_api(
    400,
    "rbac_scope_in_use",
    "the project's default scope names it, and the policy does not have it; keep it, or change default_scope first",
);
pub const URI_DUPLICATE: Refusal = refuse_api(400, "invalid_argument", "this URI is there twice");
pub const TWO_DEFAULTS: Refusal =
    refuse_api(400, "invalid_argument", "it is the second resource that is the default one; one at most can be");

/// Whether the policy is consistent in itself.
pub fn validate(policy: &Policy) -> Result<(), Refusal> {
    let Policy { scopes, resources, roles, rbac_resources, default_scope, accept_any_resource: _ } = policy;
    if [scopes.len(), resources.len(), roles.len(), rbac_resources.len()].into_iter().any(|count| count > MOST) {
        return Err(TOO_MANY);
    }
    validate_rbac_resources(rbac_resources)?;
    validate_roles(policy)?;
    validate_scopes(policy)?;
    let unknown = default_scope.as_ref().and_then(|scope| scope.iter().find(|value| !policy.knows(value)));
    if let Some(value) = unknown {
        return Err(about("the scope value", value, &UNKNOWN_DEFAULT_SCOPE));
    }
    validate_resources(policy)
}

fn validate_rbac_resources(rbac_resources: &[RbacResource]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for own in rbac_resources {
        let check = || {
            check_length(&own.id, &EMPTY_RESOURCE, &RESOURCE_TOO_LONG)?;
            check_not_reserved(&own.id)?;
            check_description(&own.description)?;
            check_actions(&own.actions)
        };
        check().map_err(|refusal| about("the kind of things", &own.id, &refusal))?;
        if !seen.insert(&own.id) {
            return Err(about("the kind of things", &own.id, &RESOURCE_DUPLICATE));
        }
    }
    Ok(())
}

fn validate_roles(policy: &Policy) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for own in &policy.roles {
        let check = || {
            check_length(&own.id, &EMPTY_ROLE, &ROLE_TOO_LONG)?;
            if own.id != EVERYBODY {
                check_not_reserved(&own.id)?;
            }
            check_description(&own.description)?;
            check_permissions(&own.permissions, &policy.rbac_resources)
        };
        check().map_err(|refusal| about("the role", &own.id, &refusal))?;
        if !seen.insert(&own.id) {
            return Err(about("the role", &own.id, &ROLE_DUPLICATE));
        }
    }
    Ok(())
}

fn validate_scopes(policy: &Policy) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for own in &policy.scopes {
        let value = own.value.as_str();
        let check = || {
            check_length(value, &EMPTY_SCOPE, &SCOPE_TOO_LONG)?;
            if STANDARD_SCOPES.contains(&value) || value == FULL_ACCESS {
                return Err(RESERVED_SCOPE);
            }
            // RFC 6749 §3.3
            let is_one = Scope::parse(value).is_ok_and(|own| own.to_string() == value && own.iter().count() == 1);
            if !is_one {
                return Err(NO_SCOPE_VALUE);
            }
            check_description(&own.description)?;
            check_permissions(&own.permissions, &policy.rbac_resources)
        };
        check().map_err(|refusal| about("the scope value", value, &refusal))?;
        if !seen.insert(value) {
            return Err(about("the scope value", value, &SCOPE_DUPLICATE));
        }
    }
    Ok(())
}

fn validate_resources(policy: &Policy) -> Result<(), Refusal> {
    let (mut seen, mut has_default) = (BTreeSet::new(), false);
    for own in &policy.resources {
        // RFC 8707 §2
        resource::canonical(&own.uri).map_err(|refusal| about("the resource", &own.uri, &refusal))?;
        if !seen.insert(&own.uri) {
            return Err(about("the resource", &own.uri, &URI_DUPLICATE));
        }
        if own.default && has_default {
            return Err(about("the resource", &own.uri, &TWO_DEFAULTS));
        }
        has_default |= own.default;
    }
    Ok(())
}

/// The refusal with what it is about before it.
fn about(kind: &str, name: &str, refusal: &Refusal) -> Refusal {
    // What is too long to be a name is too long to be repeated.
    let name: String = name.chars().take(LONGEST_ID).collect();
    Refusal { error: refusal.error, description: format!("{kind} `{name}`: {}", refusal.description).into() }
}

fn check_length(id: &str, empty: &Refusal, too_long: &Refusal) -> Result<(), Refusal> {
    match id.chars().count() {
        0 => Err(empty.clone()),
        length if length > LONGEST_ID => Err(too_long.clone()),
        _ => Ok(()),
    }
}

fn check_not_reserved(id: &str) -> Result<(), Refusal> {
    if id.starts_with(RESERVED) { Err(RESERVED_ID) } else { Ok(()) }
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

/// What a kind of things can be done to is known only where the policy describes it.
fn check_permissions(permissions: &[Permission], described: &[RbacResource]) -> Result<(), Refusal> {
    for permission in permissions {
        check_length(&permission.resource_id, &EMPTY_RESOURCE, &RESOURCE_TOO_LONG)?;
        if permission.actions.is_empty() {
            return Err(PERMISSION_MISSING_ACTIONS);
        }
        check_actions(&permission.actions)?;
        let Some(resource) = described.iter().find(|own| own.id == permission.resource_id) else { continue };
        let is_known = |action: &String| action == ANY_ACTION || resource.actions.contains(action);
        if !permission.actions.iter().all(is_known) {
            return Err(UNKNOWN_ACTION);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{Resource, Role, ScopeValue},
        resource::MALFORMED,
        samples::scope,
    };

    fn permission(actions: &[&str]) -> Permission {
        let actions = actions.iter().map(|own| (*own).to_owned()).collect();
        Permission { resource_id: "notes".to_owned(), actions }
    }

    fn resource(uri: &str) -> Resource {
        Resource { uri: uri.to_owned(), name: String::new(), default: true, prefix: false }
    }

    fn policy() -> Policy {
        let role = |id: &str, actions: &[&str]| Role {
            id: id.to_owned(),
            description: String::new(),
            permissions: vec![permission(actions)],
        };
        Policy {
            scopes: vec![ScopeValue {
                value: "notes:write".to_owned(),
                description: "Change your notes".to_owned(),
                permissions: vec![permission(&["write"])],
                optional: true,
            }],
            resources: vec![resource("https://api.example")],
            roles: vec![role(EVERYBODY, &["read"]), role("editor", &["*"])],
            rbac_resources: vec![RbacResource {
                id: "notes".to_owned(),
                description: String::new(),
                actions: vec!["read".to_owned(), "write".to_owned()],
            }],
            default_scope: Some(scope("openid notes:write")),
            accept_any_resource: false,
        }
    }

    #[test]
    fn a_policy_may_leave_open_what_it_does_not_describe() {
        assert_eq!(validate(&Policy::default()), Ok(()));
        assert_eq!(validate(&policy()), Ok(()));
        let mut policy = policy();
        // Then nobody says what can be done to notes.
        policy.rbac_resources.clear();
        policy.roles[1].permissions[0].actions = vec!["sink".to_owned()];
        policy.scopes[0].permissions.clear();
        assert_eq!(validate(&policy), Ok(()));
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Policy), name: &str, expected: &Refusal) {
        let mut policy = policy();
        change(&mut policy);
        let refused = validate(&policy).expect_err(&expected.description);
        assert_eq!(refused.error, expected.error, "{refused}");
        let is_named = refused.description.ends_with(&format!("{name}: {}", expected.description));
        assert!(is_named || refused == *expected, "{refused}");
    }

    #[test]
    fn what_contradicts_itself_is_refused_by_its_name() {
        let long = "x".repeat(129);
        check(|p| p.roles.push(p.roles[1].clone()), "the role `editor`", &ROLE_DUPLICATE);
        check(|p| p.rbac_resources.push(p.rbac_resources[0].clone()), "`notes`", &RESOURCE_DUPLICATE);
        check(|p| p.scopes.push(p.scopes[0].clone()), "the scope value `notes:write`", &SCOPE_DUPLICATE);
        check(|p| p.resources.push(p.resources[0].clone()), "the resource `https://api.example`", &URI_DUPLICATE);
        check(|p| p.rbac_resources[0].actions.push("read".to_owned()), "`notes`", &ACTION_DUPLICATE);
        check(|p| p.roles[1].id.clear(), "``", &EMPTY_ROLE);
        check(|p| p.rbac_resources[0].id.clear(), "``", &EMPTY_RESOURCE);
        check(|p| p.roles[1].permissions[0].resource_id.clear(), "`editor`", &EMPTY_RESOURCE);
        check(|p| p.scopes[0].value.clear(), "``", &EMPTY_SCOPE);
        check(|p| p.roles[1].id.clone_from(&long), &format!("`{}`", &long[1..]), &ROLE_TOO_LONG);
        check(|p| p.rbac_resources[0].id.clone_from(&long), &format!("`{}`", &long[1..]), &RESOURCE_TOO_LONG);
        check(|p| p.scopes[0].value.clone_from(&long), &format!("`{}`", &long[1..]), &SCOPE_TOO_LONG);
        check(|p| p.rbac_resources[0].actions.push(long.clone()), "`notes`", &ACTION_TOO_LONG);
        check(|p| p.roles[1].description = "x".repeat(1025), "`editor`", &DESCRIPTION_TOO_LONG);
        check(|p| p.roles[1].id = "stytch_admin".to_owned(), "`stytch_admin`", &RESERVED_ID);
        check(|p| p.rbac_resources[0].id = "stytch.self".to_owned(), "`stytch.self`", &RESERVED_ID);
        for value in ["openid", "offline_access", "full_access"] {
            check(|p| p.scopes[0].value = value.to_owned(), &format!("`{value}`"), &RESERVED_SCOPE);
        }
        check(|p| p.scopes[0].value = "two words".to_owned(), "`two words`", &NO_SCOPE_VALUE);
        check(|p| p.roles[1].permissions[0].actions.clear(), "`editor`", &PERMISSION_MISSING_ACTIONS);
        check(|p| p.roles[1].permissions[0].actions.push("read".to_owned()), "`editor`", &WILDCARD_WITH_OTHERS);
        check(|p| p.roles[0].permissions[0].actions = vec!["sink".to_owned()], "`stytch_user`", &UNKNOWN_ACTION);
        check(|p| p.default_scope = Some(scope("openid boats")), "`boats`", &UNKNOWN_DEFAULT_SCOPE);
        check(|p| p.resources[0].uri = "notes".to_owned(), "the resource `notes`", &MALFORMED);
        check(|p| p.resources.push(resource("https://b.example")), "`https://b.example`", &TWO_DEFAULTS);
        check(|p| p.roles = vec![p.roles[1].clone(); 501], "", &TOO_MANY);
    }
}
