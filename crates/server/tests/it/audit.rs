//! The audit log: each action writes its event, once, in the transaction of the action; what was refused writes none.

use crate::app::{Browser, Elsewhere, PASSWORD, TestApp, client::CHALLENGE};
use hospes::pages::{decision, field};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ALICE: &str = "/v1/users/user-test-alice";
const APPS: &str = "/v1/connected_apps/clients";

/// What has been seen of the log.
struct Log<'a> {
    app: &'a TestApp,
    seen: BTreeSet<String>,
}

impl<'a> Log<'a> {
    fn of(app: &'a TestApp) -> Self {
        Self { app, seen: BTreeSet::new() }
    }

    async fn events(&mut self) -> Vec<Value> {
        let body = self.app.host().get("/v1/audit_events?limit=1000").await.done();
        let events = body["audit_events"].as_array().unwrap().clone();
        let is_new = |event: &Value| self.seen.insert(event["event_id"].as_str().unwrap().to_owned());
        events.into_iter().filter(is_new).collect()
    }

    /// The events since the last look, each as its kind and its actor.
    async fn since(&mut self) -> Vec<String> {
        let text =
            |event: &Value| format!("{} by {}", event["kind"].as_str().unwrap(), event["actor"].as_str().unwrap());
        let mut new: Vec<_> = self.events().await.iter().map(text).collect();
        new.sort();
        new
    }

    #[track_caller]
    fn expect(new: &[String], expected: &[&str]) {
        assert_eq!(new, expected);
    }

    /// The one event since the last look.
    async fn one(&mut self) -> Value {
        let mut new = self.events().await;
        assert_eq!(new.len(), 1, "{new:?}");
        new.remove(0)
    }
}

#[tokio::test]
async fn what_the_host_does_to_a_user_is_in_the_log_once() {
    let app = TestApp::new().await;
    let (host, mut log) = (app.host(), Log::of(&app));
    let made = host.post("/v1/users", json!({ "email": "dora@example.com" })).await.done();
    let added = log.one().await;
    assert_eq!((&added["kind"], &added["actor"]), (&json!("user.added"), &json!("host")));
    assert_eq!((&added["user_id"], &added["detail"]), (&made["user_id"], &json!({})));
    assert_eq!(added["occurred_at"], "2027-01-15T08:00:00Z");
    host.post("/v1/users", json!({ "email": "dora@example.com" })).await.refused_by_api(400, "duplicate_email");
    let with_password = json!({ "email": "erik@example.com", "password": PASSWORD });
    host.post("/v1/passwords", with_password.clone()).await.done();
    Log::expect(&log.since().await, &["user.added by host"]);
    host.post("/v1/passwords", with_password).await.refused_by_api(400, "duplicate_email");
    Log::expect(&log.since().await, &[]);

    let change = json!({ "name": { "first_name": "Ada" }, "roles": ["admin"], "external_id": "new" });
    host.put(ALICE, change.clone()).await.done();
    let changed = log.one().await;
    assert_eq!((&changed["kind"], &changed["user_id"]), (&json!("user.changed"), &json!("user-test-alice")));
    assert_eq!(changed["detail"], json!({ "changed": ["claims", "external_id", "roles"] }));
    host.put(ALICE, change).await.done();
    host.put(ALICE, json!({ "external_id": "ext-bob" })).await.refused_by_api(400, "duplicate_user_external_id");
    Log::expect(&log.since().await, &[]);
    host.delete(&format!("{ALICE}/external_id")).await.done();
    Log::expect(&log.since().await, &["user.changed by host"]);

    for (action, event) in [("disable", "user.disabled by host"), ("enable", "user.enabled by host")] {
        for expected in [&[event][..], &[]] {
            host.post(&format!("{ALICE}/{action}"), json!({})).await.done();
            Log::expect(&log.since().await, expected);
        }
    }
    host.post(&format!("{ALICE}/sign_out_everywhere"), json!({})).await.done();
    Log::expect(&log.since().await, &["user.signed_out by host"]);
    host.post(&format!("{ALICE}/unlock"), json!({})).await.done();
    Log::expect(&log.since().await, &[]);
    host.post("/v1/users/nobody/disable", json!({})).await.refused_by_api(404, "user_not_found");

    let password = host.get(ALICE).await.done()["password"]["password_id"].as_str().unwrap().to_owned();
    let password = format!("/v1/users/passwords/{password}");
    host.delete(&password).await.done();
    Log::expect(&log.since().await, &["user.password_removed by host"]);
    host.delete(&password).await.refused_by_api(404, "password_not_found");
    host.delete(ALICE).await.done();
    Log::expect(&log.since().await, &["user.deleted by host"]);
    host.delete(ALICE).await.refused_by_api(404, "user_not_found");
    Log::expect(&log.since().await, &[]);
}

