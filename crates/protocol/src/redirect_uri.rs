//! Redirect URIs: what may be registered, and when a requested one is the registered one.
//!
//! Specs: RFC 6749 §3.1.2, OAuth 2.1 §2.3, §8.4.2 and §8.4.3, RFC 8252 §7 and §8.3, RFC 9700 §2.1 and §4.1.3.
//! Registration is where strictness is cheap; matching afterwards is comparison of bytes and understands nothing,
//! which is why it cannot be talked into anything. No wildcards, no normalization, no prefixes.

use crate::{
    error::{ErrorCode::InvalidRedirectUri, Refusal, refuse},
    uri::{is_uri_text, split_authority, split_scheme},
};
use url::Url;

pub const TOO_LONG: Refusal = refuse(InvalidRedirectUri, "a redirect URI must have 1 to 2048 bytes");
pub const BAD_CHARACTERS: Refusal = refuse(
    InvalidRedirectUri,
    "a redirect URI must be plain ASCII as in RFC 3986: encode other characters, write international hosts as xn--",
);
pub const NOT_ABSOLUTE: Refusal =
    refuse(InvalidRedirectUri, "a redirect URI must be absolute and begin with its scheme in lower case");
pub const HAS_FRAGMENT: Refusal = refuse(InvalidRedirectUri, "a redirect URI must not have a fragment (#)");
pub const HAS_WILDCARD: Refusal =
    refuse(InvalidRedirectUri, "a redirect URI must not contain *; it is compared byte by byte, so register each one");
pub const HAS_USERINFO: Refusal =
    refuse(InvalidRedirectUri, "a redirect URI must not have a user name or password before the host");
pub const BAD_HOST: Refusal = refuse(
    InvalidRedirectUri,
    "a redirect URI's host must be a name in lower case or an address in its usual form, with a valid port if any",
);
pub const BAD_PATH: Refusal =
    refuse(InvalidRedirectUri, "a redirect URI's path must not contain . or .. as a segment, encoded or not");
pub const RESERVED_QUERY: Refusal = refuse(
    InvalidRedirectUri,
    "a redirect URI's query must not contain code, state, iss, error, error_description or error_uri: we add them",
);
pub const HTTP_NOT_LOOPBACK: Refusal = refuse(
    InvalidRedirectUri,
    "a redirect URI with http must go to 127.0.0.1, [::1] or localhost; everywhere else use https",
);
pub const DANGEROUS_SCHEME: Refusal =
    refuse(InvalidRedirectUri, "this scheme runs or reads something in the browser and can be no redirect URI");
pub const SCHEME_WITHOUT_DOT: Refusal = refuse(
    InvalidRedirectUri,
    "a private-use scheme must be a reversed domain name of yours, such as com.example.app, unless the operator lists it",
);

const LONGEST: usize = 2048;
const LOOPBACK_HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
const RESPONSE_PARAMETERS: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// Schemes that no operator can allow: a browser executes, reads or dispatches what follows them.
const DANGEROUS_SCHEMES: [&str; 22] = [
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "livescript",
    "mailto",
    "mhtml",
    "resource",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// A URI that may be registered as a redirect target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// Parses a URI for registration: https, http on the loopback interface, or a private-use scheme with a dot.
pub fn parse_registered(text: &str) -> Result<RedirectUri, Refusal> {
    parse_registered_allowing(text, &[])
}

/// The same, with private-use schemes that the operator accepts although they have no dot (`cursor`, `vscode` …).
///
/// The characters come first: every later step splits the text and may rely on there being nothing that a browser
/// would read differently. Then what holds for every URI, then what its scheme asks for.
pub fn parse_registered_allowing(text: &str, private_schemes: &[&str]) -> Result<RedirectUri, Refusal> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(TOO_LONG);
    }
    // RFC 3986 §2
    if !is_uri_text(text) {
        return Err(BAD_CHARACTERS);
    }
    // RFC 6749 §3.1.2: absolute, without fragment
    let Some((scheme, rest)) = split_scheme(text) else { return Err(NOT_ABSOLUTE) };
    if text.contains('#') {
        return Err(HAS_FRAGMENT);
    }
    // RFC 9700 §4.1.3: exact match leaves nothing for a wildcard to do
    if text.contains('*') {
        return Err(HAS_WILDCARD);
    }
    if has_reserved_query(rest) {
        return Err(RESERVED_QUERY);
    }
    let authority = split_authority(rest);
    if authority.is_some_and(|(authority, _)| authority.contains('@')) {
        return Err(HAS_USERINFO);
    }
    if scheme == "https" || scheme == "http" {
        let Some((authority, path)) = authority else { return Err(BAD_HOST) };
        parse_web(text, authority, path)?;
        // OAuth 2.1 §2.3.1 and RFC 8252 §7.3: http only to the user's own machine
        if scheme == "http" && !is_loopback(text) {
            return Err(HTTP_NOT_LOOPBACK);
        }
        return Ok(RedirectUri(text.to_owned()));
    }
    if DANGEROUS_SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err(DANGEROUS_SCHEME);
    }
    if scheme.bytes().any(|b| b.is_ascii_uppercase()) || rest.is_empty() {
        return Err(NOT_ABSOLUTE);
    }
    // RFC 8252 §7.1 and OAuth 2.1 §8.4.3: only a domain of one's own keeps two apps apart
    if !scheme.contains('.') && !private_schemes.contains(&scheme) {
        return Err(SCHEME_WITHOUT_DOT);
    }
    Ok(RedirectUri(text.to_owned()))
}

