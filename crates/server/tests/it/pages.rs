//! What all pages have in common: hooks, headers, forms that work without JavaScript (design section 6).

use crate::app::{Browser, Reply, TestApp, html, mailbox::link_in};
use hospes::pages::{decision, field};

/// Every kind of page, with its name.
async fn pages(app: &TestApp) -> Vec<(&'static str, Reply)> {
    let web = app.client("web");
    let mut alice = app.browser();
    let login = alice.authorize(&web.request()).await;
    let consent = alice.login(&login, "alice").await;
    let form_post = {
        let page = alice.authorize(&web.request().with("response_mode", "form_post")).await;
        alice.allow(&page).await
    };
    let account = alice.authorize(&web.request().with("prompt", "select_account")).await;
    let outcome = {
        let page = alice.authorize(&app.client("app").request()).await;
        alice.allow(&page).await
    };
    let apps = alice.open("/account/apps").await;
    let logout = alice.open("/oauth2/logout").await;
    let logged_out = app.browser().open("/oauth2/logout").await;
    let error = alice.open("/oauth2/authorize?client_id=nobody").await;
    let missing = alice.open("/consent?interaction=int_x").await;
    let mut forgetful = app.browser();
    let forgot = forgetful.open("/password/forgot").await;
    let sent = forgetful.submit(forgot.form().with(field::EMAIL, "bob@example.com")).await;
    let reset = forgetful.open(link_in(&app.next_mail().await)).await;
    let set = forgetful.submit(reset.form().with(field::PASSWORD, "umbrella over the north pier")).await;
    vec![
        ("login", login),
        ("forgot-password", forgot),
        ("reset-sent", sent),
        ("reset-password", reset),
        ("password-set", set),
        ("consent", consent),
        ("form-post", form_post),
        ("account", account),
        ("outcome", outcome),
        ("apps", apps),
        ("logout", logout),
        ("logged-out", logged_out),
        ("error", error),
        ("error", missing),
    ]
}

#[tokio::test]
async fn every_page_has_its_name_its_headers_and_one_heading() {
    let app = TestApp::new().await;
    for (name, page) in pages(&app).await {
        assert_eq!(page.page(), name, "{}", page.body);
        let policy = page.header("content-security-policy");
        for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"] {
            assert!(policy.contains(directive), "{name}: {policy}");
        }
        // Chromium applies it to the redirect to the client.
        assert!(!policy.contains("form-action"), "{name}: {policy}");
        assert!(!policy.contains("unsafe"), "{name}: {policy}");
        for (header, value) in [
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(page.header(header), value, "{name}: {header}");
        }
        assert!(["same-origin", "strict-origin"].contains(&page.header("referrer-policy")), "{name}");
        let tags = html::tags(&page.body);
        assert_eq!(tags.iter().filter(|(tag, _)| tag == "h1").count(), 1, "{name}");
        assert!(tags.iter().filter(|(tag, _)| tag == "form").count() <= 1, "{name}");
    }
}

/// Stable for tests and password managers.
#[tokio::test]
async fn pages_keep_their_hooks() {
    let app = TestApp::new().await;
    let expected: &[(&str, &[&str])] = &[
        ("login", &["login-form", "username", "password", "login-submit", "login-cancel", "login-forgot"]),
        ("forgot-password", &["forgot-form", "email", "forgot-submit"]),
        ("reset-password", &["reset-form", "password", "reset-submit"]),
        ("password-set", &["set-login"]),
        ("account", &["account-continue", "account-switch", "account-cancel"]),
        ("consent", &["consent-form", "consent-allow", "consent-deny"]),
        ("logout", &["logout-form", "logout-confirm", "logout-cancel"]),
        ("error", &["oauth-error"]),
        ("form-post", &["form-post", "form-post-submit"]),
        ("outcome", &["outcome-link"]),
    ];
    for (name, page) in pages(&app).await {
        let ids = html::ids(&page.body);
        for (_, hooks) in expected.iter().filter(|(own, _)| *own == name) {
            for hook in *hooks {
                assert!(ids.iter().any(|id| id == hook), "{name}: {hook} is not in {ids:?}");
            }
        }
    }
}

/// The one script there is only saves a click.
#[tokio::test]
async fn nothing_needs_javascript() {
    let app = TestApp::new().await;
    for (name, page) in pages(&app).await {
        let tags = html::tags(&page.body);
        let scripts = tags.iter().filter(|(tag, _)| tag == "script").count();
        assert_eq!(scripts, usize::from(name == "form-post"), "{name}");
        for (tag, attributes) in &tags {
            for (attribute, value) in attributes {
                assert!(!attribute.starts_with("on"), "{name}: <{tag} {attribute}>");
                assert!(attribute != "style", "{name}: <{tag} style>");
                assert!(!value.trim().to_lowercase().starts_with("javascript:"), "{name}: {value}");
            }
        }
        if let Some(form) = tags.iter().find(|(tag, _)| tag == "form") {
            assert!(form.1.contains(&("method".into(), "post".into())), "{name}");
        }
    }
}

