//! `POST /oauth2/token` with an authorization code: RFC 6749 §4.1.3, OAuth 2.1 §4.1.3, RFC 7636 §4.6.

use crate::app::{API, MCP, TestApp, client::VERIFIER, decode};
use serde_json::json;

#[tokio::test]
async fn a_user_logs_in_consents_and_the_client_gets_its_tokens() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let callback = app.browser().login_and_consent(&web.request(), "alice").await;
    assert_eq!(callback.uri, web.redirect_uri);
    assert_eq!(callback.get("state"), Some("af0ifjsldkj"));
    assert_eq!(callback.get("iss"), Some(app.issuer.as_str()));

    let reply = web.redeem(&callback.code()).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("pragma"), "no-cache");
    let tokens = reply.tokens();
    assert_eq!(tokens.scope, "openid profile email notes:read offline_access");
    assert_eq!(tokens.body["token_type"], "Bearer");
    assert_eq!(tokens.body["expires_in"], 600);
    assert!(tokens.refresh_token.starts_with("hrt_"));
    assert_eq!(web.userinfo(&tokens.access_token).await.json()["name"], "Alice Quay");
}

/// RFC 9068 §2.1 and §2.2.
#[tokio::test]
async fn an_access_token_says_what_rfc_9068_wants() {
    let app = TestApp::new().await;
    let tokens = app.tokens("web", "alice").await;
    let (header, claims) = decode(&tokens.access_token);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "ES256");
    assert!(header["kid"].is_string());
    let mut known = claims.clone();
    for changing in ["jti", "fid", "sid"] {
        assert!(known[changing].as_str().is_some_and(|text| !text.is_empty()), "{changing}: {claims}");
        known.as_object_mut().unwrap().remove(changing);
    }
    assert_eq!(
        known,
        json!({
            "iss": app.issuer, "sub": "user-test-alice", "aud": API, "client_id": "web",
            "scope": "openid profile email notes:read offline_access",
            "iat": app.now().0, "exp": app.now().0 + 600, "auth_time": app.now().0, "amr": ["pwd"],
        })
    );
}

/// OIDC Core §2 and §3.1.3.6.
#[tokio::test]
async fn an_id_token_says_who_logged_in_and_when() {
    let app = TestApp::new().await;
    let tokens = app.tokens("web", "alice").await;
    let (header, claims) = decode(&tokens.id_token);
    assert_eq!(header["alg"], "RS256");
    assert_ne!(header["typ"], "at+jwt");
    let digest = hospes::secret::sha256(tokens.access_token.as_bytes());
    let at_hash = <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&digest[..16]);
    assert_eq!(claims["at_hash"], at_hash);
    assert_eq!(claims["iss"], app.issuer);
    assert_eq!(claims["aud"], "web");
    assert_eq!(claims["sub"], "user-test-alice");
    assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
    assert_eq!(claims["auth_time"], app.now().0);
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert_eq!(claims["exp"], app.now().0 + 3600);
    assert_eq!(claims["sid"], tokens.access()["sid"]);
    // Not only at userinfo: many clients never ask there.
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["name"], "Alice Quay");
    assert!(claims.get("phone_number").is_none());
}

/// OIDC Core §5.5.1.1: `acr_values` is a wish, so it ends nothing, and no token claims that it was met.
#[tokio::test]
async fn a_voluntary_acr_is_not_claimed_and_ends_nothing() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let wished =
        [("acr_values", "urn:example:gold 1"), ("claims", r#"{"id_token":{"acr":{"value":"urn:example:gold"}}}"#)];
    for (name, value) in wished {
        let callback = app.browser().login_and_consent(&web.request().with(name, value), "alice").await;
        let tokens = web.redeem(&callback.code()).await.tokens();
        for token in [&tokens.id_token, &tokens.access_token] {
            assert!(decode(token).1.get("acr").is_none(), "{name}: {:?}", decode(token).1);
        }
        assert!(web.introspect(&tokens.access_token).await.get("acr").is_none(), "{name}");
    }
}

#[tokio::test]
async fn without_openid_there_is_no_id_token_and_without_offline_access_no_refresh_token() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let callback = app.browser().login_and_consent(&web.request().scope("notes:read"), "alice").await;
    let tokens = web.redeem(&callback.code()).await.tokens();
    assert!(tokens.body.get("id_token").is_none() && tokens.body.get("refresh_token").is_none(), "{}", tokens.body);
    assert_eq!(tokens.scope, "notes:read");
}

