//! The authorization response: how a code or an error travels back to the client.
//!
//! Specs: RFC 6749 §4.1.2 and §4.1.2.1, RFC 9207 §2, OAuth Form Post Response Mode §2.
//! A response needs a [`ResponseTarget`], which only validation makes: no error can be sent to an unproven address.

use crate::{
    authorization_request::{ResponseMode, ResponseTarget},
    error::Refusal,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What the browser has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Go to this address, by `303 See Other`.
    Redirect(String),
    /// Post these fields to this address.
    FormPost { action: String, fields: Vec<(&'static str, String)> },
}

/// A code for the client (RFC 6749 §4.1.2).
pub fn success(target: &ResponseTarget, issuer: &str, code: &str) -> Delivery {
    deliver(target, issuer, vec![("code", code.to_owned())])
}

/// A refusal for the client (RFC 6749 §4.1.2.1).
pub fn error(target: &ResponseTarget, issuer: &str, refusal: &Refusal) -> Delivery {
    let description = printable(&refusal.description);
    deliver(target, issuer, vec![("error", refusal.error.as_str().to_owned()), ("error_description", description)])
}

/// Adds what every response carries, success or not.
fn deliver(target: &ResponseTarget, issuer: &str, mut fields: Vec<(&'static str, String)>) -> Delivery {
    // RFC 6749 §4.1.2: `state` exactly as received, and only if received
    fields.extend(target.state.clone().map(|state| ("state", state)));
    // RFC 9207 §2: `iss` lets the client notice that it talks to another server than it thinks
    fields.push(("iss", issuer.to_owned()));
    match target.mode {
        ResponseMode::Query => Delivery::Redirect(with_query(&target.redirect_uri, &fields)),
        ResponseMode::FormPost => Delivery::FormPost { action: target.redirect_uri.clone(), fields },
    }
}

/// `uri` with `fields` added to its query; a query that is there stays (RFC 6749 §3.1.2).
///
/// A space becomes `%20`, not `+`: form decoders read both, but plain percent decoders, which some clients use, only
/// the former.
pub(crate) fn with_query(uri: &str, fields: &[(&'static str, String)]) -> String {
    const UNRESERVED_STAYS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let mut uri = uri.to_owned();
    for (name, value) in fields {
        let separator = match uri.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some((_, query)) if query.ends_with('&') => "",
            Some(_) => "&",
        };
        uri.push_str(separator);
        uri.push_str(name);
        uri.push('=');
        uri.extend(utf8_percent_encode(value, UNRESERVED_STAYS));
    }
    uri
}

/// RFC 6749 §4.1.2.1: `error_description` is printable ASCII without quote and backslash.
fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authorization_request::{AuthorizationRequest, tests::request, validate},
        error::{ErrorCode::AccessDenied, refuse},
        parameters::Parameters,
        samples::{client, policy, with_settings},
    };
    use proptest::prelude::*;

    const ISSUER: &str = "https://id.example.com/t1";

    fn target(redirect_uri: &str, state: Option<&str>, mode: ResponseMode) -> ResponseTarget {
        let client = with_settings(client(), |settings| settings.redirect_uris = vec![redirect_uri.into()]);
        let request = AuthorizationRequest {
            redirect_uri: Some(redirect_uri.into()),
            state: state.map(str::to_owned),
            response_mode: Some(mode.as_str().into()),
            ..request()
        };
        validate(&request, &client, &policy(), client.settings.plane).unwrap().target
    }

    #[track_caller]
    fn check(redirect_uri: &str, expected: &str) {
        let target = target(redirect_uri, Some("s"), ResponseMode::Query);
        assert_eq!(success(&target, ISSUER, "hac_1"), Delivery::Redirect(expected.into()));
    }

    #[test]
    fn the_query_is_added_to_and_never_replaced() {
        const ADDED: &str = "code=hac_1&state=s&iss=https%3A%2F%2Fid.example.com%2Ft1";
        check("https://app.example/cb", &format!("https://app.example/cb?{ADDED}"));
        check("https://app.example", &format!("https://app.example?{ADDED}"));
        check("https://app.example/cb?", &format!("https://app.example/cb?{ADDED}"));
        check("https://app.example/cb?a=%20b", &format!("https://app.example/cb?a=%20b&{ADDED}"));
        check("https://app.example/cb?a&", &format!("https://app.example/cb?a&{ADDED}"));
        check("com.example.app:/cb", &format!("com.example.app:/cb?{ADDED}"));
    }

    #[test]
    fn an_error_says_why_and_carries_state_and_iss_too() {
        let denied = refuse(AccessDenied, "no \"\\\u{e9}\n100%");
        let expected = "https://app.example/cb?error=access_denied&error_description=no%20%3F%3F%3F%3F100%25&state=s\
                        &iss=https%3A%2F%2Fid.example.com%2Ft1";
        let target = target("https://app.example/cb", Some("s"), ResponseMode::Query);
        assert_eq!(error(&target, ISSUER, &denied), Delivery::Redirect(expected.into()));
    }

    #[test]
    fn without_state_none_is_returned() {
        let target = target("https://app.example/cb", None, ResponseMode::Query);
        let Delivery::Redirect(uri) = success(&target, ISSUER, "c") else { panic!("a redirect") };
        assert!(!uri.contains("state"));
    }

    #[test]
    fn a_form_holds_the_fields_as_they_are() {
        let target = target("https://app.example/cb?a=1", Some("\"<é>+%2B"), ResponseMode::FormPost);
        let expected = Delivery::FormPost {
            action: "https://app.example/cb?a=1".into(),
            fields: vec![("code", "c".into()), ("state", "\"<é>+%2B".into()), ("iss", ISSUER.into())],
        };
        assert_eq!(success(&target, ISSUER, "c"), expected);
    }

    proptest! {
        /// mcp-and-agents.md T-14 and T-20: by a form decoder and by a plain percent decoder.
        #[test]
        fn state_comes_back_byte_for_byte_and_iss_exactly_once(state in "[^\0]{1,60}") {
            let target = target("https://app.example/cb?a=1", Some(&state), ResponseMode::Query);
            let Delivery::Redirect(uri) = success(&target, ISSUER, "c") else { panic!("a redirect") };
            let (_, query) = uri.split_once('?').unwrap();
            let decoded = Parameters::parse(query.as_bytes()).unwrap();
            prop_assert_eq!(decoded.get("state"), Some(state.as_str()));
            prop_assert_eq!(decoded.all("iss").collect::<Vec<_>>(), vec![ISSUER]);
            let raw = query.split('&').find_map(|pair| pair.strip_prefix("state=")).unwrap();
            prop_assert_eq!(percent_encoding::percent_decode_str(raw).decode_utf8().unwrap(), state);
        }
    }
}
