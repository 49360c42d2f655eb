//! Trusted token profiles and `/v1/sessions/attest`: a JWT of somebody else's login lets a user in.

use crate::app::{Elsewhere, PASSWORD, Reply, TestApp, decode};
use hospes_protocol::{
    client::SigningAlg,
    jose::{Jwk, Jwks, KeySet, SigningKey, Unverified, VerifyingKey, base64url},
    trusted_profile,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const PROFILES: &str = "/v1/trusted_token_profiles";
const ATTEST: &str = "/v1/sessions/attest";
const ISSUER: &str = "https://login.elsewhere.example/";

/// The login that the host app has already.
pub(crate) struct Issuer {
    key: SigningKey,
    server: Elsewhere,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let issuer = Self { key: key(SigningAlg::ES256, "one"), server: Elsewhere::start() };
        issuer.publish(&issuer.key);
        issuer
    }

    fn publish(&self, key: &SigningKey) {
        let jwks = Jwks { keys: vec![key.public_jwk()] };
        self.server.answer("/keys", 200, &serde_json::to_value(jwks).unwrap());
    }

    /// What a profile of it says.
    pub(crate) fn profile(&self) -> Value {
        json!({
            "name": "Elsewhere", "issuer": ISSUER, "audience": "harbour", "public_key_type": "JWK",
            "jwks_url": self.server.url("/keys"),
            "attribute_mapping": { "email": "email", "token_id": "jti", "external_user_id": "sub", "role_ids": "app.roles" },
        })
    }

    /// A token for a user whom we know by the address.
    fn claims(app: &TestApp, user: &str, changes: Value) -> Value {
        let now = app.now().0;
        let mut claims = json!({
            "iss": ISSUER, "aud": ["harbour", "other"], "sub": format!("host|{user}"), "iat": now, "exp": now + 600,
            "jti": "t-1", "email": format!("{user}@example.com"), "email_verified": true, "app": { "roles": ["member"] },
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    }

    pub(crate) fn token(&self, app: &TestApp, user: &str, changes: Value) -> String {
        self.key.sign("JWT", &Self::claims(app, user, changes)).unwrap()
    }
}

fn key(alg: SigningAlg, kid: &str) -> SigningKey {
    SigningKey::from_pkcs8(alg, kid, &SigningKey::generate_pkcs8(alg).unwrap()).unwrap()
}

/// Users whom the host app has given no id of its own yet.
pub(crate) async fn app() -> TestApp {
    let app = TestApp::plan().set("fetch.allow", "127.0.0.0/8").start().await;
    for user in ["alice", "bob"] {
        app.update_user(user, |user| user.external_id = None).await;
    }
    app
}

pub(crate) async fn add(app: &TestApp, profile: Value) -> String {
    let made = app.host().post(PROFILES, profile).await.done();
    made["trusted_token_profile"]["profile_id"].as_str().unwrap().to_owned()
}

fn with(mut value: Value, changes: Value) -> Value {
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    value
}

async fn attest(app: &TestApp, profile: &str, token: &str) -> Reply {
    let body = json!({ "profile_id": profile, "token": token, "session_duration_minutes": 60 });
    app.host().post(ATTEST, body).await
}

#[tokio::test]
async fn a_profile_is_created_read_changed_and_deleted() {
    let (app, issuer) = (app().await, Issuer::new());
    let host = app.host();
    let made = host.post(PROFILES, issuer.profile()).await.done()["trusted_token_profile"].clone();
    let id = made["profile_id"].as_str().unwrap();
    assert!(id.starts_with("trusted-token-profile-test-"));
    assert_eq!((&made["can_jit_provision"], &made["reauthenticate_after_seconds"]), (&json!(false), &json!(2_592_000)));
    let path = format!("{PROFILES}/{id}");
    assert_eq!(host.get(&path).await.done()["trusted_token_profile"], made);
    assert_eq!(host.get(PROFILES).await.done()["trusted_token_profiles"], json!([made]));
    app.advance(1);
    let change = json!({ "name": "New", "host_check_url": "https://app.example/check", "issuer": null });
    let changed = host.put(&path, change).await.done()["trusted_token_profile"].clone();
    assert_eq!((&changed["name"], &changed["issuer"]), (&json!("New"), &json!(ISSUER)));
    assert_eq!(changed["host_check_url"], "https://app.example/check");
    assert_ne!(changed["updated_at"], made["updated_at"]);
    let cleared = host.put(&path, json!({ "host_check_url": "" })).await.done()["trusted_token_profile"].clone();
    assert_eq!(cleared.get("host_check_url"), None);
    for refused in [json!({ "name": "" }), json!({ "public_key_type": "PEM" }), json!({ "attribute_mapping": {} })] {
        host.put(&path, refused).await.refused_by_api(400, "trusted_token_profile_invalid_request");
    }
    host.put(&path, json!({ "public_key_type": "pem" })).await.refused_by_api(400, "invalid_argument");
    assert_eq!(host.get(&path).await.done()["trusted_token_profile"], cleared);
    host.delete(&path).await.done();
    for reply in [host.get(&path).await, host.delete(&path).await, host.put(&path, json!({})).await] {
        reply.refused_by_api(404, "trusted_token_profile_not_found");
    }
    host.post(PROFILES, json!({ "name": "x" })).await.refused_by_api(400, "trusted_token_profile_invalid_request");
    attest(&app, id, "x").await.refused_by_api(404, "trusted_token_profile_not_found");
}

#[tokio::test]
async fn a_token_logs_in_the_user_with_its_address_and_gives_them_the_host_apps_id() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, issuer.profile()).await;
    let token = issuer.token(&app, "alice", json!({ "app": { "roles": ["admin", "invented"] } }));
    let made = attest(&app, &profile, &token).await.done();
    assert_eq!(made["user_id"], "user-test-alice");
    let factor = &made["session"]["authentication_factors"][0];
    assert_eq!(factor["type"], "trusted_auth_token");
    assert_eq!(factor["delivery_method"], "trusted_token_exchange");
    assert_eq!(factor["trusted_auth_token_factor"], json!({ "token_id": "t-1" }));
    assert_eq!(made["session"]["roles"], json!(["stytch_user", "admin"]));
    let (_, claims) = decode(made["session_jwt"].as_str().unwrap());
    assert_eq!(claims["https://stytch.com/session"]["roles"], json!(["stytch_user", "admin"]));
    assert_eq!(app.user("alice").await.external_id.as_deref(), Some("host|alice"));

    // From now on the id says who it is, whatever the address; roles are renewed.
    let moved = json!({ "email": "bob@example.com", "app": {} });
    let again = attest(&app, &profile, &issuer.token(&app, "alice", moved)).await.done();
    assert_eq!((&again["user_id"], &again["session"]["roles"]), (&made["user_id"], &json!(["stytch_user"])));
    assert_eq!(app.user("alice").await.roles, [""; 0]);
    // The same token again, until it expires.
    attest(&app, &profile, &token).await.done();
    app.advance(661);
    attest(&app, &profile, &token).await.refused_by_api(400, "jwt_invalid_claims");

    // Without a duration nobody is given a session; with one it is attached to the session that was sent.
    let token = issuer.token(&app, "alice", json!({ "jti": "t-2" }));
    let body = json!({ "profile_id": profile, "token": token });
    let none = app.host().post(ATTEST, body.clone()).await.done();
    assert_eq!((&none["session_token"], &none["session_jwt"], none.get("session")), (&json!(""), &json!(""), None));
    let body = with(body, json!({ "session_jwt": made["session_jwt"] }));
    let same = app.host().post(ATTEST, body.clone()).await.done();
    assert_eq!(same["session"]["session_id"], made["session"]["session_id"]);
    let bob = issuer.token(&app, "bob", json!({}));
    let reply = app.host().post(ATTEST, with(body, json!({ "token": bob }))).await;
    reply.refused_by_api(400, "user_id_mismatch");
}

