//! Known attacks on authorization servers (`attacks.md`), as far as what they attack is built here.
//!
//! More rows stand beside what they attack: 1, 2 and 3 in `races`, 2 in `faults`, 4, 7, 13, 21, 26, 28 and 29 in
//! `client_authentication`, 9, 12, 14 and 15 where the host app draws the page in `interactions` and `browser_api`, 13 in
//! `src/fetch/tests.rs`, 15 and 23 in `consent`, 16 in `pages` and `management`, 17 in
//! `interop`, 23 in `token_refresh` and `review`, 30 in `introspect` and `revoke`, 31 in `introspect`, 34 in `fuzz` and
//! `management`, 37 in `fuzz` and `cors`.

use crate::{
    app::{
        API, AuthorizationUrl, Browser, MCP, Reply, TestApp,
        client::{CHALLENGE, VERIFIER},
        decode, html,
    },
    interactions::{BINDING, INTERACTIONS},
    register,
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes::pages::{decision, field};
use hospes_protocol::{client::GrantType, scope::Scope};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Rows 2 and 4 (Keycloak CVE-2026-9802 and CVE-2026-96446): what counts once has counted for every later process, and
/// along every way to the same end.
#[tokio::test]
async fn cve_2026_9802_nothing_single_use_comes_back_after_a_restart() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let mut alice = app.browser();
    let page = alice.authorize(&spa.request()).await;
    let consent = alice.login(&page, "alice").await;
    let code = alice.allow(&consent).await.callback().code();
    let first = spa.redeem(&code).await.tokens();
    let second = spa.refresh(&first.refresh_token).await.tokens();
    // A process that knows nothing but the database.
    let later = app.another_process().await;
    let there = later.client(&spa);
    assert_eq!(there.refresh(&first.refresh_token).await.tokens().refresh_token, second.refresh_token);
    let mut browser = later.browser(&alice);
    for path in ["login", "account", "consent"] {
        let url = consent.url.replace("/consent?", &format!("/{path}?"));
        assert_eq!(browser.open(url).await.page(), "error", "{path}");
    }
    for button in [decision::ALLOW, decision::DENY] {
        assert_eq!(browser.submit(consent.form().press(button)).await.page(), "error");
    }
    there.redeem(&code).await.refused(400, "invalid_grant");
    spa.refresh(&second.refresh_token).await.refused(400, "invalid_grant");
}

/// Row 26 (Keycloak CVE-2026-1609): an emergency rotation of the keys ends what the old ones signed, at once.
#[tokio::test]
async fn an_emergency_rotation_ends_what_the_old_keys_signed() {
    use hospes::keys::Rotation;
    use hospes_protocol::Seconds;
    let app = TestApp::new().await;
    let sibling = app.another_process().await;
    let web = app.client("web");
    let old = app.tokens("web", "alice").await;
    for client in [&web, &sibling.client(&web)] {
        assert!(client.is_active(&old.access_token).await);
    }
    app.rotate_keys(Rotation::Signing { lead: Seconds(0), keep: Seconds(0) }).await;
    for client in [&web, &sibling.client(&web)] {
        assert!(!client.is_active(&old.access_token).await);
        assert_eq!(client.userinfo(&old.access_token).await.status, 401);
        let new = client.refresh(&old.refresh_token).await.tokens();
        assert!(client.is_active(&new.access_token).await);
    }
}

/// Row 5 (Zitadel CVE-2026-55672): an artifact of one client at another, and at itself without its secret.
#[tokio::test]
async fn cve_2026_55672_artifacts_belong_to_their_client() {
    let app = TestApp::new().await;
    for owner in ["spa", "web", "first"] {
        let own = app.client(owner);
        let mut alice = app.browser();
        let code = alice.login_and_consent(&own.request(), "alice").await.code();
        let tokens = app.tokens(owner, "alice").await;
        for thief in ["spa", "other", "web", "first", "legacy"].into_iter().filter(|thief| *thief != owner) {
            let thief = app.client(thief);
            thief.redeem(&code).await.refused(400, "invalid_grant");
            thief.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
        }
        own.redeem(&code).await.tokens();
        own.refresh(&tokens.refresh_token).await.tokens();
    }
}

/// Row 5 (better-auth CVE-2026-53512): a confidential client without its secret gets nothing.
#[tokio::test]
async fn cve_2026_53512_a_confidential_client_cannot_leave_its_secret_out() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let code = app.browser().login_and_consent(&web.request(), "alice").await.code();
    let tokens = app.tokens("web", "alice").await;
    let bare = web.clone().unauthenticated();
    bare.redeem(&code).await.refused(401, "invalid_client");
    bare.refresh(&tokens.refresh_token).await.refused(401, "invalid_client");
    bare.revoke(&tokens.refresh_token).await.refused(401, "invalid_client");
    web.redeem(&code).await.tokens();
    web.refresh(&tokens.refresh_token).await.tokens();
}

