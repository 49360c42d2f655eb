//! `/v1/idp/oauth/authorize`: the host app's page answers authorization requests, and what comes of it on both planes.

use crate::{
    app::{
        Authentication, Browser, Callback, Client, PROJECT, TestApp,
        client::{CHALLENGE, VERIFIER},
        decode,
    },
    stytch_plane::{secret, world},
};
use serde_json::{Value, json};

const START: &str = "/v1/idp/oauth/authorize/start";
const SUBMIT: &str = "/v1/idp/oauth/authorize";
const CALLBACK: &str = "https://app.example/callback";

fn asking(client: &str, scopes: &[&str]) -> Value {
    json!({
        "client_id": client, "redirect_uri": CALLBACK, "response_type": "code", "scopes": scopes,
        "user_id": "user-test-alice",
    })
}

fn answering(client: &str, scopes: &[&str], granted: bool) -> Value {
    let mut body = asking(client, scopes);
    body["consent_granted"] = json!(granted);
    body["state"] = json!("xyz");
    body["code_challenge"] = json!(CHALLENGE);
    body
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn code(app: &TestApp, body: Value) -> String {
    let answer = app.host().post(SUBMIT, body).await.done();
    let callback = Callback::parse(answer["redirect_uri"].as_str().unwrap());
    assert_eq!((callback.uri.as_str(), callback.get("state")), (CALLBACK, Some("xyz")));
    assert_eq!(answer["authorization_code"], callback.code());
    callback.code()
}

fn at_stytch(app: &TestApp, id: &str) -> Client {
    let client = app.client(id);
    if id == "s_web" { client.with(Authentication::Post(secret())) } else { client }
}

async fn redeem(client: &Client, path: &str, code: &str) -> crate::app::Reply {
    let parameters =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    client.post(path, &parameters).await
}

async fn refresh(client: &Client, path: &str, token: &str) -> crate::app::Reply {
    client.post(path, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

const TOKEN: &str = "/v1/oauth2/token";

#[tokio::test]
async fn a_page_of_the_host_app_leads_to_tokens_of_the_stytch_plane() {
    let app = world().await;
    let scopes = ["openid", "email", "offline_access", "notes:read"];
    let started = app.host().post(START, asking("s_spa", &scopes)).await.done();
    assert_eq!((&started["user_id"], &started["consent_required"]), (&json!("user-test-alice"), &json!(true)));
    assert_eq!(started["user"]["user_id"], "user-test-alice");
    assert_eq!(
        started["client"],
        json!({
            "client_id": "s_spa", "client_name": "Dinghy", "client_description": "",
            "client_type": "third_party_public",
        })
    );
    let named: Vec<_> = started["scope_results"].as_array().unwrap().iter().map(|own| own["scope"].clone()).collect();
    assert_eq!(named, scopes);

    let spa = at_stytch(&app, "s_spa");
    let code = code(&app, with(answering("s_spa", &scopes, true), "nonce", json!("n-1"))).await;
    let tokens = redeem(&spa, TOKEN, &code).await.enclosed();
    let (header, claims) = decode(tokens["access_token"].as_str().unwrap());
    assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("RS256")));
    let mut names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "client_id", "exp", "iat", "iss", "jti", "nbf", "scope", "sub"]);
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!([PROJECT]), &json!("user-test-alice")));
    let identity = decode(tokens["id_token"].as_str().unwrap()).1;
    assert_eq!((&identity["aud"], &identity["nonce"]), (&json!(["s_spa"]), &json!("n-1")));
    assert_eq!((&identity["iss"], &identity["nbf"]), (&claims["iss"], &identity["iat"]));
    assert_eq!(identity["exp"].as_i64().unwrap() - identity["iat"].as_i64().unwrap(), 3600);

    // A public client's refresh token rotates.
    let first = tokens["refresh_token"].as_str().unwrap();
    let next = refresh(&spa, TOKEN, first).await.enclosed();
    assert_ne!(next["refresh_token"], first);
    let seen = spa.post("/v1/oauth2/introspect", &[("token", next["refresh_token"].as_str().unwrap())]).await;
    let seen = seen.enclosed();
    assert_eq!(
        (&seen["active"], &seen["token_type"], &seen["aud"]),
        (&json!(true), &json!("refresh_token"), &json!([PROJECT]))
    );
    let access = next["access_token"].as_str().unwrap();
    let userinfo = app.send(app.http().get(app.url("/v1/oauth2/userinfo")).bearer_auth(access)).await.enclosed();
    assert_eq!((&userinfo["sub"], &userinfo["email"]), (&json!("user-test-alice"), &json!("alice@example.com")));
    // Revoking the refresh token ends the access token.
    spa.post("/v1/oauth2/revoke", &[("token", next["refresh_token"].as_str().unwrap())]).await.enclosed();
    let seen = spa.post("/v1/oauth2/introspect", &[("token", access)]).await.enclosed();
    assert_eq!(seen, json!({ "active": false }));
    let reply = app.send(app.http().get(app.url("/v1/oauth2/userinfo")).bearer_auth(access)).await;
    reply.refused_in_envelope(401, "invalid_token");
    app.get("/v1/oauth2/userinfo").await.refused_in_envelope(401, "invalid_token");
}

