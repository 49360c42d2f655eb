//! `/sdk/v1/passwords` and `/sdk/v1/users`: what strangers may do on a page, and what users may of themselves.
//!
//! attacks.md rows 29 and 32: nobody learns who has an account unless the project lets strangers sign up.

use crate::{
    app::{
        Browser, PASSWORD, Reply, TestApp,
        client::{CHALLENGE, VERIFIER},
        html::Form,
        mailbox::token_in,
    },
    stytch_sdk::Page,
};
use hospes::pages::{decision, field};
use hospes_protocol::lockout::LockPolicy;
use serde_json::{Value, json};

const STRONG: &str = "umbrella over the north pier";
const NEW_PASSWORD_PAGE: &str = "https://app.example/new-password";

fn sign_up(user: &str) -> Value {
    json!({ "email": format!("{user}@example.com"), "password": STRONG, "session_duration_minutes": 60 })
}

async fn kind(page: &Page<'_>, email: &str) -> Value {
    page.post("/users/search", json!({ "email": email })).await.data()["userType"].clone()
}

/// What differs between two requests of any kind.
fn told(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    for members in ["", "/data"] {
        if let Some(Value::Object(members)) = body.pointer_mut(members) {
            members.remove("request_id");
        }
    }
    (reply.status, body)
}

#[tokio::test]
async fn strangers_sign_up_where_the_project_lets_them() {
    let app = TestApp::new().await;
    let page = Page::open(&app).await;
    let off = page.post("/passwords", sign_up("dora")).await;
    off.refused_by_api(403, "sign_up_disabled");
    assert!(off.body.contains("sdk.sign_up"), "{}", off.body);
    // One answer for everybody.
    for email in ["alice@example.com", "dora@example.com", "carol@example.com", ""] {
        assert_eq!(kind(&page, email).await, "password", "{email}");
    }

    app.update_settings(|settings| settings.sdk.sign_up = true).await;
    assert_eq!(kind(&page, "dora@example.com").await, "new");
    let weak = json!({ "email": "dora@example.com", "password": "qwertyuiop", "session_duration_minutes": 60 });
    page.post("/passwords", weak).await.refused_by_api(400, "breached_password");
    let mut body = sign_up("dora");
    body["name"] = json!({ "first_name": "Dora" });
    body["untrusted_metadata"] = json!({ "theme": "dark" });
    // What only the back end may say.
    body["trusted_metadata"] = json!({ "plan": "gold" });
    body["roles"] = json!(["admin"]);
    body["session_custom_claims"] = json!({ "admin": true });
    let made = page.post("/passwords", body).await.data();
    assert!(made["email_id"].as_str().is_some_and(|id| id.starts_with("email-test-")), "{made}");
    let user = &made["user"];
    assert_eq!((&user["roles"], &user["trusted_metadata"]), (&json!(["stytch_user"]), &json!({})));
    assert_eq!((&user["emails"][0]["verified"], &user["name"]["first_name"]), (&json!(false), &json!("Dora")));
    assert_eq!(
        (&user["untrusted_metadata"], &made["session"]["custom_claims"]),
        (&json!({ "theme": "dark" }), &json!({}))
    );
    assert_eq!(page.with_session(&made["session_token"]).get("/users/me").await.data()["user_id"], made["user_id"]);
    assert_eq!(kind(&page, " DORA@example.com").await, "password");
    page.post("/passwords", sign_up("dora")).await.refused_by_api(400, "duplicate_email");
    app.host().post("/v1/users", json!({ "email": "erik@example.com" })).await.done();
    assert_eq!(kind(&page, "erik@example.com").await, "passwordless");
    let events = app.host().get("/v1/audit_events?limit=1000").await.done();
    let added =
        events["audit_events"].as_array().unwrap().iter().find(|own| own["user_id"] == made["user_id"]).unwrap();
    assert_eq!((&added["kind"], &added["actor"]), (&json!("user.added"), &json!("user")));
}

#[tokio::test]
async fn every_login_that_fails_looks_the_same() {
    let app = TestApp::new().await;
    let page = Page::open(&app).await;
    let wrong = page.log_in("alice", "wrong").await;
    wrong.refused_by_api(401, "unauthorized_credentials");
    // Carol is disabled.
    for (user, password) in [("nobody", PASSWORD), ("carol", PASSWORD), ("carol", "wrong"), ("alice", "")] {
        assert_eq!(told(&page.log_in(user, password).await), told(&wrong), "{user}");
    }
    app.require_password_reset("bob").await;
    assert_eq!(told(&page.log_in("bob", "wrong").await), told(&wrong));
    page.log_in("bob", PASSWORD).await.refused_by_api(400, "reset_password");
}

