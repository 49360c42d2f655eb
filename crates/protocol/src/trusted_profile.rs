//! Trusted token profiles: JWTs of another issuer that log a user in ("bring your own login").
//!
//! Specs: RFC 7519 §4.1, RFC 8725 §3.8 to §3.12, OIDC Core §5.7 (which claims identify a user).
//!
//! The other issuer is believed in what it says about the user who presents its token: the address unless the token itself
//! denies it, the host app's id, the roles. An address alone never joins two accounts that have different ids.

use crate::{
    error::{ErrorCode, Refusal, refuse, refuse_api},
    jose::{JoseError, Jwk, KeySet, Verified, VerifyingKey, numeric_date},
    policy::Policy,
    session_migration::denies_verification,
    time::{Seconds, Timestamp},
    user::User,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use url::{Host, Url};

/// How far the other issuer's clock may differ from ours.
pub const LEEWAY: Seconds = Seconds(60);
/// How old the last attest may be when a refresh token is used: 30 days.
pub const REAUTHENTICATE_AFTER: Seconds = Seconds(30 * 24 * 60 * 60);
/// A project has no more profiles than this.
pub const MOST_PROFILES: usize = 100;

const MOST_PEM_FILES: usize = 5;
const LONGEST_TEXT: usize = 2048;

pub const BAD_NAME: Refusal = invalid("name: 1 to 200 characters");
pub const BAD_ISSUER: Refusal = invalid("issuer: the tokens' iss, byte for byte; 1 to 2048 characters");
pub const BAD_AUDIENCE: Refusal = invalid("audience: one of the tokens' aud, byte for byte; 1 to 2048 characters");
pub const BAD_JWKS_URL: Refusal =
    invalid("jwks_url: for public_key_type JWK an https URL without user name and fragment, and no pem_files");
pub const BAD_PEM: Refusal = invalid(
    "pem_files: for public_key_type PEM 1 to 5 texts that begin with -----BEGIN PUBLIC KEY-----, of RSA keys with 2048 to \
     4096 bits, P-256 or Ed25519, and no jwks_url",
);
pub const BAD_MAPPING: Refusal = invalid(
    "attribute_mapping: claim names for email and token_id, and if you like for external_user_id and role_ids; nothing else",
);
pub const BAD_REAUTHENTICATION: Refusal = invalid("reauthenticate_after_seconds: 60 to 31536000");
pub const BAD_HOST_CHECK: Refusal = invalid("host_check_url: an https URL without user name and fragment");

pub const NOT_VERIFIED: Refusal = refuse_api(
    400,
    "invalid_trusted_auth_token",
    "token: it is no JWT signed with RS256, PS256, ES256 or EdDSA by a key of the profile",
);
/// For the caller who could not get the keys.
pub const NO_KEYS: Refusal = refuse_api(
    400,
    "invalid_trusted_auth_token",
    "the profile's jwks_url could not be fetched as a set of public keys; the server's log has the reason",
);
pub const WRONG_TYPE: Refusal = refuse_api(
    400,
    "invalid_trusted_auth_token",
    "token: its typ is neither absent, JWT nor at+jwt; send an ID or access token",
);
pub const WRONG_ISSUER: Refusal = refuse_api(400, "jwt_invalid_issuer", "token: its iss is not the profile's issuer");
pub const WRONG_AUDIENCE: Refusal =
    refuse_api(400, "jwt_invalid_audience", "token: the profile's audience is not in its aud");
pub const BAD_TIMES: Refusal =
    refuse_api(400, "jwt_invalid_claims", "token: exp and iat must be there; exp, iat and nbf are numbers of seconds");
pub const EXPIRED: Refusal = refuse_api(400, "jwt_invalid_claims", "token: it has expired; get a new one");
pub const NOT_YET_VALID: Refusal =
    refuse_api(400, "jwt_invalid_claims", "token: its iat or nbf lies ahead; check the clocks");
pub const NO_TOKEN_ID: Refusal = refuse_api(
    400,
    "jwt_invalid_claims",
    "token: the claim that the profile maps to token_id is not text of 1 to 512 bytes",
);
pub const BAD_EXTERNAL_ID: Refusal = refuse_api(
    400,
    "trusted_token_profile_incorrect_external_id_mapping",
    "token: the claim that the profile maps to external_user_id is not 1 to 128 letters, digits or any of . _ | -",
);
pub const BAD_ROLES: Refusal = refuse_api(
    400,
    "jwt_invalid_claims",
    "token: the claim that the profile maps to role_ids is no text and no array of texts",
);
pub const NO_EMAIL: Refusal = refuse_api(
    400,
    "jwt_invalid_claims",
    "token: no user has its external id, and the claim that the profile maps to email is not a verified address",
);
pub const SEVERAL_EXTERNAL_IDS: Refusal = refuse_api(
    400,
    "trusted_token_profile_cannot_have_multiple_external_ids",
    "token: the user with its address has another external id; change that first if both are the same person",
);
pub const UNKNOWN_USER: Refusal = refuse_api(
    404,
    "user_not_found",
    "token: it names no user, or one who may not come in; create the user, or let the profile do so (can_jit_provision)",
);
pub const SIGNED_OUT: Refusal = refuse_api(
    400,
    "invalid_trusted_auth_token",
    "token: it was issued before the user was signed out everywhere; get a new one",
);

/// For the client whose refresh token depends on attests.
pub const REAUTHENTICATE: Refusal = refuse(
    ErrorCode::InvalidGrant,
    "the login behind this token is too old, or is not trusted any more; send the user through authorization again",
);
/// For the client, when the host app says that the user is to have no access.
pub const HOST_SAYS_NO: Refusal =
    refuse(ErrorCode::InvalidGrant, "the user has no access any more; send the user through authorization again");

const fn invalid(description: &'static str) -> Refusal {
    refuse_api(400, "trusted_token_profile_invalid_request", description)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProfile {
    pub id: String,
    pub settings: ProfileSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What the host app says about the other issuer. Stored as one text, and written the same way in the seed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileSettings {
    pub name: String,
    pub issuer: String,
    pub audience: String,
    pub public_key_type: PublicKeyType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    #[serde(default)]
    pub pem_files: Vec<String>,
    /// Which claim holds what: `email` and `token_id` always, `external_user_id` and `role_ids` if wanted.
    pub attribute_mapping: BTreeMap<String, String>,
    /// Whether a user who is not known yet is made.
    #[serde(default)]
    pub can_jit_provision: bool,
    /// How old the last attest may be when a refresh token is used.
    #[serde(default = "reauthenticate_after")]
    pub reauthenticate_after_seconds: i64,
    /// Where the host app is asked whether the user still has access when a refresh token is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_check_url: Option<String>,
}

fn reauthenticate_after() -> i64 {
    REAUTHENTICATE_AFTER.0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PublicKeyType {
    /// A key set at a URL.
    Jwk,
    /// Keys that were sent along.
    Pem,
}

/// Whether a profile can be used.
pub fn validate_settings(settings: &ProfileSettings) -> Result<(), Refusal> {
    let is_text =
        |text: &str, most: usize| !text.trim().is_empty() && text.len() <= most && !text.chars().any(char::is_control);
    if !is_text(&settings.name, 200) {
        return Err(BAD_NAME);
    }
    if !is_text(&settings.issuer, LONGEST_TEXT) {
        return Err(BAD_ISSUER);
    }
    if !is_text(&settings.audience, LONGEST_TEXT) {
        return Err(BAD_AUDIENCE);
    }
    match settings.public_key_type {
        PublicKeyType::Jwk => {
            let is_url = settings.jwks_url.as_deref().is_some_and(is_fetchable);
            if !is_url || !settings.pem_files.is_empty() {
                return Err(BAD_JWKS_URL);
            }
        }
        PublicKeyType::Pem => {
            let has_some = (1..=MOST_PEM_FILES).contains(&settings.pem_files.len());
            if !has_some || settings.jwks_url.is_some() || settings.pem_keys().is_err() {
                return Err(BAD_PEM);
            }
        }
    }
    let is_known = |name: &String| ["email", "token_id", "external_user_id", "role_ids"].contains(&name.as_str());
    let mapping = &settings.attribute_mapping;
    let is_whole = mapping.contains_key("email") && mapping.contains_key("token_id");
    if !is_whole || !mapping.keys().all(is_known) || !mapping.values().all(|claim| is_text(claim, 200)) {
        return Err(BAD_MAPPING);
    }
    if !(60..=31_536_000).contains(&settings.reauthenticate_after_seconds) {
        return Err(BAD_REAUTHENTICATION);
    }
    if settings.host_check_url.as_deref().is_some_and(|url| !is_fetchable(url)) {
        return Err(BAD_HOST_CHECK);
    }
    Ok(())
}

/// A URL that we may be told to fetch; where it leads is checked when it is fetched.
fn is_fetchable(text: &str) -> bool {
    let Some(url) = Some(text).filter(|text| text.len() <= LONGEST_TEXT).and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    is_plain && url.host().is_some() && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback))
}

impl ProfileSettings {
    /// The keys of `pem_files`.
    pub fn pem_keys(&self) -> Result<KeySet, JoseError> {
        self.pem_files.iter().map(|text| VerifyingKey::from_jwk(&Jwk::from_pem(text)?)).collect()
    }
}

/// What a token that was validated says about its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    pub token_id: String,
    /// A verified address.
    pub email: Option<String>,
    pub external_id: Option<String>,
    /// `None` when the profile maps no roles; then they stay as they are.
    pub role_ids: Option<Vec<String>>,
    /// The last time of which it is known that the user was logged in there.
    pub issued_at: Timestamp,
}

/// Validates a token whose signature was verified with a key of the profile.
///
/// What it is, from whom and for whom comes before its times, so that a token of another kind, or one meant for another
/// application of the same issuer, is called that even when it has expired.
pub fn validate(token: &Verified, profile: &ProfileSettings, now: Timestamp) -> Result<Attested, Refusal> {
    // RFC 8725 §3.11: an issuer signs more than identities: logout tokens, proofs, assertions
    if token.typ().is_some() && !token.is_of_type("JWT") && !token.is_of_type("at+jwt") {
        return Err(WRONG_TYPE);
    }
    // RFC 7519 §4.1.1, RFC 8725 §3.8
    if token.text("iss") != Some(&profile.issuer) {
        return Err(WRONG_ISSUER);
    }
    // RFC 7519 §4.1.3
    let is_for_us = match token.claims().get("aud") {
        Some(Value::String(one)) => *one == profile.audience,
        Some(Value::Array(all)) => all.iter().any(|own| own.as_str() == Some(&profile.audience)),
        _ => false,
    };
    if !is_for_us {
        return Err(WRONG_AUDIENCE);
    }
    let time = |name: &str| token.claims().get(name).map(|value| numeric_date(value).ok_or(BAD_TIMES)).transpose();
    let (expires_at, issued_at) = (time("exp")?.ok_or(BAD_TIMES)?, time("iat")?.ok_or(BAD_TIMES)?);
    // RFC 7519 §4.1.4
    if now >= expires_at.plus(LEEWAY) {
        return Err(EXPIRED);
    }
    // RFC 7519 §4.1.5 and §4.1.6
    if issued_at > now.plus(LEEWAY) || time("nbf")?.is_some_and(|begins| begins > now.plus(LEEWAY)) {
        return Err(NOT_YET_VALID);
    }
    let mapped = |name: &str| profile.attribute_mapping.get(name).and_then(|claim| claim_at(token.claims(), claim));
    let token_id = mapped("token_id").and_then(Value::as_str).filter(|id| !id.is_empty() && id.len() <= 512);
    let external_id = match mapped("external_user_id") {
        None => None,
        Some(value) => Some(value.as_str().filter(|id| is_external_id(id)).ok_or(BAD_EXTERNAL_ID)?.to_owned()),
    };
    let role_ids = match profile.attribute_mapping.get("role_ids") {
        None => None,
        // A user without roles may have no claim; who had some yesterday must not keep them.
        Some(claim) => Some(claim_at(token.claims(), claim).map_or(Ok(Vec::new()), role_ids)?),
    };
    // attacks.md row 35: an address that its issuer did not verify is anybody's.
    let email = mapped("email")
        .and_then(Value::as_str)
        .filter(|email| is_address(email) && !denies_verification(token.claims()))
        .map(str::to_owned);
    Ok(Attested { token_id: token_id.ok_or(NO_TOKEN_ID)?.to_owned(), email, external_id, role_ids, issued_at })
}

/// The claim by its name, or, if there is none, by the path of its dots.
fn claim_at<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(claim) = claims.get(name) {
        return Some(claim).filter(|claim| !claim.is_null());
    }
    let (first, rest) = name.split_once('.')?;
    claim_at(claims.get(first)?.as_object()?, rest)
}

