//! The one way out: every request that we make to somebody else's server.
//!
//! Specs: RFC 6890, RFC 9111 §5.2.2. What goes wrong without it: attacks.md row 13.
//!
//! https only; the host's addresses are resolved once, checked, and exactly those are connected to, so a name that changes
//! its answer between check and use gains nothing; no proxies, no redirects, no cookies, no connection kept for later; size
//! and time are limited. What an error says to the outside holds no address and does not tell a forbidden host from a dead one.

mod public_address;
#[cfg(test)]
mod tests;

use crate::{
    config::{self, Destination},
    extra_ca,
};
use anyhow::Context as _;
use hospes_protocol::{Seconds, Timestamp};
use public_address::is_public;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::CertificateDer,
};
use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::sync::Semaphore;
use url::Host;

const MAX_URL_BYTES: usize = 2048;
/// More at once than any honest load needs; a client that makes us fetch cannot make us open sockets without end.
pub(crate) const MAX_AT_ONCE: usize = 32;

/// For the whole exchange: name, connection, TLS, answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the operator permits beyond the public internet, for development and tests.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchConfig {
    /// These destinations may have any address and port, loopback also without TLS.
    pub allow: Vec<Destination>,
    /// Certificates (PEM) to trust besides the system's.
    pub extra_ca_pem: Option<String>,
    pub timeout: Duration,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self { allow: Vec::new(), extra_ca_pem: None, timeout: TIMEOUT }
    }
}

impl FetchConfig {
    /// The operator's settings, with the files that they name.
    pub fn read(config: &config::Fetch) -> anyhow::Result<Self> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read fetch.extra_ca_file {}", path.display()))
        };
        let extra_ca_pem = config.extra_ca_file.as_ref().map(read).transpose()?;
        Ok(Self { allow: config.allow.clone(), extra_ca_pem, timeout: TIMEOUT })
    }
}

/// The outgoing client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetch {
    client: reqwest::Client,
    rules: Arc<Rules>,
    slots: Arc<Semaphore>,
    timeout: Duration,
}

/// A JSON document and what its server says about keeping it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    pub json: serde_json::Value,
    /// RFC 9111 §5.2.2.1 `max-age`; zero when the server forbids to store it, `None` when it does not say.
    pub fresh_for: Option<Seconds>,
    /// RFC 9110 §6.6.1: the server's clock.
    pub date: Option<Timestamp>,
}

/// Why there is no document. `Debug` is for the log; `Display` may go to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("the URL must be an absolute https URL without user name, password and fragment")]
    BadUrl,
    #[error("the URL could not be fetched")]
    Forbidden,
    #[error("the URL could not be fetched")]
    Unreachable,
    #[error("the URL could not be fetched")]
    TimedOut,
    #[error("too many fetches at once; try again later")]
    Busy,
    #[error("the URL must answer with status 200 and without a redirect")]
    Status,
    #[error("the URL must answer with a JSON content type")]
    ContentType,
    #[error("the document is too large")]
    TooLarge,
    #[error("the document is not JSON")]
    NotJson,
}

impl Fetch {
    pub fn new(config: &FetchConfig) -> anyhow::Result<Self> {
        Self::with_names(config, Names::System)
    }

    /// Gets the JSON document at `url`, of at most `limit` bytes.
    pub async fn json(&self, url: &str, limit: usize) -> Result<Fetched, FetchError> {
        self.bounded(url, limit, None).await
    }

    /// The same as whoever holds the token `bearer` (RFC 6750 §2.1).
    pub async fn json_as(&self, bearer: &str, url: &str, limit: usize) -> Result<Fetched, FetchError> {
        self.bounded(url, limit, Some(bearer)).await
    }

