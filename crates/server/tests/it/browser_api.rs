//! `/interactions` and `/account/…`: what pages of the host app call from the browser, and which pages may.
//!
//! attacks.md rows 14 and 37.

use crate::{
    app::{Browser, Callback, PASSWORD, Reply, TestApp},
    interactions::{handle, hosted},
    management_attest::{self, Issuer},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// The host app's page, on another site than the issuer.
const ORIGIN: &str = "https://host.example";
const NONCE: &str = "n0nce1q1qZ8J0qfSiZhQfO3nVTkYbdkF2ADJxGrgTe_";
const SCOPES: [&str; 5] = ["openid", "profile", "email", "notes:read", "offline_access"];

async fn app() -> TestApp {
    let app = hosted().await;
    register(&app).await;
    app
}

async fn register(app: &TestApp) {
    app.update_settings(|settings| settings.sdk.domains = vec![ORIGIN.into(), "http://localhost:3000".into()]).await;
}

/// A call by the page, as a browser sends it across sites: with its origin and without cookies.
fn from_page(app: &TestApp, method: Method, path: &str, body: Option<&Value>) -> RequestBuilder {
    let request = app.http().request(method, app.url(path)).header("origin", ORIGIN);
    match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    }
}

async fn post(app: &TestApp, bearer: &str, path: &str, body: Value) -> Reply {
    let request = from_page(app, Method::POST, path, Some(&body));
    app.send(if bearer.is_empty() { request } else { request.bearer_auth(bearer) }).await
}

async fn log_in(app: &TestApp, user: &str) -> Value {
    let body = json!({ "email": format!("{user}@example.com"), "password": PASSWORD });
    post(app, "", "/account/session", body).await.done()
}

async fn token(app: &TestApp, user: &str) -> String {
    log_in(app, user).await["session_token"].as_str().unwrap().to_owned()
}

fn allow() -> Value {
    json!({ "decision": "allow", "scopes": SCOPES })
}

