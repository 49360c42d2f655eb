//! What a project may set beyond its policy. Stored as one text, read and written whole.
//!
//! Changes hold at the next request: readers take it from [`crate::records::Current`], never from the configuration.

use crate::config::{Fetch, Lifetimes};
use hospes_protocol::{
    Timestamp,
    claim_template::{self, Kind},
    lockout::LockPolicy,
    password_policy::PasswordPolicy,
    redirect_uri,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use url::{Host, Url};

/// Unknown members are kept out on the way in (the management API and the seed file refuse them), not here: a process
/// of the release before must be able to read what a newer one wrote.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectSettings {
    /// Lifetimes of this project, by the names of the configuration; the configuration's hold for the rest.
    pub lifetimes: Map<String, Value>,
    /// The host app's own authorization page: our authorization endpoint sends browsers there with a handle, and on the
    /// Stytch plane it is the published `authorization_endpoint`.
    pub authorization_url: Option<String>,
    pub stytch: StytchPlane,
    pub sdk: BrowserSdk,
    /// Where links in mails may lead.
    pub redirect_urls: Vec<RedirectUrl>,
    pub dynamic_client_registration: DynamicClientRegistration,
    /// Schemes without a dot that redirect URIs may have (`cursor`, `vscode`): any app on a device may claim them.
    pub private_use_schemes: Vec<String>,
    pub session_template: JwtTemplate,
    pub m2m_template: JwtTemplate,
    pub password_policy: PasswordPolicy,
    pub lock_policy: LockPolicy,
    /// An OpenID Connect userinfo endpoint: sessions of the login before can be exchanged for ours.
    pub session_migration_url: Option<String>,
    /// How long the audit log remembers: 7 to 3650.
    pub audit_days: AuditDays,
}

/// A year, until the project says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuditDays(pub u32);

impl Default for AuditDays {
    fn default() -> Self {
        Self(365)
    }
}

impl AuditDays {
    /// Webhooks that wait for their receiver still find their event.
    const LEAST: u32 = 7;
    const MOST: u32 = 3650;

    /// Events from before are to go.
    pub fn begin(self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(i64::from(self.0) * 24 * 60 * 60))
    }
}

/// The endpoints of Stytch's contract for OAuth, beside those of the specifications.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StytchPlane {
    pub enabled: bool,
    pub issuer: StytchIssuer,
}

/// What pages in the browser may call, with a public token of the project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BrowserSdk {
    pub enabled: bool,
    /// The origins of those pages, as browsers write them in `Origin`; compared byte for byte.
    pub domains: Vec<String>,
    /// Strangers may become users on such a page, which so learns which addresses have an account.
    pub sign_up: bool,
    /// Such a page never sees a session's tokens: the server sets them as cookies that scripts cannot read.
    pub http_only_cookies: bool,
    /// The domain of those cookies, for a back end beside the issuer; none: the issuer's host alone.
    pub cookie_domain: Option<String>,
}

/// The `iss` of what is issued on the Stytch plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StytchIssuer {
    /// `stytch.com/{project_id}`: the one form that every official SDK accepts.
    #[default]
    ProjectId,
    /// The project's own issuer, an https URL; not for the Rust SDK.
    Issuer,
}

/// Where a link in a mail may lead, and which kinds of link go there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectUrl {
    pub url: String,
    pub types: Vec<RedirectUrlType>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectUrlType {
    #[serde(rename = "type")]
    pub kind: RedirectUrlKind,
    /// Where a link of this kind leads if the request names none.
    #[serde(default)]
    pub is_default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedirectUrlKind {
    Login,
    Signup,
    Invite,
    ResetPassword,
}

/// RFC 7591: whether clients may register themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DynamicClientRegistration {
    pub enabled: bool,
    /// The access token template of clients that register themselves; empty for none.
    pub access_token_template: String,
    /// How many such clients there may be: 1 to 1,000,000. A new one takes the place of those that nobody ever used.
    pub most_clients: u32,
    /// After so many days, 1 to 365, a client that no user ever allowed anything is removed.
    pub unused_days: u32,
}

impl Default for DynamicClientRegistration {
    fn default() -> Self {
        Self { enabled: false, access_token_template: String::new(), most_clients: 10_000, unused_days: 30 }
    }
}

