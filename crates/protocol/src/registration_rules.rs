//! When the settings of a client are consistent: the same rules for every way in which a client can be written.
//!
//! Specs: RFC 7591 §2 and §3.2.2, RFC 6749 §2.1 and §4.4, OAuth 2.1 §2.4 and §4.2, RFC 7517 §4, RFC 8252 §8.5.
//! The protocol's other rules may then rely on a stored record.

use crate::{
    claim_template::{self, Kind},
    client::{AuthenticationMethod, ClientSettings, Confidentiality, GrantType, Party},
    error::{
        ErrorCode::{InvalidClientMetadata, InvalidRedirectUri},
        Refusal, refuse,
    },
    jose::SECRET_MEMBERS,
    redirect_uri, resource,
    scope::Scope,
    time::Seconds,
    uri::{is_uri_text, split_authority, split_scheme},
};
use serde_json::Value;
use url::Url;

pub const BAD_NAME: Refusal = refuse(
    InvalidClientMetadata,
    "name must have 1 to 200 characters, none of them invisible or controlling the direction of text",
);
pub const DESCRIPTION_TOO_LONG: Refusal =
    refuse(InvalidClientMetadata, "description must have at most 2000 characters");
pub const PUBLIC_WITH_CREDENTIALS: Refusal =
    refuse(InvalidClientMetadata, "a public client's only authentication method is none");
pub const CONFIDENTIAL_WITHOUT_CREDENTIALS: Refusal = refuse(
    InvalidClientMetadata,
    "a confidential client needs client_secret_basic, client_secret_post or private_key_jwt, and must not have none",
);
pub const PUBLIC_CLIENT_CREDENTIALS: Refusal =
    refuse(InvalidClientMetadata, "the client_credentials grant is for confidential clients only");
pub const REFRESH_WITHOUT_CODE: Refusal =
    refuse(InvalidClientMetadata, "the refresh_token grant needs the authorization_code grant");
pub const REPEATED_ENTRY: Refusal =
    refuse(InvalidClientMetadata, "a list of grant types, authentication methods or URIs has an entry twice");
pub const NO_REDIRECT_URI: Refusal =
    refuse(InvalidRedirectUri, "the authorization_code grant needs at least one redirect URI");
pub const TOO_MANY_URIS: Refusal = refuse(InvalidRedirectUri, "a client may have at most 100 redirect URIs of a kind");
pub const BAD_WEB_URI: Refusal = refuse(
    InvalidClientMetadata,
    "logo_uri, client_uri, policy_uri and tos_uri must be https or http URLs with a host and without user name",
);
pub const PKCE_OPTIONAL_FOR_PUBLIC: Refusal =
    refuse(InvalidClientMetadata, "pkce_optional is for confidential clients only");
pub const BYPASS_FOR_THIRD_PARTY: Refusal = refuse(
    InvalidClientMetadata,
    "bypass_consent_for_offline_access is for first-party clients only: third parties need the user's consent",
);
pub const FULL_ACCESS_FOR_THIRD_PARTY: Refusal =
    refuse(InvalidClientMetadata, "full_access_allowed is for first-party clients only");
pub const BAD_CUSTOM_AUDIENCE: Refusal = refuse(
    InvalidClientMetadata,
    "access_token_custom_audience must have 1 to 255 visible ASCII characters, and be a URI if it has a colon",
);
pub const NO_KEYS: Refusal =
    refuse(InvalidClientMetadata, "private_key_jwt needs the client's public keys: jwks or jwks_uri");
pub const TWO_KEY_SOURCES: Refusal = refuse(InvalidClientMetadata, "give jwks or jwks_uri, not both");
pub const BAD_JWKS_URI: Refusal = refuse(
    InvalidClientMetadata,
    "jwks_uri must be an https URL with a host and without user name (http only to the loopback interface)",
);
pub const BAD_JWKS: Refusal =
    refuse(InvalidClientMetadata, "jwks must be an object with a list `keys` of 1 to 20 public keys, each with kty");
pub const PRIVATE_KEY_IN_JWKS: Refusal = refuse(
    InvalidClientMetadata,
    "jwks holds a private or symmetric key; keep it secret, replace it, and register the public key only",
);
pub const DEFAULT_SCOPE_TOO_WIDE: Refusal =
    refuse(InvalidClientMetadata, "default_scope has values that the client's scope does not have");
