//! The world of the tests: typical clients, users, scope values, resources and roles.

use hospes::{entropy::Entropy, passwords};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const PROJECT: &str = "project-test-00000000-0000-4000-8000-000000000000";
/// The project's secret for the management API.
pub(crate) const SECRET: &str = "secret-test-0123456789abcdef0123456789abcdef";
/// The default resource.
pub(crate) const API: &str = "https://api.example.com";
pub(crate) const MCP: &str = "https://mcp.example.com";
/// Also stands for every path below it.
pub(crate) const FILES: &str = "https://files.example.com/v1";
/// mcp T-19.
pub(crate) const ODD_CLIENT: &str = "https://a.example/x:y?z=1";

const CALLBACK: &str = "https://app.example/callback";

/// Argon2 is slow on purpose, so the password is hashed once for all tests.
fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| passwords::hash(PASSWORD, &Entropy::Os).unwrap())
}

/// The secret of a client that has one.
pub(super) fn secret_of(id: &str) -> Option<String> {
    let has_secret = ["web", "first", "legacy", "m2m", "api", "files", "off", ODD_CLIENT].contains(&id);
    // With characters that every encoding treats in its own way; a colon only where the id has none.
    let colon = if id.contains(':') { "" } else { ":" };
    has_secret.then(|| format!("hcs_{}~+%2B/-.!*'()=&{colon}-0123456789abcdef", id.len()))
}

pub(super) fn redirect_uri_of(id: &str) -> &'static str {
    match id {
        "cli" => "http://127.0.0.1/callback",
        "app" => "com.example.app:/callback",
        _ => CALLBACK,
    }
}

pub(super) fn world() -> Value {
    json!({
        "project": { "id": PROJECT, "name": "Harbour", "secret": SECRET },
        "policy": {
            "scopes": [
                scope("notes:read", "Read your notes", "read", false),
                scope("notes:write", "Change your notes", "write", true),
                scope("notes:delete", "Delete all your notes", "delete", false),
                { "value": "weather", "description": "See the weather" },
            ],
            "resources": [
                { "uri": API, "name": "Notes", "default": true },
                { "uri": MCP, "name": "Tools" },
                { "uri": FILES, "name": "Files", "prefix": true },
            ],
            "roles": [
                { "id": "member", "permissions": [{ "resource_id": "notes", "actions": ["read", "write"] }] },
                { "id": "admin", "permissions": [{ "resource_id": "notes", "actions": ["*"] }] },
            ],
        },
        "clients": clients(),
        "users": [
            user("alice", "Alice Quay", "member", false),
            user("bob", "Bob Pier", "admin", false),
            user("carol", "Carol Lock", "member", true),
        ],
    })
}

fn scope(value: &str, description: &str, action: &str, optional: bool) -> Value {
    let permissions = [json!({ "resource_id": "notes", "actions": [action] })];
    json!({ "value": value, "description": description, "permissions": permissions, "optional": optional })
}

fn user(name: &str, full_name: &str, role: &str, disabled: bool) -> Value {
    let phone_number = match name {
        "alice" => "+49301234567",
        "bob" => "+49301234568",
        _ => "+49301234569",
    };
    json!({
        "id": format!("user-test-{name}"),
        "username": name,
        "external_id": format!("ext-{name}"),
        "password_hash": password_hash(),
        "roles": [role],
        "disabled": disabled,
        "profile": {
            "email": format!("{name}@example.com"),
            "email_verified": true,
            "phone_number": phone_number,
            "claims": { "name": full_name, "locale": "en" },
            "address": { "locality": "Hamburg", "country": "Germany" },
        },
    })
}

fn clients() -> Vec<Value> {
    let code = json!(["authorization_code", "refresh_token"]);
    let both = json!(["client_secret_basic", "client_secret_post"]);
    let machine = json!(["client_credentials"]);
    vec![
        json!({
            "id": "spa", "name": "Lighthouse", "authentication_methods": ["none"], "grant_types": code,
            "redirect_uris": [CALLBACK, "https://app.example/other?x=1"],
            "post_logout_redirect_uris": ["https://app.example/bye"],
        }),
        json!({
            "id": "other", "name": "Buoy", "authentication_methods": ["none"], "grant_types": code,
            "redirect_uris": [CALLBACK],
        }),
        json!({
            "id": "web", "name": "Harbour Master", "secret": secret_of("web"), "authentication_methods": both,
            "grant_types": code, "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": ["https://app.example/bye", "com.example.app:/bye"],
            "client_uri": "https://app.example", "policy_uri": "https://app.example/privacy", "verified": true,
        }),
        json!({
            "id": "first", "name": "Harbour Notes", "party": "first", "secret": secret_of("first"),
            "authentication_methods": both, "grant_types": code, "redirect_uris": [CALLBACK],
            "bypass_consent_for_offline_access": true,
        }),
        json!({
            "id": "first_spa", "name": "Harbour Board", "party": "first", "authentication_methods": ["none"],
            "grant_types": code, "redirect_uris": [CALLBACK], "bypass_consent_for_offline_access": true,
        }),
        json!({
            "id": "brief", "name": "Flare", "party": "first", "authentication_methods": ["none"],
            "grant_types": ["authorization_code"], "redirect_uris": [CALLBACK],
        }),
        json!({
            "id": "cli", "name": "Lantern", "application_type": "native", "authentication_methods": ["none"],
            "grant_types": code,
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback", "http://[::1]/callback"],
        }),
        json!({
            "id": "app", "name": "Pocket Harbour", "application_type": "native", "authentication_methods": ["none"],
            "grant_types": code, "redirect_uris": ["com.example.app:/callback"],
        }),
        json!({
            "id": "legacy", "name": "Old Crane", "secret": secret_of("legacy"), "authentication_methods": both,
            "grant_types": code, "redirect_uris": [CALLBACK], "pkce_optional": true,
        }),
        json!({
            "id": "m2m", "name": "Night Watch", "party": "first", "secret": secret_of("m2m"),
            "authentication_methods": both, "grant_types": machine, "scope": "notes:read weather",
        }),
        json!({
            "id": "api", "name": "Notes API", "party": "first", "secret": secret_of("api"),
            "authentication_methods": both, "grant_types": machine, "resources": [API],
        }),
        json!({
            "id": "files", "name": "Files API", "party": "first", "secret": secret_of("files"),
            "authentication_methods": both, "grant_types": machine, "resources": [FILES],
        }),
        json!({
            "id": ODD_CLIENT, "name": "Odd Fish", "secret": secret_of(ODD_CLIENT), "authentication_methods": both,
            "grant_types": code, "redirect_uris": [CALLBACK],
        }),
        json!({
            "id": "off", "name": "Wreck", "secret": secret_of("off"), "authentication_methods": both,
            "grant_types": code, "redirect_uris": [CALLBACK], "disabled": true,
        }),
    ]
}