    async fn bounded(&self, url: &str, limit: usize, bearer: Option<&str>) -> Result<Fetched, FetchError> {
        let fetched = match tokio::time::timeout(self.timeout, self.get(url, limit, bearer)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::TimedOut),
        };
        if let Err(reason) = &fetched {
            // The host alone: a query may hold what is nobody's business.
            let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
            tracing::warn!(host, ?reason, "a document could not be fetched");
        }
        fetched
    }

    /// Whether something may be sent to `url`, as far as that can be said before its name is resolved.
    pub fn check(&self, url: &str) -> Result<(), FetchError> {
        self.rules.validate(url).map(drop)
    }

    /// Posts a JSON document, and returns the status of the answer. What else the answer says is not read.
    pub async fn post(&self, url: &str, headers: [(&'static str, String); 3], json: String) -> Result<u16, FetchError> {
        let post = async {
            let url = self.rules.validate(url)?;
            let _slot = self.slots.try_acquire().map_err(|_| FetchError::Busy)?;
            let mut request = self.client.post(url).header(header::CONTENT_TYPE, "application/json").body(json);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            Ok(request.send().await.map_err(reason)?.status().as_u16())
        };
        let status = tokio::time::timeout(self.timeout, post).await.unwrap_or(Err(FetchError::TimedOut));
        if let Err(reason) = &status {
            let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
            tracing::warn!(host, ?reason, "a document could not be sent");
        }
        status
    }

    async fn get(&self, url: &str, limit: usize, bearer: Option<&str>) -> Result<Fetched, FetchError> {
        let url = self.rules.validate(url)?;
        let _slot = self.slots.try_acquire().map_err(|_| FetchError::Busy)?;
        let request = self.client.get(url).header(header::ACCEPT, "application/json");
        let request = match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let mut response = request.send().await.map_err(reason)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status);
        }
        if !is_json(response.headers().get(header::CONTENT_TYPE)) {
            return Err(FetchError::ContentType);
        }
        let limit_reached = |length: u64| u64::try_from(limit).is_ok_and(|limit| length > limit);
        if response.content_length().is_some_and(limit_reached) {
            return Err(FetchError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reason)? {
            if chunk.len() > limit.saturating_sub(body.len()) {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let json = serde_json::from_slice(&body).map_err(|_| FetchError::NotJson)?;
        Ok(Fetched { json, fresh_for: freshness(response.headers()), date: date(response.headers()) })
    }

    /// A plain client that may send anything anywhere: for the demo's guest, which stands for somebody else's program.
    pub(crate) fn unguarded_client() -> anyhow::Result<reqwest::Client> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that makes an HTTP client")]
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(None)?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()?;
        Ok(client)
    }

    fn with_names(config: &FetchConfig, names: Names) -> anyhow::Result<Self> {
        let rules = Arc::new(Rules { allow: config.allow.clone() });
        #[expect(clippy::disallowed_methods, reason = "this is the one place that makes an HTTP client")]
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(config.extra_ca_pem.as_deref())?)
            .dns_resolver(CheckedNames {
                names,
                rules: Arc::clone(&rules),
                slots: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            })
            // A proxy of the environment would connect for us, to addresses that we did not check.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // An idle connection would be one more thing whose check lies in the past.
            .pool_max_idle_per_host(0)
            .timeout(config.timeout)
            .user_agent(concat!("Hospes/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("make the client for outgoing requests")?;
        Ok(Self { client, rules, slots: Arc::new(Semaphore::new(MAX_AT_ONCE)), timeout: config.timeout })
    }
}

/// Where connections may go.
#[derive(Debug)]
struct Rules {
    allow: Vec<Destination>,
}

impl Rules {
    /// Everything that can be said before a name is resolved.
    fn validate(&self, url: &str) -> Result<Url, FetchError> {
        if url.len() > MAX_URL_BYTES {
            return Err(FetchError::BadUrl);
        }
        let url = Url::parse(url).map_err(|_| FetchError::BadUrl)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(FetchError::BadUrl);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(FetchError::BadUrl);
        };
        let permission = self.permission(&host, port);
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) && permission == Permission::Given => {}
            _ => return Err(FetchError::BadUrl),
        }
        // Below 1024 live the services that were never meant to be spoken to in HTTP.
        let is_usual_port = port == 443 || port >= 1024;
        let is_permitted = match permission {
            Permission::Given => true,
            Permission::OtherPort => false,
            // A literal address is not resolved, so it is checked here; reqwest connects to it as it stands.
            Permission::None => is_usual_port && literal(&host).is_none_or(is_public),
        };
        if is_permitted { Ok(url) } else { Err(FetchError::Forbidden) }
    }

    /// Whether the operator named this destination.
    fn permission(&self, host: &Host<&str>, port: u16) -> Permission {
        let mut permission = Permission::None;
        for allowed in &self.allow {
            let is_given = match (allowed, host) {
                (Destination::Network(network), Host::Domain(_)) => {
                    is_loopback(host) && LOOPBACK.iter().any(|address| network.contains(address))
                }
                (Destination::Network(network), _) => literal(host).is_some_and(|address| network.contains(&address)),
                (Destination::Host { name, port: only }, Host::Domain(host)) if is_same_name(name, host) => {
                    // A host that was named with a port is ours to reach on that port alone.
                    if only.is_some_and(|only| only != port) {
                        permission = Permission::OtherPort;
                    }
                    only.is_none_or(|only| only == port)
                }
                (Destination::Host { .. }, _) => false,
            };
            if is_given {
                return Permission::Given;
            }
        }
        permission
    }

    /// Whether `host`, whose URL was validated, may have this address.
    fn permits(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_local = is_loopback(&Host::Domain(host)) && address.is_loopback();
        is_public(address)
            || self.allow.iter().any(|allowed| match allowed {
                Destination::Host { name, .. } => is_same_name(name, host),
                Destination::Network(network) => {
                    network.contains(&address) || (is_local && LOOPBACK.iter().any(|own| network.contains(own)))
                }
            })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Permission {
    Given,
    None,
    /// The host was named, but for another port.
    OtherPort,
}

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address).to_canonical()),
    }
}

