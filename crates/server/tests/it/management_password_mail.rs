//! `/v1/passwords/email/reset`: a mail, and the new password of whoever reads it.

use crate::app::{PASSWORD, TestApp, mailbox::token_in};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

const START: &str = "/v1/passwords/email/reset/start";
const RESET: &str = "/v1/passwords/email/reset";
const STRONG: &str = "umbrella over the north pier";
const PAGE: &str = "https://app.example/new-password";
/// RFC 7636 Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn with_a_page(app: TestApp) -> TestApp {
    let types = json!([{ "type": "RESET_PASSWORD", "is_default": true }]);
    let patch = json!({ "redirect_urls": [{ "url": PAGE, "types": types }] });
    app.host().call(reqwest::Method::PATCH, "/v1/settings", Some(patch)).await.done();
    app
}

/// Starts with `body` beside the address, and reads the mail.
async fn token(app: &TestApp, body: Value) -> String {
    let mut asked = json!({ "email": "alice@example.com" });
    asked.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    app.host().post(START, asked).await.done();
    token_in(&app.next_mail().await)
}

async fn authenticates(app: &TestApp, password: &str) -> bool {
    let body = json!({ "email": "alice@example.com", "password": password });
    app.host().post("/v1/passwords/authenticate", body).await.status == 200
}

#[tokio::test]
async fn whoever_reads_the_mail_sets_a_new_password_once_and_all_else_ends() {
    let app = with_a_page(TestApp::new().await).await;
    app.update_user("alice", |user| user.profile.emails[0].verified = false).await;
    let tokens = app.tokens("spa", "alice").await;
    app.advance(1);
    let started = app.host().post(START, json!({ "email": "ALICE@example.com" })).await.done();
    assert_eq!(started["user_id"], "user-test-alice");
    let mail = app.mails(1).await.pop_first().unwrap();
    assert!(mail.contains("To: alice@example.com\r\n") && mail.contains("Subject: Set a new password for"), "{mail}");
    assert!(mail.contains("text/plain") && mail.contains("text/html") && mail.contains(PAGE), "{mail}");
    let token = token_in(&mail);
    let reset = |password: &str| json!({ "token": token, "password": password, "session_duration_minutes": 60 });
    app.host().post(RESET, reset("qwertyuiop")).await.refused_by_api(400, "breached_password");
    app.host().post(RESET, reset("alice@example.com")).await.refused_by_api(400, "weak_password");
    let done = app.host().post(RESET, reset(STRONG)).await.done();
    let factor = &done["session"]["authentication_factors"][0];
    assert_eq!((&factor["type"], &factor["delivery_method"]), (&json!("magic_link"), &json!("email")));
    assert_eq!((&done["user"]["emails"][0]["verified"], &done["user_id"]), (&json!(true), &started["user_id"]));
    let session = json!({ "session_token": done["session_token"] });
    app.host().post("/v1/sessions/authenticate", session).await.done();
    assert!(authenticates(&app, STRONG).await && !authenticates(&app, PASSWORD).await);
    assert_eq!(app.client("spa").userinfo(&tokens.access_token).await.status, 401);
    app.client("spa").refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    app.host().post(RESET, reset(STRONG)).await.refused_by_api(401, "unable_to_auth_password_reset_token");
}

