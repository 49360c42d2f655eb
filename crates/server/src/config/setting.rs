//! How the value of one setting is read from TOML or from the environment, and how it is shown.

use super::source::Raw;
use hospes_protocol::{Seconds, id::ProjectId};
use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use zeroize::Zeroizing;

/// A type a setting may have. An error says what to change.
pub(super) trait Setting: Sized {
    fn parse(raw: &Raw) -> Result<Self, String>;
    /// The value as `hospes config check` prints it; never a secret.
    fn show(&self) -> String;
}

/// Text that is never printed: not by `Debug`, not by `config check`. It is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself. Each use of this is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Setting for Secret {
    fn parse(raw: &Raw) -> Result<Self, String> {
        String::parse(raw).map(Self::new)
    }

    fn show(&self) -> String {
        String::from("***")
    }
}

/// The address of the database. It may hold a password, so only its masked form is printed.
#[derive(Clone)]
pub struct DatabaseUrl(Secret);

impl DatabaseUrl {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The SQLite file, if this is SQLite.
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        self.expose().strip_prefix("sqlite:").map(PathBuf::from)
    }

    pub fn masked(&self) -> String {
        if self.sqlite_path().is_some() {
            return self.expose().to_owned();
        }
        let Ok(mut url) = url::Url::parse(self.expose()) else { return String::from("***") };
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return String::from("***");
        }
        let secret_in_query = url.query_pairs().any(|(name, _)| name.contains("password"));
        if secret_in_query {
            url.set_query(Some("***"));
        }
        url.to_string()
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Setting for DatabaseUrl {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let text = String::parse(raw)?;
        let advice = "write \"sqlite:PATH\" or \"postgres://USER@HOST/DATABASE\"";
        if let Some(path) = text.strip_prefix("sqlite:") {
            if path.is_empty() || path == ":memory:" || path.starts_with("//") {
                return Err(format!("SQLite needs a plain file path; {advice}"));
            }
            return Ok(Self::new(text));
        }
        // The text is not repeated: it may hold a password.
        match url::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => Ok(Self::new(text)),
            _ => Err(format!("this is no database address; {advice}")),
        }
    }

    fn show(&self) -> String {
        self.masked()
    }
}

/// With what the paths begin that the server answers below an issuer.
const FIRST_SEGMENTS: [&str; 11] = [
    ".well-known",
    "account",
    "assets",
    "consent",
    "interactions",
    "login",
    "logout",
    "oauth2",
    "password",
    "sdk",
    "v1",
];

/// The URL by which this server is known, exactly as it appears in `iss`.
///
/// Specs: RFC 8414 §2, OIDC Discovery §3, RFC 8252 §7.3 for loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    origin: String,
    path: String,
    is_https: bool,
}

impl Issuer {
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|error| {
            format!("`{text}` is not a URL ({error}); write it with its scheme, as in \"https://auth.example.com\"")
        })?;
        let host = url.host().ok_or_else(|| format!("`{text}` has no host; write \"https://HOST\""))?;
        let is_loopback = match host {
            url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return Err(format!("`{text}` must use https; http is for loopback addresses only")),
            other => return Err(format!("`{text}` has the scheme {other}; an issuer begins with https://")),
        }
        // RFC 8414 §2: no query or fragment components
        if text.contains('?') || text.contains('#') {
            return Err(format!("`{text}` has a query or fragment; take it away"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(String::from("an issuer holds no user name and no password; take them away"));
        }
        if text.ends_with('/') {
            return Err(format!("`{text}` ends with a slash; write `{}`", text.trim_end_matches('/')));
        }
        let origin = url.origin().ascii_serialization();
        let path = if url.path() == "/" { String::new() } else { url.path().to_owned() };
        // Clients compare issuers byte by byte, so only the one normal spelling is accepted.
        let normal = format!("{origin}{path}");
        if normal != text {
            return Err(format!("`{text}` is not in normal form; write `{normal}`"));
        }
        if path.contains("//") {
            return Err(format!("`{text}` has a path that cannot be served; use a plain path as in \"/auth\""));
        }
        // Below it would lie what belongs to the issuer with the shorter path.
        if let Some(taken) = path.split('/').find(|segment| FIRST_SEGMENTS.contains(segment)) {
            return Err(format!(
                "`{text}` has /{taken} in its path, below which every issuer has paths of its own; use another name, as in \
                 \"/auth\""
            ));
        }
        let is_https = url.scheme() == "https";
        Ok(Self { text: normal, origin, path, is_https })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Empty, or a path that begins with a slash and does not end with one.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where this machine must listen to be found at an issuer on loopback; `None` for every other issuer, and where
    /// the port is not written.
    pub fn loopback(&self) -> Option<SocketAddr> {
        let url = url::Url::parse(&self.text).ok().filter(|_| !self.is_https)?;
        let address = match url.host()? {
            url::Host::Domain(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            url::Host::Ipv4(address) => IpAddr::V4(address),
            url::Host::Ipv6(address) => IpAddr::V6(address),
        };
        Some(SocketAddr::new(address, url.port()?))
    }

    /// False only for development on loopback: then cookies cannot be `Secure` and have no `__Host-` prefix.
    pub fn is_https(&self) -> bool {
        self.is_https
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Setting for Issuer {
    fn parse(raw: &Raw) -> Result<Self, String> {
        Self::parse(&String::parse(raw)?)
    }

    fn show(&self) -> String {
        self.text.clone()
    }
}

/// A destination that `fetch.rs` may reach although its address is private.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Network(IpNet),
    /// A host name, or `host:port` to name one port only.
    Host {
        name: String,
        port: Option<u16>,
    },
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "{network}"),
            Self::Host { name, port: Some(port) } => write!(f, "{name}:{port}"),
            Self::Host { name, port: None } => f.write_str(name),
        }
    }
}

