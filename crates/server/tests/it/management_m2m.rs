//! `/v1/m2m/clients`: stytch-backend-api.md 4.

use crate::app::{Authentication, Client, Host, TestApp};
use hospes::store::client_secrets::Proof;
use hospes_protocol::id::ClientId;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const MACHINES: &str = "/v1/m2m/clients";
/// As Auth0 makes them.
const LONG_SECRET: &str = "qX3v-8LmTz_0pRk5WnYc7JdHb2SfGaUe9oQiVx4MwEtBhN1ZsKrDyCgPjAlFu6I8";
/// One that only argon2id keeps.
const SHORT_SECRET: &str = "kR7_v-2Qb9";

impl Host {
    async fn put_machine(&self, id: &str, body: Value) -> crate::app::Reply {
        self.put(&format!("{MACHINES}/{id}"), body).await
    }

    /// Makes a machine and returns it.
    async fn new_machine(&self, body: Value) -> Value {
        self.post(MACHINES, body).await.done()["m2m_client"].clone()
    }

    async fn machine(&self, id: &str) -> Value {
        self.get(&format!("{MACHINES}/{id}")).await.done()["m2m_client"].clone()
    }

    async fn found(&self, query: Value) -> Vec<String> {
        let reply = self.post(&format!("{MACHINES}/search"), json!({ "query": query })).await.done();
        let found: Vec<_> = reply["m2m_clients"].as_array().unwrap().iter().map(|own| id(own).to_owned()).collect();
        assert_eq!(reply["results_metadata"], json!({ "total": found.len() }));
        found
    }
}

fn id(machine: &Value) -> &str {
    machine["client_id"].as_str().unwrap()
}