#[tokio::test]
async fn a_token_is_good_for_its_time_its_verifier_and_its_device() {
    let app = with_a_page(TestApp::new().await).await;
    let reset = async |body: Value| {
        let mut asked = json!({ "password": STRONG });
        asked.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        app.host().post(RESET, asked).await
    };
    reset(json!({ "token": "nothing" })).await.refused_by_api(401, "unable_to_auth_password_reset_token");
    let old = token(&app, json!({ "reset_password_expiration_minutes": 5 })).await;
    app.advance(300);
    reset(json!({ "token": old })).await.refused_by_api(401, "unable_to_auth_password_reset_token");
    let plain = token(&app, json!({})).await;
    let with_verifier = json!({ "token": plain, "code_verifier": VERIFIER });
    reset(with_verifier).await.refused_by_api(400, "pkce_did_not_expect_code_verifier");
    let attributes = json!({ "ip_address": "192.0.2.1" });
    let bound = token(&app, json!({ "code_challenge": CHALLENGE, "attributes": attributes })).await;
    reset(json!({ "token": bound })).await.refused_by_api(400, "pkce_expected_code_verifier");
    let wrong = json!({ "token": bound, "code_verifier": "x".repeat(43) });
    reset(wrong).await.refused_by_api(400, "pkce_mismatch");
    let mut right = json!({ "token": bound, "code_verifier": VERIFIER, "options": { "ip_match_required": true } });
    reset(right.clone()).await.refused_by_api(401, "attribute_mismatch");
    right["attributes"] = attributes;
    reset(right).await.done();
    // A password that was set ends the other tokens.
    reset(json!({ "token": plain })).await.refused_by_api(401, "unable_to_auth_password_reset_token");
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_is_refused() {
    let app = TestApp::new().await;
    let alice = json!({ "email": "alice@example.com" });
    app.host().post(START, alice.clone()).await.refused_by_api(400, "no_reset_password_redirect_urls_set");
    let app = with_a_page(app).await;
    app.host().post("/v1/users/user-test-carol/disable", json!({})).await.done();
    for (body, status, error) in [
        (json!({ "email": "nobody@example.com" }), 404, "email_not_found"),
        (json!({ "email": "carol@example.com" }), 404, "email_not_found"),
        (
            json!({ "reset_password_redirect_url": "https://evil.example/" }),
            400,
            "no_match_for_provided_reset_password_url",
        ),
        (json!({ "reset_password_expiration_minutes": 4 }), 400, "invalid_argument"),
        (json!({ "code_challenge": "short" }), 400, "invalid_pkce_code_challenge"),
        (json!({ "locale": "tlh" }), 400, "invalid_argument"),
    ] {
        let mut asked = alice.clone();
        asked.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        app.host().post(START, asked).await.refused_by_api(status, error);
    }
    for _ in 0..5 {
        app.host().post(START, alice.clone()).await.done();
    }
    app.host().post(START, alice).await.refused_by_api(429, "too_many_requests");
    assert_eq!(app.mails(5).await.len(), 5);
}

// attacks.md rows 1 to 3: whatever may happen once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_forty_with_one_token_one_sets_the_password() {
    let app = with_a_page(TestApp::plan().set("passwords.queue", "64").start().await).await;
    let token = token(&app, json!({ "locale": "de" })).await;
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..40 {
        let (host, body) = (app.host(), json!({ "token": token, "password": format!("{STRONG} {n}") }));
        racers.spawn(async move { (n, host.post(RESET, body).await) });
    }
    let replies = racers.join_all().await;
    let winners: Vec<_> = replies.iter().filter(|(_, reply)| reply.status == 200).map(|(n, _)| *n).collect();
    assert_eq!(winners.len(), 1);
    for (_, reply) in replies.iter().filter(|(_, reply)| reply.status != 200) {
        reply.refused_by_api(401, "unable_to_auth_password_reset_token");
    }
    assert!(authenticates(&app, &format!("{STRONG} {}", winners[0])).await);
}

/// A mail server that says what RFC 5321 §4.2 wants to hear, once, and gives what it was sent.
#[expect(clippy::disallowed_methods, reason = "the mail server is not the server's")]
async fn mail_server() -> (u16, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 mail.test\r\n").await.unwrap();
        let (mut mail, mut is_data) = (String::new(), false);
        while let Some(line) = lines.next_line().await.unwrap() {
            mail.push_str(&line);
            mail.push_str("\r\n");
            let answer: &[u8] = match (is_data, line.as_str()) {
                (true, ".") => b"250 taken\r\n",
                (true, _) => continue,
                (false, "DATA") => b"354 go on\r\n",
                (false, _) => b"250 mail.test\r\n",
            };
            is_data = line == "DATA";
            write.write_all(answer).await.unwrap();
            if line == "." {
                break;
            }
        }
        mail
    };
    (port, tokio::spawn(serve))
}

#[tokio::test]
async fn a_mail_goes_to_the_mail_server_that_is_configured() {
    let (port, server) = mail_server().await;
    let plan = TestApp::plan().set("mail.host", "127.0.0.1").set("mail.port", &port.to_string());
    let app = plan.set("mail.tls", "none").set("mail.from", "Harbour <no-reply@harbour.example>").start().await;
    let app = with_a_page(app).await;
    app.host().post(START, json!({ "email": "alice@example.com" })).await.done();
    let mail = server.await.unwrap();
    for line in ["MAIL FROM:<no-reply@harbour.example>", "RCPT TO:<alice@example.com>", "Subject: Set a new password"] {
        assert!(mail.contains(line), "{mail}");
    }
    let body = json!({ "token": token_in(&mail), "password": STRONG });
    app.host().post(RESET, body).await.done();
}