/// Row 6 (better-auth CVE-2026-67332): an audience is never widened later.
#[tokio::test]
async fn cve_2026_67332_a_resource_outside_the_authorization_is_invalid_target() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let request = web.request().and("resource", API);
    let code = alice.login_and_consent(&request, "alice").await.code();
    let redeem = |resource| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
            ("resource", resource),
        ]
    };
    web.token(&redeem(MCP)).await.refused(400, "invalid_target");
    let tokens = web.token(&redeem(API)).await.tokens();
    web.refresh_with(&tokens.refresh_token, &[("resource", MCP)]).await.refused(400, "invalid_target");
    web.refresh_with(&tokens.refresh_token, &[("resource", API), ("resource", MCP)])
        .await
        .refused(400, "invalid_target");
    assert_eq!(web.refresh(&tokens.refresh_token).await.tokens().access()["aud"], API);
    // A grant for another resource, given since, does not widen this family.
    let other = web.request().and("resource", MCP);
    alice.login_and_consent(&other, "alice").await.code();
    web.refresh_with(&tokens.refresh_token, &[("resource", MCP)]).await.refused(400, "invalid_target");
}

/// Row 7: an empty string is never a proof and never a value.
#[tokio::test]
async fn empty_values_prove_nothing() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&spa.request(), "alice").await.code();
    let redeem = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", "")];
    spa.token(&redeem).await.refused(400, "invalid_grant");
    spa.token(&[("grant_type", "authorization_code"), ("code", ""), ("code_verifier", VERIFIER)])
        .await
        .refused(400, "invalid_request");
    spa.token(&[("grant_type", "refresh_token"), ("refresh_token", "")]).await.refused(400, "invalid_request");
    let callback = alice.authorize(&spa.request().with("code_challenge", "")).await.callback();
    assert_eq!(callback.error(), "invalid_request");
    let callback = alice.authorize(&spa.request().with("state", "").scope("unknown")).await.callback();
    assert_eq!(callback.get("state"), None);
    spa.redeem(&code).await.tokens();
}

/// Row 8 (workers CVE-2025-4144, authentik CVE-2023-48228 and CVE-2024-23647): challenge × method × verifier.
#[tokio::test]
async fn cve_2025_4144_pkce_is_neither_left_out_nor_downgraded() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    // RFC 7636 §4.2 `plain`: the challenge is the verifier.
    let challenges = [None, Some(CHALLENGE), Some(VERIFIER), Some("short"), Some("")];
    let methods = [None, Some("S256"), Some("plain"), Some("s256"), Some("none"), Some("")];
    let wrong = "w".repeat(43);
    let verifiers = [None, Some(VERIFIER), Some(CHALLENGE), Some(wrong.as_str()), Some("")];
    for id in ["spa", "first", "legacy"] {
        let client = app.client(id);
        for challenge in challenges {
            for method in methods {
                let mut request =
                    client.request().scope("openid").without("code_challenge").without("code_challenge_method");
                if let Some(challenge) = challenge {
                    request = request.with("code_challenge", challenge);
                }
                if let Some(method) = method {
                    request = request.with("code_challenge_method", method);
                }
                let has_pkce = challenge.is_some_and(|text| text.len() == 43) && method == Some("S256");
                // An empty parameter is an absent one.
                let has_none = challenge.unwrap_or_default().is_empty() && method.unwrap_or_default().is_empty();
                let mut reply = alice.authorize(&request).await;
                if reply.page() == "consent" {
                    reply = alice.allow(&reply).await;
                }
                let callback = reply.callback();
                if !(has_pkce || has_none && id == "legacy") {
                    assert_eq!(callback.error(), "invalid_request", "{id} {challenge:?} {method:?}");
                    continue;
                }
                let code = callback.code();
                for verifier in verifiers {
                    let mut parameters = vec![("grant_type", "authorization_code"), ("code", code.as_str())];
                    parameters.extend(verifier.map(|verifier| ("code_verifier", verifier)));
                    let is_right = match challenge.filter(|_| has_pkce) {
                        Some(CHALLENGE) => verifier == Some(VERIFIER),
                        Some(_) => false,
                        None => verifier.unwrap_or_default().is_empty(),
                    };
                    let reply = client.token(&parameters).await;
                    let expected = if is_right { 200 } else { 400 };
                    assert_eq!(reply.status, expected, "{id} {challenge:?} {method:?} {verifier:?}: {}", reply.body);
                    if is_right {
                        break;
                    }
                }
            }
        }
    }
}

/// Row 9 (workers CVE-2025-4143): the address is the registered one at authorize, at consent and at the token endpoint.
#[tokio::test]
async fn cve_2025_4143_the_redirect_uri_is_checked_at_every_step() {
    let app = TestApp::new().await;
    let spa = app.client("spa");
    let mut alice = app.browser();
    let login = alice.authorize(&spa.request()).await;
    let mut consent = alice.login(&login, "alice").await;
    // A redirect_uri beside the form has no meaning.
    let form =
        consent.form().with("redirect_uri", "https://evil.example/").with("client_id", "other").press(decision::ALLOW);
    let callback = alice.submit(form).await.callback();
    assert_eq!(callback.uri, "https://app.example/callback");
    let swapped = [
        ("grant_type", "authorization_code"),
        ("code", &callback.code()),
        ("code_verifier", VERIFIER),
        ("redirect_uri", "https://app.example/other?x=1"),
    ];
    spa.token(&swapped).await.refused(400, "invalid_grant");
    spa.redeem(&callback.code()).await.tokens();
    // Taken off the registration while the page stood open: nobody is sent there any more.
    consent = alice.authorize(&spa.request()).await;
    app.update_client("spa", |settings| settings.redirect_uris = vec!["https://new.example/callback".into()]).await;
    for button in [decision::ALLOW, decision::DENY] {
        let reply = alice.submit(consent.form().press(button)).await;
        assert_eq!(reply.page(), "error", "{button}");
    }
}

