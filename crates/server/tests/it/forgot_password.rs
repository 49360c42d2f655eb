//! "Forgot password?": our own pages on which a user sets a new password by a mail.

use crate::app::{
    Browser, PASSWORD, Reply, TestApp, html,
    mailbox::{link_in, token_in},
};
use hospes::pages::{decision, field};
use serde_json::json;
use std::collections::BTreeSet;

const ALICE: &str = "alice@example.com";
const STRONG: &str = "umbrella over the north pier";

/// Follows the link on the login page, and asks for a mail.
async fn ask(browser: &mut Browser, login: &Reply, email: &str) -> Reply {
    let link = html::attribute(&login.body, "login-forgot", "href").expect("a link for those who forgot");
    let page = browser.open(&link).await;
    assert_eq!(page.page(), "forgot-password", "{}", page.body);
    let sent = browser.submit(page.form().with(field::EMAIL, email)).await;
    assert_eq!(sent.page(), "reset-sent", "{}", sent.body);
    sent
}

/// Asks for a mail in a browser of its own, and gives the link in it.
async fn link(app: &TestApp) -> String {
    let mut browser = app.browser();
    let login = browser.open("/login").await;
    ask(&mut browser, &login, ALICE).await;
    link_in(&app.next_mail().await)
}

async fn set(browser: &mut Browser, link: &str, password: &str) -> Reply {
    let page = browser.open(link).await;
    assert_eq!(page.page(), "reset-password", "{}", page.body);
    browser.submit(page.form().with(field::PASSWORD, password)).await
}

async fn may_log_in(app: &TestApp, password: &str) -> bool {
    let mut browser = app.browser();
    let page = browser.open("/login").await;
    let form = page.form().with(field::USERNAME, "alice").with(field::PASSWORD, password).press(decision::LOGIN);
    browser.submit(form).await.page() == "apps"
}

#[tokio::test]
async fn a_new_password_leads_straight_on_with_what_waits_in_this_browser_and_ends_all_else() {
    let app = TestApp::new().await;
    app.unverify_email("alice").await;
    let tokens = app.tokens("spa", "alice").await;
    let mut elsewhere = app.browser();
    elsewhere.sign_in("alice").await;
    app.advance(1);

    let web = app.client("web");
    let mut alice = app.browser();
    let login = alice.authorize(&web.request().with("login_hint", ALICE)).await;
    ask(&mut alice, &login, "ALICE@example.com").await;
    let mail = app.next_mail().await;
    assert!(mail.contains("To: alice@example.com\r\n"), "{mail}");
    let link = link_in(&mail);
    assert_eq!(link, format!("{}/password/reset?token={}", app.issuer, token_in(&mail)));
    let consent = set(&mut alice, &link, STRONG).await;
    assert_eq!(consent.page(), "consent", "{}", consent.body);
    let callback = alice.allow(&consent).await.callback();
    assert_eq!(callback.get("state"), Some("af0ifjsldkj"));
    web.redeem(&callback.code()).await.tokens();

    assert_eq!(app.client("spa").userinfo(&tokens.access_token).await.status, 401);
    app.client("spa").refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    assert_eq!(elsewhere.open("/account/apps").await.page(), "login");
    assert!(app.user("alice").await.profile.emails[0].verified);
    assert!(may_log_in(&app, STRONG).await && !may_log_in(&app, PASSWORD).await);
    let events = app.host().get("/v1/audit_events?kind=user.password_set").await.done();
    let event = &events["audit_events"][0];
    assert_eq!((&event["actor"], &event["detail"]), (&json!("user"), &json!({ "signed_out": true })), "{events}");
}

/// Setting a password ends the user's open requests, but not the one for which they do it.
#[tokio::test]
async fn a_request_goes_on_also_where_the_user_was_signed_in_when_it_began() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    alice.sign_in("alice").await;
    let before = alice.cookies["hospes_session"].clone();
    app.advance(1);
    let login = alice.authorize(&app.client("web").request().with("prompt", "login consent")).await;
    assert_eq!(login.page(), "login", "{}", login.body);
    let other = alice.authorize(&app.client("web").request().with("prompt", "login")).await;
    ask(&mut alice, &login, ALICE).await;
    let consent = set(&mut alice, &link_in(&app.next_mail().await), STRONG).await;
    assert_eq!(consent.page(), "consent", "{}", consent.body);
    assert_ne!(alice.cookies["hospes_session"], before);
    alice.allow(&consent).await.callback().code();
    let form = other.form().with(field::USERNAME, "alice").with(field::PASSWORD, STRONG).press(decision::LOGIN);
    assert_eq!(alice.submit(form).await.page(), "error");
}

