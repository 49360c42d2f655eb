//! Claim templates: more claims for a token, written by the operator as a JSON object with tags for values.
//!
//! `{"plan": {{ user.trusted_metadata.plan }}, "greeting": "Ahoy {{ user.name.first_name }}"}`. A tag alone, bare or in
//! quotes, stands for the value with its JSON type; between other text it becomes text. A value that is missing or
//! `null` takes its key, or its place in a list, with it. Tags stand in values only.
//!
//! Specs: RFC 7519 §4.1 to §4.3 (registered names belong to the issuer).
//!
//! What a template says is fixed when it is stored: no value of a user or of a request can add a key or a tag.

use crate::{
    client::Client,
    error::{Refusal, refuse_api},
    id_token::RESERVED_CLAIMS,
    policy::Policy,
    user::User,
};
use serde_json::{Map, Value, json};

pub const INVALID_JSON: Refusal = refuse_api(
    400,
    "jwt_template_invalid_json",
    "the template must be a JSON object; a tag such as {{ user.user_id }} stands where a value would",
);
pub const MISMATCHED_TAG: Refusal =
    refuse_api(400, "jwt_template_mismatched_tag", "in the template, every {{ needs its }} in the same value");
pub const TAG_IN_KEY: Refusal =
    refuse_api(400, "jwt_template_invalid_tag", "in the template, tags may stand in values only, not in keys");
pub const BAD_USER_TAG: Refusal = refuse_api(
    400,
    "jwt_template_invalid_tag",
    "a tag of this template names a value of the user, with dots between: user.user_id, user.trusted_metadata.plan, \
     user.rbac.roles, user.rbac.RESOURCE_ID.actions",
);
pub const BAD_MACHINE_TAG: Refusal = refuse_api(
    400,
    "jwt_template_invalid_tag",
    "a tag of this template names a value of the client or of the token request, with dots between: \
     client.trusted_metadata.plan, request.plan",
);
pub const RESERVED: Refusal = refuse_api(
    400,
    "reserved_claims_in_custom_claims",
    "a template cannot set iss, sub, aud, exp, scope, client_id and the other claims that the server itself makes; \
     choose another name",
);
pub const STYTCH_CLAIM: Refusal = refuse_api(
    400,
    "stytch_claims_in_custom_claims",
    "a template cannot set claims whose name begins with https://stytch.com/; choose another name",
);
pub const TOO_LARGE: Refusal = refuse_api(
    400,
    "custom_claims_too_large",
    "a template, and what it renders to, may have 4096 bytes; shorten it, or the metadata it refers to",
);

/// Of the template's text and of the rendered claims.
const MOST_BYTES: usize = 4096;
const MOST_SEGMENTS: usize = 16;

/// What else an answer about a token says beside its claims; a claim of this name would be taken for it.
const RESERVED_IN_ANSWERS: [&str; 6] = ["active", "token_type", "username", "status_code", "request_id", "error"];

/// What a token request means to us; the rest is `request.x`. Secrets are among these.
const OWN_PARAMETERS: [&str; 14] = [
    "grant_type",
    "scope",
    "scopes",
    "resource",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "assertion",
    "audience",
];

/// Whose tokens a template is for, and so what its tags may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Access tokens, ID tokens and sessions of users: `user.…`.
    User,
    /// Tokens of machines: `client.…` and `request.…`.
    Machine,
}

/// Where the values come from.
#[derive(Debug, Clone, Copy)]
pub enum Facts<'a> {
    User { user: &'a User, policy: &'a Policy },
    Machine { client: &'a Client, request: &'a Map<String, Value> },
}

/// A template that was checked; made by [`parse`] only.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimTemplate {
    members: Vec<(String, Node)>,
}

/// Rendered claims. None of them has a name that belongs to the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomClaims(Map<String, Value>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Literal(Value),
    Tag(Variable),
    Text(Vec<Piece>),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Tag(Variable),
}

