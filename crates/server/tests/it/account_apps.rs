//! `/account/apps`: which apps a user has connected, and how to disconnect them (OAuth 2.1 §7.9).

use crate::app::{Browser, TestApp};
use hospes::pages::field;

async fn connect(app: &TestApp, browser: &mut Browser, client: &str) -> crate::app::Tokens {
    let client = app.client(client);
    let code = browser.login_and_consent(&client.request(), "alice").await.code();
    client.redeem(&code).await.tokens()
}

#[tokio::test]
async fn a_user_sees_their_apps_and_disconnects_one() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let web = connect(&app, &mut alice, "web").await;
    let spa = connect(&app, &mut alice, "spa").await;
    let page = alice.open("/account/apps").await;
    for shown in ["Harbour Master", "Lighthouse", "Read your notes", "Alice Quay"] {
        assert!(page.body.contains(shown), "{shown}");
    }
    assert!(!page.body.contains("Buoy"));
    let reply = alice.post(&page.form().with(field::DISCONNECT, "web")).await;
    assert_eq!(reply.status, 303);
    let page = alice.follow(reply).await;
    assert!(page.body.contains("role=\"status\"") && page.body.contains("Harbour Master"));
    let (web_client, spa_client) = (app.client("web"), app.client("spa"));
    assert!(!web_client.is_active(&web.access_token).await);
    web_client.refresh(&web.refresh_token).await.refused(400, "invalid_grant");
    assert_eq!(spa_client.userinfo(&spa.access_token).await.status, 200);
    let page = alice.open("/account/apps").await;
    assert!(!page.body.contains("Harbour Master") && page.body.contains("Lighthouse"));
}

#[tokio::test]
async fn without_a_login_the_page_asks_for_one_and_comes_back() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let page = alice.open("/account/apps").await;
    assert_eq!(page.page(), "login");
    assert_eq!(alice.login(&page, "alice").await.page(), "apps");
    assert_eq!(alice.open("/").await.page(), "apps");
}

#[tokio::test]
async fn nobody_disconnects_the_apps_of_others() {
    let app = TestApp::new().await;
    let (mut alice, mut bob) = (app.browser(), app.browser());
    let tokens = connect(&app, &mut alice, "web").await;
    bob.sign_in("bob").await;
    let page = bob.open("/account/apps").await;
    assert!(!page.body.contains("Harbour Master"));
    // Bob's own form with the client's name ends nothing of Alice's.
    bob.submit(page.form().with(field::DISCONNECT, "web")).await;
    assert!(app.client("web").is_active(&tokens.access_token).await);
}

#[tokio::test]
async fn a_forged_form_disconnects_nothing() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let tokens = connect(&app, &mut alice, "web").await;
    let form = alice.open("/account/apps").await.form().with(field::DISCONNECT, "web");
    for forged in [
        form.clone().with(field::CSRF, "x"),
        form.clone().without(field::CSRF),
        form.clone().without(field::DISCONNECT),
    ] {
        let reply = alice.submit(forged).await;
        assert_eq!(reply.page(), "error");
    }
    // A form that stood open while another user logged in is stale.
    alice.sign_in("bob").await;
    assert_eq!(alice.submit(form.clone()).await.page(), "error");
    assert!(app.client("web").is_active(&tokens.access_token).await);
    // And from a browser without a session.
    assert_ne!(app.browser().submit(form).await.page(), "apps");
    assert!(app.client("web").is_active(&tokens.access_token).await);
}

#[tokio::test]
async fn the_apps_page_shows_no_name_that_was_only_in_the_link() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let page = alice.open("/account/apps?disconnected=%3Cscript%3E").await;
    assert_eq!(page.page(), "apps");
    assert!(!page.body.contains("<script") && !page.body.contains("role=\"status\""));
}