#[tokio::test]
async fn a_confidential_client_keeps_its_refresh_token_and_is_not_sent_it_again() {
    let app = world().await;
    let web = at_stytch(&app, "s_web");
    let body = answering("s_web", &["openid", "offline_access"], true);
    let mut without_pkce = body.clone();
    without_pkce.as_object_mut().unwrap().remove("code_challenge");
    let plain = code(&app, without_pkce).await;
    let parameters = [("grant_type", "authorization_code"), ("code", &*plain), ("redirect_uri", CALLBACK)];
    let tokens = web.post(TOKEN, &parameters).await.enclosed();
    let token = tokens["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        app.advance(80 * 86_400);
        let next = refresh(&web, TOKEN, token).await.enclosed();
        assert!(next.get("refresh_token").is_none() && next["access_token"].is_string(), "{next}");
    }
}

/// Strictness belongs to the record: codes, refresh tokens and access tokens of users are nobody's on the other plane.
#[tokio::test]
async fn what_a_user_gave_on_one_plane_has_no_effect_on_the_other() {
    let app = world().await;
    let (theirs, own) = (at_stytch(&app, "s_spa"), app.client("spa"));
    let scopes = ["openid", "offline_access"];

    // Codes, presented by a client of the other plane and by their own at the other endpoint.
    let their_code = code(&app, answering("s_spa", &scopes, true)).await;
    redeem(&own, "/oauth2/token", &their_code).await.refused(400, "invalid_grant");
    redeem(&theirs, "/oauth2/token", &their_code).await.refused(401, "invalid_client");
    let our_code = app.browser().login_and_consent(&own.request(), "alice").await.code();
    redeem(&theirs, TOKEN, &our_code).await.refused_in_envelope(400, "invalid_grant");
    redeem(&own, TOKEN, &our_code).await.refused_in_envelope(401, "invalid_client");
    // None of it used them up.
    let their_tokens = redeem(&theirs, TOKEN, &their_code).await.enclosed();
    let our_tokens = own.redeem(&our_code).await.tokens();
    let their_refresh = their_tokens["refresh_token"].as_str().unwrap();
    let their_access = their_tokens["access_token"].as_str().unwrap();

    refresh(&own, "/oauth2/token", their_refresh).await.refused(400, "invalid_grant");
    refresh(&theirs, "/oauth2/token", their_refresh).await.refused(401, "invalid_client");
    refresh(&theirs, TOKEN, &our_tokens.refresh_token).await.refused_in_envelope(400, "invalid_grant");

    let (web, s_web) = (app.client("web"), at_stytch(&app, "s_web"));
    for token in [their_refresh, their_access] {
        assert_eq!(web.introspect(token).await, json!({ "active": false }));
        assert_eq!(own.post("/oauth2/revoke", &[("token", token)]).await.status, 200);
    }
    for token in [&our_tokens.refresh_token, &our_tokens.access_token] {
        for client in [&theirs, &s_web] {
            let seen = client.post("/v1/oauth2/introspect", &[("token", token)]).await.enclosed();
            assert_eq!(seen, json!({ "active": false }));
        }
        theirs.post("/v1/oauth2/revoke", &[("token", token)]).await.enclosed();
    }
    assert_eq!(own.userinfo(their_access).await.status, 401);
    let reply = app.http().get(app.url("/v1/oauth2/userinfo")).bearer_auth(&our_tokens.access_token);
    app.send(reply).await.refused_in_envelope(401, "invalid_token");
    // An ID token is no access token, on either.
    for id_token in [their_tokens["id_token"].as_str().unwrap(), &our_tokens.id_token] {
        let reply = app.http().get(app.url("/v1/oauth2/userinfo")).bearer_auth(id_token);
        app.send(reply).await.refused_in_envelope(401, "invalid_token");
        assert_eq!(own.userinfo(id_token).await.status, 401);
    }

    // All of it is as alive as before where it belongs.
    assert_eq!(own.userinfo(&our_tokens.access_token).await.status, 200);
    own.refresh(&our_tokens.refresh_token).await.tokens();
    let seen = theirs.post("/v1/oauth2/introspect", &[("token", their_access)]).await.enclosed();
    assert_eq!(seen["active"], true);
    refresh(&theirs, TOKEN, their_refresh).await.enclosed();
}