/// What pages load is there, with the type that they say.
#[tokio::test]
async fn what_pages_load_is_there() {
    let app = TestApp::new().await;
    let page = app.browser().open("/login").await;
    let mut seen = 0;
    for (tag, attributes) in html::tags(&page.body) {
        if tag == "link" {
            let href = attributes.iter().find(|(name, _)| name == "href").map(|(_, value)| value.clone()).unwrap();
            let reply = app.get(&href).await;
            assert_eq!(reply.status, 200, "{href}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff", "{href}");
            seen += 1;
        }
    }
    assert!(seen >= 3, "{}", page.body);
}

/// RFC 9700 §4.12: 303, never 307; a form with a password must not be sent on.
#[tokio::test]
async fn every_redirect_is_303() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let mut statuses = Vec::new();
    let mut reply = alice.peek(&web.request().url()).await;
    statuses.push(reply.status);
    let login = alice.follow(reply).await;
    reply = alice.post(&Browser::fill_login(&login, "alice")).await;
    statuses.push(reply.status);
    let consent = alice.follow(reply).await;
    reply = alice.post(&consent.form().press(decision::ALLOW)).await;
    statuses.push(reply.status);
    for path in ["/account/apps", "/"] {
        statuses.push(app.browser().peek(path).await.status);
    }
    assert!(statuses.iter().all(|status| *status == 303), "{statuses:?}");
}

/// attacks.md row 16 (GO-2026-4861): nothing of a request is put into a page as markup.
#[tokio::test]
async fn go_2026_4861_requests_and_names_are_never_markup() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let plan = TestApp::plan().client("web", |web| {
        web["name"] = evil.into();
        web["description"] = evil.into();
    });
    let plan = plan.seed(|seed| {
        seed["users"][0]["profile"]["claims"]["name"] = evil.into();
        seed["policy"]["scopes"][0]["description"] = evil.into();
        seed["policy"]["resources"][1]["name"] = evil.into();
    });
    let app = plan.start().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let request = web.request().with("login_hint", evil).with("state", evil).and("resource", crate::app::MCP);
    let mut seen = vec![alice.authorize(&request).await];
    seen.push(alice.login(&seen[0], "alice").await);
    let page = alice.authorize(&request.clone().with("response_mode", "form_post")).await;
    seen.push(alice.allow(&page).await);
    assert_eq!(seen[2].callback().get("state"), Some(evil));
    seen.push(alice.authorize(&request.clone().with("prompt", "select_account")).await);
    seen.push(alice.open("/account/apps").await);
    seen.push(alice.open("/oauth2/logout?client_id=web").await);
    for (name, value) in [("client_id", evil), ("redirect_uri", evil), (evil, "x")] {
        seen.push(alice.authorize(&request.clone().with(name, value)).await);
    }
    let wrong = app.browser().open("/login").await;
    let mut browser = app.browser();
    browser.open("/login").await;
    let page = browser.open("/login").await;
    let form = page.form().with(field::USERNAME, evil).with(field::PASSWORD, "x").press(decision::LOGIN);
    seen.push(browser.submit(form).await);
    seen.push(wrong);
    for page in seen {
        assert!(!page.body.contains("<script>alert") && !page.body.contains("<img src=x"), "{}", page.body);
        let tags = html::tags(&page.body);
        assert!(
            tags.iter().all(|(_, attributes)| attributes.iter().all(|(name, _)| name != "onerror")),
            "{}",
            page.body
        );
    }
}

/// The id on the page is the one in the log.
#[tokio::test]
async fn an_error_page_names_the_request() {
    let app = TestApp::new().await;
    let page = app.browser().open("/oauth2/authorize?client_id=nobody").await;
    let id = page.header("x-request-id");
    assert!(id.len() == 32 && page.body.contains(&format!("id=\"error-id\">{id}<")), "{}", page.body);
}

#[tokio::test]
async fn an_unknown_page_and_a_wrong_method_are_told() {
    let app = TestApp::new().await;
    for path in ["/nothing", "/login/", "/oauth2", "/oauth2/par", "/%2e%2e/x", "//login"] {
        let reply = app.get(path).await;
        assert_eq!(reply.error(), (404, "not_found".to_owned()), "{path}");
    }
    // A browser gets a page.
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = app.send(app.http().get(app.url("/nothing")).header("accept", accept)).await;
    assert_eq!((page.status, page.page()), (404, "error"));
    assert!(page.body.contains("There is nothing here"), "{}", page.body);
    let reply = app.send(app.http().put(app.url("/login"))).await;
    assert_eq!(reply.status, 405);
    let reply = app.send(app.http().delete(app.url("/oauth2/token"))).await;
    reply.refused(405, "method_not_allowed");
}