#[derive(Debug, Clone, PartialEq)]
enum Variable {
    /// `user.rbac.roles`
    Roles,
    /// `user.rbac.RESOURCE_ID.actions`; a resource id may have dots.
    Actions(String),
    /// The segments, the first of them `user`, `client` or `request`.
    Path(Vec<String>),
}

/// Parses a template; the empty text is the template without claims.
pub fn parse(text: &str, kind: Kind) -> Result<ClaimTemplate, Refusal> {
    if text.len() > MOST_BYTES {
        return Err(TOO_LARGE);
    }
    if text.trim().is_empty() {
        return Ok(ClaimTemplate { members: Vec::new() });
    }
    let quoted = quote_bare_tags(text)?;
    let object: Map<String, Value> = serde_json::from_str(&quoted).map_err(|_| INVALID_JSON)?;
    for name in object.keys() {
        may_be_set(name)?;
    }
    Ok(ClaimTemplate { members: members(object, kind)? })
}

/// Whether somebody else than the server may set a claim of this name (RFC 7519 §4.1; design section 5).
pub fn may_be_set(name: &str) -> Result<(), Refusal> {
    if RESERVED_CLAIMS.contains(&name) || RESERVED_IN_ANSWERS.contains(&name) {
        return Err(RESERVED);
    }
    if name.to_ascii_lowercase().starts_with("https://stytch.com/") {
        return Err(STYTCH_CLAIM);
    }
    Ok(())
}

/// The parameters of a token request that a template may use: those that mean nothing to us.
pub fn request_variables<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    parameters
        .filter(|(name, _)| !OWN_PARAMETERS.contains(name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

/// Puts quotes around the tags that stand bare, so that the rest is JSON. Outside of texts `{{` is never JSON.
fn quote_bare_tags(text: &str) -> Result<String, Refusal> {
    let mut quoted = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut is_in_text = false;
    while let Some(c) = rest.chars().next() {
        if !is_in_text && let Some(after) = rest.strip_prefix("{{") {
            let (tag, after) = after.split_once("}}").ok_or(MISMATCHED_TAG)?;
            // Whatever could end the text early is no part of a tag anyway.
            if tag.contains(['"', '\\', '{', '}']) {
                return Err(MISMATCHED_TAG);
            }
            quoted.push_str("\"{{");
            quoted.push_str(tag.trim());
            quoted.push_str("}}\"");
            rest = after;
            continue;
        }
        // An escaped character never begins or ends a text.
        let escaped = if is_in_text && c == '\\' { rest.chars().nth(1).map_or(0, char::len_utf8) } else { 0 };
        if c == '"' {
            is_in_text = !is_in_text;
        }
        let (taken, left) = rest.split_at_checked(c.len_utf8() + escaped).ok_or(INVALID_JSON)?;
        quoted.push_str(taken);
        rest = left;
    }
    Ok(quoted)
}

fn members(object: Map<String, Value>, kind: Kind) -> Result<Vec<(String, Node)>, Refusal> {
    let member = |(name, value): (String, Value)| {
        if name.contains("{{") || name.contains("}}") {
            return Err(TAG_IN_KEY);
        }
        Ok((name, node(value, kind)?))
    };
    object.into_iter().map(member).collect()
}

fn node(value: Value, kind: Kind) -> Result<Node, Refusal> {
    Ok(match value {
        Value::String(text) => text_node(&text, kind)?,
        Value::Array(values) => {
            Node::List(values.into_iter().map(|value| node(value, kind)).collect::<Result<_, _>>()?)
        }
        Value::Object(object) => Node::Object(members(object, kind)?),
        literal => Node::Literal(literal),
    })
}

fn text_node(text: &str, kind: Kind) -> Result<Node, Refusal> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (tag, after) = after.split_once("}}").ok_or(MISMATCHED_TAG)?;
        add_text(&mut pieces, before)?;
        pieces.push(Piece::Tag(variable(tag.trim(), kind)?));
        rest = after;
    }
    add_text(&mut pieces, rest)?;
    Ok(match pieces.pop() {
        None => Node::Literal(text.into()),
        Some(Piece::Text(only)) if pieces.is_empty() => Node::Literal(only.into()),
        Some(Piece::Tag(only)) if pieces.is_empty() => Node::Tag(only),
        Some(last) => {
            pieces.push(last);
            Node::Text(pieces)
        }
    })
}

