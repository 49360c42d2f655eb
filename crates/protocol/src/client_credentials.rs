//! What a client gets in its own name: the client credentials grant.
//!
//! Specs: RFC 6749 §4.4, OAuth 2.1 §4.2, RFC 8707 §2.2, RFC 9068 §2.2.
//!
//! There is no user, so nothing about a user is ever in such a token, and no refresh token is issued
//! (RFC 6749 §4.4.3).

use crate::{
    client::{Client, GrantType},
    error::{
        ErrorCode::{InvalidScope, UnauthorizedClient},
        Refusal, refuse,
    },
    policy::{Policy, STANDARD_SCOPES},
    resource,
    scope::Scope,
};

pub const PUBLIC_CLIENT: Refusal =
    refuse(UnauthorizedClient, "a public client cannot use client_credentials: it proves nothing about itself");
pub const NOT_REGISTERED: Refusal = refuse(UnauthorizedClient, "this client is not registered for client_credentials");
pub const OUTSIDE_REGISTRATION: Refusal =
    refuse(InvalidScope, "scope has a value that this client is not registered for, or that this server does not know");
pub const ONLY_FOR_USERS: Refusal =
    refuse(InvalidScope, "scope has only values about a user, such as openid; there is no user in client_credentials");

/// What may be issued to a client in its own name; made by [`decide`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Empty only when the client asked for nothing and nothing is configured.
    pub scope: Scope,
    /// As registered; empty when the project has no default resource.
    pub resources: Vec<String>,
    seal: Seal,
}

/// Only this module can make one, so whoever holds a sealed value knows that it was checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seal;

/// Decides what an authenticated `client` gets. `resources` are as the client wrote them.
///
/// Values about a user are left out in silence, since libraries add `openid` to every request. A value beyond the
/// registration is an error: nobody stands between to agree to less, and a service that runs with less than it asked
/// for fails later and elsewhere.
pub fn decide(
    client: &Client,
    requested: Option<&Scope>,
    resources: &[String],
    policy: &Policy,
) -> Result<Entitlement, Refusal> {
    // OAuth 2.1 §4.2: confidential clients only
    if client.is_public() {
        return Err(PUBLIC_CLIENT);
    }
    // RFC 6749 §5.2
    if !client.may_use(GrantType::ClientCredentials) {
        return Err(NOT_REGISTERED);
    }
    let scope = match requested.filter(|scope| !scope.is_empty()) {
        Some(requested) => {
            let own = requested.filter(|value| !STANDARD_SCOPES.contains(&value));
            if own.is_empty() {
                return Err(ONLY_FOR_USERS);
            }
            // RFC 6749 §4.4.2 and §5.2
            if !own.iter().all(|value| is_allowed(value, client, policy)) {
                return Err(OUTSIDE_REGISTRATION);
            }
            own
        }
        // RFC 6749 §3.3: a predefined default
        None => default_scope(client, policy),
    };
    let resources = resource::resolve(resources, client, policy)?;
    Ok(Entitlement { scope, resources, seal: Seal })
}

fn default_scope(client: &Client, policy: &Policy) -> Scope {
    let settings = &client.settings;
    let configured = settings.default_scope.as_ref().or(settings.scope.as_ref()).or(policy.default_scope.as_ref());
    configured.map(|scope| scope.filter(|value| is_allowed(value, client, policy))).unwrap_or_default()
}

/// A value behind which users' roles stand is for an operator to hand out by name, not by an open ceiling.
fn is_allowed(value: &str, client: &Client, policy: &Policy) -> bool {
    let Some(known) = policy.scope_value(value) else { return false };
    !STANDARD_SCOPES.contains(&value)
        && match &client.settings.scope {
            Some(ceiling) => ceiling.contains(value),
            None => known.permissions.is_empty(),
        }
}