/// One count, wherever a password is tried, and no door says that there is a lock.
#[tokio::test]
async fn guesses_on_the_page_lock_the_account_everywhere() {
    let app = TestApp::new().await;
    app.update_settings(|settings| settings.lock_policy = LockPolicy { threshold: 3, lock_seconds: 300 }).await;
    let page = Page::open(&app).await;
    let wrong = page.log_in("alice", "wrong").await;
    for _ in 0..2 {
        page.log_in("alice", "wrong").await.refused_by_api(401, "unauthorized_credentials");
    }
    assert_eq!(told(&page.log_in("alice", PASSWORD).await), told(&wrong));
    let body = json!({ "email": "alice@example.com", "password": PASSWORD });
    let host = app.host().post("/v1/passwords/authenticate", body).await;
    host.refused_by_api(429, "user_lock_limit_reached");
    let mut browser: Browser = app.browser();
    let login = browser.open(app.url("/login")).await;
    let form: Form = login.form().with(field::USERNAME, "alice").with(field::PASSWORD, PASSWORD);
    assert_eq!(browser.submit(form.press(decision::LOGIN)).await.page(), "login");
    app.advance(301);
    page.log_in("alice", PASSWORD).await.data();
}

#[tokio::test]
async fn strangers_may_try_only_so_often() {
    let app = TestApp::plan().set("limits.login_per_minute", "3").set("limits.authorize_per_minute", "2").start().await;
    app.update_settings(|settings| settings.sdk.sign_up = true).await;
    let page = Page::open(&app).await;
    let busy = |reply: Reply| {
        assert_eq!((reply.status, reply.json()["status_code"].as_u64()), (429, Some(429)), "{}", reply.body);
        assert!(reply.header("retry-after").parse::<u32>().is_ok());
        // The page may read how long to wait.
        assert!(reply.header("access-control-expose-headers").contains("retry-after"));
    };
    for n in 0..3 {
        page.post("/users/search", json!({ "email": format!("user{n}@example.com") })).await.data();
        page.log_in("alice", "wrong").await.refused_by_api(401, "unauthorized_credentials");
        let body = json!({ "email": format!("user{n}@example.com"), "reset_password_redirect_url": NEW_PASSWORD_PAGE });
        assert_eq!(page.post("/passwords/email/reset/start", body).await.status, 400);
    }
    busy(page.post("/users/search", json!({ "email": "user9@example.com" })).await);
    busy(page.log_in("alice", PASSWORD).await);
    busy(page.post("/passwords", sign_up("dora")).await);
    busy(page.post("/passwords/email/reset/start", json!({ "email": "bob@example.com" })).await);
    for _ in 0..2 {
        page.post("/passwords/strength_check", json!({ "password": "a" })).await.data();
    }
    busy(page.post("/passwords/strength_check", json!({ "password": "a" })).await);
    busy(page.post("/sessions/attest", json!({ "profile_id": "x", "token": "x" })).await);
    busy(page.post("/sessions/exchange_access_token", json!({ "access_token": "x" })).await);
    busy(page.post("/passwords/email/reset", json!({ "token": "x", "password": "x" })).await);
}