fn role_ids(claim: &Value) -> Result<Vec<String>, Refusal> {
    match claim {
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(all) => all.iter().map(|role| role.as_str().map(str::to_owned).ok_or(BAD_ROLES)).collect(),
        _ => Err(BAD_ROLES),
    }
}

fn is_external_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._|-".contains(&b))
}

fn is_address(text: &str) -> bool {
    let has_parts = text.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
    has_parts && text.len() <= 320 && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Whom a token may mean, as the store has them.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    pub by_external_id: Option<&'a User>,
    pub by_email: Option<&'a User>,
}

/// Who comes in by a token.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival<'a> {
    /// A user of ours.
    Known(&'a User),
    /// A user of ours with the same verified address, who gets the host app's id if there is one.
    ByAddress(&'a User),
    /// Somebody new, with this address.
    New { email: &'a str },
}

/// Who comes in by a token that was validated.
///
/// The host app's id is asked first: addresses change hands, ids do not.
pub fn decide<'a>(
    attested: &'a Attested,
    profile: &ProfileSettings,
    candidates: Candidates<'a>,
) -> Result<Arrival<'a>, Refusal> {
    let arrival = match (candidates.by_external_id, attested.email.as_deref()) {
        (Some(user), _) => Arrival::Known(user),
        (None, None) => return Err(NO_EMAIL),
        (None, Some(email)) => match candidates.by_email {
            Some(user) => {
                let is_other = |own: &String| attested.external_id.as_ref().is_some_and(|id| id != own);
                if user.external_id.as_ref().is_some_and(is_other) {
                    return Err(SEVERAL_EXTERNAL_IDS);
                }
                Arrival::ByAddress(user)
            }
            None if profile.can_jit_provision => Arrival::New { email },
            None => return Err(UNKNOWN_USER),
        },
    };
    if let Arrival::Known(user) | Arrival::ByAddress(user) = &arrival {
        if user.disabled_at.is_some() {
            return Err(UNKNOWN_USER);
        }
        // A token from before must not undo it. A user who was never signed out has the time at which they were made.
        if user.tokens_valid_from > user.created_at && attested.issued_at <= user.tokens_valid_from {
            return Err(SIGNED_OUT);
        }
    }
    Ok(arrival)
}

