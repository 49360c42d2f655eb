//! The consent page: RFC 6749 §10.2, OAuth 2.1 §7.9, OIDC Core §3.1.2.4 and §11, RFC 8252 §8.6.

use crate::app::{Browser, MCP, Reply, TestApp, html};
use hospes::pages::{decision, field};

/// The page that a signed-in user gets for a request.
async fn asked(app: &TestApp, browser: &mut Browser, scope: &str) -> Reply {
    browser.authorize(&app.client("web").request().scope(scope)).await
}

#[tokio::test]
async fn a_third_party_client_asks_once_and_again_when_it_wants_more() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid email notes:read").await;
    alice.allow(&page).await.callback().code();
    asked(&app, &mut alice, "openid email notes:read").await.callback().code();
    asked(&app, &mut alice, "openid").await.callback().code();
    let more = asked(&app, &mut alice, "openid email notes:read notes:write").await;
    assert_eq!(more.page(), "consent");
    assert_eq!(more.body.matches("class=\"tag\"").count(), 1, "only what is new is marked");
    // Declining what is new leaves the rest as it was.
    assert_eq!(alice.submit(more.form().press(decision::DENY)).await.callback().error(), "access_denied");
    asked(&app, &mut alice, "openid email notes:read").await.callback().code();
    let page = asked(&app, &mut alice, "openid notes:write").await;
    alice.allow(&page).await.callback().code();
    asked(&app, &mut alice, "openid email notes:read notes:write").await.callback().code();
}

#[tokio::test]
async fn consent_is_remembered_for_one_user_and_one_client() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    browser.sign_in("alice").await;
    let page = asked(&app, &mut browser, "openid").await;
    browser.allow(&page).await;
    let other = browser.authorize(&app.client("spa").request().scope("openid")).await;
    assert_eq!(other.page(), "consent");
    browser.sign_in("bob").await;
    assert_eq!(asked(&app, &mut browser, "openid").await.page(), "consent");
}

/// OIDC Core §11: access in the user's absence is asked for each time.
#[tokio::test]
async fn offline_access_is_asked_for_each_time() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    for _ in 0..2 {
        let page = asked(&app, &mut alice, "openid offline_access").await;
        alice.allow(&page).await.callback().code();
    }
}

#[tokio::test]
async fn a_first_party_client_does_not_ask_until_it_was_disconnected() {
    let app = TestApp::new().await;
    let first = app.client("first");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let tokens = first.redeem(&alice.authorize(&first.request()).await.callback().code()).await.tokens();
    assert!(tokens.scope.contains("offline_access"));
    app.revoke_grant("alice", "first").await;
    assert_eq!(alice.authorize(&first.request()).await.page(), "consent");
    let asked = alice.authorize(&first.request().with("prompt", "consent")).await;
    assert_eq!(asked.page(), "consent");
}

/// Without the operator's switch a first-party client asks for offline access, too.
#[tokio::test]
async fn only_the_operator_lets_a_first_party_client_skip_the_question_for_offline_access() {
    let plan = TestApp::plan().client("first", |first| first["bypass_consent_for_offline_access"] = false.into());
    let app = plan.start().await;
    let first = app.client("first");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    assert_eq!(alice.authorize(&first.request()).await.page(), "consent");
    alice.authorize(&first.request().scope("openid notes:read")).await.callback().code();
}

/// RFC 8252 §8.6: any app on the device could use the client's name.
#[tokio::test]
async fn native_clients_always_confirm() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let cli = app.client("cli").request().with("redirect_uri", "http://127.0.0.1:5000/callback").scope("openid");
    let page = alice.authorize(&cli).await;
    alice.allow(&page).await.callback().code();
    let confirm = alice.authorize(&cli).await;
    assert_eq!(confirm.page(), "consent");
    assert!(confirm.form().get(field::ENDS_AFTER).is_none(), "a confirmation asks for nothing else");
    alice.allow(&confirm).await.callback().code();
    let silent = alice.authorize(&cli.clone().with("prompt", "none")).await.callback();
    assert_eq!(silent.error(), "interaction_required");
}

