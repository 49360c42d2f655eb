//! `GET` and `POST /oauth2/authorize`: RFC 6749 §3.1 and §4.1, OAuth 2.1 §4.1, OIDC Core §3.1.2, RFC 7636, RFC 9207.

use crate::app::{AuthorizationUrl, Browser, Callback, TestApp, decode};
use hospes::pages::decision;
use serde_json::json;

/// What the client is told when the request is opened in a fresh browser.
async fn told(app: &TestApp, request: &AuthorizationUrl) -> Callback {
    let reply = app.browser().authorize(request).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply.callback()
}

/// That the request stays on our page: there is no proven address to send anybody to (RFC 6749 §4.1.2.1).
async fn stays(app: &TestApp, request: &AuthorizationUrl, status: u16, error: &str) {
    let reply = app.browser().authorize(request).await;
    assert_eq!((reply.status, reply.page_error().as_str()), (status, error), "{}", request.query());
    assert!(reply.header("location").is_empty());
}

#[tokio::test]
async fn post_is_as_good_as_get() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let request = web.request();
    let form = app
        .http()
        .post(&request.endpoint)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(request.query());
    let mut browser = app.browser();
    let reply = browser.send(form).await;
    // 303, so that the browser comes again with its cookies.
    assert_eq!(reply.status, 303);
    let page = browser.follow(reply).await;
    let page = browser.login(&page, "alice").await;
    web.redeem(&browser.allow(&page).await.callback().code()).await.tokens();
}

#[tokio::test]
async fn errors_before_client_and_redirect_uri_are_proven_stay_on_our_page() {
    let app = TestApp::new().await;
    let web = app.client("web").request();
    stays(&app, &web.clone().without("client_id"), 400, "invalid_request").await;
    stays(&app, &web.clone().with("client_id", "nobody"), 401, "invalid_client").await;
    stays(&app, &web.clone().with("client_id", "off"), 401, "invalid_client").await;
    stays(&app, &web.clone().without("redirect_uri"), 400, "invalid_request").await;
    stays(&app, &web.clone().with("redirect_uri", "https://evil.example/callback"), 400, "invalid_request").await;
    stays(&app, &web.clone().and("redirect_uri", "https://app.example/callback"), 400, "invalid_request").await;
    stays(&app, &web.clone().with("client_id", &"c".repeat(3000)), 400, "invalid_request").await;
}