/// A machine as itself.
fn client(app: &TestApp, machine: &Value, secret: &str) -> Client {
    app.client(id(machine)).with(Authentication::Post(secret.to_owned()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn turn_the_plane_on(app: &TestApp) {
    let (project, now) = (app.app.project.clone(), app.now());
    let on = app.change(move |tx| {
        let mut project = tx.find_project(&project)?.unwrap();
        project.settings.stytch.enabled = true;
        Ok(tx.update_project(&project, now)?)
    });
    assert!(on.await.is_some());
}

#[tokio::test]
async fn a_machine_is_made_shown_changed_and_removed() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = host.new_machine(json!({ "scopes": ["boats:lift"], "client_name": null, "more": 1 })).await;
    assert!(id(&made).starts_with("m2m-client-test-"), "{made}");
    let secret = text(&made["client_secret"]);
    let expected = json!({
        "client_id": id(&made), "client_name": "", "client_description": "", "status": "active",
        "scopes": ["boats:lift"], "client_secret_last_four": secret[secret.len() - 4..], "trusted_metadata": {},
        "plane": "standard",
    });
    assert_eq!(host.machine(id(&made)).await, expected);

    let full = json!({
        "client_name": "Crane", "client_description": "Lifts", "scopes": ["boats:lift", "boats:*"],
        "trusted_metadata": { "dock": 7, "old": true },
    });
    let changed = host.put_machine(id(&made), full).await.done()["m2m_client"].clone();
    let none = json!({ "client_name": null, "client_description": null, "scopes": null, "trusted_metadata": null });
    assert_eq!(host.put_machine(id(&made), none).await.done()["m2m_client"], changed);
    let merged = json!({ "trusted_metadata": { "old": null, "crew": ["ada"] }, "client_description": "" });
    let merged = host.put_machine(id(&made), merged).await.done()["m2m_client"].clone();
    assert_eq!(merged["trusted_metadata"], json!({ "dock": 7, "crew": ["ada"] }));
    assert_eq!((text(&merged["client_name"]), text(&merged["client_description"])), ("Crane", ""));
    assert_eq!(merged["scopes"], json!(["boats:lift", "boats:*"]));

    let gone = host.delete(&format!("{MACHINES}/{}", id(&made))).await.done();
    assert_eq!(gone["client_id"], made["client_id"]);
    client(&app, &made, secret).client_credentials(&[]).await.refused(401, "invalid_client");
    host.get(&format!("{MACHINES}/{}", id(&made))).await.refused_by_api(404, "m2m_client_not_found");
    host.delete(&format!("{MACHINES}/{}", id(&made))).await.refused_by_api(404, "m2m_client_not_found");
    host.put_machine(id(&made), json!({})).await.refused_by_api(404, "m2m_client_not_found");
    // An app is no machine.
    host.get(&format!("{MACHINES}/web")).await.refused_by_api(404, "m2m_client_not_found");
    host.delete(&format!("{MACHINES}/web")).await.refused_by_api(404, "m2m_client_not_found");
    host.put_machine("web", json!({})).await.refused_by_api(404, "m2m_client_not_found");
    for step in ["/start", "/cancel", ""] {
        let path = format!("{MACHINES}/web/secrets/rotate{step}");
        host.post(&path, json!({})).await.refused_by_api(404, "m2m_client_not_found");
    }
}

#[tokio::test]
async fn what_a_machine_may_not_have_is_refused_by_name() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = host.new_machine(json!({ "scopes": [] })).await;
    let many: Vec<_> = (0..101).map(|n| n.to_string()).collect();
    for (member, value, error_type) in [
        ("client_name", json!("a\u{202E}b"), "m2m_client_invalid_client_name"),
        ("client_description", json!("x".repeat(2001)), "m2m_client_invalid_client_description"),
        ("scopes", json!(["a b"]), "invalid_m2m_client_scope"),
        ("scopes", json!(["openid"]), "invalid_m2m_client_scope"),
        ("scopes", json!(many), "too_many_m2m_client_scopes"),
        ("scopes", json!("a"), "invalid_argument"),
        ("trusted_metadata", json!({ "k": "x".repeat(4090) }), "metadata_too_large"),
        ("trusted_metadata", json!([]), "invalid_argument"),
    ] {
        host.put_machine(id(&made), json!({ member: value })).await.refused_by_api(400, error_type);
        let mut body = json!({ "scopes": [] });
        body[member] = value;
        host.post(MACHINES, body).await.refused_by_api(400, error_type);
    }
    for (member, value, error_type) in [
        ("client_id", json!(""), "m2m_client_invalid_client_id"),
        ("client_id", json!("a b"), "m2m_client_invalid_client_id"),
        ("client_id", json!("user-test-1"), "m2m_client_invalid_client_id"),
        ("client_id", json!("web"), "duplicate_m2m_client_id"),
        ("client_id", json!(id(&made)), "duplicate_m2m_client_id"),
        ("client_secret", json!("password"), "insecure_m2m_client_secret"),
        ("client_secret", json!(""), "insecure_m2m_client_secret"),
        ("client_secret", json!("kR7_v-2Qb9é"), "m2m_client_invalid_client_secret"),
        ("client_secret", json!(LONG_SECRET.repeat(4)), "client_secret_too_long"),
        ("plane", json!("stytch"), "invalid_argument"),
    ] {
        host.post(MACHINES, json!({ "scopes": [], member: value })).await.refused_by_api(400, error_type);
    }
    host.put_machine(id(&made), json!({ "status": "off" })).await.refused_by_api(400, "m2m_client_invalid_status");
    host.post(MACHINES, json!({})).await.refused_by_api(400, "invalid_argument");
    let unchanged = host.machine(id(&made)).await;
    assert_eq!((&unchanged["scopes"], &unchanged["client_name"]), (&json!([]), &json!("")));
}

/// The values of a machine's scope are the host app's own words.
#[tokio::test]
async fn a_machine_gets_its_own_scope_values_and_no_others() {
    let app = TestApp::new().await;
    let made = app.host().new_machine(json!({ "scopes": ["boats:lift", "boats:*"] })).await;
    let machine = client(&app, &made, text(&made["client_secret"]));
    assert_eq!(machine.client_credentials(&[]).await.tokens().scope, "boats:lift boats:*");
    assert_eq!(machine.client_credentials(&[("scope", "boats:lift")]).await.tokens().scope, "boats:lift");
    for scope in ["boats:sink", "notes:read", "boats:lift notes:read", "openid"] {
        machine.client_credentials(&[("scope", scope)]).await.refused(400, "invalid_scope");
    }
    app.host().put_machine(id(&made), json!({ "scopes": ["boats:sink"] })).await.done();
    assert_eq!(machine.client_credentials(&[]).await.tokens().scope, "boats:sink");
    machine.client_credentials(&[("scope", "boats:lift")]).await.refused(400, "invalid_scope");
}

/// The contract's example: a machine of Auth0 keeps its id and its secret, and only the URL changes.
#[tokio::test]
async fn a_machine_is_brought_along_with_its_id_and_secret() {
    let app = TestApp::new().await;
    let host = app.host();
    for (foreign, secret, end) in [("JyS4CdkX9ZNmPqRt", LONG_SECRET, "u6I8"), ("b@rge:1", SHORT_SECRET, "")] {
        let made =
            host.new_machine(json!({ "client_id": foreign, "client_secret": secret, "scopes": ["boats:lift"] })).await;
        assert_eq!((id(&made), text(&made["client_secret"])), (foreign, secret));
        assert_eq!(made["client_secret_last_four"], end);
        for authentication in [Authentication::Post(secret.to_owned()), Authentication::Basic(secret.to_owned())] {
            let machine = app.client(foreign).with(authentication);
            assert_eq!(machine.client_credentials(&[]).await.tokens().scope, "boats:lift");
        }
        for wrong in [format!("{secret}x"), secret[1..].to_owned(), secret.to_uppercase()] {
            client(&app, &made, &wrong).client_credentials(&[]).await.refused(401, "invalid_client");
        }
        // Stored is nothing that could be tried fast.
        let (project, own) = (app.app.project.clone(), ClientId::new(foreign));
        let stored = app.change(move |tx| Ok(tx.find_client_secrets(&project, &own)?)).await;
        assert!(
            matches!(&stored[..], [own] if matches!(&own.proof, Proof::Wrapped(phc) if phc.starts_with("$argon2id$")))
        );
    }
}

/// A machine asks often; what was proven once is not computed again, until the secret is another or none.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it measures how long an answer takes")]
async fn an_imported_secret_is_fast_from_the_second_time_on_and_ends_with_its_record() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = host.new_machine(json!({ "client_secret": SHORT_SECRET, "scopes": [] })).await;
    let machine = client(&app, &made, SHORT_SECRET);
    machine.client_credentials(&[]).await.tokens();
    let fastest = async |secret: &str, status: u16| {
        let mut fastest = Duration::MAX;
        for _ in 0..4 {
            let start = Instant::now();
            assert_eq!(client(&app, &made, secret).client_credentials(&[]).await.status, status);
            fastest = fastest.min(start.elapsed());
        }
        fastest
    };
    let (known, unknown) = (fastest(SHORT_SECRET, 200).await, fastest("kR7_v-2Qb8", 401).await);
    assert!(known * 2 < unknown, "known {known:?}, computed {unknown:?}");

    let at = |step: &str| format!("{MACHINES}/{}/secrets/rotate{step}", id(&made));
    let next = host.post(&at("/start"), json!({})).await.done()["m2m_client"]["next_client_secret"].clone();
    for secret in [SHORT_SECRET, text(&next)] {
        client(&app, &made, secret).client_credentials(&[]).await.tokens();
    }
    host.post(&at(""), json!({})).await.done();
    machine.client_credentials(&[]).await.refused(401, "invalid_client");
    client(&app, &made, text(&next)).client_credentials(&[]).await.tokens();
    // Another machine with the same secret proves its own.
    host.delete(&format!("{MACHINES}/{}", id(&made))).await.done();
    machine.client_credentials(&[]).await.refused(401, "invalid_client");
    let again = json!({ "client_id": id(&made), "client_secret": "Lm3xP9qT-w", "scopes": [] });
    host.new_machine(again).await;
    machine.client_credentials(&[]).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn a_secret_is_rotated_without_a_gap() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = host.new_machine(json!({ "scopes": ["a"] })).await;
    let at = |step: &str| format!("{MACHINES}/{}/secrets/rotate{step}", id(&made));
    let works = async |secret: &Value| client(&app, &made, text(secret)).client_credentials(&[]).await.status == 200;
    let old = made["client_secret"].clone();
    assert!(works(&old).await);
    for step in ["", "/cancel"] {
        host.post(&at(step), json!({})).await.refused_by_api(400, "m2m_client_not_rotating_secret");
    }
    let started = host.post(&at("/start"), json!({})).await.done()["m2m_client"].clone();
    let next = started["next_client_secret"].clone();
    assert_eq!(started["next_client_secret_last_four"], text(&next)[text(&next).len() - 4..]);
    assert!(started.get("client_secret").is_none() && works(&old).await && works(&next).await);
    host.post(&at("/start"), json!({})).await.refused_by_api(400, "m2m_client_already_rotating_secret");
    let cancelled = host.post(&at("/cancel"), json!({})).await.done()["m2m_client"].clone();
    assert!(cancelled.get("next_client_secret_last_four").is_none() && works(&old).await && !works(&next).await);
    let next = host.post(&at("/start"), json!({})).await.done()["m2m_client"]["next_client_secret"].clone();
    let rotated = host.post(&at(""), json!({})).await.done()["m2m_client"].clone();
    assert!(rotated.get("next_client_secret").is_none() && !works(&old).await && works(&next).await);
}