fn add_text(pieces: &mut Vec<Piece>, text: &str) -> Result<(), Refusal> {
    if text.contains("}}") {
        return Err(MISMATCHED_TAG);
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
    Ok(())
}

fn variable(tag: &str, kind: Kind) -> Result<Variable, Refusal> {
    let (roots, refusal) = match kind {
        Kind::User => (&["user"][..], BAD_USER_TAG),
        Kind::Machine => (&["client", "request"][..], BAD_MACHINE_TAG),
    };
    let segments: Vec<_> = tag.split('.').collect();
    let is_known = |root: &&str| roots.contains(root);
    let is_plain =
        |segment: &&str| !segment.is_empty() && !segment.contains(|c: char| c.is_control() || "{}\"\\ ".contains(c));
    if segments.len() < 2
        || segments.len() > MOST_SEGMENTS
        || !segments.first().is_some_and(is_known)
        || !segments.iter().all(is_plain)
    {
        return Err(refusal);
    }
    if !segments.starts_with(&["user", "rbac"]) {
        return Ok(Variable::Path(segments.into_iter().map(str::to_owned).collect()));
    }
    let of_rbac = tag.strip_prefix("user.rbac.").unwrap_or_default();
    match of_rbac.strip_suffix(".actions") {
        Some(resource) => Ok(Variable::Actions(resource.to_owned())),
        None if of_rbac == "roles" => Ok(Variable::Roles),
        None => Err(refusal),
    }
}

impl ClaimTemplate {
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The claims for these facts. [`TOO_LARGE`] when they have more than 4096 bytes as JSON.
    pub fn render(&self, facts: Facts<'_>) -> Result<CustomClaims, Refusal> {
        if self.is_empty() {
            return Ok(CustomClaims::default());
        }
        let mut rendering = Rendering { roots: roots(facts), facts, left: MOST_BYTES };
        let claims = rendering.object(&self.members)?;
        let size = serde_json::to_string(&claims).map_or(usize::MAX, |text| text.len());
        if size > MOST_BYTES { Err(TOO_LARGE) } else { Ok(CustomClaims(claims)) }
    }
}

impl CustomClaims {
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

struct Rendering<'a> {
    roots: Value,
    facts: Facts<'a>,
    /// How many bytes values may still bring: a short template can name a long value many times.
    left: usize,
}

impl Rendering<'_> {
    fn object(&mut self, members: &[(String, Node)]) -> Result<Map<String, Value>, Refusal> {
        let mut object = Map::new();
        for (name, node) in members {
            if let Some(value) = self.value(node)? {
                object.insert(name.clone(), value);
            }
        }
        Ok(object)
    }

    fn value(&mut self, node: &Node) -> Result<Option<Value>, Refusal> {
        Ok(match node {
            Node::Literal(value) => Some(value.clone()),
            Node::Tag(variable) => self.resolve(variable)?,
            Node::Text(pieces) => self.text(pieces)?.map(Value::String),
            Node::List(nodes) => {
                let mut list = Vec::with_capacity(nodes.len());
                for node in nodes {
                    list.extend(self.value(node)?);
                }
                Some(Value::Array(list))
            }
            Node::Object(members) => Some(Value::Object(self.object(members)?)),
        })
    }

    fn text(&mut self, pieces: &[Piece]) -> Result<Option<String>, Refusal> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Tag(variable) => match self.resolve(variable)? {
                    None => return Ok(None),
                    Some(Value::String(own)) => text.push_str(&own),
                    Some(other) => text.push_str(&other.to_string()),
                },
            }
        }
        Ok(Some(text))
    }

    /// The value; `None` when there is none, or `null`.
    fn resolve(&mut self, variable: &Variable) -> Result<Option<Value>, Refusal> {
        let value = match (variable, self.facts) {
            (Variable::Path(segments), _) => {
                let found = segments.iter().try_fold(&self.roots, |value, segment| value.get(segment.as_str()));
                found.cloned().unwrap_or_default()
            }
            (Variable::Roles, Facts::User { user, .. }) => json!(user.roles),
            (Variable::Actions(resource), Facts::User { user, policy }) => json!(actions(resource, user, policy)),
            (Variable::Roles | Variable::Actions(_), Facts::Machine { .. }) => Value::Null,
        };
        if value.is_null() {
            return Ok(None);
        }
        let size = serde_json::to_string(&value).map_or(usize::MAX, |text| text.len());
        self.left = self.left.checked_sub(size).ok_or(TOO_LARGE)?;
        Ok(Some(value))
    }
}