#[tokio::test]
async fn wrong_passwords_lock_and_the_log_says_so_once() {
    let app = TestApp::new().await;
    let mut log = Log::of(&app);
    let mut browser = app.browser();
    let page = browser.open("/login").await;
    let wrong = page.form().with(field::USERNAME, "alice").with(field::PASSWORD, "wrong").press(decision::LOGIN);
    for _ in 0..9 {
        browser.submit(wrong.clone()).await;
    }
    Log::expect(&log.since().await, &[]);
    for _ in 0..3 {
        browser.submit(wrong.clone()).await;
    }
    let locked = log.one().await;
    assert_eq!(
        (&locked["kind"], &locked["actor"], &locked["user_id"]),
        (&json!("user.locked"), &json!("server"), &json!("user-test-alice"))
    );
    app.host().post(&format!("{ALICE}/unlock"), json!({})).await.done();
    Log::expect(&log.since().await, &["user.unlocked by host"]);
    browser.submit(Browser::fill_login(&page, "alice")).await;
    Log::expect(&log.since().await, &[]);
}

#[tokio::test]
async fn consent_is_in_the_log_as_it_was_given_narrowed_and_ended() {
    let app = TestApp::new().await;
    let (web, mut log) = (app.client("web"), Log::of(&app));
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let request = web.request().scope("openid email notes:read");
    let page = alice.authorize(&request).await;
    alice.submit(page.form().press(decision::DENY)).await;
    Log::expect(&log.since().await, &[]);
    let page = alice.authorize(&request).await;
    alice.allow(&page).await.callback().code();
    let given = log.one().await;
    assert_eq!((&given["kind"], &given["actor"]), (&json!("consent.given"), &json!("user")));
    assert_eq!((&given["user_id"], &given["client_id"]), (&json!("user-test-alice"), &json!("web")));
    assert_eq!(given["detail"]["scope"], "openid email notes:read");
    // Nobody is asked.
    let code = alice.authorize(&request).await.callback().code();
    web.redeem(&code).await.tokens();
    Log::expect(&log.since().await, &[]);

    let page = alice.authorize(&request.clone().with("prompt", "consent")).await;
    alice.submit(page.form().without("scope:email").press(decision::ALLOW)).await.callback().code();
    let narrowed = log.one().await;
    assert_eq!((&narrowed["kind"], &narrowed["detail"]["withdrawn"]), (&json!("consent.narrowed"), &json!("email")));
    assert_eq!(narrowed["detail"]["scope"], "openid notes:read");

    let page = alice.open("/account/apps").await;
    let disconnect = page.form().with(field::DISCONNECT, "web");
    for expected in [&["grant.disconnected by user"][..], &[]] {
        alice.submit(disconnect.clone()).await;
        Log::expect(&log.since().await, expected);
    }
    let submit = json!({
        "client_id": "web", "redirect_uri": web.redirect_uri, "response_type": "code", "scopes": ["openid"],
        "user_id": "user-test-alice", "consent_granted": true, "code_challenge": CHALLENGE,
    });
    app.host().post("/v1/idp/oauth/authorize", submit).await.done();
    Log::expect(&log.since().await, &["consent.given by host"]);
    for expected in [&["grant.disconnected by host"][..], &[]] {
        app.host().post(&format!("{ALICE}/connected_apps/web/revoke"), json!({})).await.done();
        Log::expect(&log.since().await, expected);
    }
}

