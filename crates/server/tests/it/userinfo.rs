//! `GET` and `POST /oauth2/userinfo`: OIDC Core §5.3 and §5.4, RFC 6750 §2 and §3.

use crate::app::{Reply, TestApp};
use serde_json::json;

#[tokio::test]
async fn claims_follow_the_scope() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    for (scope, expected) in [
        ("openid", json!({ "sub": "user-test-alice" })),
        ("openid email", json!({ "sub": "user-test-alice", "email": "alice@example.com", "email_verified": true })),
        (
            "openid phone",
            json!({ "sub": "user-test-alice", "phone_number": "+49301234567", "phone_number_verified": false }),
        ),
        (
            "openid address",
            json!({ "sub": "user-test-alice", "address": { "locality": "Hamburg", "country": "Germany" } }),
        ),
        (
            "openid profile",
            json!({ "sub": "user-test-alice", "name": "Alice Quay", "locale": "en", "updated_at": app.now().0 }),
        ),
    ] {
        let code = alice.login_and_consent(&web.request().scope(scope), "alice").await.code();
        let tokens = web.redeem(&code).await.tokens();
        let reply = web.userinfo(&tokens.access_token).await;
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.json(), expected, "{scope}");
    }
}

#[tokio::test]
async fn the_token_comes_by_header_or_form_body_and_one_way_only() {
    let app = TestApp::new().await;
    let token = app.tokens("web", "alice").await.access_token;
    let url = app.url("/oauth2/userinfo");
    let form = |request: reqwest::RequestBuilder, body: String| {
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let post = || app.http().post(&url);
    let body = format!("access_token={token}");
    for good in [
        app.http().get(&url).bearer_auth(&token),
        app.http().get(&url).header("authorization", format!("bearer {token}")),
        post().bearer_auth(&token),
        form(post().bearer_auth(&token), String::new()),
        form(post(), body.clone()),
    ] {
        assert_eq!(app.send(good).await.json()["sub"], "user-test-alice");
    }
    for bad in [
        app.http().get(format!("{url}?access_token={token}")),
        app.http().get(format!("{url}?access_token={token}")).bearer_auth(&token),
        form(post().bearer_auth(&token), body.clone()),
        form(post().bearer_auth(&token), "access_token=".into()),
        form(post(), format!("{body}&{body}")),
        app.http().get(&url).header("authorization", "Bearer"),
        app.http().get(&url).header("authorization", "Bearer a b"),
        app.http().get(&url).bearer_auth(&token).header("authorization", format!("Bearer {token}")),
    ] {
        let reply = app.send(bad).await;
        reply.refused(400, "invalid_request");
    }
    for none in
        [app.http().get(&url), post(), form(post(), String::new()), app.http().get(&url).basic_auth("web", Some("x"))]
    {
        let reply = app.send(none).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer"), "{}", reply.body);
    }
    // Not a form: nothing is read from it.
    let json = app
        .send(post().header("content-type", "application/json").body(format!("{{\"access_token\":\"{token}\"}}")))
        .await;
    assert_eq!(json.status, 401);
}

#[track_caller]
fn is_refused(reply: &Reply) {
    reply.refused(401, "invalid_token");
    assert!(reply.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""), "{reply:?}");
}

#[tokio::test]
async fn a_token_dies_with_everything_behind_it() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let token = async || app.tokens("web", "alice").await.access_token;

    let expired = token().await;
    app.advance(599);
    web.userinfo(&expired).await.json();
    app.advance(1);
    is_refused(&web.userinfo(&expired).await);

    let disconnected = token().await;
    app.advance(1);
    app.revoke_grant("alice", "web").await;
    is_refused(&web.userinfo(&disconnected).await);

    let signed_out = token().await;
    app.advance(1);
    app.sign_out_everywhere("alice").await;
    is_refused(&web.userinfo(&signed_out).await);

    let revoked = token().await;
    web.revoke(&revoked).await;
    is_refused(&web.userinfo(&revoked).await);

    let client_gone = token().await;
    app.advance(1);
    app.disable_client("web").await;
    is_refused(&web.userinfo(&client_gone).await);
    app.enable_client("web").await;
    is_refused(&web.userinfo(&client_gone).await);

    let user_gone = token().await;
    app.advance(1);
    app.disable_user("alice").await;
    is_refused(&web.userinfo(&user_gone).await);
    app.enable_user("alice").await;
    is_refused(&web.userinfo(&user_gone).await);
}

#[tokio::test]
async fn without_openid_there_is_no_userinfo() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let code = app.browser().login_and_consent(&web.request().scope("notes:read email"), "alice").await.code();
    let reply = web.userinfo(&web.redeem(&code).await.tokens().access_token).await;
    reply.refused(403, "insufficient_scope");
    assert!(reply.header("www-authenticate").contains("scope=\"openid\""));
}

/// What the user took back since is missing, although the token still says it.
#[tokio::test]
async fn claims_follow_the_grant_of_now() {
    use hospes::pages::decision;
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    let token = web.redeem(&code).await.tokens().access_token;
    assert_eq!(web.userinfo(&token).await.json()["email"], "alice@example.com");
    let page = alice.authorize(&web.request()).await;
    alice.submit(page.form().without("scope:email").press(decision::ALLOW)).await.callback().code();
    assert!(web.userinfo(&token).await.json().get("email").is_none());
}

/// mcp T-16: never null.
#[tokio::test]
async fn a_user_without_claims_has_none() {
    let plan = TestApp::plan().seed(|seed| seed["users"][0]["profile"] = json!({ "claims": { "name": null } }));
    let app = plan.start().await;
    let web = app.client("web");
    let request = web.request().scope("openid profile email phone address");
    let code = app.browser().login_and_consent(&request, "alice").await.code();
    let userinfo = web.userinfo(&web.redeem(&code).await.tokens().access_token).await.json();
    assert_eq!(userinfo, json!({ "sub": "user-test-alice", "updated_at": app.now().0 }));
}
