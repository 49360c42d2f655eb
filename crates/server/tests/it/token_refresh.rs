//! `POST /oauth2/token` with a refresh token: RFC 6749 §6, OAuth 2.1 §4.3, RFC 9700 §4.14.2, RFC 8707 §2.2.

use crate::app::{API, MCP, TestApp, decode};
use hospes::keys::Rotation;
use hospes_protocol::{Scope, Seconds};
use serde_json::json;

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_public_client_gets_a_new_refresh_token_each_time() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let second = spa.refresh(&first.refresh_token).await.tokens();
    let third = spa.refresh(&second.refresh_token).await.tokens();
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_ne!(second.refresh_token, third.refresh_token);
    assert_ne!(second.access_token, third.access_token);
    assert_eq!(third.scope, first.scope);
    assert_eq!(app.family_of(&first.access_token).await.refresh.unwrap().generation, 3);
}

/// It proves itself at each use (OAuth 2.1 §4.3.1).
#[tokio::test]
async fn a_confidential_client_keeps_its_refresh_token() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let first = app.tokens("web", "alice").await;
    for _ in 0..3 {
        app.advance(1000);
        let next = web.refresh(&first.refresh_token).await.tokens();
        assert_eq!(next.refresh_token, first.refresh_token);
        assert!(web.is_active(&next.access_token).await);
    }
    assert_eq!(app.family_of(&first.access_token).await.refresh.unwrap().generation, 1);
}

/// OIDC Core §12.2: same subject, issuer and audience; `auth_time` of the login; no nonce.
#[tokio::test]
async fn a_refreshed_id_token_tells_of_the_same_login() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    let first = tokens.identity();
    app.advance(500);
    let second = web.refresh(&tokens.refresh_token).await.tokens().identity();
    for same in ["iss", "sub", "aud", "auth_time", "sid", "amr"] {
        assert_eq!(first[same], second[same], "{same}");
    }
    assert_eq!(second["iat"], app.now().0);
    assert!(second.get("nonce").is_none());
}

#[tokio::test]
async fn a_request_narrows_one_access_token_and_not_the_family() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    let narrow = web.refresh_with(&tokens.refresh_token, &[("scope", "notes:read")]).await.tokens();
    assert_eq!(narrow.scope, "notes:read");
    assert!(narrow.id_token.is_empty());
    assert_eq!(web.refresh(&tokens.refresh_token).await.tokens().scope, tokens.scope);
}

/// attacks.md row 23; RFC 6749 §6.
#[tokio::test]
async fn a_request_beyond_the_authorization_is_refused_and_takes_no_step() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let tokens = app.tokens("spa", "alice").await;
    for scope in ["notes:read notes:write", "notes:delete", "openid full_access", "weather"] {
        spa.refresh_with(&tokens.refresh_token, &[("scope", scope)]).await.refused(400, "invalid_scope");
    }
    for resource in [MCP, "https://evil.example", "not a uri"] {
        let reply = spa.refresh_with(&tokens.refresh_token, &[("resource", resource)]).await;
        assert_eq!(reply.error(), (400, "invalid_target".to_owned()), "{resource}");
    }
    assert_eq!(app.family_of(&tokens.access_token).await.refresh.unwrap().generation, 1);
    spa.refresh(&tokens.refresh_token).await.tokens();
}

#[tokio::test]
async fn resources_are_narrowed_for_one_access_token() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let request = web.request().and("resource", API).and("resource", MCP);
    let tokens = web.redeem(&app.browser().login_and_consent(&request, "alice").await.code()).await.tokens();
    let narrow = web.refresh_with(&tokens.refresh_token, &[("resource", MCP)]).await.tokens();
    assert_eq!(narrow.access()["aud"], MCP);
    assert_eq!(web.refresh(&tokens.refresh_token).await.tokens().access()["aud"], json!([API, MCP]));
}

#[tokio::test]
async fn another_client_cannot_use_it_and_changes_nothing() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let tokens = app.tokens("spa", "alice").await;
    app.client("other").refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    app.client("web").refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    // Not even with a token that was replaced long ago.
    let next = spa.refresh(&tokens.refresh_token).await.tokens();
    app.advance(3600);
    app.client("other").refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    spa.refresh(&next.refresh_token).await.tokens();
}