/// The roles that the user has from now on; `None`: those they have. Roles that the policy does not have are left out.
pub fn roles_after(attested: &Attested, policy: &Policy) -> Option<Vec<String>> {
    let mut roles = Vec::new();
    for role in attested.role_ids.as_ref()? {
        if policy.roles.iter().any(|own| own.id == *role) && !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    Some(roles)
}

/// What a refresh token needs whose login stems from a profile.
#[derive(Debug, PartialEq, Eq)]
pub enum Refreshing<'a> {
    Allowed,
    /// The host app is to be asked here first.
    AskHost(&'a str),
}

/// Whether a refresh token may be used whose login stems from `profile`; `None`: the profile is gone.
/// `attested_at` is when the user was attested last.
pub fn may_refresh(
    profile: Option<&ProfileSettings>,
    attested_at: Option<Timestamp>,
    host_was_asked: bool,
    now: Timestamp,
) -> Result<Refreshing<'_>, Refusal> {
    let (Some(profile), Some(attested_at)) = (profile, attested_at) else { return Err(REAUTHENTICATE) };
    if now >= attested_at.plus(Seconds(profile.reauthenticate_after_seconds)) {
        return Err(REAUTHENTICATE);
    }
    Ok(match &profile.host_check_url {
        Some(url) if !host_was_asked => Refreshing::AskHost(url),
        _ => Refreshing::Allowed,
    })
}

