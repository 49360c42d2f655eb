//! Authorization requests that the host app's own page hands in: how they become ours, and how a refusal is told.
//!
//! The page has logged the user in and asks two times: before it shows anything, and with the user's answer. The rules are
//! those of our own pages; only what the page cannot know or say is different: it names scope values one by one, its code
//! challenge is always S256, and an error has the name of the management API's contract.

use crate::{
    authorization_request::{self, AuthorizationRequest},
    client::{Client, Party},
    error::{Refusal, refuse_api},
    full_access::{self, FULL_ACCESS},
    pkce,
    plane::Plane,
    policy::Policy,
    scope::Scope,
};

pub const CLIENT_NOT_FOUND: Refusal = refuse_api(
    404,
    "connected_app_not_found",
    "the project has no connected app with this client_id, or it is disabled",
);
pub const REDIRECT_URL_NOT_FOUND: Refusal = refuse_api(
    401,
    "connected_app_supplied_redirect_url_not_found_in_client",
    "redirect_uri is none of the connected app's redirect URLs; it must be the same byte by byte",
);
pub const UNKNOWN_SCOPE: Refusal = refuse_api(
    400,
    "oauth_invalid_scope_requested",
    "scopes has a value that the project does not have or the connected app may not ask for",
);
pub const NO_SCOPE: Refusal = refuse_api(400, "oauth_invalid_scope_requested", "scopes is empty; name at least one");
pub const NO_FULL_ACCESS: Refusal = refuse_api(
    400,
    "third_party_clients_cannot_use_full_access",
    "full_access is for first-party connected apps with full_access_allowed",
);
pub const PKCE_REQUIRED: Refusal = refuse_api(
    400,
    "pkce_required_for_idp_authorization_flow",
    "code_challenge is missing: this connected app must use PKCE with S256",
);
pub const INVALID_CHALLENGE: Refusal = refuse_api(
    400,
    "invalid_pkce_code_challenge",
    "code_challenge must be the base64url form of a SHA-256 hash: 43 characters, no padding",
);
pub const PROMPT_NONE_NOT_ALONE: Refusal =
    refuse_api(400, "oidc_prompt_none_must_be_exclusive", "prompt=none must stand alone");

/// What of the page's words must be looked at before it is a request like any other: scope values that nobody knows are
/// an error here, because the page was written by whoever wrote the policy.
pub fn validate_scopes(scopes: &[String], client: &Client, policy: &Policy) -> Result<Scope, Refusal> {
    let scope = Scope::parse(&scopes.join(" ")).map_err(|_| UNKNOWN_SCOPE)?;
    if scope.is_empty() {
        return Err(NO_SCOPE);
    }
    let is_refused = scope.contains(FULL_ACCESS) && !full_access::is_known(FULL_ACCESS, client, policy);
    if is_refused && client.settings.plane == Plane::Stytch && client.settings.party == Party::Third {
        return Err(NO_FULL_ACCESS);
    }
    let ceiling = client.settings.scope.as_ref();
    let is_open = |value: &str| {
        full_access::is_known(value, client, policy) && ceiling.is_none_or(|ceiling| ceiling.contains(value))
    };
    if scope.iter().all(is_open) { Ok(scope) } else { Err(UNKNOWN_SCOPE) }
}

/// Adds what the page means without saying it: the contract has no name for the method of a code challenge.
#[must_use]
pub fn with_method(request: AuthorizationRequest) -> AuthorizationRequest {
    let code_challenge_method = request.code_challenge.as_ref().map(|_| pkce::METHOD.to_owned());
    AuthorizationRequest { code_challenge_method, ..request }
}

/// A refusal in the words of the contract, where it has some; the page's back end reads it, not the client.
pub fn in_contract(refusal: Refusal) -> Refusal {
    use authorization_request as request;
    let known = [
        (request::UNKNOWN_CLIENT, CLIENT_NOT_FOUND),
        (request::DISABLED_CLIENT, CLIENT_NOT_FOUND),
        (request::UNREGISTERED_REDIRECT_URI, REDIRECT_URL_NOT_FOUND),
        (request::MISSING_CHALLENGE, PKCE_REQUIRED),
        (request::NEITHER_CHALLENGE_NOR_NONCE, PKCE_REQUIRED),
        (pkce::MALFORMED, INVALID_CHALLENGE),
        (request::PROMPT_NONE_NOT_ALONE, PROMPT_NONE_NOT_ALONE),
    ];
    known.into_iter().find(|(own, _)| *own == refusal).map_or(refusal, |(_, theirs)| theirs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, with_settings};

    fn check(client: &Client, scopes: &[&str], expected: Result<&str, Refusal>) {
        let scopes: Vec<_> = scopes.iter().map(|&value| value.to_owned()).collect();
        let found = validate_scopes(&scopes, client, &samples::policy());
        assert_eq!(found, expected.map(samples::scope));
    }

    #[test]
    fn every_scope_value_must_be_one_that_the_app_may_ask_for() {
        let third = with_settings(samples::client(), |settings| settings.plane = Plane::Stytch);
        check(&third, &["openid", "notes:read"], Ok("openid notes:read"));
        check(&third, &[], Err(NO_SCOPE));
        check(&third, &["openid", "nonsense"], Err(UNKNOWN_SCOPE));
        check(&third, &["\"quoted\""], Err(UNKNOWN_SCOPE));
        let narrow = with_settings(third.clone(), |settings| settings.scope = Some(samples::scope("openid")));
        check(&narrow, &["openid", "notes:read"], Err(UNKNOWN_SCOPE));
        check(&third, &["openid", FULL_ACCESS], Err(NO_FULL_ACCESS));
        let first = with_settings(third, |settings| settings.party = Party::First);
        check(&first, &["openid", FULL_ACCESS], Err(UNKNOWN_SCOPE));
        let allowed = with_settings(first, |settings| settings.full_access_allowed = true);
        check(&allowed, &["openid", FULL_ACCESS], Ok("openid full_access"));
    }

    #[test]
    fn a_refusal_has_the_contracts_name_where_there_is_one() {
        assert_eq!(in_contract(pkce::MALFORMED), INVALID_CHALLENGE);
        assert_eq!(in_contract(authorization_request::NONCE_TOO_LONG), authorization_request::NONCE_TOO_LONG);
    }
}
