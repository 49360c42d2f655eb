//! `GET /v1/reference`: the descriptions of our APIs as a page to read. Needs no credentials and no script.
//!
//! It is drawn from the very documents that `GET /v1/openapi.json` and `GET /v1/openapi-browser.json` serve, so they
//! cannot differ.

use super::DESCRIPTION;
use crate::http::browser_api;
use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use minijinja::{AutoEscape, Environment, value::Serde};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

const STYLE: &str = include_str!("../../../assets/reference/reference.css");
const TEMPLATE: &str = include_str!("../../../assets/reference/reference.html");

/// What every answer has; said once at the top of the page.
const ENVELOPE: [&str; 2] = ["status_code", "request_id"];

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let documents =
        [&DESCRIPTION, &browser_api::DESCRIPTION].map(|text| serde_json::from_str(text).unwrap_or_default());
    draw(&documents).unwrap_or_else(|error| format!("the page cannot be drawn: {error}"))
});

pub(super) async fn page() -> Response {
    let mut response = PAGE.as_str().into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow, noarchive"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], STYLE)
        .into_response()
}

#[derive(Serialize)]
struct Page<'a> {
    apis: Vec<Api<'a>>,
    objects: BTreeMap<String, Vec<Member>>,
}

/// What one document describes.
#[derive(Serialize)]
struct Api<'a> {
    title: &'a str,
    words: Words,
    /// By name.
    groups: Vec<(&'a str, Vec<Call>)>,
}

#[derive(Serialize)]
struct Call {
    anchor: String,
    method: String,
    path: String,
    summary: Words,
    description: Words,
    parameters: Vec<Member>,
    body: Vec<Member>,
    answer: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    name: String,
    kind: String,
    /// The object that the value is, or has in it.
    object: Option<String>,
    is_required: bool,
    words: Words,
}

/// A text in pieces: what stood between backquotes, and what did not.
#[derive(Serialize)]
struct Words(Vec<Piece>);

#[derive(Serialize)]
struct Piece {
    text: String,
    is_code: bool,
}

impl Words {
    fn of(value: &Value) -> Self {
        let pieces = value.as_str().unwrap_or_default().split('`').enumerate();
        Self(
            pieces
                .filter(|(_, text)| !text.is_empty())
                .map(|(at, text)| Piece { text: text.to_owned(), is_code: at % 2 == 1 })
                .collect(),
        )
    }
}

fn draw(documents: &[Value]) -> Result<String, minijinja::Error> {
    let mut page = Page { apis: Vec::new(), objects: BTreeMap::new() };
    for document in documents {
        let schemas = Schemas(at(document, "/components/schemas").as_object());
        let mut groups: BTreeMap<&str, Vec<Call>> = BTreeMap::new();
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                let tag = at(operation, "/tags/0").as_str().unwrap_or_default();
                groups.entry(tag).or_default().push(schemas.call(path, method, operation));
            }
        }
        // An object of both documents is the same type.
        page.objects.extend(schemas.objects(groups.values().flatten()));
        page.apis.push(Api {
            title: at(document, "/info/title").as_str().unwrap_or_default(),
            words: Words::of(at(document, "/info/description")),
            groups: groups.into_iter().collect(),
        });
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("reference", TEMPLATE)?;
    environment.get_template("reference")?.render(Serde(page))
}

/// The named schemas of the document.
struct Schemas<'a>(Option<&'a Map<String, Value>>);

impl<'a> Schemas<'a> {
    fn call(&self, path: &str, method: &str, operation: &'a Value) -> Call {
        let answers = operation["responses"].as_object().into_iter().flatten();
        let mut answer = answers.filter(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer);
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| {
            let is_required = parameter["required"] == true;
            let name = parameter["name"].as_str().unwrap_or_default();
            self.member(name, &parameter["schema"], is_required, &parameter["description"])
        });
        let mut answer = answer.next().map(|answer| self.members(json_of(answer))).unwrap_or_default();
        answer.retain(|member| !ENVELOPE.contains(&member.name.as_str()));
        Call {
            anchor: operation["operationId"].as_str().unwrap_or_default().to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: Words::of(&operation["summary"]),
            description: Words::of(&operation["description"]),
            parameters: parameters.collect(),
            body: self.members(json_of(&operation["requestBody"])),
            answer,
        }
    }

    /// Every object that is named in `calls`, or in an object that is.
    fn objects<'b>(&self, calls: impl Iterator<Item = &'b Call>) -> BTreeMap<String, Vec<Member>> {
        let members = calls.flat_map(|call| call.parameters.iter().chain(&call.body).chain(&call.answer));
        let mut waiting: BTreeSet<String> = members.filter_map(|member| member.object.clone()).collect();
        let mut objects = BTreeMap::new();
        while let Some(name) = waiting.pop_first() {
            let members = self.0.and_then(|schemas| schemas.get(&name)).map(|schema| self.members(schema));
            let members = members.unwrap_or_default();
            let named = members.iter().filter_map(|member| member.object.clone());
            waiting.extend(named.filter(|other| *other != name && !objects.contains_key(other)));
            objects.insert(name, members);
        }
        objects
    }

    /// The members of an object, also of one that is put together of several.
    fn members(&self, schema: &'a Value) -> Vec<Member> {
        if let Some((_, schema)) = self.named(schema) {
            return self.members(schema);
        }
        let parts = schema["allOf"].as_array().into_iter().flatten().flat_map(|part| self.members(part));
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|own| own == name));
        let own = schema["properties"].as_object().into_iter().flatten();
        let own = own.map(|(name, schema)| self.member(name, schema, required(name), &schema["description"]));
        parts.chain(own).collect()
    }

    fn member(&self, name: &str, schema: &'a Value, is_required: bool, description: &Value) -> Member {
        let (kind, object) = self.kind(schema);
        Member { name: name.to_owned(), kind, object, is_required, words: Words::of(description) }
    }

    /// What a value is, in words, and the name of the object in it.
    fn kind(&self, schema: &'a Value) -> (String, Option<String>) {
        if let Some((name, schema)) = self.named(schema) {
            let (kind, object) = self.kind(schema);
            // What has members of its own is shown at a place of its own.
            return if self.members(schema).is_empty() { (kind, object) } else { ("object".into(), Some(name.into())) };
        }
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
            return (values.join(" | "), None);
        }
        let is_null = |schema: &Value| schema["type"] == "null";
        let alternatives = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
        if let Some(schema) = alternatives.and_then(|all| all.iter().find(|schema| !is_null(schema))) {
            return self.kind(schema);
        }
        let of_several = schema["type"].as_array().into_iter().flatten().find(|kind| *kind != "null");
        match of_several.unwrap_or(&schema["type"]).as_str() {
            Some("array") => {
                let (kind, object) = self.kind(&schema["items"]);
                (format!("list of {kind}"), object)
            }
            Some(kind) => (kind.to_owned(), None),
            None => ("any value".into(), None),
        }
    }

    fn named(&self, schema: &'a Value) -> Option<(&'a str, &'a Value)> {
        let name = schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")?;
        Some((name, self.0?.get(name)?))
    }
}

fn json_of(part: &Value) -> &Value {
    at(part, "/content/application~1json/schema")
}

/// What a JSON pointer leads to (RFC 6901).
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}