#[tokio::test]
async fn users_are_made_only_if_the_profile_says_so() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, issuer.profile()).await;
    let token = issuer.token(&app, "dora", json!({}));
    attest(&app, &profile, &token).await.refused_by_api(404, "user_not_found");
    app.host().put(&format!("{PROFILES}/{profile}"), json!({ "can_jit_provision": true })).await.done();
    let made = attest(&app, &profile, &token).await.done();
    assert!(made["user_id"].as_str().unwrap().starts_with("user-test-"));
    assert_eq!(made["session"]["roles"], json!(["stytch_user", "member"]));
    let again = attest(&app, &profile, &token).await.done();
    assert_eq!(again["user_id"], made["user_id"]);
    let unverified = issuer.token(&app, "emil", json!({ "email_verified": false }));
    attest(&app, &profile, &unverified).await.refused_by_api(400, "jwt_invalid_claims");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forty_tokens_of_one_newcomer_make_one_user() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, with(issuer.profile(), json!({ "can_jit_provision": true }))).await;
    let mut crowd = JoinSet::new();
    for n in 0..40 {
        let (host, profile) = (app.host(), profile.clone());
        let token = issuer.token(&app, "dora", json!({ "jti": format!("t-{n}") }));
        crowd.spawn(async move {
            let body = json!({ "profile_id": profile, "token": token, "session_duration_minutes": 60 });
            host.post(ATTEST, body).await.done()["user_id"].clone()
        });
    }
    let ids = crowd.join_all().await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