/// Theft and replay are refused, and are what is to be known; what is no news writes nothing.
#[tokio::test]
async fn stolen_tokens_and_codes_are_in_the_log_and_everyday_use_is_not() {
    let app = TestApp::new().await;
    let (web, spa, mut log) = (app.client("web"), app.client("spa"), Log::of(&app));
    let code = app.browser().login_and_consent(&web.request(), "alice").await.code();
    let tokens = web.redeem(&code).await.tokens();
    Log::expect(&log.since().await, &["consent.given by user"]);
    web.refresh(&tokens.refresh_token).await.tokens();
    assert!(web.is_active(&tokens.access_token).await);
    web.userinfo(&tokens.access_token).await;
    app.client("m2m").client_credentials(&[]).await.json();
    web.revoke(&tokens.access_token).await;
    Log::expect(&log.since().await, &[]);
    for _ in 0..2 {
        web.redeem(&code).await.refused(400, "invalid_grant");
    }
    let replayed = log.one().await;
    assert_eq!((&replayed["kind"], &replayed["actor"]), (&json!("code.replayed"), &json!("client")));
    assert_eq!((&replayed["user_id"], &replayed["client_id"]), (&json!("user-test-alice"), &json!("web")));

    let first = app.tokens("spa", "alice").await.refresh_token;
    let second = spa.refresh(&first).await.tokens().refresh_token;
    log.since().await;
    app.advance(3600);
    for _ in 0..2 {
        spa.refresh(&first).await.refused(400, "invalid_grant");
    }
    Log::expect(&log.since().await, &["refresh_token.reused by client"]);
    spa.revoke(&second).await;
    Log::expect(&log.since().await, &[]);
    let other = app.tokens("spa", "bob").await.refresh_token;
    log.since().await;
    for expected in [&["refresh_token.revoked by client"][..], &[]] {
        spa.revoke(&other).await;
        Log::expect(&log.since().await, expected);
    }
}

#[tokio::test]
async fn what_happens_to_a_client_is_in_the_log() {
    let app = TestApp::new().await;
    let (host, mut log) = (app.host(), Log::of(&app));
    let made = host.post(APPS, json!({ "client_type": "third_party" })).await.done()["connected_app"].clone();
    let id = made["client_id"].as_str().unwrap();
    let added = log.one().await;
    assert_eq!((&added["kind"], &added["client_id"]), (&json!("client.added"), &json!(id)));
    host.post(APPS, json!({ "client_type": "none" })).await.refused_by_api(400, "invalid_argument");
    let path = format!("{APPS}/{id}");
    let change = json!({ "client_name": "Desk", "redirect_urls": ["https://app.example/callback"] });
    host.put(&path, change.clone()).await.done();
    assert_eq!(log.one().await["detail"], json!({ "changed": ["name", "redirect_uris"] }));
    host.put(&path, change).await.done();
    host.put(&path, json!({ "redirect_urls": ["nothing"] })).await.json();
    host.post(&format!("{path}/secrets/rotate"), json!({})).await.json();
    host.post(&format!("{path}/secrets/rotate/cancel"), json!({})).await.json();
    Log::expect(&log.since().await, &[]);
    for (step, event) in [
        ("/start", "client.secret_rotation_started by host"),
        ("/cancel", "client.secret_rotation_cancelled by host"),
        ("/start", "client.secret_rotation_started by host"),
        ("", "client.secret_rotation_finished by host"),
    ] {
        host.post(&format!("{path}/secrets/rotate{step}"), json!({})).await.done();
        Log::expect(&log.since().await, &[event]);
    }
    host.delete(&path).await.done();
    Log::expect(&log.since().await, &["client.removed by host"]);
    host.delete(&path).await.refused_by_api(404, "connected_app_not_found");
    Log::expect(&log.since().await, &[]);
}

#[tokio::test]
async fn what_happens_to_a_machine_is_in_the_log_without_its_secrets() {
    let app = TestApp::new().await;
    let (host, mut log) = (app.host(), Log::of(&app));
    let made = host.post("/v1/m2m/clients", json!({ "scopes": ["a"] })).await.done()["m2m_client"].clone();
    Log::expect(&log.since().await, &["client.added by host"]);
    let path = format!("/v1/m2m/clients/{}", made["client_id"].as_str().unwrap());
    host.post("/v1/m2m/clients", json!({ "scopes": [], "client_id": "web" })).await.json();
    host.put(&path, json!({ "scopes": ["a"], "status": "active" })).await.done();
    host.put(&path, json!({ "scopes": ["a b"] })).await.json();
    host.post(&format!("{path}/secrets/rotate"), json!({})).await.json();
    host.post(&format!("{path}/secrets/rotate/cancel"), json!({})).await.json();
    Log::expect(&log.since().await, &[]);
    host.put(&path, json!({ "client_name": "Crane" })).await.done();
    assert_eq!(log.one().await["detail"], json!({ "changed": ["name"] }));
    host.put(&path, json!({ "client_name": "", "status": "inactive" })).await.done();
    let mut both = log.since().await;
    both.sort();
    Log::expect(&both, &["client.changed by host", "client.disabled by host"]);
    host.put(&path, json!({ "status": "active" })).await.done();
    Log::expect(&log.since().await, &["client.enabled by host"]);
    for (step, event) in [
        ("/start", "client.secret_rotation_started by host"),
        ("/cancel", "client.secret_rotation_cancelled by host"),
        ("/start", "client.secret_rotation_started by host"),
        ("", "client.secret_rotation_finished by host"),
    ] {
        host.post(&format!("{path}/secrets/rotate{step}"), json!({})).await.done();
        Log::expect(&log.since().await, &[event]);
    }
    host.delete(&path).await.done();
    Log::expect(&log.since().await, &["client.removed by host"]);
}