/// More claims for a JWT: a JSON object in which `{{ … }}` stands for a value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JwtTemplate {
    /// Empty for none.
    pub content: String,
    /// One more member of `aud`; empty for none.
    pub custom_audience: String,
}

/// `present` with a JSON merge patch (RFC 7396) applied, if the outcome can be used. `common` are the lifetimes of the
/// configuration. The error says which member to change.
pub fn changed(
    present: &ProjectSettings,
    patch: &Map<String, Value>,
    issuer: &str,
    common: &Lifetimes,
    fetch: &Fetch,
) -> Result<ProjectSettings, String> {
    let settings = patched(present, patch)?;
    validate(&settings, issuer, common, fetch)?;
    Ok(settings)
}

/// `present` with a JSON merge patch (RFC 7396) applied. The error says which member is wrong.
pub fn patched(present: &ProjectSettings, patch: &Map<String, Value>) -> Result<ProjectSettings, String> {
    let mut merged = json!(present);
    merge(&mut merged, patch);
    let settings: ProjectSettings = serde_path_to_error::deserialize(merged).map_err(|error| {
        let at = error.path().to_string();
        format!("{at}: {}", error.into_inner())
    })?;
    // What a member of the patch is not known by is not there after reading.
    match unknown_member(patch, &json!(settings), "") {
        Some(path) => Err(format!("{path}: there is no such setting; GET /v1/settings shows all")),
        None => Ok(settings),
    }
}

fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        match value {
            Value::Null => {
                members.remove(name);
            }
            Value::Object(below) => merge(members.entry(name.clone()).or_insert(Value::Null), below),
            value => {
                members.insert(name.clone(), value.clone());
            }
        }
    }
}

fn unknown_member(patch: &Map<String, Value>, read: &Value, above: &str) -> Option<String> {
    patch.iter().find_map(|(name, value)| {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        // Lifetimes are checked by the configuration's names.
        if path == "lifetimes" {
            return None;
        }
        match (read.get(name), value) {
            (None, _) => Some(path),
            (Some(read), Value::Object(below)) => unknown_member(below, read, &path),
            (Some(_), _) => None,
        }
    })
}