/// What the user's roles allow on one resource of the policy, each action once, in the policy's order.
fn actions(resource: &str, user: &User, policy: &Policy) -> Vec<String> {
    let mut actions: Vec<String> = Vec::new();
    let held = policy.roles.iter().filter(|role| user.roles.contains(&role.id));
    let permissions = held.flat_map(|role| &role.permissions).filter(|own| own.resource_id == resource);
    for action in permissions.flat_map(|permission| &permission.actions) {
        if !actions.contains(action) {
            actions.push(action.clone());
        }
    }
    actions
}

fn roots(facts: Facts<'_>) -> Value {
    match facts {
        Facts::User { user, .. } => json!({ "user": user_value(user) }),
        Facts::Machine { client, request } => {
            let own = json!({
                "client_id": client.id,
                "client_name": client.settings.name,
                "trusted_metadata": client.settings.trusted_metadata,
            });
            json!({ "client": own, "request": request })
        }
    }
}

/// The user as templates see them, by the names of the management API.
fn user_value(user: &User) -> Value {
    let profile = &user.profile;
    let claim = |name: &str| profile.claims.get(name).cloned().unwrap_or_default();
    json!({
        "user_id": user.id,
        "external_id": user.external_id,
        "name": {
            "first_name": claim("given_name"),
            "middle_name": claim("middle_name"),
            "last_name": claim("family_name"),
        },
        "email": profile.email().map(|email| &email.address),
        "phone_number": profile.phone_number().map(|phone| &phone.number),
        "emails": profile.emails,
        "phone_numbers": profile.phone_numbers,
        "status": profile.status,
        "roles": user.roles,
        "trusted_metadata": profile.trusted_metadata,
        "untrusted_metadata": profile.untrusted_metadata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::EmailId,
        policy::{Permission, Role},
        samples::{confidential, policy, user, with_settings},
        user::{Email, Profile},
    };
    use proptest::prelude::*;

    fn alice() -> User {
        let claims = json!({ "given_name": "Alice", "family_name": "Quay" }).as_object().unwrap().clone();
        let email = Email { id: EmailId::new("email-test-1"), address: "alice@example.com".to_owned(), verified: true };
        let trusted_metadata = json!({ "plan": { "seats": 5 } }).as_object().unwrap().clone();
        let profile = Profile { emails: vec![email], claims, trusted_metadata, ..Profile::default() };
        User { external_id: Some("ext-\"1".into()), roles: vec!["editor".into(), "crew".into()], profile, ..user() }
    }

    fn harbour() -> Policy {
        let role = |id: &str, actions: &[&str]| Role {
            id: id.into(),
            description: String::new(),
            permissions: vec![Permission {
                resource_id: "berths.v1".into(),
                actions: actions.iter().map(|&own| own.to_owned()).collect(),
            }],
        };
        Policy { roles: vec![role("editor", &["read", "book"]), role("crew", &["read", "clean"])], ..policy() }
    }

    fn of_user(template: &str) -> Result<Value, Refusal> {
        let (user, policy) = (alice(), harbour());
        let facts = Facts::User { user: &user, policy: &policy };
        parse(template, Kind::User)?.render(facts).map(|claims| Value::Object(claims.into_map()))
    }

    fn of_machine(template: &str, parameters: &[(&str, &str)]) -> Result<Value, Refusal> {
        let client = with_settings(confidential(), |settings| {
            settings.trusted_metadata = json!({ "tier": 2, "off": null }).as_object().unwrap().clone();
        });
        let request = request_variables(parameters.iter().copied());
        let facts = Facts::Machine { client: &client, request: &request };
        parse(template, Kind::Machine)?.render(facts).map(|claims| Value::Object(claims.into_map()))
    }

    #[track_caller]
    fn check(template: &str, expected: Value) {
        assert_eq!(of_user(template), Ok(expected), "{template}");
    }

    #[track_caller]
    fn check_refused(template: &str, expected: Refusal) {
        assert_eq!(parse(template, Kind::User), Err(expected), "{template}");
    }

    #[test]
    fn a_tag_alone_keeps_its_type_bare_or_quoted() {
        let roles = json!({ "roles": ["editor", "crew"] });
        check(r#"{"roles": {{ user.rbac.roles }}}"#, roles.clone());
        check(r#"{"roles": "{{user.rbac.roles}}"}"#, roles);
        check(
            r#"{"a": [{{ user.user_id }}, {"b": {{user.external_id}}}], "n": 1.5, "t": "}{"}"#,
            json!({ "a": ["user-test-1", { "b": "ext-\"1" }], "n": 1.5, "t": "}{" }),
        );
        check(r#"{"can": {{ user.rbac.berths.v1.actions }}}"#, json!({ "can": ["read", "book", "clean"] }));
        check(r#"{"can": {{ user.rbac.nothing.actions }}}"#, json!({ "can": [] }));
    }

    #[test]
    fn between_other_text_a_tag_becomes_text() {
        check(
            r#"{"hi": "Ahoy {{ user.name.first_name }} {{user.name.last_name}}!", "r": "{{ user.roles }}?"}"#,
            json!({ "hi": "Ahoy Alice Quay!", "r": "[\"editor\",\"crew\"]?" }),
        );
        check(
            r#"{"to": "{{ user.email }}", "seats": {{ user.trusted_metadata.plan.seats }}}"#,
            json!({ "to": "alice@example.com", "seats": 5 }),
        );
        check(r#"{"quote": "\"{{ user.external_id }}\\"}"#, json!({ "quote": "\"ext-\"1\\" }));
    }

    #[test]
    fn what_is_missing_takes_its_key_along() {
        check(
            r#"{"a": {{ user.phone_number }}, "b": "x{{ user.name.middle_name }}", "c": [{{ user.nothing.at.all }}, 1], "d": {"e": "{{user.email.x}}"}, "f": null}"#,
            json!({ "c": [1], "d": {}, "f": null }),
        );
        check("", json!({}));
        check(" {} ", json!({}));
    }

    #[test]
    fn a_machine_has_its_metadata_and_what_its_request_says() {
        let request = [("plan", "gold"), ("client_secret", "hidden"), ("grant_type", "x"), ("code", "hidden")];
        assert_eq!(
            of_machine(
                r#"{"tier": {{ client.trusted_metadata.tier }}, "off": {{ client.trusted_metadata.off }},
                   "plan": {{ request.plan }}, "by": "{{ client.client_id }}", "s": {{ request.client_secret }},
                   "c": "{{request.code}}"}"#,
                &request
            ),
            Ok(json!({ "tier": 2, "plan": "gold", "by": "app" }))
        );
        // A value is a value, whatever it looks like.
        let sly = [("plan", "{{ client.client_id }}\", \"sub\": \"root")];
        assert_eq!(of_machine(r#"{"plan": {{ request.plan }}}"#, &sly), Ok(json!({ "plan": sly[0].1 })));
        for tag in ["user.user_id", "request", "client.", ""] {
            assert_eq!(parse(&format!("{{\"a\": {{{{{tag}}}}}}}"), Kind::Machine), Err(BAD_MACHINE_TAG), "{tag}");
        }
    }

    #[test]
    fn a_template_is_a_json_object() {
        for template in
            ["[]", "1", "{", "{\"a\": }", "{\"a\": {{user.user_id}} 1}", "null", "{'a': 1}", "{{user.user_id}}"]
        {
            check_refused(template, INVALID_JSON);
        }
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(200), "]".repeat(200));
        check_refused(&deep, INVALID_JSON);
    }

    #[test]
    fn tags_are_whole_known_and_in_values() {
        for template in [
            r#"{"a": {{ user.user_id }"#,
            r#"{"a": "{{ user.user_id }"}"#,
            r#"{"a": "user.user_id }}"}"#,
            r#"{"a": {{ user."x }}"}"#,
            r#"{"a": "{{ user.user_id", "b": "}}"}"#,
        ] {
            check_refused(template, MISMATCHED_TAG);
        }
        for tag in [
            "",
            "user",
            "user.",
            "user..x",
            "users.x",
            "client.trusted_metadata.x",
            "request.x",
            "user.a b",
            "user.rbac",
            "user.rbac.x",
            "user.rbac.x.y",
            "user.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16",
        ] {
            check_refused(&format!("{{\"a\": {{{{ {tag} }}}}}}"), BAD_USER_TAG);
        }
        check_refused(r#"{"{{ user.user_id }}": 1}"#, TAG_IN_KEY);
        check_refused("{ {{ user.user_id }}: 1}", TAG_IN_KEY);
        check_refused(r#"{"a": {"}}": 1}}"#, TAG_IN_KEY);
    }

    // attacks.md: a claim of the server's own, set by somebody else
    #[test]
    fn the_servers_own_claims_cannot_be_set() {
        for name in RESERVED_CLAIMS.into_iter().chain(RESERVED_IN_ANSWERS) {
            check_refused(&format!("{{\"{name}\": 1}}"), RESERVED);
        }
        check_refused(r#"{"\u0073ub": 1}"#, RESERVED);
        for name in ["https://stytch.com/session", "HTTPS://stytch.com/x", "https:\\/\\/stytch.com/organization"] {
            check_refused(&format!("{{\"{name}\": 1}}"), STYTCH_CLAIM);
        }
        check(r#"{"nested": {"sub": "x"}}"#, json!({ "nested": { "sub": "x" } }));
    }

    #[test]
    fn neither_template_nor_claims_are_large() {
        check_refused(&format!("{{\"a\": \"{}\"}}", "x".repeat(4096)), TOO_LARGE);
        let long = "y".repeat(2000);
        let request = [("long", long.as_str())];
        assert!(of_machine(r#"{"a": {{ request.long }}, "b": {{ request.long }}}"#, &request).is_ok());
        let many = format!("{{\"a\": [{}1]}}", "{{request.long}},".repeat(200));
        assert_eq!(of_machine(&many, &request), Err(TOO_LARGE));
        let padded = format!("{{\"a\": {{{{request.long}}}}, \"b\": \"{}\"}}", "x".repeat(3000));
        assert_eq!(of_machine(&padded, &request), Err(TOO_LARGE));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_reserved_claim_is_ever_set(
            text in "(\\{|\\}|\"|:|,|\\[|\\]|\\\\|a|sub|iss|user\\.rbac\\.roles|user\\.user_id| |\\PC){0,40}",
        ) {
            for template in [text.clone(), format!("{{\"{text}\": 1}}"), format!("{{\"a\": {text}}}")] {
                if let Ok(claims) = of_user(&template) {
                    for name in claims.as_object().unwrap().keys() {
                        prop_assert!(may_be_set(name).is_ok() && !name.contains("{{"));
                    }
                }
            }
        }

        #[test]
        fn a_value_never_adds_a_claim(value in "\\PC{0,60}") {
            let claims = of_machine(r#"{"own": {{ request.x }}, "text": "<{{ request.x }}>"}"#, &[("x", &value)]).unwrap();
            prop_assert_eq!(claims, json!({ "own": value, "text": format!("<{value}>") }));
        }
    }
}
