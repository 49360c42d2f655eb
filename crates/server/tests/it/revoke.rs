//! `POST /oauth2/revoke`: RFC 7009.

use crate::app::TestApp;

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_family() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    let other = app.tokens("web", "alice").await;
    let newer = web.refresh(&tokens.refresh_token).await.tokens();
    let reply = web.revoke(&tokens.refresh_token).await;
    assert_eq!((reply.status, reply.body.as_str(), reply.header("cache-control")), (200, "", "no-store"));
    for client in [&web, &sibling.client(&web)] {
        for token in [&tokens.access_token, &newer.access_token, &tokens.refresh_token] {
            assert!(!client.is_active(token).await);
        }
        client.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
        assert_eq!(client.userinfo(&newer.access_token).await.status, 401);
        // Another family of the same user and client lives on.
        assert!(client.is_active(&other.access_token).await);
    }
    // Twice is no error.
    assert_eq!(web.revoke(&tokens.refresh_token).await.status, 200);
}

/// Whoever gives an old one back wants it over.
#[tokio::test]
async fn revoking_an_old_generation_ends_the_family_too() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let second = spa.refresh(&first.refresh_token).await.tokens();
    app.advance(1000);
    assert_eq!(spa.revoke(&first.refresh_token).await.status, 200);
    spa.refresh(&second.refresh_token).await.refused(400, "invalid_grant");
    assert_eq!(spa.userinfo(&second.access_token).await.status, 401);
}

#[tokio::test]
async fn revoking_an_access_token_ends_only_that_one() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    let other = web.refresh(&tokens.refresh_token).await.tokens();
    assert_eq!(web.revoke(&tokens.access_token).await.status, 200);
    for client in [&web, &sibling.client(&web)] {
        assert!(!client.is_active(&tokens.access_token).await);
        assert_eq!(client.userinfo(&tokens.access_token).await.status, 401);
        assert!(client.is_active(&other.access_token).await);
    }
    web.refresh(&tokens.refresh_token).await.tokens();
}

#[tokio::test]
async fn a_machine_can_give_its_token_back() {
    let app = TestApp::new().await;
    let (m2m, api) = (app.client("m2m"), app.client("api"));
    let token = m2m.client_credentials(&[]).await.tokens().access_token;
    assert!(api.is_active(&token).await);
    m2m.revoke(&token).await;
    assert!(!api.is_active(&token).await);
    assert!(!m2m.is_active(&token).await);
}

/// attacks.md row 30 (CXF CVE-2026-68481): 200 without effect.
#[tokio::test]
async fn cve_2026_68481_another_clients_token_stays() {
    let app = TestApp::new().await;
    let (spa, web) = (app.client("spa"), app.client("web"));
    let tokens = app.tokens("spa", "alice").await;
    for stranger in [&web, &app.client("other"), &app.client("m2m"), &app.client("api")] {
        for token in [&tokens.access_token, &tokens.refresh_token] {
            let reply = stranger.revoke(token).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{}", stranger.id);
        }
    }
    assert_eq!(spa.userinfo(&tokens.access_token).await.status, 200);
    spa.refresh(&tokens.refresh_token).await.tokens();
}

#[tokio::test]
async fn what_is_no_token_is_answered_like_one() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    for token in ["x", "hrt_x", "a.b.c", &tokens.id_token, &format!("{}A", tokens.access_token)] {
        let reply = web.revoke(token).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{token}");
    }
    assert!(web.is_active(&tokens.access_token).await);
    for hint in ["access_token", "nonsense"] {
        let reply = web.post("/oauth2/revoke", &[("token", &tokens.refresh_token), ("token_type_hint", hint)]).await;
        assert_eq!(reply.status, 200);
    }
    assert!(!web.is_active(&tokens.refresh_token).await, "a wrong hint does not matter");
}

#[tokio::test]
async fn the_client_must_prove_itself() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    web.clone().unauthenticated().revoke(&tokens.refresh_token).await.refused(401, "invalid_client");
    web.post("/oauth2/revoke", &[]).await.refused(400, "invalid_request");
    assert!(web.is_active(&tokens.refresh_token).await);
}
