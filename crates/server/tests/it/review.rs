//! Defects that a reading of the code found, each with the sequence that showed it.

use crate::app::{PASSWORD, TestApp};
use hospes::pages::{decision, field};

const SESSION: &str = "hospes_session";
const BINDING: &str = "hospes_browser";

/// The session cookie outlives the browser's run, the binding cookie does not.
#[tokio::test]
async fn after_a_restart_of_the_browser_apps_are_disconnected_and_a_logout_confirmed() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let web = app.client("web");
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    let tokens = web.redeem(&code).await.tokens();

    alice.cookies.remove(BINDING);
    let page = alice.open("/account/apps").await;
    assert_eq!(alice.post(&page.form().with(field::DISCONNECT, "web")).await.status, 303);
    assert!(!web.is_active(&tokens.access_token).await);

    alice.cookies.remove(BINDING);
    let page = alice.open("/oauth2/logout").await;
    assert_eq!(alice.submit(page.form().press(decision::CONFIRM)).await.page(), "logged-out");
}

/// GHSA-895x-rfqp-jh5c, attacks.md row 23: offline access that is taken back ends what rests on it.
#[tokio::test]
async fn without_offline_access_nothing_is_refreshed() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let tokens = app.tokens("web", "alice").await;
    web.refresh(&tokens.refresh_token).await.tokens();
    app.update_client("web", |settings| {
        settings.scope = Some(hospes_protocol::Scope::parse("openid profile email").unwrap());
    })
    .await;
    let refused = web.refresh(&tokens.refresh_token).await;
    assert!(
        refused.body.contains(hospes_protocol::access_scope::OFFLINE_ENDED.description.as_ref()),
        "{}",
        refused.body
    );
    refused.refused(400, "invalid_grant");
    assert!(!web.is_active(&tokens.refresh_token).await);
}

/// Whoever holds the cookie of a session that was ended learns nothing of whose it was.
#[tokio::test]
async fn an_ended_session_shows_nobody_on_the_account_page() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let cookie = alice.cookies[SESSION].clone();
    let page = alice.open("/oauth2/logout").await;
    alice.submit(page.form().press(decision::CONFIRM)).await;

    let mut thief = app.browser();
    thief.cookies.insert(SESSION.into(), cookie);
    let page = thief.authorize(&app.client("web").request().with("prompt", "login")).await;
    let interaction = page.form().get(field::INTERACTION).unwrap().to_owned();
    let page = thief.open(format!("/account?interaction={interaction}")).await;
    assert_eq!(page.page(), "login");
    assert!(!page.body.contains("alice") && !page.body.contains("Alice"), "{}", page.body);
}

#[tokio::test]
async fn a_login_ends_the_session_that_the_browser_had_before() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let first = alice.cookies[SESSION].clone();
    alice.sign_in("alice").await;
    let mut old = app.browser();
    old.cookies.insert(SESSION.into(), first);
    assert_eq!(old.open("/account/apps").await.page(), "login");
    assert_eq!(alice.open("/account/apps").await.page(), "apps");
}

/// A guess at a locked door must not keep the owner out for longer.
#[tokio::test]
async fn guesses_while_locked_do_not_lock_for_longer() {
    let app = TestApp::plan().set("limits.login_per_minute", "0").start().await;
    let mut stranger = app.browser();
    for _ in 0..10 {
        let page = stranger.open("/login").await;
        let form = page.form().with(field::USERNAME, "alice@example.com").with(field::PASSWORD, "a guess");
        assert_eq!(stranger.submit(form.press(decision::LOGIN)).await.page(), "login");
    }
    app.advance(20);
    for _ in 0..3 {
        let page = stranger.open("/login").await;
        let form = page.form().with(field::USERNAME, "alice@example.com").with(field::PASSWORD, "a guess");
        stranger.submit(form.press(decision::LOGIN)).await;
    }
    let mut alice = app.browser();
    let page = alice.open("/login").await;
    let right = page.form().with(field::USERNAME, "alice@example.com").with(field::PASSWORD, PASSWORD);
    assert_eq!(alice.submit(right.clone().press(decision::LOGIN)).await.page(), "login", "still locked");
    app.advance(11);
    assert_eq!(alice.submit(right.press(decision::LOGIN)).await.page(), "apps");
}

/// OIDC Core §3.1.2.1: with `prompt=none`, a hint that we cannot verify is no licence to take whoever is signed in.
#[tokio::test]
async fn a_silent_request_with_an_unverifiable_hint_gets_no_code() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let web = app.client("web");
    let code = alice.login_and_consent(&web.request().scope("openid"), "alice").await.code();
    web.redeem(&code).await.tokens();
    let silent = web.request().scope("openid").with("prompt", "none");
    alice.authorize(&silent).await.callback().code();
    let hinted = silent.with("id_token_hint", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA");
    assert_eq!(alice.authorize(&hinted).await.callback().error(), "login_required");
}

/// A code that a disconnect, a sign-out or a disabling voided stays void, though the user connects the client again in
/// the very same second; and what is given then lives.
#[tokio::test]
async fn an_unredeemed_code_does_not_come_back_with_the_next_consent() {
    for what in ["disconnect", "sign out", "user", "client"] {
        let app = TestApp::new().await;
        let web = app.client("web");
        let mut alice = app.browser();
        let code = alice.login_and_consent(&web.request(), "alice").await.code();
        match what {
            "disconnect" => app.revoke_grant("alice", "web").await,
            "sign out" => app.sign_out_everywhere("alice").await,
            "user" => {
                app.disable_user("alice").await;
                app.enable_user("alice").await;
            }
            _ => {
                app.disable_client("web").await;
                app.enable_client("web").await;
            }
        }
        let again = alice.login_and_consent(&web.request(), "alice").await.code();
        web.redeem(&code).await.refused(400, "invalid_grant");
        let tokens = web.redeem(&again).await.tokens();
        assert!(web.is_active(&tokens.access_token).await, "{what}");
        web.redeem(&code).await.refused(400, "invalid_grant");
        assert!(web.is_active(&web.refresh(&tokens.refresh_token).await.tokens().access_token).await, "{what}");
    }
}

/// A page that waits for the user's answer ends with what it asks about.
#[tokio::test]
async fn an_open_consent_page_ends_with_a_disconnect_or_its_client() {
    for what in ["disconnect", "client"] {
        let app = TestApp::new().await;
        let web = app.client("web");
        let mut alice = app.browser();
        alice.login_and_consent(&web.request(), "alice").await.code();
        let page = alice.authorize(&web.request().with("prompt", "consent")).await;
        assert_eq!(page.page(), "consent");
        if what == "disconnect" {
            app.revoke_grant("alice", "web").await;
        } else {
            app.disable_client("web").await;
            app.enable_client("web").await;
        }
        let answer = alice.submit(page.form().press(decision::ALLOW)).await;
        assert_eq!((answer.status, answer.page()), (400, "error"), "{what}");
    }
}
