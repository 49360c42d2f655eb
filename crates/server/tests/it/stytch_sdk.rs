//! `/sdk/v1`: what Stytch's packages for the browser get, call by call, and what they are refused.
//!
//! The packages themselves run in `interop/node/browser`. attacks.md rows 9, 12, 14, 34, 37 and 38.

use crate::{
    app::{
        Callback, PASSWORD, Reply, TestApp,
        client::{CHALLENGE, VERIFIER},
    },
    management_attest::{self, Issuer},
    stytch_plane::world,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// The page that the packages run on.
pub(crate) const ORIGIN: &str = "https://host.example";
const CALLBACK: &str = "https://app.example/callback";
const START: &str = "/idp/oauth/authorize/start";
const SUBMIT: &str = "/idp/oauth/authorize/submit";
const POSTS: [&str; 14] = [
    "/sessions/authenticate",
    "/sessions/revoke",
    "/sessions/attest",
    "/sessions/exchange_access_token",
    START,
    SUBMIT,
    "/oauth/logout/start",
    "/passwords",
    "/passwords/authenticate",
    "/passwords/strength_check",
    "/passwords/email/reset/start",
    "/passwords/email/reset",
    "/users/search",
    "/users/connected_apps/spa/revoke",
];
const SCOPES: [&str; 4] = ["openid", "email", "notes:read", "notes:delete"];

/// A page with the packages in it, in somebody's browser.
#[derive(Clone)]
pub(crate) struct Page<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) public_token: String,
    /// The session's token, once somebody is logged in.
    pub(crate) session: Option<String>,
    pub(crate) origin: Option<&'static str>,
}

impl<'a> Page<'a> {
    /// A page of a project that has turned the packages' calls on.
    pub(crate) async fn open(app: &'a TestApp) -> Self {
        app.update_settings(|settings| {
            settings.sdk.enabled = true;
            settings.sdk.domains = vec![ORIGIN.into(), "http://localhost:3000".into()];
        })
        .await;
        let made = app.host().post("/v1/public_tokens", json!({})).await.done();
        let public_token = made["public_token"]["public_token"].as_str().unwrap().to_owned();
        Self { app, public_token, session: None, origin: Some(ORIGIN) }
    }

    /// The same with `user` logged in.
    pub(crate) async fn of(app: &'a TestApp, user: &str) -> Self {
        Self::open(app).await.logged_in(user).await
    }

    pub(crate) async fn logged_in(&self, user: &str) -> Self {
        let block = self.log_in(user, PASSWORD).await.data();
        self.with_session(&block["session_token"])
    }

    pub(crate) fn with_session(&self, token: &Value) -> Self {
        Self { session: Some(token.as_str().unwrap().to_owned()), ..self.clone() }
    }

    pub(crate) async fn log_in(&self, user: &str, password: &str) -> Reply {
        let body = json!({
            "email": format!("{user}@example.com"), "password": password, "session_duration_minutes": 60,
        });
        self.post("/passwords/authenticate", body).await
    }

    /// What the packages send: telemetry and the page's origin in headers, JSON also where there is no body.
    pub(crate) fn request(&self, method: Method, path: &str, body: Option<&Value>) -> RequestBuilder {
        let request = self.app.http().request(method, self.app.url(&format!("/sdk/v1{path}")));
        let second = self.session.as_ref().unwrap_or(&self.public_token);
        let request = request.basic_auth(&self.public_token, Some(second));
        let request = request.header("content-type", "application/json").header("x-sdk-client", "e30=");
        let request = match self.origin {
            Some(origin) => request.header("origin", origin).header("x-sdk-parent-host", origin),
            None => request,
        };
        match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.app.send(self.request(Method::POST, path, Some(&body))).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.app.send(self.request(Method::PUT, path, Some(&body))).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.app.send(self.request(Method::GET, path, None)).await
    }
}

impl Reply {
    /// The members of an answer, which stand in an envelope more than those of the management API.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let mut body = self.json();
        assert_eq!((self.status, &body["data"]["status_code"]), (200, &json!(200)), "{body}");
        assert!(body["data"]["request_id"].as_str().is_some_and(|id| id.starts_with("request-id-test-")), "{body}");
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        assert_eq!(self.header("cache-control"), "no-store");
        body["data"].take()
    }
}

