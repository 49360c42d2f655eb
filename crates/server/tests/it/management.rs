//! What every call of the management API has in common: credentials, envelope, errors.

use crate::app::{PROJECT, SECRET, TestApp};
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

#[tokio::test]
async fn the_reference_shows_every_call_that_is_described() {
    let app = TestApp::new().await;
    let description = app.get("/v1/openapi.json").await.json();
    let page = app.get("/v1/reference").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let (mut anchors, shown) = (BTreeSet::new(), page.body.replace("&#x2f;", "/"));
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let anchor = operation["operationId"].as_str().unwrap();
            assert!(anchors.insert(anchor.to_owned()), "two calls have the id {anchor}");
            let heading = format!("<span class=\"method\">{}</span> {path}</h3>", method.to_uppercase());
            assert!(shown.contains(&heading), "{heading}");
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
