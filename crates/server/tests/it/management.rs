//! What every call of the management API has in common: credentials, envelope, errors.

use crate::app::{PROJECT, SECRET, TestApp};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_secret_of_the_project_opens_the_management_api() {
    let app = TestApp::new().await;
    let who = app.host().get("/v1/debug/whoami").await.done();
    assert_eq!((&who["project_id"], &who["name"]), (&json!(PROJECT), &json!("Harbour")));
    let metrics = app.host().get("/v1/projects/metrics").await.done();
    let count = |kind: &str| {
        let all = metrics["metrics"].as_array().unwrap();
        all.iter().find(|metric| metric["metric_type"] == kind).unwrap()["count"].clone()
    };
    assert_eq!((count("USER_COUNT"), count("M2M_CLIENT_COUNT")), (json!(3), json!(3)));
}

#[tokio::test]
async fn nobody_else_comes_in() {
    let app = TestApp::new().await;
    let path = "/v1/debug/whoami";
    app.get(path).await.refused_by_api(401, "invalid_authorization_header");
    for header in ["Basic", "Basic !", "Bearer abc", "Basic bm9jb2xvbg=="] {
        let reply = app.send(app.http().get(app.url(path)).header("authorization", header)).await;
        reply.refused_by_api(401, "invalid_authorization_header");
    }
    app.host().with_secret("secret-test-wrong").get(path).await.refused_by_api(401, "unauthorized_credentials");
    app.host().with_secret("").get(path).await.refused_by_api(401, "unauthorized_credentials");
    for (user, secret) in [
        ("project-test-00000000-0000-4000-8000-000000000001", SECRET),
        // Credentials of a client, of the same project.
        ("m2m", SECRET),
    ] {
        let reply = app.send(app.http().get(app.url(path)).basic_auth(user, Some(secret))).await;
        reply.refused_by_api(401, "unauthorized_credentials");
    }
}

#[tokio::test]
async fn guessing_a_secret_is_limited() {
    let app = TestApp::plan().set("limits.failed_authentication_per_minute", "3").start().await;
    let guess = app.host().with_secret("secret-test-wrong");
    for _ in 0..3 {
        guess.get("/v1/debug/whoami").await.refused_by_api(401, "unauthorized_credentials");
    }
    let reply = guess.get("/v1/debug/whoami").await;
    reply.refused_by_api(429, "too_many_requests");
    assert!(!reply.header("retry-after").is_empty());
}

#[tokio::test]
async fn every_failure_has_the_form_of_the_contract() {
    let app = TestApp::new().await;
    let host = app.host();
    host.get("/v1/nothing/here").await.refused_by_api(404, "route_not_found");
    host.delete("/v1/debug/whoami").await.refused_by_api(405, "method_not_allowed");
    let search = "/v1/connected_apps/clients/search";
    host.post(search, json!([])).await.refused_by_api(400, "bad_request");
    host.post(search, json!({ "limit": "many" })).await.refused_by_api(400, "invalid_argument");
    host.post(search, json!({ "limit": 0 })).await.refused_by_api(400, "invalid_argument");
    host.post(search, json!({ "cursor": "?" })).await.refused_by_api(400, "invalid_argument");
    let form = app.http().post(app.url(search)).basic_auth(PROJECT, Some(SECRET)).body("limit=1");
    app.send(form).await.refused_by_api(400, "bad_request");
    let large = json!({ "cursor": "a".repeat(1 << 20) });
    host.post(search, large).await.refused_by_api(400, "bad_request");
}

// stytch-backend-api.md 1.6: SDKs send bodies with GET, repeat path parameters, encode `-` and send explicit nulls.
#[tokio::test]
async fn quirks_of_the_official_sdks_are_borne() {
    let app = TestApp::new().await;
    let host = app.host();
    let reply = host.call(Method::GET, "/v1/debug/whoami?", Some(json!(null))).await;
    reply.done();
    let body = json!({ "cursor": null, "limit": null, "client_id": "spa", "operands": [] });
    host.post("/v1/connected_apps/clients/search", body).await.done();
    assert_eq!(
        host.get("/v1/connected_apps/clients/first%5Fspa").await.done()["connected_app"]["client_id"],
        "first_spa"
    );
}

