//! `POST /oauth2/token` with client credentials: RFC 6749 §4.4, OAuth 2.1 §4.2, RFC 9068 §2.2.

use crate::app::{API, FILES, MCP, TestApp, decode};
use serde_json::json;

#[tokio::test]
async fn a_machine_gets_a_token_about_itself_only() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    let reply = m2m.client_credentials(&[]).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let tokens = reply.tokens();
    assert_eq!(tokens.scope, "notes:read weather");
    assert!(tokens.refresh_token.is_empty() && tokens.id_token.is_empty());
    let (header, mut claims) = decode(&tokens.access_token);
    assert_eq!(header["typ"], "at+jwt");
    claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(
        claims,
        json!({
            "iss": app.issuer, "sub": "m2m", "client_id": "m2m", "aud": API, "scope": "notes:read weather",
            "iat": app.now().0, "exp": app.now().0 + 600,
        })
    );
}

#[tokio::test]
async fn scope_is_within_the_registration() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    assert_eq!(m2m.client_credentials(&[("scope", "weather")]).await.tokens().scope, "weather");
    // Libraries add openid to everything; there is no user.
    assert_eq!(m2m.client_credentials(&[("scope", "openid weather profile")]).await.tokens().scope, "weather");
    for scope in ["openid", "offline_access", "notes:write", "weather notes:delete", "full_access"] {
        m2m.client_credentials(&[("scope", scope)]).await.refused(400, "invalid_scope");
    }
    // What users' roles stand behind is not for a machine without a ceiling.
    app.client("api").client_credentials(&[("scope", "notes:read")]).await.refused(400, "invalid_scope");
}

#[tokio::test]
async fn resources_are_within_the_registration() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    let tokens = m2m.client_credentials(&[("resource", MCP), ("resource", FILES)]).await.tokens();
    assert_eq!(tokens.access()["aud"], json!([MCP, FILES]));
    m2m.client_credentials(&[("resource", "https://evil.example")]).await.refused(400, "invalid_target");
    app.client("api").client_credentials(&[("resource", MCP)]).await.refused(400, "invalid_target");
}

#[tokio::test]
async fn public_clients_and_users_clients_get_nothing() {
    let app = TestApp::new().await;
    app.client("spa").client_credentials(&[]).await.refused(400, "unauthorized_client");
    app.client("web").client_credentials(&[]).await.refused(400, "unauthorized_client");
    app.client("m2m").unauthenticated().client_credentials(&[]).await.refused(401, "invalid_client");
}

/// attacks.md row 26: a disabled client's tokens end at the next request.
#[tokio::test]
async fn a_disabled_machine_is_out_at_the_next_request() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    let token = m2m.client_credentials(&[]).await.tokens().access_token;
    let api = app.client("api");
    assert!(api.is_active(&token).await);
    app.advance(1);
    app.disable_client("m2m").await;
    assert!(!api.is_active(&token).await);
    m2m.client_credentials(&[]).await.refused(401, "invalid_client");
    app.enable_client("m2m").await;
    assert!(!api.is_active(&token).await, "what ended stays ended");
    // Though it is still the same second, what is issued now is not what ended.
    assert!(api.is_active(&m2m.client_credentials(&[]).await.tokens().access_token).await);
}

#[tokio::test]
async fn a_machines_token_opens_no_userinfo() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    let token = m2m.client_credentials(&[]).await.tokens().access_token;
    let reply = m2m.userinfo(&token).await;
    assert_eq!(reply.status, 403);
    assert!(reply.header("www-authenticate").contains("insufficient_scope"));
}
