//! Defects that a reading of the code found, each with the sequence that showed it.

use crate::app::{Browser, PASSWORD, TestApp};
use hospes::pages::{decision, field};
use hospes_protocol::authorization_code;

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
    app.advance(3000);
    for _ in 0..3 {
        let page = stranger.open("/login").await;
        let form = page.form().with(field::USERNAME, "alice@example.com").with(field::PASSWORD, "a guess");
        stranger.submit(form.press(decision::LOGIN)).await;
    }
    let mut alice = app.browser();
    let page = alice.open("/login").await;
    let right = page.form().with(field::USERNAME, "alice@example.com").with(field::PASSWORD, PASSWORD);
    assert_eq!(alice.submit(right.clone().press(decision::LOGIN)).await.page(), "login", "still locked");
    app.advance(600);
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
        let refused = web.redeem(&code).await;
        refused.refused(400, "invalid_grant");
        assert!(refused.body.contains(authorization_code::UNKNOWN.description.as_ref()), "{}", refused.body);
        let tokens = web.redeem(&again).await.tokens();
        assert!(web.is_active(&tokens.access_token).await, "{what}");
        web.redeem(&code).await.refused(400, "invalid_grant");
        assert!(web.is_active(&web.refresh(&tokens.refresh_token).await.tokens().access_token).await, "{what}");
        let replayed = web.redeem(&again).await;
        assert!(replayed.body.contains(authorization_code::REPLAYED.description.as_ref()), "{}", replayed.body);
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

/// What a page says that it has done is what the database says, not the link.
#[tokio::test]
async fn the_apps_page_believes_no_link() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.login_and_consent(&app.client("web").request(), "alice").await.code();
    for id in ["web", "spa", "nobody"] {
        let page = alice.open(format!("/account/apps?disconnected={id}")).await;
        assert!(!page.body.contains("role=\"status\""), "{id}");
    }
    let page = alice.open("/account/apps").await;
    let page = alice.submit(page.form().with(field::DISCONNECT, "web")).await;
    assert!(page.body.contains("role=\"status\""));
    app.advance(60);
    assert!(!alice.open("/account/apps?disconnected=web").await.body.contains("role=\"status\""));
}

/// A posted ID token stays out of every URL, and still asks no question; for its user only, and for a minute.
#[tokio::test]
async fn a_posted_id_token_is_in_no_url() {
    let app = TestApp::new().await;
    let web = app.client("web");
    let mut alice = app.browser();
    let code = alice.login_and_consent(&web.request(), "alice").await.code();
    let hint = web.redeem(&code).await.tokens().id_token;
    let pairs = [("id_token_hint", hint.as_str()), ("state", "s&t")];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let post = app.http().post(app.url("/oauth2/logout")).header("content-type", "application/x-www-form-urlencoded");
    let reply = app.send(post.body(body)).await;
    assert_eq!(reply.status, 303);
    let link = reply.header("location").to_owned();
    assert!(!link.contains(hint.rsplit('.').next().unwrap()) && !link.contains("id_token_hint"), "{link}");
    assert!(link.contains("client_id=web") && link.contains("state=s%26t"), "{link}");

    let mut bob = app.browser();
    bob.sign_in("bob").await;
    assert_eq!(bob.open(&link).await.page(), "logout");
    let other_client = link.replace("client_id=web", "client_id=spa");
    assert_eq!(alice.open(&other_client).await.page(), "logout");
    let mut late = alice.clone();
    app.advance(59);
    assert_eq!(alice.open(&link).await.page(), "logged-out");
    late.sign_in("alice").await;
    app.advance(1);
    assert_eq!(late.open(&link).await.page(), "logout");
}

