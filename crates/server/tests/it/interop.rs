//! Interop failures that real clients have met, as tests: `mcp-and-agents.md` T-01 to T-30, as far as it is built.
//! T-04 and T-07 are in `metadata`, T-06 in `cors`, T-15 in `client_authentication`.

use crate::app::{API, AuthorizationUrl, FILES, MCP, ODD_CLIENT, START, TestApp, client::basic};
use hospes::pages::{decision, field};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Loopback addresses with the port of the day; everything that only looks like one is refused.
#[tokio::test]
async fn t01_loopback_redirects_may_have_any_port() {
    let app = TestApp::new().await;
    let cli = app.client("cli");
    let mut alice = app.browser();
    for redirect_uri in [
        "http://127.0.0.1:49567/callback",
        "http://localhost:1/callback",
        "http://[::1]:65535/callback",
        "http://127.0.0.1/callback",
    ] {
        let request = cli.request().with("redirect_uri", redirect_uri);
        let callback = alice.login_and_consent(&request, "alice").await;
        assert_eq!(callback.uri, redirect_uri);
        let code = callback.code();
        let mut own = cli.clone();
        // The token request needs the same address, port and all.
        own.redirect_uri = "http://127.0.0.1:49568/callback".into();
        own.redeem(&code).await.refused(400, "invalid_grant");
        own.redirect_uri = redirect_uri.into();
        own.redeem(&code).await.tokens();
    }
    for refused in [
        "http://localhost:8080@evil.com/callback",
        "http://127.0.0.1.evil.com/callback",
        "http://127.0.0.1:80:80/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:49567/other",
        "http://127.0.0.1:49567/callback/",
        "http://127.0.0.1:49567/callback?x=1",
        "https://127.0.0.1:49567/callback",
        "https://localhost/callback",
        "http://127.0.0.2:49567/callback",
        "http://0.0.0.0:49567/callback",
        "http://[::]:49567/callback",
        "http://LOCALHOST:49567/callback",
        "http://localhost.:49567/callback",
        "http://2130706433:49567/callback",
        "http://127.1:49567/callback",
        "http://[::ffff:127.0.0.1]:49567/callback",
    ] {
        let reply = alice.authorize(&cli.request().with("redirect_uri", refused)).await;
        assert_eq!((reply.status, reply.page()), (400, "error"), "{refused}");
    }
    // The rule is for loopback only.
    let reply =
        alice.authorize(&app.client("spa").request().with("redirect_uri", "https://app.example:8443/callback")).await;
    assert_eq!(reply.page(), "error");
}

/// Spellings of one resource are one resource, and `aud` is the registered one.
#[tokio::test]
async fn t03_spellings_of_a_resource_lead_to_the_registered_audience() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    for (asked, registered) in [
        (MCP, MCP),
        ("https://mcp.example.com/", MCP),
        ("https://MCP.EXAMPLE.com", MCP),
        ("https://mcp.example.com:443", MCP),
        ("HTTPS://mcp.example.com:443/", MCP),
        ("https://files.example.com/v1", FILES),
        ("https://files.example.com/v1/", FILES),
        ("https://files.example.com/v1/alice/notes", FILES),
    ] {
        let request = web.request().and("resource", asked);
        let tokens = web.redeem(&alice.login_and_consent(&request, "alice").await.code()).await.tokens();
        assert_eq!(tokens.access()["aud"], registered, "{asked}");
        let narrowed = web.refresh_with(&tokens.refresh_token, &[("resource", asked)]).await.tokens();
        assert_eq!(narrowed.access()["aud"], registered, "{asked}");
    }
    for other in [
        "https://mcp.example.com/path",
        "https://mcp.example.com:8443",
        "http://mcp.example.com",
        "https://mcp.example.com.evil.com",
        "https://files.example.com/v1x",
        "https://files.example.com/v2",
        "https://files.example.com/v1/../v2",
        "https://mcp.example.com?x=1",
    ] {
        let callback = alice.authorize(&web.request().and("resource", other)).await.callback();
        assert_eq!(callback.error(), "invalid_target", "{other}");
    }
}

