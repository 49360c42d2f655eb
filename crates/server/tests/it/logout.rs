//! `/oauth2/logout` and our confirmation page: OpenID Connect RP-Initiated Logout 1.0.

use crate::app::{Browser, TestApp};
use hospes::pages::{decision, field};

const BYE: &str = "https://app.example/bye";

fn logout(app: &TestApp, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    app.url(&format!("/oauth2/logout?{query}"))
}

/// A browser in which alice is signed in, and an ID token of that login.
async fn signed_in(app: &TestApp) -> (Browser, String) {
    let web = app.client("web");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    (alice, web.redeem(&code).await.tokens().id_token)
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.open("/account/apps").await.page() == "apps"
}

#[tokio::test]
async fn with_a_hint_of_this_user_no_question_is_asked() {
    let app = TestApp::new().await;
    let (mut alice, hint) = signed_in(&app).await;
    let parameters = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s t+a%te")];
    let cookie = alice.cookies["hospes_session"].clone();
    let reply = alice.open(logout(&app, &parameters)).await;
    assert_eq!(reply.location(), format!("{BYE}?state=s%20t%2Ba%25te"));
    assert!(!alice.cookies.contains_key("hospes_session"));
    // The session is over on the server too.
    alice.cookies.insert("hospes_session".into(), cookie);
    assert!(!is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn an_expired_hint_is_a_hint() {
    let app = TestApp::new().await;
    let (mut alice, hint) = signed_in(&app).await;
    app.advance(2 * 86_400);
    alice.open(logout(&app, &[("id_token_hint", &hint)])).await;
    assert!(!is_signed_in(&mut alice).await);
}

/// §6: any page on the web could send the user here.
#[tokio::test]
async fn without_a_hint_the_user_is_asked() {
    let app = TestApp::new().await;
    let (mut alice, _) = signed_in(&app).await;
    for parameters in [&[][..], &[("client_id", "web")], &[("client_id", "web"), ("post_logout_redirect_uri", BYE)]] {
        let page = alice.open(logout(&app, parameters)).await;
        assert_eq!(page.page(), "logout");
        let stay = alice.submit(page.form().press(decision::CANCEL)).await;
        assert_eq!(stay.page(), "logged-out");
        assert!(is_signed_in(&mut alice).await);
    }
    let page =
        alice.open(logout(&app, &[("client_id", "web"), ("post_logout_redirect_uri", BYE), ("state", "x")])).await;
    assert!(page.body.contains("Harbour Master") && page.body.contains("Alice Quay"));
    let reply = alice.submit(page.form().press(decision::CONFIRM)).await;
    assert_eq!(reply.location(), format!("{BYE}?state=x"));
    assert!(!is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn a_hint_of_another_user_asks() {
    let app = TestApp::new().await;
    let (_, hint) = signed_in(&app).await;
    let mut bob = app.browser();
    bob.sign_in("bob").await;
    let page = bob.open(logout(&app, &[("id_token_hint", &hint)])).await;
    assert_eq!(page.page(), "logout");
    assert!(is_signed_in(&mut bob).await);
}

#[tokio::test]
async fn the_address_is_exact_and_belongs_to_the_client() {
    let app = TestApp::new().await;
    let (mut alice, hint) = signed_in(&app).await;
    for uri in [
        "https://evil.example/",
        "https://app.example/bye/",
        "https://app.example/bye?x=1",
        "https://app.example/bye#x",
        "https://APP.example/bye",
        "https://app.example/callback",
        "javascript:alert(1)",
        "//evil.example",
    ] {
        let reply = alice.open(logout(&app, &[("id_token_hint", &hint), ("post_logout_redirect_uri", uri)])).await;
        assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"), "{uri}");
    }
    // Without a client nobody can say whose it is.
    let reply = alice.open(logout(&app, &[("post_logout_redirect_uri", BYE)])).await;
    assert_eq!(reply.page(), "error");
    let reply = alice.open(logout(&app, &[("post_logout_redirect_uri", BYE), ("client_id", "other")])).await;
    assert_eq!(reply.page(), "error");
    let reply = alice.open(logout(&app, &[("id_token_hint", &hint), ("client_id", "spa")])).await;
    assert_eq!(reply.page(), "error");
    assert!(is_signed_in(&mut alice).await, "a bad request changes nothing");
}

#[tokio::test]
async fn what_is_no_id_token_of_ours_is_no_hint() {
    let app = TestApp::new().await;
    let (mut alice, hint) = signed_in(&app).await;
    let access = app.tokens("web", "alice").await.access_token;
    let (head, _) = hint.rsplit_once('.').unwrap();
    for wrong in ["x", "a.b.c", &access, &format!("{head}."), &format!("{head}.AAAA"), &format!("{hint}A")] {
        let reply = alice.open(logout(&app, &[("id_token_hint", wrong)])).await;
        assert_eq!(reply.page(), "error", "{wrong}");
        assert!(reply.body.contains(hospes_protocol::logout::BAD_HINT.description.as_ref()), "{wrong}");
    }
    assert!(is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn nobody_signed_in_is_logged_out_already() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    assert_eq!(browser.open(logout(&app, &[])).await.page(), "logged-out");
    let reply = browser.open(logout(&app, &[("client_id", "web"), ("post_logout_redirect_uri", BYE)])).await;
    assert_eq!(reply.location(), BYE);
}

#[tokio::test]
async fn post_is_as_good_as_get() {
    let app = TestApp::new().await;
    let (mut alice, hint) = signed_in(&app).await;
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE)])
        .finish();
    let request =
        app.http().post(app.url("/oauth2/logout")).header("content-type", "application/x-www-form-urlencoded");
    let reply = alice.send(request.body(body)).await;
    let reply = alice.follow(reply).await;
    assert_eq!(reply.location(), BYE);
    assert!(!is_signed_in(&mut alice).await);
}

/// A confirmation that did not come from our page.
#[tokio::test]
async fn a_forged_confirmation_is_refused() {
    let app = TestApp::new().await;
    let (mut alice, _) = signed_in(&app).await;
    let page = alice.open(logout(&app, &[("client_id", "web")])).await;
    let form = page.form();
    for forged in
        [form.clone().with(field::CSRF, "x"), form.clone().without(field::CSRF), form.clone().with(field::CSRF, "")]
    {
        assert_eq!(alice.submit(forged.press(decision::CONFIRM)).await.page(), "error");
    }
    // The carried request is checked again: an address put into the form is no registered one.
    let swapped =
        form.clone().with(field::INTERACTION, "client_id=web&post_logout_redirect_uri=https%3A%2F%2Fevil.example");
    assert_eq!(alice.submit(swapped.press(decision::CONFIRM)).await.page(), "error");
    // A form that was drawn for another login is stale.
    assert!(is_signed_in(&mut alice).await);
    alice.sign_in("bob").await;
    assert_eq!(alice.submit(form.press(decision::CONFIRM)).await.page(), "error");
    assert!(is_signed_in(&mut alice).await);
}

/// Another program is opened by a link, as for authorization responses.
#[tokio::test]
async fn the_way_back_to_an_app_is_a_link() {
    let app = TestApp::new().await;
    let (mut alice, hint) = signed_in(&app).await;
    let parameters = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "com.example.app:/bye")];
    let page = alice.open(logout(&app, &parameters)).await;
    assert_eq!(page.page(), "logged-out");
    assert_eq!(crate::app::html::attribute(&page.body, "return-link", "href").as_deref(), Some("com.example.app:/bye"));
}

/// Without `offline_access` access ends with the login; with it, it does not (OIDC Core §11).
#[tokio::test]
async fn a_logout_ends_what_was_given_for_this_login_only() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let online = alice.login_and_consent(&web.request().scope("openid notes:read"), "alice").await.code();
    let online = web.redeem(&online).await.tokens();
    let offline = alice.login_and_consent(&web.request(), "alice").await.code();
    let offline = web.redeem(&offline).await.tokens();
    let pending = alice.login_and_consent(&web.request().scope("openid"), "alice").await.code();
    let page = alice.open(logout(&app, &[])).await;
    alice.submit(page.form().press(decision::CONFIRM)).await;
    assert!(!web.is_active(&online.access_token).await);
    assert!(web.is_active(&offline.access_token).await);
    web.refresh(&offline.refresh_token).await.tokens();
    web.redeem(&pending).await.refused(400, "invalid_grant");
}