/// Login CSRF: who follows a link that somebody sent them is not signed in by it.
#[tokio::test]
async fn in_another_browser_nobody_is_signed_in_and_the_first_one_can_go_on() {
    let app = TestApp::new().await;
    let (mut laptop, mut phone) = (app.browser(), app.browser());
    let login = laptop.authorize(&app.client("web").request()).await;
    ask(&mut laptop, &login, ALICE).await;
    let done = set(&mut phone, &link_in(&app.next_mail().await), STRONG).await;
    assert_eq!(done.page(), "password-set", "{}", done.body);
    assert!(!phone.cookies.contains_key("hospes_session"));
    let back = html::attribute(&done.body, "set-login", "href").unwrap();
    assert_eq!(phone.open(&back).await.page(), "login");
    let form = login.form().with(field::USERNAME, "alice").with(field::PASSWORD, STRONG).press(decision::LOGIN);
    assert_eq!(laptop.submit(form).await.page(), "consent");
}

/// What was decided or grew old meanwhile does not come back; the password counts all the same.
#[tokio::test]
async fn without_a_request_that_still_waits_the_password_is_set_all_the_same() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let login = alice.authorize(&app.client("web").request()).await;
    ask(&mut alice, &login, ALICE).await;
    let link = link_in(&app.next_mail().await);
    alice.submit(login.form().press(decision::CANCEL)).await;
    assert_eq!(set(&mut alice, &link, STRONG).await.page(), "password-set");
    assert!(may_log_in(&app, STRONG).await);
}

/// mcp T-27: mail servers and previews follow links.
#[tokio::test]
async fn looking_uses_no_link_up() {
    let app = TestApp::new().await;
    let link = link(&app).await;
    for _ in 0..3 {
        let page = app.browser().open(&link).await;
        assert_eq!(page.page(), "reset-password");
        // The token in the address is told to nobody, and nobody may frame the form or keep the page.
        assert_eq!(page.header("referrer-policy"), "strict-origin");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    }
    let head = app.send(app.http().head(&link)).await;
    let preview = app.browser().with_header("sec-purpose", "prefetch;prerender").open(&link).await;
    assert_eq!((head.status, preview.status, preview.body.as_str()), (204, 204, ""));
    assert_eq!(set(&mut app.browser(), &link, STRONG).await.page(), "password-set");
    let again = app.browser().open(&link).await;
    assert_eq!(again.page(), "forgot-password", "{}", again.body);
    assert!(again.body.contains("role=\"alert\""));
}

