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
    full_access,
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
pub const OFFLINE_ENDED: Refusal =
    refuse(InvalidGrant, "offline access was taken back; send the user through authorization again");
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
            && full_access::is_grantable(value, client, policy, alive.user)
    });
    if scope.is_empty() { Err(NOTHING_LEFT) } else { Ok(scope) }
}

/// Whether the authorization may still be used in the user's absence: the user and the operator can take
/// `offline_access` back like any other value, and then there is nothing more to refresh (GHSA-895x-rfqp-jh5c).
pub fn may_refresh(alive: &Alive<'_>) -> Result<(), Refusal> {
    let settings = &alive.client.settings;
    let is_open = settings.scope.as_ref().is_none_or(|ceiling| ceiling.contains(OFFLINE_ACCESS));
    let is_granted = alive.grant.scope.contains(OFFLINE_ACCESS);
    if is_open && is_granted && alive.client.may_use(GrantType::RefreshToken) { Ok(()) } else { Err(OFFLINE_ENDED) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::Client,
        grant::Grant,
        samples::{self, API, OTHER_API, scope, with_settings},
        user::User,
    };

    const AUTHORIZED: &str = "openid offline_access notes:read notes:write";

    struct World {
        authorized: Scope,
        resources: Vec<String>,
        client: Client,
        user: User,
        grant: Grant,
        policy: Policy,
    }

    fn world() -> World {
        World {
            authorized: scope(AUTHORIZED),
            resources: vec![API.into(), OTHER_API.into()],
            client: samples::client(),
            user: samples::user(),
            grant: samples::grant(),
            policy: samples::policy(),
        }
    }

    #[track_caller]
    fn check(world: World, requested: Option<&str>, expected: Result<&str, Refusal>) {
        let alive = samples::alive(&world.client, &world.user, &world.grant);
        let requested = requested.map(scope);
        let narrowed = narrow(&world.authorized, requested.as_ref(), &alive, &world.policy);
        assert_eq!(narrowed.map(|scope| scope.to_string()), expected.map(str::to_owned));
    }

    #[test]
    fn without_a_request_everything_authorized_is_issued() {
        check(world(), None, Ok(AUTHORIZED));
        check(world(), Some(""), Ok(AUTHORIZED));
    }

    #[test]
    fn a_request_narrows_and_never_widens() {
        check(world(), Some("notes:read"), Ok("notes:read"));
        check(world(), Some("notes:read openid"), Ok("notes:read openid"));
        check(world(), Some("notes:read email"), Err(OUTSIDE_AUTHORIZATION));
        check(world(), Some("notes:delete"), Err(OUTSIDE_AUTHORIZATION));
        check(world(), Some("OPENID"), Err(OUTSIDE_AUTHORIZATION));
        // The grant has `email`, this authorization has not.
        assert!(world().grant.scope.contains("email"));
    }

    // attacks.md row 23 (CVE-2024-52287, Keycloak GHSA-895x-rfqp-jh5c)
    #[test]
    fn what_was_taken_away_since_is_left_out_also_when_asked_for() {
        let roleless = || World { user: User { roles: Vec::new(), ..samples::user() }, ..world() };
        check(roleless(), None, Ok("openid offline_access notes:read"));
        check(roleless(), Some(AUTHORIZED), Ok("openid offline_access notes:read"));
        let narrower = Grant { scope: scope("openid notes:write"), ..samples::grant() };
        check(World { grant: narrower, ..world() }, None, Ok("openid notes:write"));
        let ceiling = with_settings(samples::client(), |settings| settings.scope = Some(scope("openid notes:read")));
        check(World { client: ceiling, ..world() }, None, Ok("openid notes:read"));
        let no_refresh = with_settings(samples::client(), |settings| {
            settings.grant_types = vec![GrantType::AuthorizationCode];
        });
        check(World { client: no_refresh, ..world() }, None, Ok("openid notes:read notes:write"));
        let mut policy = samples::policy();
        policy.scopes.retain(|own| own.value != "notes:read");
        check(World { policy, ..world() }, None, Ok("openid offline_access notes:write"));
    }

    #[test]
    fn nothing_left_is_the_end() {
        let roleless = User { roles: Vec::new(), ..samples::user() };
        check(World { user: roleless, ..world() }, Some("notes:write"), Err(NOTHING_LEFT));
        check(World { grant: Grant { scope: scope(""), ..samples::grant() }, ..world() }, None, Err(NOTHING_LEFT));
        assert_eq!(NOTHING_LEFT.error, InvalidGrant);
        assert_eq!(OUTSIDE_AUTHORIZATION.error, InvalidScope);
    }

    #[track_caller]
    fn check_resources(world: World, requested: &[&str], expected: Result<&[&str], Refusal>) {
        let alive = samples::alive(&world.client, &world.user, &world.grant);
        let requested: Vec<_> = requested.iter().map(|&text| text.to_owned()).collect();
        let narrowed = narrow_resources(&world.resources, &requested, &alive, &world.policy);
        let expected = expected.map(|all| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(narrowed, expected);
    }

    // T-13 and T-03
    #[test]
    fn without_a_request_all_authorized_resources_else_the_named_ones() {
        check_resources(world(), &[], Ok(&[API, OTHER_API]));
        check_resources(world(), &[OTHER_API], Ok(&[OTHER_API]));
        check_resources(world(), &["HTTPS://API.example.com:443/", API], Ok(&[API]));
        check_resources(World { resources: Vec::new(), ..world() }, &[], Ok(&[]));
    }

    // attacks.md row 6 (better-auth CVE-2026-67332)
    #[test]
    fn a_resource_outside_the_authorization_is_an_invalid_target() {
        check_resources(world(), &["https://third.example.com"], Err(RESOURCE_OUTSIDE_AUTHORIZATION));
        check_resources(world(), &[API, "https://third.example.com"], Err(RESOURCE_OUTSIDE_AUTHORIZATION));
        check_resources(World { resources: Vec::new(), ..world() }, &[API], Err(RESOURCE_OUTSIDE_AUTHORIZATION));
        check_resources(world(), &["https://evil.example"], Err(resource::UNKNOWN));
        check_resources(world(), &["no uri"], Err(resource::MALFORMED));
        assert_eq!(RESOURCE_OUTSIDE_AUTHORIZATION.error, InvalidTarget);
    }

    #[test]
    fn a_resource_that_was_taken_away_since_is_left_out_or_refused() {
        let only_other = Grant { resources: vec![OTHER_API.into()], ..samples::grant() };
        check_resources(World { grant: only_other.clone(), ..world() }, &[], Ok(&[OTHER_API]));
        check_resources(World { grant: only_other, ..world() }, &[API], Err(RESOURCE_NO_LONGER_ALLOWED));
        let ceiling = || with_settings(samples::client(), |settings| settings.resources = Some(vec![API.into()]));
        check_resources(World { client: ceiling(), ..world() }, &[], Ok(&[API]));
        check_resources(World { client: ceiling(), ..world() }, &[OTHER_API], Err(resource::NOT_FOR_THIS_CLIENT));
        let none = Grant { resources: Vec::new(), ..samples::grant() };
        check_resources(World { grant: none, ..world() }, &[], Err(RESOURCE_NO_LONGER_ALLOWED));
        let without = || Policy { resources: Vec::new(), ..samples::policy() };
        check_resources(World { policy: without(), ..world() }, &[], Err(RESOURCE_NO_LONGER_ALLOWED));
        let any = Policy { accept_any_resource: true, ..without() };
        check_resources(World { policy: any, ..world() }, &[], Ok(&[API, OTHER_API]));
    }
}