/// Row 10 (Keycloak CVE-2026-3872, CVE-2023-6291, CVE-2024-8883, authentik CVE-2024-52289, fosite CVE-2020-15233).
#[tokio::test]
async fn cve_2024_8883_redirect_uris_match_byte_for_byte() {
    let app = TestApp::new().await;
    let spa = app.client("spa").request();
    let mut browser = app.browser();
    for uri in [
        "https://app.example/callback/..;/../evil",
        "https://app.example/callback/../evil",
        "https://app.example/callback%2f..%2fevil",
        "https://app.example/callback?next=https://evil.example",
        "https://app.example/callback#fragment",
        "https://app.example/callback#",
        "https://app.example/callback?",
        "https://app.example/callback/",
        "https://app.example//callback",
        "https://app.example/Callback",
        "https://app.example/%63allback",
        "HTTPS://app.example/callback",
        "https://App.Example/callback",
        "https://app.example:443/callback",
        "https://app.example./callback",
        "https://appxexample/callback",
        "https://app.example.evil.com/callback",
        "https://evil.com/app.example/callback",
        "https://app.example@evil.com/callback",
        "https://evil.com\\@app.example/callback",
        "https://evil.com#@app.example/callback",
        "https://app.example\\.evil.com/callback",
        "https://app.example%00.evil.com/callback",
        "https://app.example%2eevil.com/callback",
        "https://аpp.example/callback",
        "https:app.example/callback",
        "https:///app.example/callback",
        "//app.example/callback",
        "/callback",
        "http://app.example/callback",
        " https://app.example/callback",
        "https://app.example/callback ",
        "https://app.example/call\nback",
        "javascript:alert(1)//https://app.example/callback",
        "data:text/html,<script>alert(1)</script>",
        "https://app.example/callback\thttps://evil.example",
        "https://app.example/other?x=2",
        "https://app.example/other?x=1&y=2",
        "https://app.example/other",
        "*",
        "https://*/callback",
    ] {
        let reply = browser.authorize(&spa.clone().with("redirect_uri", uri)).await;
        assert_eq!((reply.status, reply.page()), (400, "error"), "{uri}");
        assert!(reply.header("location").is_empty() && reply.header("refresh").is_empty(), "{uri}");
    }
}

/// Row 11 (better-auth CVE-2026-67333, Spring CVE-2026-22752): no scheme that runs code comes out, wherever it came from.
#[tokio::test]
async fn cve_2026_22752_a_dangerous_scheme_in_a_record_is_not_followed() {
    let app = TestApp::new().await;
    // Past the rules of registration, straight into the database.
    app.update_client("web", |settings| {
        settings.logo_uri = Some("javascript:alert(1)".into());
        settings.client_uri = Some("javascript:alert(1)".into());
        settings.policy_uri = Some("javascript:alert(1)".into());
        settings.tos_uri = Some("data:text/html,x".into());
        settings.redirect_uris.push("javascript:alert(1)".into());
        settings.redirect_uris.push("data:text/html,x".into());
    })
    .await;
    let web = app.client("web");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = alice.authorize(&web.request()).await;
    for (tag, attributes) in html::tags(&page.body) {
        assert!(attributes.iter().all(|(_, value)| !value.starts_with("javascript:")), "{tag}");
    }
    for uri in ["javascript:alert(1)", "data:text/html,x"] {
        let mut page = alice.authorize(&web.request().with("redirect_uri", uri)).await;
        if page.page() == "consent" {
            page = alice.allow(&page).await;
        }
        assert_eq!((page.status, page.header("refresh")), (200, ""), "{uri}: {}", page.body);
        for (tag, attributes) in html::tags(&page.body) {
            assert!(attributes.iter().all(|(_, value)| !value.starts_with(&uri[..5])), "{uri}: {tag}");
        }
        assert!(page.header("location").is_empty());
    }
}

/// Row 12: no open redirect, by errors or otherwise.
#[tokio::test]
async fn nobody_is_sent_to_an_address_that_was_not_proven() {
    let app = TestApp::new().await;
    let spa = app.client("spa").request();
    let mut browser = app.browser();
    for (name, value) in [("scope", "unknown"), ("response_type", "token"), ("prompt", "none"), ("request", "x")] {
        for (who, what) in [("redirect_uri", "https://evil.example/"), ("client_id", "nobody"), ("client_id", "off")] {
            let reply = browser.authorize(&spa.clone().with(name, value).with(who, what)).await;
            assert_eq!(reply.page(), "error");
            assert!(!reply.body.contains("evil.example"));
        }
    }
    let repeated = spa.clone().and("state", "x").with("redirect_uri", "https://evil.example/");
    assert_eq!(browser.authorize(&repeated).await.page(), "error");
    for path in [
        "/login?interaction=https://evil.example",
        "/account/apps?return_to=https://evil.example",
        "//evil.example",
        "/\\evil.example",
    ] {
        let reply = browser.peek(&app.url(path)).await;
        assert!(!reply.header("location").contains("evil.example"), "{path}");
    }
}