#[tokio::test]
async fn t08_empty_absent_duplicate_and_unknown_scopes() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    for (scope, expected) in [
        (None, "openid"),
        (Some(""), "openid"),
        (Some("   "), "openid"),
        (Some("openid openid email openid"), "openid email"),
        (Some("openid unknown mcp:tools email"), "openid email"),
    ] {
        let request = match scope {
            Some(scope) => web.request().scope(scope),
            None => web.request().without("scope"),
        };
        let tokens = web.redeem(&alice.login_and_consent(&request, "alice").await.code()).await.tokens();
        assert_eq!(tokens.body["scope"], expected, "{scope:?}");
    }
    let tokens = app.tokens("web", "alice").await;
    for scope in ["", "   "] {
        let refreshed = web.refresh_with(&tokens.refresh_token, &[("scope", scope)]).await.tokens();
        assert_eq!(refreshed.scope, tokens.scope);
    }
}

#[tokio::test]
async fn t09_offline_access_without_the_grant_is_ignored() {
    let app = TestApp::new().await;
    let brief = app.client("brief");
    let request = brief.request().scope("openid offline_access");
    let tokens = brief.redeem(&app.browser().login_and_consent(&request, "alice").await.code()).await.tokens();
    assert_eq!((tokens.scope.as_str(), tokens.refresh_token.as_str()), ("openid", ""));
}

/// One refresh token used again: within 2 s, by 5 calls at once, after 59 s, after 60 s, after 10 min.
#[tokio::test]
async fn t10_a_refresh_token_used_again_gives_the_same_successor_inside_the_window() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let first = app.tokens("spa", "alice").await;
    let second = spa.refresh(&first.refresh_token).await.tokens();
    app.advance(2);
    let mut racers = JoinSet::new();
    for _ in 0..5 {
        let (spa, token) = (spa.clone(), first.refresh_token.clone());
        racers.spawn(async move { spa.refresh(&token).await.tokens() });
    }
    for repeated in racers.join_all().await {
        assert_eq!(repeated.refresh_token, second.refresh_token);
        assert_eq!(repeated.scope, second.scope);
        assert_ne!(repeated.access_token, second.access_token);
    }
    app.advance(57);
    assert_eq!(spa.refresh(&first.refresh_token).await.tokens().refresh_token, second.refresh_token);
    app.advance(1);
    spa.refresh(&first.refresh_token).await.refused(400, "invalid_grant");
    spa.refresh(&second.refresh_token).await.refused(400, "invalid_grant");
    assert!(app.family_of(&first.access_token).await.revoked_at.is_some());

    let first = app.tokens("spa", "alice").await;
    let second = spa.refresh(&first.refresh_token).await.tokens();
    app.advance(600);
    spa.refresh(&first.refresh_token).await.refused(400, "invalid_grant");
    spa.refresh(&second.refresh_token).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn t11_a_removed_client_is_told_so_in_the_form_of_each_endpoint() {
    let app = TestApp::new().await;
    let (web, spa) = (app.client("web"), app.client("spa"));
    let mut alice = app.browser();
    let confidential = app.tokens("web", "alice").await;
    let public = app.tokens("spa", "alice").await;
    let code = alice.login_and_consent(&spa.request(), "alice").await.code();
    let page = alice.authorize(&spa.request()).await;
    app.remove_client("web").await;
    app.remove_client("spa").await;
    for reply in [
        web.refresh(&confidential.refresh_token).await,
        spa.refresh(&public.refresh_token).await,
        spa.redeem(&code).await,
        spa.revoke(&public.refresh_token).await,
    ] {
        reply.refused(401, "invalid_client");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let hint = alice.authorize(&spa.request()).await;
    assert_eq!((hint.status, hint.page_error().as_str()), (401, "invalid_client"));
    assert!(hint.body.contains(hospes_protocol::authorization_request::UNKNOWN_CLIENT.description.as_ref()));
    // The form that stood open leads nowhere.
    let reply = alice.submit(page.form().press(decision::ALLOW)).await;
    assert_eq!(reply.page(), "error");
    assert_eq!(spa.userinfo(&public.access_token).await.status, 401);
    assert!(!app.client("api").is_active(&public.access_token).await);
}

#[tokio::test]
async fn t13_without_resource_the_audience_is_that_of_the_authorization() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    for (resource, audience) in [(None, API), (Some(MCP), MCP)] {
        let mut request = web.request();
        if let Some(resource) = resource {
            request = request.and("resource", resource);
        }
        let tokens = web.redeem(&alice.login_and_consent(&request, "alice").await.code()).await.tokens();
        assert_eq!(tokens.access()["aud"], audience);
        let refreshed = web.refresh(&tokens.refresh_token).await.tokens();
        assert_eq!(refreshed.access()["aud"], audience);
        let empty = web.refresh_with(&tokens.refresh_token, &[("resource", "")]).await.tokens();
        assert_eq!(empty.access()["aud"], audience);
    }
}