impl Setting for Destination {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let text = String::parse(raw)?;
        if text.contains('/') {
            return IpNet::parse(&Raw::Text(text)).map(Self::Network);
        }
        if let Ok(address) = text.parse::<std::net::IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let (name, port) = match text.split_once(':') {
            None => (text.as_str(), None),
            Some((name, digits)) => match digits.parse::<u16>() {
                Ok(port) => (name, Some(port)),
                Err(_) => return Err(format!("`{text}` is neither a network nor a host; as in \"127.0.0.0/8\"")),
            },
        };
        let is_host = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        if !is_host {
            return Err(format!("`{text}` is no host name; write \"api.test\", \"api.test:8443\" or \"10.0.0.0/8\""));
        }
        Ok(Self::Host { name: name.to_ascii_lowercase(), port })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn parse(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) if text.is_empty() => {
                Err(String::from("this is empty; give a value or take the line away"))
            }
            Raw::Text(text) if text.contains(|c: char| c.is_control()) => {
                Err(String::from("this has a line break or another control character; take it away"))
            }
            Raw::Text(text) => Ok(text.clone()),
            other => Err(format!("{} is no text; put it in quotes", describe(other))),
        }
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Setting for PathBuf {
    fn parse(raw: &Raw) -> Result<Self, String> {
        String::parse(raw).map(Self::from)
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for SocketAddr {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let text = String::parse(raw)?;
        text.parse().map_err(|_| {
            format!(
                "`{text}` is not an address and a port; write \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::]:8080\""
            )
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// An address to listen on, or the word `none`.
impl Setting for Option<SocketAddr> {
    fn parse(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) if text == "none" => Ok(None),
            other => SocketAddr::parse(other).map(Some).map_err(|error| format!("{error}, or \"none\"")),
        }
    }

    fn show(&self) -> String {
        self.map_or_else(|| String::from("none"), |address| address.to_string())
    }
}

impl Setting for IpNet {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let text = String::parse(raw)?;
        let network = text.parse::<Self>().or_else(|_| text.parse::<std::net::IpAddr>().map(Self::from));
        network.map_err(|_| format!("`{text}` is no network; write \"10.0.0.0/8\" or a single address"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for ProjectId {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let text = String::parse(raw)?;
        if text.starts_with("project-live-") || text.starts_with("project-test-") {
            return Ok(Self::new(text));
        }
        Err(format!("`{text}` is no project id; it begins with \"project-live-\" or \"project-test-\""))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for bool {
    fn parse(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Boolean(yes) => Ok(*yes),
            Raw::Text(text) if text == "true" => Ok(true),
            Raw::Text(text) if text == "false" => Ok(false),
            other => Err(format!("{} is neither true nor false", describe(other))),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for usize {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let number = match raw {
            Raw::Integer(number) => Self::try_from(*number).ok(),
            Raw::Text(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| format!("{} is not a number of 0 or more", describe(raw)))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for u32 {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let number = usize::parse(raw)?;
        Self::try_from(number).map_err(|_| format!("{number} is too large"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A span: whole seconds, or text with a unit (`"90s"`, `"10m"`, `"8h"`, `"90d"`, `"1y"` of 365 days).
impl Setting for Seconds {
    fn parse(raw: &Raw) -> Result<Self, String> {
        let seconds = match raw {
            Raw::Integer(seconds) if *seconds >= 0 => Some(*seconds),
            Raw::Text(text) => parse_span(text),
            _ => None,
        };
        seconds.map(Self).ok_or_else(|| {
            format!("{} is no span of time; write seconds, or \"10m\", \"8h\", \"90d\", \"1y\"", describe(raw))
        })
    }

    fn show(&self) -> String {
        let units = [(31_536_000, "y"), (86_400, "d"), (3600, "h"), (60, "m")];
        let whole = units.into_iter().find(|(length, _)| self.0 >= *length && self.0 % length == 0);
        whole.map_or_else(|| format!("{}s", self.0), |(length, unit)| format!("{}{unit}", self.0 / length))
    }
}

pub(super) fn parse_span(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let length = match text.strip_prefix(digits)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "y" => 31_536_000,
        _ => return None,
    };
    let number: i64 = digits.parse().ok().filter(|number| *number >= 0)?;
    number.checked_mul(length)
}

impl Setting for Duration {
    fn parse(raw: &Raw) -> Result<Self, String> {
        Seconds::parse(raw).map(|seconds| Self::from_secs(u64::try_from(seconds.0).unwrap_or_default()))
    }

    fn show(&self) -> String {
        Seconds(i64::try_from(self.as_secs()).unwrap_or(i64::MAX)).show()
    }
}

/// A list; in the environment its items stand between commas.
impl<T: Setting> Setting for Vec<T> {
    fn parse(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::List(items) => items.iter().map(T::parse).collect(),
            Raw::Text(text) => text.split(',').map(|item| T::parse(&Raw::Text(item.trim().to_owned()))).collect(),
            other => Err(format!("{} is no list; put it in brackets", describe(other))),
        }
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(T::show).collect::<Vec<_>>().join(", "))
    }
}

/// A value that is one of a few words.
pub(super) fn parse_word<T: Copy>(raw: &Raw, words: &[(&'static str, T)]) -> Result<T, String> {
    let text = String::parse(raw)?;
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("`{text}` is not one of {}", all.join(", "))
    })
}

fn describe(raw: &Raw) -> String {
    match raw {
        Raw::Text(text) => format!("`{text}`"),
        Raw::Integer(number) => format!("`{number}`"),
        Raw::Boolean(yes) => format!("`{yes}`"),
        Raw::List(_) => String::from("a list"),
        Raw::Other(what) => (*what).to_owned(),
    }
}
