//! `/v1/passwords`: stytch-backend-api.md 7.3, and what a password lets in and keeps out.

use crate::app::{PASSWORD, Reply, TestApp};
use hospes::pages::{decision, field};
use serde_json::{Value, json};

const CREATE: &str = "/v1/passwords";
const AUTHENTICATE: &str = "/v1/passwords/authenticate";
const MIGRATE: &str = "/v1/passwords/migrate";
const STRENGTH: &str = "/v1/passwords/strength_check";
const STRONG: &str = "umbrella over the north pier";

async fn authenticate(app: &TestApp, email: &str, password: &str) -> Reply {
    let body = json!({ "email": email, "password": password, "session_duration_minutes": 60 });
    app.host().post(AUTHENTICATE, body).await
}

#[tokio::test]
async fn a_user_is_created_with_a_password_and_comes_in_with_it() {
    let app = TestApp::new().await;
    let body = json!({
        "email": "Dora@dock.example", "password": STRONG, "session_duration_minutes": 60,
        "session_custom_claims": { "tier": "paid" }, "name": { "first_name": "Dora" },
        "trusted_metadata": { "plan": "pro" }, "untrusted_metadata": { "theme": "dark" },
        "attributes": { "ip_address": "192.0.2.7", "user_agent": "Browser" }, "unknown": 1,
    });
    let made = app.host().post(CREATE, body).await.done();
    let user = &made["user"];
    assert_eq!((&made["user_id"], &made["email_id"]), (&user["user_id"], &user["emails"][0]["email_id"]));
    assert_eq!(user["emails"][0]["verified"], false);
    assert_eq!((&user["name"]["first_name"], &user["status"]), (&json!("Dora"), &json!("active")));
    assert_eq!(
        (&user["trusted_metadata"]["plan"], &user["untrusted_metadata"]["theme"]),
        (&json!("pro"), &json!("dark"))
    );
    assert_eq!(user["password"]["requires_reset"], false);
    let session = &made["session"];
    assert_eq!(session["attributes"], json!({ "ip_address": "192.0.2.7", "user_agent": "Browser" }));
    assert_eq!(session["custom_claims"]["tier"], "paid");
    let factor = &session["authentication_factors"][0];
    assert_eq!((&factor["type"], &factor["delivery_method"]), (&json!("password"), &json!("knowledge")));
    assert_eq!(factor["email_factor"], json!({ "email_id": made["email_id"], "email_address": "Dora@dock.example" }));

    let came = authenticate(&app, "dora@DOCK.example", STRONG).await.done();
    assert_eq!((&came["user_id"], &came["user"]["name"]["first_name"]), (&made["user_id"], &json!("Dora")));
    assert_ne!(came["session"]["session_id"], session["session_id"]);
    let tokens = json!({ "session_token": came["session_token"] });
    assert_eq!(app.host().post("/v1/sessions/authenticate", tokens).await.done()["user"]["user_id"], made["user_id"]);
    // A session that is sent takes the factor instead of a new one beginning.
    let body = json!({ "email": "dora@dock.example", "password": STRONG, "session_token": came["session_token"] });
    let same = app.host().post(AUTHENTICATE, body).await.done();
    assert_eq!(same["session"]["session_id"], came["session"]["session_id"]);
    // And the page takes the password too.
    let mut browser = app.browser();
    let page = browser.open("/login").await;
    let form = page.form().with(field::USERNAME, "dora@dock.example").with(field::PASSWORD, STRONG);
    assert_eq!(browser.submit(form.press(decision::LOGIN)).await.page(), "apps");
}

#[tokio::test]
async fn without_a_duration_there_is_no_session() {
    let app = TestApp::new().await;
    let made = app.host().post(CREATE, json!({ "email": "dora@dock.example", "password": STRONG })).await.done();
    assert_eq!((&made["session_token"], &made["session_jwt"]), (&json!(""), &json!("")));
    assert!(made.get("session").is_none(), "{made}");
    let body = json!({ "email": "alice@example.com", "password": PASSWORD });
    let came = app.host().post(AUTHENTICATE, body).await.done();
    assert_eq!((&came["session_token"], &came["session_jwt"]), (&json!(""), &json!("")));
}