/// RFC 9207: on success and every error, once, and exactly the issuer after decoding.
#[tokio::test]
async fn t14_iss_comes_once_on_success_and_every_error() {
    for path in ["", "/t1"] {
        let app = TestApp::plan().path(path).start().await;
        let web = app.client("web");
        let mut alice = app.browser();
        let mut callbacks = vec![alice.login_and_consent(&web.request(), "alice").await];
        for (name, value) in [
            ("scope", "unknown"),
            ("response_type", "token"),
            ("prompt", "none"),
            ("resource", "https://unknown.example"),
            ("request", "x"),
            ("response_mode", "fragment"),
        ] {
            callbacks.push(alice.authorize(&web.request().with(name, value)).await.callback());
        }
        let page = alice.authorize(&web.request()).await;
        callbacks.push(alice.submit(page.form().press(decision::DENY)).await.callback());
        let page = alice.authorize(&web.request().with("prompt", "login")).await;
        callbacks.push(alice.submit(page.form().press(decision::CANCEL)).await.callback());
        for callback in callbacks {
            assert_eq!(callback.get("iss"), Some(app.issuer.as_str()), "{callback:?}");
        }
    }
}

/// Strict client schemas: no null anywhere, `expires_in` an integer, `token_type` there, `scope` a string.
#[tokio::test]
async fn t16_json_answers_pass_strict_schemas() {
    fn no_null(value: &Value, at: &str) {
        match value {
            Value::Null => panic!("null at {at}"),
            Value::Array(values) => values.iter().for_each(|value| no_null(value, at)),
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| no_null(value, &format!("{at}.{name}")));
            }
            _ => {}
        }
    }
    let app = TestApp::new().await;
    let (web, m2m) = (app.client("web"), app.client("m2m"));
    let tokens = app.tokens("web", "alice").await;
    let online = app.browser().login_and_consent(&web.request().scope("notes:read"), "alice").await.code();
    let token_responses = [
        tokens.body.clone(),
        web.redeem(&online).await.tokens().body,
        web.refresh(&tokens.refresh_token).await.tokens().body,
        m2m.client_credentials(&[]).await.tokens().body,
    ];
    for body in &token_responses {
        no_null(body, "token");
        assert!(body["expires_in"].is_i64() && body["expires_in"].as_i64().unwrap() > 0, "{body}");
        assert_eq!(body["token_type"], "Bearer");
        assert!(body["scope"].is_string() && body["access_token"].is_string(), "{body}");
    }
    for token in [&tokens.access_token, &tokens.id_token] {
        no_null(&crate::app::decode(token).1, "jwt");
    }
    for (name, body) in [
        ("metadata", app.get("/.well-known/openid-configuration").await.json()),
        ("jwks", app.get("/.well-known/jwks.json").await.json()),
        ("userinfo", web.userinfo(&tokens.access_token).await.json()),
        ("introspection", web.introspect(&tokens.access_token).await),
        ("introspection", web.introspect(&tokens.refresh_token).await),
        ("inactive", web.introspect("x").await),
        ("error", web.token(&[]).await.json()),
        ("not found", app.get("/nothing").await.json()),
    ] {
        no_null(&body, name);
    }
}

