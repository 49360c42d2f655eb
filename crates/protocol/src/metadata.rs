//! The metadata document of the authorization server.
//!
//! Specs: RFC 8414 §2, OIDC Discovery §3, RFC 9207 §3, RFC 9728 §4, OIDC RP-Initiated Logout §2.1,
//! Initiating User Registration via OpenID Connect (`prompt_values_supported`).
//! One document for all four well-known addresses: each specification tells readers to ignore what it does not name.

use crate::{
    capabilities::Capabilities,
    client::{AuthenticationMethod, SigningAlg},
    full_access::FULL_ACCESS,
    id::ProjectId,
};
use serde_json::{Map, Value, json};

/// The document, without nulls and empty lists. It lists only what works.
pub fn document(capabilities: &Capabilities) -> Value {
    let endpoints = &capabilities.endpoints;
    let methods = &capabilities.authentication_methods;
    let all: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
    // RFC 7662 §2.1: the caller must be authenticated, so `none` is no method here
    let proving: Vec<_> =
        methods.iter().filter(|method| **method != AuthenticationMethod::None).map(|method| method.as_str()).collect();
    let algs = &capabilities.assertion_algs;
    let signing: Vec<_> = capabilities.id_token_algs.iter().map(|alg| alg.as_str()).collect();
    let grants: Vec<_> = capabilities.grant_types.iter().map(|grant| grant.as_str()).collect();
    let modes: Vec<_> = capabilities.response_modes.iter().map(|mode| mode.as_str()).collect();

    let mut document = Map::new();
    let mut add = |name: &str, value: Value| {
        let is_empty = value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            document.insert(name.to_owned(), value);
        }
    };
    add("issuer", json!(capabilities.issuer));
    add("authorization_endpoint", json!(endpoints.authorization));
    add("token_endpoint", json!(endpoints.token));
    add("introspection_endpoint", json!(endpoints.introspection));
    add("revocation_endpoint", json!(endpoints.revocation));
    add("userinfo_endpoint", json!(endpoints.userinfo));
    add("end_session_endpoint", json!(endpoints.end_session));
    add("jwks_uri", json!(endpoints.jwks));
    if let Some(registration) = &endpoints.registration {
        add("registration_endpoint", json!(registration));
    }
    add("response_types_supported", json!(capabilities.response_types));
    add("response_modes_supported", json!(modes));
    add("grant_types_supported", json!(grants));
    add("token_endpoint_auth_methods_supported", json!(all));
    add("token_endpoint_auth_signing_alg_values_supported", json!(algs));
    add("introspection_endpoint_auth_methods_supported", json!(proving));
    add("introspection_endpoint_auth_signing_alg_values_supported", json!(algs));
    add("revocation_endpoint_auth_methods_supported", json!(all));
    add("revocation_endpoint_auth_signing_alg_values_supported", json!(algs));
    // Clients must refuse a server that leaves this out
    add("code_challenge_methods_supported", json!(capabilities.code_challenge_methods));
    add("authorization_response_iss_parameter_supported", json!(true));
    add("scopes_supported", json!(capabilities.scopes));
    add("subject_types_supported", json!(["public"]));
    add("id_token_signing_alg_values_supported", json!(signing));
    add("claim_types_supported", json!(["normal"]));
    add("claims_supported", json!(capabilities.claims));
    add("claims_parameter_supported", json!(true));
    add("prompt_values_supported", json!(capabilities.prompt_values));
    // OIDC Discovery §3: leaving `request_uri_parameter_supported` out would mean true
    add("request_parameter_supported", json!(false));
    add("request_uri_parameter_supported", json!(false));
    add("ui_locales_supported", json!(capabilities.ui_locales));
    add("protected_resources", json!(capabilities.resources));
    Value::Object(document)
}