#[tokio::test]
async fn connected_apps_are_found_page_by_page_and_machines_are_not_among_them() {
    let app = TestApp::new().await;
    let host = app.host();
    let mut found = Vec::new();
    let mut cursor = json!(null);
    loop {
        let page = host.post("/v1/connected_apps/clients/search", json!({ "limit": 4, "cursor": cursor })).await.done();
        assert_eq!(page["results_metadata"]["total"], 11);
        let apps = page["connected_apps"].as_array().unwrap();
        found.extend(apps.iter().map(|own| own["client_id"].as_str().unwrap().to_owned()));
        cursor = page["results_metadata"]["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
        assert_eq!(apps.len(), 4);
    }
    assert_eq!(found.len(), 11);
    assert!(found.is_sorted() && !found.contains(&"m2m".to_owned()), "{found:?}");
    host.get("/v1/connected_apps/clients/m2m").await.refused_by_api(404, "connected_app_not_found");
}

/// attacks.md row 16 (Hydra GHSA-r9w3-57w2-gch2): a cursor is not sealed, and is bound like any other value, so a forged
/// one is a place in the caller's own list and nothing more.
#[tokio::test]
async fn ghsa_r9w3_57w2_gch2_a_forged_cursor_is_a_place_in_the_list_and_no_sql() {
    let app = TestApp::new().await;
    let host = app.host();
    host.post("/v1/users", json!({ "email": "ada@dock.example" })).await.done();
    let forge = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    for sql in ["' OR '1'='1", "') OR 1=1 --", "' UNION SELECT * FROM users --", "'; DROP TABLE users; --", "$1"] {
        // After the last record, so that only SQL could find more.
        let cursor = forge(&format!("{}:{sql}", i64::MAX));
        for (path, list) in [("/v1/connected_apps/clients/search", "connected_apps"), ("/v1/users/search", "results")] {
            let page = host.post(path, json!({ "cursor": cursor })).await.done();
            assert_eq!(page[list], json!([]), "{path} {sql}");
        }
        // This list is read from its end.
        let cursor = forge(&format!("{}:{sql}", i64::MIN));
        let page = host.get(&format!("/v1/audit_events?cursor={cursor}")).await.done();
        assert_eq!(page["audit_events"], json!([]), "{sql}");
    }
    for text in [":", "0", "x:y", "99999999999999999999:a", "0:\0", "0:a\0b"] {
        for path in ["/v1/connected_apps/clients/search", "/v1/users/search"] {
            host.post(path, json!({ "cursor": forge(text) })).await.refused_by_api(400, "invalid_argument");
        }
    }
    assert_eq!(host.post("/v1/users/search", json!({})).await.done()["results_metadata"]["total"], 4);
}

/// attacks.md row 34 (Logto #8990): PostgreSQL has no text with a NUL, so looking for one would be a 500 there.
#[tokio::test]
async fn logto_8990_a_nul_is_refused_wherever_it_stands() {
    let app = TestApp::new().await;
    let host = app.host();
    let by_id = json!({ "operands": [{ "filter_name": "user_id", "filter_value": ["\0"] }] });
    let by_address = json!({ "operands": [{ "filter_name": "email_address", "filter_value": ["a\0@dock.example"] }] });
    for (path, body) in [
        ("/v1/users/search", json!({ "query": by_id })),
        ("/v1/users/search", json!({ "query": by_address })),
        ("/v1/users", json!({ "email": "nul@dock.example", "trusted_metadata": { "a\0": 1 } })),
        ("/v1/sessions/revoke", json!({ "session_id": "\0" })),
        ("/v1/passwords/authenticate", json!({ "email": "a\0@dock.example", "password": "correct horse" })),
    ] {
        host.post(path, body).await.refused_by_api(400, "bad_request");
    }
    for path in [
        "/v1/users/%00",
        "/v1/users/a%00b",
        "/v1/users/%00/connected_apps",
        "/v1/connected_apps/clients/%00",
        "/v1/trusted_token_profiles/%00",
    ] {
        host.get(path).await.refused_by_api(400, "bad_request");
    }
    host.delete("/v1/users/%00").await.refused_by_api(400, "bad_request");
    host.delete("/v1/users/emails/%00").await.refused_by_api(400, "bad_request");
}

#[tokio::test]
async fn the_address_in_an_error_leads_to_a_page() {
    let app = TestApp::new().await;
    let error = app.host().get("/v1/users/nobody").await.json();
    let address = error["error_url"].as_str().unwrap().strip_prefix(&app.issuer).unwrap();
    let (path, anchor) = address.split_once('#').unwrap();
    let page = app.get(path).await;
    assert!(page.status == 200 && page.body.contains(&format!("id=\"{anchor}\"")), "{address}");
}

#[tokio::test]
async fn the_reference_shows_every_call_that_is_described() {
    let app = TestApp::new().await;
    let page = app.get("/v1/reference").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let (mut anchors, shown) = (BTreeSet::new(), page.body.replace("&#x2f;", "/"));
    for document in ["/v1/openapi.json", "/v1/openapi-browser.json"] {
        for (path, operations) in app.get(document).await.json()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let anchor = operation["operationId"].as_str().unwrap();
                assert!(anchors.insert(anchor.to_owned()), "two calls have the id {anchor}");
                let heading = format!("<span class=\"method\">{}</span> {path}</h3>", method.to_uppercase());
                assert!(shown.contains(&heading), "{heading}");
            }
        }
    }
    // Every link inside the page leads somewhere.
    for link in page.body.split("href=\"#").skip(1) {
        let target = link.split('"').next().unwrap();
        assert!(page.body.contains(&format!("id=\"{target}\"")), "nothing has the id {target}");
    }
    assert!(page.body.contains("<a href=\"#object-UserObject\">"), "objects are linked to");
    assert_eq!(app.get("/v1/reference.css").await.header("content-type"), "text/css; charset=utf-8");
}