#[tokio::test]
async fn optional_values_can_be_unticked_and_required_ones_cannot() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid email notes:read notes:write").await;
    assert_eq!(html::scopes_in(&page.body, "consent-required"), ["openid", "notes:read"]);
    assert_eq!(html::scopes_in(&page.body, "consent-optional"), ["email", "notes:write"]);
    let form = page.form().without("scope:email").without("scope:notes:write").press(decision::ALLOW);
    let code = alice.submit(form).await.callback().code();
    let tokens = web.redeem(&code).await.tokens();
    assert_eq!(tokens.scope, "openid notes:read");
    // What was left out is asked for again.
    assert_eq!(asked(&app, &mut alice, "openid email").await.page(), "consent");
}

/// attacks.md row 23: a form that was tampered with adds nothing.
#[tokio::test]
async fn a_form_cannot_add_scope_values() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid notes:delete notes:read").await;
    let form = page.form().with("scope:notes:write", "1").with("scope:notes:delete", "1").with("scope:weather", "1");
    let code = alice.submit(form.press(decision::ALLOW)).await.callback().code();
    assert_eq!(web.redeem(&code).await.tokens().scope, "openid notes:read");
}

/// An app never gets more than its user has.
#[tokio::test]
async fn what_the_users_roles_do_not_cover_is_shown_and_not_granted() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let (mut alice, mut bob) = (app.browser(), app.browser());
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid notes:delete").await;
    assert_eq!(html::scopes_in(&page.body, "consent-refused"), ["notes:delete"]);
    let code = alice.allow(&page).await.callback().code();
    assert_eq!(web.redeem(&code).await.tokens().scope, "openid");
    bob.sign_in("bob").await;
    let page = asked(&app, &mut bob, "openid notes:delete").await;
    assert_eq!(html::scopes_in(&page.body, "consent-required"), ["openid", "notes:delete"]);
    let nothing = alice.authorize(&web.request().scope("notes:delete")).await.callback();
    assert_eq!(nothing.error(), "access_denied");
}

#[tokio::test]
async fn only_the_offered_end_dates_are_taken() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid").await;
    for end in ["1", "-86400", "86401", "soon", "99999999999999999999", "0x10"] {
        let reply = alice.submit(page.form().with(field::ENDS_AFTER, end).press(decision::ALLOW)).await;
        assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"), "{end}");
    }
    alice.submit(page.form().with(field::ENDS_AFTER, "604800").press(decision::ALLOW)).await.callback().code();
    asked(&app, &mut alice, "openid").await.callback().code();
    app.advance(604_800);
    assert_eq!(asked(&app, &mut alice, "openid").await.page(), "consent");
}

#[tokio::test]
async fn deny_tells_the_client_and_leaves_no_grant() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid").await;
    let callback = alice.submit(page.form().press(decision::DENY)).await.callback();
    assert_eq!(callback.error(), "access_denied");
    assert_eq!(callback.get("error_description"), Some(hospes_protocol::consent::DENIED.description.as_ref()));
    assert_eq!(callback.get("iss"), Some(app.issuer.as_str()));
    assert_eq!(asked(&app, &mut alice, "openid").await.page(), "consent");
    assert!(!alice.open("/account/apps").await.body.contains("Harbour Master"));
}

/// attacks.md row 15: the page shows who asks and where the answer goes.
#[tokio::test]
async fn the_page_shows_who_asks_and_where_the_answer_goes() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = alice.authorize(&app.client("web").request().and("resource", MCP)).await;
    for shown in ["Harbour Master", "Alice Quay", "alice@example.com", "app.example", MCP, "Read your notes"] {
        assert!(page.body.contains(shown), "{shown}");
    }
    assert!(!html::ids(&page.body).contains(&"consent-unverified".to_owned()));
    assert!(page.body.contains(r#"href="https://app.example/privacy""#), "RFC 7591 §2: the user is shown policy_uri");
    let policy_uri = Some("https://spa.example/privacy".to_owned());
    app.update_client("spa", move |settings| settings.policy_uri.clone_from(&policy_uri)).await;
    let spa = alice.authorize(&app.client("spa").request()).await;
    assert!(html::ids(&spa.body).contains(&"consent-unverified".to_owned()));
    assert!(!spa.body.contains("https://spa.example/privacy"), "no link that nobody has looked at");
    let loopback = app.client("cli").request().with("redirect_uri", "http://localhost:1234/callback");
    let cli = alice.authorize(&loopback).await;
    assert!(html::ids(&cli.body).contains(&"consent-native".to_owned()), "a loopback address is warned of");
}

/// The switch on the consent page leads to the login, and the consent is then the newcomer's.
#[tokio::test]
async fn the_account_can_be_switched_on_the_consent_page() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut browser = app.browser();
    browser.sign_in("alice").await;
    let page = asked(&app, &mut browser, "openid profile").await;
    let login = browser.submit(page.form().press(decision::SWITCH)).await;
    let page = browser.login(&login, "bob").await;
    assert!(page.body.contains("Bob Pier"), "{}", page.body);
    let tokens = web.redeem(&browser.allow(&page).await.callback().code()).await.tokens();
    assert_eq!(tokens.access()["sub"], "user-test-bob");
}

