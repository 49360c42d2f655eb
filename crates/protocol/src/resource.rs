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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{client, policy, with_settings};
    use proptest::prelude::*;

    const MCP: &str = "https://mcp.example.com";

    fn resource(uri: &str) -> Resource {
        Resource { uri: uri.into(), name: String::new(), default: false, prefix: false }
    }

    /// A policy with these resources only.
    fn offering(resources: Vec<Resource>) -> Policy {
        Policy { resources, ..policy() }
    }

    #[track_caller]
    fn check(requested: &[&str], policy: &Policy, expected: Result<&[&str], Refusal>) {
        let requested: Vec<String> = requested.iter().map(|text| (*text).to_owned()).collect();
        let resources = resolve(&requested, &client(), policy);
        assert_eq!(resources, expected.map(|own| own.iter().map(|text| (*text).to_owned()).collect()), "{requested:?}");
    }

    /// mcp-and-agents.md T-03: the audience is what the resource server published.
    #[test]
    fn equal_forms_give_the_registered_text() {
        for registered in [MCP, "https://mcp.example.com/", "https://MCP.example.com"] {
            let policy = offering(vec![resource(registered)]);
            for requested in
                [MCP, "https://mcp.example.com/", "https://MCP.Example.COM", "HTTPS://mcp.example.com:443/"]
            {
                check(&[requested], &policy, Ok(&[registered]));
            }
        }
    }

    #[test]
    fn the_path_counts_byte_by_byte() {
        let policy = offering(vec![resource("https://mcp.example.com/mcp")]);
        check(&["https://mcp.example.com/mcp"], &policy, Ok(&["https://mcp.example.com/mcp"]));
        for requested in [
            MCP,
            "https://mcp.example.com/mcp/",
            "https://mcp.example.com/MCP",
            "https://mcp.example.com/mcp?x=1",
            "https://mcp.example.com/mcp/tools",
            "https://mcp.example.com:8443/mcp",
            "http://mcp.example.com/mcp",
            "https://mcp.example.com.evil.example/mcp",
        ] {
            check(&[requested], &policy, Err(UNKNOWN));
        }
    }

    #[test]
    fn a_prefix_covers_what_is_below_it_and_the_longest_wins() {
        let prefix = |uri| Resource { prefix: true, ..resource(uri) };
        let (public, tools) = ("https://mcp.example.com/public", "https://mcp.example.com/public/tools/");
        let policy = offering(vec![prefix(public), prefix(tools), resource("https://mcp.example.com/public/exact")]);
        check(&["https://mcp.example.com/public/a/b"], &policy, Ok(&[public]));
        check(&["https://mcp.example.com/public/tools/x"], &policy, Ok(&[tools]));
        check(&["https://mcp.example.com/public/exact"], &policy, Ok(&["https://mcp.example.com/public/exact"]));
        for requested in [
            "https://mcp.example.com/publicity",
            "https://mcp.example.com/public/../admin",
            "https://mcp.example.com/public/%2e%2e/admin",
        ] {
            check(&[requested], &policy, Err(UNKNOWN));
        }
        check(&["https://mcp.example.com/any?x=1"], &offering(vec![prefix(MCP)]), Ok(&[MCP]));
    }

    #[test]
    fn what_is_no_absolute_uri_without_fragment_is_malformed() {
        let policy = Policy { accept_any_resource: true, ..policy() };
        for requested in [
            "mcp",
            "/mcp",
            "https:",
            "https:mcp.example.com",
            "https:///mcp",
            "https://u:p@mcp.example.com",
            "https://mcp.example.com/#",
            "https://mcp.example.com\\mcp",
            "https://mcp.example.com/m cp",
            "https://mcp.example.com/\u{e9}",
            "https://[::1",
        ] {
            check(&[requested], &policy, Err(MALFORMED));
        }
    }

    #[test]
    fn each_resource_stands_once_in_the_order_asked_for() {
        let policy = offering(vec![resource("https://a.example"), resource("urn:example:b")]);
        let requested = ["urn:example:b", "https://a.example/", "https://A.example", "urn:example:b"];
        check(&requested, &policy, Ok(&["urn:example:b", "https://a.example"]));
        check(&["https://a.example", "https://unknown.example"], &policy, Err(UNKNOWN));
        check(&["https://a.example"; 17], &policy, Err(TOO_MANY));
    }

    #[test]
    fn development_may_accept_any_https_resource() {
        let policy = Policy { accept_any_resource: true, ..offering(vec![resource("https://a.example/")]) };
        check(&["https://NEW.example:443/"], &policy, Ok(&["https://new.example"]));
        check(&["https://a.example"], &policy, Ok(&["https://a.example/"]));
        check(&["http://new.example"], &policy, Err(UNKNOWN));
    }

    #[test]
    fn a_client_gets_only_resources_of_its_own_list() {
        let policy = offering(vec![
            Resource { default: true, ..resource("https://a.example") },
            resource("https://b.example"),
            resource("https://c.example"),
        ]);
        let check = |own: Option<&[&str]>, requested: &[&str], expected: Result<&[&str], Refusal>| {
            let own = own.map(|own| own.iter().map(|uri| (*uri).to_owned()).collect());
            let client = with_settings(client(), |settings| settings.resources = own);
            let requested: Vec<String> = requested.iter().map(|uri| (*uri).to_owned()).collect();
            let expected = expected.map(|own| own.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>());
            assert_eq!(resolve(&requested, &client, &policy), expected);
        };
        check(Some(&["https://b.example"]), &["https://b.example/"], Ok(&["https://b.example"]));
        check(Some(&["https://b.example"]), &["https://a.example"], Err(NOT_FOR_THIS_CLIENT));
        // Without a request: the client's only one, else the project's default, as far as it is allowed
        check(Some(&["https://b.example"]), &[], Ok(&["https://b.example"]));
        check(Some(&["https://b.example", "https://c.example"]), &[], Ok(&[]));
        check(Some(&["https://a.example", "https://c.example"]), &[], Ok(&["https://a.example"]));
        check(Some(&["https://gone.example"]), &[], Ok(&[]));
        check(Some(&[]), &[], Ok(&[]));
        check(None, &[], Ok(&["https://a.example"]));
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own_canonical_form(text in "(HTTPS?|https?|urn)://?[a-zA-Z.]{1,8}[:/?a-z0-9.%]{0,16}") {
            if let Ok(canonical_form) = canonical(&text) {
                prop_assert_eq!(canonical(&canonical_form), Ok(canonical_form));
            }
        }

        #[test]
        fn no_input_panics(text in "\\PC{0,60}") {
            let _ = canonical(&text);
        }
    }
}
