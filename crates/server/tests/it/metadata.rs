//! Discovery and keys: RFC 8414, OIDC Discovery 1.0, RFC 7517.

use crate::app::{TestApp, decode};
use hospes_protocol::jose::{Jwks, KeySet, Unverified};
use serde_json::{Value, json};

/// The four forms, relative to the origin (RFC 8414 §3 and §5, OIDC Discovery §4).
fn forms(path: &str) -> [String; 4] {
    [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
        format!("{path}/.well-known/oauth-authorization-server"),
        format!("{path}/.well-known/openid-configuration"),
    ]
}

async fn at_origin(app: &TestApp, path: &str) -> crate::app::Reply {
    let origin = app.issuer.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    app.send(app.http().get(format!("{origin}{path}"))).await
}

/// mcp T-04 and T-07.
#[tokio::test]
async fn t04_the_document_is_the_same_at_all_four_forms() {
    for path in ["", "/t1", "/tenants/one"] {
        let app = TestApp::plan().path(path).start().await;
        let mut documents = Vec::new();
        for form in forms(path) {
            let reply = at_origin(&app, &form).await;
            assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"), "{form}");
            assert_eq!(reply.header("cache-control"), "public, max-age=300");
            documents.push(reply.json());
        }
        assert!(documents.iter().all(|document| *document == documents[0]));
        let document = &documents[0];
        assert_eq!(document["issuer"], app.issuer);
        assert!(!app.issuer.ends_with('/'));
        for (name, value) in document.as_object().unwrap() {
            if name.ends_with("_endpoint") || name == "jwks_uri" {
                assert!(value.as_str().unwrap().starts_with(&format!("{}/", app.issuer)), "{name}: {value}");
            }
        }
    }
}

/// mcp T-07: clients that see HTML here stop.
#[tokio::test]
async fn t07_unknown_well_known_paths_are_json_404() {
    for path in ["", "/t1"] {
        let app = TestApp::plan().path(path).start().await;
        for unknown in [
            "/.well-known/foo",
            "/.well-known/oauth-authorization-server/any/path",
            "/.well-known/openid-configuration/other",
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-authorization-server/",
            "/other/.well-known/openid-configuration",
            "/nothing/here",
        ] {
            let reply = at_origin(&app, unknown).await;
            if unknown.ends_with('/') && reply.status == 200 {
                continue;
            }
            assert_eq!(reply.error(), (404, "not_found".to_owned()), "{path} {unknown}");
        }
        let post = app.send(app.http().post(app.url("/.well-known/jwks.json"))).await;
        post.refused(405, "method_not_allowed");
    }
}

/// The paths of an issuer with a path are below that path, and nowhere else.
#[tokio::test]
async fn an_issuer_with_a_path_works_from_end_to_end() {
    let app = TestApp::plan().path("/t1").start().await;
    let web = app.client("web");
    let callback = app.browser().login_and_consent(&web.request(), "alice").await;
    assert_eq!(callback.get("iss"), Some(app.issuer.as_str()));
    let tokens = web.redeem(&callback.code()).await.tokens();
    assert_eq!(tokens.access()["iss"], app.issuer);
    assert!(web.is_active(&tokens.access_token).await);
    assert_eq!(at_origin(&app, "/oauth2/authorize").await.status, 404);
    assert_eq!(at_origin(&app, "/login").await.status, 404);
}

#[tokio::test]
async fn the_document_promises_only_what_works() {
    let app = TestApp::new().await;
    let document = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(document["response_modes_supported"], json!(["query", "form_post"]));
    assert_eq!(document["grant_types_supported"], json!(["authorization_code", "refresh_token", "client_credentials"]));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert_eq!(document["request_uri_parameter_supported"], false);
    for absent in [
        "registration_endpoint",
        "pushed_authorization_request_endpoint",
        "device_authorization_endpoint",
        "client_id_metadata_document_supported",
        "dpop_signing_alg_values_supported",
    ] {
        assert!(document.get(absent).is_none(), "{absent}");
    }
    // Every endpoint answers something else than 404.
    for (name, value) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") {
            let reply = app.send(app.http().get(value.as_str().unwrap())).await;
            assert_ne!(reply.status, 404, "{name}");
        }
    }
    let scopes = document["scopes_supported"].as_array().unwrap();
    assert!(scopes.contains(&json!("notes:read")) && scopes.contains(&json!("offline_access")));
}

#[tokio::test]
async fn an_etag_saves_the_body() {
    let app = TestApp::new().await;
    for path in ["/.well-known/openid-configuration", "/.well-known/jwks.json"] {
        let etag = app.get(path).await.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.len() > 10);
        let again = app.send(app.http().get(app.url(path)).header("if-none-match", &etag)).await;
        assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", etag.as_str()));
        let other = app.send(app.http().get(app.url(path)).header("if-none-match", "\"other\"")).await;
        assert_eq!(other.status, 200);
        let head = app.send(app.http().head(app.url(path))).await;
        assert_eq!((head.status, head.header("etag")), (200, etag.as_str()));
    }
}

#[tokio::test]
async fn the_key_set_verifies_what_was_signed_and_holds_no_secret() {
    let app = TestApp::new().await;
    let reply = app.get("/.well-known/jwks.json").await;
    let jwks: Value = reply.json();
    for key in jwks["keys"].as_array().unwrap() {
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(secret).is_none(), "{secret}");
        }
        assert!(key["kid"].is_string() && key["alg"].is_string() && key["use"] == "sig", "{key}");
    }
    let keys = KeySet::from_jwks(&Jwks::parse(reply.body.as_bytes()).unwrap());
    let tokens = app.tokens("web", "alice").await;
    for token in [&tokens.access_token, &tokens.id_token] {
        let verified = keys.verify(&Unverified::parse(token).unwrap()).unwrap();
        assert_eq!(verified.text("iss"), Some(app.issuer.as_str()));
    }
    assert_ne!(decode(&tokens.access_token).0["kid"], decode(&tokens.id_token).0["kid"]);
}

/// A change of the project shows within the refresh interval, at the latest with the next request that loads it.
#[tokio::test]
async fn new_scope_values_come_into_the_document() {
    let app = TestApp::new().await;
    app.update_policy(|policy| {
        policy.scopes.push(hospes_protocol::policy::ScopeValue {
            value: "tides".into(),
            description: "See the tides".into(),
            permissions: Vec::new(),
            optional: false,
        });
    })
    .await;
    app.app.refresh_documents().await.unwrap();
    let document = app.get("/.well-known/openid-configuration").await.json();
    assert!(document["scopes_supported"].as_array().unwrap().contains(&json!("tides")));
}
