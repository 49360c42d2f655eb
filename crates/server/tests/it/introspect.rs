//! `POST /oauth2/introspect`: RFC 7662.

use crate::app::{API, FILES, MCP, TestApp};
use serde_json::json;

#[tokio::test]
async fn a_client_sees_its_own_tokens() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    let mut answer = web.introspect(&tokens.access_token).await;
    assert_eq!(answer["jti"], tokens.access()["jti"]);
    answer.as_object_mut().unwrap().remove("jti");
    assert_eq!(
        answer,
        json!({
            "active": true, "scope": tokens.scope, "client_id": "web", "token_type": "Bearer",
            "exp": app.now().0 + 600, "iat": app.now().0, "sub": "user-test-alice", "aud": API, "iss": app.issuer,
            "auth_time": app.now().0,
        })
    );
    assert_eq!(
        web.introspect(&tokens.refresh_token).await,
        json!({
            "active": true, "scope": tokens.scope, "client_id": "web", "exp": app.now().0 + 90 * 86_400,
            "iat": app.now().0, "sub": "user-test-alice", "iss": app.issuer, "auth_time": app.now().0,
        })
    );
}

/// attacks.md row 30 (authentik CVE-2024-47077, Gitea CVE-2026-58425, WSO2 CVE-2026-3583, Admidio GHSA-9xx5-cv6j-x533).
#[tokio::test]
async fn cve_2024_47077_a_client_does_not_see_tokens_of_others() {
    let app = TestApp::new().await;
    let tokens = app.tokens("web", "alice").await;
    for stranger in ["first", "m2m", "legacy", "files"] {
        for token in [&tokens.access_token, &tokens.refresh_token] {
            assert_eq!(app.client(stranger).introspect(token).await, json!({ "active": false }), "{stranger}");
        }
    }
}

#[tokio::test]
async fn a_resource_server_sees_access_tokens_meant_for_it() {
    let app = TestApp::new().await;
    let (web, api, files) = (app.client("web"), app.client("api"), app.client("files"));
    let mut alice = app.browser();
    let mut token = async |resources: &[&str]| {
        let request = resources.iter().fold(web.request(), |request, resource| request.and("resource", resource));
        web.redeem(&alice.login_and_consent(&request, "alice").await.code()).await.tokens()
    };
    let (none, files_only, both) = (token(&[]).await, token(&[FILES]).await, token(&[API, FILES]).await);
    let mcp = token(&[MCP]).await;
    for (tokens, at_api, at_files) in
        [(&none, true, false), (&files_only, false, true), (&both, true, true), (&mcp, false, false)]
    {
        assert_eq!(api.is_active(&tokens.access_token).await, at_api);
        assert_eq!(files.is_active(&tokens.access_token).await, at_files);
        assert!(web.is_active(&tokens.access_token).await);
        // A refresh token concerns nobody but its client.
        assert!(!api.is_active(&tokens.refresh_token).await);
    }
}

#[tokio::test]
async fn nobody_without_proof_may_ask() {
    let app = TestApp::new().await;
    let tokens = app.tokens("spa", "alice").await;
    let ask =
        async |client: crate::app::Client| client.post("/oauth2/introspect", &[("token", &tokens.access_token)]).await;
    ask(app.client("spa")).await.refused(401, "invalid_client");
    ask(app.client("api").unauthenticated()).await.refused(401, "invalid_client");
    ask(app.client("off")).await.refused(401, "invalid_client");
    app.client("api").post("/oauth2/introspect", &[]).await.refused(400, "invalid_request");
    let bearer = app.http().post(app.url("/oauth2/introspect")).bearer_auth(&tokens.access_token);
    let bearer = bearer.header("content-type", "application/x-www-form-urlencoded").body("token=x");
    app.send(bearer).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn what_is_no_token_is_inactive() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    for token in ["x", "hrt_", "hac_abc", "a.b.c", &tokens.id_token, &tokens.access_token.to_uppercase(), " "] {
        assert_eq!(web.introspect(token).await, json!({ "active": false }), "{token}");
    }
}

/// attacks.md row 31 (Keycloak CVE-2026-8922, Hydra CVE-2021-32701): no cache answers for what has ended, on any process.
#[tokio::test]
async fn cve_2026_8922_every_end_holds_at_the_next_request_on_every_process() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let web = app.client("web");
    let there = sibling.client(&web);
    let end = async |what: &str| match what {
        "grant" => app.revoke_grant("alice", "web").await,
        "sign out" => app.sign_out_everywhere("alice").await,
        "user" => {
            app.disable_user("alice").await;
            app.enable_user("alice").await;
        }
        "client" => {
            app.disable_client("web").await;
            app.enable_client("web").await;
        }
        _ => {
            let now = app.now();
            app.change(move |tx| Ok(tx.void_tokens_of_all_projects(now)?)).await;
        }
    };
    for name in ["grant", "sign out", "user", "client", "project"] {
        let tokens = app.tokens("web", "alice").await;
        for client in [&web, &there, &web, &there] {
            assert!(
                client.is_active(&tokens.access_token).await && client.is_active(&tokens.refresh_token).await,
                "{name}"
            );
        }
        app.advance(1);
        end(name).await;
        for client in [&web, &there] {
            assert_eq!(client.introspect(&tokens.access_token).await, json!({ "active": false }), "{name}");
            assert_eq!(client.introspect(&tokens.refresh_token).await, json!({ "active": false }), "{name}");
            assert_eq!(client.userinfo(&tokens.access_token).await.status, 401, "{name}");
            client.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
        }
        app.advance(1);
    }
}

/// Asking moves nothing.
#[tokio::test]
async fn introspecting_a_refresh_token_uses_nothing_up() {
    let app = TestApp::new().await;
    // Confidential, but rotating does not matter: the row must stay as it is.
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    let before = app.family_of(&tokens.access_token).await;
    app.advance(10);
    web.introspect(&tokens.refresh_token).await;
    assert_eq!(app.family_of(&tokens.access_token).await, before);
}

/// RFC 7662 §2.1: the hint may be wrong.
#[tokio::test]
async fn the_type_hint_does_not_matter() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    for token in [&tokens.access_token, &tokens.refresh_token] {
        for hint in ["access_token", "refresh_token", "nonsense", ""] {
            let reply = web.post("/oauth2/introspect", &[("token", token), ("token_type_hint", hint)]).await;
            assert_eq!(reply.json()["active"], true, "{hint}");
        }
    }
}