/// Nobody can end a family by guessing.
#[tokio::test]
async fn a_token_that_was_tampered_with_has_no_effect() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let old = app.tokens("spa", "alice").await.refresh_token;
    let current = spa.refresh(&old).await.tokens().refresh_token;
    app.advance(3600);
    for at in [5, 20, 40, 50, 60, 80, 100, current.len() - 1] {
        for token in [&old, &current] {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let token = String::from_utf8(bytes).unwrap();
            spa.refresh(&token).await.refused(400, "invalid_grant");
        }
    }
    spa.refresh(&current).await.tokens();
}

#[tokio::test]
async fn a_family_ends_when_it_is_not_used_and_at_its_absolute_end() {
    let plan = TestApp::plan().set("lifetimes.refresh_idle", "10d").set("lifetimes.refresh_absolute", "30d");
    let app = plan.start().await;
    let web = app.client("web");
    let idle = app.tokens("web", "alice").await;
    let used = app.tokens("web", "alice").await;
    app.advance(9 * DAY);
    web.refresh(&used.refresh_token).await.tokens();
    app.advance(DAY);
    web.refresh(&idle.refresh_token).await.refused(400, "invalid_grant");
    for _ in 0..2 {
        app.advance(8 * DAY);
        web.refresh(&used.refresh_token).await.tokens();
    }
    // 26 days; the end comes although the idle time would reach further.
    app.advance(4 * DAY - 100);
    let last = web.refresh(&used.refresh_token).await.tokens();
    assert_eq!(last.body["expires_in"], 100);
    app.advance(100);
    web.refresh(&used.refresh_token).await.refused(400, "invalid_grant");
    assert!(!web.is_active(&last.access_token).await);
}

/// Nothing outlives the family's absolute end; a repeated answer moves no time.
#[tokio::test]
async fn an_answer_given_again_moves_no_time() {
    let plan = TestApp::plan().set("lifetimes.refresh_idle", "1h").set("lifetimes.refresh_window", "10m");
    let app = plan.start().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let second = spa.refresh(&first.refresh_token).await.tokens();
    let before = app.family_of(&first.access_token).await;
    app.advance(300);
    assert_eq!(spa.refresh(&first.refresh_token).await.tokens().refresh_token, second.refresh_token);
    assert_eq!(app.family_of(&first.access_token).await, before);
}

/// A client that lost several answers in a row is led to the current token.
#[tokio::test]
async fn several_lost_answers_lead_to_the_same_token() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let mut chain = vec![app.tokens("spa", "alice").await.refresh_token];
    for _ in 0..5 {
        chain.push(spa.refresh(chain.last().unwrap()).await.tokens().refresh_token);
        app.advance(5);
    }
    for old in &chain {
        if old != chain.last().unwrap() {
            assert_eq!(&spa.refresh(old).await.tokens().refresh_token, chain.last().unwrap());
        }
    }
}

/// Only eight steps are remembered; what is older counts as replaced outside its window.
#[tokio::test]
async fn a_step_that_is_no_longer_remembered_is_theft() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let mut current = first.refresh_token.clone();
    for _ in 0..9 {
        current = spa.refresh(&current).await.tokens().refresh_token;
    }
    spa.refresh(&first.refresh_token).await.refused(400, "invalid_grant");
    spa.refresh(&current).await.refused(400, "invalid_grant");
    assert!(app.family_of(&first.access_token).await.revoked_at.is_some());
}

/// Design section 4, "Refresh tokens": strict single use.
#[tokio::test]
async fn with_window_0_a_second_use_ends_the_family() {
    let app = TestApp::plan().client("spa", |spa| spa["refresh_window"] = 0.into()).start().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let second = spa.refresh(&first.refresh_token).await.tokens();
    spa.refresh(&first.refresh_token).await.refused(400, "invalid_grant");
    spa.refresh(&second.refresh_token).await.refused(400, "invalid_grant");
    assert_eq!(spa.userinfo(&second.access_token).await.status, 401);
}

/// The client's setting wins over the project's.
#[tokio::test]
async fn the_window_is_configured() {
    let plan = TestApp::plan().set("lifetimes.refresh_window", "10").client("other", |other| {
        other["refresh_window"] = 100.into();
    });
    let app = plan.start().await;
    for (client, window) in [("spa", 10), ("other", 100)] {
        let own = app.client(client);
        let first = app.tokens(client, "alice").await;
        let second = own.refresh(&first.refresh_token).await.tokens();
        app.advance(window - 1);
        assert_eq!(own.refresh(&first.refresh_token).await.tokens().refresh_token, second.refresh_token);
        app.advance(1);
        own.refresh(&first.refresh_token).await.refused(400, "invalid_grant");
        own.refresh(&second.refresh_token).await.refused(400, "invalid_grant");
    }
    app.update_client("spa", |settings| settings.refresh_window = Some(Seconds(50))).await;
    let first = app.tokens("spa", "bob").await;
    app.client("spa").refresh(&first.refresh_token).await.tokens();
    app.advance(49);
    app.client("spa").refresh(&first.refresh_token).await.tokens();
}