fn with(mut body: Value, changes: Value) -> Value {
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

fn url(object: &Value) -> &str {
    object["redirect_url"].as_str().unwrap_or_else(|| panic!("{object}"))
}

/// The session cookie of somebody who is signed in on our own pages.
async fn signed_in(app: &TestApp, user: &str) -> Browser {
    app.update_settings(|settings| settings.authorization_url = None).await;
    let mut browser = app.browser();
    browser.sign_in(user).await;
    app.update_settings(|settings| settings.authorization_url = Some("https://host.example/authorize?lang=de".into()))
        .await;
    browser
}

#[tokio::test]
async fn a_page_brings_its_user_from_a_handle_to_the_client() {
    let app = app().await;
    let (web, mut browser) = (app.client("web"), app.browser());
    let id = handle(&mut browser, &web.request()).await;
    let begun = post(&app, "", "/interactions", json!({ "interaction_id": id })).await;
    assert_eq!(begun.header("cache-control"), "no-store");
    assert_eq!(begun.done()["next"], "login");
    let session = token(&app, "alice").await;
    let asked = post(&app, &session, &format!("/interactions/{id}/login"), json!({})).await.done();
    assert_eq!((&asked["next"], &asked["user"]["email"]), (&json!("consent"), &json!("alice@example.com")));
    let decided = post(&app, &session, &format!("/interactions/{id}/decide"), allow()).await.done();
    // The browser goes there, and its cookie with it.
    let callback = browser.peek(url(&decided)).await.callback();
    let tokens = web.redeem(&callback.code()).await.tokens();
    assert_eq!((&tokens.identity()["sub"], &tokens.identity()["amr"]), (&json!("user-test-alice"), &json!(["pwd"])));
}

/// GHSA-c2jp-c369-7pvx: the page of the victim cannot be made to answer for a browser elsewhere.
#[tokio::test]
async fn row_14_what_the_victims_page_answered_reaches_no_other_browser() {
    let app = app().await;
    let (web, mut mallory, mut victim) = (app.client("web"), app.browser(), app.browser());
    let id = handle(&mut mallory, &web.request()).await;
    let session = token(&app, "alice").await;
    post(&app, &session, "/interactions", json!({ "interaction_id": id })).await.done();
    let decided = post(&app, &session, &format!("/interactions/{id}/decide"), allow()).await.done();
    let bob = token(&app, "bob").await;
    for bearer in ["", &bob] {
        let reply = post(&app, bearer, "/interactions", json!({ "interaction_id": id })).await;
        reply.refused_by_api(409, "interaction_already_decided");
    }
    let again = post(&app, &session, "/interactions", json!({ "interaction_id": id })).await.done();
    assert_eq!(again["redirect_url"], decided["redirect_url"]);
    assert_eq!(victim.peek(url(&decided)).await.page_error(), "invalid_request");
    assert_eq!(mallory.peek(url(&decided)).await.page_error(), "invalid_request");
}

#[tokio::test]
async fn a_raw_query_is_answered_by_the_page_that_has_the_nonce() {
    let app = app().await;
    let web = app.client("web");
    let session = token(&app, "alice").await;
    let query = json!({ "query": web.request().query() });
    for nonce in [json!({}), json!({ "nonce": "" }), json!({ "nonce": "short" })] {
        let reply = post(&app, &session, "/interactions", with(query.clone(), nonce)).await;
        reply.refused_by_api(400, "invalid_nonce");
    }
    let form_post = web.request().with("response_mode", "form_post").query();
    let reply = post(&app, "", "/interactions", json!({ "query": form_post, "nonce": NONCE })).await;
    reply.refused_by_api(400, "response_mode_not_supported");

    let object = post(&app, &session, "/interactions", with(query, json!({ "nonce": NONCE }))).await.done();
    let id = object["interaction_id"].as_str().unwrap();
    let (login, decide) = (format!("/interactions/{id}/login"), format!("/interactions/{id}/decide"));
    assert_eq!(object["next"], "consent");
    // Somebody else's browser, even with the same user.
    for nonce in [json!({}), json!({ "nonce": NONCE.replace('1', "2") })] {
        for (path, body) in [(&login, json!({})), (&decide, allow())] {
            let reply = post(&app, &session, path, with(body, nonce.clone())).await;
            reply.refused_by_api(403, "interaction_of_another_browser");
        }
    }
    // Nor by way of the host app's back end.
    let reply = app.host().post(&format!("/v1{decide}"), with(allow(), json!({ "user_id": "user-test-alice" }))).await;
    reply.refused_by_api(404, "interaction_not_found");
    let bob = token(&app, "bob").await;
    let nonce = json!({ "nonce": NONCE });
    let other = post(&app, &bob, &decide, with(allow(), nonce.clone())).await;
    other.refused_by_api(403, "interaction_of_another_user");
    let nobody = post(&app, "", &decide, with(allow(), nonce.clone())).await;
    nobody.refused_by_api(401, "no_session_arguments");
    post(&app, "", &login, nonce.clone()).await.refused_by_api(401, "no_session_arguments");

    let decided = post(&app, &session, &decide, with(allow(), nonce.clone())).await.done();
    let callback = Callback::parse(url(&decided));
    assert_eq!(callback.get("state"), Some("af0ifjsldkj"));
    web.redeem(&callback.code()).await.tokens();
    let again = post(&app, &session, &decide, with(allow(), nonce)).await;
    again.refused_by_api(409, "interaction_already_decided");
}

#[tokio::test]
async fn a_token_of_the_host_apps_own_login_says_who_the_user_is() {
    let app = management_attest::app().await;
    register(&app).await;
    let issuer = Issuer::new();
    let profile = management_attest::add(&app, issuer.profile()).await;
    let web = app.client("web");
    let by = |user: &str| json!({ "trusted_token": issuer.token(&app, user, json!({})), "profile_id": profile, "nonce": NONCE });
    let query = json!({ "query": web.request().with("prompt", "login").query() });
    let object = post(&app, "", "/interactions", with(query, by("alice"))).await.done();
    // The token was issued since, so it proves a login since.
    assert_eq!(object["next"], "consent");
    let decide = format!("/interactions/{}/decide", object["interaction_id"].as_str().unwrap());
    let other = post(&app, "", &decide, with(allow(), by("bob"))).await;
    other.refused_by_api(403, "interaction_of_another_user");
    let both = post(&app, &token(&app, "alice").await, &decide, with(allow(), by("alice"))).await;
    both.refused_by_api(400, "too_many_user_selection_arguments");
    let decided = post(&app, "", &decide, with(allow(), by("alice"))).await.done();
    let tokens = web.redeem(&Callback::parse(url(&decided)).code()).await.tokens();
    assert_eq!(tokens.identity()["auth_time"], app.now().0);
}

/// Such a user has no password here, and disconnects apps all the same.
#[tokio::test]
async fn a_token_of_the_host_apps_own_login_begins_a_session_of_five_minutes() {
    let app = management_attest::app().await;
    register(&app).await;
    let issuer = Issuer::new();
    let profile = management_attest::add(&app, issuer.profile()).await;
    app.tokens("web", "alice").await;
    let by = |user: &str| json!({ "trusted_token": issuer.token(&app, user, json!({})), "profile_id": profile });
    let begin = async |body: Value| post(&app, "", "/account/session", body).await;
    let made = begin(by("alice")).await.done();
    assert_eq!(made["user"]["user_id"], "user-test-alice");
    let session = made["session_token"].as_str().unwrap();
    let list =
        async || app.send(from_page(&app, Method::GET, "/account/connected_apps", None).bearer_auth(session)).await;
    let listed = list().await.done();
    assert_eq!(listed["connected_apps"][0]["client"]["client_id"], "web");
    let remove = from_page(&app, Method::DELETE, "/account/connected_apps/web", None).bearer_auth(session);
    app.send(remove).await.done();
    assert_eq!(list().await.done()["connected_apps"], json!([]));
    // The host app's login may have ended meanwhile.
    app.advance(301);
    list().await.refused_by_api(404, "session_not_found");
    for half in [
        with(by("alice"), json!({ "email": "alice@example.com", "password": PASSWORD })),
        json!({ "trusted_token": "x" }),
        json!({ "profile_id": profile }),
        json!({ "email": "alice@example.com" }),
    ] {
        begin(half).await.refused_by_api(400, "invalid_argument");
    }
    let mut forged = by("alice");
    forged["trusted_token"] = json!("x.y.z");
    let refused = begin(forged).await;
    assert!((400..500).contains(&refused.status), "{}", refused.body);
}

/// attacks.md row 37.
#[tokio::test]
async fn row_37_only_registered_origins_may_call_and_read() {
    let app = app().await;
    let preflight = async |origin: &str, path: &str| {
        let request = app.http().request(Method::OPTIONS, app.url(path)).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        app.send(request.header("access-control-request-headers", "authorization,content-type")).await
    };
    let paths = [
        "/interactions",
        "/interactions/int_x/login",
        "/interactions/int_x/decide",
        "/account/session",
        "/account/connected_apps",
        "/account/connected_apps/web",
    ];
    let issuer = app.issuer.clone();
    for path in paths {
        for origin in [ORIGIN, "http://localhost:3000", &issuer] {
            let reply = preflight(origin, path).await;
            assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, origin), "{path}");
            assert!(reply.header("access-control-allow-headers").contains("authorization"));
            assert!(reply.header("vary").contains("origin"));
            let methods = reply.header("access-control-allow-methods");
            assert!(["GET", "POST", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
        }
        for origin in [
            "null",
            "",
            "https://evil.example",
            "http://host.example",
            "https://host.example:8443",
            "https://host.example.evil.example",
            "https://sub.host.example",
            "https://host.example/",
            "http://localhost:3001",
        ] {
            let reply = preflight(origin, path).await;
            reply.refused_by_api(403, "origin_not_registered");
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
            let call = app.http().post(app.url(path)).header("origin", origin).json(&json!({}));
            let reply = app.send(call).await;
            reply.refused_by_api(403, "origin_not_registered");
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
        }
    }
    // A page that may call can read what was wrong.
    let reply = post(&app, "", "/interactions", json!({})).await;
    reply.refused_by_api(400, "no_interaction_selector");
    assert_eq!(reply.header("access-control-allow-origin"), ORIGIN);
    assert!(reply.header("access-control-expose-headers").contains("x-request-id"));
    let reply = app.send(from_page(&app, Method::PUT, "/interactions", None)).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (405, ORIGIN));
    // Two of them are none, and a change holds at the next request.
    let twice = from_page(&app, Method::POST, "/interactions", Some(&json!({}))).header("origin", ORIGIN);
    app.send(twice).await.refused_by_api(403, "origin_not_registered");
    app.update_settings(|settings| settings.sdk.domains.clear()).await;
    post(&app, "", "/interactions", json!({})).await.refused_by_api(403, "origin_not_registered");
    // The release is a page, and no other origin reads it.
    let reply = app.send(from_page(&app, Method::GET, "/interactions/int_x/release?key=x", None)).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (400, ""));
}