#[tokio::test]
async fn a_machine_with_its_own_key_is_a_machine_too_and_has_no_secret_to_rotate() {
    let plan = TestApp::plan().client("m2m", |client| {
        client["authentication_methods"] = json!(["private_key_jwt"]);
        client["jwks"] = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] });
        client.as_object_mut().unwrap().remove("secret");
    });
    let app = plan.start().await;
    let host = app.host();
    assert_eq!(host.machine("m2m").await["client_secret_last_four"], "");
    let renamed = host.put_machine("m2m", json!({ "client_name": "Watch" })).await.done();
    assert_eq!(renamed["m2m_client"]["client_name"], "Watch");
    for step in ["/start", "/cancel", ""] {
        let path = format!("{MACHINES}/m2m/secrets/rotate{step}");
        host.post(&path, json!({})).await.refused_by_api(400, "m2m_client_invalid_client_secret");
    }
    let (project, own) = (app.app.project.clone(), ClientId::new("m2m"));
    let client = app.change(move |tx| Ok(tx.find_client(&project, &own)?)).await.unwrap();
    assert!(client.settings.jwks.is_some() && client.settings.authentication_methods.len() == 1);
}

#[tokio::test]
async fn an_inactive_machine_gets_nothing_and_comes_back() {
    let app = TestApp::new().await;
    let host = app.host();
    let made = host.new_machine(json!({ "scopes": ["a"] })).await;
    let machine = client(&app, &made, text(&made["client_secret"]));
    let token = machine.client_credentials(&[]).await.tokens().access_token;
    assert!(machine.is_active(&token).await);
    let off = json!({ "status": "inactive", "client_name": "Resting" });
    let off = host.put_machine(id(&made), off).await.done()["m2m_client"].clone();
    assert_eq!((text(&off["status"]), text(&off["client_name"])), ("inactive", "Resting"));
    machine.client_credentials(&[]).await.refused(401, "invalid_client");
    host.put_machine(id(&made), json!({ "client_name": "Still" })).await.done();
    assert_eq!(host.machine(id(&made)).await["status"], "inactive");
    app.advance(2);
    let on = host.put_machine(id(&made), json!({ "status": "active" })).await.done()["m2m_client"].clone();
    assert_eq!(on["status"], "active");
    let again = machine.client_credentials(&[]).await.tokens().access_token;
    assert!(machine.is_active(&again).await && !machine.is_active(&token).await);
}

