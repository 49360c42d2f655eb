//! The login page: OIDC Core §3.1.2.3, RFC 9700 §4.7.

use crate::app::{Browser, PASSWORD, TestApp};
use hospes::pages::{decision, field};

#[tokio::test]
async fn a_wrong_password_is_told_on_the_page_and_the_next_attempt_may_be_right() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut browser = app.browser();
    let page = browser.authorize(&web.request()).await;
    let form = page.form().with(field::USERNAME, "alice").with(field::PASSWORD, "wrong").press(decision::LOGIN);
    let again = browser.submit(form).await;
    assert_eq!((again.status, again.page()), (200, "login"));
    assert!(again.body.contains("login-error") && again.body.contains("role=\"alert\""));
    assert_eq!(again.form().get(field::USERNAME), Some("alice"));
    assert!(!again.body.contains("wrong\""), "the password is on the page");
    // The address of the page leads back to it, with the way out.
    let interaction = again.form().get(field::INTERACTION).unwrap().to_owned();
    let address = format!("/login?interaction={interaction}");
    assert!(page.body.contains(&format!("action=\"{address}\"")), "{}", page.body);
    let reloaded = browser.open(&address).await;
    assert!(reloaded.body.contains("login-cancel"), "{}", reloaded.body);
    let page = browser.login(&again, "alice").await;
    assert_eq!(page.page(), "consent");
}

/// The same answer for unknown users, wrong passwords, disabled users and empty accounts.
#[tokio::test]
async fn the_answer_does_not_tell_who_exists() {
    let app = TestApp::new().await;
    let mut answers = Vec::new();
    for (user, password) in [("alice", "wrong"), ("nobody", "wrong"), ("carol", PASSWORD), ("carol", "wrong")] {
        let mut browser = app.browser();
        let page = browser.authorize(&app.client("web").request()).await;
        let form = page.form().with(field::USERNAME, user).with(field::PASSWORD, password).press(decision::LOGIN);
        let answer = browser.submit(form).await;
        assert!(!browser.cookies.keys().any(|name| name.contains("session")), "{user} is signed in");
        let hidden = |name| answer.form().get(name).unwrap().to_owned();
        let body = answer
            .body
            .replace(user, "USER")
            .replace(&hidden(field::CSRF), "")
            .replace(&hidden(field::INTERACTION), "");
        answers.push((answer.status, body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[tokio::test]
async fn a_user_logs_in_by_name_or_address_in_any_case() {
    let app = TestApp::new().await;
    for name in ["alice", "Alice", " alice ", "ALICE@example.com"] {
        app.browser().sign_in(name).await;
    }
}

#[tokio::test]
async fn empty_fields_are_asked_for_again() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    let page = browser.open("/login").await;
    for (user, password) in [("", PASSWORD), ("alice", ""), ("", ""), ("   ", PASSWORD)] {
        let form = page.form().with(field::USERNAME, user).with(field::PASSWORD, password).press(decision::LOGIN);
        let again = browser.submit(form).await;
        assert_eq!((again.status, again.page()), (200, "login"), "{user} {password}");
    }
    assert!(!browser.cookies.keys().any(|name| name.contains("session")));
}

#[tokio::test]
async fn cancel_tells_the_client() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    let page = browser.authorize(&app.client("web").request()).await;
    let callback = browser.submit(page.form().press(decision::CANCEL)).await.callback();
    assert_eq!(callback.error(), "access_denied");
    assert_eq!(callback.get("state"), Some("af0ifjsldkj"));
    assert_eq!(callback.get("iss"), Some(app.issuer.as_str()));
}

/// No session fixation: a login makes a new session, and the old cookie is worth nothing new.
#[tokio::test]
async fn every_login_makes_a_new_session() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    browser.sign_in("alice").await;
    let first = browser.cookies["hospes_session"].clone();
    browser.sign_in("alice").await;
    assert_ne!(browser.cookies["hospes_session"], first);
}

/// An attacker who plants a session cookie does not get the session that follows.
#[tokio::test]
async fn a_planted_session_cookie_is_replaced() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    browser.cookies.insert("hospes_session".into(), "planted".into());
    browser.sign_in("alice").await;
    let mut attacker = app.browser();
    attacker.cookies.insert("hospes_session".into(), "planted".into());
    assert_eq!(attacker.open("/account/apps").await.page(), "login");
}

#[tokio::test]
async fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    let page = browser.peek(&app.client("web").request().url()).await;
    let [binding] = page.cookies()[..] else { panic!("{:?}", page.cookies()) };
    assert!(binding.starts_with("hospes_browser="));
    let page = browser.follow(page.clone()).await;
    let reply = browser.post(&Browser::fill_login(&page, "alice")).await;
    let [session] = reply.cookies()[..] else { panic!("{:?}", reply.cookies()) };
    assert!(session.starts_with("hospes_session="));
    for cookie in [binding, session] {
        for attribute in ["Path=/", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain="), "{cookie}");
    }
}

