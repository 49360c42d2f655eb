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