/// Whether `requested` is one of the `registered` URIs: the same bytes, or on the loopback interface the same bytes
/// but for the port.
///
/// Nothing is decoded or normalized, because each decoder is one more opinion on what the address is (attacks.md
/// row 10). The port of a loopback URI is free even where one was registered: RFC 8252 §7.3 knows no exception.
/// `localhost` has the same rule although §8.3 advises against the name, because real clients use it.
pub fn matches(registered: &[String], requested: &str) -> bool {
    // RFC 9700 §4.1.3: simple string comparison
    registered.iter().any(|own| own == requested) || {
        // RFC 8252 §7.3
        split_loopback(requested).is_some_and(|wanted| registered.iter().any(|own| split_loopback(own) == Some(wanted)))
    }
}

/// Whether `uri` leads to the user's own machine: http to 127.0.0.1, [::1] or localhost.
pub fn is_loopback(uri: &str) -> bool {
    split_loopback(uri).is_some()
}

/// Whether `uri` has a private-use scheme (RFC 8252 §7.1), which any app on the device may claim.
pub fn is_private_use(uri: &str) -> bool {
    split_scheme(uri).is_some_and(|(scheme, _)| scheme != "https" && scheme != "http")
}

/// What to show a user as the place they are sent to: `app.example.com`, `localhost:3000`, or `com.example.app:`.
/// International names stay in their `xn--` form, which cannot be confused with another.
pub fn display_host(uri: &str) -> String {
    match split_scheme(uri) {
        Some(("https" | "http", rest)) => {
            split_authority(rest).map_or(String::new(), |(authority, _)| authority.to_owned())
        }
        Some((scheme, _)) => format!("{scheme}:"),
        None => String::new(),
    }
}

/// What http and https ask for: a host and a path that mean to every parser what they say.
fn parse_web(text: &str, authority: &str, path_and_query: &str) -> Result<(), Refusal> {
    let Ok(url) = Url::parse(text) else { return Err(BAD_HOST) };
    // RFC 3986 §3.2.2: a host that a parser rewrites (0x7f.1, EXAMPLE.com, %61.example) is not what it looks like
    let (host, port) = split_port(authority);
    if host.is_empty() || url.host_str() != Some(host) || port.is_some_and(|port| !is_port(port)) {
        return Err(BAD_HOST);
    }
    // RFC 3986 §5.2.4: the same for a path that a parser shortens
    let path = path_and_query.split_once('?').map_or(path_and_query, |(path, _)| path);
    if url.path() != path && !(path.is_empty() && url.path() == "/") {
        return Err(BAD_PATH);
    }
    Ok(())
}

/// A query that already holds a response parameter would make it stand twice in the response (RFC 9207 §2: `iss` once).
fn has_reserved_query(rest: &str) -> bool {
    let Some((_, query)) = rest.split_once('?') else { return false };
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| RESPONSE_PARAMETERS.contains(&name.as_ref()))
}

/// Splits `http://LOOPBACK[:port]rest` into host and rest, without the port.
fn split_loopback(uri: &str) -> Option<(&str, &str)> {
    let (authority, rest) = split_authority(uri.strip_prefix("http:")?)?;
    let (host, port) = split_port(authority);
    let is_loopback = LOOPBACK_HOSTS.contains(&host) && port.is_none_or(is_port);
    is_loopback.then_some((host, rest))
}

/// Splits `host[:port]`; the colons inside an IPv6 literal belong to the host.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_port(text: &str) -> bool {
    let is_plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    is_plain && text.parse::<u16>().is_ok()
}