// attacks.md row 35: an address joins no two accounts that have ids of their own, and an unproven one is not believed.
#[tokio::test]
async fn an_address_alone_does_not_open_another_account() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, issuer.profile()).await;
    attest(&app, &profile, &issuer.token(&app, "alice", json!({}))).await.done();
    let other = issuer.token(&app, "alice", json!({ "sub": "host|mallory" }));
    let reply = attest(&app, &profile, &other).await;
    reply.refused_by_api(400, "trusted_token_profile_cannot_have_multiple_external_ids");
    let unproven = json!({ "sub": "host|mallory", "email": "bob@example.com", "email_verified": false });
    attest(&app, &profile, &issuer.token(&app, "bob", unproven)).await.refused_by_api(400, "jwt_invalid_claims");
    let odd = issuer.token(&app, "bob", json!({ "sub": "" }));
    let reply = attest(&app, &profile, &odd).await;
    reply.refused_by_api(400, "trusted_token_profile_incorrect_external_id_mapping");
}

// attacks.md rows 21 and 31: algorithms, keys, and caches of keys.
#[tokio::test]
async fn only_a_key_of_the_profile_signs_its_tokens() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, issuer.profile()).await;
    let good = issuer.token(&app, "alice", json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let head = |json: Value| base64url(json.to_string().as_bytes());
    let evil =
        SigningKey::from_pkcs8(SigningAlg::ES256, "one", &SigningKey::generate_pkcs8(SigningAlg::ES256).unwrap())
            .unwrap();
    let jwk = serde_json::to_value(evil.public_jwk()).unwrap();
    let claims = Issuer::claims(&app, "alice", json!({}));
    let by_evil = evil.sign("JWT", &claims).unwrap();
    let evil_parts: Vec<&str> = by_evil.split('.').collect();
    for forged in [
        by_evil.clone(),
        String::new(),
        format!("{}.{}.", head(json!({ "alg": "none", "typ": "JWT" })), parts[1]),
        format!("{}.{}.{}", head(json!({ "alg": "HS256", "kid": "one" })), parts[1], parts[2]),
        format!("{}.{}.{}", head(json!({ "alg": "ES256", "jwk": jwk })), evil_parts[1], evil_parts[2]),
        format!("{}.{}.{}", parts[0], evil_parts[1], evil_parts[2]),
        good[..good.len() - 4].to_owned(),
        format!("{good}.x.y"),
        app.tokens("web", "alice").await.id_token,
    ] {
        let reply = attest(&app, &profile, &forged).await;
        reply.refused_by_api(400, "invalid_trusted_auth_token");
        assert_eq!(reply.json()["error_message"], *trusted_profile::NOT_VERIFIED.description, "{forged}");
    }
    for (claims, error) in [
        (json!({ "iss": "https://evil.example/" }), "jwt_invalid_issuer"),
        (json!({ "aud": "other" }), "jwt_invalid_audience"),
        (json!({ "exp": app.now().0 - 60 }), "jwt_invalid_claims"),
        (json!({ "iat": app.now().0 + 61 }), "jwt_invalid_claims"),
        (json!({ "jti": 7 }), "jwt_invalid_claims"),
    ] {
        attest(&app, &profile, &issuer.token(&app, "alice", claims)).await.refused_by_api(400, error);
    }
    let logout = issuer.key.sign("logout+jwt", &claims).unwrap();
    attest(&app, &profile, &logout).await.refused_by_api(400, "invalid_trusted_auth_token");
    attest(&app, &profile, &good).await.done();

    // Rotation: the new key is found, the withdrawn one is forgotten.
    let new = key(SigningAlg::RS256, "two");
    issuer.publish(&new);
    app.advance(31);
    let by_new = new.sign("JWT", &Issuer::claims(&app, "alice", json!({}))).unwrap();
    attest(&app, &profile, &by_new).await.done();
    let reply = attest(&app, &profile, &issuer.token(&app, "alice", json!({}))).await;
    reply.refused_by_api(400, "invalid_trusted_auth_token");

    // A key of another profile is none of this one.
    let other = with(issuer.profile(), json!({ "jwks_url": issuer.server.url("/nothing") }));
    let other = add(&app, other).await;
    let reply = attest(&app, &other, &by_new).await;
    reply.refused_by_api(400, "invalid_trusted_auth_token");
    assert_eq!(reply.json()["error_message"], *trusted_profile::NO_KEYS.description);
}