/// Whoever asks learns nothing about who has an account here: not by the answer, and not by the mails of others.
#[tokio::test]
async fn the_answer_does_not_tell_who_exists() {
    let app = TestApp::new().await;
    app.host().post("/v1/users", json!({ "email": "erin@example.com" })).await.done();
    let mut answers = BTreeSet::new();
    for email in [ALICE, "nobody@example.com", "carol@example.com", "erin@example.com", "alice", "\"><script>"] {
        let mut browser = app.browser();
        let page = browser.open("/password/forgot").await;
        let reply = browser.post(&page.form().with(field::EMAIL, email)).await;
        let mut names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
        names.sort();
        answers.insert((reply.status, reply.location().to_owned(), reply.body.clone(), names));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(app.browser().open("/password/sent").await.page(), "reset-sent");
    let mail = app.next_mail().await;
    assert!(mail.contains(ALICE), "{mail}");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(app.mails_now().len(), 0);
}

#[tokio::test]
async fn a_newer_link_takes_the_place_of_an_older_one_and_nobody_gets_more_than_five_mails() {
    let app = TestApp::new().await;
    let mut links = Vec::new();
    for _ in 0..5 {
        links.push(link(&app).await);
    }
    // The sixth answer is the same, and there is no mail.
    let mut browser = app.browser();
    let login = browser.open("/login").await;
    ask(&mut browser, &login, ALICE).await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(app.mails_now().len(), 0);
    for old in &links[..4] {
        assert_eq!(app.browser().open(old).await.page(), "forgot-password");
    }
    assert_eq!(set(&mut app.browser(), &links[4], STRONG).await.page(), "password-set");
}

#[tokio::test]
async fn a_link_is_good_for_half_an_hour_and_while_the_user_may_come_in() {
    let app = TestApp::new().await;
    let old = link(&app).await;
    let page = app.browser().open(&old).await;
    app.advance(1799);
    assert_eq!(app.browser().open(&old).await.page(), "reset-password");
    app.advance(1);
    assert_eq!(app.browser().open(&old).await.page(), "forgot-password");
    let mut browser = app.browser();
    let fresh = link(&app).await;
    let form = browser.open(&fresh).await.form().with(field::PASSWORD, STRONG);
    app.disable_user("alice").await;
    assert_eq!(browser.submit(form.clone()).await.page(), "forgot-password");
    app.enable_user("alice").await;
    app.update_user("alice", |user| user.profile.emails.clear()).await;
    assert_eq!(browser.submit(form).await.page(), "forgot-password");
    assert!(!page.body.contains("role=\"alert\"") && may_log_in(&app, PASSWORD).await);
    // Bob's, whose password the host app takes away.
    let mut browser = app.browser();
    let login = browser.open("/login").await;
    ask(&mut browser, &login, "bob@example.com").await;
    let link = link_in(&app.next_mail().await);
    let password = app.host().get("/v1/users/ext-bob").await.done()["password"]["password_id"].clone();
    app.host().delete(&format!("/v1/users/passwords/{}", password.as_str().unwrap())).await.done();
    assert_eq!(browser.open(&link).await.page(), "forgot-password");
    for link in ["/password/reset", "/password/reset?token=", "/password/reset?token=x"] {
        assert_eq!(app.browser().open(link).await.page(), "forgot-password", "{link}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_password_is_told_in_words() {
    let app = TestApp::new().await;
    let link = link(&app).await;
    let mut browser = app.browser().with_header("accept-language", "en");
    let mut page = browser.open(&link).await;
    assert!(page.body.contains("At least <bdi>8</bdi> characters"), "{}", page.body);
    assert_eq!(html::attribute(&page.body, "password", "autocomplete").as_deref(), Some("new-password"));
    let long = "x".repeat(1025);
    for (password, told) in [
        ("", "Enter a new password."),
        ("x7#Qz!p", "too short"),
        ("qwertyuiop", "leaks show most often"),
        ("alice@example.com", "easy to guess"),
        (&long, "at most 1024"),
    ] {
        let again = browser.submit(page.form().with(field::PASSWORD, password)).await;
        assert_eq!(again.page(), "reset-password");
        assert!(again.body.contains(told) && again.body.contains("role=\"alert\""), "{told}: {}", again.body);
        assert!(password.is_empty() || !again.body.contains(&format!("value=\"{password}\" autocomplete=\"new")));
        page = again;
    }
    app.update_settings(|settings| {
        settings.password_policy =
            serde_json::from_value(json!({ "kind": "LUDS", "luds_min_length": 12, "luds_min_complexity": 4 })).unwrap();
    })
    .await;
    let again = browser.submit(page.form().with(field::PASSWORD, STRONG)).await;
    assert!(again.body.contains("at least <bdi>12</bdi> characters, and <bdi>4</bdi> of"), "{}", again.body);
    let german = app.browser().with_header("accept-language", "de").open(&link).await;
    assert!(german.body.contains("Mindestens <bdi>12</bdi> Zeichen"), "{}", german.body);
    assert_eq!(browser.submit(again.form().with(field::PASSWORD, "Pier-12-north")).await.page(), "password-set");
    assert!(may_log_in(&app, "Pier-12-north").await);
}

/// attacks.md row 17: a poisoned link would send the token to somebody else.
#[tokio::test]
async fn a_link_is_made_of_the_issuer_whatever_a_request_says() {
    let app = TestApp::plan().path("/t1").start().await;
    let mut browser = app.browser();
    for header in ["host", "x-forwarded-host", "x-host", "forwarded", "origin", "referer"] {
        let value = if header == "forwarded" { "host=evil.example" } else { "evil.example" };
        browser = browser.with_header(header, value);
    }
    let page = browser.open(format!("{}/password/forgot", app.issuer)).await;
    browser.submit(page.form().with(field::EMAIL, ALICE)).await;
    let mail = app.next_mail().await;
    assert!(link_in(&mail).starts_with(&format!("{}/password/reset?token=", app.issuer)), "{mail}");
    assert!(!mail.contains("evil"), "{mail}");
    assert_eq!(set(&mut app.browser(), &link_in(&mail), STRONG).await.page(), "password-set");
}

#[tokio::test]
async fn forged_forms_are_refused() {
    let app = TestApp::new().await;
    let mut alice = app.browser();
    let forgot = alice.open("/password/forgot").await.form().with(field::EMAIL, ALICE);
    let login = alice.open("/login").await.form();
    let foreign = app.browser().open("/password/forgot").await.form();
    let waiting = alice.authorize(&app.client("web").request()).await;
    let for_request = html::attribute(&waiting.body, "login-forgot", "href").unwrap();
    let for_request = alice.open(&for_request).await.form();
    for form in [&login, &foreign, &for_request] {
        let forged = forgot.clone().with(field::CSRF, form.get(field::CSRF).unwrap());
        assert_eq!(alice.submit(forged).await.page_error(), "invalid_request");
    }
    assert_eq!(alice.submit(forgot.clone().without(field::CSRF)).await.page_error(), "invalid_request");
    assert_eq!(app.browser().submit(forgot.clone()).await.page_error(), "invalid_request");
    assert_eq!(app.mails_now().len(), 0);

    alice.submit(forgot).await;
    let link = link_in(&app.next_mail().await);
    let reset = alice.open(&link).await.form().with(field::PASSWORD, STRONG);
    let foreign = app.browser().open(&link).await.form();
    for form in [&login, &foreign] {
        let forged = reset.clone().with(field::CSRF, form.get(field::CSRF).unwrap());
        assert_eq!(alice.submit(forged).await.page_error(), "invalid_request");
    }
    assert_eq!(alice.submit(reset.clone().without(field::CSRF)).await.page_error(), "invalid_request");
    assert_eq!(app.browser().submit(reset.clone()).await.page_error(), "invalid_request");
    // The form of one link does not serve another.
    assert_eq!(alice.submit(reset.clone().with(field::TOKEN, "another")).await.page_error(), "invalid_request");
    assert!(may_log_in(&app, PASSWORD).await);
    assert_eq!(alice.submit(reset).await.page(), "password-set");
}

// attacks.md rows 1 to 3: whatever may happen once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_forty_with_one_link_one_sets_the_password() {
    let app = TestApp::plan().set("passwords.queue", "64").start().await;
    let sibling = app.another_process().await;
    let link = link(&app).await;
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..40 {
        let mut browser = app.browser();
        if n % 2 == 1 {
            browser = sibling.browser(&browser);
        }
        let form = browser.open(&link).await.form().with(field::PASSWORD, &format!("{STRONG} {n}"));
        racers.spawn(async move { (n, browser.submit(form).await) });
    }
    let replies = racers.join_all().await;
    let winners: Vec<_> = replies.iter().filter(|(_, reply)| reply.page() == "password-set").map(|(n, _)| n).collect();
    assert_eq!(winners.len(), 1);
    for (n, reply) in &replies {
        assert!(n == winners[0] || reply.page() == "forgot-password", "{}", reply.body);
    }
    assert!(may_log_in(&app, &format!("{STRONG} {}", winners[0])).await);
}

// attacks.md row 18: an artifact is good for what it was made for.
#[tokio::test]
async fn a_token_of_the_host_apps_page_is_none_at_ours_nor_the_other_way_round() {
    let app = TestApp::new().await;
    let types = json!([{ "type": "RESET_PASSWORD", "is_default": true }]);
    let patch = json!({ "redirect_urls": [{ "url": "https://app.example/new", "types": types }] });
    app.host().call(reqwest::Method::PATCH, "/v1/settings", Some(patch)).await.done();
    app.host().post("/v1/passwords/email/reset/start", json!({ "email": ALICE })).await.done();
    let foreign = token_in(&app.next_mail().await);
    assert_eq!(app.browser().open(format!("/password/reset?token={foreign}")).await.page(), "forgot-password");
    let own = link(&app).await;
    let token = own.split_once("token=").unwrap().1;
    let reset = |token: &str| json!({ "token": token, "password": STRONG });
    let refused = app.host().post("/v1/passwords/email/reset", reset(token)).await;
    refused.refused_by_api(401, "unable_to_auth_password_reset_token");
    // Asking at our page left the host app's mail as it was; setting a password ends every other.
    app.host().post("/v1/passwords/email/reset", reset(&foreign)).await.done();
    assert_eq!(app.browser().open(&own).await.page(), "forgot-password");
}

/// The token stands in the mail and nowhere else.
#[tokio::test]
async fn whoever_steals_the_database_has_no_link() {
    let app = TestApp::new().await;
    let link = link(&app).await;
    let token = link.split_once("token=").unwrap().1;
    let stolen = app.stolen_database();
    assert!(!stolen.windows(token.len()).any(|part| part == token.as_bytes()));
}

#[tokio::test]
async fn questions_are_limited_by_address_and_by_account() {
    let app = TestApp::plan().set("limits.login_per_minute", "3").start().await;
    let mut browser = app.browser();
    let form = browser.open("/password/forgot").await.form().with(field::EMAIL, ALICE);
    for _ in 0..3 {
        assert_eq!(browser.submit(form.clone()).await.page(), "reset-sent");
    }
    let limited = browser.submit(form.clone().with(field::EMAIL, "bob@example.com")).await;
    assert_eq!((limited.status, limited.page()), (429, "error"));
    assert!(!limited.header("retry-after").is_empty());
    app.advance(60);
    assert_eq!(browser.submit(form).await.page(), "reset-sent");
}

#[tokio::test]
async fn an_empty_form_is_shown_again() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    let form = browser.open("/password/forgot").await.form();
    for email in ["", "  "] {
        let again = browser.submit(form.clone().with(field::EMAIL, email)).await;
        assert_eq!(again.page(), "forgot-password");
        assert!(again.body.contains("role=\"alert\""), "{}", again.body);
    }
    let again = browser.submit(form.without(field::EMAIL)).await;
    assert_eq!(again.page(), "forgot-password");
}

/// Where no mail would arrive nobody is sent to wait for one.
#[tokio::test]
async fn without_a_mail_server_there_is_no_link_and_no_page() {
    let app = TestApp::plan().issuer("https://id.example").start().await;
    let mut browser = app.browser();
    let login = browser.open("/login").await;
    assert_eq!(login.page(), "login");
    assert_eq!(html::attribute(&login.body, "login-forgot", "href"), None);
    for path in ["/password/forgot", "/password/reset?token=x"] {
        let page = browser.open(path).await;
        assert_eq!((page.status, page.page()), (404, "error"), "{path}");
    }
    let plan = TestApp::plan().issuer("https://id.example").set("mail.host", "mail.example");
    let app = plan.set("mail.from", "no-reply@mail.example").start().await;
    let login = app.browser().open("/login").await;
    assert_eq!(html::attribute(&login.body, "login-forgot", "href").as_deref(), Some("/password/forgot"));
}

/// stytch-backend-api.md 7.4: whoever knows such a password is led to a new one; a stranger learns nothing of it.
#[tokio::test]
async fn a_password_that_must_be_reset_leads_to_a_new_one() {
    let app = TestApp::new().await;
    app.require_password_reset("alice").await;
    let mut alice = app.browser();
    let page = alice.authorize(&app.client("web").request()).await;
    let attempt = |password: &str| {
        page.form().with(field::USERNAME, "alice").with(field::PASSWORD, password).press(decision::LOGIN)
    };
    let wrong = alice.submit(attempt("wrong")).await;
    assert!(!wrong.body.contains("You need a new password"), "{}", wrong.body);
    let told = alice.submit(attempt(PASSWORD)).await;
    assert_eq!(told.page(), "login");
    assert!(told.body.contains("You need a new password"), "{}", told.body);
    ask(&mut alice, &told, ALICE).await;
    let consent = set(&mut alice, &link_in(&app.next_mail().await), STRONG).await;
    assert_eq!(consent.page(), "consent", "{}", consent.body);
    assert_eq!(app.host().get("/v1/users/ext-alice").await.done()["password"]["requires_reset"], false);

    // Nobody proves by an address that nobody has proven that the account is theirs.
    app.require_password_reset("bob").await;
    app.unverify_email("bob").await;
    let mut bob = app.browser();
    let login = bob.open("/login").await;
    ask(&mut bob, &login, "bob@example.com").await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(app.mails_now().len(), 0);
}
