//! The body of a call: a JSON object.
//!
//! As the contract has it, members that we do not know are ignored (SDKs repeat path parameters in the body), `null` is as
//! if the member were absent, and no body is an empty object.

use super::error::{HAS_NUL, NO_JSON, refuse_with};
use crate::{
    app::App,
    failure::Failure,
    http::extract::{BODY_UNREADABLE, is_json},
};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use hospes_protocol::Refusal;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        Ok(Self(parse(&bytes_of(request, app).await?)?))
    }
}

/// A JSON merge patch (RFC 7396), in which `null` means something at the top too.
pub(crate) struct Patch(pub(crate) Map<String, Value>);

impl FromRequest<App> for Patch {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        Ok(Self(members_of(&bytes_of(request, app).await?)?))
    }
}

/// The body, which is JSON if there is one.
async fn bytes_of(request: Request, app: &App) -> Result<Bytes, Failure> {
    let is_json = is_json(request.headers());
    let bytes = Bytes::from_request(request, app).await.map_err(|_| BODY_UNREADABLE)?;
    if bytes.is_empty() || is_json { Ok(bytes) } else { Err(NO_JSON.into()) }
}

/// Reads the members of an object. Of those below the top, `null` may mean something (metadata: remove the key).
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut members = match bytes {
        [] => Map::new(),
        bytes => members_of(bytes)?,
    };
    members.retain(|_, value| !value.is_null());
    read(members)
}

/// The members of an object, in whose texts and names there is no NUL.
fn members_of(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let members: Map<String, Value> = serde_json::from_slice(bytes).map_err(|_| NO_JSON)?;
    if is_nul_among(&members) { Err(HAS_NUL) } else { Ok(members) }
}

/// Whether there is a NUL in a name or a text.
pub(crate) fn is_nul_among(members: &Map<String, Value>) -> bool {
    members.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(members) => is_nul_among(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Reads members that were parsed already.
pub(crate) fn read<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, Failure> {
    serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
        let at = error.path().to_string();
        let what = error.inner();
        let description = if at == "." { what.to_string() } else { format!("{at}: {what}") };
        refuse_with(400, "invalid_argument", description).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Asked {
        name: String,
        #[serde(default)]
        list: Vec<u8>,
        #[serde(default)]
        metadata: Option<Map<String, Value>>,
    }

    fn refused(text: &str) -> String {
        match parse::<Asked>(text.as_bytes()) {
            Err(Failure::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn null_is_absent_at_the_top_and_kept_below() {
        let text = br#"{"name": "a", "list": null, "more": 1, "metadata": {"key": null}}"#;
        let asked: Asked = parse(text).unwrap_or_else(|_| panic!("refused"));
        assert_eq!(asked.list, Vec::<u8>::new());
        assert_eq!(asked.metadata.and_then(|own| own.get("key").cloned()), Some(Value::Null));
    }

    #[test]
    fn an_error_names_the_member() {
        // How the number is called depends on how the JSON library was built.
        assert!(refused(r#"{"name": 1}"#).starts_with("invalid_argument: name: invalid type: "));
        assert!(refused(r#"{"name": "a", "list": [1, "b"]}"#).starts_with("invalid_argument: list[1]: "));
        assert_eq!(refused(""), "invalid_argument: missing field `name`");
        for text in ["[]", "1", "{", "\"a\"", "null"] {
            assert_eq!(refused(text), NO_JSON.to_string(), "{text}");
        }
    }

    // attacks.md row 34 (Logto #8990)
    #[test]
    fn a_nul_is_refused_wherever_it_stands() {
        for text in [
            r#"{"name": "\u0000"}"#,
            r#"{"name": "a", "\u0000": 1}"#,
            r#"{"name": "a", "metadata": {"key": [1, ["b\u0000c"]]}}"#,
            r#"{"name": "a", "metadata": {"k\u0000": {}}}"#,
        ] {
            assert_eq!(refused(text), HAS_NUL.to_string(), "{text}");
        }
        // The six characters themselves are a text like any other.
        let literal: Asked = parse(br#"{"name": "\\u0000"}"#).unwrap_or_else(|_| panic!("refused"));
        assert_eq!(literal.name, "\\u0000");
    }
}