/// A `client_id` that is a URL, through all flows.
#[tokio::test]
async fn t19_an_odd_client_id_goes_through_all_flows() {
    let app = TestApp::new().await;
    let odd = app.client(ODD_CLIENT);
    let mut alice = app.browser();
    let callback = alice.login_and_consent(&odd.request(), "alice").await;
    let tokens = odd.redeem(&callback.code()).await.tokens();
    assert_eq!(tokens.access()["client_id"], ODD_CLIENT);
    assert_eq!(tokens.identity()["aud"], ODD_CLIENT);
    let tokens = odd.refresh(&tokens.refresh_token).await.tokens();
    assert_eq!(odd.introspect(&tokens.access_token).await["client_id"], ODD_CLIENT);
    assert_eq!(odd.userinfo(&tokens.access_token).await.status, 200);
    odd.revoke(&tokens.access_token).await;
    assert!(!odd.is_active(&tokens.access_token).await);
    let page = alice.open("/account/apps").await;
    let page = alice.submit(page.form().with(field::DISCONNECT, ODD_CLIENT)).await;
    assert!(page.body.contains("Odd Fish") && page.body.contains("role=\"status\""), "{}", page.body);
    odd.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("client_id", ODD_CLIENT).finish();
    assert_eq!(alice.open(format!("/oauth2/logout?{query}")).await.page(), "logout");
}

/// `state` is the client's: byte for byte back, or absent.
#[tokio::test]
async fn t20_state_comes_back_byte_for_byte() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let long = "s".repeat(4096);
    for state in
        ["a==", "%2B", "+", "a b", "ü €", "a&b=c#d", "\"<>'", "..%2f", &long, "%", "%%", "\u{1f600}", "\r\nX: y", "\t"]
    {
        for request in [
            web.request().with("state", state).with("prompt", "none"),
            web.request().with("state", state).scope("unknown"),
            web.request().with("state", state).scope("unknown").with("response_mode", "form_post"),
        ] {
            let reply = alice.authorize(&request).await;
            assert_eq!(reply.callback().get("state"), Some(state));
            assert!(reply.headers.get("x").is_none());
        }
        let page = alice.authorize(&web.request().with("state", state)).await;
        assert_eq!(alice.allow(&page).await.callback().get("state"), Some(state));
    }
    for absent in [web.request().without("state"), web.request().with("state", "")] {
        let page = alice.authorize(&absent).await;
        assert_eq!(alice.allow(&page).await.callback().get("state"), None);
    }
    // Spelled with a plus in the query, a blank is meant.
    let plus = format!("{}&state=a+b", web.request().without("state").with("prompt", "none").url());
    assert_eq!(alice.open(plus).await.callback().get("state"), Some("a b"));
}

#[tokio::test]
async fn t21_prompt_consent_shows_consent_again_and_never_loops() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let request = web.request().scope("openid");
    let mut alice = app.browser();
    alice.login_and_consent(&request, "alice").await.code();
    alice.authorize(&request).await.callback().code();
    let page = alice.authorize(&request.clone().with("prompt", "consent")).await;
    alice.allow(&page).await.callback().code();
    let page = alice.authorize(&request.clone().with("prompt", "consent login")).await;
    let page = alice.login(&page, "alice").await;
    alice.allow(&page).await.callback().code();
    let page = alice.authorize(&request.clone().with("prompt", "select_account login consent")).await;
    let mut page = alice.login(&page, "alice").await;
    if page.page() == "account" {
        page = alice.submit(page.form().press(decision::CONTINUE)).await;
    }
    alice.allow(&page).await.callback().code();
    for unknown in ["create", "unknown value", "LOGIN"] {
        alice.authorize(&request.clone().with("prompt", unknown)).await.callback().code();
    }
    for contradiction in ["none login", "none consent", "none unknown"] {
        let callback = alice.authorize(&request.clone().with("prompt", contradiction)).await.callback();
        assert_eq!(callback.error(), "invalid_request", "{contradiction}");
    }
}

/// RFC 8707: `resource` may repeat; OAuth 2.1 §3.1: nothing else may.
#[tokio::test]
async fn t22_resource_may_repeat_and_nothing_else() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let request = web.request().and("resource", API).and("resource", MCP);
    let callback = alice.login_and_consent(&request, "alice").await;
    let tokens = web.redeem(&callback.code()).await.tokens();
    assert_eq!(tokens.access()["aud"], json!([API, MCP]));
    for name in
        ["scope", "state", "client_id", "redirect_uri", "response_type", "code_challenge", "nonce", "prompt", "unknown"]
    {
        let twice = web.request().with(name, "x").and(name, "x");
        let reply = alice.authorize(&twice).await;
        assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"), "{name}");
    }
    for name in ["grant_type", "refresh_token", "scope", "client_id", "unknown"] {
        let reply = web.refresh_with(&tokens.refresh_token, &[(name, "x"), (name, "x")]).await;
        reply.refused(400, "invalid_request");
    }
    web.refresh(&tokens.refresh_token).await.tokens();
}