#[tokio::test]
async fn what_happens_to_the_project_is_in_the_log_without_its_secrets() {
    let app = TestApp::new().await;
    let (host, mut log) = (app.host(), Log::of(&app));
    let patch = json!({ "lock_policy": { "threshold": 3 }, "audit_days": 30 });
    host.call(Method::PATCH, "/v1/settings", Some(patch.clone())).await.done();
    let changed = log.one().await;
    assert_eq!(changed["kind"], "project.settings_changed");
    assert_eq!(changed["detail"], json!({ "changed": ["audit_days", "lock_policy"] }));
    host.call(Method::PATCH, "/v1/settings", Some(patch)).await.done();
    for audit_days in [6, 3651] {
        let patch = json!({ "audit_days": audit_days });
        host.call(Method::PATCH, "/v1/settings", Some(patch)).await.refused_by_api(400, "invalid_argument");
    }
    Log::expect(&log.since().await, &[]);

    let permissions = json!([{ "resource_id": "notes", "actions": ["read"] }]);
    let document = json!({
        "custom_resources": [{ "resource_id": "notes", "available_actions": ["read"] }],
        "custom_scopes": [{ "scope": "notes:read", "permissions": permissions }],
    });
    host.put("/v1/rbac/policy", document).await.done();
    Log::expect(&log.since().await, &["policy.changed by host"]);
    let wrong = json!({ "custom_scopes": [{ "scope": "openid", "permissions": [] }] });
    host.put("/v1/rbac/policy", wrong).await.refused_by_api(400, "rbac_reserved_scope");

    let made = host.post("/v1/secrets", json!({})).await.done()["secret"].clone();
    let added = log.one().await;
    assert_eq!(added["kind"], "project.secret_added");
    assert_eq!(added["detail"], json!({ "secret_id": made["secret_id"] }));
    assert!(!added.to_string().contains(made["secret"].as_str().unwrap()));
    let path = format!("/v1/secrets/{}", made["secret_id"].as_str().unwrap());
    host.delete(&path).await.done();
    Log::expect(&log.since().await, &["project.secret_removed by host"]);
    host.delete(&path).await.refused_by_api(404, "secret_not_found");
    Log::expect(&log.since().await, &[]);
}