#[tokio::test]
async fn consent_is_asked_remembered_and_refused_as_on_our_own_pages() {
    let app = world().await;
    let asks = async |client: &str, scopes: &[&str], prompt: Value| {
        let body = with(asking(client, scopes), "prompt", prompt);
        app.host().post(START, body).await.done()["consent_required"] == json!(true)
    };
    let none = json!(null);
    // A third party is asked once, and again for more.
    assert!(asks("s_spa", &["openid"], none.clone()).await);
    let denied = app.host().post(SUBMIT, answering("s_spa", &["openid"], false)).await.done();
    let callback = Callback::parse(denied["redirect_uri"].as_str().unwrap());
    assert_eq!((callback.error(), callback.get("state")), ("access_denied", Some("xyz")));
    assert!(denied.get("authorization_code").is_none());
    code(&app, answering("s_spa", &["openid", "email"], true)).await;
    assert!(!asks("s_spa", &["openid"], none.clone()).await);
    code(&app, answering("s_spa", &["openid"], false)).await;
    assert!(asks("s_spa", &["openid", "profile"], none.clone()).await);
    assert!(asks("s_spa", &["openid"], json!("consent")).await);
    assert!(asks("s_spa", &["openid", "offline_access"], none.clone()).await);
    app.revoke_grant("alice", "s_spa").await;
    assert!(asks("s_spa", &["openid"], none.clone()).await);
    // A first party is not, unless it wants to stay.
    assert!(!asks("s_first", &["openid", "full_access"], none.clone()).await);
    assert!(asks("s_first", &["openid", "offline_access"], none.clone()).await);
    assert!(asks("s_first", &["openid"], json!("consent")).await);
    let code = code(&app, answering("s_first", &["openid", "full_access"], false)).await;
    let tokens = redeem(&at_stytch(&app, "s_first"), TOKEN, &code).await.enclosed();
    assert_eq!(tokens["scope"], "openid full_access");
}

#[tokio::test]
async fn the_server_leaves_out_what_the_users_roles_do_not_cover() {
    let app = world().await;
    let scopes = ["openid", "notes:read", "notes:delete"];
    let started = app.host().post(START, asking("s_spa", &scopes)).await.done();
    let grantable: Vec<_> =
        started["scope_results"].as_array().unwrap().iter().map(|own| own["is_grantable"].clone()).collect();
    assert_eq!(grantable, [true, true, false]);
    assert_eq!(started["scope_results"][2]["description"], "Delete all your notes");
    let code = code(&app, answering("s_spa", &scopes, true)).await;
    let tokens = redeem(&at_stytch(&app, "s_spa"), TOKEN, &code).await.enclosed();
    assert_eq!(tokens["scope"], "openid notes:read");
}