/// Row 14 (FastMCP GHSA-c2jp-c369-7pvx, GHSA-rww4-4w9c-7733): an interaction ends in the browser that began it.
#[tokio::test]
async fn ghsa_c2jp_c369_7pvx_an_interaction_cannot_be_finished_in_another_browser() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let (mut attacker, mut victim) = (app.browser(), app.browser());
    victim.sign_in("alice").await;
    // The attacker begins, and lures the victim onto the page.
    let login = attacker.authorize(&web.request()).await;
    for path in ["login", "consent", "account"] {
        let url = login.url.replace("/login?", &format!("/{path}?"));
        let reply = victim.open(&url).await;
        assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"), "{path}");
    }
    let page = victim.submit(Browser::fill_login(&login, "alice")).await;
    assert_eq!(page.page(), "error");
    // The victim begins; the attacker gets hold of the link and even of the form.
    let consent = victim.authorize(&web.request()).await;
    attacker.sign_in("bob").await;
    for form in [consent.form().press(decision::ALLOW), consent.form().press(decision::DENY)] {
        assert_eq!(attacker.submit(form).await.page(), "error");
    }
    // Nor with the victim's binding alone, without the login; nor the other way round.
    let mut half = app.browser();
    half.cookies.insert("hospes_browser".into(), victim.cookies["hospes_browser"].clone());
    assert_ne!(half.submit(consent.form().press(decision::ALLOW)).await.status, 303);
    let mut half = app.browser();
    half.cookies.insert("hospes_session".into(), victim.cookies["hospes_session"].clone());
    assert_eq!(half.submit(consent.form().press(decision::ALLOW)).await.page(), "error");
    victim.allow(&consent).await.callback().code();
}

/// Row 14: consent CSRF, and a page that stood open while another user logged in.
#[tokio::test]
async fn a_consent_form_answers_for_nobody_but_the_user_it_was_drawn_for() {
    let app = TestApp::new().await;
    app.enable_user("carol").await;
    let web = app.client("web");
    let mut browser = app.browser();
    let login = browser.authorize(&web.request()).await;
    let of_alice = browser.login(&login, "alice").await;
    let other = browser.authorize(&web.request()).await;
    for forged in ["", "x", other.form().get(field::CSRF).unwrap(), login.form().get(field::CSRF).unwrap()] {
        let form = of_alice.form().with(field::CSRF, forged).press(decision::ALLOW);
        assert_eq!(browser.submit(form).await.page(), "error", "{forged}");
    }
    let form = of_alice.form().without(field::CSRF).press(decision::ALLOW);
    assert_eq!(browser.submit(form).await.page(), "error");
    // Another tab signs in as somebody else: it is asked who the interaction is for, and nothing is answered.
    browser.sign_in("bob").await;
    let account = browser.submit(of_alice.form().press(decision::ALLOW)).await;
    assert_eq!(account.page(), "account", "{}", account.body);
    assert!(account.body.contains("Bob Pier"), "{}", account.body);
    // And that page answers for nobody but the user it shows.
    browser.sign_in("carol").await;
    let account = browser.submit(account.form().press(decision::CONTINUE)).await;
    assert_eq!(account.page(), "account", "{}", account.body);
    assert!(account.body.contains("Carol"), "{}", account.body);
    let page = browser.submit(account.form().press(decision::CONTINUE)).await;
    assert_eq!(page.page(), "consent", "{}", page.body);
    assert!(page.body.contains("Carol"), "{}", page.body);
}

/// Row 14: nor for the next user who allowed everything before, and would not be asked at all.
#[tokio::test]
async fn a_consent_form_gives_no_code_for_somebody_who_was_not_on_it() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut browser = app.browser();
    let request = web.request().scope("openid");
    browser.login_and_consent(&request, "bob").await.code();
    browser.cookies.remove("hospes_session");
    // The request began with nobody signed in, and Alice logged in elsewhere on our pages.
    let login = browser.authorize(&request).await;
    browser.sign_in("alice").await;
    let of_alice = browser.open(login.url.replace("/login?", "/consent?")).await;
    assert_eq!(of_alice.page(), "consent", "{}", of_alice.body);
    browser.sign_in("bob").await;
    let page = browser.submit(of_alice.form().press(decision::ALLOW)).await;
    assert_eq!(page.page(), "account", "{}", page.body);
    assert!(page.body.contains("Bob Pier"), "{}", page.body);
    let code = browser.submit(page.form().press(decision::CONTINUE)).await.callback().code();
    assert_eq!(web.redeem(&code).await.tokens().access()["sub"], "user-test-bob");
}