#[tokio::test]
async fn a_client_that_may_not_refresh_gets_no_refresh_token() {
    let app = TestApp::new().await;
    let brief = app.client("brief");
    let callback = app.browser().login_and_consent(&brief.request(), "alice").await;
    let tokens = brief.redeem(&callback.code()).await.tokens();
    assert!(tokens.refresh_token.is_empty());
    assert!(!tokens.scope.contains("offline_access"), "{}", tokens.scope);
}

#[tokio::test]
async fn a_code_lives_a_minute() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    app.advance(59);
    web.redeem(&code).await.tokens();
    let late = alice.login_and_consent(&web.request(), "alice").await.code();
    app.advance(60);
    web.redeem(&late).await.refused(400, "invalid_grant");
}

/// RFC 6749 §4.1.2: the tokens issued before are revoked.
#[tokio::test]
async fn a_valid_replay_revokes_what_the_code_gave() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let code = app.browser().login_and_consent(&web.request(), "alice").await.code();
    let tokens = web.redeem(&code).await.tokens();
    web.redeem(&code).await.refused(400, "invalid_grant");
    assert!(!web.is_active(&tokens.access_token).await);
    assert!(!web.is_active(&tokens.refresh_token).await);
    web.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    assert_eq!(web.userinfo(&tokens.access_token).await.status, 401);
}

#[tokio::test]
async fn a_replay_is_noticed_long_after_the_code_expired() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let code = app.browser().login_and_consent(&web.request(), "alice").await.code();
    let tokens = web.redeem(&code).await.tokens();
    app.advance(23 * 3600);
    web.redeem(&code).await.refused(400, "invalid_grant");
    web.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
}

/// Who merely saw a code must not be able to end what it gave.
#[tokio::test]
async fn an_invalid_replay_has_no_effect() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let code = app.browser().login_and_consent(&spa.request(), "alice").await.code();
    let tokens = spa.redeem(&code).await.tokens();
    let replays: [(&str, &[(&str, &str)]); 4] = [
        ("no verifier", &[("redirect_uri", &spa.redirect_uri)]),
        ("another verifier", &[("redirect_uri", &spa.redirect_uri), ("code_verifier", &"w".repeat(43))]),
        ("an empty verifier", &[("redirect_uri", &spa.redirect_uri), ("code_verifier", "")]),
        ("another redirect_uri", &[("redirect_uri", "https://app.example/other?x=1"), ("code_verifier", VERIFIER)]),
    ];
    for (name, parameters) in replays {
        let parameters = [&[("grant_type", "authorization_code"), ("code", &code)], parameters].concat();
        let reply = spa.token(&parameters).await;
        assert_eq!(reply.error(), (400, "invalid_grant".to_owned()), "{name}");
    }
    app.client("other").redeem(&code).await.refused(400, "invalid_grant");
    spa.refresh(&tokens.refresh_token).await.tokens();
}

/// A refused attempt does not use the code up either.
#[tokio::test]
async fn a_wrong_attempt_leaves_the_code_for_its_owner() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let code = app.browser().login_and_consent(&spa.request(), "alice").await.code();
    app.client("other").redeem(&code).await.refused(400, "invalid_grant");
    app.client("web").redeem(&code).await.refused(400, "invalid_grant");
    let wrong = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", &"w".repeat(43))];
    spa.token(&wrong).await.refused(400, "invalid_grant");
    spa.redeem(&code).await.tokens();
}

#[tokio::test]
async fn redirect_uri_may_be_left_out_but_not_changed() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&spa.request(), "alice").await.code();
    let without = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    spa.token(&without).await.tokens();
    let code = alice.login_and_consent(&spa.request(), "alice").await.code();
    for changed in ["https://app.example/callback/", "https://app.example/other?x=1", "https://APP.example/callback"] {
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
            ("redirect_uri", changed),
        ];
        spa.token(&parameters).await.refused(400, "invalid_grant");
    }
    spa.redeem(&code).await.tokens();
}