pub const BAD_RESOURCE: Refusal = refuse(InvalidClientMetadata, "resources must be absolute URIs without fragment");
pub const BAD_LIFETIME: Refusal = refuse(InvalidClientMetadata, "access_token_lifetime must be 1 to 86400 seconds");
pub const BAD_REFRESH_WINDOW: Refusal = refuse(InvalidClientMetadata, "refresh_window must be 0 to 3600 seconds");

const LONGEST_NAME: usize = 200;
const LONGEST_DESCRIPTION: usize = 2000;
const LONGEST_URI: usize = 2048;
const MOST_URIS: usize = 100;
const MOST_KEYS: usize = 20;

/// Whether a client may be stored with these `settings`.
pub fn validate_client_settings(settings: &ClientSettings) -> Result<(), Refusal> {
    validate_client_settings_allowing(settings, &[])
}

/// The same, with private-use schemes that the operator accepts although they have no dot.
pub fn validate_client_settings_allowing(settings: &ClientSettings, private_schemes: &[&str]) -> Result<(), Refusal> {
    validate_named(settings)?;
    validate_written(settings, private_schemes, Stage::Whole)
}

/// The same for a client that is being set up: its name and its redirect URIs may follow later. Until then it is called
/// by where it lives, and nobody can be sent there.
pub fn validate_client_draft(settings: &ClientSettings, private_schemes: &[&str]) -> Result<(), Refusal> {
    if !settings.name.is_empty() {
        validate_named(settings)?;
    }
    validate_written(settings, private_schemes, Stage::Draft)
}

/// The same for a client that registered itself: whole, but it need not have told its name.
pub fn validate_self_registered(settings: &ClientSettings, private_schemes: &[&str]) -> Result<(), Refusal> {
    if !settings.name.is_empty() {
        validate_named(settings)?;
    }
    validate_written(settings, private_schemes, Stage::Whole)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Draft,
    Whole,
}

/// From who the client is, by what it may do and where it lives, to numbers: the first refusal is the one to mend
/// first, because it often explains the next.
fn validate_written(settings: &ClientSettings, private_schemes: &[&str], stage: Stage) -> Result<(), Refusal> {
    if settings.description.chars().count() > LONGEST_DESCRIPTION {
        return Err(DESCRIPTION_TOO_LONG);
    }
    validate_authentication(settings)?;
    validate_grant_types(settings)?;
    // RFC 7591 §2: clients with a redirect flow must register them
    let is_sent_back = settings.grant_types.contains(&GrantType::AuthorizationCode);
    if stage == Stage::Whole && is_sent_back && settings.redirect_uris.is_empty() {
        return Err(NO_REDIRECT_URI);
    }
    validate_redirect_uris(settings, private_schemes)?;
    validate_web_uris(settings)?;
    validate_privileges(settings)?;
    validate_keys(settings)?;
    validate_scope_and_resources(settings)?;
    validate_times(settings)?;
    validate_own_claims(settings)
}

fn validate_named(settings: &ClientSettings) -> Result<(), Refusal> {
    let length = settings.name.chars().count();
    let is_blank = settings.name.trim().is_empty();
    // OAuth 2.1 §7.9: the user decides by this name, so nothing in it may hide or turn around what they read
    if is_blank || length > LONGEST_NAME || settings.name.chars().any(is_treacherous) {
        return Err(BAD_NAME);
    }
    Ok(())
}

/// Control characters, zero-width characters, marks that change the direction of text, and other format characters.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

fn validate_authentication(settings: &ClientSettings) -> Result<(), Refusal> {
    let methods = &settings.authentication_methods;
    match settings.confidentiality {
        // RFC 6749 §2.1: a public client has nothing to prove itself with
        Confidentiality::Public if methods.as_slice() != [AuthenticationMethod::None] => Err(PUBLIC_WITH_CREDENTIALS),
        // OAuth 2.1 §2.4: one way around the secret is as good as no secret
        Confidentiality::Confidential if methods.is_empty() || methods.contains(&AuthenticationMethod::None) => {
            Err(CONFIDENTIAL_WITHOUT_CREDENTIALS)
        }
        _ if has_repetition(methods) => Err(REPEATED_ENTRY),
        _ => Ok(()),
    }
}

