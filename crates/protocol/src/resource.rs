//! Resource indicators: which API a token is for.
//!
//! Specs: RFC 8707 §2, RFC 3986 §6.2.2 and §6.2.3, RFC 9700 §2.3.
//! A request may write a resource in several equal ways; a token names it in one, the registered one, because resource
//! servers compare strings.

use crate::{
    client::Client,
    error::{ErrorCode::InvalidTarget, Refusal, refuse},
    policy::{Policy, Resource},
    uri::{is_uri_text, split_authority, split_scheme},
};
use url::Url;

pub const MALFORMED: Refusal =
    refuse(InvalidTarget, "resource must be an absolute URI without fragment, such as https://api.example.com/v1");
pub const UNKNOWN: Refusal =
    refuse(InvalidTarget, "resource names no API of this server; use its URI as the API publishes it");
pub const NOT_FOR_THIS_CLIENT: Refusal = refuse(InvalidTarget, "this client may not ask for tokens for that resource");
pub const TOO_MANY: Refusal = refuse(InvalidTarget, "resource stands more than 16 times");

const MOST: usize = 16;

/// The registered URIs for the `requested` ones, each once, in the order asked for.
///
/// A request that names none gets the client's resource if it has exactly one, else the project's default ones as far
/// as the client may have them; possibly nothing.
pub fn resolve(requested: &[String], client: &Client, policy: &Policy) -> Result<Vec<String>, Refusal> {
    if requested.is_empty() {
        return Ok(defaults(client, policy));
    }
    if requested.len() > MOST {
        return Err(TOO_MANY);
    }
    let mut resources = Vec::new();
    for text in requested {
        let registered = registered_form(text, policy)?;
        // RFC 8707 §2: policy of the server, here the client's own list
        if !is_allowed(&registered, client) {
            return Err(NOT_FOR_THIS_CLIENT);
        }
        if !resources.contains(&registered) {
            resources.push(registered);
        }
    }
    Ok(resources)
}

/// The one form in which equal resource URIs are equal texts: scheme and host in lower case, no default port, no dot
/// segments, and an origin without its slash. The rest of the path is taken as it is.
pub fn canonical(text: &str) -> Result<String, Refusal> {
    // RFC 8707 §2: absolute, no fragment
    let is_absolute = split_scheme(text).is_some_and(|(_, rest)| !rest.is_empty());
    if !is_absolute || !is_uri_text(text) || text.contains('#') {
        return Err(MALFORMED);
    }
    let url = Url::parse(text).map_err(|_| MALFORMED)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Ok(url.into());
    }
    // The parser would forgive `https:host` and `https:///host`; both are somebody's mistake
    let authority =
        split_scheme(text).and_then(|(_, rest)| split_authority(rest)).map_or("", |(authority, _)| authority);
    if authority.is_empty() || authority.contains('@') {
        return Err(MALFORMED);
    }
    let is_origin = url.path() == "/" && url.query().is_none();
    let text = String::from(url);
    Ok(if is_origin { text.trim_end_matches('/').to_owned() } else { text })
}

/// The registered URI that `text` stands for: an equal one, else the longest registered prefix.
fn registered_form(text: &str, policy: &Policy) -> Result<String, Refusal> {
    let wanted = canonical(text)?;
    let closeness = |own: &Resource| {
        let own_uri = canonical(&own.uri).ok()?;
        let covers = own_uri == wanted || own.prefix && is_below(&wanted, &own_uri);
        covers.then_some(own_uri.len())
    };
    let covering = policy.resources.iter().filter_map(|own| Some((closeness(own)?, own)));
    match covering.max_by_key(|(closeness, _)| *closeness) {
        Some((_, resource)) => Ok(resource.uri.clone()),
        None if policy.accept_any_resource && wanted.starts_with("https://") => Ok(wanted),
        None => Err(UNKNOWN),
    }
}

/// Whether the path of `wanted` lies below `prefix`, at a boundary between segments.
fn is_below(wanted: &str, prefix: &str) -> bool {
    wanted.strip_prefix(prefix.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

fn is_allowed(registered: &str, client: &Client) -> bool {
    client.settings.resources.as_ref().is_none_or(|own| own.iter().any(|own| own == registered))
}

fn defaults(client: &Client, policy: &Policy) -> Vec<String> {
    if let Some([only]) = client.settings.resources.as_deref() {
        return registered_form(only, policy).into_iter().collect();
    }
    let of_the_project = policy.resources.iter().filter(|own| own.default && is_allowed(&own.uri, client));
    of_the_project.map(|own| own.uri.clone()).collect()
}
