//! When the settings of a client are consistent: the same rules for every way in which a client can be written.
//!
//! Specs: RFC 7591 §2 and §3.2.2, RFC 6749 §2.1 and §4.4, OAuth 2.1 §2.4 and §4.2, RFC 7517 §4, RFC 8252 §8.5.
//! The protocol's other rules may then rely on a stored record.

use crate::{
    client::{AuthenticationMethod, ClientSettings, Confidentiality, GrantType, Party},
    error::{
        ErrorCode::{InvalidClientMetadata, InvalidRedirectUri},
        Refusal, refuse,
    },
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
    "logo_uri and client_uri must be https or http URLs with a host and without user name",
);
pub const PKCE_OPTIONAL_FOR_PUBLIC: Refusal =
    refuse(InvalidClientMetadata, "pkce_optional is for confidential clients only");
pub const BYPASS_FOR_THIRD_PARTY: Refusal = refuse(
    InvalidClientMetadata,
    "bypass_consent_for_offline_access is for first-party clients only: third parties need the user's consent",
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

/// The members of a JWK that only the owner may know (RFC 7518 §6.2.2, §6.3.2 and §6.4.1).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Whether a client may be stored with these `settings`.
pub fn validate_client_settings(settings: &ClientSettings) -> Result<(), Refusal> {
    validate_client_settings_allowing(settings, &[])
}

/// The same, with private-use schemes that the operator accepts although they have no dot.
///
/// From who the client is, by what it may do and where it lives, to numbers: the first refusal is the one to mend
/// first, because it often explains the next.
pub fn validate_client_settings_allowing(settings: &ClientSettings, private_schemes: &[&str]) -> Result<(), Refusal> {
    validate_texts(settings)?;
    validate_authentication(settings)?;
    validate_grant_types(settings)?;
    validate_redirect_uris(settings, private_schemes)?;
    validate_web_uris(settings)?;
    validate_privileges(settings)?;
    validate_keys(settings)?;
    validate_scope_and_resources(settings)?;
    validate_times(settings)
}

fn validate_texts(settings: &ClientSettings) -> Result<(), Refusal> {
    let length = settings.name.chars().count();
    let is_blank = settings.name.trim().is_empty();
    // OAuth 2.1 §7.9: the user decides by this name, so nothing in it may hide or turn around what they read
    if is_blank || length > LONGEST_NAME || settings.name.chars().any(is_treacherous) {
        return Err(BAD_NAME);
    }
    if settings.description.chars().count() > LONGEST_DESCRIPTION {
        return Err(DESCRIPTION_TOO_LONG);
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
    // RFC 7591 §2: clients with a redirect flow must register them
    if settings.grant_types.contains(&GrantType::AuthorizationCode) && settings.redirect_uris.is_empty() {
        return Err(NO_REDIRECT_URI);
    }
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
    let mut uris = settings.logo_uri.iter().chain(&settings.client_uri);
    if uris.all(|uri| is_web_uri(uri)) { Ok(()) } else { Err(BAD_WEB_URI) }
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

fn has_repetition<T: PartialEq>(entries: &[T]) -> bool {
    entries.iter().enumerate().any(|(index, entry)| entries.iter().skip(index + 1).any(|other| other == entry))
}