/// One code for one approval, whatever the user does with buttons, tabs and the way back.
#[tokio::test]
async fn t26_back_button_double_submit_and_two_tabs() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let login = alice.authorize(&web.request()).await;
    let consent = alice.login(&login, "alice").await;
    let callback = alice.allow(&consent).await.callback();
    callback.code();
    // Double submit, and back to earlier pages.
    for form in [consent.form().press(decision::ALLOW), consent.form().press(decision::DENY)] {
        let reply = alice.submit(form).await;
        assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"));
    }
    for url in [&consent.url, &login.url] {
        let reply = alice.open(url).await;
        assert_eq!((reply.status, reply.page()), (400, "error"), "{url}");
    }
    let reply = alice.submit(crate::app::Browser::fill_login(&login, "alice")).await;
    assert_eq!(reply.page(), "error");
    // Two tabs are two requests: each gets its own answer.
    let one = alice.authorize(&web.request().with("state", "one")).await;
    let two = alice.authorize(&web.request().with("state", "two")).await;
    assert_eq!(alice.allow(&two).await.callback().get("state"), Some("two"));
    assert_eq!(alice.allow(&one).await.callback().get("state"), Some("one"));
    // A login in one tab does not spoil the login form in another.
    let mut fresh = app.browser();
    let one = fresh.authorize(&web.request()).await;
    let two = fresh.authorize(&web.request()).await;
    let one = fresh.login(&one, "alice").await;
    fresh.allow(&one).await.callback().code();
    let two = fresh.login(&two, "alice").await;
    fresh.allow(&two).await.callback().code();
}

/// The login ends while the consent page stands open.
#[tokio::test]
async fn t26_a_login_that_expired_on_the_way_leads_back_to_the_login() {
    let app = TestApp::plan().set("lifetimes.session", "10m").start().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let login = alice.authorize(&web.request()).await;
    let consent = alice.login(&login, "alice").await;
    app.advance(601);
    let login = alice.submit(consent.form().press(decision::ALLOW)).await;
    let consent = alice.login(&login, "alice").await;
    alice.allow(&consent).await.callback().code();
}

/// Link scanners and prefetching browsers use nothing up.
#[tokio::test]
async fn t27_head_and_prefetch_consume_nothing() {
    let app = TestApp::new().await;
    let first = app.client("first");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let url = first.request().url();
    for request in [
        app.http().head(&url),
        app.http().get(&url).header("sec-purpose", "prefetch"),
        app.http().get(&url).header("sec-purpose", "prefetch;prerender"),
        app.http().get(&url).header("purpose", "prefetch"),
    ] {
        let reply = alice.send(request).await;
        assert_eq!((reply.status, reply.body.as_str(), reply.header("location")), (204, "", ""));
        assert!(reply.cookies().is_empty());
    }
    // The pages of an interaction, too.
    let web = app.client("web");
    let page = alice.authorize(&web.request()).await;
    assert_eq!(alice.send(app.http().head(&page.url)).await.status, 204);
    alice.allow(&page).await.callback().code();
    alice.authorize(&first.request()).await.callback().code();
}

/// attacks.md row 17 (Ory CVE-2026-33495, Supabase GHSA-3529-5m8x-rpv3): headers name no issuer.
#[tokio::test]
async fn t28_cve_2026_33495_forwarded_headers_change_nothing() {
    let app = TestApp::plan().path("/auth").start().await;
    let headers = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
    ];
    let mut browser = app.browser();
    let usual = app.get("/.well-known/openid-configuration").await;
    let mut request = app.http().get(app.url("/.well-known/openid-configuration"));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    assert_eq!(app.send(request).await.body, usual.body);
    for (name, value) in headers {
        browser = browser.with_header(name, value);
    }
    let web = app.client("web");
    let callback = browser.login_and_consent(&web.request(), "alice").await;
    assert_eq!(callback.get("iss"), Some(app.issuer.as_str()));
    let tokens = web.redeem(&callback.code()).await.tokens();
    assert_eq!(tokens.access()["iss"], app.issuer);
    let page = browser.open("/auth/account/apps").await;
    assert!(!page.body.contains("evil.example"));
    // A name that was only in the request is in no redirect of ours either.
    let reply = browser.peek("/auth/").await;
    assert!(reply.location().starts_with("/auth/"), "{}", reply.location());
}