/// Row 15: names that deceive are not shown as they are.
#[tokio::test]
async fn a_name_cannot_hide_who_it_is() {
    let app = TestApp::new().await;
    // Past the rules of registration, which refuse it.
    let name = "\u{202e}tfosorciM\u{202c} \u{200b}Official";
    app.update_client("spa", move |settings| settings.name = name.into()).await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = alice.authorize(&app.client("spa").request()).await;
    assert!(!page.body.contains('\u{202e}') && !page.body.contains('\u{200b}'));
    assert!(page.body.contains("app.example"));
}

/// Row 15: a name in letters that look like others is warned of, unless the operator vouches for it.
#[tokio::test]
async fn a_name_that_imitates_another_is_warned_of() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    for is_verified in [false, true] {
        // Cyrillic а.
        app.update_client("spa", move |settings| {
            settings.name = "P\u{0430}yPal".into();
            settings.verified = is_verified;
        })
        .await;
        let page = alice.authorize(&app.client("spa").request()).await;
        assert_eq!(html::ids(&page.body).contains(&"consent-deceptive".to_owned()), !is_verified, "{}", page.body);
    }
}

/// MCP security best practices, "confused deputy": that a client was allowed says nothing of another one, whatever it
/// calls itself and wherever it leads.
#[tokio::test]
async fn a_client_that_registered_itself_is_asked_about_though_its_double_was_allowed() {
    let app = register::world().await;
    let first = register::client(&app, &register::registered(&app, register::public("Harbour Master")).await);
    let mut metadata = register::public("Harbour Master");
    metadata["redirect_uris"] = json!(["https://app-example.evil.example/callback"]);
    let double = register::client(&app, &register::registered(&app, metadata).await);
    let (first, double) = (first.request().scope("openid notes:read"), double.request().scope("openid notes:read"));
    let mut alice = app.browser();
    alice.login_and_consent(&first, "alice").await.code();
    alice.authorize(&first).await.callback().code();
    let page = alice.authorize(&double).await;
    assert_eq!(page.page(), "consent", "{} {}", page.status, page.header("location"));
    for shown in ["Harbour Master", "app-example.evil.example", "Read your notes"] {
        assert!(page.body.contains(shown), "{shown}");
    }
    assert!(html::ids(&page.body).contains(&"consent-unverified".to_owned()));
    assert_eq!(alice.authorize(&double.clone().with("prompt", "none")).await.callback().error(), "consent_required");

    // The same where the host app draws the page.
    let ask = async |request: &AuthorizationUrl| {
        let body = json!({ "query": request.query(), "browser_binding": BINDING, "user_id": "user-test-alice" });
        app.host().post(INTERACTIONS, body).await.done()
    };
    assert_eq!(ask(&first).await["next"], "redirect");
    let asked = ask(&double).await;
    assert_eq!((&asked["next"], &asked["client"]["verified"]), (&json!("consent"), &json!(false)));
    assert_eq!(asked["redirect"]["host"], "app-example.evil.example");
    assert!(asked["scopes"].as_array().unwrap().iter().all(|scope| scope["granted_before"] == false), "{asked}");
}

struct Artifact {
    name: &'static str,
    value: String,
}

/// One of each kind that there is, all of them alive.
async fn artifacts(app: &TestApp, browser: &mut Browser) -> Vec<Artifact> {
    let web = app.client("web");
    let code = browser.login_and_consent(&web.request(), "alice").await.code();
    let tokens = web.redeem(&code).await.tokens();
    let code = browser.login_and_consent(&web.request(), "alice").await.code();
    let page = browser.authorize(&web.request()).await;
    let form = page.form();
    let machine = app.client("m2m").client_credentials(&[]).await.tokens();
    [
        ("code", code),
        ("access token", tokens.access_token),
        ("refresh token", tokens.refresh_token),
        ("ID token", tokens.id_token),
        ("machine's access token", machine.access_token),
        ("session", browser.cookies["hospes_session"].clone()),
        ("binding", browser.cookies["hospes_browser"].clone()),
        ("interaction", form.get(field::INTERACTION).unwrap().to_owned()),
        ("CSRF token", form.get(field::CSRF).unwrap().to_owned()),
        ("client secret", web.secret().to_owned()),
        ("state", "af0ifjsldkj".to_owned()),
        ("nonce", "n-0S6_WzA2Mj".to_owned()),
        ("verifier", VERIFIER.to_owned()),
    ]
    .map(|(name, value)| Artifact { name, value })
    .into()
}

