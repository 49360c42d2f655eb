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

/// Whether an operator may accept a private-use scheme that has no dot: its form is RFC 3986's, in lower case, and
/// nothing happens at it in a browser.
pub fn is_acceptable_scheme(scheme: &str) -> bool {
    let is_web = ["http", "https"].contains(&scheme);
    let begins = scheme.starts_with(|first: char| first.is_ascii_lowercase());
    // RFC 3986 §3.1
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
    begins && scheme.len() <= 64 && scheme.bytes().all(is_plain) && !is_web && !DANGEROUS_SCHEMES.contains(&scheme)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), Refusal>) {
        assert_eq!(parse_registered(text).map(|_| ()), expected, "{text:?}");
    }

    #[track_caller]
    fn check_match(registered: &str, requested: &str, expected: bool) {
        assert_eq!(matches(&[registered.to_owned()], requested), expected, "{registered} and {requested}");
    }

    #[test]
    fn https_loopback_and_reversed_domains_may_be_registered() {
        for text in [
            "https://app.example/cb",
            "https://app.example",
            "https://app.example:8443/cb?tenant=1&x=%2F",
            "https://xn--bcher-kva.example/cb",
            "https://[2001:db8::1]/cb",
            "https://a.example/x:y/..;/z",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:49152/callback",
            "http://[::1]:8080/",
            "http://localhost/callback",
            "com.example.app:/cb",
            "com.example.app://auth/cb",
        ] {
            check(text, Ok(()));
        }
    }

    /// attacks.md rows 10 and 11: better-auth CVE-2026-67333, Spring CVE-2026-22752.
    #[test]
    fn schemes_that_run_or_read_something_are_refused_even_when_listed() {
        for scheme in DANGEROUS_SCHEMES {
            check(&format!("{scheme}:alert(1)"), Err(DANGEROUS_SCHEME));
            let listed = parse_registered_allowing(&format!("{scheme}://a.example/"), &DANGEROUS_SCHEMES);
            assert_eq!(listed, Err(DANGEROUS_SCHEME), "{scheme}");
        }
        check("JavaScript:alert(1)", Err(DANGEROUS_SCHEME));
        check("java\tscript:alert(1)", Err(BAD_CHARACTERS));
        check(" javascript:alert(1)", Err(BAD_CHARACTERS));
    }

    #[test]
    fn a_scheme_without_a_dot_needs_the_operator() {
        for text in ["cursor://anysphere.cursor-mcp/oauth/callback", "urn:ietf:wg:oauth:2.0:oob", "myapp:/cb"] {
            check(text, Err(SCHEME_WITHOUT_DOT));
        }
        let cursor = "cursor://anysphere.cursor-mcp/oauth/callback";
        assert_eq!(
            parse_registered_allowing(cursor, &["vscode", "cursor"]).map(RedirectUri::into_string),
            Ok(cursor.into())
        );
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        check("", Err(TOO_LONG));
        check(&format!("https://a.example/{}", "x".repeat(2048)), Err(TOO_LONG));
        for text in
            ["/cb", "//a.example/cb", "a.example/cb", "1a:/cb", ":/cb", "HTTPS://a.example/cb", "com.Example.app:/cb"]
        {
            check(text, Err(NOT_ABSOLUTE));
        }
        for text in
            ["com.example.app:", "https:", "https:/a.example/cb", "https:a.example", "https:///cb", "https://?x"]
        {
            let refusal = parse_registered(text).unwrap_err();
            assert!([NOT_ABSOLUTE, BAD_HOST].contains(&refusal), "{text}: {refusal}");
        }
        check("https://a.example/cb#", Err(HAS_FRAGMENT));
        check("com.example.app:/cb#x", Err(HAS_FRAGMENT));
        check("https://*.example/cb", Err(HAS_WILDCARD));
        check("https://a.example/*", Err(HAS_WILDCARD));
        check("https://user@a.example/cb", Err(HAS_USERINFO));
        check("https://a.example:x@evil.example/cb", Err(HAS_USERINFO));
        check("com.example.app://u:p@host/cb", Err(HAS_USERINFO));
        for text in [
            "https://a.example/ cb",
            "https://a.example\\@evil.example",
            "https://é.example/",
            "https://a/%",
            "https://a/%2",
        ] {
            check(text, Err(BAD_CHARACTERS));
        }
    }

    #[test]
    fn a_host_that_parsers_rewrite_is_refused() {
        for text in [
            "https://A.example/cb",
            "https://%61.example/cb",
            "https://0x7f.0.0.1/cb",
            "https://127.1/cb",
            "https://2130706433/cb",
            "https://[::ffff:127.0.0.1]/cb",
            "https://[0:0:0:0:0:0:0:1]/cb",
            "https://[::1/cb",
            "https://a.example:/cb",
            "https://a.example:0/cb",
            "https://a.example:080/cb",
            "https://a.example:65536/cb",
            "https://a.example:http/cb",
            "http://127.0.0.1:/cb",
        ] {
            check(text, Err(BAD_HOST));
        }
    }

    #[test]
    fn a_path_that_parsers_shorten_is_refused() {
        for path in ["/a/../b", "/./b", "/a/..", "/%2e%2e/b", "/.%2E/b"] {
            check(&format!("https://a.example{path}"), Err(BAD_PATH));
        }
    }

    #[test]
    fn http_goes_to_the_loopback_interface_only() {
        for host in [
            "a.example",
            "127.0.0.2",
            "0.0.0.0",
            "[::]",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
        ] {
            check(&format!("http://{host}/cb"), Err(HTTP_NOT_LOOPBACK));
        }
    }

    /// RFC 9207 §2.3: otherwise `iss` could stand twice in a response, once as the client registered it.
    #[test]
    fn a_query_must_not_hold_response_parameters() {
        for query in ["code=1", "a=b&state=x", "iss=https://evil.example", "%69ss=x", "error", "error_uri="] {
            check(&format!("https://a.example/cb?{query}"), Err(RESERVED_QUERY));
            check(&format!("com.example.app:/cb?{query}"), Err(RESERVED_QUERY));
        }
    }

    /// attacks.md rows 9 and 10: Keycloak CVE-2026-3872, CVE-2023-6291, CVE-2024-1132, CVE-2024-8883, CVE-2022-3782,
    /// CVE-2023-6927; authentik CVE-2024-52289; fosite CVE-2020-15233; Authorizer CVE-2026-54072.
    #[test]
    fn nothing_but_the_registered_bytes_matches() {
        let registered = "https://app.example/oauth/cb";
        check_match(registered, registered, true);
        for requested in [
            "",
            "https://app.example/oauth/cb/",
            "https://app.example/oauth/cb?",
            "https://app.example/oauth/cb?x=1",
            "https://app.example/oauth/cb#",
            "https://app.example/oauth/cb#@evil.example",
            "https://app.example/oauth/c",
            "https://app.example/oauth/cbx",
            "https://app.example/oauth/../oauth/cb",
            "https://app.example/oauth/..;/cb",
            "https://app.example/oauth/%2e%2e/oauth/cb",
            "https://app.example/oauth/%63b",
            "https://app.example/oauth//cb",
            "https://app.example/oauth/CB",
            "https://APP.example/oauth/cb",
            "HTTPS://app.example/oauth/cb",
            "http://app.example/oauth/cb",
            "https://app.example:443/oauth/cb",
            "https://app.example:8443/oauth/cb",
            "https://app.example./oauth/cb",
            "https://user@app.example/oauth/cb",
            "https://app.example@evil.example/oauth/cb",
            "https://app.example:x@evil.example/oauth/cb",
            "https://evil.example/https://app.example/oauth/cb",
            "https://evil.example\\@app.example/oauth/cb",
            "https://app.example\\.evil.example/oauth/cb",
            "https:\\\\app.example/oauth/cb",
            "https:///app.example/oauth/cb",
            "https:app.example/oauth/cb",
            "//app.example/oauth/cb",
            "https://app.example.evil.example/oauth/cb",
            "https://appXexample/oauth/cb",
            "https://аpp.example/oauth/cb",
            "https://app。example/oauth/cb",
            "https://app.example/oauth/cb\0",
            "https://app.example/oauth/cb%00",
            "https://app.example/oauth/cb\t",
            " https://app.example/oauth/cb",
            "https://app.example/oauth/cb ",
            "https://app.example/oauth/cb\r\nLocation: https://evil.example",
            "javascript://app.example/oauth/cb",
        ] {
            check_match(registered, requested, false);
        }
    }

    /// RFC 8252 §7.3; mcp-and-agents.md T-01.
    #[test]
    fn the_port_of_a_loopback_uri_is_free() {
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            let registered = format!("http://{host}/callback");
            for port in ["", ":1", ":8080", ":49567", ":65535"] {
                check_match(&registered, &format!("http://{host}{port}/callback"), true);
                check_match(&format!("http://{host}:33418/callback"), &format!("http://{host}{port}/callback"), true);
            }
            for other in [
                format!("http://{host}:8080/other"),
                format!("http://{host}:8080/callback/"),
                format!("http://{host}:8080/callback?x=1"),
                format!("http://{host}:8080"),
                format!("https://{host}:8080/callback"),
                format!("http://{host}:/callback"),
                format!("http://{host}:0/callback"),
                format!("http://{host}:080/callback"),
                format!("http://{host}:65536/callback"),
                format!("http://{host}:+80/callback"),
                format!("http://{host}:8080:9090/callback"),
                format!("http://{host}:8080@evil.example/callback"),
                format!("http://user@{host}:8080/callback"),
                format!("http://{host}.evil.example/callback"),
                format!("http://{host}:8080/callback#"),
                format!("HTTP://{host}:8080/callback"),
                format!("http:/{host}:8080/callback"),
                format!("http:\\\\{host}:8080/callback"),
            ] {
                check_match(&registered, &other, false);
            }
        }
        check_match("http://127.0.0.1/cb", "http://localhost:8080/cb", false);
        check_match("http://localhost/cb", "http://127.0.0.1:8080/cb", false);
        check_match("http://[::1]/cb", "http://[::2]:8080/cb", false);
        check_match("http://localhost/cb", "http://LOCALHOST:8080/cb", false);
        check_match("https://localhost/cb", "https://localhost:8080/cb", false);
        check_match("com.example.app://localhost/cb", "com.example.app://localhost:8080/cb", false);
    }

    #[test]
    fn users_see_where_they_are_sent() {
        for (uri, host) in [
            ("https://app.example/cb", "app.example"),
            ("https://app.example:8443/cb", "app.example:8443"),
            ("https://app.example?x=//evil.example", "app.example"),
            ("http://[::1]:3000/cb", "[::1]:3000"),
            ("com.example.app://auth/cb", "com.example.app:"),
            ("nonsense", ""),
        ] {
            assert_eq!(display_host(uri), host);
        }
        assert!(is_loopback("http://localhost:3000/cb") && !is_loopback("https://localhost/cb"));
        assert!(is_private_use("com.example.app:/cb") && !is_private_use("http://localhost/cb"));
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "\\PC{0,60}", other in "\\PC{0,60}") {
            let _ = (parse_registered(&text), matches(std::slice::from_ref(&text), &other), display_host(&text));
        }

        /// What matches leads a browser to the registered host, however the request was written.
        #[test]
        fn a_match_never_changes_the_host(requested in "http://(127\\.0\\.0\\.1|localhost|\\[::1\\])[-:@/\\\\?#.a-z0-9]{0,20}") {
            let registered = ["http://127.0.0.1/cb", "http://localhost", "http://[::1]/"].map(str::to_owned);
            if matches(&registered, &requested) {
                let url = Url::parse(&requested).unwrap();
                prop_assert!(LOOPBACK_HOSTS.contains(&url.host_str().unwrap()));
                prop_assert!(url.username().is_empty());
            }
        }

        #[test]
        fn what_may_be_registered_matches_itself(text in "(https://[a-z]{1,8}\\.example|com\\.x:|http://localhost)[/?=a-z0-9%.]{0,20}") {
            if let Ok(uri) = parse_registered(&text) {
                prop_assert!(matches(&[uri.into_string()], &text));
            }
        }
    }
}
