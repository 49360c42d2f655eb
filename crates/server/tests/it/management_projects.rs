//! attacks.md row 38: every call that docs/openapi.json describes, with the ids of another project's objects.

use crate::{
    app::{Host, PASSWORD, SECRET, TestApp, client::CHALLENGE},
    interactions::BINDING,
    management_sessions::{access_token, signed_in},
    stytch_plane::world,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CALLBACK: &str = "https://app.example/callback";

/// How a call names an object.
enum Names {
    /// In its path, as the description says; the body is one that the owner could send.
    InPath(Value),
    InQuery(&'static str),
    InBody(Value),
    /// It has no name of an object in it: it is about the project itself, makes something or lists.
    Nothing(Value),
    /// There are no such objects yet.
    OfNoKind,
}
use Names::{InBody, InPath, InQuery, Nothing, OfNoKind};

/// Whoever adds a call says here how it names what belongs to a project.
fn names(operation: &str, own: &BTreeMap<&str, String>) -> Option<Names> {
    Some(match operation {
        "GET /v1/audit_events"
        | "GET /v1/debug/whoami"
        | "GET /v1/projects/metrics"
        | "GET /v1/public_tokens"
        | "GET /v1/rbac/policy"
        | "GET /v1/secrets"
        | "GET /v1/settings"
        | "GET /v1/trusted_token_profiles"
        | "GET /v1/webhooks"
        | "PATCH /v1/settings"
        | "POST /v1/public_tokens"
        | "POST /v1/secrets"
        | "POST /v1/users" => Nothing(json!({})),
        "POST /v1/connected_apps/clients/search" | "POST /v1/m2m/clients/search" | "POST /v1/users/search" => {
            Nothing(json!({ "limit": 1000 }))
        }
        "POST /v1/m2m/clients" => Nothing(json!({ "scopes": ["boats:lift"] })),
        "POST /v1/connected_apps/clients" => {
            Nothing(json!({ "client_type": "third_party_public", "redirect_urls": [CALLBACK] }))
        }
        "POST /v1/webhooks" => Nothing(webhook()),
        "POST /v1/trusted_token_profiles" => Nothing(profile()),
        "PUT /v1/rbac/policy" => Nothing(json!({ "custom_scopes": [], "custom_roles": [], "custom_resources": [] })),
        "POST /v1/sessions/migrate" => {
            Nothing(json!({ "session_token": "of-another-login", "session_duration_minutes": 60 }))
        }
        "POST /v1/passwords" => {
            Nothing(json!({ "email": "new@lagoon.example", "password": "A quite unusual sentence 4711" }))
        }
        "POST /v1/passwords/migrate" => Nothing(json!({
            "email": "before@lagoon.example", "hash_type": "sha_1", "hash": "77c9cfb8f4bd45b3dec57aac1cd8ec946cf7e5a0",
        })),
        "POST /v1/passwords/strength_check" => Nothing(json!({ "password": "A quite unusual sentence 4711" })),
        // Bob is a user of the first project only.
        "POST /v1/passwords/authenticate" => InBody(json!({ "email": "bob@example.com", "password": PASSWORD })),
        // Nobody has such a token, and no project has such a page.
        "POST /v1/passwords/email/reset/start" => Nothing(json!({
            "email": "bob@example.com", "reset_password_redirect_url": "https://app.example/new-password",
        })),
        "POST /v1/passwords/email/reset" => Nothing(json!({ "token": "x", "password": "weak" })),
        "POST /v1/passwords/existing_password/reset" => InBody(json!({
            "email": "bob@example.com", "existing_password": PASSWORD, "new_password": "weak",
        })),
        "POST /v1/passwords/session/reset" => InBody(json!({
            "session_token": own["session_token"], "password": "weak",
        })),
        "GET /v1/sessions" => InQuery("user_id"),
        "POST /v1/sessions/authenticate" => InBody(json!({ "session_token": own["session_token"] })),
        "POST /v1/sessions/revoke" => InBody(json!({ "session_id": own["session_id"] })),
        "POST /v1/sessions/attest" => InBody(json!({ "profile_id": own["profile_id"], "token": "x.y.z" })),
        "POST /v1/sessions/exchange_access_token" => InBody(json!({ "access_token": own["access_token"] })),
        "POST /v1/idp/oauth/authorize/start" => InBody(json!({
            "client_id": own["client_id"], "user_id": own["user_id"], "redirect_uri": CALLBACK, "response_type": "code",
            "scopes": ["openid"],
        })),
        "POST /v1/idp/oauth/authorize" => InBody(json!({
            "client_id": own["client_id"], "user_id": own["user_id"], "redirect_uri": CALLBACK, "response_type": "code",
            "scopes": ["openid"], "consent_granted": true, "code_challenge": CHALLENGE,
        })),
        "POST /v1/interactions" => InBody(waiting(&own["client_id"])),
        "POST /v1/interactions/{interaction_id}/login" => {
            InPath(json!({ "browser_binding": BINDING, "user_id": "user-test-alice" }))
        }
        "POST /v1/interactions/{interaction_id}/decide" => {
            InPath(json!({ "browser_binding": BINDING, "decision": "deny" }))
        }
        "PUT /v1/users/{user_id}/exchange_primary_factor" => InPath(json!({ "email_address": "new@example.com" })),
        "PUT /v1/trusted_token_profiles/{profile_id}" => InPath(profile()),
        "DELETE /v1/users/biometric_registrations/{biometric_registration_id}"
        | "DELETE /v1/users/crypto_wallets/{crypto_wallet_id}"
        | "DELETE /v1/users/oauth/{oauth_user_registration_id}"
        | "DELETE /v1/users/totps/{totp_id}"
        | "DELETE /v1/users/webauthn_registrations/{webauthn_registration_id}" => OfNoKind,
        other if other.contains('{') => InPath(json!({})),
        _ => return None,
    })
}

fn profile() -> Value {
    json!({
        "name": "Elsewhere", "issuer": "https://login.elsewhere.example/", "audience": "harbour", "public_key_type": "JWK",
        "jwks_url": "https://login.elsewhere.example/keys",
        "attribute_mapping": { "email": "email", "token_id": "jti" },
    })
}

/// An authorization request that waits at the host app's page.
fn waiting(client_id: &str) -> Value {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid")
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("code_challenge_method", "S256")
        .finish();
    json!({ "query": query, "browser_binding": BINDING })
}

fn webhook() -> Value {
    json!({ "url": "https://app.example/hook", "kinds": ["user.added"] })
}

/// One of each kind, made for one call.
async fn objects(app: &TestApp, round: usize) -> BTreeMap<&'static str, String> {
    let host = app.host();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let user = json!({
        "email": format!("round{round}@example.com"), "phone_number": format!("+4930999{round:04}"),
        "external_id": format!("round-{round}"),
    });
    let user = host.post("/v1/users", user).await.done();
    let client = json!({ "client_type": "third_party", "redirect_urls": [CALLBACK] });
    let client = host.post("/v1/connected_apps/clients", client).await.done();
    let machine = host.post("/v1/m2m/clients", json!({ "scopes": [] })).await.done();
    // A project has few; one is the host's own.
    let is_in_use = |secret: &Value| SECRET.ends_with(secret["last_four"].as_str().unwrap());
    let secrets = host.get("/v1/secrets").await.done();
    for secret in secrets["secrets"].as_array().unwrap().iter().filter(|secret| !is_in_use(secret)) {
        host.delete(&format!("/v1/secrets/{}", text(&secret["secret_id"]))).await.done();
    }
    let secret = host.post("/v1/secrets", json!({})).await.done();
    for token in host.get("/v1/public_tokens").await.done()["public_tokens"].as_array().unwrap() {
        host.delete(&format!("/v1/public_tokens/{}", text(&token["public_token"]))).await.done();
    }
    let public_token = host.post("/v1/public_tokens", json!({})).await.done();
    let profile = host.post("/v1/trusted_token_profiles", profile()).await.done();
    for webhook in host.get("/v1/webhooks").await.done()["webhooks"].as_array().unwrap() {
        host.delete(&format!("/v1/webhooks/{}", text(&webhook["webhook_id"]))).await.done();
    }
    let webhook = host.post("/v1/webhooks", webhook()).await.done();
    let session_token = signed_in(app).await;
    let sessions = host.get("/v1/sessions?user_id=user-test-alice").await.done();
    let client_id = text(&client["connected_app"]["client_id"]);
    let interaction = host.post("/v1/interactions", waiting(&client_id)).await.done();
    BTreeMap::from([
        ("interaction_id", text(&interaction["interaction_id"])),
        ("user_id", text(&user["user_id"])),
        ("email_id", text(&user["email_id"])),
        ("phone_id", text(&user["phone_id"])),
        ("password_id", String::from("password-test-bob")),
        ("client_id", client_id.clone()),
        ("connected_app_id", client_id),
        ("machine_id", text(&machine["m2m_client"]["client_id"])),
        ("secret_id", text(&secret["secret"]["secret_id"])),
        ("public_token", text(&public_token["public_token"]["public_token"])),
        ("profile_id", text(&profile["trusted_token_profile"]["profile_id"])),
        ("webhook_id", text(&webhook["webhook"]["webhook_id"])),
        ("session_id", text(&sessions["sessions"][0]["session_id"])),
        ("session_token", text(&session_token)),
        ("access_token", access_token(app, &["openid", "full_access"], ("session_token", &session_token)).await),
    ])
}

#[tokio::test]
async fn row_38_no_call_reaches_the_objects_of_another_project() {
    let app = world().await;
    let lagoon = app.neighbour("").await.host();

    let description = app.http().get(app.url("/v1/openapi.json"));
    let description = app.send(description).await.json();
    let mut round = 0;
    for (path, operations) in description["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let operation = format!("{method} {path}");
            round += 1;
            let own = objects(&app, round).await;
            let names = names(&operation, &own)
                .unwrap_or_else(|| panic!("say in names() how {operation} names what belongs to a project"));
            let call = |host: Host, target: String, body: Value| {
                let body = (method != Method::GET).then_some(body);
                let method = method.clone();
                async move { host.call(method, &target, body).await }
            };
            let (target, body) = match names {
                OfNoKind => continue,
                Nothing(body) => {
                    let answer = call(lagoon.clone(), path.clone(), body).await;
                    for (kind, id) in &own {
                        assert!(!answer.body.contains(id), "{operation} shows a foreign {kind}: {}", answer.body);
                    }
                    continue;
                }
                InPath(body) => {
                    let path = path.replace("/m2m/clients/{client_id}", "/m2m/clients/{machine_id}");
                    (own.iter().fold(path, |path, (name, id)| path.replace(&format!("{{{name}}}"), id)), body)
                }
                InQuery(name) => (format!("{path}?{name}={}", own[name]), Value::Null),
                InBody(body) => (path.clone(), body),
            };
            assert!(!target.contains('{'), "objects() makes nothing for {target}");
            let theirs = call(lagoon.clone(), target.clone(), body.clone()).await;
            let refused = theirs.json();
            assert!(theirs.status >= 400 && theirs.status < 500, "{operation} reached a foreign object: {refused}");
            // The owner gets further with the same call: it is the project that refuses.
            let ours = call(app.host(), target, body).await;
            assert_ne!(
                (ours.status, &ours.json()["error_type"]),
                (theirs.status, &refused["error_type"]),
                "{operation} is refused to everybody"
            );
        }
    }
    assert!(round > 40, "{round} calls are described");
}