/// The cookie is sent by the browser, whoever made it send the request.
#[tokio::test]
async fn a_cookie_counts_only_where_the_browser_names_a_known_page() {
    let app = app().await;
    let mut alice = signed_in(&app, "alice").await;
    let id = handle(&mut alice, &app.client("web").request()).await;
    let body = json!({ "interaction_id": id });
    let call = |origin: Option<&str>| {
        let request = app.http().post(app.url("/interactions")).json(&body);
        match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    };
    let mut next = async |origin: Option<&str>| alice.send(call(origin)).await.done()["next"].clone();
    assert_eq!(next(None).await, "login");
    assert_eq!(next(Some(ORIGIN)).await, "consent");
    let issuer = app.issuer.clone();
    assert_eq!(next(Some(&issuer)).await, "consent");
    alice.send(call(Some("https://evil.example"))).await.refused_by_api(403, "origin_not_registered");
    // A GET to the page's own origin has no Origin.
    let get = || app.http().get(app.url("/account/session"));
    alice.send(get()).await.refused_by_api(401, "no_session_arguments");
    alice.send(get().header("sec-fetch-site", "cross-site")).await.refused_by_api(401, "no_session_arguments");
    let session = alice.send(get().header("sec-fetch-site", "same-origin")).await.done();
    assert_eq!(session["user"]["user_id"], "user-test-alice");
    let here = async |alice: &mut Browser, method: Method, path: &str| {
        alice.send(app.http().request(method, app.url(path)).header("sec-fetch-site", "same-origin")).await
    };
    here(&mut alice, Method::GET, "/account/connected_apps").await.done();
    // What forms can send is not taken.
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
        let request = app.http().post(app.url("/interactions")).header("origin", &issuer);
        let request = request.header("content-type", kind).body(body.to_string());
        alice.send(request).await.refused_by_api(400, "bad_request");
    }
    // A cookie of a session that ended is as if it were not there.
    app.sign_out_everywhere("alice").await;
    let id = handle(&mut alice, &app.client("web").request()).await;
    let request = app.http().post(app.url("/interactions")).json(&json!({ "interaction_id": id }));
    assert_eq!(alice.send(request.header("origin", ORIGIN)).await.done()["next"], "login");
    for (method, path) in [
        (Method::GET, "/account/session"),
        (Method::GET, "/account/connected_apps"),
        (Method::DELETE, "/account/connected_apps/web"),
    ] {
        here(&mut alice, method, path).await.refused_by_api(401, "no_session_arguments");
    }
}

