//! Dynamic client registration: what a client that registers itself becomes.
//!
//! Specs: RFC 7591 §2, §3.1, §3.2.1 and §5, OIDC Registration §2, RFC 8252 §8.6; mcp T-02, T-05 and T-18.
//!
//! Anybody may register, so nothing is believed and nothing is given: such a client is a third party, unverified, has no
//! privilege, and never acts for itself. What we do not know or do not offer is left out rather than refused, because
//! clients send what other servers asked for; the answer says what holds.

use crate::{
    client::{
        ApplicationType, AuthenticationMethod, ClientSettings, Confidentiality, CreationMethod, GrantType, Party,
    },
    error::{
        ErrorCode::{InvalidClientMetadata, InvalidRedirectUri},
        Refusal, refuse,
    },
    plane::Plane,
    policy::Policy,
    redirect_uri, registration_rules,
    scope::Scope,
};
use serde_json::{Map, Value, json};

pub const NO_REDIRECT_URIS: Refusal =
    refuse(InvalidRedirectUri, "redirect_uris is missing: a list of the URIs to which codes may be sent");
pub const NOT_TEXT: Refusal = refuse(
    InvalidClientMetadata,
    "a member of the registration has the wrong type: RFC 7591 section 2 says which are texts and which are lists",
);
pub const UNKNOWN_METHOD: Refusal = refuse(
    InvalidClientMetadata,
    "token_endpoint_auth_method must be none, client_secret_basic, client_secret_post or private_key_jwt",
);
pub const NO_CODE: Refusal = refuse(
    InvalidClientMetadata,
    "grant_types must have authorization_code, and response_types code: nothing else is open to a client that \
     registers itself",
);

/// More is no registration but an attempt to fill the database.
const MOST_URIS: usize = 20;

/// What the project says about such clients.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub plane: Plane,
    pub policy: &'a Policy,
    /// Private-use schemes without a dot that are accepted in redirect URIs.
    pub private_schemes: &'a [&'a str],
    pub access_token_template: &'a str,
}

/// The settings of the client that asks with `metadata`.
pub fn decide(metadata: &Map<String, Value>, rules: Rules<'_>) -> Result<ClientSettings, Refusal> {
    let redirect_uris = redirect_uris(metadata, rules.private_schemes)?;
    let method = authentication_method(metadata, rules.plane)?;
    let is_public = method == AuthenticationMethod::None;
    let is_native = redirect_uris.iter().any(|uri| redirect_uri::is_loopback(uri) || redirect_uri::is_private_use(uri));
    // OIDC Registration §2 forbids such URIs to web clients; clients of the field say `web` all the same.
    let asks_native = text(metadata, "application_type")?.as_deref() == Some("native");
    let confidentiality = if is_public { Confidentiality::Public } else { Confidentiality::Confidential };
    let settings = ClientSettings {
        name: text(metadata, "client_name")?.unwrap_or_default(),
        application_type: if is_native || asks_native { ApplicationType::Native } else { ApplicationType::Web },
        authentication_methods: match method {
            // Libraries send the secret in the way that they like best, whatever they registered.
            AuthenticationMethod::ClientSecretBasic => {
                vec![AuthenticationMethod::ClientSecretBasic, AuthenticationMethod::ClientSecretPost]
            }
            AuthenticationMethod::ClientSecretPost => {
                vec![AuthenticationMethod::ClientSecretPost, AuthenticationMethod::ClientSecretBasic]
            }
            other => vec![other],
        },
        grant_types: grant_types(metadata)?,
        redirect_uris,
        post_logout_redirect_uris: accepted(metadata, "post_logout_redirect_uris", rules.private_schemes)?.0,
        logo_uri: text(metadata, "logo_uri")?,
        client_uri: text(metadata, "client_uri")?,
        policy_uri: text(metadata, "policy_uri")?,
        tos_uri: text(metadata, "tos_uri")?,
        scope: scope(metadata, rules.policy)?,
        jwks: metadata.get("jwks").filter(|value| !value.is_null()).cloned(),
        jwks_uri: text(metadata, "jwks_uri")?,
        access_token_template: rules.access_token_template.to_owned(),
        creation_method: CreationMethod::DynamicClientRegistration,
        ..ClientSettings::new(Party::Third, confidentiality, rules.plane)
    };
    // attacks.md row 11: the same rules as for every other client, so also for each URI that is shown
    registration_rules::validate_self_registered(&settings, rules.private_schemes)?;
    Ok(settings)
}