fn validate_grant_types(settings: &ClientSettings) -> Result<(), Refusal> {
    let grants = &settings.grant_types;
    // OAuth 2.1 §4.2
    let is_public = settings.confidentiality == Confidentiality::Public;
    if is_public && grants.contains(&GrantType::ClientCredentials) {
        return Err(PUBLIC_CLIENT_CREDENTIALS);
    }
    // RFC 7591 §2.1: a refresh token comes from a code
    if grants.contains(&GrantType::RefreshToken) && !grants.contains(&GrantType::AuthorizationCode) {
        return Err(REFRESH_WITHOUT_CODE);
    }
    if has_repetition(grants) { Err(REPEATED_ENTRY) } else { Ok(()) }
}

fn validate_redirect_uris(settings: &ClientSettings, private_schemes: &[&str]) -> Result<(), Refusal> {
    for uris in [&settings.redirect_uris, &settings.post_logout_redirect_uris] {
        if uris.len() > MOST_URIS {
            return Err(TOO_MANY_URIS);
        }
        if has_repetition(uris) {
            return Err(REPEATED_ENTRY);
        }
        for uri in uris {
            redirect_uri::parse_registered_allowing(uri, private_schemes)?;
        }
    }
    Ok(())
}

/// These are shown or linked on our pages: what is not a web address would run there (attacks.md row 11).
fn validate_web_uris(settings: &ClientSettings) -> Result<(), Refusal> {
    let uris = [&settings.logo_uri, &settings.client_uri, &settings.policy_uri, &settings.tos_uri];
    if uris.into_iter().flatten().all(|uri| is_web_uri(uri)) { Ok(()) } else { Err(BAD_WEB_URI) }
}

fn is_web_uri(text: &str) -> bool {
    let Some((scheme, rest)) = split_scheme(text) else { return false };
    let authority = split_authority(rest).map_or("", |(authority, _)| authority);
    let is_plain = text.len() <= LONGEST_URI && is_uri_text(text) && !authority.is_empty() && !authority.contains('@');
    is_plain && matches!(scheme, "https" | "http") && Url::parse(text).is_ok()
}

fn validate_privileges(settings: &ClientSettings) -> Result<(), Refusal> {
    // OAuth 2.1 §7.5: public clients must use PKCE
    if settings.pkce_optional && settings.confidentiality == Confidentiality::Public {
        return Err(PKCE_OPTIONAL_FOR_PUBLIC);
    }
    // OIDC Core §11
    if settings.bypass_consent_for_offline_access && settings.party == Party::Third {
        return Err(BYPASS_FOR_THIRD_PARTY);
    }
    if settings.full_access_allowed && settings.party == Party::Third {
        return Err(FULL_ACCESS_FOR_THIRD_PARTY);
    }
    Ok(())
}

fn validate_keys(settings: &ClientSettings) -> Result<(), Refusal> {
    match (&settings.jwks, &settings.jwks_uri) {
        // RFC 7591 §2: not both
        (Some(_), Some(_)) => Err(TWO_KEY_SOURCES),
        (Some(jwks), None) => validate_jwks(jwks),
        (None, Some(uri)) => {
            let is_fetchable = is_web_uri(uri) && (uri.starts_with("https:") || redirect_uri::is_loopback(uri));
            if is_fetchable { Ok(()) } else { Err(BAD_JWKS_URI) }
        }
        (None, None) if settings.authentication_methods.contains(&AuthenticationMethod::PrivateKeyJwt) => Err(NO_KEYS),
        (None, None) => Ok(()),
    }
}

fn validate_jwks(jwks: &Value) -> Result<(), Refusal> {
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or(BAD_JWKS)?;
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(BAD_JWKS);
    }
    for key in keys {
        // RFC 7517 §4.1
        let Some(Value::String(kty)) = key.get("kty") else { return Err(BAD_JWKS) };
        // RFC 7518 §6: whoever hands us a private key has made it worthless
        if kty == "oct" || SECRET_MEMBERS.iter().any(|member| key.get(member).is_some()) {
            return Err(PRIVATE_KEY_IN_JWKS);
        }
    }
    Ok(())
}