#[tokio::test]
async fn a_session_is_begun_shown_and_ended() {
    let app = app().await;
    let made = log_in(&app, "alice").await;
    assert_eq!(
        made["user"],
        json!({ "user_id": "user-test-alice", "name": "Alice Quay", "email": "alice@example.com" })
    );
    let (session, jwt) = (made["session_token"].as_str().unwrap(), made["session_jwt"].as_str().unwrap());
    let get = |bearer: &str| app.send(from_page(&app, Method::GET, "/account/session", None).bearer_auth(bearer));
    for bearer in [session, jwt] {
        let shown = get(bearer).await.done();
        assert_eq!((&shown["user"], shown.get("session_token")), (&made["user"], None));
        assert_eq!(shown["expires_at"], made["expires_at"]);
    }
    // A JWT that lay around somewhere is no session; the token still is.
    app.advance(300);
    get(jwt).await.refused_by_api(401, "session_jwt_expired");
    let young = get(session).await.done()["session_jwt"].as_str().unwrap().to_owned();
    get(&young).await.done();
    let end = from_page(&app, Method::DELETE, "/account/session", None).bearer_auth(&young);
    app.send(end).await.done();
    for bearer in [session, &young] {
        get(bearer).await.refused_by_api(404, "session_not_found");
    }
    app.send(from_page(&app, Method::GET, "/account/session", None)).await.refused_by_api(401, "no_session_arguments");
    // A page must not have a secret of the project, and gets nowhere with it.
    let basic = from_page(&app, Method::GET, "/account/session", None).basic_auth("project", Some("secret"));
    app.send(basic).await.refused_by_api(401, "invalid_authorization_header");
    get("x.y.z").await.refused_by_api(400, "unable_to_parse_session_jwt");
}

