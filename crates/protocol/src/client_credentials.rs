//! What a client gets in its own name: the client credentials grant.
//!
//! Specs: RFC 6749 §4.4, OAuth 2.1 §4.2, RFC 8707 §2.2, RFC 9068 §2.2.
//!
//! There is no user, so nothing about a user is ever in such a token, and no refresh token is issued
//! (RFC 6749 §4.4.3).

use crate::{
    client::{Client, ClientKind, GrantType},
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

/// A value behind which users' roles stand is for an operator to hand out by name, not by an open ceiling. One that the
/// policy does not know is a word between a machine and the host app, which gave it to the machine by name.
fn is_allowed(value: &str, client: &Client, policy: &Policy) -> bool {
    if STANDARD_SCOPES.contains(&value) {
        return false;
    }
    match (&client.settings.scope, policy.scope_value(value)) {
        (Some(ceiling), Some(_)) => ceiling.contains(value),
        (Some(ceiling), None) => client.settings.kind() == ClientKind::Machine && ceiling.contains(value),
        (None, known) => known.is_some_and(|known| known.permissions.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{API, OTHER_API, client, confidential, policy, scope, with_settings};

    fn with_scope(ceiling: &str) -> Client {
        with_settings(confidential(), |settings| settings.scope = Some(scope(ceiling)))
    }

    #[track_caller]
    fn check(client: &Client, requested: Option<&str>, expected: Result<&str, Refusal>) {
        let requested = requested.map(scope);
        let decided = decide(client, requested.as_ref(), &[], &policy());
        assert_eq!(decided.map(|entitlement| entitlement.scope.to_string()), expected.map(str::to_owned));
    }

    #[test]
    fn a_client_gets_what_it_asks_for_within_its_registration() {
        check(&with_scope("notes:read notes:write"), Some("notes:read"), Ok("notes:read"));
        check(&with_scope("notes:read notes:write"), Some("notes:write notes:read"), Ok("notes:write notes:read"));
        check(&confidential(), Some("notes:read notes:delete"), Ok("notes:read notes:delete"));
    }

    // attacks.md row 23 (Keycloak CVE-2026-9795)
    #[test]
    fn scope_beyond_the_registration_is_refused() {
        check(&with_scope("notes:read"), Some("notes:read notes:write"), Err(OUTSIDE_REGISTRATION));
        check(&confidential(), Some("unknown"), Err(OUTSIDE_REGISTRATION));
        check(&with_scope("notes:read unknown"), Some("unknown"), Err(OUTSIDE_REGISTRATION));
        // Roles stand behind `notes:write`: an open ceiling does not hand it out.
        check(&confidential(), Some("notes:write"), Err(OUTSIDE_REGISTRATION));
    }

    #[test]
    fn a_machines_own_words_count_for_it_alone() {
        let machine = with_settings(with_scope("boats:lift notes:read openid"), |settings| {
            settings.grant_types = vec![GrantType::ClientCredentials];
        });
        check(&machine, None, Ok("boats:lift notes:read"));
        check(&machine, Some("boats:lift"), Ok("boats:lift"));
        check(&machine, Some("boats:sink"), Err(OUTSIDE_REGISTRATION));
        check(&machine, Some("openid"), Err(ONLY_FOR_USERS));
        check(&with_settings(machine, |settings| settings.scope = None), Some("boats:lift"), Err(OUTSIDE_REGISTRATION));
    }

    #[test]
    fn nothing_about_a_user_is_ever_in_it() {
        check(&with_scope("openid notes:read"), Some("openid notes:read offline_access"), Ok("notes:read"));
        check(&with_scope("openid offline_access"), Some("openid offline_access"), Err(ONLY_FOR_USERS));
        check(&with_scope("openid email notes:read"), None, Ok("notes:read"));
    }

    #[test]
    fn without_a_request_the_nearest_default_counts() {
        check(&with_scope("notes:read notes:write"), None, Ok("notes:read notes:write"));
        check(&with_scope("notes:read notes:write"), Some(""), Ok("notes:read notes:write"));
        let own_default = with_settings(with_scope("notes:read notes:write"), |settings| {
            settings.default_scope = Some(scope("notes:read notes:delete"));
        });
        check(&own_default, None, Ok("notes:read"));
        check(&confidential(), None, Ok(""));
        let policy = Policy { default_scope: Some(scope("openid notes:read")), ..policy() };
        assert_eq!(decide(&confidential(), None, &[], &policy).unwrap().scope, scope("notes:read"));
    }

    #[test]
    fn only_a_confidential_client_that_is_registered_for_it() {
        let public = with_settings(client(), |settings| settings.grant_types.push(GrantType::ClientCredentials));
        check(&public, Some("notes:read"), Err(PUBLIC_CLIENT));
        let unregistered = with_settings(confidential(), |settings| {
            settings.grant_types = vec![GrantType::AuthorizationCode];
        });
        check(&unregistered, Some("notes:read"), Err(NOT_REGISTERED));
    }

    #[test]
    fn resources_are_the_named_ones_or_the_default() {
        let decided = |client: &Client, named: &[&str]| {
            let named: Vec<_> = named.iter().map(|&text| text.to_owned()).collect();
            decide(client, None, &named, &policy()).map(|entitlement| entitlement.resources)
        };
        assert_eq!(decided(&confidential(), &[]), Ok(vec![API.to_owned()]));
        assert_eq!(decided(&confidential(), &[OTHER_API, API]), Ok(vec![OTHER_API.to_owned(), API.to_owned()]));
        assert_eq!(decided(&confidential(), &["https://evil.example"]), Err(resource::UNKNOWN));
        let bound = with_settings(confidential(), |settings| settings.resources = Some(vec![API.into()]));
        assert_eq!(decided(&bound, &[OTHER_API]), Err(resource::NOT_FOR_THIS_CLIENT));
    }
}