/// The login ends between the page and the answer: nothing is answered, and nothing is lost.
#[tokio::test]
async fn who_is_no_longer_signed_in_is_asked_to_log_in_and_then_again() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut browser = app.browser();
    browser.sign_in("alice").await;
    let page = asked(&app, &mut browser, "openid profile").await;
    browser.cookies.remove("hospes_session").unwrap();
    let login = browser.submit(page.form().press(decision::ALLOW)).await;
    assert_eq!(login.page(), "login", "{}", login.body);
    let page = browser.login(&login, "alice").await;
    assert_eq!(page.page(), "consent", "{}", page.body);
    let tokens = web.redeem(&browser.allow(&page).await.callback().code()).await.tokens();
    assert_eq!(tokens.access()["sub"], "user-test-alice");
}

#[tokio::test]
async fn a_form_without_a_button_decides_nothing() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid").await;
    for forged in ["", "yes", "ALLOW", "login"] {
        let reply = alice.submit(page.form().with(field::DECISION, forged)).await;
        assert_eq!(reply.page(), "error", "{forged}");
    }
    alice.allow(&page).await.callback().code();
}

/// What becomes possible while the page stands open was not asked, so it is not answered.
#[tokio::test]
async fn consent_covers_only_what_the_page_showed() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid notes:delete").await;
    assert_eq!(html::scopes_in(&page.body, "consent-refused"), ["notes:delete"]);
    app.update_user("alice", |alice| alice.roles.push("admin".into())).await;
    let reply = alice.submit(page.form().press(decision::ALLOW)).await;
    // Shown again with the new question, or allowed without the newcomer.
    let code = match reply.page() {
        "consent" => {
            assert_eq!(html::scopes_in(&reply.body, "consent-required"), ["openid", "notes:delete"]);
            return;
        }
        "error" => return,
        _ => reply.callback().code(),
    };
    assert_eq!(web.redeem(&code).await.tokens().scope, "openid");
}

/// A value that the user may leave out while the page is drawn, and may not when the answer comes.
#[tokio::test]
async fn a_value_that_became_required_meanwhile_is_not_allowed_unseen() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = asked(&app, &mut alice, "openid notes:write").await;
    app.update_policy(|policy| policy.scopes.iter_mut().for_each(|scope| scope.optional = false)).await;
    let form = page.form().without("scope:notes:write").press(decision::ALLOW);
    let reply = alice.submit(form).await;
    if reply.status == 303 {
        assert!(!web.redeem(&reply.callback().code()).await.tokens().scope.contains("notes:write"));
    } else {
        assert!(["consent", "error"].contains(&reply.page()), "{}", reply.body);
    }
}

/// OIDC Core §5.5: claims asked for by name are shown like scope values, and asked for each time.
#[tokio::test]
async fn single_claims_are_shown_and_asked_for_each_time() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let claims = r#"{"userinfo":{"phone_number":null}}"#;
    let request = app.client("web").request().scope("openid").with("claims", claims);
    for _ in 0..2 {
        let page = alice.authorize(&request).await;
        let shown = html::scopes_in(&page.body, "consent-required");
        assert!(shown.contains(&"phone".to_owned()), "{shown:?}");
        alice.allow(&page).await.callback().code();
    }
}