#[tokio::test]
async fn all_who_may_not_come_in_are_told_the_same() {
    let app = app().await;
    for (email, password) in
        [("alice@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("carol@example.com", PASSWORD)]
    {
        let reply = post(&app, "", "/account/session", json!({ "email": email, "password": password })).await;
        reply.refused_by_api(401, "unauthorized_credentials");
    }
    // Also when the account is locked.
    for _ in 0..12 {
        let body = json!({ "email": "alice@example.com", "password": "wrong" });
        post(&app, "", "/account/session", body).await.refused_by_api(401, "unauthorized_credentials");
    }
    let body = json!({ "email": "alice@example.com", "password": PASSWORD });
    post(&app, "", "/account/session", body).await.refused_by_api(401, "unauthorized_credentials");
    post(&app, "", "/account/session", json!({})).await.refused_by_api(400, "invalid_argument");
}

#[tokio::test]
async fn guessing_and_beginning_have_limits() {
    let plan = TestApp::plan().set("limits.login_per_minute", "2").set("limits.authorize_per_minute", "2");
    let app = plan.start().await;
    register(&app).await;
    let body = json!({ "email": "alice@example.com", "password": "wrong" });
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(post(&app, "", "/account/session", body.clone()).await.status);
    }
    assert_eq!(statuses, [401, 401, 429]);
    let body = json!({ "query": app.client("web").request().query(), "nonce": NONCE });
    let mut replies = Vec::new();
    for _ in 0..3 {
        replies.push(post(&app, "", "/interactions", body.clone()).await);
    }
    assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 200, 429]);
    assert!(!replies[2].header("retry-after").is_empty());
}