#[tokio::test]
async fn a_mistake_of_the_page_has_the_contracts_name() {
    let app = world().await;
    let host = app.host();
    let start = asking("s_spa", &["openid"]);
    let submit = answering("s_spa", &["openid"], true);
    for (path, body) in [(START, &start), (SUBMIT, &submit)] {
        let refused = async |name: &str, value: Value, status: u16, error: &str| {
            host.post(path, with(body.clone(), name, value)).await.refused_by_api(status, error);
        };
        refused("user_id", json!(null), 400, "no_oauth_authorize_user_selector").await;
        refused("session_token", json!("x"), 400, "too_many_user_selection_arguments").await;
        refused("user_id", json!("user-test-nobody"), 404, "user_not_found").await;
        // Disabled.
        refused("user_id", json!("user-test-carol"), 404, "user_not_found").await;
        refused("client_id", json!("nobody"), 404, "connected_app_not_found").await;
        let elsewhere = json!("https://evil.example/callback");
        refused("redirect_uri", elsewhere, 401, "connected_app_supplied_redirect_url_not_found_in_client").await;
        refused("scopes", json!(["openid", "nonsense"]), 400, "oauth_invalid_scope_requested").await;
        refused("scopes", json!([]), 400, "oauth_invalid_scope_requested").await;
        refused("scopes", json!(["full_access"]), 400, "third_party_clients_cannot_use_full_access").await;
        refused("prompt", json!("none consent"), 400, "oidc_prompt_none_must_be_exclusive").await;
        refused("response_type", json!("token"), 400, "unsupported_response_type").await;
        refused("scopes", json!(null), 400, "invalid_argument").await;
        let by_session = with(with(body.clone(), "user_id", json!(null)), "session_token", json!("x"));
        host.post(path, by_session).await.refused_by_api(404, "session_not_found");
        let both = with(with(body.clone(), "user_id", json!(null)), "session_token", json!("x"));
        let both = with(both, "session_jwt", json!("x"));
        host.post(path, both).await.refused_by_api(400, "too_many_user_selection_arguments");
    }
    let refused = async |name: &str, value: Value, error: &str| {
        host.post(SUBMIT, with(submit.clone(), name, value)).await.refused_by_api(400, error);
    };
    refused("code_challenge", json!(null), "pkce_required_for_idp_authorization_flow").await;
    refused("code_challenge", json!("short"), "invalid_pkce_code_challenge").await;
}

#[tokio::test]
async fn a_users_external_id_names_them_too() {
    let app = world().await;
    let body = with(asking("s_spa", &["openid"]), "user_id", json!("ext-bob"));
    assert_eq!(app.host().post(START, body).await.done()["user_id"], "user-test-bob");
}

/// The client's plane decides, never the path: a standard client authorized by the host's page lives by the standard rules.
#[tokio::test]
async fn a_standard_client_gets_a_code_of_the_standard_plane() {
    let app = world().await;
    let code = code(&app, answering("spa", &["openid", "offline_access"], true)).await;
    redeem(&at_stytch(&app, "s_spa"), TOKEN, &code).await.refused_in_envelope(400, "invalid_grant");
    let tokens = app.client("spa").redeem(&code).await.tokens();
    assert_eq!(decode(&tokens.access_token).0["typ"], "at+jwt");
    assert_eq!(tokens.access()["iss"], app.issuer);
    // Confidential clients of this plane are not excused from PKCE.
    let without = with(answering("web", &["openid"], true), "code_challenge", json!(null));
    app.host().post(SUBMIT, without).await.refused_by_api(400, "pkce_required_for_idp_authorization_flow");
}