/// Each access token = family ∩ requested ∩ grant now ∩ client now ∩ the user's roles now. Keycloak
/// GHSA-895x-rfqp-jh5c: a scope that was taken away must not live on in old refresh tokens.
#[tokio::test]
async fn what_is_taken_away_is_missing_at_the_next_refresh() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let request = web.request().scope("openid email notes:read notes:write weather offline_access");
    let tokens = web.redeem(&app.browser().login_and_consent(&request, "alice").await.code()).await.tokens();
    assert_eq!(tokens.scope, "openid email notes:read notes:write weather offline_access");
    let ceiling = Scope::parse("openid email notes:read notes:write offline_access").unwrap();
    app.update_client("web", move |settings| settings.scope = Some(ceiling.clone())).await;
    let refreshed = web.refresh(&tokens.refresh_token).await.tokens();
    assert_eq!(refreshed.scope, "openid email notes:read notes:write offline_access");
    app.update_user("alice", |alice| alice.roles.clear()).await;
    assert_eq!(web.refresh(&tokens.refresh_token).await.tokens().scope, "openid email offline_access");
    // A client that repeats its old scope goes on with less.
    let repeated = web.refresh_with(&tokens.refresh_token, &[("scope", "openid notes:read")]).await.tokens();
    assert_eq!(repeated.scope, "openid");
    web.refresh_with(&tokens.refresh_token, &[("scope", "notes:read")]).await.refused(400, "invalid_grant");
    // And gets it back when the user does.
    app.update_user("alice", |alice| alice.roles.push("member".into())).await;
    assert_eq!(web.refresh(&tokens.refresh_token).await.tokens().scope, refreshed.scope);
}

#[tokio::test]
async fn what_a_user_unticks_later_is_taken_from_older_tokens() {
    use hospes::pages::decision;
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    let old = web.redeem(&code).await.tokens();
    let page = alice.authorize(&web.request()).await;
    let form = page.form().without("scope:email").press(decision::ALLOW);
    web.redeem(&alice.submit(form).await.callback().code()).await.tokens();
    assert_eq!(web.refresh(&old.refresh_token).await.tokens().scope, "openid profile notes:read offline_access");
}

/// Key rotation in mid-window changes no successor (design section 4).
#[tokio::test]
async fn a_new_refresh_key_is_for_new_families() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let second = spa.refresh(&first.refresh_token).await.tokens();
    app.rotate_keys(Rotation::Refresh { keep: Seconds(DAY) }).await;
    assert_eq!(spa.refresh(&first.refresh_token).await.tokens().refresh_token, second.refresh_token);
    spa.refresh(&second.refresh_token).await.tokens();
    let new = app.tokens("spa", "alice").await;
    assert_ne!(new.refresh_token[..14], first.refresh_token[..14], "the key id is the same");
    spa.refresh(&new.refresh_token).await.tokens();
}

/// `hospes key rotate` with overlap: tokens of before and after verify, and the key set shows all keys.
#[tokio::test]
async fn signing_keys_rotate_with_overlap() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let before = app.tokens("web", "alice").await;
    let kid = |token: &str| decode(token).0["kid"].as_str().unwrap().to_owned();
    let kids = |jwks: serde_json::Value| {
        let keys = jwks["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    app.rotate_keys(Rotation::Signing { lead: Seconds(3600), keep: Seconds(2 * DAY) }).await;
    // Any request loads the new keys; they are published before they sign.
    let lead = web.refresh(&before.refresh_token).await.tokens();
    assert_eq!(kid(&lead.access_token), kid(&before.access_token));
    app.advance(3600);
    let after = web.refresh(&before.refresh_token).await.tokens();
    assert_ne!(kid(&after.access_token), kid(&before.access_token));
    let published = kids(app.get("/.well-known/jwks.json").await.json());
    for token in [&before.access_token, &after.access_token, &before.id_token, &after.id_token] {
        assert!(published.contains(&kid(token)), "{published:?}");
    }
    assert!(web.is_active(&after.access_token).await);
    app.advance(10 * DAY);
    let published = kids(app.get("/.well-known/jwks.json").await.json());
    assert!(!published.contains(&kid(&before.access_token)), "{published:?}");
}
