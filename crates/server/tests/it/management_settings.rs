//! What a project may set without a restart: settings, secrets, roles and scope values.

use crate::app::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

const SEEDED: &str = "public-token-test-5f8c1c4e-3d52-4c3b-9d0a-6f1f2b7c9e10";

#[tokio::test]
async fn settings_are_changed_by_a_patch_and_hold_in_every_process() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let host = app.host();
    let before = host.get("/v1/settings").await.done();
    assert_eq!(before["settings"]["stytch"], json!({ "enabled": false, "issuer": "project_id" }));
    let patch = json!({ "stytch": { "enabled": true }, "lock_policy": { "threshold": 3 } });
    let after = host.call(Method::PATCH, "/v1/settings", Some(patch)).await.done();
    assert_eq!(after["settings"]["stytch"]["enabled"], true);
    let seen = host.at(&sibling.base).get("/v1/settings").await.done();
    assert_eq!(seen["settings"], after["settings"]);
    assert_eq!(seen["settings"]["lock_policy"], json!({ "threshold": 3, "lock_seconds": 3600 }));
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_changes_nothing_and_is_named() {
    let app = TestApp::new().await;
    let host = app.host();
    let before = host.get("/v1/settings").await.done();
    for (patch, expected) in [
        (json!({ "stitch": {} }), "stitch"),
        (json!({ "authorization_url": "http://app.example/" }), "authorization_url"),
        (json!({ "lock_policy": { "threshold": 0 } }), "lock_policy.threshold"),
        (json!({ "lock_policy": { "lock_seconds": 10 } }), "lock_policy.lock_seconds"),
        (json!({ "password_policy": { "luds_min_length": 2 } }), "password_policy.luds_min_length"),
        (json!({ "password_policy": { "luds_min_complexity": 5 } }), "password_policy.luds_min_complexity"),
        (json!({ "lifetimes": { "access_token": "a while" } }), "lifetimes.access_token"),
        (json!({ "lifetimes": { "acces_token": 60 } }), "lifetimes.acces_token"),
        (json!({ "redirect_urls": [{ "url": "https://a.example", "types": [] }] }), "redirect_urls"),
        (json!({ "session_migration_url": "http://a.example/" }), "session_migration_url"),
        (json!({ "m2m_template": { "content": "{" } }), "m2m_template.content"),
        (json!({ "session_template": { "content": "{\"sub\": \"x\"}" } }), "session_template.content"),
        (
            json!({ "dynamic_client_registration": { "access_token_template": "[]" } }),
            "dynamic_client_registration.access_token_template",
        ),
    ] {
        let reply = host.call(Method::PATCH, "/v1/settings", Some(patch.clone())).await;
        reply.refused_by_api(400, "invalid_argument");
        let message = reply.json()["error_message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{patch}: {message}");
    }
    host.call(Method::PATCH, "/v1/settings", Some(json!([]))).await.refused_by_api(400, "bad_request");
    assert_eq!(host.get("/v1/settings").await.done()["settings"], before["settings"]);
}

#[tokio::test]
async fn settings_that_many_change_at_once_lose_nothing() {
    let app = TestApp::new().await;
    let host = app.host();
    let urls: Vec<Value> = vec![
        json!({ "stytch": { "enabled": true } }),
        json!({ "lock_policy": { "threshold": 4 } }),
        json!({ "lock_policy": { "lock_seconds": 400 } }),
        json!({ "authorization_url": "https://app.example/authorize" }),
        json!({ "m2m_template": { "custom_audience": "api" } }),
        json!({ "session_template": { "custom_audience": "site" } }),
    ];
    let mut calls = tokio::task::JoinSet::new();
    for patch in urls {
        let host = host.clone();
        calls.spawn(async move { host.call(Method::PATCH, "/v1/settings", Some(patch)).await.done() });
    }
    calls.join_all().await;
    let settings = host.get("/v1/settings").await.done()["settings"].clone();
    assert_eq!(settings["stytch"]["enabled"], true);
    assert_eq!(settings["lock_policy"], json!({ "threshold": 4, "lock_seconds": 400 }));
    assert_eq!(settings["authorization_url"], "https://app.example/authorize");
    assert_eq!(
        (&settings["m2m_template"]["custom_audience"], &settings["session_template"]["custom_audience"]),
        (&json!("api"), &json!("site"))
    );
}

// A project's lifetimes are part of its settings: no process needs a restart to follow them.
#[tokio::test]
async fn lifetimes_hold_at_the_next_request_in_every_process() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let (here, there) = (app.client("m2m"), sibling.client(&app.client("m2m")));
    assert_eq!(there.client_credentials(&[]).await.json()["expires_in"], 600);
    let patch = |span: Value| json!({ "lifetimes": { "access_token": span } });
    app.host().call(Method::PATCH, "/v1/settings", Some(patch(json!("2m")))).await.done();
    for client in [&here, &there] {
        assert_eq!(client.client_credentials(&[]).await.json()["expires_in"], 120);
    }
    app.host().call(Method::PATCH, "/v1/settings", Some(patch(json!(null)))).await.done();
    for client in [&here, &there] {
        assert_eq!(client.client_credentials(&[]).await.json()["expires_in"], 600);
    }
}