/// The longest hint that is taken, with the longest state, comes through our confirmation page.
#[tokio::test]
async fn a_logout_with_a_long_hint_can_be_confirmed() {
    const BYE: &str = "https://app.example/bye";
    let app = TestApp::new().await;
    let web = app.client("web");
    app.update_user("alice", |user| {
        user.profile.claims.insert("name".into(), "A".repeat(11 * 1024).into());
    })
    .await;
    let mut alice = app.browser();
    let request = web.request().with("claims", r#"{"id_token":{"name":null}}"#);
    let code = alice.login_and_consent(&request, "alice").await.code();
    let hint = web.redeem(&code).await.tokens().id_token;
    assert!((14 * 1024..16 * 1024).contains(&hint.len()), "{}", hint.len());
    let state = "ü/".repeat(2700);
    let pairs = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", state.as_str())];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut bob = app.browser();
    bob.sign_in("bob").await;
    let page = bob.open(format!("/oauth2/logout?{query}")).await;
    assert_eq!(page.page(), "logout", "{}", page.body);
    let reply = bob.submit(page.form().press(decision::CONFIRM)).await;
    assert!(reply.header("location").starts_with(&format!("{BYE}?state=%C3%BC%2F")), "{}", reply.body);
}

/// Anybody may begin a request, so what is stored of it is bounded, in all and by its sender.
#[tokio::test]
async fn an_authorization_request_is_bounded() {
    let app = TestApp::plan().set("limits.authorize_per_minute", "16").start().await;
    let web = app.client("web");
    let mut browser = app.browser();
    // A hint that we cannot verify names nobody; it is stored all the same.
    let large = web.request().with("state", &"s".repeat(8000)).with("id_token_hint", &"x".repeat(7900));
    assert_eq!(browser.authorize(&large).await.page(), "login");
    let too_large = web
        .request()
        .with("state", &"s".repeat(8000))
        .with("login_hint", &"s".repeat(8100))
        .with("nonce", &"n".repeat(900));
    let reply = browser.authorize(&too_large).await;
    assert_eq!((reply.status, reply.page()), (400, "error"));
    assert!(reply.body.contains("longer than 16 KiB"), "{}", reply.body);
    // Each of them counted as seven more.
    assert_eq!(browser.authorize(&large).await.page(), "login");
    assert_eq!(browser.authorize(&web.request()).await.status, 429);
}

/// The limit of logins is asked before the database, which here would not answer.
#[tokio::test]
async fn too_many_logins_cost_no_read() {
    let app = TestApp::plan().set("limits.login_per_minute", "1").start().await;
    let mut browser = app.browser();
    let page = browser.authorize(&app.client("web").request()).await;
    let form = Browser::fill_login(&page, "nobody");
    browser.submit(form.clone()).await;
    app.app.store.close();
    assert_eq!(browser.submit(form).await.status, 429);
}

/// What a layer answers has the form of its endpoint, and other origins can read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_takes_too_long_is_answered_like_any_other() {
    let app = TestApp::plan().set("http.request_timeout", "1").start().await;
    let spa = app.client("spa");
    let tokens = app.tokens("spa", "alice").await;
    let family = app.family_of(&tokens.access_token).await.id;
    let (project, refresh_token) = (app.app.project.clone(), tokens.refresh_token);
    let hold = app.app.store.write(move |tx| {
        tx.take_family(&project, &family)?;
        std::thread::sleep(std::time::Duration::from_secs(3));
        Ok(())
    });
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        spa.refresh(&refresh_token).await
    };
    let (held, reply) = tokio::join!(hold, late);
    held.unwrap();
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["error"], "temporarily_unavailable");
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_answered_like_any_other() {
    let app = TestApp::new().await;
    for path in ["/oauth2/userinfo", "/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        let request = app.http().post(app.url(path)).header("content-type", "application/x-www-form-urlencoded");
        let reply = app.send(request.header("origin", "https://spa.example").body("x".repeat(70_000))).await;
        reply.refused(400, "invalid_request");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
    }
}

#[tokio::test]
async fn over_tls_browsers_are_told_to_stay_there() {
    let plain = TestApp::new().await;
    assert_eq!(plain.get("/login").await.header("strict-transport-security"), "");
    let app = TestApp::plan().issuer("https://id.example").start().await;
    for path in ["/login", "/.well-known/openid-configuration", "/nothing"] {
        assert_eq!(app.get(path).await.header("strict-transport-security"), "max-age=31536000", "{path}");
    }
}