/// The document of the Stytch plane: the members that its contract has, with `issuer` as the tokens of that plane have it
/// and the host app's own page as `authorization_endpoint`.
pub fn stytch_document(
    capabilities: &Capabilities,
    project: &ProjectId,
    issuer: &str,
    authorization_endpoint: &str,
) -> Value {
    let own = &capabilities.issuer;
    let endpoint = |name: &str| format!("{own}/v1/public/{project}/oauth2/{name}");
    let grants: Vec<_> = capabilities.grant_types.iter().map(|grant| grant.as_str()).collect();
    // No assertions there
    let methods = capabilities.authentication_methods.iter();
    let methods: Vec<_> =
        methods.filter(|method| **method != AuthenticationMethod::PrivateKeyJwt).map(|own| own.as_str()).collect();
    let scopes: Vec<_> = capabilities.scopes.iter().map(String::as_str).chain([FULL_ACCESS]).collect();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": authorization_endpoint,
        "token_endpoint": endpoint("token"),
        "introspection_endpoint": endpoint("introspect"),
        "revocation_endpoint": endpoint("revoke"),
        "userinfo_endpoint": endpoint("userinfo"),
        "jwks_uri": format!("{own}/v1/sessions/jwks/{project}"),
        "response_types_supported": capabilities.response_types,
        "grant_types_supported": grants,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [SigningAlg::RS256.as_str()],
        "scopes_supported": scopes,
        "token_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": capabilities.code_challenge_methods,
    });
    if capabilities.endpoints.registration.is_some()
        && let Some(members) = document.as_object_mut()
    {
        members.insert("registration_endpoint".to_owned(), json!(endpoint("register")));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::SigningAlg,
        policy::Policy,
        samples::{self, policy},
    };

    fn metadata(policy: &Policy) -> Value {
        document(&Capabilities::of("https://id.example.com/t1", policy, vec![SigningAlg::RS256, SigningAlg::ES256]))
    }

    #[test]
    fn the_document() {
        insta::assert_json_snapshot!(metadata(&policy()), @r#"
        {
          "authorization_endpoint": "https://id.example.com/t1/oauth2/authorize",
          "authorization_response_iss_parameter_supported": true,
          "claim_types_supported": [
            "normal"
          ],
          "claims_parameter_supported": true,
          "claims_supported": [
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "amr",
            "at_hash",
            "sid",
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
            "email",
            "email_verified",
            "address",
            "phone_number",
            "phone_number_verified"
          ],
          "code_challenge_methods_supported": [
            "S256"
          ],
          "end_session_endpoint": "https://id.example.com/t1/oauth2/logout",
          "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials"
          ],
          "id_token_signing_alg_values_supported": [
            "RS256",
            "ES256"
          ],
          "introspection_endpoint": "https://id.example.com/t1/oauth2/introspect",
          "introspection_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt"
          ],
          "introspection_endpoint_auth_signing_alg_values_supported": [
            "ES256",
            "RS256",
            "EdDSA",
            "PS256"
          ],
          "issuer": "https://id.example.com/t1",
          "jwks_uri": "https://id.example.com/t1/.well-known/jwks.json",
          "prompt_values_supported": [
            "none",
            "login",
            "consent",
            "select_account"
          ],
          "protected_resources": [
            "https://api.example.com",
            "https://files.example.com/v1",
            "https://third.example.com"
          ],
          "request_parameter_supported": false,
          "request_uri_parameter_supported": false,
          "response_modes_supported": [
            "query",
            "form_post"
          ],
          "response_types_supported": [
            "code"
          ],
          "revocation_endpoint": "https://id.example.com/t1/oauth2/revoke",
          "revocation_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt"
          ],
          "revocation_endpoint_auth_signing_alg_values_supported": [
            "ES256",
            "RS256",
            "EdDSA",
            "PS256"
          ],
          "scopes_supported": [
            "openid",
            "profile",
            "email",
            "address",
            "phone",
            "offline_access",
            "notes:read",
            "notes:write",
            "notes:delete"
          ],
          "subject_types_supported": [
            "public"
          ],
          "token_endpoint": "https://id.example.com/t1/oauth2/token",
          "token_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt"
          ],
          "token_endpoint_auth_signing_alg_values_supported": [
            "ES256",
            "RS256",
            "EdDSA",
            "PS256"
          ],
          "userinfo_endpoint": "https://id.example.com/t1/oauth2/userinfo"
        }
        "#);
    }

    /// RFC 8414 §2, OIDC Discovery §3; mcp-and-agents.md 0.
    #[test]
    fn what_clients_insist_on_is_there() {
        let document = metadata(&Policy::default());
        assert_eq!(document["issuer"], "https://id.example.com/t1");
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["authorization_response_iss_parameter_supported"], json!(true));
        assert_eq!(document["request_uri_parameter_supported"], json!(false));
        let lists = |name: &str, value: &str| document[name].as_array().unwrap().contains(&json!(value));
        assert!(lists("token_endpoint_auth_methods_supported", "none"));
        assert!(lists("id_token_signing_alg_values_supported", "RS256"));
        assert!(lists("scopes_supported", "offline_access"));
        assert!(!lists("introspection_endpoint_auth_methods_supported", "none"));
    }

    #[test]
    fn what_does_not_work_is_not_promised() {
        let document = metadata(&Policy::default());
        for name in [
            "registration_endpoint",
            "pushed_authorization_request_endpoint",
            "device_authorization_endpoint",
            "dpop_signing_alg_values_supported",
            "client_id_metadata_document_supported",
            "ui_locales_supported",
            "protected_resources",
        ] {
            assert!(document.get(name).is_none(), "{name}");
        }
    }

    /// mcp-and-agents.md T-16: strict client schemas take no null for an optional text.
    #[test]
    fn there_are_no_nulls_and_no_empty_lists() {
        for (name, value) in metadata(&samples::policy()).as_object().unwrap() {
            assert!(!value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()), "{name}");
        }
    }
}