#[tokio::test]
async fn a_mail_is_said_to_be_sent_whether_anybody_has_the_address_or_not() {
    let app = TestApp::new().await;
    let page = Page::open(&app).await;
    let asked = |user: &str| json!({ "email": format!("{user}@example.com"), "code_challenge": CHALLENGE });
    let start = async |body: Value| page.post("/passwords/email/reset/start", body).await;
    start(asked("alice")).await.refused_by_api(400, "no_reset_password_redirect_urls_set");
    let types = json!([{ "type": "RESET_PASSWORD", "is_default": true }]);
    let patch = json!({ "redirect_urls": [{ "url": NEW_PASSWORD_PAGE, "types": types }] });
    app.host().call(reqwest::Method::PATCH, "/v1/settings", Some(patch)).await.done();
    let mut elsewhere = asked("alice");
    elsewhere["reset_password_redirect_url"] = json!("https://evil.example/");
    start(elsewhere).await.refused_by_api(400, "no_match_for_provided_reset_password_url");

    // Nobody, a disabled user, and one who comes in by the host app's own login and has no password.
    app.host().post("/v1/users", json!({ "email": "erik@example.com" })).await.done();
    let sent = start(asked("alice")).await;
    sent.data();
    let mail = app.next_mail().await;
    assert!(mail.contains("To: alice@example.com\r\n"), "{mail}");
    for user in ["nobody", "carol", "erik"] {
        assert_eq!(told(&start(asked(user)).await), told(&sent), "{user}");
    }
    let token = token_in(&mail);
    let reset = |verifier: &str| json!({ "token": token, "password": STRONG, "session_duration_minutes": 60, "code_verifier": verifier });
    let wrong = page.post("/passwords/email/reset", reset(&VERIFIER.replace('d', "e"))).await;
    assert!((400..500).contains(&wrong.status), "{}", wrong.body);
    let block = page.post("/passwords/email/reset", reset(VERIFIER)).await.data();
    assert_eq!(page.with_session(&block["session_token"]).get("/users/me").await.data()["user_id"], "user-test-alice");
    page.log_in("alice", STRONG).await.data();
    page.log_in("alice", PASSWORD).await.refused_by_api(401, "unauthorized_credentials");
    page.post("/passwords/email/reset", reset(VERIFIER))
        .await
        .refused_by_api(401, "unable_to_auth_password_reset_token");
    // Enough mails were sent, and that is not told either.
    for _ in 0..20 {
        let mut long = asked("alice");
        long["reset_password_expiration_minutes"] = json!(10_080);
        assert_eq!(told(&start(long).await), told(&sent));
    }
    start(asked("bob")).await.data();
    let mails = app.mails(6).await;
    let to = |who: &str| mails.iter().filter(|mail| mail.contains(&format!("To: {who}@example.com\r\n"))).count();
    assert_eq!((to("alice"), to("bob")), (5, 1), "{mails:?}");
    // What a stranger asked for keeps nobody from a mail for longer than half an hour.
    app.advance(31 * 60);
    start(asked("alice")).await.data();
    app.mails(7).await;
}

#[tokio::test]
async fn a_password_is_judged_as_by_the_back_end() {
    let app = TestApp::new().await;
    let page = Page::open(&app).await;
    for password in ["qwertyuiop", STRONG, ""] {
        let body = json!({ "password": password, "email": "alice@example.com" });
        let mut theirs = app.host().post("/v1/passwords/strength_check", body.clone()).await.done();
        let mut ours = page.post("/passwords/strength_check", body).await.data();
        for judged in [&mut theirs, &mut ours] {
            judged.as_object_mut().unwrap().remove("request_id");
        }
        assert_eq!(ours, theirs, "{password}");
    }
}

#[tokio::test]
async fn users_change_what_is_theirs_and_nothing_else() {
    let app = TestApp::new().await;
    let page = Page::of(&app, "alice").await;
    let me = page.get("/users/me").await.data();
    assert_eq!((&me["user_id"], &me["roles"]), (&json!("user-test-alice"), &json!(["stytch_user", "member"])));
    let change = json!({
        "name": { "first_name": "Alicia" }, "untrusted_metadata": { "theme": "dark" },
        "trusted_metadata": { "plan": "gold" }, "roles": ["admin"], "external_id": "ext-bob",
        "user_id": "user-test-bob",
    });
    let done = page.put("/users/me", change).await.data();
    // The packages show whom they find here.
    assert_eq!(done["__user"], done["user"]);
    let user = page.get("/users/me").await.data();
    assert_eq!((&user["user_id"], &user["name"]["first_name"]), (&json!("user-test-alice"), &json!("Alicia")));
    assert_eq!(user["untrusted_metadata"], json!({ "theme": "dark" }));
    for name in ["roles", "external_id", "trusted_metadata", "emails", "password"] {
        assert_eq!(user[name], me[name], "{name}");
    }
    let large = json!({ "untrusted_metadata": { "a": "x".repeat(5000) } });
    assert_eq!(page.put("/users/me", large).await.status, 400);
    let events = app.host().get("/v1/audit_events?limit=1000").await.done();
    let changed = events["audit_events"].as_array().unwrap().iter().find(|own| own["kind"] == "user.changed").unwrap();
    assert_eq!((&changed["actor"], &changed["user_id"]), (&json!("user"), &json!("user-test-alice")));
}