#[tokio::test]
async fn connected_apps_are_listed_and_disconnected() {
    let app = TestApp::new().await;
    register(&app).await;
    let tokens = app.tokens("web", "alice").await;
    let session = token(&app, "alice").await;
    let list =
        |bearer: String| app.send(from_page(&app, Method::GET, "/account/connected_apps", None).bearer_auth(bearer));
    let listed = list(session.clone()).await.done();
    assert_eq!(listed["project"], json!({ "name": "Harbour" }));
    let apps = listed["connected_apps"].clone();
    assert_eq!((apps.as_array().unwrap().len(), &apps[0]["client"]["client_id"]), (1, &json!("web")));
    assert_eq!(apps[0]["scopes"][3], json!({ "scope": "notes:read", "text": "Read your notes", "detail": null }));
    let german = from_page(&app, Method::GET, "/account/connected_apps", None).header("accept-language", "de");
    let german = app.send(german.bearer_auth(&session)).await.done()["connected_apps"][0]["scopes"].clone();
    let stay = json!({
        "scope": "offline_access", "text": "Verbunden bleiben", "detail": "Auch wenn Sie die App gerade nicht benutzen",
    });
    assert!(german.as_array().unwrap().contains(&stay), "{german}");
    assert_eq!((&apps[0]["connected_at"], &apps[0]["expires_at"]), (&json!("2027-01-15T08:00:00Z"), &Value::Null));
    // Bob's are others.
    let bob = token(&app, "bob").await;
    assert_eq!(list(bob.clone()).await.done()["connected_apps"], json!([]));
    let remove = |bearer: String| {
        app.send(from_page(&app, Method::DELETE, "/account/connected_apps/web", None).bearer_auth(bearer))
    };
    remove(bob).await.done();
    assert!(app.client("api").is_active(&tokens.access_token).await);
    remove(session.clone()).await.done();
    assert!(!app.client("api").is_active(&tokens.access_token).await);
    assert_eq!(list(session.clone()).await.done()["connected_apps"], json!([]));
    remove(session.clone()).await.done();
    for no_text in ["%00", "%ff", "%c3%28"] {
        let path = format!("/account/connected_apps/{no_text}");
        let request = from_page(&app, Method::DELETE, &path, None).bearer_auth(session.clone());
        app.send(request).await.refused_by_api(400, "bad_request");
    }
    list("gone".to_owned()).await.refused_by_api(404, "session_not_found");
}

/// attacks.md rows 20 and 34: whatever stands in a body, it is a mistake of whoever sent it.
#[tokio::test]
async fn row_34_no_body_is_a_fault() {
    let app = app().await;
    let session = token(&app, "alice").await;
    let made = json!({ "query": app.client("web").request().query(), "nonce": NONCE });
    let id = post(&app, &session, "/interactions", made).await.done()["interaction_id"].clone();
    let id = id.as_str().unwrap();
    let members = [
        "interaction_id",
        "query",
        "nonce",
        "browser_binding",
        "decision",
        "scopes",
        "expires_at",
        "user_id",
        "session_token",
        "session_jwt",
        "trusted_token",
        "profile_id",
        "email",
        "password",
    ];
    let values = [
        json!(null),
        json!(""),
        json!("\u{0}"),
        json!("%00"),
        json!("a=b&a=b"),
        json!("?&&==&"),
        json!("x".repeat(9000)),
        json!(-1),
        json!([]),
        json!(["a", 1]),
        json!(["openid", "\""]),
        json!({}),
        json!(true),
        json!("allow"),
        json!("9999-12-31T23:59:59Z"),
        json!("-009999-01-01T00:00:00Z"),
        json!(NONCE),
        json!("\u{202e}\u{fffd}"),
    ];
    for member in members {
        for value in &values {
            let mut body = allow();
            body[member] = value.clone();
            let login = format!("/interactions/{id}/login");
            for path in ["/interactions", &login, "/interactions/int_x/decide", "/account/session"] {
                let reply = post(&app, &session, path, body.clone()).await;
                assert!(reply.status < 500, "{path} {member} {value}: {}", reply.body);
            }
            for path in ["", &format!("/{id}/login"), &format!("/{id}/decide")] {
                let reply = app.host().post(&format!("/v1/interactions{path}"), body.clone()).await;
                assert!(reply.status < 500, "{path} {member} {value}: {}", reply.body);
            }
        }
    }
    for text in ["", "[]", "null", "{", "\"a\"", "{\"a\":1}}"] {
        let request = app.http().post(app.url("/interactions")).header("origin", ORIGIN);
        let reply = app.send(request.header("content-type", "application/json").body(text)).await;
        assert!((400..500).contains(&reply.status), "{text}: {}", reply.body);
    }
}