/// Row 18 (Keycloak CVE-2026-4282, better-auth CVE-2026-110862, Mattermost CVE-2025-12421): each kind of artifact at
/// each place that takes one.
#[tokio::test]
async fn cve_2026_4282_no_artifact_passes_for_another() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let artifacts = artifacts(&app, &mut alice).await;
    for Artifact { name, value } in &artifacts {
        if *name != "refresh token" {
            let reply = web.refresh(value).await;
            assert_eq!(reply.status, 400, "{name} as refresh token: {}", reply.body);
        }
        if !["access token", "refresh token"].contains(name) {
            assert_eq!(web.introspect(value).await, json!({ "active": false }), "{name}");
        }
        if *name != "access token" {
            let reply = web.userinfo(value).await;
            assert!([400, 401, 403].contains(&reply.status), "{name} as access token: {}", reply.body);
        }
        if *name != "session" {
            let mut browser = app.browser();
            browser.cookies.insert("hospes_session".into(), value.clone());
            browser.cookies.insert("hospes_browser".into(), alice.cookies["hospes_browser"].clone());
            assert_eq!(browser.open("/account/apps").await.page(), "login", "{name} as session");
        }
        if *name != "ID token" {
            let logout = format!("/oauth2/logout?id_token_hint={value}");
            assert_eq!(alice.clone().open(logout).await.page(), "error", "{name} as hint");
        }
        if *name != "interaction" {
            for path in ["/login", "/consent", "/account"] {
                let reply = alice.clone().open(format!("{path}?interaction={value}")).await;
                assert_eq!(reply.page(), "error", "{name} as interaction");
            }
        }
        if *name != "client secret" {
            for authentication in
                [crate::app::Authentication::Basic(value.clone()), crate::app::Authentication::Post(value.clone())]
            {
                let client = web.clone().with(authentication);
                client
                    .token(&[("grant_type", "refresh_token"), ("refresh_token", "x")])
                    .await
                    .refused(401, "invalid_client");
            }
        }
        let assertion = [
            ("client_assertion_type".to_owned(), hospes_protocol::client_assertion::ASSERTION_TYPE.to_owned()),
            ("client_assertion".to_owned(), value.clone()),
        ];
        let asserting = web.clone().with(crate::app::Authentication::Raw { header: None, body: assertion.into() });
        assert_eq!(asserting.refresh("x").await.status, 401, "{name} as assertion");
        assert_eq!(web.revoke(value).await.status, if value.is_empty() { 400 } else { 200 });
    }
    // A code comes last, since a real attempt redeems it.
    for Artifact { name, value } in artifacts.iter().filter(|artifact| artifact.name != "code") {
        let reply = web.redeem(value).await;
        assert_eq!(reply.status, 400, "{name} as code: {}", reply.body);
    }
}

/// Row 19 (Zitadel CVE-2026-27840): every prefix, suffix, addition and change of case of a token fails.
#[tokio::test]
async fn cve_2026_27840_a_truncated_or_padded_token_is_none() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let tokens = app.tokens("web", "alice").await;
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    let variants = |token: &str| {
        let mut variants = vec![
            token.to_uppercase(),
            token.to_lowercase(),
            format!("{token}="),
            format!("{token}A"),
            format!("{token}%"),
            format!("A{token}"),
            format!("{token}.{token}"),
            format!("{token} "),
            token.replace(['-', '_'], "+"),
        ];
        let step = (token.len() / 40).max(1);
        for at in (1..token.len()).step_by(step).chain([token.len() - 1, token.len() - 2]) {
            variants.push(token[..at].to_owned());
            variants.push(token[at..].to_owned());
        }
        variants.retain(|variant| variant != token);
        variants
    };
    for access in variants(&tokens.access_token) {
        assert_eq!(web.introspect(&access).await, json!({ "active": false }), "{access}");
    }
    for refresh in variants(&tokens.refresh_token) {
        web.refresh(&refresh).await.refused(400, "invalid_grant");
    }
    for code in variants(&code) {
        web.redeem(&code).await.refused(400, "invalid_grant");
    }
    let session = alice.cookies["hospes_session"].clone();
    for session in variants(&session).into_iter().filter(|text| !text.contains([' ', ';'])) {
        let mut thief = app.browser();
        thief.cookies.insert("hospes_session".into(), session);
        assert_eq!(thief.open("/account/apps").await.page(), "login");
    }
    assert!(web.is_active(&tokens.access_token).await);
    web.refresh(&tokens.refresh_token).await.tokens();
    web.redeem(&code).await.tokens();
}

/// Row 20 (Keycloak CVE-2026-9704): a parameter that is too long, doubled or strange is an error, never left out.
#[tokio::test]
async fn cve_2026_9704_a_bad_parameter_never_falls_back_to_a_weaker_path() {
    let app = TestApp::new().await;
    let (web, m2m) = (app.client("web"), app.client("m2m"));
    let mut alice = app.browser();
    let long = "x".repeat(9000);
    let reply = alice.authorize(&web.request().with("id_token_hint", &"x".repeat(17_000))).await;
    assert_eq!(reply.page_error(), "invalid_request");
    for name in ["code_challenge", "nonce", "claims", "resource", "prompt", "max_age", "acr_values", "unknown"] {
        let reply = alice.authorize(&web.request().with(name, &long)).await;
        assert_eq!(reply.page_error(), "invalid_request", "{name}");
    }
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    for name in ["code_verifier", "redirect_uri", "resource", "unknown"] {
        let parameters = [("grant_type", "authorization_code"), ("code", &code), (name, &long)];
        web.token(&parameters).await.refused(400, "invalid_request");
    }
    let tokens = web.redeem(&code).await.tokens();
    for name in ["scope", "resource"] {
        web.refresh_with(&tokens.refresh_token, &[(name, &long)]).await.refused(400, "invalid_request");
        m2m.client_credentials(&[(name, &long)]).await.refused(400, "invalid_request");
    }
    // A grant's parameters do not leak into another grant.
    let mixed = [("grant_type", "client_credentials"), ("refresh_token", &tokens.refresh_token), ("code", &code)];
    let machine = m2m.token(&mixed).await.tokens();
    assert_eq!(machine.access()["sub"], "m2m");
    web.token(&[("grant_type", "client_credentials"), ("refresh_token", &tokens.refresh_token)])
        .await
        .refused(400, "unauthorized_client");
}