fn validate_scope_and_resources(settings: &ClientSettings) -> Result<(), Refusal> {
    let is_within = |own: &Scope| settings.scope.as_ref().is_none_or(|ceiling| own.is_subset_of(ceiling));
    if !settings.default_scope.as_ref().is_none_or(is_within) {
        return Err(DEFAULT_SCOPE_TOO_WIDE);
    }
    // RFC 8707 §2
    let mut resources = settings.resources.iter().flatten();
    if resources.all(|uri| resource::canonical(uri).is_ok()) { Ok(()) } else { Err(BAD_RESOURCE) }
}

fn validate_times(settings: &ClientSettings) -> Result<(), Refusal> {
    if settings.access_token_lifetime.is_some_and(|Seconds(own)| !(1..=86_400).contains(&own)) {
        return Err(BAD_LIFETIME);
    }
    if settings.refresh_window.is_some_and(|Seconds(own)| !(0..=3600).contains(&own)) {
        return Err(BAD_REFRESH_WINDOW);
    }
    Ok(())
}

fn validate_own_claims(settings: &ClientSettings) -> Result<(), Refusal> {
    if !settings.access_token_custom_audience.as_deref().is_none_or(is_audience) {
        return Err(BAD_CUSTOM_AUDIENCE);
    }
    for template in [&settings.access_token_template, &settings.id_token_template] {
        claim_template::parse(template, Kind::User)?;
    }
    Ok(())
}

/// RFC 7519 §2 and §4.1.3: StringOrURI.
pub fn is_audience(text: &str) -> bool {
    let is_plain = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    is_plain && (!text.contains(':') || (is_uri_text(text) && split_scheme(text).is_some()))
}

