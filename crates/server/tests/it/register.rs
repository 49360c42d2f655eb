//! `POST /oauth2/register`: RFC 7591; mcp T-01, T-02, T-05 and T-18; attacks.md rows 11 and 32.

use crate::app::{Authentication, Client, Reply, TestApp};
use hospes_protocol::{Timestamp, id::ClientId};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const REGISTER: &str = "/oauth2/register";
const CALLBACK: &str = "https://app.example/callback";

/// A project where clients may register themselves, as often as they like.
pub(crate) async fn world() -> TestApp {
    let app = TestApp::plan().set("limits.register_per_minute", "0").start().await;
    set(&app, json!({ "dynamic_client_registration": { "enabled": true } })).await;
    app
}

async fn set(app: &TestApp, settings: Value) {
    app.host().call(Method::PATCH, "/v1/settings", Some(settings)).await.done();
}

async fn post(app: &TestApp, path: &str, body: &str) -> Reply {
    let request = app.http().post(app.url(path)).header("content-type", "application/json");
    app.send(request.body(body.to_owned())).await
}

/// Registers with `metadata` and returns the answer.
pub(crate) async fn registered(app: &TestApp, metadata: Value) -> Value {
    let reply = post(app, REGISTER, &metadata.to_string()).await;
    assert_eq!((reply.status, reply.header("cache-control")), (201, "no-store"), "{}", reply.body);
    reply.json()
}

pub(crate) fn public(name: &str) -> Value {
    json!({ "client_name": name, "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" })
}

fn id(answer: &Value) -> ClientId {
    ClientId::new(answer["client_id"].as_str().unwrap())
}

/// The client of an answer, at its first redirect URI.
pub(crate) fn client(app: &TestApp, answer: &Value) -> Client {
    let authentication = match answer["client_secret"].as_str() {
        Some(secret) => Authentication::Basic(secret.to_owned()),
        None => Authentication::None,
    };
    let mut client = app.client(answer["client_id"].as_str().unwrap()).with(authentication);
    answer["redirect_uris"][0].as_str().unwrap().clone_into(&mut client.redirect_uri);
    client
}

/// Logs alice in for the client, and redeems the code.
async fn use_it(app: &TestApp, client: &Client) -> Reply {
    let request = client.request().scope("openid");
    let code = app.browser().login_and_consent(&request, "alice").await.code();
    client.redeem(&code).await
}

async fn exists(app: &TestApp, client: &ClientId) -> bool {
    let (project, client) = (app.app.project.clone(), client.clone());
    app.change(move |tx| Ok(tx.find_client(&project, &client)?)).await.is_some()
}

async fn counter(app: &TestApp) -> i64 {
    app.change(|tx| Ok(tx.change_counter()?)).await
}

#[tokio::test]
async fn it_is_off_until_the_project_turns_it_on() {
    let app = TestApp::new().await;
    let metadata = async || {
        app.app.refresh_documents().await.unwrap();
        app.get("/.well-known/oauth-authorization-server").await.json()
    };
    let off = post(&app, REGISTER, &public("A").to_string()).await;
    off.refused(403, "dynamic_client_registration_not_enabled");
    assert!(metadata().await.get("registration_endpoint").is_none());
    set(&app, json!({ "dynamic_client_registration": { "enabled": true } })).await;
    assert_eq!(metadata().await["registration_endpoint"], format!("{}{REGISTER}", app.issuer));
    registered(&app, public("A")).await;
    app.get(REGISTER).await.refused(405, "method_not_allowed");
}