fn asking(client: &str, scopes: &[&str]) -> Value {
    json!({ "client_id": client, "redirect_uri": CALLBACK, "response_type": "code", "scopes": scopes })
}

fn answering(client: &str, scopes: &[&str], granted: bool) -> Value {
    let answer = json!({ "consent_granted": granted, "state": "xyz", "code_challenge": CHALLENGE });
    with(asking(client, scopes), answer)
}

fn with(mut body: Value, changes: Value) -> Value {
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

async fn submitted(page: &Page<'_>, body: Value) -> (Value, Callback) {
    let answer = page.post(SUBMIT, body).await.data();
    let callback = Callback::parse(answer["redirect_uri"].as_str().unwrap());
    assert_eq!((callback.uri.as_str(), callback.get("state")), (CALLBACK, Some("xyz")));
    assert!(callback.get("iss").is_some(), "{callback:?}");
    (answer, callback)
}

async fn redeem(app: &TestApp, client: &str, code: &str) -> Value {
    let parameters =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    app.client(client).post("/v1/oauth2/token", &parameters).await.enclosed()
}

#[tokio::test]
async fn bootstrap_has_every_member_that_the_packages_take() {
    let app = TestApp::new().await;
    let page = Page::open(&app).await;
    let path = format!("/projects/bootstrap/{}", page.public_token);
    let made = page.get(&path).await.data();
    let mut names: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "captcha_settings",
        "cname_domain",
        "create_organization_enabled",
        "dfp_protected_auth_enabled",
        "disable_sdk_watermark",
        "email_domains",
        "password_config",
        "pkce_required_for_email_magic_links",
        "pkce_required_for_oauth",
        "pkce_required_for_password_resets",
        "pkce_required_for_sso",
        "project_name",
        "rbac_policy",
        "request_id",
        "siwe_required_for_crypto_wallets",
        "slug_pattern",
        "status_code",
        "vertical",
    ];
    assert_eq!(names, expected);
    assert_eq!((&made["project_name"], &made["vertical"]), (&json!("Harbour"), &json!("CONSUMER")));
    assert_eq!((&made["password_config"], &made["captcha_settings"]["enabled"]), (&Value::Null, &json!(false)));
    let policy = &made["rbac_policy"];
    let named = |kind: &str, name: &str| {
        policy[kind].as_array().unwrap().iter().map(|own| own[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named("roles", "role_id"), ["stytch_user", "member", "admin"]);
    assert!(named("scopes", "scope").contains(&"notes:delete".to_owned()));
    let admin = &policy["roles"][2]["permissions"];
    assert_eq!(admin, &json!([{ "resource_id": "notes", "actions": ["*"] }]));

    // Without credentials too: the page may want to know before it has any.
    let bare = app.http().get(app.url(&format!("/sdk/v1{path}"))).header("origin", ORIGIN);
    assert_eq!(app.send(bare).await.data()["project_name"], "Harbour");
    page.get("/projects/bootstrap/public-token-test-x").await.refused_by_api(401, "invalid_public_token");

    let patch = json!({ "password_policy": { "kind": "LUDS", "luds_min_length": 12, "luds_min_complexity": 2 } });
    app.host().call(Method::PATCH, "/v1/settings", Some(patch)).await.done();
    let made = page.get(&path).await.data();
    assert_eq!(made["password_config"], json!({ "luds_complexity": 2, "luds_minimum_count": 12 }));
}

#[tokio::test]
async fn a_user_allows_what_their_roles_cover_and_is_not_asked_again() {
    let app = world().await;
    app.update_client("s_spa", |settings| settings.logo_uri = Some("https://app.example/logo.png".into())).await;
    let page = Page::of(&app, "alice").await;
    let started = page.post(START, asking("s_spa", &SCOPES)).await.data();
    assert_eq!((&started["user_id"], &started["consent_required"]), (&json!("user-test-alice"), &json!(true)));
    assert_eq!(started["user"]["emails"][0]["email"], "alice@example.com");
    assert_eq!(
        started["client"],
        json!({
            "client_id": "s_spa", "client_name": "Dinghy", "client_description": "",
            "client_type": "third_party_public", "logo_url": "https://app.example/logo.png",
            "client_logo_url": "https://app.example/logo.png",
        })
    );
    let results: Vec<_> = started["scope_results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| (own["scope"].as_str().unwrap(), own["is_grantable"].as_bool().unwrap()))
        .collect();
    assert_eq!(results, [("openid", true), ("email", true), ("notes:read", true), ("notes:delete", false)]);
    assert_eq!(started["scope_results"][3]["description"], "Delete all your notes");

    let (answer, callback) = submitted(&page, answering("s_spa", &SCOPES, true)).await;
    assert_eq!(answer["authorization_code"], callback.code());
    let tokens = redeem(&app, "s_spa", &callback.code()).await;
    assert_eq!(tokens["scope"], "openid email notes:read");

    // The packages say that nobody granted anything, where nothing is asked.
    let asked_again = page.post(START, asking("s_spa", &["openid", "notes:read"])).await.data();
    assert_eq!(asked_again["consent_required"], false);
    let (_, callback) = submitted(&page, answering("s_spa", &["openid", "notes:read"], false)).await;
    assert_eq!(redeem(&app, "s_spa", &callback.code()).await["scope"], "openid notes:read");
    // Another page of another user is asked.
    let bob = page.logged_in("bob").await;
    assert_eq!(bob.post(START, asking("s_spa", &["openid"])).await.data()["consent_required"], true);
    // The audit log says who did it.
    let events = app.host().get("/v1/audit_events?limit=1000").await.done();
    let granted = events["audit_events"].as_array().unwrap().iter().find(|own| own["kind"] == "consent.given").unwrap();
    assert_eq!(granted["actor"], "user", "{granted}");
}

#[tokio::test]
async fn a_denial_leads_back_to_the_client_and_a_page_cannot_skip_the_question() {
    let app = world().await;
    let page = Page::of(&app, "alice").await;
    let (answer, callback) = submitted(&page, answering("s_spa", &SCOPES, false)).await;
    assert_eq!((callback.error(), answer.get("authorization_code")), ("access_denied", None));
    // Nothing was remembered, so the question is still there.
    assert_eq!(page.post(START, asking("s_spa", &SCOPES)).await.data()["consent_required"], true);
    let none = with(answering("s_spa", &SCOPES, true), json!({ "prompt": "none" }));
    let (_, callback) = submitted(&page, none).await;
    assert_eq!(callback.error(), "consent_required");
    // Asked for on purpose, a consent is a question even after a grant.
    submitted(&page, answering("s_spa", &["openid"], true)).await.1.code();
    let again = with(answering("s_spa", &["openid"], false), json!({ "prompt": "consent" }));
    assert_eq!(submitted(&page, again).await.1.error(), "access_denied");
}

/// attacks.md rows 9 and 12: before client and address are proven nobody is sent anywhere.
#[tokio::test]
async fn row_9_what_the_page_says_of_the_request_is_checked_both_times() {
    let app = world().await;
    let page = Page::of(&app, "alice").await;
    let body = || answering("s_spa", &["openid"], true);
    for (change, status, error) in [
        (json!({ "client_id": "nobody" }), 404, "connected_app_not_found"),
        (
            json!({ "redirect_uri": "https://evil.example/" }),
            401,
            "connected_app_supplied_redirect_url_not_found_in_client",
        ),
        (json!({ "scopes": ["openid", "nonsense"] }), 400, "oauth_invalid_scope_requested"),
        (json!({ "scopes": [] }), 400, "oauth_invalid_scope_requested"),
        (json!({ "scopes": ["openid", "full_access"] }), 400, "third_party_clients_cannot_use_full_access"),
    ] {
        for path in [START, SUBMIT] {
            page.post(path, with(body(), change.clone())).await.refused_by_api(status, error);
        }
    }
    for (change, error) in [
        (json!({ "code_challenge": null }), "pkce_required_for_idp_authorization_flow"),
        (json!({ "code_challenge": "short" }), "invalid_pkce_code_challenge"),
    ] {
        page.post(SUBMIT, with(body(), change)).await.refused_by_api(400, error);
    }
    // A code is for the client, the address and the verifier of its request.
    let code = submitted(&page, body()).await.1.code();
    let wrong = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", CALLBACK)];
    let without = app.client("s_spa").post("/v1/oauth2/token", &wrong).await;
    assert_eq!(without.status, 400, "{}", without.body);
    // Some clients leave out the response type; it is then the only one there is.
    let mut lazy = body();
    lazy.as_object_mut().unwrap().remove("response_type");
    submitted(&page, lazy).await.1.code();
}

#[tokio::test]
async fn nothing_is_done_for_somebody_who_is_not_logged_in() {
    let app = TestApp::new().await;
    let nobody = Page::open(&app).await;
    let posts = [
        ("/sessions/authenticate", json!({})),
        (START, asking("spa", &["openid"])),
        (SUBMIT, answering("spa", &["openid"], true)),
        ("/users/connected_apps/spa/revoke", json!({})),
    ];
    for (path, body) in &posts {
        nobody.post(path, body.clone()).await.refused_by_api(401, "user_unauthenticated");
    }
    for path in ["/users/me", "/users/connected_apps"] {
        nobody.get(path).await.refused_by_api(401, "user_unauthenticated");
    }
    nobody.put("/users/me", json!({})).await.refused_by_api(401, "user_unauthenticated");
    let stranger = nobody.with_session(&json!("nobodys-session-token"));
    for (path, body) in posts {
        stranger.post(path, body).await.refused_by_api(404, "session_not_found");
    }
    // A user who may not come in any more is nobody.
    let alice = nobody.logged_in("alice").await;
    alice.get("/users/me").await.data();
    app.disable_user("alice").await;
    alice.get("/users/me").await.refused_by_api(404, "session_not_found");
    alice.post(START, asking("spa", &["openid"])).await.refused_by_api(404, "session_not_found");
}

#[tokio::test]
async fn a_session_is_carried_on_and_ended() {
    let app = TestApp::new().await;
    let page = Page::of(&app, "alice").await;
    let first = page.post("/sessions/authenticate", json!({})).await.data();
    assert_eq!((&first["user"]["user_id"], &first["user_id"]), (&json!("user-test-alice"), &json!("user-test-alice")));
    assert_eq!(first["session_token"].as_str(), page.session.as_deref());
    assert_eq!(first["session"]["expires_at"], "2027-01-15T09:00:00Z");
    app.advance(60);
    let longer = page.post("/sessions/authenticate", json!({ "session_duration_minutes": 60 })).await.data();
    assert_eq!(longer["session"]["expires_at"], "2027-01-15T09:01:00Z");
    // A back end that was shown the JWT cannot get the session for it.
    let by_jwt = page.with_session(&longer["session_jwt"]);
    by_jwt.post("/sessions/authenticate", json!({})).await.refused_by_api(401, "unauthorized_credentials");
    by_jwt.get("/users/me").await.refused_by_api(401, "unauthorized_credentials");
    app.advance(301);
    // A page cannot have more than the operator gives: 30 days here.
    for (minutes, error) in [(43_201, 400), (4, 400), (0, 400), (-1, 400), (i64::MAX, 400)] {
        let body = json!({ "session_duration_minutes": minutes });
        page.post("/sessions/authenticate", body).await.refused_by_api(error, "invalid_session_duration_minutes");
    }
    // Claims are the back end's to set.
    let claims = json!({ "session_duration_minutes": 60, "session_custom_claims": { "admin": true } });
    assert_eq!(page.post("/sessions/authenticate", claims).await.data()["session"]["custom_claims"], json!({}));
    page.post("/sessions/revoke", json!({})).await.data();
    page.post("/sessions/authenticate", json!({})).await.refused_by_api(404, "session_not_found");
    // It is gone already, as the page wants it.
    page.post("/sessions/revoke", json!({})).await.data();
    Page { session: None, ..page }.post("/sessions/revoke", json!({})).await.data();
}

/// A session that somebody else put into the page does not become the user's.
#[tokio::test]
async fn whoever_logs_in_gets_a_session_of_their_own() {
    let app = TestApp::new().await;
    let mallory = Page::of(&app, "bob").await;
    let block = mallory.log_in("alice", PASSWORD).await.data();
    assert_ne!(block["session_token"].as_str(), mallory.session.as_deref());
    assert_eq!(mallory.get("/users/me").await.data()["user_id"], "user-test-bob");
    assert_eq!(
        mallory.with_session(&block["session_token"]).get("/users/me").await.data()["user_id"],
        "user-test-alice"
    );
}

#[tokio::test]
async fn a_token_of_the_host_apps_own_login_begins_a_session() {
    let app = management_attest::app().await;
    let page = Page::open(&app).await;
    let issuer = Issuer::new();
    let profile = management_attest::add(&app, issuer.profile()).await;
    let token = issuer.token(&app, "alice", json!({}));
    let body = json!({ "token": token, "profile_id": profile, "session_duration_minutes": 60 });
    let block = page.post("/sessions/attest", body.clone()).await.data();
    assert_eq!(block["session"]["authentication_factors"][0]["type"], "trusted_auth_token");
    assert_eq!(page.with_session(&block["session_token"]).get("/users/me").await.data()["user_id"], "user-test-alice");
    let other = with(body.clone(), json!({ "token": issuer.token(&app, "alice", json!({ "aud": "elsewhere" })) }));
    assert_eq!(page.post("/sessions/attest", other).await.status, 400);
    let unknown = with(body, json!({ "profile_id": "trusted-token-profile-test-x" }));
    assert_eq!(page.post("/sessions/attest", unknown).await.status, 404);
}

#[tokio::test]
async fn an_access_token_with_full_access_is_exchanged_for_its_session() {
    let app = world().await;
    let page = Page::of(&app, "alice").await;
    let scopes = ["openid", "full_access"];
    let code = submitted(&page, answering("s_first", &scopes, true)).await.1.code();
    let tokens = redeem(&app, "s_first", &code).await;
    let body = json!({ "access_token": tokens["access_token"], "session_duration_minutes": 60 });
    let nobody = Page { session: None, ..page.clone() };
    let block = nobody.post("/sessions/exchange_access_token", body.clone()).await.data();
    assert_eq!(block["session_token"].as_str(), page.session.as_deref());
    // Once.
    let again = nobody.post("/sessions/exchange_access_token", body).await;
    assert!((400..500).contains(&again.status), "{}", again.body);
}

#[tokio::test]
async fn the_user_sees_what_is_connected_and_disconnects_it() {
    let app = world().await;
    let page = Page::of(&app, "alice").await;
    assert_eq!(page.get("/users/connected_apps").await.data()["connected_apps"], json!([]));
    let scopes = ["openid", "offline_access", "notes:read"];
    let code = submitted(&page, answering("s_spa", &scopes, true)).await.1.code();
    let tokens = redeem(&app, "s_spa", &code).await;
    let listed = page.get("/users/connected_apps").await.data()["connected_apps"].clone();
    assert_eq!(
        listed,
        json!([{
            "connected_app_id": "s_spa", "name": "Dinghy", "description": "", "client_type": "third_party_public",
            "scopes_granted": "openid offline_access notes:read",
        }])
    );
    let bob = page.logged_in("bob").await;
    bob.post("/users/connected_apps/s_spa/revoke", json!({})).await.data();
    assert_eq!(page.get("/users/connected_apps").await.data()["connected_apps"], listed);
    page.post("/users/connected_apps/s_spa/revoke", json!({})).await.data();
    assert_eq!(page.get("/users/connected_apps").await.data()["connected_apps"], json!([]));
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    app.client("s_spa").post("/v1/oauth2/token", &refresh).await.refused_in_envelope(400, "invalid_grant");
    page.post("/users/connected_apps/a%00b/revoke", json!({})).await.refused_by_api(400, "bad_request");
}

#[tokio::test]
async fn a_logout_is_asked_about_unless_the_client_shows_whom_it_means() {
    let app = world().await;
    let page = Page::of(&app, "alice").await;
    let body = json!({ "client_id": "spa", "post_logout_redirect_uri": "https://app.example/bye", "state": "s 1" });
    let asked = page.post("/oauth/logout/start", body.clone()).await.data();
    assert_eq!(
        (&asked["consent_required"], &asked["redirect_uri"]),
        (&json!(true), &json!("https://app.example/bye?state=s%201"))
    );
    // Nothing ended.
    page.get("/users/me").await.data();
    let tokens = app.tokens("spa", "alice").await;
    let hinted = with(body.clone(), json!({ "id_token_hint": tokens.id_token }));
    assert_eq!(page.post("/oauth/logout/start", hinted.clone()).await.data()["consent_required"], false);
    // Somebody else's ID token does not log alice out unasked.
    let bob = page.logged_in("bob").await;
    assert_eq!(bob.post("/oauth/logout/start", hinted).await.data()["consent_required"], true);
    let nobody = Page { session: None, ..page.clone() };
    assert_eq!(nobody.post("/oauth/logout/start", body.clone()).await.data()["consent_required"], false);
    for change in [
        json!({ "post_logout_redirect_uri": "https://evil.example/" }),
        json!({ "client_id": "nobody" }),
        json!({ "id_token_hint": "x.y.z" }),
    ] {
        page.post("/oauth/logout/start", with(body.clone(), change)).await.refused_by_api(400, "bad_request");
    }
    // A client of Stytch's plane has ID tokens of another shape.
    app.update_client("s_spa", |settings| settings.post_logout_redirect_uris = vec!["https://app.example/bye".into()])
        .await;
    let (_, callback) = submitted(&page, answering("s_spa", &["openid"], true)).await;
    let tokens = redeem(&app, "s_spa", &callback.code()).await;
    let theirs = json!({ "client_id": "s_spa", "id_token_hint": tokens["id_token"] });
    let hinted = page.post("/oauth/logout/start", with(body.clone(), theirs)).await.data();
    assert_eq!(hinted["consent_required"], false);
    let foreign = json!({ "id_token_hint": tokens["id_token"] });
    page.post("/oauth/logout/start", with(body.clone(), foreign)).await.refused_by_api(400, "bad_request");
    let nowhere = page.post("/oauth/logout/start", json!({ "client_id": "spa" })).await;
    nowhere.refused_by_api(400, "invalid_argument");
    assert!(nowhere.body.contains("post_logout_redirect_uri"), "{}", nowhere.body);
}

#[tokio::test]
async fn a_page_must_name_the_project_by_one_of_its_public_tokens() {
    let app = TestApp::new().await;
    let page = Page::of(&app, "alice").await;
    for header in ["", "Basic", "Basic !!", "Bearer x", "Basic cHVibGlj"] {
        let request = app.http().get(app.url("/sdk/v1/users/me")).header("authorization", header);
        app.send(request).await.refused_by_api(401, "invalid_authorization_header");
    }
    app.send(app.http().get(app.url("/sdk/v1/users/me"))).await.refused_by_api(401, "invalid_authorization_header");
    for public_token in ["", "public-token-test-00000000-0000-4000-8000-000000000000", crate::app::PROJECT, "a\u{0}b"] {
        let other = Page { public_token: public_token.to_owned(), ..page.clone() };
        other.get("/users/me").await.refused_by_api(401, "invalid_public_token");
    }
    // A session is worth nothing at the management API, and a public token is no secret of the project.
    let as_secret = app.host().with_secret(&page.public_token).get("/v1/settings").await;
    as_secret.refused_by_api(401, "unauthorized_credentials");
    // In another process too, from the next request on.
    let other = app.another_process().await;
    let there = || {
        let request = app.http().get(format!("{}/sdk/v1/users/me", other.base)).header("origin", ORIGIN);
        request.basic_auth(&page.public_token, page.session.as_ref())
    };
    app.send(there()).await.data();
    app.host().delete(&format!("/v1/public_tokens/{}", page.public_token)).await.done();
    app.send(there()).await.refused_by_api(401, "invalid_public_token");
    page.get("/users/me").await.refused_by_api(401, "invalid_public_token");
}

/// attacks.md row 38: neither the tokens nor the sessions of one project are good for another.
#[tokio::test]
async fn row_38_a_page_of_another_project_gets_nothing() {
    let app = TestApp::new().await;
    let page = Page::of(&app, "alice").await;
    let neighbour = app.neighbour("").await;
    let lagoon = neighbour.host();
    let patch = json!({ "sdk": { "enabled": true, "domains": [ORIGIN] } });
    lagoon.call(Method::PATCH, "/v1/settings", Some(patch)).await.done();
    let foreign = lagoon.post("/v1/public_tokens", json!({})).await.done()["public_token"]["public_token"].clone();
    let other = Page { public_token: foreign.as_str().unwrap().to_owned(), ..page.clone() };
    other.get("/users/me").await.refused_by_api(401, "invalid_public_token");
    let path = format!("/projects/bootstrap/{}", other.public_token);
    page.get(&path).await.refused_by_api(401, "invalid_public_token");
    // Nor does a session of the one count at the other, whatever token the page has.
    let foreign_page = app.http().get(format!("{}/sdk/v1/users/me", neighbour.issuer)).header("origin", ORIGIN);
    let session = page.session.as_deref().unwrap();
    let reply = app.send(foreign_page.basic_auth(&other.public_token, Some(session))).await;
    reply.refused_by_api(404, "session_not_found");
}

/// attacks.md row 37, and that whatever is wrong is told to the page, which reads JSON only.
#[tokio::test]
async fn row_37_registered_pages_read_every_answer_and_others_none() {
    let app = TestApp::new().await;
    let page = Page::of(&app, "alice").await;
    let token = page.public_token.clone();
    let bootstrap = format!("/projects/bootstrap/{token}");
    let gets = [bootstrap.as_str(), "/users/me", "/users/connected_apps", "/events", "/magic_links/authenticate"];
    let paths = POSTS.into_iter().chain(gets);
    let preflight = async |origin: &str, path: &str| {
        let request = app.http().request(Method::OPTIONS, app.url(&format!("/sdk/v1{path}"))).header("origin", origin);
        app.send(request.header("access-control-request-method", "POST")).await
    };
    for path in paths {
        for origin in [ORIGIN, "http://localhost:3000"] {
            let reply = preflight(origin, path).await;
            assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, origin), "{path}");
            assert_eq!(reply.header("access-control-allow-credentials"), "true");
            assert_eq!(reply.header("access-control-max-age"), "3600");
            assert!(reply.header("vary").contains("origin"), "{path}");
            let headers = reply.header("access-control-allow-headers");
            for name in ["authorization", "content-type", "x-sdk-client", "x-sdk-parent-host"] {
                assert!(headers.contains(name), "{headers}");
            }
            let methods = reply.header("access-control-allow-methods");
            assert!(["GET", "POST", "PUT", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
        }
        for origin in ["null", "", "https://evil.example", "https://host.example.evil.example", "https://host.example/"]
        {
            let reply = preflight(origin, path).await;
            reply.refused_by_api(403, "origin_not_registered");
            assert!(reply.body.contains("sdk.domains"), "{}", reply.body);
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
            let call = app.http().post(app.url(&format!("/sdk/v1{path}"))).header("origin", origin).json(&json!({}));
            let reply = app.send(call).await;
            reply.refused_by_api(403, "origin_not_registered");
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
        }
    }
    let readable = |reply: &Reply| {
        assert_eq!(reply.header("access-control-allow-origin"), ORIGIN, "{}", reply.body);
        assert!(reply.header("vary").contains("origin"));
    };
    let unknown = page.post("/magic_links/authenticate", json!({})).await;
    unknown.refused_by_api(404, "route_not_found");
    readable(&unknown);
    let wrong = page.get("/sessions/authenticate").await;
    assert_eq!((wrong.status, wrong.json()["status_code"].as_u64()), (405, Some(405)));
    readable(&wrong);
    for (path, body) in [("/sessions/attest", json!({})), ("/users/search", json!({ "email": 1 }))] {
        let reply = page.post(path, body).await;
        reply.refused_by_api(400, "invalid_argument");
        readable(&reply);
    }
    readable(&page.get("/users/me").await);
    // Telemetry comes without credentials and is thrown away.
    let events = app.http().post(app.url("/sdk/v1/events")).header("origin", ORIGIN).json(&json!([{ "a": 1 }]));
    let reply = app.send(events).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    readable(&reply);
    // A program that is no page needs no origin.
    let native = Page { origin: None, ..page.clone() };
    assert_eq!(native.get("/users/me").await.data()["user_id"], "user-test-alice");
    // Turned off, it says so to the page.
    app.update_settings(|settings| settings.sdk.enabled = false).await;
    for path in ["/users/me", "/magic_links/authenticate", bootstrap.as_str()] {
        let off = page.get(path).await;
        off.refused_by_api(403, "sdk_disabled");
        assert!(off.body.contains("sdk.enabled"), "{}", off.body);
        readable(&off);
    }
}

/// attacks.md rows 20, 34 and 37: whatever a page sends, the answer is JSON and no fault.
#[tokio::test]
async fn row_34_no_input_is_a_fault() {
    let app = world().await;
    app.update_settings(|settings| settings.sdk.sign_up = true).await;
    let page = Page::of(&app, "alice").await;
    let no_fault = |reply: &Reply, what: &str| {
        assert!(reply.status < 500, "{what}: {} {}", reply.status, reply.body);
        reply.json();
    };
    for path in ["/projects/bootstrap/%ff", "/projects/bootstrap/%00"] {
        page.get(path).await.refused_by_api(400, "bad_request");
    }
    page.post("/users/connected_apps/%ff/revoke", json!({})).await.refused_by_api(400, "bad_request");
    let strange = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(i64::MAX),
        json!(""),
        json!("a\u{0}b"),
        json!("\u{202e}\r\nX-Evil: 1"),
        json!("%00"),
        json!("x".repeat(3000)),
        json!("a.b.c"),
        json!([]),
        json!(["", "\u{0}"]),
        json!([["x"]]),
        json!({}),
        json!({ "first_name": 1, "\u{0}": {} }),
    ];
    let members = [
        "email",
        "password",
        "token",
        "profile_id",
        "access_token",
        "client_id",
        "redirect_uri",
        "response_type",
        "scopes",
        "prompt",
        "state",
        "nonce",
        "code_challenge",
        "code_verifier",
        "resources",
        "consent_granted",
        "session_duration_minutes",
        "name",
        "untrusted_metadata",
        "post_logout_redirect_uri",
        "id_token_hint",
        "locale",
        "reset_password_redirect_url",
        "reset_password_expiration_minutes",
    ];
    for value in &strange {
        let all = Value::Object(members.iter().map(|name| ((*name).to_owned(), value.clone())).collect());
        for path in POSTS.iter().filter(|path| **path != "/sessions/revoke") {
            no_fault(&page.post(path, all.clone()).await, &format!("{path} {value}"));
        }
        no_fault(&page.put("/users/me", all).await, &format!("PUT {value}"));
        // One at a time, in a request that is right without it.
        for name in answering("s_spa", &SCOPES, true).as_object().unwrap().keys().map(String::as_str).chain([
            "nonce",
            "prompt",
            "resources",
        ]) {
            let body = with(answering("s_spa", &SCOPES, true), json!({ name: value }));
            no_fault(&page.post(SUBMIT, body).await, &format!("{name} {value}"));
        }
    }
    for text in ["", "{", "[]", "null", "\"a\"", "{\"email\": }", "\u{0}"] {
        for path in POSTS.iter().filter(|path| **path != "/sessions/revoke") {
            let request = page.request(Method::POST, path, None).body(text);
            no_fault(&app.send(request).await, &format!("{path} {text}"));
        }
    }
    let large = "x".repeat(200_000);
    for session in ["a.b.c", "..", ".", "\u{0}", "\u{202e}", "eyJhbGciOiJub25lIn0.e30.", &large[..5000]] {
        let reply = page.with_session(&json!(session)).get("/users/me").await;
        no_fault(&reply, session);
        assert!((400..500).contains(&reply.status), "{session}");
    }
    for path in ["/passwords/authenticate", "/events"] {
        no_fault(&page.post(path, json!({ "email": large })).await, path);
    }
    page.get("/users/me").await.data();
}