#[tokio::test]
async fn mistakes_of_a_proven_client_are_told_to_it() {
    let app = TestApp::new().await;
    let spa = app.client("spa").request();
    let cases = [
        (spa.clone().without("response_type"), "invalid_request"),
        (spa.clone().with("response_type", "token"), "unsupported_response_type"),
        (spa.clone().with("response_type", "id_token"), "unsupported_response_type"),
        (spa.clone().with("response_type", "code id_token"), "unsupported_response_type"),
        (spa.clone().with("response_mode", "fragment"), "invalid_request"),
        (spa.clone().with("response_mode", "web_message"), "invalid_request"),
        (spa.clone().with("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
        (spa.clone().with("request_uri", "https://evil.example/r"), "request_uri_not_supported"),
        (spa.clone().with("registration", "{}"), "registration_not_supported"),
        (spa.clone().without("code_challenge"), "invalid_request"),
        (spa.clone().without("code_challenge").without("code_challenge_method"), "invalid_request"),
        (spa.clone().with("code_challenge_method", "plain"), "invalid_request"),
        (spa.clone().without("code_challenge_method"), "invalid_request"),
        (spa.clone().with("code_challenge", "short"), "invalid_request"),
        (spa.clone().scope("unknown"), "invalid_scope"),
        (spa.clone().scope("bad\"quote"), "invalid_scope"),
        (spa.clone().with("resource", "https://unknown.example"), "invalid_target"),
        (spa.clone().with("resource", "https://api.example.com#fragment"), "invalid_target"),
        (spa.clone().with("prompt", "none login"), "invalid_request"),
        (spa.clone().with("max_age", "soon"), "invalid_request"),
        (spa.clone().with("max_age", "-1"), "invalid_request"),
        (spa.clone().with("claims", "{"), "invalid_request"),
        (spa.clone().with("claims", "[]"), "invalid_request"),
        (spa.clone().with("nonce", &"n".repeat(1025)), "invalid_request"),
        (
            spa.clone().with("claims", r#"{"id_token":{"acr":{"essential":true,"value":"gold"}}}"#),
            "unmet_authentication_requirements",
        ),
    ];
    for (request, error) in cases {
        let callback = told(&app, &request).await;
        assert_eq!(callback.error(), error, "{}", request.query());
        assert_eq!(callback.uri, "https://app.example/callback");
        assert_eq!(callback.get("state"), Some("af0ifjsldkj"));
        assert_eq!(callback.get("iss"), Some(app.issuer.as_str()));
        assert!(callback.get("error_description").is_some_and(|text| !text.is_empty()));
    }
}

#[tokio::test]
async fn a_client_without_the_grant_gets_no_code() {
    let plan = TestApp::plan().client("m2m", |m2m| {
        m2m["redirect_uris"] = json!(["https://app.example/callback"]);
        m2m["grant_types"] = json!(["client_credentials", "authorization_code"]);
    });
    let app = plan.start().await;
    app.update_client("m2m", |settings| {
        settings.grant_types.retain(|grant| *grant == hospes_protocol::client::GrantType::ClientCredentials);
    })
    .await;
    let callback = told(&app, &app.client("m2m").request().scope("weather")).await;
    assert_eq!(callback.error(), "unauthorized_client");
}

#[tokio::test]
async fn a_registered_query_is_kept() {
    let app = TestApp::new().await;
    let request = app.client("spa").request().with("redirect_uri", "https://app.example/other?x=1");
    let callback = app.browser().login_and_consent(&request, "alice").await;
    assert_eq!(callback.get("x"), Some("1"));
    callback.code();
}

/// OAuth 2.0 Form Post Response Mode.
#[tokio::test]
async fn form_post_delivers_success_and_error() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let request = web.request().with("response_mode", "form_post");
    let mut alice = app.browser();
    let page = alice.authorize(&request).await;
    let page = alice.login(&page, "alice").await;
    let post = alice.allow(&page).await;
    assert_eq!((post.status, post.page()), (200, "form-post"));
    let callback = post.callback();
    assert_eq!(callback.uri, web.redirect_uri);
    assert_eq!(callback.get("state"), Some("af0ifjsldkj"));
    assert_eq!(callback.get("iss"), Some(app.issuer.as_str()));
    web.redeem(&callback.code()).await.tokens();
    let page = alice.authorize(&request.with("scope", "unknown")).await;
    assert_eq!(page.callback().error(), "invalid_scope");
}

#[tokio::test]
async fn prompt_none_never_shows_a_page() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let silent = web.request().scope("openid").with("prompt", "none");
    let mut alice = app.browser();
    assert_eq!(alice.authorize(&silent).await.callback().error(), "login_required");
    alice.sign_in("alice").await;
    assert_eq!(alice.authorize(&silent).await.callback().error(), "consent_required");
    let page = alice.authorize(&web.request().scope("openid")).await;
    alice.allow(&page).await;
    web.redeem(&alice.authorize(&silent).await.callback().code()).await.tokens();
    let offline = silent.clone().scope("openid offline_access");
    assert_eq!(alice.authorize(&offline).await.callback().error(), "consent_required");
    app.advance(100);
    assert_eq!(alice.authorize(&silent.clone().with("max_age", "50")).await.callback().error(), "login_required");
}

#[tokio::test]
async fn prompt_login_wants_a_new_login_and_then_goes_on() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    app.advance(50);
    let page = alice.authorize(&web.request().scope("openid").with("prompt", "login")).await;
    let page = alice.login(&page, "alice").await;
    let tokens = web.redeem(&alice.allow(&page).await.callback().code()).await.tokens();
    assert_eq!(tokens.identity()["auth_time"], app.now().0);
    // A login in another tab does not answer it.
    let page = alice.authorize(&web.request().scope("openid").with("prompt", "login")).await;
    assert_eq!(page.page(), "login");
    alice.sign_in("alice").await;
    assert_eq!(alice.open(&page.url).await.page(), "login");
}