fn part(value: &Value) -> String {
    Base64UrlUnpadded::encode_string(value.to_string().as_bytes())
}

/// Row 21 (Keycloak CVE-2026-11800 and CVE-2026-9793): none, HS256 with the public key, `crit`, nested, wrong `typ`.
#[tokio::test]
async fn cve_2026_11800_forged_jwts_are_refused_wherever_they_are_taken() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    let tokens = web.redeem(&code).await.tokens();
    let jwks = app.get("/.well-known/jwks.json").await.json();
    let (header, claims) = decode(&tokens.access_token);
    let signature = tokens.access_token.rsplit('.').next().unwrap().to_owned();
    let kid = header["kid"].clone();
    let public = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap().to_string();
    let mut forged = Vec::new();
    let with = |header: Value, signature: &str| format!("{}.{}.{signature}", part(&header), part(&claims));
    for alg in ["none", "None", "NONE", "", "HS256", "HS512", "ES384", "RS256", "PS256", "EdDSA", "dir"] {
        forged.push(with(json!({ "alg": alg, "typ": "at+jwt", "kid": kid }), ""));
        forged.push(with(json!({ "alg": alg, "typ": "at+jwt", "kid": kid }), &signature));
    }
    for secret in [public.as_bytes(), b"", kid.as_str().unwrap().as_bytes()] {
        let head = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid })), part(&claims));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        let tag = aws_lc_rs::hmac::sign(&key, head.as_bytes());
        forged.push(format!("{head}.{}", Base64UrlUnpadded::encode_string(tag.as_ref())));
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("jwk", json!({ "kty": "EC" })),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("typ", json!("JWT")),
        ("kid", json!("../../etc/passwd")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!(7)),
        ("alg", json!(["ES256"])),
    ] {
        let mut changed = header.clone();
        changed[name] = value;
        forged.push(with(changed, &signature));
    }
    let mut claims_changed = claims.clone();
    claims_changed["sub"] = "user-test-bob".into();
    forged.push(format!("{}.{}.{signature}", part(&header), part(&claims_changed)));
    // A token inside a token, and five parts of a JWE.
    forged.push(format!(
        "{}.{}.{signature}",
        part(&json!({ "alg": "ES256", "cty": "JWT" })),
        Base64UrlUnpadded::encode_string(tokens.access_token.as_bytes())
    ));
    forged.push(format!(
        "{}.{}.{}.{}.{signature}",
        part(&json!({ "alg": "dir", "enc": "A128GCM" })),
        "",
        "AAAA",
        part(&claims)
    ));
    // Another kind of our own tokens.
    forged.push(tokens.id_token.clone());
    for token in &forged {
        let reply = web.userinfo(token).await;
        assert_eq!(reply.status, 401, "{token}: {}", reply.body);
        assert!(!web.is_active(token).await, "{token}");
        if *token != tokens.id_token {
            let page = alice.clone().open(format!("/oauth2/logout?id_token_hint={token}")).await;
            assert_eq!(page.page(), "error", "{token}");
        }
    }
    // As a hint of who is meant, a forged token names nobody who is here.
    for token in &forged[..forged.len() - 1] {
        let request = web.request().scope("openid").with("prompt", "none").with("id_token_hint", token);
        assert_eq!(alice.authorize(&request).await.callback().error(), "login_required");
    }
}

/// Row 22 (Keycloak CVE-2026-7571): what is taken away in the middle of a flow ends the flow.
#[tokio::test]
async fn cve_2026_7571_a_flow_dies_with_what_it_stands_on() {
    let take = async |app: &TestApp, what: &str| match what {
        "client" => app.disable_client("web").await,
        "grant type" => {
            app.update_client("web", |settings| settings.grant_types = vec![GrantType::ClientCredentials]).await;
        }
        "user" => app.disable_user("alice").await,
        "login" => app.sign_out_everywhere("alice").await,
        _ => unreachable!(),
    };
    for what in ["client", "grant type", "user", "login"] {
        let app = TestApp::new().await;
        let web = app.client("web");
        let mut alice = app.browser();
        let login = alice.authorize(&web.request()).await;
        let consent = alice.login(&login, "alice").await;
        let code = {
            let page = alice.authorize(&web.request()).await;
            alice.allow(&page).await.callback().code()
        };
        let tokens = app.tokens("web", "alice").await;
        app.advance(1);
        take(&app, what).await;
        let reply = alice.submit(consent.form().press(decision::ALLOW)).await;
        let is_told = reply.status == 303 && reply.callback().get("error").is_some();
        assert!(is_told || ["error", "login"].contains(&reply.page()), "{what}: {} {}", reply.status, reply.body);
        assert_ne!(web.redeem(&code).await.status, 200, "{what}");
        assert_ne!(web.refresh(&tokens.refresh_token).await.status, 200, "{what}");
    }
}