/// Whether the settings can be used by the project of `issuer`. The error says which member to change, and to what.
pub fn validate(settings: &ProjectSettings, issuer: &str, common: &Lifetimes, fetch: &Fetch) -> Result<(), String> {
    common.overridden(&settings.lifetimes).map_err(|error| error.to_string())?;
    if let Some(url) = &settings.authorization_url {
        check_page(url).map_err(|why| format!("authorization_url: {why}"))?;
    }
    if settings.sdk.domains.len() > 100 {
        return Err("sdk.domains: 100 at most".to_owned());
    }
    let mut seen = BTreeSet::new();
    for origin in &settings.sdk.domains {
        check_origin(origin).map_err(|why| format!("sdk.domains: `{origin}`: {why}"))?;
        if !seen.insert(origin) {
            return Err(format!("sdk.domains: `{origin}` is there twice"));
        }
    }
    if let Some(domain) = &settings.sdk.cookie_domain {
        check_cookie_domain(domain, issuer).map_err(|why| format!("sdk.cookie_domain: `{domain}`: {why}"))?;
    }
    let mut seen = BTreeSet::new();
    let mut defaults = Vec::new();
    for own in &settings.redirect_urls {
        check_page(&own.url).map_err(|why| format!("redirect_urls: `{}`: {why}", own.url))?;
        if !seen.insert(&own.url) {
            return Err(format!("redirect_urls: `{}` is there twice", own.url));
        }
        if own.types.is_empty() {
            return Err(format!(
                "redirect_urls: `{}` has no type; name LOGIN, SIGNUP, INVITE or RESET_PASSWORD",
                own.url
            ));
        }
        for kind in own.types.iter().filter(|kind| kind.is_default).map(|kind| kind.kind) {
            if defaults.contains(&kind) {
                return Err("redirect_urls: two are the default of one type; one at most can be".to_owned());
            }
            defaults.push(kind);
        }
    }
    if let Some(url) = &settings.session_migration_url {
        let allowed = !fetch.allow.is_empty();
        check_fetched(url, allowed).map_err(|why| format!("session_migration_url: {why}"))?;
    }
    if !(AuditDays::LEAST..=AuditDays::MOST).contains(&settings.audit_days.0) {
        return Err("audit_days: 7 to 3650 (ten years)".to_owned());
    }
    let DynamicClientRegistration { most_clients, unused_days, .. } = settings.dynamic_client_registration;
    if !(1..=1_000_000).contains(&most_clients) {
        return Err("dynamic_client_registration.most_clients: 1 to 1000000".to_owned());
    }
    if !(1..=365).contains(&unused_days) {
        return Err("dynamic_client_registration.unused_days: 1 to 365".to_owned());
    }
    if settings.private_use_schemes.len() > 50 {
        return Err("private_use_schemes: 50 at most".to_owned());
    }
    if let Some(scheme) = settings.private_use_schemes.iter().find(|own| !redirect_uri::is_acceptable_scheme(own)) {
        return Err(format!(
            "private_use_schemes: `{scheme}`; write the scheme alone, as in \"cursor\"; http, https, javascript and \
             their like cannot be accepted"
        ));
    }
    let LockPolicy { threshold, lock_seconds } = settings.lock_policy;
    if !(1..=100).contains(&threshold) {
        return Err("lock_policy.threshold: 1 to 100 failed attempts".to_owned());
    }
    if !(300..=604_800).contains(&lock_seconds) {
        return Err("lock_policy.lock_seconds: 300 (five minutes) to 604800 (a week)".to_owned());
    }
    let PasswordPolicy { luds_min_length, luds_min_complexity, .. } = settings.password_policy;
    if !(8..=32).contains(&luds_min_length) {
        return Err("password_policy.luds_min_length: 8 to 32 characters".to_owned());
    }
    if !(1..=4).contains(&luds_min_complexity) {
        return Err("password_policy.luds_min_complexity: 1 to 4 kinds of characters".to_owned());
    }
    let registered = &settings.dynamic_client_registration.access_token_template;
    for (name, template, kind) in [
        ("session_template.content", &settings.session_template.content, Kind::User),
        ("m2m_template.content", &settings.m2m_template.content, Kind::Machine),
        ("dynamic_client_registration.access_token_template", registered, Kind::User),
    ] {
        claim_template::parse(template, kind).map_err(|refusal| format!("{name}: {}", refusal.description))?;
    }
    for (name, template) in [("session_template", &settings.session_template), ("m2m_template", &settings.m2m_template)]
    {
        if template.custom_audience.len() > 512 {
            return Err(format!("{name}.custom_audience: 512 bytes at most"));
        }
    }
    Ok(())
}

/// A page of the host app: https, or http on this machine in development.
fn check_page(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "this is no URL; write one like https://app.example.com/authorize")?;
    check_scheme(&url)?;
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("leave out the fragment and the credentials");
    }
    Ok(())
}

/// An origin in the one form in which browsers send it: scheme, host and a port that is not the usual one.
fn check_origin(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|_| "this is no origin; write one like https://app.example.com".to_owned())?;
    check_scheme(&url)?;
    if url.host_str().is_some_and(|host| host.contains('*')) {
        return Err("there are no wildcards; write each origin".to_owned());
    }
    // RFC 6454 §6.2
    let origin = url.origin().ascii_serialization();
    if origin == text { Ok(()) } else { Err(format!("write the origin as browsers send it: {origin}")) }
}

/// A domain for which a browser takes a cookie from the issuer (RFC 6265bis §5.1.3).
fn check_cookie_domain(text: &str, issuer: &str) -> Result<(), &'static str> {
    let host = Url::parse(&format!("https://{text}/")).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    match host {
        Some(Host::Domain(name))
            if name == text && name.trim_matches('.').len() == name.len() && name.contains('.') => {}
        _ => return Err("write the name of a domain in lower case, as in \"example.com\", without a dot before it"),
    }
    let issuer = Url::parse(issuer).ok();
    let host = issuer.as_ref().and_then(Url::host_str).unwrap_or_default();
    if host == text || host.strip_suffix(text).is_some_and(|above| above.ends_with('.')) {
        Ok(())
    } else {
        Err("browsers take no cookie for it from the issuer; name the issuer's host, or a domain above it")
    }
}