const PEM: &str = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n";

#[tokio::test]
async fn keys_may_be_sent_along_in_pem_form() {
    use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
    let (app, issuer) = (app().await, Issuer::new());
    let own = key(SigningAlg::EdDSA, "pem");
    let jwk = serde_json::to_value(own.public_jwk()).unwrap();
    let x = Base64UrlUnpadded::decode_vec(jwk["x"].as_str().unwrap()).unwrap();
    // RFC 8410 §4: what stands before the 32 octets of an Ed25519 key.
    let der = [&[0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00][..], &x].concat();
    let pem = PEM.replace("{}", &Base64::encode_string(&der));
    let by_pem = json!({ "public_key_type": "PEM", "jwks_url": null, "pem_files": [pem] });
    let profile = add(&app, with(issuer.profile(), by_pem)).await;
    let token = own.sign("JWT", &Issuer::claims(&app, "alice", json!({}))).unwrap();
    attest(&app, &profile, &token).await.done();
    let reply = attest(&app, &profile, &issuer.token(&app, "alice", json!({}))).await;
    reply.refused_by_api(400, "invalid_trusted_auth_token");
}

#[tokio::test]
async fn whoever_was_disabled_or_signed_out_does_not_come_back_with_an_old_token() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, issuer.profile()).await;
    let old = issuer.token(&app, "alice", json!({}));
    attest(&app, &profile, &old).await.done();
    app.advance(5);
    app.sign_out_everywhere("alice").await;
    attest(&app, &profile, &old).await.refused_by_api(400, "invalid_trusted_auth_token");
    app.advance(1);
    attest(&app, &profile, &issuer.token(&app, "alice", json!({}))).await.done();
    app.disable_user("alice").await;
    app.advance(1);
    let reply = attest(&app, &profile, &issuer.token(&app, "alice", json!({}))).await;
    reply.refused_by_api(404, "user_not_found");
}

/// A browser that holds a session which was made by an attest, and the tokens that a client got by it.
async fn refresh_token_of_attested(app: &TestApp, profile: &str, issuer: &Issuer) -> String {
    let made = attest(app, profile, &issuer.token(app, "alice", json!({}))).await.done();
    let mut browser = app.browser();
    browser.cookies.insert("hospes_session".into(), made["session_token"].as_str().unwrap().into());
    let web = app.client("web");
    let mut page = browser.authorize(&web.request()).await;
    if page.page() == "consent" {
        page = browser.allow(&page).await;
    }
    web.redeem(&page.callback().code()).await.tokens().refresh_token
}

#[tokio::test]
async fn refresh_tokens_end_when_the_last_attest_is_too_old() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, with(issuer.profile(), json!({ "reauthenticate_after_seconds": 3600 }))).await;
    let (web, other) = (app.client("web"), app.tokens("web", "bob").await);
    let token = refresh_token_of_attested(&app, &profile, &issuer).await;
    app.advance(3599);
    web.refresh(&token).await.tokens();
    app.advance(1);
    web.refresh(&token).await.refused(400, "invalid_grant");
    // Another attest by the same profile, and it goes on: a refused refresh used nothing up.
    attest(&app, &profile, &issuer.token(&app, "alice", json!({}))).await.done();
    web.refresh(&token).await.tokens();
    app.host().delete(&format!("{PROFILES}/{profile}")).await.done();
    web.refresh(&token).await.refused(400, "invalid_grant");
    // Whoever logged in on our pages is not touched by it.
    web.refresh(&other.refresh_token).await.tokens();
}