/// The address for limits comes from a trusted proxy only.
#[tokio::test]
async fn t28_a_forwarded_address_counts_only_from_a_trusted_proxy() {
    for (trusted, statuses) in [("", [200, 429]), ("127.0.0.0/8", [200, 200])] {
        let mut plan = TestApp::plan().set("limits.authorize_per_minute", "1");
        if !trusted.is_empty() {
            plan = plan.set("http.trusted_proxies", trusted);
        }
        let app = plan.start().await;
        let request = app.client("web").request();
        let mut seen = Vec::new();
        for address in ["198.51.100.1", "198.51.100.2"] {
            let mut browser = app.browser().with_header("x-forwarded-for", address);
            seen.push(browser.authorize(&request).await.status);
        }
        assert_eq!(seen, statuses, "{trusted:?}");
    }
}

#[tokio::test]
async fn t29_only_forms_are_read_at_the_token_endpoint() {
    let app = TestApp::new().await;
    let m2m = app.client("m2m");
    let form = "grant_type=client_credentials";
    let send = async |content_type: Option<&str>, body: &str| {
        let mut request = app.http().post(app.url("/oauth2/token")).header("authorization", basic("m2m", m2m.secret()));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        app.send(request.body(body.to_owned())).await
    };
    for good in [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "application/x-www-form-urlencoded; charset=utf-8",
        "Application/X-WWW-Form-URLEncoded",
    ] {
        send(Some(good), form).await.tokens();
    }
    for bad in [None, Some("text/plain"), Some("application/json"), Some("multipart/form-data; boundary=x"), Some("")] {
        send(bad, form).await.refused(400, "invalid_request");
    }
    send(Some("application/json"), r#"{"grant_type":"client_credentials"}"#).await.refused(400, "invalid_request");
    // Parameters in the query are none.
    let query = app.http().post(app.url("/oauth2/token?grant_type=client_credentials"));
    let query = query.header("content-type", "application/x-www-form-urlencoded");
    app.send(query.header("authorization", basic("m2m", m2m.secret())).body("")).await.refused(400, "invalid_request");
}

/// A redirect to another program is a page with a link, which also opens by itself where the browser lets it.
#[tokio::test]
async fn t30_private_use_schemes_get_a_page_with_a_link() {
    let app = TestApp::new().await;
    let uris = ["com.example.app:/callback", "cursor://anysphere.cursor-mcp/oauth"];
    app.update_client("app", move |settings| settings.redirect_uris = uris.map(str::to_owned).into()).await;
    let own = app.client("app");
    let mut alice = app.browser();
    for redirect_uri in uris {
        let request: AuthorizationUrl = own.request().with("redirect_uri", redirect_uri);
        let mut page = alice.authorize(&request).await;
        if page.page() == "login" {
            page = alice.login(&page, "alice").await;
        }
        let page = alice.allow(&page).await;
        assert_eq!((page.status, page.page()), (200, "outcome"));
        assert!(page.header("refresh").contains(redirect_uri), "{}", page.header("refresh"));
        let callback = page.callback();
        assert_eq!(callback.uri, redirect_uri);
        let mut own = own.clone();
        own.redirect_uri = redirect_uri.into();
        own.redeem(&callback.code()).await.tokens();
        let denied = alice.authorize(&request).await;
        let denied = alice.submit(denied.form().press(decision::DENY)).await;
        assert_eq!(denied.page(), "outcome");
        assert_eq!(denied.callback().error(), "access_denied");
        let failed = alice.authorize(&request.clone().scope("unknown")).await;
        assert_eq!(failed.callback().error(), "invalid_scope");
    }
    assert_eq!(app.now(), START);
}

/// An interaction goes on in another process of the same server.
#[tokio::test]
async fn an_interaction_may_change_the_process_at_every_step() {
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let web = app.client("web");
    let mut here = app.browser();
    let login = here.authorize(&web.request()).await;
    let mut there = sibling.browser(&here);
    let consent = there.login(&login, "alice").await;
    here.cookies = there.cookies.clone();
    let code = here.allow(&consent).await.callback().code();
    let tokens = sibling.client(&web).redeem(&code).await.tokens();
    assert!(web.is_active(&tokens.access_token).await);
}

/// TLS ends at a proxy; inside it is plain HTTP. The names are those of the outside, and cookies are for TLS only.
#[tokio::test]
async fn t28_behind_a_tls_proxy_everything_has_the_outer_name() {
    let app = TestApp::plan().issuer("https://login.example").start().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let reply = alice.peek(&web.request().url()).await;
    let [binding] = reply.cookies()[..] else { panic!("{:?}", reply.cookies()) };
    assert!(binding.starts_with("__Host-hospes_browser=") && binding.contains("; Secure"), "{binding}");
    let login = alice.follow(reply).await;
    let reply = alice.post(&crate::app::Browser::fill_login(&login, "alice")).await;
    let [session] = reply.cookies()[..] else { panic!("{:?}", reply.cookies()) };
    assert!(session.starts_with("__Host-hospes_session=") && session.contains("; Secure"), "{session}");
    let consent = alice.follow(reply).await;
    let callback = alice.allow(&consent).await.callback();
    assert_eq!(callback.get("iss"), Some("https://login.example"));
    let tokens = web.redeem(&callback.code()).await.tokens();
    assert_eq!(tokens.access()["iss"], "https://login.example");
    assert!(web.is_active(&tokens.access_token).await);
    let document = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["token_endpoint"], "https://login.example/oauth2/token");
    assert_eq!(document["jwks_uri"], "https://login.example/.well-known/jwks.json");
}