/// What the host app answered: anything but `"active": true` is a no.
pub fn host_allows(answer: &Value) -> Result<(), Refusal> {
    if answer.get("active") == Some(&Value::Bool(true)) { Ok(()) } else { Err(HOST_SAYS_NO) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::UserId,
        jose::VerifyingAlg,
        samples::{BEFORE, NOW, policy, user},
    };
    use proptest::prelude::*;
    use serde_json::json;

    const ISSUER: &str = "https://project.supabase.example/auth/v1";

    fn profile() -> ProfileSettings {
        serde_json::from_value(json!({
            "name": "Login", "issuer": ISSUER, "audience": "authenticated", "public_key_type": "JWK",
            "jwks_url": "https://project.supabase.example/keys",
            "attribute_mapping": {
                "email": "email", "token_id": "session_id", "external_user_id": "sub", "role_ids": "app_metadata.roles",
            },
        }))
        .unwrap()
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "aud": "authenticated", "sub": "auth0|7", "email": "alice@example.com", "iat": NOW.0 - 10,
            "exp": NOW.0 + 3600, "session_id": "t-1", "app_metadata": { "roles": ["editor", "invented"] },
        })
    }

    fn with(changes: &Value) -> Value {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn outcome(typ: Option<&str>, claims: Value) -> Result<Attested, Refusal> {
        validate(&Verified::assume(VerifyingAlg::RS256, typ, claims), &profile(), NOW)
    }

    fn attested() -> Attested {
        outcome(None, claims()).unwrap()
    }

    #[track_caller]
    fn check(changes: &Value, refusal: Refusal) {
        assert_eq!(outcome(None, with(changes)), Err(refusal), "{changes}");
    }

    #[test]
    fn a_token_says_who_its_user_is() {
        assert_eq!(
            attested(),
            Attested {
                token_id: "t-1".into(),
                email: Some("alice@example.com".into()),
                external_id: Some("auth0|7".into()),
                role_ids: Some(vec!["editor".into(), "invented".into()]),
                issued_at: Timestamp(NOW.0 - 10),
            }
        );
        let namespaced = ProfileSettings {
            attribute_mapping: [("email", "https://a.example/email"), ("token_id", "jti")]
                .map(|(name, claim)| (name.to_owned(), claim.to_owned()))
                .into(),
            ..profile()
        };
        let claims = with(&json!({ "https://a.example/email": "a@b.example", "jti": "1" }));
        let token = Verified::assume(VerifyingAlg::ES256, Some("at+jwt"), claims);
        let attested = validate(&token, &namespaced, NOW).unwrap();
        assert_eq!(
            (attested.email.as_deref(), attested.external_id, attested.role_ids),
            (Some("a@b.example"), None, None)
        );
    }

    // RFC 8725 §3.11, attacks.md row 18
    #[test]
    fn a_token_of_another_kind_is_none() {
        for typ in [None, Some("JWT"), Some("jwt"), Some("at+jwt"), Some("application/at+jwt")] {
            assert!(outcome(typ, claims()).is_ok(), "{typ:?}");
        }
        for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "oauth-authz-req+jwt", "host-check+jwt", ""] {
            assert_eq!(outcome(Some(typ), claims()), Err(WRONG_TYPE), "{typ}");
        }
    }

    // attacks.md rows 28 and 35: bound to its issuer, and to this application.
    #[test]
    fn issuer_and_audience_are_the_profiles() {
        for iss in [json!("https://evil.example"), json!(format!("{ISSUER}/")), json!([ISSUER]), json!(null)] {
            check(&json!({ "iss": iss }), WRONG_ISSUER);
        }
        for aud in [json!("other"), json!(["other"]), json!([]), json!(["authenticated "]), json!(null), json!(7)] {
            check(&json!({ "aud": aud }), WRONG_AUDIENCE);
        }
        assert!(outcome(None, with(&json!({ "aud": ["other", "authenticated"] }))).is_ok());
    }

    #[test]
    fn times_are_checked_with_a_minute_of_leeway() {
        for (name, good, bad, refusal) in [
            ("exp", NOW.0 - 59, NOW.0 - 60, EXPIRED),
            ("iat", NOW.0 + 60, NOW.0 + 61, NOT_YET_VALID),
            ("nbf", NOW.0 + 60, NOW.0 + 61, NOT_YET_VALID),
        ] {
            assert!(outcome(None, with(&json!({ name: good }))).is_ok(), "{name}");
            check(&json!({ name: bad }), refusal);
            check(&json!({ name: "soon" }), BAD_TIMES);
        }
        for name in ["exp", "iat"] {
            assert_eq!(outcome(None, without(name)), Err(BAD_TIMES), "{name}");
        }
        assert!(outcome(None, without("nbf")).is_ok());
    }

    #[test]
    fn claims_have_the_form_that_the_mapping_asks_for() {
        for id in [json!(""), json!(7), json!("x".repeat(513))] {
            check(&json!({ "session_id": id }), NO_TOKEN_ID);
        }
        assert_eq!(outcome(None, without("session_id")), Err(NO_TOKEN_ID));
        for sub in [json!(""), json!(7), json!("a b"), json!("é"), json!("x".repeat(129))] {
            check(&json!({ "sub": sub }), BAD_EXTERNAL_ID);
        }
        assert_eq!(outcome(None, without("sub")).unwrap().external_id, None);
        for roles in [json!({}), json!([1]), json!(true)] {
            check(&json!({ "app_metadata": { "roles": roles } }), BAD_ROLES);
        }
        let roles = |claims| outcome(None, claims).unwrap().role_ids;
        assert_eq!(roles(with(&json!({ "app_metadata": { "roles": "editor" } }))), Some(vec!["editor".into()]));
        for absent in [
            without("app_metadata"),
            with(&json!({ "app_metadata": { "roles": null } })),
            with(&json!({ "app_metadata": 7 })),
        ] {
            assert_eq!(roles(absent), Some(Vec::new()));
        }
        for email in [json!("alice"), json!("@b"), json!("a@"), json!("a b@c"), json!(["a@b"]), json!("")] {
            assert_eq!(outcome(None, with(&json!({ "email": email }))).unwrap().email, None);
        }
    }

    // attacks.md row 35.
    #[test]
    fn an_address_that_is_not_verified_is_no_address() {
        for verified in [json!(false), json!("false"), json!(null), json!(0)] {
            let attested = outcome(None, with(&json!({ "email_verified": verified }))).unwrap();
            assert_eq!(attested.email, None);
            let candidates = Candidates { by_external_id: None, by_email: None };
            let jit = ProfileSettings { can_jit_provision: true, ..profile() };
            assert_eq!(decide(&attested, &jit, candidates), Err(NO_EMAIL));
        }
        for verified in [json!(true), json!("true")] {
            assert!(outcome(None, with(&json!({ "email_verified": verified }))).unwrap().email.is_some());
        }
    }

    #[test]
    fn the_host_apps_id_comes_before_the_address() {
        let (attested, profile) = (attested(), profile());
        let known = User { external_id: Some("auth0|7".into()), ..user() };
        let other = User { id: UserId::new("user-test-2"), external_id: Some("auth0|8".into()), ..user() };
        let none = user();
        let decide = |by_external_id, by_email| decide(&attested, &profile, Candidates { by_external_id, by_email });
        assert_eq!(decide(Some(&known), Some(&other)), Ok(Arrival::Known(&known)));
        assert_eq!(decide(None, Some(&none)), Ok(Arrival::ByAddress(&none)));
        assert_eq!(decide(None, Some(&other)), Err(SEVERAL_EXTERNAL_IDS));
        assert_eq!(decide(None, None), Err(UNKNOWN_USER));
    }

    #[test]
    fn nobody_is_made_unless_the_profile_allows_it() {
        let (attested, nobody) = (attested(), Candidates { by_external_id: None, by_email: None });
        assert_eq!(decide(&attested, &profile(), nobody), Err(UNKNOWN_USER));
        let jit = ProfileSettings { can_jit_provision: true, ..profile() };
        assert_eq!(decide(&attested, &jit, nobody), Ok(Arrival::New { email: "alice@example.com" }));
    }

    #[test]
    fn a_token_from_before_a_sign_out_lets_nobody_in() {
        let (attested, profile) = (attested(), profile());
        let at = |from: i64, disabled_at| {
            let user = User { tokens_valid_from: Timestamp(from), disabled_at, ..user() };
            decide(&attested, &profile, Candidates { by_external_id: Some(&user), by_email: None }).map(|_| ())
        };
        assert_eq!(at(BEFORE.0, None), Ok(()));
        assert_eq!(at(NOW.0 - 11, None), Ok(()));
        assert_eq!(at(NOW.0 - 10, None), Err(SIGNED_OUT));
        assert_eq!(at(BEFORE.0, Some(NOW)), Err(UNKNOWN_USER));
    }

    #[test]
    fn roles_are_those_of_the_policy_and_renewed_each_time() {
        assert_eq!(roles_after(&attested(), &policy()), Some(vec!["editor".into()]));
        let with = |role_ids| roles_after(&Attested { role_ids, ..attested() }, &policy());
        assert_eq!(with(None), None);
        assert_eq!(with(Some(Vec::new())), Some(Vec::new()));
        assert_eq!(
            with(Some(vec!["stytch_user".into(), "editor".into(), "editor".into()])),
            Some(vec!["editor".into()])
        );
    }

    #[test]
    fn a_refresh_needs_a_profile_and_an_attest_that_is_young_enough() {
        let profile = profile();
        let at = |age: i64| may_refresh(Some(&profile), Some(Timestamp(NOW.0 - age)), false, NOW);
        assert_eq!(at(REAUTHENTICATE_AFTER.0 - 1), Ok(Refreshing::Allowed));
        assert_eq!(at(REAUTHENTICATE_AFTER.0), Err(REAUTHENTICATE));
        assert_eq!(may_refresh(None, Some(NOW), true, NOW), Err(REAUTHENTICATE));
        assert_eq!(may_refresh(Some(&profile), None, true, NOW), Err(REAUTHENTICATE));
        let url = "https://app.example/check";
        let asking = ProfileSettings { host_check_url: Some(url.into()), ..profile.clone() };
        assert_eq!(may_refresh(Some(&asking), Some(NOW), false, NOW), Ok(Refreshing::AskHost(url)));
        assert_eq!(may_refresh(Some(&asking), Some(NOW), true, NOW), Ok(Refreshing::Allowed));
    }

    #[test]
    fn only_a_plain_yes_of_the_host_is_one() {
        assert_eq!(host_allows(&json!({ "active": true, "more": 1 })), Ok(()));
        for answer in
            [json!({}), json!({ "active": false }), json!({ "active": "true" }), json!({ "active": 1 }), json!([true])]
        {
            assert_eq!(host_allows(&answer), Err(HOST_SAYS_NO), "{answer}");
        }
    }

    #[track_caller]
    fn check_settings(change: impl FnOnce(&mut ProfileSettings), expected: Result<(), Refusal>) {
        let mut settings = profile();
        change(&mut settings);
        assert_eq!(validate_settings(&settings), expected, "{settings:?}");
    }

    #[test]
    fn a_profile_says_whom_it_trusts_and_how() {
        check_settings(|_| {}, Ok(()));
        check_settings(|own| own.name = " ".into(), Err(BAD_NAME));
        check_settings(|own| own.issuer = String::new(), Err(BAD_ISSUER));
        check_settings(|own| own.audience = "a\nb".into(), Err(BAD_AUDIENCE));
        for url in
            [None, Some("http://keys.example"), Some("https://a:b@keys.example"), Some("file:///etc/passwd"), Some("")]
        {
            check_settings(|own| own.jwks_url = url.map(str::to_owned), Err(BAD_JWKS_URL));
        }
        check_settings(|own| own.jwks_url = Some("http://127.0.0.1:1/keys".into()), Ok(()));
        check_settings(|own| own.pem_files = vec!["x".into()], Err(BAD_JWKS_URL));
        for name in ["email", "token_id"] {
            check_settings(|own| drop(own.attribute_mapping.remove(name)), Err(BAD_MAPPING));
            check_settings(|own| drop(own.attribute_mapping.insert(name.into(), String::new())), Err(BAD_MAPPING));
        }
        check_settings(|own| drop(own.attribute_mapping.insert("phone".into(), "phone".into())), Err(BAD_MAPPING));
        for seconds in [59, 31_536_001, i64::MIN] {
            check_settings(|own| own.reauthenticate_after_seconds = seconds, Err(BAD_REAUTHENTICATION));
        }
        check_settings(|own| own.host_check_url = Some("http://app.example".into()), Err(BAD_HOST_CHECK));
        check_settings(|own| own.host_check_url = Some("https://app.example/check".into()), Ok(()));
    }

    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
                       MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
                       -----END PUBLIC KEY-----\n";

    #[test]
    fn keys_in_pem_form_are_at_most_five() {
        let pem = |files: Vec<String>| {
            move |own: &mut ProfileSettings| {
                own.public_key_type = PublicKeyType::Pem;
                own.jwks_url = None;
                own.pem_files = files;
            }
        };
        check_settings(pem(vec![PEM.into()]), Ok(()));
        check_settings(pem(vec![PEM.into(); 5]), Ok(()));
        check_settings(pem(vec![PEM.into(); 6]), Err(BAD_PEM));
        check_settings(pem(Vec::new()), Err(BAD_PEM));
        check_settings(pem(vec!["secret".into()]), Err(BAD_PEM));
        check_settings(|own| own.public_key_type = PublicKeyType::Pem, Err(BAD_PEM));
    }

    proptest! {
        #[test]
        fn no_claims_make_it_panic(text in "\\PC{0,20}", exp in any::<i64>(), iat in any::<f64>()) {
            let claims = with(&json!({ "exp": exp, "iat": iat, "sub": text, "email": text, "app_metadata": text }));
            let _ = outcome(None, claims);
        }
    }
}