#[tokio::test]
async fn a_user_who_cannot_be_is_not_created() {
    let app = TestApp::new().await;
    for (change, error) in [
        (json!({ "email": "dora" }), "invalid_email"),
        (json!({ "email": "ALICE@example.com" }), "duplicate_email"),
        (json!({ "email": null }), "invalid_argument"),
        (json!({ "password": null }), "invalid_argument"),
        (json!({ "password": "" }), "weak_password"),
        (json!({ "password": "x7#Qz!p" }), "weak_password"),
        (json!({ "password": "dora@dock.example" }), "weak_password"),
        (json!({ "password": "qwertyuiop" }), "breached_password"),
        (json!({ "password": "a".repeat(1025) }), "bad_request"),
        (json!({ "password": "null \0 character" }), "bad_request"),
        (json!({ "name": { "first_name": "a\nb" } }), "invalid_name"),
        (json!({ "trusted_metadata": { "a": "x".repeat(4096) } }), "metadata_too_large"),
        (json!({ "session_duration_minutes": 1 }), "invalid_session_duration_minutes"),
        (json!({ "attributes": { "ip_address": "x".repeat(65) } }), "invalid_argument"),
    ] {
        let mut body = json!({ "email": "dora@dock.example", "password": STRONG });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        app.host().post(CREATE, body).await.refused_by_api(400, error);
    }
    let found = app.host().post("/v1/users/search", json!({})).await.done();
    assert_eq!(found["results_metadata"]["total"], 3);
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_and_the_work_are_the_same() {
    let app = TestApp::new().await;
    let disabled = app.host().post("/v1/users/user-test-carol/disable", json!({})).await;
    disabled.done();
    let password = app.host().get("/v1/users/user-test-bob").await.done()["password"]["password_id"].clone();
    app.host().delete(&format!("/v1/users/passwords/{}", password.as_str().unwrap())).await.done();
    let mut answers = Vec::new();
    for (email, password) in [
        ("alice@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("bob@example.com", PASSWORD),
        ("carol@example.com", PASSWORD),
    ] {
        let before = app.app.passwords.runs();
        let reply = authenticate(&app, email, password).await;
        // attacks.md row 29
        assert_eq!(app.app.passwords.runs() - before, 1, "{email}");
        reply.refused_by_api(401, "unauthorized_credentials");
        answers.push(reply.json()["error_message"].clone());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    let before = app.app.passwords.runs();
    authenticate(&app, "alice@example.com", PASSWORD).await.done();
    assert_eq!(app.app.passwords.runs() - before, 1);
}

#[tokio::test]
async fn guessing_locks_the_user_as_the_project_says_and_a_guess_does_not_prolong_it() {
    let app = TestApp::new().await;
    let policy = json!({ "lock_policy": { "threshold": 3, "lock_seconds": 300 } });
    app.host().call(reqwest::Method::PATCH, "/v1/settings", Some(policy)).await.done();
    for _ in 0..3 {
        authenticate(&app, "alice@example.com", "wrong").await.refused_by_api(401, "unauthorized_credentials");
    }
    app.advance(200);
    for password in ["wrong", PASSWORD] {
        let before = app.app.passwords.runs();
        authenticate(&app, "alice@example.com", password).await.refused_by_api(429, "user_lock_limit_reached");
        assert_eq!(app.app.passwords.runs() - before, 1);
    }
    assert_eq!(app.host().get("/v1/users/ext-alice").await.done()["is_locked"], true);
    app.advance(100);
    // One more wrong one after the lock is a first, not a fourth.
    authenticate(&app, "alice@example.com", "wrong").await.refused_by_api(401, "unauthorized_credentials");
    authenticate(&app, "alice@example.com", PASSWORD).await.done();
    for _ in 0..3 {
        authenticate(&app, "alice@example.com", "wrong").await.refused_by_api(401, "unauthorized_credentials");
    }
    authenticate(&app, "alice@example.com", PASSWORD).await.refused_by_api(429, "user_lock_limit_reached");
    app.host().post("/v1/users/ext-alice/unlock", json!({})).await.done();
    authenticate(&app, "alice@example.com", PASSWORD).await.done();
}

/// One count, wherever a password is tried; and the page, which strangers see, does not say that there is a lock.
#[tokio::test]
async fn the_page_and_the_host_app_count_wrong_passwords_together() {
    let app = TestApp::new().await;
    let policy = json!({ "lock_policy": { "threshold": 4, "lock_seconds": 600 } });
    app.host().call(reqwest::Method::PATCH, "/v1/settings", Some(policy)).await.done();
    let mut browser = app.browser();
    let page = browser.open("/login").await;
    let form = |password: &str| {
        page.form().with(field::USERNAME, "alice").with(field::PASSWORD, password).press(decision::LOGIN)
    };
    let wrong = browser.submit(form("wrong")).await;
    for _ in 0..2 {
        authenticate(&app, "alice@example.com", "wrong").await.refused_by_api(401, "unauthorized_credentials");
    }
    browser.submit(form("wrong")).await;
    let user = app.host().get("/v1/users/ext-alice").await.done();
    assert_eq!((&user["is_locked"], &user["lock_expires_at"]), (&json!(true), &json!("2027-01-15T08:10:00Z")));
    authenticate(&app, "alice@example.com", PASSWORD).await.refused_by_api(429, "user_lock_limit_reached");
    let body = json!({ "email": "alice@example.com", "existing_password": PASSWORD, "new_password": STRONG });
    app.host().post(BY_PASSWORD, body).await.refused_by_api(429, "user_lock_limit_reached");
    for password in [PASSWORD, "wrong"] {
        let locked = browser.submit(form(password)).await;
        assert_eq!((locked.page(), &locked.body), ("login", &wrong.body), "{password}");
        assert!(!browser.cookies.contains_key("hospes_session"));
    }
    app.host().post("/v1/users/ext-alice/unlock", json!({})).await.done();
    assert_eq!(browser.submit(form(PASSWORD)).await.page(), "apps");
    // And the count began anew.
    for _ in 0..3 {
        authenticate(&app, "alice@example.com", "wrong").await.refused_by_api(401, "unauthorized_credentials");
    }
    authenticate(&app, "alice@example.com", PASSWORD).await.done();
}

#[tokio::test]
async fn a_session_that_is_sent_must_be_the_users_own() {
    let app = TestApp::new().await;
    let bobs = authenticate(&app, "bob@example.com", PASSWORD).await.done();
    for (session, status, error) in [
        (json!({ "session_token": bobs["session_token"] }), 400, "user_id_mismatch"),
        (json!({ "session_token": "a", "session_jwt": "b" }), 400, "too_many_session_arguments"),
        (json!({ "session_token": "nobody's" }), 404, "session_not_found"),
    ] {
        let mut body = json!({ "email": "alice@example.com", "password": PASSWORD });
        body.as_object_mut().unwrap().extend(session.as_object().unwrap().clone());
        app.host().post(AUTHENTICATE, body).await.refused_by_api(status, error);
    }
}

#[tokio::test]
async fn a_pending_user_who_comes_is_active() {
    let app = TestApp::new().await;
    let pending = |user: &mut hospes_protocol::user::User| user.profile.status = hospes_protocol::user::Status::Pending;
    app.update_user("alice", pending).await;
    assert_eq!(app.host().get("/v1/users/ext-alice").await.done()["status"], "pending");
    authenticate(&app, "alice@example.com", "wrong").await.refused_by_api(401, "unauthorized_credentials");
    assert_eq!(app.host().get("/v1/users/ext-alice").await.done()["status"], "pending");
    assert_eq!(authenticate(&app, "alice@example.com", PASSWORD).await.done()["user"]["status"], "active");
}

#[tokio::test]
async fn strength_follows_the_projects_policy() {
    let app = TestApp::new().await;
    let check = async |password: &str| {
        let body = json!({ "password": password, "email": "dora@dock.example" });
        app.host().post(STRENGTH, body).await.done()
    };
    let strong = check(STRONG).await;
    assert_eq!((&strong["valid_password"], &strong["score"]), (&json!(true), &json!(4)));
    assert_eq!((&strong["strength_policy"], &strong["breach_detection_on_create"]), (&json!("zxcvbn"), &json!(true)));
    assert_eq!((&strong["breached_password"], &strong["feedback"]["warning"]), (&json!(false), &json!("")));
    let weak = check("qwertyuiop").await;
    assert_eq!((&weak["valid_password"], &weak["breached_password"]), (&json!(false), &json!(true)));
    assert!(!weak["feedback"]["suggestions"].as_array().unwrap().is_empty(), "{weak}");
    for password in ["", "dora@dock.example", "x7#Qz!p"] {
        assert_eq!(check(password).await["valid_password"], false, "{password}");
    }
    let policy = json!({ "kind": "LUDS", "luds_min_length": 10, "luds_min_complexity": 3 });
    let patch = json!({ "password_policy": policy });
    app.host().call(reqwest::Method::PATCH, "/v1/settings", Some(patch)).await.done();
    let found = check("abc1").await;
    assert_eq!((&found["strength_policy"], &found["valid_password"]), (&json!("luds"), &json!(false)));
    let expected = json!({
        "has_lower_case": true, "has_upper_case": false, "has_digit": true, "has_symbol": false,
        "missing_complexity": 1, "missing_characters": 6,
    });
    assert_eq!(found["feedback"]["luds_requirements"], expected);
    assert_eq!(check("Harbour 12").await["valid_password"], true);
    assert_eq!(check(STRONG).await["valid_password"], false);
    app.host().post(STRENGTH, json!({})).await.refused_by_api(400, "invalid_argument");
    app.host().post(STRENGTH, json!({ "password": "a".repeat(1025) })).await.refused_by_api(400, "bad_request");
}

// attacks.md rows 1 to 3: whatever may happen once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_forty_who_create_the_same_user_one_does() {
    let app = TestApp::new().await;
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..40 {
        let host = app.host();
        let body = json!({ "email": "dora@dock.example", "password": format!("{STRONG} {n}") });
        racers.spawn(async move { host.post(CREATE, body).await });
    }
    let replies = racers.join_all().await;
    let (made, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(made.len(), 1);
    // More than the queue of the hashes holds are told to come again.
    for reply in refused.iter().filter(|reply| reply.status != 503) {
        reply.refused_by_api(400, "duplicate_email");
    }
    let query = json!({ "operands": [{ "filter_name": "email_address", "filter_value": ["dora@dock.example"] }] });
    let found = app.host().post("/v1/users/search", json!({ "query": query })).await.done();
    assert_eq!(found["results_metadata"]["total"], Value::from(1));
}

/// `harbour light`, as libxcrypt stores it.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuLkMI6emr6qsRB//kVk2itACx4Sei8nK";

#[tokio::test]
async fn a_user_comes_with_the_password_of_the_login_before() {
    let app = TestApp::new().await;
    let body = json!({
        "email": "Dora@dock.example", "hash": BCRYPT, "hash_type": "bcrypt", "set_email_verified": true,
        "name": { "first_name": "Dora" }, "trusted_metadata": { "plan": "pro" }, "untrusted_metadata": { "theme": "dark" },
        "phone_number": "+49301230000", "set_phone_number_verified": true, "external_id": "host|7", "roles": ["member"],
    });
    let made = app.host().post(MIGRATE, body).await.done();
    let user = &made["user"];
    assert_eq!((&made["user_created"], &made["user_id"]), (&json!(true), &user["user_id"]));
    assert_eq!((&user["emails"][0]["email_id"], &user["emails"][0]["verified"]), (&made["email_id"], &json!(true)));
    assert_eq!((&user["phone_numbers"][0]["verified"], &user["external_id"]), (&json!(true), &json!("host|7")));
    assert_eq!((&user["roles"], &user["name"]["first_name"]), (&json!(["stytch_user", "member"]), &json!("Dora")));
    let before = app.app.passwords.runs();
    authenticate(&app, "dora@dock.example", "harbour lights").await.refused_by_api(401, "unauthorized_credentials");
    assert_eq!(app.app.passwords.runs() - before, 1);
    let id = hospes_protocol::id::UserId::new(made["user_id"].as_str().unwrap());
    let (project, own) = (app.app.project.clone(), id.clone());
    let read = async || {
        let (project, own) = (project.clone(), own.clone());
        app.app.store.read(move |tx| Ok(tx.find_password(&project, &own)?)).await.unwrap().unwrap().hash
    };
    assert!(read().await.starts_with("{\"recipe\""));
    assert_eq!(authenticate(&app, "dora@dock.example", "harbour light").await.done()["user_id"], made["user_id"]);
    assert!(read().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    authenticate(&app, "dora@dock.example", "harbour light").await.done();
}

#[tokio::test]
async fn a_user_without_a_password_gets_one_and_one_with_a_password_keeps_it() {
    let app = TestApp::new().await;
    let dora = json!({ "email": "dora@dock.example", "trusted_metadata": { "plan": "pro" } });
    let known = app.host().post("/v1/users", dora).await.done();
    let body = json!({
        "email": "DORA@dock.example", "hash": BCRYPT, "hash_type": "bcrypt", "trusted_metadata": { "seats": 3 },
        "phone_number": "+49301230000",
    });
    let made = app.host().post(MIGRATE, body.clone()).await.done();
    assert_eq!((&made["user_created"], &made["user_id"]), (&json!(false), &known["user_id"]));
    assert_eq!(made["user"]["trusted_metadata"], json!({ "plan": "pro", "seats": 3 }));
    assert_eq!((&made["user"]["emails"][0]["verified"], &made["email_id"]), (&json!(false), &known["email_id"]));
    assert_eq!(made["user"]["phone_numbers"][0]["verified"], false);
    authenticate(&app, "dora@dock.example", "harbour light").await.done();
    app.host().post(MIGRATE, body).await.refused_by_api(400, "password_already_exists");
    let body = json!({ "email": "alice@example.com", "hash": BCRYPT, "hash_type": "bcrypt" });
    app.host().post(MIGRATE, body).await.refused_by_api(400, "password_already_exists");
    authenticate(&app, "alice@example.com", PASSWORD).await.done();
}

#[tokio::test]
async fn a_hash_that_cannot_be_used_is_refused_when_it_comes() {
    let app = TestApp::new().await;
    let scrypt = json!({
        "salt": "c2FsdA==", "n_parameter": 524_288, "r_parameter": 8, "p_parameter": 1, "key_length": 32,
    });
    let argon2 = json!({
        "salt": "saltsalt", "iteration_amount": 2, "memory": 1_048_576, "threads": 1, "key_length": 32,
    });
    let zeros = "00".repeat(32);
    for (change, error) in [
        (json!({ "hash_type": "sha_256" }), "invalid_hash_type"),
        (json!({ "hash": "$2b$31$abc" }), "invalid_bcrypt_hash"),
        (json!({ "hash_type": "scrypt", "hash": zeros, "scrypt_config": scrypt }), "invalid_scrypt_hash"),
        (json!({ "hash_type": "argon_2id", "hash": zeros, "argon_2_config": argon2 }), "invalid_argon2_hash"),
        (json!({ "hash_type": "pbkdf_2" }), "invalid_pbkdf2_hash"),
        (json!({ "hash_type": "phpass" }), "invalid_phpass_hash"),
        (json!({ "hash_type": "md_5" }), "invalid_md5_hash"),
        (json!({ "hash_type": "sha_1" }), "invalid_sha1_hash"),
        (json!({ "hash_type": "sha_512" }), "invalid_sha512_hash"),
        (json!({ "hash": null }), "invalid_argument"),
        (json!({ "email": "dora" }), "invalid_email"),
        (json!({ "phone_number": "030" }), "invalid_phone_number"),
        (json!({ "phone_number": "+49301234567" }), "duplicate_phone_number"),
        (json!({ "external_id": "ext-bob" }), "duplicate_user_external_id"),
        (json!({ "external_id": "a b" }), "invalid_external_id"),
        (json!({ "roles": ["captain"] }), "invalid_rbac_role_id"),
        (json!({ "trusted_metadata": { "a": "x".repeat(4096) } }), "metadata_too_large"),
    ] {
        let mut body = json!({ "email": "dora@dock.example", "hash": BCRYPT, "hash_type": "bcrypt" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        app.host().post(MIGRATE, body).await.refused_by_api(400, error);
    }
    let found = app.host().post("/v1/users/search", json!({})).await.done();
    assert_eq!(found["results_metadata"]["total"], 3);
}

const BY_PASSWORD: &str = "/v1/passwords/existing_password/reset";
const BY_SESSION: &str = "/v1/passwords/session/reset";

async fn session_is_alive(app: &TestApp, session: &Value) -> bool {
    let body = json!({ "session_token": session["session_token"] });
    app.host().post("/v1/sessions/authenticate", body).await.status == 200
}

#[tokio::test]
async fn a_new_password_for_a_known_one_ends_everything_that_the_old_one_let_in() {
    let app = TestApp::new().await;
    let tokens = app.tokens("spa", "alice").await;
    let before = authenticate(&app, "alice@example.com", PASSWORD).await.done();
    app.advance(1);
    let reset = |existing: &str, new: &str| {
        json!({
            "email": "ALICE@example.com", "existing_password": existing, "new_password": new,
            "session_duration_minutes": 60,
        })
    };
    let host = app.host();
    host.post(BY_PASSWORD, reset("wrong", STRONG)).await.refused_by_api(401, "unauthorized_credentials");
    host.post(BY_PASSWORD, reset(PASSWORD, "qwertyuiop")).await.refused_by_api(400, "breached_password");
    host.post(BY_PASSWORD, reset(PASSWORD, "alice@example.com")).await.refused_by_api(400, "weak_password");
    host.post(BY_PASSWORD, reset(PASSWORD, "")).await.refused_by_api(400, "weak_password");
    assert!(session_is_alive(&app, &before).await);
    let after = host.post(BY_PASSWORD, reset(PASSWORD, STRONG)).await.done();
    assert_eq!(after["user_id"], before["user_id"]);
    assert!(session_is_alive(&app, &after).await && !session_is_alive(&app, &before).await);
    let client = app.client("spa");
    assert_eq!(client.userinfo(&tokens.access_token).await.status, 401);
    client.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    authenticate(&app, "alice@example.com", PASSWORD).await.refused_by_api(401, "unauthorized_credentials");
    authenticate(&app, "alice@example.com", STRONG).await.done();
}

#[tokio::test]
async fn a_session_sets_a_password_only_while_its_login_is_fresh_and_it_stays() {
    let app = TestApp::new().await;
    let tokens = app.tokens("spa", "alice").await;
    let other = authenticate(&app, "alice@example.com", PASSWORD).await.done();
    let own = authenticate(&app, "alice@example.com", PASSWORD).await.done();
    let host = app.host();
    let by =
        |session: &Value, password: &str| json!({ "session_token": session["session_token"], "password": password });
    host.post(BY_SESSION, json!({ "password": STRONG })).await.refused_by_api(400, "no_session_arguments");
    let nobody = json!({ "session_token": "nobody" });
    host.post(BY_SESSION, by(&nobody, STRONG)).await.refused_by_api(404, "session_not_found");
    host.post(BY_SESSION, by(&own, "qwertyuiop")).await.refused_by_api(400, "breached_password");
    app.advance(301);
    host.post(BY_SESSION, by(&own, STRONG)).await.refused_by_api(400, "session_too_old_to_reset_password");
    authenticate(&app, "alice@example.com", PASSWORD).await.done();
    let again = json!({ "email": "alice@example.com", "password": PASSWORD, "session_token": own["session_token"] });
    host.post(AUTHENTICATE, again).await.done();
    let after = host.post(BY_SESSION, by(&own, STRONG)).await.done();
    assert_eq!(after["session"]["session_id"], own["session"]["session_id"]);
    assert!(session_is_alive(&app, &own).await && !session_is_alive(&app, &other).await);
    assert_eq!(app.client("spa").userinfo(&tokens.access_token).await.status, 401);
    authenticate(&app, "alice@example.com", PASSWORD).await.refused_by_api(401, "unauthorized_credentials");
    authenticate(&app, "alice@example.com", STRONG).await.done();
}

#[tokio::test]
async fn a_password_that_must_be_reset_lets_nobody_in() {
    let app = TestApp::new().await;
    app.require_password_reset("alice").await;
    assert_eq!(app.host().get("/v1/users/ext-alice").await.done()["password"]["requires_reset"], true);
    authenticate(&app, "alice@example.com", "wrong").await.refused_by_api(401, "unauthorized_credentials");
    authenticate(&app, "alice@example.com", PASSWORD).await.refused_by_api(400, "reset_password");
    let body = json!({ "email": "alice@example.com", "existing_password": PASSWORD, "new_password": STRONG });
    app.host().post(BY_PASSWORD, body).await.refused_by_api(400, "reset_password");
}