fn check_scheme(url: &Url) -> Result<(), &'static str> {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback) {
        Ok(())
    } else {
        Err("use https; http is for this machine only")
    }
}

/// Something that we fetch ourselves; the one way out checks the address again.
fn check_fetched(text: &str, private_is_allowed: bool) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "this is no URL; write one like https://login.example.com/userinfo")?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if private_is_allowed => Ok(()),
        _ => Err("use https; http is for hosts that `fetch.allow` in the configuration names"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(text: &str) -> Result<ProjectSettings, String> {
        let Ok(Value::Object(patch)) = serde_json::from_str(text) else { panic!("{text}") };
        let present = ProjectSettings {
            authorization_url: Some("https://app.example/authorize".to_owned()),
            lock_policy: LockPolicy { threshold: 5, lock_seconds: 600 },
            ..ProjectSettings::default()
        };
        patched(&present, &patch)
    }

    #[test]
    fn a_patch_sets_what_it_names_resets_what_is_null_and_leaves_the_rest() {
        let settings = patch(r#"{"stytch": {"enabled": true}, "lock_policy": {"threshold": 7}}"#).unwrap();
        assert!(settings.stytch.enabled);
        assert_eq!(settings.lock_policy, LockPolicy { threshold: 7, lock_seconds: 600 });
        assert_eq!(settings.authorization_url.as_deref(), Some("https://app.example/authorize"));
        let settings = patch(r#"{"authorization_url": null, "lock_policy": null}"#).unwrap();
        assert_eq!((settings.authorization_url, settings.lock_policy), (None, LockPolicy::default()));
    }

    #[test]
    fn a_misspelt_or_mistyped_setting_is_named() {
        for (text, expected) in [
            (r#"{"stitch": {}}"#, "stitch: there is no such setting"),
            (r#"{"stytch": {"on": true}}"#, "stytch.on: there is no such setting"),
            (r#"{"stytch": {"enabled": "yes"}}"#, "stytch.enabled: invalid type"),
            (r#"{"password_policy": {"kind": "NONE"}}"#, "password_policy.kind: unknown variant"),
        ] {
            let error = patch(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for origin in ["https://app.example", "https://app.example:8443", "http://localhost:3000", "http://[::1]:1"] {
            assert_eq!(check_origin(origin), Ok(()), "{origin}");
        }
        for (origin, expected) in [
            ("https://app.example/", "https://app.example"),
            ("https://App.example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("https://app.example/page?a=b", "https://app.example"),
            ("https://u@app.example", "https://app.example"),
            ("http://app.example", "use https"),
            ("app.example", "no origin"),
            ("https://*.app.example", "no wildcards"),
            ("null", "no origin"),
            ("", "no origin"),
            ("*", "no origin"),
        ] {
            let why = check_origin(origin).unwrap_err();
            assert!(why.contains(expected), "{origin}: {why}");
        }
    }

    #[test]
    fn the_domain_of_a_cookie_is_the_issuers_host_or_above_it() {
        const ISSUER: &str = "https://auth.example.com/tenant";
        for domain in ["example.com", "auth.example.com"] {
            assert_eq!(check_cookie_domain(domain, ISSUER), Ok(()), "{domain}");
        }
        for domain in ["ample.com", "x.auth.example.com", "other.example", "app.example.com"] {
            assert!(check_cookie_domain(domain, ISSUER).unwrap_err().contains("above it"), "{domain}");
        }
        for domain in
            ["", "com", ".example.com", "example.com.", "Example.com", "127.0.0.1", "[::1]", "a.b/c", "a.b; x", "a.b:1"]
        {
            assert!(check_cookie_domain(domain, ISSUER).unwrap_err().contains("lower case"), "{domain}");
        }
    }

    #[test]
    fn a_page_is_https_or_on_this_machine() {
        for url in ["https://app.example/a?b=c", "http://localhost:3000/", "http://127.0.0.1/x", "http://[::1]:1/"] {
            assert_eq!(check_page(url), Ok(()), "{url}");
        }
        for url in
            ["", "/a", "http://app.example/", "https://u:p@app.example/", "https://app.example/#f", "javascript:1"]
        {
            assert!(check_page(url).is_err(), "{url}");
        }
    }
}