/// Row 22: a scope value or resource that is gone is not issued, and comes back only with a new consent.
#[tokio::test]
async fn a_scope_value_that_is_taken_away_between_code_and_token_is_not_issued() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let request = web.request().and("resource", MCP);
    let code = alice.login_and_consent(&request, "alice").await.code();
    app.update_client("web", |settings| settings.scope = Scope::parse("openid offline_access").ok()).await;
    let tokens = web.redeem(&code).await.tokens();
    assert_eq!(tokens.scope, "openid offline_access");
    app.update_policy(|policy| policy.resources.retain(|resource| resource.uri != MCP)).await;
    // An empty audience would be a wider one.
    web.refresh(&tokens.refresh_token).await.refused(400, "invalid_target");
}

/// Row 33 (Keycloak CVE-2026-9792, mosip/esignet#2596): each "required" holds alone, whatever else is there.
#[tokio::test]
async fn cve_2026_9792_each_required_thing_is_required_whatever_else_is_there() {
    let app = TestApp::new().await;
    for id in ["spa", "web", "first", "cli"] {
        let client = app.client(id);
        for prompt in [None, Some("none"), Some("login"), Some("consent"), Some("select_account")] {
            for mode in [None, Some("query"), Some("form_post")] {
                let mut request = client.request();
                if let Some(prompt) = prompt {
                    request = request.with("prompt", prompt);
                }
                if let Some(mode) = mode {
                    request = request.with("response_mode", mode);
                }
                let mut browser = app.browser();
                let without = request.clone().without("code_challenge").without("code_challenge_method");
                assert_eq!(
                    browser.authorize(&without).await.callback().error(),
                    "invalid_request",
                    "{id} {prompt:?} {mode:?}"
                );
                let plain = request.clone().with("code_challenge_method", "plain");
                assert_eq!(browser.authorize(&plain).await.callback().error(), "invalid_request");
                let without = request.clone().without("response_type");
                assert_eq!(browser.authorize(&without).await.callback().error(), "invalid_request");
                let without = request.clone().without("redirect_uri");
                assert_eq!(browser.authorize(&without).await.page(), "error");
            }
        }
    }
}

/// Row 36 (Ory 26.2.5): failing requests at the same time never see each other's errors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_failures_keep_their_own_errors() {
    let app = TestApp::new().await;
    let tokens = app.tokens("web", "alice").await;
    let mut racers = JoinSet::new();
    for number in 0..40 {
        let (web, refresh) = (app.client("web"), tokens.refresh_token.clone());
        racers.spawn(async move {
            let (reply, expected): (Reply, &str) = match number % 5 {
                0 => (web.token(&[]).await, "grant_type is missing"),
                1 => (web.redeem("hac_x").await, "authorization code is unknown"),
                2 => (web.refresh_with(&refresh, &[("scope", "weather")]).await, "did not authorize"),
                3 => (web.clone().unauthenticated().refresh("hrt_x").await, "client authentication failed"),
                _ => (web.token(&[("grant_type", "x"), ("grant_type", "y")]).await, "grant_type must not be repeated"),
            };
            assert!(reply.body.contains(expected), "{expected}: {}", reply.body);
        });
    }
    racers.join_all().await;
}

/// Row 37 (NOP 9.11.4): scope charset, sparse arrays, JSON shapes.
#[tokio::test]
async fn loose_spellings_are_refused() {
    let app = TestApp::new().await;
    let (web, m2m) = (app.client("web"), app.client("m2m"));
    for scope in
        ["notes:read\u{7f}", "notes:\"read\"", "notes\\read", "wéather", "weather\tnotes:read", "weather\u{a0}"]
    {
        m2m.client_credentials(&[("scope", scope)]).await.refused(400, "invalid_scope");
        let callback = app.browser().authorize(&web.request().scope(scope)).await.callback();
        assert_eq!(callback.error(), "invalid_scope", "{scope:?}");
    }
    // Names with brackets are other names, which mean nothing.
    for name in ["scope[]", "scope[0]", "grant_type[]", "client_id[]"] {
        assert_eq!(m2m.client_credentials(&[(name, "openid")]).await.status, 200, "{name}");
    }
    m2m.token(&[("grant_type[]", "client_credentials")]).await.refused(400, "invalid_request");
    for claims in [
        r#"{"userinfo":[]}"#,
        r#"{"userinfo":"email"}"#,
        r#"{"id_token":{"sub":7}}"#,
        r#"{"id_token":{"email":[]}}"#,
        "null",
        "[]",
        "\"x\"",
        "7",
        "{}{}",
        &format!("{}1{}", "[".repeat(200), "]".repeat(200)),
        &"{\"userinfo\":".repeat(150),
    ] {
        let reply = app.browser().authorize(&web.request().with("claims", claims)).await;
        assert_eq!(reply.callback().error(), "invalid_request", "{claims}");
    }
}