/// Access ends when the host's user ends, also where the host vouched for them without a session.
#[tokio::test]
async fn signing_out_everywhere_ends_what_the_host_app_vouched_for() {
    let app = world().await;
    let spa = at_stytch(&app, "s_spa");
    let fresh = code(&app, answering("s_spa", &["openid", "offline_access"], true)).await;
    let tokens = redeem(&spa, TOKEN, &fresh).await.enclosed();
    let waiting = code(&app, answering("s_spa", &["openid", "offline_access"], true)).await;
    app.advance(1);
    app.sign_out_everywhere("alice").await;
    refresh(&spa, TOKEN, tokens["refresh_token"].as_str().unwrap()).await.refused_in_envelope(400, "invalid_grant");
    redeem(&spa, TOKEN, &waiting).await.refused_in_envelope(400, "invalid_grant");
    let token = tokens["access_token"].as_str().unwrap();
    let seen = spa.post("/v1/oauth2/introspect", &[("token", token)]).await.enclosed();
    assert_eq!(seen, json!({ "active": false }));
}

/// The page may name the user by the session they have there; the code then ends with it.
#[tokio::test]
async fn a_session_names_the_user_and_its_end_ends_the_code() {
    let app = world().await;
    let mut browser = app.browser();
    let page = browser.open("/login").await;
    let signed_in = browser.post(&Browser::fill_login(&page, "alice")).await;
    let cookies = signed_in.cookies();
    let cookie = cookies.iter().find(|cookie| cookie.contains("session")).unwrap_or_else(|| panic!("{cookies:?}"));
    let token = cookie.split_once('=').unwrap().1.split(';').next().unwrap();
    let jwt = app.host().post("/v1/sessions/authenticate", json!({ "session_token": token })).await.done();
    let spa = at_stytch(&app, "s_spa");
    for (name, value) in [("session_token", json!(token)), ("session_jwt", jwt["session_jwt"].clone())] {
        let by_session = |body: Value| with(with(body, "user_id", json!(null)), name, value.clone());
        let started = app.host().post(START, by_session(asking("s_spa", &["openid"]))).await.done();
        assert_eq!(started["user_id"], "user-test-alice", "{name}");
        let code = code(&app, by_session(answering("s_spa", &["openid"], true))).await;
        let tokens = redeem(&spa, TOKEN, &code).await.enclosed();
        let identity = decode(tokens["id_token"].as_str().unwrap()).1;
        assert_eq!(identity["sid"], jwt["session"]["session_id"], "{name}");
    }
    let by_session = with(answering("s_spa", &["openid"], true), "user_id", json!(null));
    let by_session = with(by_session, "session_token", json!(token));
    let late = code(&app, by_session.clone()).await;
    app.host().post("/v1/sessions/revoke", json!({ "session_token": token })).await.done();
    redeem(&spa, TOKEN, &late).await.refused_in_envelope(400, "invalid_grant");
    app.host().post(SUBMIT, by_session).await.refused_by_api(404, "session_not_found");
}

/// The answer is an address, so that a client that asked for a form would never get its code.
#[tokio::test]
async fn an_answer_by_a_form_is_refused_before_anybody_is_asked() {
    let app = world().await;
    let scopes = ["openid"];
    for (path, body) in [(START, asking("s_spa", &scopes)), (SUBMIT, answering("s_spa", &scopes, true))] {
        let reply = app.host().post(path, with(body.clone(), "response_mode", json!("form_post"))).await;
        reply.refused_by_api(400, "response_mode_not_supported");
        let reply = app.host().post(path, with(body.clone(), "response_mode", json!("fragment"))).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        app.host().post(path, with(body, "response_mode", json!("query"))).await.done();
    }
}

#[tokio::test]
async fn scope_values_are_described_in_the_users_language() {
    let app = world().await;
    let start = asking("s_spa", &["openid", "notes:read"]);
    let started = app.host().speaking("de").post(START, start).await.done();
    let words: Vec<_> = started["scope_results"].as_array().unwrap().iter().map(|own| &own["description"]).collect();
    assert_eq!(words, ["Erkennen, dass Sie es sind", "Read your notes"]);
}