// What is left of the own lifetimes is compared with the configuration's, not with those that held until now: else the
// next start would refuse what was stored.
#[tokio::test]
async fn own_lifetimes_must_fit_those_of_the_configuration() {
    let app = TestApp::new().await;
    let host = app.host();
    let days = |days: u32| format!("{days}d");
    let both = json!({ "lifetimes": { "refresh_idle": days(500), "refresh_absolute": days(730) } });
    host.call(Method::PATCH, "/v1/settings", Some(both)).await.done();
    let one = json!({ "lifetimes": { "refresh_absolute": null } });
    let reply = host.call(Method::PATCH, "/v1/settings", Some(one)).await;
    reply.refused_by_api(400, "invalid_argument");
    let settings = host.get("/v1/settings").await.done()["settings"].clone();
    assert_eq!(settings["lifetimes"]["refresh_absolute"], days(730));
    // Whoever starts now can.
    app.another_process().await;
}

#[tokio::test]
async fn secrets_are_added_and_removed_and_the_last_one_stays() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let host = app.host();
    let first = host.get("/v1/secrets").await.done()["secrets"][0].clone();
    assert!(first.get("secret").is_none());
    let id = first["secret_id"].as_str().unwrap();
    host.delete(&format!("/v1/secrets/{id}")).await.refused_by_api(400, "cannot_delete_last_secret");
    host.delete("/v1/secrets/none").await.refused_by_api(404, "secret_not_found");
    let made = host.post("/v1/secrets", json!({})).await.done()["secret"].clone();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.ends_with(made["last_four"].as_str().unwrap()) && secret.len() > 40);
    let next = host.with_secret(secret);
    next.at(&sibling.base).get("/v1/debug/whoami").await.done();
    next.delete(&format!("/v1/secrets/{id}")).await.done();
    host.at(&sibling.base).get("/v1/debug/whoami").await.refused_by_api(401, "unauthorized_credentials");
    host.get("/v1/debug/whoami").await.refused_by_api(401, "unauthorized_credentials");
    for _ in 0..9 {
        next.post("/v1/secrets", json!({})).await.done();
    }
    next.post("/v1/secrets", json!({})).await.refused_by_api(400, "too_many_secrets");
}

#[tokio::test]
async fn public_tokens_are_added_shown_again_and_removed() {
    let app = TestApp::plan().seed(|seed| seed["project"]["public_tokens"] = json!([SEEDED])).start().await;
    let host = app.host();
    let list = async || host.get("/v1/public_tokens").await.done()["public_tokens"].clone();
    assert_eq!(list().await, json!([{ "public_token": SEEDED, "created_at": "2027-01-15T08:00:00Z" }]));
    app.advance(1);
    let made = host.post("/v1/public_tokens", json!({})).await.done()["public_token"].clone();
    let token = made["public_token"].as_str().unwrap();
    assert_eq!(hospes_protocol::public_token::check_form(token, "test"), Ok(()));
    assert_eq!(list().await[1], made);
    host.delete(&format!("/v1/public_tokens/{SEEDED}")).await.done();
    host.delete(&format!("/v1/public_tokens/{SEEDED}")).await.refused_by_api(404, "public_token_not_found");
    assert_eq!(list().await, json!([made]));
    let events = host.get("/v1/audit_events").await.done()["audit_events"].clone();
    let of_kind = |kind: &str| {
        let found = events.as_array().unwrap().iter().find(|event| event["kind"] == kind);
        found.unwrap_or_else(|| panic!("{kind} is not in {events}"))["detail"].clone()
    };
    assert_eq!(of_kind("project.public_token_added"), json!({ "public_token": token }));
    assert_eq!(of_kind("project.public_token_removed"), json!({ "public_token": SEEDED }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_forty_who_add_a_public_token_ten_do() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let mut racers = tokio::task::JoinSet::new();
    for number in 0..40 {
        let host = if number % 2 == 0 { app.host() } else { app.host().at(&sibling.base) };
        racers.spawn(async move { host.post("/v1/public_tokens", json!({})).await });
    }
    let replies = racers.join_all().await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 10);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.refused_by_api(400, "too_many_public_tokens");
    }
}