#[tokio::test]
async fn whom_the_project_trusts_is_in_the_log_and_whom_that_let_in() {
    let app = TestApp::plan().set("fetch.allow", "127.0.0.0/8").start().await;
    let (host, mut log) = (app.host(), Log::of(&app));
    let issuer = Elsewhere::start();
    let key = hospes_protocol::client::SigningAlg::ES256;
    let key = hospes_protocol::jose::SigningKey::from_pkcs8(
        key,
        "one",
        &hospes_protocol::jose::SigningKey::generate_pkcs8(key).unwrap(),
    )
    .unwrap();
    issuer.answer("/keys", 200, &json!({ "keys": [key.public_jwk()] }));
    let profile = json!({
        "name": "Elsewhere", "issuer": "https://login.elsewhere.example/", "audience": "harbour",
        "public_key_type": "JWK", "jwks_url": issuer.url("/keys"), "can_jit_provision": true,
        "attribute_mapping": { "email": "email", "token_id": "jti", "role_ids": "roles" },
    });
    let made = host.post("/v1/trusted_token_profiles", profile).await.done()["trusted_token_profile"].clone();
    let id = made["profile_id"].as_str().unwrap();
    let added = log.one().await;
    assert_eq!(
        (&added["kind"], &added["detail"]),
        (&json!("trusted_token_profile.added"), &json!({ "profile_id": id }))
    );

    let attest = async |roles: &[&str]| {
        let now = app.now().0;
        let claims = json!({
            "iss": "https://login.elsewhere.example/", "aud": "harbour", "sub": "1", "iat": now, "exp": now + 600,
            "jti": "t", "email": "eve@example.com", "email_verified": true, "roles": roles,
        });
        let token = key.sign("JWT", &claims).unwrap();
        host.post("/v1/sessions/attest", json!({ "profile_id": id, "token": token, "session_duration_minutes": 60 }))
            .await
    };
    attest(&[]).await.done();
    Log::expect(&log.since().await, &["user.added by host"]);
    attest(&[]).await.done();
    Log::expect(&log.since().await, &[]);
    attest(&["admin"]).await.done();
    let changed = log.one().await;
    assert_eq!(
        (&changed["kind"], &changed["detail"]),
        (&json!("user.changed"), &json!({ "changed": ["roles"], "profile_id": id }))
    );

    let path = format!("/v1/trusted_token_profiles/{id}");
    host.put(&path, json!({ "can_jit_provision": false })).await.done();
    assert_eq!(log.one().await["detail"], json!({ "profile_id": id, "changed": ["can_jit_provision"] }));
    host.put(&path, json!({ "can_jit_provision": false })).await.done();
    host.put(&path, json!({ "name": "" })).await.refused_by_api(400, "trusted_token_profile_invalid_request");
    Log::expect(&log.since().await, &[]);
    host.delete(&path).await.done();
    Log::expect(&log.since().await, &["trusted_token_profile.removed by host"]);
    host.delete(&path).await.refused_by_api(404, "trusted_token_profile_not_found");
    Log::expect(&log.since().await, &[]);
}

#[tokio::test]
async fn forty_at_once_who_disable_a_user_are_one_event() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..40 {
        let host = if n % 2 == 0 { app.host() } else { app.host().at(&sibling.base) };
        calls.spawn(async move { host.post(&format!("{ALICE}/disable"), json!({})).await.done() });
    }
    calls.join_all().await;
    Log::expect(&Log::of(&app).since().await, &["user.disabled by host"]);
}

#[tokio::test]
async fn the_log_is_read_in_pages_and_by_what_is_looked_for() {
    let app = TestApp::new().await;
    let (host, neighbour) = (app.host(), app.neighbour("").await);
    for n in 0..11 {
        host.put(ALICE, json!({ "name": { "first_name": format!("A{n}") } })).await.done();
        // Three in each second.
        if n % 3 == 2 {
            app.advance(1);
        }
    }
    host.post("/v1/users/user-test-bob/disable", json!({})).await.done();
    host.post(APPS, json!({ "client_type": "third_party" })).await.done();

    let (mut ids, mut times, mut cursor, mut pages) = (BTreeSet::new(), Vec::new(), String::new(), 0);
    loop {
        let page = host.get(&format!("/v1/audit_events?limit=4&cursor={cursor}")).await.done();
        pages += 1;
        for event in page["audit_events"].as_array().unwrap() {
            assert!(ids.insert(event["event_id"].as_str().unwrap().to_owned()), "twice: {event}");
            times.push(event["occurred_at"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!((ids.len(), pages), (13, 4));
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");

    let count = async |query: &str| {
        let page = host.get(&format!("/v1/audit_events?{query}")).await.done();
        page["audit_events"].as_array().unwrap().len()
    };
    for (query, expected) in [
        ("", 13),
        ("kind=user.changed", 11),
        ("kind=client.added", 1),
        ("user_id=user-test-alice", 11),
        ("user_id=user-test-bob&kind=user.disabled", 1),
        ("user_id=user-test-bob&kind=user.changed", 0),
        ("client_id=web", 0),
        ("from=2027-01-15T08:00:01Z&to=2027-01-15T08:00:02Z", 3),
        ("from=2027-01-15T09:00:02%2B01:00", 7),
        ("kind=user.deleted", 0),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    for wrong in ["kind=login", "from=yesterday", "to=1800000000", "limit=0", "limit=x", "limit=1001", "cursor=!"] {
        host.get(&format!("/v1/audit_events?{wrong}")).await.refused_by_api(400, "invalid_argument");
    }
    assert_eq!(neighbour.host().get("/v1/audit_events").await.done()["audit_events"], json!([]));
    app.get("/v1/audit_events").await.refused_by_api(401, "invalid_authorization_header");
}