/// One URI that cannot be accepted does not spoil the others (RFC 7591 §2: the server may replace values).
fn redirect_uris(metadata: &Map<String, Value>, schemes: &[&str]) -> Result<Vec<String>, Refusal> {
    match accepted(metadata, "redirect_uris", schemes)? {
        (uris, _) if !uris.is_empty() => Ok(uris),
        (_, Some(refusal)) => Err(refusal),
        (_, None) => Err(NO_REDIRECT_URIS),
    }
}

/// Those URIs that can be accepted, each once, and why the first of the others cannot.
fn accepted(
    metadata: &Map<String, Value>,
    name: &str,
    schemes: &[&str],
) -> Result<(Vec<String>, Option<Refusal>), Refusal> {
    let asked = list(metadata, name)?.unwrap_or_default();
    if asked.len() > MOST_URIS {
        return Err(registration_rules::TOO_MANY_URIS);
    }
    let (mut uris, mut refused) = (Vec::new(), None);
    for uri in asked {
        match redirect_uri::parse_registered_allowing(&uri, schemes) {
            Ok(_) if uris.contains(&uri) => {}
            Ok(_) => uris.push(uri),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    Ok((uris, refused))
}

/// RFC 7591 §2: `client_secret_basic` if absent; by Stytch's contract `none`.
fn authentication_method(metadata: &Map<String, Value>, plane: Plane) -> Result<AuthenticationMethod, Refusal> {
    let Some(asked) = text(metadata, "token_endpoint_auth_method")? else {
        return Ok(match plane {
            Plane::Standard => AuthenticationMethod::ClientSecretBasic,
            Plane::Stytch => AuthenticationMethod::None,
        });
    };
    let offered = [
        AuthenticationMethod::None,
        AuthenticationMethod::ClientSecretBasic,
        AuthenticationMethod::ClientSecretPost,
        AuthenticationMethod::PrivateKeyJwt,
    ];
    offered.into_iter().find(|method| method.as_str() == asked).ok_or(UNKNOWN_METHOD)
}

/// RFC 7591 §2: `authorization_code` if absent; with `refresh_token`, for which users are asked anyway.
fn grant_types(metadata: &Map<String, Value>) -> Result<Vec<GrantType>, Refusal> {
    let offered = [GrantType::AuthorizationCode, GrantType::RefreshToken];
    let grants: Vec<_> = match list(metadata, "grant_types")? {
        Some(asked) => offered.into_iter().filter(|grant| asked.iter().any(|own| own == grant.as_str())).collect(),
        None => offered.to_vec(),
    };
    // RFC 7591 §2.1
    let responds = list(metadata, "response_types")?.is_none_or(|types| types.iter().any(|own| own == "code"));
    if grants.contains(&GrantType::AuthorizationCode) && responds { Ok(grants) } else { Err(NO_CODE) }
}

/// What the project knows of the scope that is asked for; without any of it, as if none were asked for.
fn scope(metadata: &Map<String, Value>, policy: &Policy) -> Result<Option<Scope>, Refusal> {
    let Some(asked) = text(metadata, "scope")? else { return Ok(None) };
    let asked = Scope::parse(&asked).unwrap_or_default();
    Ok(Some(asked.filter(|value| policy.knows(value))).filter(|scope| !scope.is_empty()))
}

/// A member that is a text; `null` and the empty text are as if it were absent.
fn text(metadata: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(NOT_TEXT),
    }
}

/// A member that is a list of texts.
fn list(metadata: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, Refusal> {
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(values)) => {
            let texts: Option<Vec<_>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
            texts.map(Some).ok_or(NOT_TEXT)
        }
        Some(_) => Err(NOT_TEXT),
    }
}