/// A proxy before PostgreSQL that can be cut.
struct Proxy {
    address: String,
    server: String,
    tasks: JoinSet<()>,
}

impl Proxy {
    async fn start(server: String) -> Self {
        let mut proxy = Self { address: "127.0.0.1:0".into(), server, tasks: JoinSet::new() };
        proxy.restore().await;
        proxy
    }

    fn cut(&mut self) {
        self.tasks.abort_all();
    }

    async fn restore(&mut self) {
        let listener = loop {
            match tokio::net::TcpListener::bind(&self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        self.address = listener.local_addr().unwrap().to_string();
        let server = self.server.clone();
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut inner, _)) = listener.accept().await {
                let server = server.clone();
                connections.spawn(async move {
                    let mut outer = tokio::net::TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut inner, &mut outer).await;
                });
            }
        });
    }
}

/// Clients stop for good when discovery answers 5xx, so it does not need the database.
///
/// On PostgreSQL only: SQLite is a file of ours, which nobody takes away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t17_discovery_is_served_while_the_database_is_away() {
    let Some(server) = crate::app::test_database_url() else { return };
    let server = url::Url::parse(&server).unwrap();
    let server = format!("{}:{}", server.host_str().unwrap(), server.port().unwrap_or(5432));
    let mut proxy = Proxy::start(server).await;
    let app = TestApp::plan().database_at(&proxy.address).start().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    let documents =
        ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"];
    let mut before = Vec::new();
    for path in documents {
        before.push(app.get(path).await.body);
    }
    proxy.cut();
    for (path, body) in documents.into_iter().zip(&before) {
        let reply = app.get(path).await;
        assert_eq!((reply.status, &reply.body), (200, body), "{path}");
    }
    // Everything else says that it is not now, and when to come again.
    for _ in 0..3 {
        let reply = web.refresh(&tokens.refresh_token).await;
        reply.refused(503, "temporarily_unavailable");
        assert!(reply.header("retry-after").parse::<u32>().unwrap() >= 1);
    }
    let page = app.browser().authorize(&web.request()).await;
    assert_eq!((page.status, page.page_error().as_str()), (503, "temporarily_unavailable"));
    assert_eq!(web.userinfo(&tokens.access_token).await.status, 503);
    assert_eq!(app.operations("/readyz").await.status, 503);
    assert_eq!(app.operations("/healthz").await.status, 200);
    proxy.restore().await;
    for attempt in 0.. {
        let reply = web.refresh(&tokens.refresh_token).await;
        if reply.status == 200 {
            break;
        }
        assert!(attempt < 200, "the server does not come back: {}", reply.body);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
