//! Calls from a page of another origin (mcp T-06), and what no other origin may do.

use crate::app::{Reply, TestApp};
use reqwest::Method;

const ORIGIN: &str = "https://inspector.example";

async fn preflight(app: &TestApp, path: &str, method: &str, headers: &str) -> Reply {
    let request = app.http().request(Method::OPTIONS, app.url(path)).header("origin", ORIGIN);
    let request = request.header("access-control-request-method", method);
    app.send(request.header("access-control-request-headers", headers)).await
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn t06_what_clients_call_answers_preflights() {
    let app = TestApp::new().await;
    for (path, method, headers) in [
        ("/.well-known/oauth-authorization-server", "GET", "mcp-protocol-version"),
        ("/.well-known/openid-configuration", "GET", "mcp-protocol-version"),
        ("/.well-known/jwks.json", "GET", ""),
        ("/oauth2/token", "POST", "authorization,content-type,dpop"),
        ("/oauth2/revoke", "POST", "authorization,content-type"),
        ("/oauth2/register", "POST", "content-type,mcp-protocol-version"),
        ("/oauth2/introspect", "POST", "authorization,content-type"),
        ("/oauth2/userinfo", "GET", "authorization"),
        ("/oauth2/userinfo", "POST", "authorization,content-type"),
    ] {
        let reply = preflight(&app, path, method, headers).await;
        assert!((200..300).contains(&reply.status), "{path}: {}", reply.status);
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        assert!(reply.header("access-control-allow-methods").contains(method), "{path}");
        let allowed = reply.header("access-control-allow-headers").to_lowercase();
        for header in headers.split(',').filter(|header| !header.is_empty()) {
            assert!(allowed.split(',').any(|own| own.trim() == header), "{path}: {header} is not in {allowed}");
        }
        // Cookies are never part of it.
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
}

/// A page that cannot read the error cannot mend it.
#[tokio::test]
async fn t06_errors_are_readable_from_another_origin() {
    let app = TestApp::plan().set("limits.failed_authentication_per_minute", "2").start().await;
    let form = |path: &str, body: &'static str| {
        app.http().post(app.url(path)).header("origin", ORIGIN).header("content-type", FORM).body(body)
    };
    let bad = "grant_type=client_credentials&client_id=m2m&client_secret=x";
    let cases = [
        (app.http().get(app.url("/.well-known/nothing")).header("origin", ORIGIN), 404),
        (form("/oauth2/token", ""), 400),
        (form("/oauth2/token", "grant_type=refresh_token&refresh_token=x&client_id=spa"), 400),
        (app.http().post(app.url("/oauth2/token")).header("origin", ORIGIN).json(&1), 400),
        (app.http().get(app.url("/oauth2/token")).header("origin", ORIGIN), 405),
        (app.http().get(app.url("/oauth2/userinfo")).header("origin", ORIGIN), 401),
        (app.http().get(app.url("/oauth2/userinfo")).header("origin", ORIGIN).bearer_auth("x"), 401),
        (form("/oauth2/token", bad), 401),
        (form("/oauth2/token", bad), 401),
        (form("/oauth2/token", bad), 429),
        (form("/oauth2/register", "{}"), 403),
        (form("/oauth2/revoke", bad), 429),
        (form("/oauth2/introspect", bad), 429),
    ];
    for (request, status) in cases {
        let reply = app.send(request).await;
        assert_eq!(reply.status, status, "{} {}", reply.url, reply.body);
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{} {status}", reply.url);
        let exposed = reply.header("access-control-expose-headers").to_lowercase();
        for header in ["www-authenticate", "dpop-nonce", "retry-after"] {
            assert!(exposed.contains(header), "{header} is not in {exposed}");
        }
    }
}

#[tokio::test]
async fn t06_pages_are_not_for_other_origins() {
    let app = TestApp::new().await;
    for path in ["/oauth2/authorize", "/login", "/consent", "/account", "/account/apps", "/logout", "/oauth2/logout"] {
        let reply = preflight(&app, path, "POST", "content-type").await;
        assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
        let reply = app.send(app.http().get(app.url(path)).header("origin", ORIGIN)).await;
        assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
    }
    let reply = app.send(app.http().get(app.client("web").request().url()).header("origin", ORIGIN)).await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

/// attacks.md row 37: the origin `null` is no friend either, and no origin is echoed with credentials.
#[tokio::test]
async fn the_origin_null_gets_no_more_than_others() {
    let app = TestApp::new().await;
    let reply = app.send(app.http().get(app.url("/.well-known/jwks.json")).header("origin", "null")).await;
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
}