/// mcp T-05: with a secret by default, without one if asked for, and each gets through.
#[tokio::test]
async fn t05_a_client_that_registered_works_at_once() {
    let app = world().await;
    let with_secret = registered(&app, json!({ "redirect_uris": [CALLBACK], "client_name": "Lantern" })).await;
    assert_eq!(with_secret["client_secret_expires_at"], 0);
    assert_eq!(with_secret["client_id_issued_at"], app.now().0);
    assert_eq!(with_secret["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(with_secret["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(with_secret["response_types"], json!(["code"]));
    assert!(with_secret.as_object().unwrap().values().all(|value| !value.is_null()), "{with_secret}");
    use_it(&app, &client(&app, &with_secret)).await.tokens();
    let secret = with_secret["client_secret"].as_str().unwrap().to_owned();
    let by_body = client(&app, &with_secret).with(Authentication::Post(secret));
    by_body.redeem("x").await.refused(400, "invalid_grant");

    let mut linked = public("Lantern");
    linked["policy_uri"] = json!("https://lantern.example/privacy");
    linked["tos_uri"] = json!("https://lantern.example/terms");
    let answer = registered(&app, linked.clone()).await;
    assert_eq!((&answer["policy_uri"], &answer["tos_uri"]), (&linked["policy_uri"], &linked["tos_uri"]));

    let without = registered(&app, public("Lantern")).await;
    assert!(without.get("client_secret").is_none() && without.get("client_secret_expires_at").is_none());
    use_it(&app, &client(&app, &without)).await.tokens();
    let only_code = json!({ "redirect_uris": [CALLBACK], "grant_types": ["authorization_code"] });
    assert_eq!(registered(&app, only_code).await["grant_types"], json!(["authorization_code"]));
}

/// mcp T-01 and T-18: a loopback URI is registered without a port, or with one, and used with another.
#[tokio::test]
async fn t01_a_loopback_uri_may_be_used_with_any_port() {
    let app = world().await;
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let metadata = json!({
            "redirect_uris": [format!("http://{host}/callback")], "application_type": "web",
            "token_endpoint_auth_method": "none",
        });
        let answer = registered(&app, metadata).await;
        assert_eq!(answer["application_type"], "native");
        let mut client = client(&app, &answer);
        client.redirect_uri = format!("http://{host}:49567/callback");
        use_it(&app, &client).await.tokens();
    }
}

/// mcp T-02: one URI that cannot be accepted does not spoil the others, and the project says which schemes can.
#[tokio::test]
async fn t02_schemes_are_those_that_the_project_lists() {
    let app = world().await;
    let uris = json!(["cursor://anysphere.cursor-mcp/oauth/callback", CALLBACK, "http://localhost:8787/callback"]);
    let metadata = json!({ "redirect_uris": uris, "token_endpoint_auth_method": "none" });
    let answer = registered(&app, metadata.clone()).await;
    assert_eq!(answer["redirect_uris"], json!([CALLBACK, "http://localhost:8787/callback"]));
    set(&app, json!({ "private_use_schemes": ["cursor"] })).await;
    let answer = registered(&app, metadata).await;
    assert_eq!((&answer["redirect_uris"], &answer["application_type"]), (&uris, &json!("native")));
    // Whoever has such a URI can still be changed, and a client of the host app's may have it too.
    let path = format!("/v1/connected_apps/clients/{}", id(&answer));
    app.host().put(&path, json!({ "client_name": "Cursor" })).await.done();
    let of_host = json!({ "client_type": "third_party_public", "redirect_urls": ["cursor://x/cb"] });
    app.host().post("/v1/connected_apps/clients", of_host).await.done();
    for scheme in ["javascript", "https", "Cursor", "a b", ""] {
        let wrong = json!({ "private_use_schemes": [scheme] });
        let reply = app.host().call(Method::PATCH, "/v1/settings", Some(wrong)).await;
        assert!(reply.status == 400 && reply.body.contains("private_use_schemes"), "{scheme}: {}", reply.body);
    }
}

#[tokio::test]
async fn what_is_no_registration_is_refused_by_name() {
    let app = world().await;
    for (body, error) in [
        ("", "invalid_client_metadata"),
        ("[]", "invalid_client_metadata"),
        ("{", "invalid_client_metadata"),
        ("{}", "invalid_redirect_uri"),
        (r#"{"redirect_uris": []}"#, "invalid_redirect_uri"),
        (r#"{"redirect_uris": ["javascript:alert(1)"]}"#, "invalid_redirect_uri"),
        (r#"{"redirect_uris": "https://a.example/"}"#, "invalid_client_metadata"),
        (r#"{"redirect_uris": ["https://a.example/"], "logo_uri": "javascript:x"}"#, "invalid_client_metadata"),
        (r#"{"redirect_uris": ["https://a.example/"], "grant_types": ["implicit"]}"#, "invalid_client_metadata"),
        (r#"{"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "x"}"#, "invalid_client_metadata"),
    ] {
        post(&app, REGISTER, body).await.refused(400, error);
    }
    let large = json!({ "redirect_uris": [CALLBACK], "contacts": ["x".repeat(16 * 1024)] });
    post(&app, REGISTER, &large.to_string()).await.refused(400, "invalid_client_metadata");
    let form = app.http().post(app.url(REGISTER)).header("content-type", "text/plain").body("{}");
    app.send(form).await.refused(400, "invalid_client_metadata");
}

/// attacks.md row 32 (better-auth #8998): whatever it asks for, it is a stranger.
#[tokio::test]
async fn row_32_a_client_that_registered_is_a_third_party_without_privileges() {
    let app = world().await;
    let mut metadata = public("Harbour Office");
    for (name, value) in [
        ("skip_consent", json!(true)),
        ("party", json!("first")),
        ("verified", json!(true)),
        ("pkce_optional", json!(true)),
        ("full_access_allowed", json!(true)),
        ("grant_types", json!(["authorization_code", "client_credentials"])),
        ("scope", json!("openid notes:read full_access")),
    ] {
        metadata[name] = value;
    }
    let answer = registered(&app, metadata).await;
    assert_eq!(
        (&answer["grant_types"], &answer["scope"]),
        (&json!(["authorization_code"]), &json!("openid notes:read"))
    );
    let shown = app.host().get(&format!("/v1/connected_apps/clients/{}", id(&answer))).await.done();
    let shown = &shown["connected_app"];
    assert_eq!(shown["client_type"], "third_party_public");
    assert_eq!(shown["creation_method"], "dynamic_client_registration");
    assert_eq!(
        (&shown["full_access_allowed"], &shown["bypass_consent_for_offline_access"]),
        (&json!(false), &json!(false))
    );
}

/// attacks.md row 32: in rate by address.
#[tokio::test]
async fn row_32_registrations_from_one_address_are_limited() {
    let app = TestApp::plan().set("limits.register_per_minute", "3").start().await;
    set(&app, json!({ "dynamic_client_registration": { "enabled": true } })).await;
    for n in 0..3 {
        registered(&app, public(&n.to_string())).await;
    }
    let refused = post(&app, REGISTER, &public("more").to_string()).await;
    refused.refused(429, "too_many_requests");
    assert!(!refused.header("retry-after").is_empty());
    app.advance(60);
    registered(&app, public("more")).await;
}

/// attacks.md row 32: in number by project. Those that nobody used make room, those that somebody uses stay.
#[tokio::test]
async fn row_32_the_number_of_clients_is_bounded_and_used_ones_stay() {
    let app = world().await;
    set(&app, json!({ "dynamic_client_registration": { "most_clients": 3 } })).await;
    let used = registered(&app, public("Used")).await;
    use_it(&app, &client(&app, &used)).await.tokens();
    let unused = registered(&app, public("Unused")).await;
    let blocked = registered(&app, public("Blocked")).await;
    app.disable_client(blocked["client_id"].as_str().unwrap()).await;
    post(&app, REGISTER, &public("Fourth").to_string()).await.refused(429, "too_many_requests");
    // What is there already takes no room.
    assert_eq!(id(&registered(&app, public("Used")).await), id(&used));
    app.advance(3601);
    registered(&app, public("Fourth")).await;
    let there = [exists(&app, &id(&used)).await, exists(&app, &id(&unused)).await, exists(&app, &id(&blocked)).await];
    assert_eq!(there, [true, false, true]);
    client(&app, &unused).redeem("x").await.refused(401, "invalid_client");
}

#[tokio::test]
async fn what_nobody_uses_is_removed_after_some_days_with_its_trace() {
    let app = world().await;
    let used = registered(&app, public("Used")).await;
    use_it(&app, &client(&app, &used)).await.tokens();
    let unused = registered(&app, json!({ "redirect_uris": [CALLBACK] })).await;
    let changed = registered(&app, public("Changed")).await;
    let path = format!("/v1/connected_apps/clients/{}", id(&changed));
    app.host().put(&path, json!({ "client_description": "We know it" })).await.done();
    let remove = async |before: Timestamp| {
        let project = app.app.project.clone();
        app.change(move |tx| Ok(tx.remove_unused_clients(&project, before, 10)?)).await
    };
    let events = async |client: &Value| {
        let path = format!("/v1/audit_events?client_id={}", id(client));
        app.host().get(&path).await.done()["audit_events"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(events(&unused).await, 1);
    assert_eq!(remove(app.now()).await, 0);
    assert_eq!(remove(Timestamp(app.now().0 + 1)).await, 1);
    assert!(!exists(&app, &id(&unused)).await && exists(&app, &id(&used)).await && exists(&app, &id(&changed)).await);
    assert_eq!(events(&unused).await, 0);
    assert!(events(&used).await > 0);
    assert!(exists(&app, &ClientId::new("web")).await);
}

/// stytch-backend-api.md 3.13: the same public registration is the same client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_equal_registrations_at_once_are_one_client() {
    let app = world().await;
    let sibling = app.another_process().await;
    let mut storm = JoinSet::new();
    for n in 0..40 {
        let url = if n % 2 == 0 { app.url(REGISTER) } else { format!("{}{REGISTER}", sibling.base) };
        let request = app.http().post(url).json(&public("Crowd"));
        storm.spawn(async move { request.send().await.unwrap().json::<Value>().await.unwrap() });
    }
    let answers = storm.join_all().await;
    assert!(answers.iter().all(|answer| answer["client_id"].is_string() && *answer == answers[0]), "{answers:?}");
    assert_ne!(id(&registered(&app, public("Another")).await), id(&answers[0]));
    let secret = json!({ "redirect_uris": [CALLBACK] });
    assert_ne!(id(&registered(&app, secret.clone()).await), id(&registered(&app, secret).await));
}

/// attacks.md row 32: the bound holds also when everybody comes at once, and those who are there already take no place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_32_forty_at_the_bound_are_not_one_too_many() {
    let app = world().await;
    let sibling = app.another_process().await;
    set(&app, json!({ "dynamic_client_registration": { "most_clients": 10 } })).await;
    for n in 0..5 {
        registered(&app, public(&format!("Before {n}"))).await;
    }
    let mut storm = JoinSet::new();
    for n in 0..40 {
        let url = if n % 2 == 0 { app.url(REGISTER) } else { format!("{}{REGISTER}", sibling.base) };
        // Some of each kind: with a secret, public, and public like somebody who is there.
        let metadata = match n % 4 {
            0 | 1 => json!({ "client_name": format!("Client {n}"), "redirect_uris": [CALLBACK] }),
            2 => public(&format!("Client {n}")),
            _ => public(&format!("Before {}", n % 5)),
        };
        let request = app.http().post(url).json(&metadata);
        storm.spawn(async move { (n % 4 == 3, Reply::of(request.send().await.unwrap()).await) });
    }
    let mut added = 0;
    for (is_known, reply) in storm.join_all().await {
        match (is_known, reply.status) {
            (true, status) => assert_eq!(status, 201, "{}", reply.body),
            (false, 201) => added += 1,
            (false, _) => reply.refused(429, "too_many_requests"),
        }
    }
    assert_eq!(added, 5);
    let project = app.app.project.clone();
    assert_eq!(app.change(move |tx| Ok(tx.count_self_registered_clients(&project)?)).await, 10);
}

/// Strangers cannot empty the caches of every process, and a new client is known to all of them at once, even where it
/// was looked for in vain a moment ago.
#[tokio::test]
async fn registering_moves_no_counter_and_holds_everywhere() {
    let app = world().await;
    let sibling = app.another_process().await;
    let first = registered(&app, public("Ferry")).await;
    app.host().delete(&format!("/v1/connected_apps/clients/{}", id(&first))).await.done();
    let here = client(&app, &first);
    let there = sibling.client(&here);
    for at in [&here, &there] {
        at.redeem("x").await.refused(401, "invalid_client");
    }
    let before = counter(&app).await;
    let again = registered(&app, public("Ferry")).await;
    let secret = registered(&app, json!({ "redirect_uris": [CALLBACK] })).await;
    assert_eq!((id(&again), counter(&app).await), (id(&first), before));
    for at in [here, there, client(&app, &secret), sibling.client(&client(&app, &secret))] {
        at.redeem("x").await.refused(400, "invalid_grant");
    }
}

/// stytch-backend-api.md 3.13.
#[tokio::test]
async fn on_the_stytch_plane_it_is_the_contracts() {
    let app = world().await;
    post(&app, "/v1/oauth2/register", &public("A").to_string()).await.refused_in_envelope(404, "route_not_found");
    let on = json!({ "stytch": { "enabled": true }, "authorization_url": "https://app.example/authorize" });
    set(&app, on).await;
    let project = app.host().project;
    for path in ["/v1/oauth2/register".to_owned(), format!("/v1/public/{project}/oauth2/register")] {
        let reply = post(&app, &path, &json!({ "redirect_uris": ["http://localhost:3000/cb"] }).to_string()).await;
        let answer = reply.json();
        assert_eq!((reply.status, &answer["token_endpoint_auth_method"]), (201, &json!("none")), "{answer}");
        client(&app, &answer).redeem("x").await.refused(401, "invalid_client");
        let shown = app.host().get(&format!("/v1/connected_apps/clients/{}", id(&answer))).await.done();
        assert_eq!(shown["connected_app"]["plane"], "stytch");
    }
    let discovery = app.get(&format!("/v1/public/{project}/.well-known/openid-configuration")).await.json();
    assert!(discovery["registration_endpoint"].as_str().unwrap().ends_with("/oauth2/register"), "{discovery}");
    set(&app, json!({ "dynamic_client_registration": { "enabled": false } })).await;
    let off = post(&app, "/v1/oauth2/register", &public("A").to_string()).await;
    off.refused_in_envelope(403, "dynamic_client_registration_not_enabled");
}