#[tokio::test]
async fn pages_in_the_browser_are_named_by_their_exact_origins() {
    let app = TestApp::new().await;
    let host = app.host();
    let patch = |sdk: Value| host.call(Method::PATCH, "/v1/settings", Some(json!({ "sdk": sdk })));
    let origins = json!(["https://app.example", "https://app.example:8443", "http://localhost:3000"]);
    let set = patch(json!({ "enabled": true, "domains": origins })).await.done();
    let sdk = json!({
        "enabled": true, "domains": origins, "sign_up": false, "http_only_cookies": false, "cookie_domain": null,
    });
    assert_eq!(set["settings"]["sdk"], sdk);
    for (domains, expected) in [
        (json!(["https://app.example/"]), "sdk.domains: `https://app.example/`: write the origin as browsers send it"),
        (json!(["https://*.app.example"]), "there are no wildcards"),
        (json!(["http://app.example"]), "use https"),
        (json!(["app.example"]), "no origin"),
        (json!(["https://app.example", "https://app.example"]), "twice"),
        (json!("https://app.example"), "sdk.domains"),
    ] {
        let reply = patch(json!({ "domains": domains })).await;
        reply.refused_by_api(400, "invalid_argument");
        assert!(reply.body.contains(expected), "{domains}: {}", reply.body);
    }
    assert_eq!(host.get("/v1/settings").await.done()["settings"]["sdk"]["domains"], origins);
}

#[tokio::test]
async fn the_policy_is_read_in_the_contracts_form_and_replaced_as_a_whole() {
    let app = TestApp::new().await;
    let host = app.host();
    let policy = host.get("/v1/rbac/policy").await.done()["policy"].clone();
    let ids = |list: &Value, member: &str| -> Vec<String> {
        list.as_array().unwrap().iter().map(|own| own[member].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&policy["roles"], "role_id"), ["stytch_user", "member", "admin"]);
    assert_eq!(ids(&policy["resources"], "resource_id"), ["notes"]);
    assert_eq!(ids(&policy["scopes"], "scope"), ["notes:read", "notes:write", "notes:delete", "weather"]);
    let permission = |actions: &[&str]| json!([{ "resource_id": "notes", "actions": actions }]);
    let document = json!({
        "stytch_user": { "permissions": permission(&["read"]) },
        "custom_roles": [{ "role_id": "admin", "description": "Everything", "permissions": permission(&["*"]) }],
        "custom_resources": [{ "resource_id": "notes", "description": "", "available_actions": ["read", "write"] }],
        "custom_scopes": [
            { "scope": "notes:read", "description": "Read your notes", "permissions": permission(&["read"]) },
            { "scope": "notes:all", "description": "Everything", "permissions": permission(&["*"]) },
        ],
    });
    let changed = host.call(Method::PUT, "/v1/rbac/policy", Some(document)).await.done()["policy"].clone();
    assert_eq!(changed, host.get("/v1/rbac/policy").await.done()["policy"]);
    assert_eq!(changed["roles"][0]["permissions"], permission(&["read"]));
    assert_eq!(changed["resources"][0]["actions"], json!(["read", "write"]));
    let wrong = json!({ "custom_scopes": [{ "scope": "openid", "permissions": [] }] });
    host.call(Method::PUT, "/v1/rbac/policy", Some(wrong)).await.refused_by_api(400, "rbac_reserved_scope");
    // Sent back as it was read it would take everything away, because its members have other names there.
    for read in [changed.clone(), json!({ "policy": changed })] {
        host.call(Method::PUT, "/v1/rbac/policy", Some(read)).await.refused_by_api(400, "invalid_argument");
    }
    assert_eq!(changed, host.get("/v1/rbac/policy").await.done()["policy"]);
}

// An app never gets more than its user has now: what the policy takes away is gone at the next refresh.
#[tokio::test]
async fn what_a_policy_takes_away_is_narrowed_away_at_the_next_refresh() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let asked = web.request().scope("openid notes:read notes:write offline_access");
    let code = app.browser().login_and_consent(&asked, "alice").await.code();
    let tokens = web.redeem(&code).await.tokens();
    assert!(tokens.scope.contains("notes:write"), "{}", tokens.scope);
    let permission = |actions: &[&str]| json!([{ "resource_id": "notes", "actions": actions }]);
    let document = json!({
        "stytch_user": { "permissions": permission(&["read"]) },
        "custom_roles": [{ "role_id": "admin", "permissions": permission(&["*"]) }],
        "custom_resources": [{ "resource_id": "notes", "available_actions": ["read", "write", "delete"] }],
        "custom_scopes": [
            { "scope": "notes:read", "permissions": permission(&["read"]) },
            { "scope": "notes:write", "permissions": permission(&["write"]) },
        ],
    });
    app.host().call(Method::PUT, "/v1/rbac/policy", Some(document)).await.done();
    let refreshed = web.refresh(&tokens.refresh_token).await.tokens();
    // Everybody may read; `member`, the role that let alice write, is gone.
    assert!(refreshed.scope.contains("notes:read") && !refreshed.scope.contains("notes:write"), "{}", refreshed.scope);
}