/// RFC 8707 §2.2.
#[tokio::test]
async fn resources_are_those_of_the_authorization_and_can_be_narrowed() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let request = web.request().and("resource", API).and("resource", MCP);
    let tokens = web.redeem(&alice.login_and_consent(&request, "alice").await.code()).await.tokens();
    assert_eq!(tokens.access()["aud"], json!([API, MCP]));

    let code = alice.login_and_consent(&request, "alice").await.code();
    let parameters = |resource| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
            ("resource", resource),
        ]
    };
    web.token(&parameters("https://unknown.example")).await.refused(400, "invalid_target");
    let tokens = web.token(&parameters(MCP)).await.tokens();
    assert_eq!(tokens.access()["aud"], MCP);
    // The family keeps both.
    let again = web.refresh(&tokens.refresh_token).await.tokens();
    assert_eq!(again.access()["aud"], json!([API, MCP]));
}

#[tokio::test]
async fn missing_and_unknown_grants_are_named() {
    let app = TestApp::new().await;
    let web = app.client("web");
    web.token(&[]).await.refused(400, "invalid_request");
    web.token(&[("grant_type", "")]).await.refused(400, "invalid_request");
    web.token(&[("grant_type", "authorization_code")]).await.refused(400, "invalid_request");
    web.token(&[("grant_type", "refresh_token")]).await.refused(400, "invalid_request");
    for grant in ["password", "urn:ietf:params:oauth:grant-type:device_code", "implicit", "Authorization_Code"] {
        web.token(&[("grant_type", grant)]).await.refused(400, "unsupported_grant_type");
    }
    web.client_credentials(&[]).await.refused(400, "unauthorized_client");
    app.client("m2m").redeem("hac_x").await.refused(400, "unauthorized_client");
    app.client("brief").refresh("hrt_x").await.refused(400, "unauthorized_client");
}

#[tokio::test]
async fn an_unknown_code_is_invalid_grant() {
    let app = TestApp::new().await;
    let web = app.client("web");
    for code in ["x", "hac_", "hac_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "' OR 1=1 --"] {
        web.redeem(code).await.refused(400, "invalid_grant");
    }
}

/// OIDC Core §5.5.
#[tokio::test]
async fn single_claims_come_where_they_were_asked_for() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let claims = r#"{"userinfo":{"phone_number":null},"id_token":{"email":{"essential":true},"auth_time":null}}"#;
    let request = web.request().scope("openid").with("claims", claims);
    let tokens = web.redeem(&app.browser().login_and_consent(&request, "alice").await.code()).await.tokens();
    assert_eq!(tokens.identity()["email"], "alice@example.com");
    assert!(tokens.identity().get("phone_number").is_none());
    let userinfo = web.userinfo(&tokens.access_token).await.json();
    assert_eq!(userinfo, json!({ "sub": "user-test-alice", "phone_number": "+49301234567" }));
}

/// Design section 5: a client may have other algorithms and lifetimes.
#[tokio::test]
async fn algorithms_and_lifetimes_are_the_clients_own() {
    let plan = TestApp::plan().client("web", |web| {
        web["access_token_alg"] = "EdDSA".into();
        web["id_token_alg"] = "ES256".into();
        web["access_token_lifetime"] = 120.into();
    });
    let app = plan.start().await;
    let tokens = app.tokens("web", "alice").await;
    assert_eq!(decode(&tokens.access_token).0["alg"], "EdDSA");
    assert_eq!(decode(&tokens.id_token).0["alg"], "ES256");
    assert_eq!(tokens.body["expires_in"], 120);
    let web = app.client("web");
    assert!(web.is_active(&tokens.access_token).await);
    app.advance(120);
    assert!(!web.is_active(&tokens.access_token).await);
}

/// Nothing lives longer than the user's consent.
#[tokio::test]
async fn tokens_end_with_the_consent() {
    use hospes::pages::{decision, field};
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let page = alice.authorize(&web.request()).await;
    let page = alice.login(&page, "alice").await;
    let form = page.form().with(field::ENDS_AFTER, "86400").press(decision::ALLOW);
    let tokens = web.redeem(&alice.submit(form).await.callback().code()).await.tokens();
    app.advance(86_400 - 60);
    let tokens = web.refresh(&tokens.refresh_token).await.tokens();
    assert_eq!(tokens.body["expires_in"], 60);
    app.advance(60);
    web.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    assert!(!web.is_active(&tokens.access_token).await);
}