#[tokio::test]
async fn max_age_wants_a_fresh_login() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let request = web.request().scope("openid");
    let mut alice = app.browser();
    alice.login_and_consent(&request, "alice").await;
    app.advance(100);
    alice.authorize(&request.clone().with("max_age", "100")).await.callback().code();
    for max_age in ["99", "0"] {
        let page = alice.authorize(&request.clone().with("max_age", max_age)).await;
        let tokens = web.redeem(&alice.login(&page, "alice").await.callback().code()).await.tokens();
        assert_eq!(tokens.identity()["auth_time"], app.now().0);
        app.advance(100);
    }
}

#[tokio::test]
async fn prompt_select_account_asks_who_goes_on() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let request = web.request().scope("openid");
    let choose = request.clone().with("prompt", "select_account");
    let mut browser = app.browser();
    browser.login_and_consent(&request, "alice").await;
    let page = browser.authorize(&choose).await;
    assert_eq!(page.page(), "account");
    assert!(page.body.contains("Alice Quay"));
    let tokens = web.redeem(&browser.submit(page.form().press(decision::CONTINUE)).await.callback().code()).await;
    assert_eq!(tokens.tokens().access()["sub"], "user-test-alice");
    let page = browser.authorize(&choose).await;
    let login = browser.submit(page.form().press(decision::SWITCH)).await;
    let consent = browser.login(&login, "bob").await;
    let tokens = web.redeem(&browser.allow(&consent).await.callback().code()).await.tokens();
    assert_eq!(tokens.access()["sub"], "user-test-bob");
    let page = browser.authorize(&choose).await;
    let callback = browser.submit(page.form().press(decision::CANCEL)).await.callback();
    assert_eq!(callback.error(), "access_denied");
}

#[tokio::test]
async fn login_hint_fills_the_form() {
    let app = TestApp::new().await;
    let request = app.client("web").request().with("login_hint", "bob@example.com");
    let page = app.browser().authorize(&request).await;
    assert_eq!(page.form().get("username"), Some("bob@example.com"));
}

/// OIDC Core §3.1.2.1: a hint can only make us ask more.
#[tokio::test]
async fn an_id_token_hint_of_another_user_asks_for_that_user() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let request = web.request().scope("openid");
    let mut browser = app.browser();
    let code = browser.login_and_consent(&request, "alice").await.code();
    let of_alice = web.redeem(&code).await.tokens().id_token;
    let hinted = request.clone().with("id_token_hint", &of_alice);
    browser.authorize(&hinted.clone().with("prompt", "none")).await.callback().code();
    // Expired hints are hints.
    app.advance(7200);
    browser.authorize(&hinted.clone().with("prompt", "none")).await.callback().code();
    browser.sign_in("bob").await;
    let silent = browser.authorize(&hinted.clone().with("prompt", "none")).await.callback();
    assert_eq!(silent.error(), "login_required");
    let page = browser.authorize(&hinted).await;
    assert_eq!(page.page(), "login");
    let callback = browser.login(&page, "bob").await.callback();
    assert_eq!(callback.error(), "login_required");
    let page = browser.authorize(&hinted).await;
    browser.login(&page, "alice").await.callback().code();
}

#[tokio::test]
async fn a_subject_in_the_claims_parameter_must_be_the_user() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let claims = r#"{"id_token":{"sub":{"value":"user-test-alice"}}}"#;
    let request = web.request().scope("openid").with("claims", claims);
    let mut browser = app.browser();
    browser.sign_in("bob").await;
    let page = browser.authorize(&request).await;
    let page = browser.login(&page, "alice").await;
    let tokens = web.redeem(&browser.allow(&page).await.callback().code()).await.tokens();
    assert_eq!(tokens.identity()["sub"], "user-test-alice");
}