/// What was registered, as the answer says it (RFC 7591 §3.2.1): all that holds, and nothing that is not there.
pub fn registered_metadata(settings: &ClientSettings) -> Map<String, Value> {
    let mut document = Map::new();
    let mut add = |name: &str, value: Value| {
        let is_absent = value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value == json!("");
        if !is_absent {
            document.insert(name.to_owned(), value);
        }
    };
    add("client_name", json!(settings.name));
    add("redirect_uris", json!(settings.redirect_uris));
    add("post_logout_redirect_uris", json!(settings.post_logout_redirect_uris));
    let method = settings.authentication_methods.first().map(|method| method.as_str());
    add("token_endpoint_auth_method", json!(method));
    add("grant_types", json!(settings.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>()));
    add("response_types", json!(["code"]));
    add("application_type", json!(settings.application_type));
    add("scope", json!(settings.scope.as_ref().map(ToString::to_string)));
    add("client_uri", json!(settings.client_uri));
    add("logo_uri", json!(settings.logo_uri));
    add("policy_uri", json!(settings.policy_uri));
    add("tos_uri", json!(settings.tos_uri));
    add("jwks", json!(settings.jwks));
    add("jwks_uri", json!(settings.jwks_uri));
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::policy;

    fn ask(metadata: Value) -> Result<ClientSettings, Refusal> {
        ask_on(Plane::Standard, metadata)
    }

    fn ask_on(plane: Plane, metadata: Value) -> Result<ClientSettings, Refusal> {
        let mut whole = json!({ "redirect_uris": ["https://app.example/cb"] });
        for (name, value) in metadata.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let rules =
            Rules { plane, policy: &policy(), private_schemes: &["cursor"], access_token_template: "{\"a\": 1}" };
        decide(whole.as_object().unwrap(), rules)
    }

    /// attacks.md row 32 (better-auth #8998): whatever is asked for.
    #[test]
    fn nobody_registers_a_privilege() {
        let client = ask(json!({
            "party": "first", "verified": true, "pkce_optional": true, "skip_consent": true, "full_access_allowed": true,
            "bypass_consent_for_offline_access": true, "resources": ["https://x.example"], "trusted_metadata": { "a": 1 },
            "access_token_template": "{\"b\": 2}", "grant_types": ["client_credentials", "authorization_code"],
        }));
        let client = client.unwrap();
        assert_eq!((client.party, client.verified, client.pkce_optional), (Party::Third, false, false));
        assert!(!client.full_access_allowed && !client.bypass_consent_for_offline_access);
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
        assert_eq!((client.access_token_template.as_str(), client.trusted_metadata.len()), ("{\"a\": 1}", 0));
        assert_eq!(client.creation_method, CreationMethod::DynamicClientRegistration);
        for grants in [json!(["client_credentials"]), json!(["refresh_token"]), json!(["urn:x"]), json!([])] {
            assert_eq!(ask(json!({ "grant_types": grants })), Err(NO_CODE));
        }
        assert_eq!(ask(json!({ "response_types": ["token"] })), Err(NO_CODE));
    }

    #[test]
    fn t_05_the_authentication_method_is_as_asked_for_or_by_the_plane() {
        for (plane, asked, expected) in [
            (Plane::Standard, json!(null), "client_secret_basic"),
            (Plane::Stytch, json!(null), "none"),
            (Plane::Standard, json!("none"), "none"),
            (Plane::Standard, json!("client_secret_post"), "client_secret_post"),
            (Plane::Stytch, json!("client_secret_basic"), "client_secret_basic"),
        ] {
            let client = ask_on(plane, json!({ "token_endpoint_auth_method": asked })).unwrap();
            assert_eq!(registered_metadata(&client)["token_endpoint_auth_method"], expected);
            assert_eq!(client.confidentiality == Confidentiality::Public, expected == "none");
        }
        assert_eq!(ask(json!({ "token_endpoint_auth_method": "tls_client_auth" })), Err(UNKNOWN_METHOD));
        let keyless = ask(json!({ "token_endpoint_auth_method": "private_key_jwt" }));
        assert_eq!(keyless, Err(registration_rules::NO_KEYS));
        let grants = |asked: Value| ask(json!({ "grant_types": asked })).map(|client| client.grant_types.len());
        assert_eq!((grants(json!(null)), grants(json!(["authorization_code"]))), (Ok(2), Ok(1)));
    }

    #[test]
    fn t_02_what_cannot_be_accepted_does_not_spoil_the_rest() {
        let uris = |uris: Value| ask(json!({ "redirect_uris": uris })).map(|client| client.redirect_uris.join(" "));
        let mixed =
            json!(["cursor://x/cb", "https://a.example/cb", "http://a.example/", "vscode://x/cb", "javascript:x"]);
        assert_eq!(uris(mixed), Ok("cursor://x/cb https://a.example/cb".to_owned()));
        assert_eq!(uris(json!(["https://a.example/", "https://a.example/"])), Ok("https://a.example/".to_owned()));
        assert_eq!(uris(json!(["http://a.example/"])), Err(redirect_uri::HTTP_NOT_LOOPBACK));
        assert_eq!(uris(json!(["vscode://x/cb"])), Err(redirect_uri::SCHEME_WITHOUT_DOT));
        assert_eq!((uris(json!([])), uris(json!(null))), (Err(NO_REDIRECT_URIS), Err(NO_REDIRECT_URIS)));
        let many: Vec<_> = (0..21).map(|n| format!("https://a.example/{n}")).collect();
        assert_eq!(uris(json!(many)), Err(registration_rules::TOO_MANY_URIS));
        for wrong in [json!("https://a.example/"), json!([1]), json!({})] {
            assert_eq!(uris(wrong), Err(NOT_TEXT));
        }
        assert_eq!(ask(json!({ "client_name": 1 })), Err(NOT_TEXT));
    }

    #[test]
    fn t_18_the_application_type_follows_the_uris() {
        let kind = |asked: Value, uri: &str| {
            let asked = json!({ "application_type": asked, "redirect_uris": [uri] });
            ask(asked).unwrap().application_type == ApplicationType::Native
        };
        assert!(kind(json!("web"), "http://localhost:8787/callback") && kind(json!(null), "http://127.0.0.1/cb"));
        assert!(kind(json!("web"), "cursor://x/cb") && kind(json!("native"), "https://a.example/cb"));
        assert!(!kind(json!(null), "https://a.example/cb") && !kind(json!("web"), "https://a.example/cb"));
    }

    #[test]
    fn t_08_scope_is_what_the_project_knows_of_it() {
        let scope = |asked: Value| {
            let client = ask(json!({ "scope": asked })).unwrap();
            client.scope.map(|scope| scope.to_string()).unwrap_or_default()
        };
        assert_eq!(scope(json!("openid notes:read mcp:read")), "openid notes:read");
        assert_eq!((scope(json!("unknown")), scope(json!("")), scope(json!("a\"b"))), Default::default());
    }

    /// attacks.md row 11 (better-auth CVE-2026-67333, Spring CVE-2026-22752).
    #[test]
    fn row_11_no_uri_of_it_is_a_script() {
        for uri in ["javascript:alert(1)", "data:text/html,x", "https://a.example/\"onerror="] {
            for name in ["logo_uri", "client_uri", "policy_uri", "tos_uri"] {
                assert_eq!(ask(json!({ name: uri })), Err(registration_rules::BAD_WEB_URI), "{name} {uri}");
            }
            assert!(ask(json!({ "redirect_uris": [uri] })).is_err());
            let client = ask(json!({ "post_logout_redirect_uris": [uri] })).unwrap();
            assert!(client.post_logout_redirect_uris.is_empty());
        }
        assert_eq!(ask(json!({ "client_name": "a\u{202E}b" })), Err(registration_rules::BAD_NAME));
    }
}
