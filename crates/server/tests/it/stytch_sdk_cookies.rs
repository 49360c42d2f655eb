//! `sdk.http_only_cookies`: sessions that no script on the page can read.
//!
//! attacks.md row 37, OWASP CSRF prevention.

use crate::{
    app::{PASSWORD, Reply, TestApp},
    stytch_sdk::{ORIGIN, Page},
};
use reqwest::Method;
use serde_json::{Value, json};

async fn app() -> TestApp {
    let app = TestApp::plan().issuer("https://auth.harbour.example").start().await;
    app.update_settings(|settings| settings.sdk.http_only_cookies = true).await;
    app
}

/// The pairs that a browser keeps of an answer.
fn kept(reply: &Reply) -> String {
    let pairs: Vec<_> = reply.cookies().into_iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
    pairs.join("; ")
}

#[tokio::test]
async fn the_tokens_of_a_session_stand_in_cookies_and_nowhere_else() {
    let app = app().await;
    let page = Page::open(&app).await;
    let reply = page.log_in("alice", PASSWORD).await;
    let block = reply.data();
    assert_eq!((&block["session_token"], &block["session_jwt"]), (&json!(""), &json!("")));
    assert_eq!(block["session"]["user_id"], "user-test-alice");
    let cookies = reply.cookies();
    assert_eq!(cookies.len(), 2);
    for (cookie, name) in cookies.iter().zip(["__Host-stytch_session=", "__Host-stytch_session_jwt="]) {
        assert!(cookie.starts_with(name), "{cookie}");
        assert!(cookie.ends_with("; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    }
    // Both are what the host app's back end takes.
    for (name, cookie) in ["session_token", "session_jwt"].iter().zip(kept(&reply).split("; ")) {
        let (_, token) = cookie.split_once('=').unwrap();
        let shown = app.host().post("/v1/sessions/authenticate", json!({ *name: token })).await.done();
        assert_eq!(shown["user_id"], "user-test-alice");
    }
    // The next call shows the session by the cookie alone, and the answer still hides it.
    let by_cookie =
        page.request(Method::POST, "/sessions/authenticate", Some(&json!({}))).header("cookie", kept(&reply));
    let again = app.send(by_cookie).await;
    assert_eq!((&again.data()["user_id"], &again.data()["session_token"]), (&json!("user-test-alice"), &json!("")));
    assert_eq!(again.cookies().len(), 2);
    // A token in Basic counts before the cookie: the page says so on purpose.
    let bob = page.log_in("bob", PASSWORD).await;
    let token = kept(&bob).split("; ").next().unwrap().split_once('=').unwrap().1.to_owned();
    let both = Page { session: Some(token), ..page.clone() };
    let me = app.send(both.request(Method::GET, "/users/me", None).header("cookie", kept(&reply))).await;
    assert_eq!(me.data()["user_id"], "user-test-bob");

    let revoke = page.request(Method::POST, "/sessions/revoke", Some(&json!({}))).header("cookie", kept(&reply));
    let ended = app.send(revoke).await;
    ended.data();
    assert!(ended.cookies().iter().all(|cookie| cookie.contains("=; Max-Age=0; Path=/;")), "{:?}", ended.cookies());
    assert_eq!(ended.cookies().len(), 2);
    let after = page.request(Method::GET, "/users/me", None).header("cookie", kept(&reply));
    app.send(after).await.refused_by_api(404, "session_not_found");
}

/// The cookie is sent by the browser, whoever made it send the request.
#[tokio::test]
async fn a_cookie_counts_only_with_a_registered_origin_and_the_setting() {
    let app = app().await;
    let page = Page::open(&app).await;
    let cookie = kept(&page.log_in("alice", PASSWORD).await);
    let me =
        async |page: &Page<'_>| app.send(page.request(Method::GET, "/users/me", None).header("cookie", &cookie)).await;
    me(&page).await.data();
    let nowhere = Page { origin: None, ..page.clone() };
    me(&nowhere).await.refused_by_api(401, "user_unauthenticated");
    let evil = Page { origin: Some("https://evil.example"), ..page.clone() };
    me(&evil).await.refused_by_api(403, "origin_not_registered");
    // What forms of any site can send is not taken, cookie or not.
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
        let name = json!({ "name": { "first_name": "Mallory" } });
        let request = app.http().put(app.url("/sdk/v1/users/me")).header("origin", ORIGIN).header("cookie", &cookie);
        let request = request.basic_auth(&page.public_token, Some(&page.public_token)).header("content-type", kind);
        app.send(request.body(name.to_string())).await.refused_by_api(400, "bad_request");
    }
    // A program that is no page keeps its tokens itself.
    let block = nowhere.log_in("alice", PASSWORD).await;
    assert!(block.cookies().is_empty() && !block.data()["session_token"].as_str().unwrap().is_empty());
    // The cookies of our own pages are not this one, and this one is not theirs.
    let own = page.request(Method::GET, "/users/me", None);
    let own = own.header("cookie", cookie.replace("__Host-stytch_session=", "__Host-hospes_session="));
    app.send(own).await.refused_by_api(401, "user_unauthenticated");

    app.update_settings(|settings| settings.sdk.http_only_cookies = false).await;
    me(&page).await.refused_by_api(401, "user_unauthenticated");
    let reply = page.log_in("alice", PASSWORD).await;
    assert!(reply.cookies().is_empty() && !reply.data()["session_token"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn the_cookies_may_reach_a_back_end_beside_the_issuer() {
    let app = app().await;
    let page = Page::open(&app).await;
    let set = async |domain: Value| {
        let patch = json!({ "sdk": { "cookie_domain": domain } });
        app.host().call(Method::PATCH, "/v1/settings", Some(patch)).await
    };
    for (domain, why) in [
        (json!("other.example"), "above it"),
        (json!("app.harbour.example"), "above it"),
        (json!(".harbour.example"), "lower case"),
        (json!("example"), "lower case"),
        (json!("harbour.example; Path=/x"), "lower case"),
    ] {
        let refused = set(domain).await;
        refused.refused_by_api(400, "invalid_argument");
        assert!(refused.body.contains("sdk.cookie_domain") && refused.body.contains(why), "{}", refused.body);
    }
    set(json!("harbour.example")).await.done();
    let reply = page.log_in("alice", PASSWORD).await;
    assert!(reply.cookies().iter().all(|cookie| cookie.contains("; Path=/; Domain=harbour.example; Secure;")));
    // Any host of the domain can set them too, and then nobody can say which are the user's.
    let other = kept(&page.log_in("bob", PASSWORD).await);
    let both = format!("{}; {other}", kept(&reply));
    let me = page.request(Method::GET, "/users/me", None).header("cookie", both);
    app.send(me).await.refused_by_api(401, "user_unauthenticated");
    // A neighbour's cookie that is no text hides nothing.
    let mut beside = b"neighbour=\xff; ".to_vec();
    beside.extend_from_slice(kept(&reply).as_bytes());
    app.send(page.request(Method::GET, "/users/me", None).header("cookie", beside)).await.data();
    let revoke = page.request(Method::POST, "/sessions/revoke", Some(&json!({}))).header("cookie", kept(&reply));
    let ended = app.send(revoke).await;
    assert!(ended.cookies().iter().all(|cookie| cookie.contains("=; Max-Age=0; Path=/; Domain=harbour.example;")));
}