#[tokio::test]
async fn pkce_is_optional_only_where_the_operator_says_so() {
    let app = TestApp::new().await;
    let legacy = app.client("legacy");
    let without = legacy.request().without("code_challenge").without("code_challenge_method");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&without, "alice").await.code();
    let parameters =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", &legacy.redirect_uri)];
    let tokens = legacy.token(&parameters).await.tokens();
    assert_eq!(decode(&tokens.id_token).1["nonce"], "n-0S6_WzA2Mj");
    // Without a challenge the nonce is what protects the code.
    assert_eq!(told(&app, &without.clone().without("nonce")).await.error(), "invalid_request");
    assert_eq!(told(&app, &without.clone().scope("notes:read")).await.error(), "invalid_request");
    // A challenge that is there counts.
    let code = alice.login_and_consent(&legacy.request(), "alice").await.code();
    let parameters = [("grant_type", "authorization_code"), ("code", code.as_str())];
    legacy.token(&parameters).await.refused(400, "invalid_grant");
    legacy.redeem(&code).await.tokens();
    // And a verifier without a challenge is a downgrade (RFC 9700 §4.8.2).
    let code = alice.login_and_consent(&without, "alice").await.code();
    legacy.redeem(&code).await.refused(400, "invalid_grant");
}

/// RFC 6749 §3.3 and mcp 1.7: unknown values are dropped, and the client learns what it got.
#[tokio::test]
async fn scope_is_narrowed_to_what_exists_and_is_open_to_the_client() {
    let plan = TestApp::plan().client("spa", |spa| spa["scope"] = "openid email notes:read".into());
    let app = plan.start().await;
    let spa = app.client("spa");
    let request = spa.request().scope("openid email notes:read notes:write full_access offline_access openid");
    let tokens = spa.redeem(&app.browser().login_and_consent(&request, "alice").await.code()).await.tokens();
    assert_eq!(tokens.scope, "openid email notes:read");
}

#[tokio::test]
async fn the_default_scope_is_the_clients_else_the_projects_else_openid() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let request = spa.request().without("scope");
    let mut alice = app.browser();
    let scope = async |alice: &mut Browser| {
        spa.redeem(&alice.login_and_consent(&request, "alice").await.code()).await.tokens().scope
    };
    assert_eq!(scope(&mut alice).await, "openid");
    app.update_policy(|policy| policy.default_scope = hospes_protocol::Scope::parse("openid notes:read").ok()).await;
    assert_eq!(scope(&mut alice).await, "openid notes:read");
    app.update_client("spa", |own| own.default_scope = hospes_protocol::Scope::parse("openid email").ok()).await;
    assert_eq!(scope(&mut alice).await, "openid email");
}

#[tokio::test]
async fn too_many_requests_from_one_address_are_told_to_wait() {
    let app = TestApp::plan().set("limits.authorize_per_minute", "5").start().await;
    let request = app.client("web").request();
    for _ in 0..5 {
        assert_eq!(app.browser().authorize(&request).await.page(), "login");
    }
    let reply = app.browser().authorize(&request).await;
    assert_eq!((reply.status, reply.page_error().as_str()), (429, "too_many_requests"));
    assert!(reply.header("retry-after").parse::<u32>().unwrap() >= 1);
    app.advance(60);
    assert_eq!(app.browser().authorize(&request).await.page(), "login");
}

/// OIDC Core §3.1.2.1: the client's wish goes before the browser's, on every page of the interaction.
#[tokio::test]
async fn ui_locales_choose_the_language() {
    let app = TestApp::new().await;
    let request = app.client("web").request();
    for (ui_locales, accept_language, expected) in [
        ("xx de", "en", "de"),
        ("de-AT en", "en", "de"),
        ("en", "de", "en"),
        ("xx", "de", "de"),
        ("", "de", "de"),
        ("xx", "xx;q=1", "en"),
    ] {
        let mut alice = app.browser().with_header("accept-language", accept_language);
        let login = alice.authorize(&request.clone().with("ui_locales", ui_locales)).await;
        let consent = alice.login(&login, "alice").await;
        for page in [login, consent] {
            let language = page.header("content-language");
            assert_eq!(language, expected, "{}: {ui_locales:?} {accept_language:?}", page.page());
        }
    }
}

/// RFC 6749 §4.1.2: no cache may keep the redirect that carries a code.
#[tokio::test]
async fn redirects_are_not_stored() {
    let app = TestApp::new().await;
    let first = app.client("first");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let reply = alice.peek(&first.request().url()).await;
    assert!(reply.location().starts_with(&first.redirect_uri));
    assert_eq!(reply.header("cache-control"), "no-store");
    let reply = alice.peek(&first.request().scope("unknown").url()).await;
    assert_eq!(reply.header("cache-control"), "no-store");
}