fn is_same_name(one: &str, other: &str) -> bool {
    bare(one).eq_ignore_ascii_case(bare(other))
}

/// `example.org.` and `example.org` are one name.
fn bare(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => is_same_name(name, "localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Who turns names into addresses.
enum Names {
    System,
    /// A test's answers, one list a call; the last one stays.
    #[cfg(test)]
    Scripted(std::sync::Mutex<Vec<Vec<IpAddr>>>),
}

impl Names {
    /// Ready to be asked on a thread that may wait.
    fn question(&self, host: String) -> impl FnOnce() -> Vec<IpAddr> + Send + use<> {
        let scripted: Option<Vec<IpAddr>> = match self {
            Self::System => None,
            #[cfg(test)]
            Self::Scripted(answers) => {
                let mut answers = answers.lock().unwrap();
                Some(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
            }
        };
        move || {
            scripted.unwrap_or_else(|| {
                let found = (host.as_str(), 0).to_socket_addrs().into_iter().flatten();
                found.map(|socket| socket.ip()).collect()
            })
        }
    }
}

/// The resolver that reqwest asks: what it answers is what reqwest connects to, and nothing else.
struct CheckedNames {
    names: Names,
    rules: Arc<Rules>,
    /// The system's resolver cannot be interrupted. A place is given back when it has answered, not when we stopped
    /// waiting, so slow name servers do not pile up threads.
    slots: Arc<Semaphore>,
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Box::pin(async { Err(FetchError::Busy.into()) });
        };
        let rules = Arc::clone(&self.rules);
        let question = self.names.question(host.clone());
        Box::pin(async move {
            let answer = tokio::task::spawn_blocking(move || {
                let addresses = question();
                drop(slot);
                addresses
            });
            let addresses = answer.await.unwrap_or_default();
            if addresses.is_empty() {
                return Err(FetchError::Unreachable.into());
            }
            // One bad address spoils the name: an honest one has none.
            if !addresses.iter().all(|address| rules.permits(&host, *address)) {
                return Err(FetchError::Forbidden.into());
            }
            // Port 0 is replaced by the URL's.
            let sockets: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(sockets)
        })
    }
}

/// The system's certificates and the operator's extra ones.
fn tls(extra_ca_pem: Option<&str>) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let extra = extra_ca_pem.map(extra_ca::parse).transpose()?.unwrap_or_default();
    let mut extra_roots = RootCertStore::empty();
    for certificate in &extra {
        extra_roots.add(certificate.clone()).context("use an extra CA certificate")?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?;
    // On a machine without CA certificates the server runs all the same; it can fetch nothing over https.
    let config = match system_verifier(extra, provider) {
        Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "no CA certificates were found: outgoing https requests will fail");
            builder.with_root_certificates(extra_roots).with_no_client_auth()
        }
    };
    Ok(config)
}

fn system_verifier(
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<rustls_platform_verifier::Verifier, rustls::Error> {
    rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider)
}

/// Finds our own reason in reqwest's chain of errors; the chain's text stays here, since it holds addresses.
fn reason(error: reqwest::Error) -> FetchError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(this) = cause {
        if let Some(found) = this.downcast_ref::<FetchError>() {
            return *found;
        }
        cause = this.source();
    }
    if error.is_timeout() { FetchError::TimedOut } else { FetchError::Unreachable }
}

/// `application/json`, `application/jwk-set+json` and their like; parameters do not matter.
fn is_json(content_type: Option<&header::HeaderValue>) -> bool {
    let Some(text) = content_type.and_then(|value| value.to_str().ok()) else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some(subtype) = essence.strip_prefix("application/") else { return false };
    subtype == "json" || subtype.ends_with("+json")
}

/// RFC 9110 §5.6.7 IMF-fixdate, which is RFC 2822's form in GMT.
fn date(headers: &header::HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp(at.as_second()))
}

/// RFC 9111 §5.2.2: how long the answer may be kept.
fn freshness(headers: &header::HeaderMap) -> Option<Seconds> {
    let mut fresh_for = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            if directive == "no-store" || directive == "no-cache" {
                return Some(Seconds(0));
            }
            if let Some(seconds) = directive.strip_prefix("max-age=") {
                fresh_for = seconds.trim_matches('"').parse::<u32>().ok().map(|seconds| Seconds(seconds.into()));
            }
        }
    }
    fresh_for
}