fn has_repetition<T: PartialEq>(entries: &[T]) -> bool {
    entries.iter().enumerate().any(|(index, entry)| entries.iter().skip(index + 1).any(|other| other == entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        redirect_uri::{DANGEROUS_SCHEME, HTTP_NOT_LOOPBACK, SCHEME_WITHOUT_DOT},
        samples::{client, confidential, scope},
    };
    use serde_json::json;

    fn public() -> ClientSettings {
        client().settings
    }

    fn with_secret() -> ClientSettings {
        confidential().settings
    }

    #[track_caller]
    fn check(settings: ClientSettings, expected: Result<(), Refusal>) {
        assert_eq!(validate_client_settings(&settings), expected);
    }

    #[test]
    fn usual_clients_may_be_stored() {
        check(public(), Ok(()));
        check(with_secret(), Ok(()));
        let only_introspects = ClientSettings { grant_types: Vec::new(), redirect_uris: Vec::new(), ..with_secret() };
        check(only_introspects, Ok(()));
    }

    #[test]
    fn names_hide_nothing() {
        for name in ["", "  ", "a\nb", "Bank\u{202E}knab", "Ba\u{200B}nk", "\u{3164}", &"x".repeat(201)] {
            check(ClientSettings { name: name.into(), ..public() }, Err(BAD_NAME));
        }
        check(ClientSettings { name: "Bücher & Söhne 日本".into(), ..public() }, Ok(()));
        check(ClientSettings { description: "x".repeat(2001), ..public() }, Err(DESCRIPTION_TOO_LONG));
    }

    #[test]
    fn authentication_fits_confidentiality() {
        use AuthenticationMethod::{ClientSecretBasic, ClientSecretPost, None};
        for authentication_methods in [vec![], vec![ClientSecretBasic], vec![None, ClientSecretPost], vec![None, None]]
        {
            check(ClientSettings { authentication_methods, ..public() }, Err(PUBLIC_WITH_CREDENTIALS));
        }
        for authentication_methods in [vec![], vec![None], vec![ClientSecretBasic, None]] {
            check(ClientSettings { authentication_methods, ..with_secret() }, Err(CONFIDENTIAL_WITHOUT_CREDENTIALS));
        }
        let authentication_methods = vec![ClientSecretBasic, ClientSecretBasic];
        check(ClientSettings { authentication_methods, ..with_secret() }, Err(REPEATED_ENTRY));
    }

    #[test]
    fn grants_fit_the_client_and_each_other() {
        use GrantType::{AuthorizationCode, ClientCredentials, RefreshToken};
        let public_with = |grant_types| ClientSettings { grant_types, ..public() };
        check(public_with(vec![AuthorizationCode, ClientCredentials]), Err(PUBLIC_CLIENT_CREDENTIALS));
        check(public_with(vec![RefreshToken]), Err(REFRESH_WITHOUT_CODE));
        check(public_with(vec![AuthorizationCode, AuthorizationCode]), Err(REPEATED_ENTRY));
        check(ClientSettings { redirect_uris: Vec::new(), ..public() }, Err(NO_REDIRECT_URI));
        let machine =
            ClientSettings { grant_types: vec![ClientCredentials], redirect_uris: Vec::new(), ..with_secret() };
        check(machine, Ok(()));
    }

    #[test]
    fn redirect_uris_follow_their_rules_also_after_logout() {
        for (uri, refusal) in [
            ("javascript:alert(1)", DANGEROUS_SCHEME),
            ("http://a.example/cb", HTTP_NOT_LOOPBACK),
            ("cursor://callback", SCHEME_WITHOUT_DOT),
        ] {
            check(ClientSettings { redirect_uris: vec![uri.into()], ..public() }, Err(refusal.clone()));
            check(ClientSettings { post_logout_redirect_uris: vec![uri.into()], ..public() }, Err(refusal));
        }
        let cursor = ClientSettings { redirect_uris: vec!["cursor://callback".into()], ..public() };
        assert_eq!(validate_client_settings_allowing(&cursor, &["cursor"]), Ok(()));
        let twice = vec!["https://a.example/cb".to_owned(); 2];
        check(ClientSettings { redirect_uris: twice, ..public() }, Err(REPEATED_ENTRY));
        let many = (0..101).map(|n| format!("https://a.example/{n}")).collect();
        check(ClientSettings { redirect_uris: many, ..public() }, Err(TOO_MANY_URIS));
    }

    /// attacks.md row 11: better-auth CVE-2026-67333, Spring CVE-2026-22752.
    #[test]
    fn uris_that_are_shown_are_web_addresses() {
        for uri in [
            "javascript:alert(1)",
            "JAVASCRIPT://a.example/%0aalert(1)",
            "data:image/svg+xml,x",
            "//a.example/x",
            "/logo.png",
            "",
            "https:",
            "https:///x",
            "https://u:p@a.example/",
            "https://a.example/\"onerror=",
            "ftp://a.example/",
            "file:///etc/passwd",
            "blob:https://a.example/1",
        ] {
            check(ClientSettings { logo_uri: Some(uri.into()), ..public() }, Err(BAD_WEB_URI));
            check(ClientSettings { client_uri: Some(uri.into()), ..public() }, Err(BAD_WEB_URI));
            check(ClientSettings { policy_uri: Some(uri.into()), ..public() }, Err(BAD_WEB_URI));
            check(ClientSettings { tos_uri: Some(uri.into()), ..public() }, Err(BAD_WEB_URI));
        }
        let logo_uri = Some("https://a.example/logo.png?v=1".into());
        check(ClientSettings { logo_uri, client_uri: Some("http://a.example".into()), ..public() }, Ok(()));
    }

    /// attacks.md row 32 (better-auth #8998): privileges are not for everyone.
    #[test]
    fn privileges_fit_the_client() {
        check(ClientSettings { pkce_optional: true, ..public() }, Err(PKCE_OPTIONAL_FOR_PUBLIC));
        check(ClientSettings { pkce_optional: true, ..with_secret() }, Ok(()));
        let bypassing = |party| ClientSettings { bypass_consent_for_offline_access: true, party, ..public() };
        check(bypassing(Party::Third), Err(BYPASS_FOR_THIRD_PARTY));
        check(bypassing(Party::First), Ok(()));
        let with_full_access = |party| ClientSettings { full_access_allowed: true, party, ..public() };
        check(with_full_access(Party::Third), Err(FULL_ACCESS_FOR_THIRD_PARTY));
        check(with_full_access(Party::First), Ok(()));
    }

    #[test]
    fn a_draft_may_lack_its_name_and_its_redirect_uris() {
        let draft = ClientSettings { name: String::new(), redirect_uris: Vec::new(), ..public() };
        assert_eq!(validate_client_draft(&draft, &[]), Ok(()));
        let named = |name: &str| validate_client_draft(&ClientSettings { name: name.into(), ..draft.clone() }, &[]);
        assert_eq!((named("App"), named(" "), named("a\u{202E}b")), (Ok(()), Err(BAD_NAME), Err(BAD_NAME)));
        let described = ClientSettings { description: "x".repeat(2001), ..draft.clone() };
        assert_eq!(validate_client_draft(&described, &[]), Err(DESCRIPTION_TOO_LONG));
        let elsewhere = ClientSettings { redirect_uris: vec!["http://a.example/cb".into()], ..draft };
        assert_eq!(validate_client_draft(&elsewhere, &[]), Err(HTTP_NOT_LOOPBACK));
    }

    #[test]
    fn own_claims_are_checked() {
        for audience in ["api", "https://api.example/", "urn:example:api", "project-test-1"] {
            check(ClientSettings { access_token_custom_audience: Some(audience.into()), ..public() }, Ok(()));
        }
        for audience in ["", "a b", ":x", "1:x", "https://a.example/\"", "é", &"x".repeat(256)] {
            let refused = ClientSettings { access_token_custom_audience: Some(audience.into()), ..public() };
            check(refused, Err(BAD_CUSTOM_AUDIENCE));
        }
        let template = String::from("{\"sub\": 1}");
        check(ClientSettings { access_token_template: template.clone(), ..public() }, Err(claim_template::RESERVED));
        check(ClientSettings { id_token_template: template, ..public() }, Err(claim_template::RESERVED));
    }

    #[test]
    fn keys_are_public_and_come_from_one_place() {
        let signing = |jwks: Option<Value>, jwks_uri: Option<&str>| ClientSettings {
            authentication_methods: vec![AuthenticationMethod::PrivateKeyJwt],
            jwks,
            jwks_uri: jwks_uri.map(str::to_owned),
            ..with_secret()
        };
        let good = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] });
        check(signing(Some(good.clone()), None), Ok(()));
        check(signing(None, Some("https://a.example/jwks")), Ok(()));
        check(signing(None, Some("http://127.0.0.1:9000/jwks")), Ok(()));
        check(signing(None, None), Err(NO_KEYS));
        check(signing(Some(good), Some("https://a.example/jwks")), Err(TWO_KEY_SOURCES));
        for uri in ["http://a.example/jwks", "file:///jwks", "https://u@a.example/", "jwks"] {
            check(signing(None, Some(uri)), Err(BAD_JWKS_URI));
        }
        for jwks in
            [json!([]), json!({}), json!({ "keys": [] }), json!({ "keys": [{}] }), json!({ "keys": [1] }), json!("x")]
        {
            check(signing(Some(jwks), None), Err(BAD_JWKS));
        }
        let secret =
            [json!({ "kty": "EC", "d": "x" }), json!({ "kty": "oct", "k": "x" }), json!({ "kty": "RSA", "p": "x" })];
        for key in secret {
            check(signing(Some(json!({ "keys": [key] })), None), Err(PRIVATE_KEY_IN_JWKS));
        }
    }

    #[test]
    fn the_rest_is_within_bounds() {
        let (wide, narrow) = (Some(scope("openid email")), Some(scope("openid")));
        check(
            ClientSettings { scope: narrow.clone(), default_scope: wide.clone(), ..public() },
            Err(DEFAULT_SCOPE_TOO_WIDE),
        );
        check(ClientSettings { scope: wide, default_scope: narrow, ..public() }, Ok(()));
        check(ClientSettings { resources: Some(vec!["api".into()]), ..public() }, Err(BAD_RESOURCE));
        for seconds in [i64::MIN, -1, 0, 86_401, i64::MAX] {
            check(ClientSettings { access_token_lifetime: Some(Seconds(seconds)), ..public() }, Err(BAD_LIFETIME));
        }
        for seconds in [-1, 3601] {
            check(ClientSettings { refresh_window: Some(Seconds(seconds)), ..public() }, Err(BAD_REFRESH_WINDOW));
        }
        check(ClientSettings { refresh_window: Some(Seconds(0)), ..public() }, Ok(()));
    }
}