#[tokio::test]
async fn the_host_app_is_asked_at_each_refresh_and_no_answer_is_no_access() {
    let (app, issuer) = (app().await, Issuer::new());
    let url = issuer.server.url("/check");
    let profile = add(&app, with(issuer.profile(), json!({ "host_check_url": url }))).await;
    let (web, server) = (app.client("web"), &issuer.server);
    let token = refresh_token_of_attested(&app, &profile, &issuer).await;
    let questions = || server.requests().into_iter().filter(|(path, _)| path == "/check").collect::<Vec<_>>();
    assert_eq!(questions(), []);

    server.answer("/check", 200, &json!({ "active": true }));
    web.refresh(&token).await.tokens();
    let asked = questions();
    let bearer = asked[0].1.strip_prefix("Bearer ").unwrap();
    let jwks = app.get("/.well-known/jwks.json").await.json();
    let keys = jwks["keys"].as_array().unwrap().iter();
    let keys: KeySet =
        keys.map(|key| VerifyingKey::from_jwk(&serde_json::from_value::<Jwk>(key.clone()).unwrap()).unwrap()).collect();
    let verified = keys.verify(&Unverified::parse(bearer).unwrap()).unwrap();
    assert_eq!(verified.typ(), Some("host-check+jwt"));
    let claims = verified.claims();
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer), &json!(url)));
    assert_eq!((&claims["sub"], &claims["external_id"]), (&json!("user-test-alice"), &json!("host|alice")));
    assert_eq!((&claims["client_id"], &claims["exp"]), (&json!("web"), &json!(app.now().0 + 60)));
    // The question is no token for anything else.
    assert_eq!(web.userinfo(bearer).await.status, 401);

    for (status, answer) in [(500, json!({ "active": true })), (404, json!({})), (302, json!({ "active": true }))] {
        server.answer("/check", status, &answer);
        web.refresh(&token).await.refused(503, "temporarily_unavailable");
    }
    for answer in [json!({ "active": false }), json!({}), json!([]), json!({ "active": "true" })] {
        server.answer("/check", 200, &answer);
        web.refresh(&token).await.refused(400, "invalid_grant");
    }
    // Strangers and thieves do not make us ask.
    let before = questions().len();
    app.client("other").refresh(&token).await.refused(400, "invalid_grant");
    web.refresh(&format!("{token}x")).await.refused(400, "invalid_grant");
    assert_eq!(questions().len(), before);
    server.answer("/check", 200, &json!({ "active": true }));
    web.refresh(&token).await.tokens();
}

// stytch-backend-api.md 7.4: whoever made an account with an address that is not theirs loses it to its owner.
#[tokio::test]
async fn the_owner_of_an_address_gets_an_account_that_a_stranger_prepared_without_the_stranger() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, issuer.profile()).await;
    app.unverify_email("alice").await;
    let mut stranger = app.browser();
    stranger.sign_in("alice").await;
    let tokens = app.tokens("spa", "alice").await;
    let spa = app.client("spa");
    let unused = stranger.login_and_consent(&spa.request(), "alice").await.code();
    let attested = attest(&app, &profile, &issuer.token(&app, "alice", json!({}))).await.done();
    assert_eq!(attested["user"]["password"]["requires_reset"], true);
    spa.redeem(&unused).await.refused(400, "invalid_grant");
    spa.refresh(&tokens.refresh_token).await.refused(400, "invalid_grant");
    let by_password = json!({ "email": "alice@example.com", "password": PASSWORD });
    app.host().post("/v1/passwords/authenticate", by_password).await.refused_by_api(400, "reset_password");
    assert_eq!(stranger.open("/account/apps").await.page(), "login");
    let page = stranger.open("/login").await;
    assert_eq!(stranger.login(&page, "alice").await.page(), "login");
}

// attacks.md row 38
#[tokio::test]
async fn a_profile_of_one_project_is_none_at_another() {
    let (app, issuer) = (app().await, Issuer::new());
    let profile = add(&app, issuer.profile()).await;
    let lagoon = app.neighbour("").await.host();
    let path = format!("{PROFILES}/{profile}");
    let body = json!({ "profile_id": profile, "token": issuer.token(&app, "alice", json!({})) });
    for reply in [
        lagoon.get(&path).await,
        lagoon.put(&path, json!({ "name": "Mine" })).await,
        lagoon.delete(&path).await,
        lagoon.post(ATTEST, body.clone()).await,
    ] {
        reply.refused_by_api(404, "trusted_token_profile_not_found");
    }
    assert_eq!(lagoon.get(PROFILES).await.done()["trusted_token_profiles"], json!([]));
    app.host().post(ATTEST, body).await.done();
}