/// A CSRF token of another form, browser or interaction, or none.
#[tokio::test]
async fn a_forged_login_form_is_refused() {
    let app = TestApp::new().await;
    let request = app.client("web").request();
    let (mut browser, mut attacker) = (app.browser(), app.browser());
    let page = browser.authorize(&request).await;
    let other_interaction = browser.authorize(&request).await.form().get(field::CSRF).unwrap().to_owned();
    let other_browser = attacker.authorize(&request).await.form().get(field::CSRF).unwrap().to_owned();
    for forged in ["", "x", &other_interaction, &other_browser] {
        let form = Browser::fill_login(&page, "alice").with(field::CSRF, forged);
        let reply = browser.submit(form).await;
        assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"), "{forged}");
    }
    let reply = browser.submit(Browser::fill_login(&page, "alice").without(field::CSRF)).await;
    assert_eq!(reply.page(), "error");
    assert!(!browser.cookies.contains_key("hospes_session"));
    assert_eq!(browser.login(&page, "alice").await.page(), "consent");
}

/// Login CSRF: an attacker's page cannot sign the victim in as the attacker, for it has not the victim's cookie.
#[tokio::test]
async fn a_login_form_without_cookies_is_refused() {
    let app = TestApp::new().await;
    let page = app.browser().open("/login").await;
    let reply = app.browser().submit(Browser::fill_login(&page, "alice")).await;
    assert_eq!(reply.page(), "error");
    assert!(reply.cookies().is_empty());
}

/// Wrong passwords are counted in the database; the lock ends by itself.
#[tokio::test]
async fn guessing_locks_the_account_for_a_while() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    let page = browser.open("/login").await;
    let attempt = |password: &str| {
        page.form().with(field::USERNAME, "alice").with(field::PASSWORD, password).press(decision::LOGIN)
    };
    for _ in 0..9 {
        browser.submit(attempt("wrong")).await;
    }
    browser.sign_in("alice").await;
    for _ in 0..10 {
        browser.submit(attempt("wrong")).await;
    }
    // The right password does not help now, and the answer is the usual one.
    let page_while_locked = browser.submit(attempt(PASSWORD)).await;
    assert_eq!(page_while_locked.page(), "login");
    // Another account is not touched.
    app.browser().sign_in("bob").await;
    app.advance(3599);
    assert_eq!(browser.submit(attempt(PASSWORD)).await.page(), "login");
    app.advance(1);
    assert_eq!(browser.submit(attempt(PASSWORD)).await.page(), "apps");
}

#[tokio::test]
async fn too_many_logins_from_one_address_are_told_to_wait() {
    let app = TestApp::plan().set("limits.login_per_minute", "3").start().await;
    let mut browser = app.browser();
    let page = browser.open("/login").await;
    let form = page.form().with(field::USERNAME, "alice").with(field::PASSWORD, "wrong").press(decision::LOGIN);
    for _ in 0..3 {
        browser.submit(form.clone()).await;
    }
    let limited = browser.submit(Browser::fill_login(&page, "alice")).await;
    assert_eq!(limited.page(), "login");
    assert!(!browser.cookies.contains_key("hospes_session"));
    app.advance(60);
    assert_eq!(browser.submit(Browser::fill_login(&page, "alice")).await.page(), "apps");
}

#[tokio::test]
async fn a_session_ends_in_time_and_with_the_user() {
    let app = TestApp::plan().set("lifetimes.session", "1h").start().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    app.advance(3599);
    assert_eq!(alice.open("/account/apps").await.page(), "apps");
    app.advance(1);
    assert_eq!(alice.open("/account/apps").await.page(), "login");
    alice.sign_in("alice").await;
    app.disable_user("alice").await;
    assert_eq!(alice.open("/account/apps").await.page(), "login");
    app.enable_user("alice").await;
    assert_eq!(alice.open("/account/apps").await.page(), "login", "what ended by disabling stays ended");
    alice.sign_in("alice").await;
    app.sign_out_everywhere("alice").await;
    assert_eq!(alice.open("/account/apps").await.page(), "login");
}

/// Whoever is disabled between login and consent gets nothing (attacks.md row 22 and 26).
#[tokio::test]
async fn a_user_who_is_disabled_in_the_middle_must_log_in_again() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let page = alice.authorize(&app.client("web").request()).await;
    let consent = alice.login(&page, "alice").await;
    app.disable_user("alice").await;
    let reply = alice.submit(consent.form().press(decision::ALLOW)).await;
    assert!(["error", "login"].contains(&reply.page()), "{}", reply.body);
    assert_eq!(alice.authorize(&app.client("web").request()).await.page(), "login");
}

#[tokio::test]
async fn an_interaction_grows_old() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let page = alice.authorize(&app.client("web").request()).await;
    app.advance(3600);
    let reply = alice.submit(Browser::fill_login(&page, "alice")).await;
    assert_eq!((reply.status, reply.page_error().as_str()), (400, "invalid_request"));
    assert!(!alice.cookies.contains_key("hospes_session"));
}