#[tokio::test]
async fn search_knows_every_filter_and_pages() {
    let app = TestApp::new().await;
    let host = app.host();
    for (id, name, scopes) in
        [("a", "Crane", json!(["read", "write"])), ("b", "Barge", json!(["read"])), ("c", "Crane", json!([]))]
    {
        app.advance(1);
        host.new_machine(json!({ "client_id": id, "client_name": name, "scopes": scopes })).await;
    }
    let one = |name: &str, value: Value| json!({ "operands": [{ "filter_name": name, "filter_value": value }] });
    assert_eq!(host.found(one("client_id", json!(["c", "a", "web", "x"]))).await, ["a", "c"]);
    assert_eq!(host.found(one("client_name", json!(["Crane"]))).await, ["a", "c"]);
    assert_eq!(host.found(one("scopes", json!(["write", "read"]))).await, ["a", "b"]);
    let two = |operator: Value| {
        json!({ "operator": operator, "operands": [
            { "filter_name": "client_name", "filter_value": ["Crane"] },
            { "filter_name": "scopes", "filter_value": ["read"] },
        ] })
    };
    assert_eq!(host.found(two(json!("AND"))).await, ["a"]);
    assert_eq!(host.found(two(json!("OR"))).await, ["a", "b", "c"]);
    let all = host.found(json!(null)).await;
    assert!(all.contains(&"m2m".to_owned()) && !all.contains(&"web".to_owned()), "{all:?}");
    assert_eq!(host.found(json!({})).await, all);

    for query in [json!(null), two(json!("OR"))] {
        let (mut seen, mut cursor) = (Vec::new(), json!(null));
        loop {
            let body = json!({ "limit": 2, "cursor": cursor, "query": query });
            let page = host.post(&format!("{MACHINES}/search"), body).await.done();
            let machines = page["m2m_clients"].as_array().unwrap();
            assert!(machines.len() <= 2);
            seen.extend(machines.iter().map(|own| id(own).to_owned()));
            cursor = page["results_metadata"]["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(seen, host.found(query).await);
    }
    let search = async |body: Value| host.post(&format!("{MACHINES}/search"), body).await;
    search(json!({ "limit": 0 })).await.refused_by_api(400, "invalid_argument");
    search(json!({ "cursor": "!" })).await.refused_by_api(400, "invalid_argument");
    let wrong = json!({ "query": one("status", json!(["active"])) });
    search(wrong).await.refused_by_api(400, "m2m_search_invalid_filter_name");
    let wrong = json!({ "query": one("scopes", json!("read")) });
    search(wrong).await.refused_by_api(400, "m2m_search_invalid_filter_value");
}

#[tokio::test]
async fn on_the_stytch_plane_it_gets_the_contracts_token_with_the_projects_template() {
    let app = TestApp::new().await;
    turn_the_plane_on(&app).await;
    let host = app.host();
    let template = json!({ "content": r#"{"dock": {{ client.trusted_metadata.dock }}, "for": {{ request.ship }}}"# });
    host.call(reqwest::Method::PATCH, "/v1/settings", Some(json!({ "m2m_template": template }))).await.done();
    let body = json!({ "scopes": ["boats:lift"], "trusted_metadata": { "dock": 7 } });
    let made = host.new_machine(body.clone()).await;
    assert_eq!(made["plane"], "stytch");
    let machine = client(&app, &made, text(&made["client_secret"]));
    let form = [("grant_type", "client_credentials"), ("ship", "Ada")];
    for path in ["/v1/oauth2/token".to_owned(), format!("/v1/public/{}/oauth2/token", host.project)] {
        let answer = machine.post(&path, &form).await.done();
        let (header, claims) = crate::app::decode(text(&answer["access_token"]));
        assert_eq!(
            (&header["typ"], &claims["sub"], &claims["aud"]),
            (&json!("JWT"), &made["client_id"], &json!([host.project]))
        );
        assert_eq!(
            (&claims["scope"], &claims["dock"], &claims["for"]),
            (&json!("boats:lift"), &json!(7), &json!("Ada"))
        );
    }
    machine.post("/oauth2/token", &form).await.refused(401, "invalid_client");
    let standard = host.new_machine(json!({ "scopes": ["boats:lift"], "plane": "standard" })).await;
    let standard = client(&app, &standard, text(&standard["client_secret"]));
    standard.post("/oauth2/token", &form).await.tokens();
}

/// Issue 4, proof: concurrent updates of one client lose nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_changes_at_once_lose_nothing() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let host = app.host();
    let made = host.new_machine(json!({ "scopes": [] })).await;
    let mut storm = JoinSet::new();
    for n in 0..40 {
        let (host, id) = (if n % 2 == 0 { host.clone() } else { host.at(&sibling.base) }, id(&made).to_owned());
        let body = match n {
            0 => json!({ "client_name": "Crane" }),
            1 => json!({ "client_description": "Lifts" }),
            2 => json!({ "scopes": ["a"] }),
            n => json!({ "trusted_metadata": { format!("k{}", n % 20): true } }),
        };
        storm.spawn(async move { host.put_machine(&id, body).await.status });
    }
    assert!(storm.join_all().await.iter().all(|status| *status == 200));
    let after = host.machine(id(&made)).await;
    assert_eq!((text(&after["client_name"]), text(&after["client_description"])), ("Crane", "Lifts"));
    assert_eq!((&after["scopes"], after["trusted_metadata"].as_object().unwrap().len()), (&json!(["a"]), 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_rotations_at_once_start_one_and_finish_one() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let host = app.host();
    let made = host.new_machine(json!({ "scopes": [] })).await;
    let race = async |step: &'static str| {
        let mut storm = JoinSet::new();
        for n in 0..40 {
            let host = if n % 2 == 0 { host.clone() } else { host.at(&sibling.base) };
            let path = format!("{MACHINES}/{}/secrets/rotate{step}", id(&made));
            storm.spawn(async move { host.post(&path, json!({})).await });
        }
        let replies = storm.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 39), "{step}");
        (won[0].done()["m2m_client"].clone(), lost)
    };
    let (started, lost) = race("/start").await;
    for reply in &lost {
        reply.refused_by_api(400, "m2m_client_already_rotating_secret");
    }
    let next = text(&started["next_client_secret"]).to_owned();
    let (_, lost) = race("").await;
    for reply in &lost {
        reply.refused_by_api(400, "m2m_client_not_rotating_secret");
    }
    client(&app, &made, &next).client_credentials(&[]).await.tokens();
    client(&app, &made, text(&made["client_secret"])).client_credentials(&[]).await.refused(401, "invalid_client");
}
