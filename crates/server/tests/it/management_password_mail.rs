//! `/v1/passwords/email/reset`: a mail, and the new password of whoever reads it.

use crate::app::{MailServer, PASSWORD, Plan, TestApp, mailbox::token_in};
use serde_json::{Value, json};
use std::fs;

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

/// A plan whose mail goes to `server`.
fn by(server: &MailServer) -> Plan {
    let plan = TestApp::plan().set("mail.host", "localhost").set("mail.port", &server.port.to_string());
    plan.set("mail.tls", "none").set("mail.from", "Harbour <no-reply@harbour.example>")
}

#[tokio::test]
async fn a_mail_goes_to_the_mail_server_that_is_configured() {
    let server = MailServer::start();
    let app = with_a_page(by(&server).start().await).await;
    app.host().post(START, json!({ "email": "alice@example.com" })).await.done();
    let mail = server.mails(1).await.remove(0);
    for line in ["MAIL FROM:<no-reply@harbour.example>", "RCPT TO:<alice@example.com>", "Subject: Set a new password"] {
        assert!(mail.contains(line), "{mail}");
    }
    let body = json!({ "token": token_in(&mail), "password": STRONG });
    app.host().post(RESET, body).await.done();
}

#[tokio::test]
async fn a_mail_that_is_not_taken_is_tried_again_at_growing_distances_and_sent_once() {
    let server = MailServer::refusing(2);
    let app = with_a_page(by(&server).start().await).await;
    app.host().post(START, json!({ "email": "alice@example.com" })).await.done();
    server.attempts(1).await;
    app.advance(29);
    server.stays_at(1).await;
    app.advance(1);
    server.attempts(2).await;
    app.advance(59);
    server.stays_at(2).await;
    app.advance(1);
    let mail = server.mails(1).await.remove(0);
    app.advance(1000);
    server.stays_at(3).await;
    app.host().post(RESET, json!({ "token": token_in(&mail), "password": STRONG })).await.done();
}

#[tokio::test]
async fn a_mail_whose_token_has_expired_is_not_sent_any_more() {
    let server = MailServer::refusing(1);
    let app = with_a_page(by(&server).start().await).await;
    let body = json!({ "email": "alice@example.com", "reset_password_expiration_minutes": 5 });
    app.host().post(START, body).await.done();
    server.attempts(1).await;
    app.advance(300);
    server.stays_at(1).await;
}

/// Of a project that nobody asks the new process for: what waits is in the database, and when to try again too.
#[tokio::test]
async fn what_waits_is_sent_after_a_restart_for_every_project() {
    let server = MailServer::refusing(2);
    let mut app = with_a_page(by(&server).start().await).await;
    let lagoon = app.neighbour("").await;
    let types = json!([{ "type": "RESET_PASSWORD", "is_default": true }]);
    let patch = json!({ "redirect_urls": [{ "url": PAGE, "types": types }] });
    lagoon.host().call(reqwest::Method::PATCH, "/v1/settings", Some(patch)).await.done();
    lagoon.host().post(START, json!({ "email": "alice@example.com" })).await.done();
    server.attempts(1).await;
    app.stop().await;
    let next = app.another_process().await;
    server.stays_at(1).await;
    app.advance(30);
    server.attempts(2).await;
    // The distance grows on where the process before left off.
    app.advance(59);
    server.stays_at(2).await;
    app.advance(1);
    let mail = server.mails(1).await.remove(0);
    let body = json!({ "token": token_in(&mail), "password": STRONG });
    lagoon.host().at(&next.base).post(RESET, body).await.done();
}

#[tokio::test]
async fn a_relay_with_tls_a_password_and_an_authority_of_its_own_takes_mail() {
    let folder = tempfile::tempdir().unwrap();
    let server = MailServer::with_tls("localhost", ("harbour", "relay secret"));
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, server.ca.as_ref().unwrap()).unwrap();
    let plan = by(&server).set("mail.tls", "implicit").set("mail.user", "harbour");
    let trusting = plan.clone().set("mail.extra_ca_file", ca.to_str().unwrap());

    let app = with_a_page(trusting.clone().set("mail.password", "relay secret").start().await).await;
    app.host().post(START, json!({ "email": "alice@example.com" })).await.done();
    let mail = server.mails(1).await.remove(0);
    assert!(mail.contains("Subject: Set a new password"), "{mail}");
    assert_eq!(server.refused_logins(), 0);

    // Without the authority's certificate nothing is said to it, neither the mail nor the password.
    let wary = with_a_page(plan.set("mail.password", "relay secret").start().await).await;
    wary.host().post(START, json!({ "email": "alice@example.com" })).await.done();
    server.failed_handshakes(1).await;
    let mistaken = with_a_page(trusting.set("mail.password", "another").start().await).await;
    mistaken.host().post(START, json!({ "email": "alice@example.com" })).await.done();
    server.logins_refused(1).await;
    assert_eq!(server.mails(1).await.len(), 1);
}
