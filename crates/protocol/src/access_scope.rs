//! What an access token of a user's authorization may hold: never more than every party allows now.
//!
//! Specs: RFC 6749 §3.3, §5.1 and §6, OAuth 2.1 §4.3.1, RFC 8707 §2.2.
//!
//! A request narrows one access token; it never changes what the family holds. Whoever issues tokens answers with
//! `scope` when it differs from what was asked for (RFC 6749 §5.1).

use crate::{
    client::GrantType,
    error::{
        ErrorCode::{InvalidGrant, InvalidScope, InvalidTarget},
        Refusal, refuse,
    },
    liveness::Alive,
    policy::Policy,
    resource,
    scope::{OFFLINE_ACCESS, Scope},
};

pub const OUTSIDE_AUTHORIZATION: Refusal =
    refuse(InvalidScope, "scope has a value that the user did not authorize; ask for it at the authorization endpoint");
pub const NOTHING_LEFT: Refusal = refuse(
    InvalidGrant,
    "nothing is left of the authorized scope: the user, their roles or the client's registration no longer allow it",
);
pub const RESOURCE_OUTSIDE_AUTHORIZATION: Refusal =
    refuse(InvalidTarget, "resource was not authorized by the user; name it at the authorization endpoint");
pub const RESOURCE_NO_LONGER_ALLOWED: Refusal =
    refuse(InvalidTarget, "the authorized resource is no longer open to this client");

/// The scope of one access token: authorized ∩ requested ∩ the grant ∩ the client ∩ the user's roles, each as it is now.
///
/// Only what lies outside the authorization is the request's fault. What the others took away since is dropped, so that
/// a client which repeats its old scope goes on with less.
pub fn narrow(
    authorized: &Scope,
    requested: Option<&Scope>,
    alive: &Alive<'_>,
    policy: &Policy,
) -> Result<Scope, Refusal> {
    let asked = match requested.filter(|scope| !scope.is_empty()) {
        // RFC 6749 §6: must not include what was not originally granted
        Some(scope) if !scope.is_subset_of(authorized) => return Err(OUTSIDE_AUTHORIZATION),
        Some(scope) => scope,
        // RFC 6749 §6: omitted means what was granted
        None => authorized,
    };
    let client = alive.client;
    let scope = asked.filter(|value| {
        alive.grant.scope.contains(value)
            && client.settings.scope.as_ref().is_none_or(|ceiling| ceiling.contains(value))
            && (value != OFFLINE_ACCESS || client.may_use(GrantType::RefreshToken))
            && policy.is_grantable(value, alive.user)
    });
    if scope.is_empty() { Err(NOTHING_LEFT) } else { Ok(scope) }
}

/// The resources of one access token, as registered: those `requested` (as the client wrote them), else all authorized
/// ones. Empty only when the authorization names none.
pub fn narrow_resources(
    authorized: &[String],
    requested: &[String],
    alive: &Alive<'_>,
    policy: &Policy,
) -> Result<Vec<String>, Refusal> {
    let is_allowed_now = |resource: &String| {
        let client = alive.client.settings.resources.as_ref();
        alive.grant.resources.contains(resource)
            && client.is_none_or(|own| own.contains(resource))
            && (policy.accept_any_resource || policy.resources.iter().any(|own| own.uri == *resource))
    };
    if requested.is_empty() {
        let resources: Vec<String> = authorized.iter().filter(|own| is_allowed_now(own)).cloned().collect();
        // An empty audience would be a wider one.
        let is_lost = resources.is_empty() && !authorized.is_empty();
        return if is_lost { Err(RESOURCE_NO_LONGER_ALLOWED) } else { Ok(resources) };
    }
    let resources = resource::resolve(requested, alive.client, policy)?;
    // RFC 8707 §2.2: limited to what the authorization request named
    if !resources.iter().all(|resource| authorized.contains(resource)) {
        return Err(RESOURCE_OUTSIDE_AUTHORIZATION);
    }
    if resources.iter().all(is_allowed_now) { Ok(resources) } else { Err(RESOURCE_NO_LONGER_ALLOWED) }
}
