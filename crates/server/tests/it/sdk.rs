//! The SDK's files, for pages without a bundler.

use crate::app::{Reply, TestApp};
use std::{fs, path::Path};

/// What npm publishes, and the binary holds.
fn file(name: &str) -> String {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages/sdk/dist");
    fs::read_to_string(dist.join(name)).unwrap()
}

async fn get(app: &TestApp, path: &str) -> Reply {
    app.send(app.http().get(app.url(path)).header("origin", "https://host.example")).await
}

#[tokio::test]
async fn a_page_of_any_origin_loads_the_client_and_its_languages() {
    let app = TestApp::new().await;
    for name in ["hospes.js", "locales/de.js", "locales/pt-BR.js"] {
        let reply = get(&app, &format!("/sdk/{name}")).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, file(name).as_str()), "{name}");
        assert_eq!(reply.header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        // Without this the browser cannot check the page's `integrity`.
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(reply.header("cache-control"), "public, no-cache");
        assert_eq!(reply.header("set-cookie"), "");
    }
}

#[tokio::test]
async fn the_path_with_a_version_is_kept_for_good_and_the_one_without_is_asked_for_again() {
    let app = TestApp::new().await;
    let current = get(&app, "/sdk/hospes.js").await;
    let pinned = current.header("content-location");
    let kept = get(&app, pinned).await;
    assert_eq!((kept.status, &kept.body), (200, &current.body));
    assert_eq!(kept.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(kept.header("content-location"), pinned);
    let known = app.http().get(app.url("/sdk/hospes.js")).header("if-none-match", current.header("etag"));
    let known = app.send(known).await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    assert_eq!(known.header("etag"), current.header("etag"));
    assert_ne!(get(&app, "/sdk/locales/de.js").await.header("etag"), current.header("etag"));
}

#[tokio::test]
async fn nothing_else_is_served_from_there() {
    let app = TestApp::new().await;
    for path in [
        "/sdk/nothing.js",
        "/sdk/0123456789ab/hospes.js",
        "/sdk/package.json",
        "/sdk/../Cargo.toml",
        "/sdk/..%2f..%2fpackage.json",
        "/sdk/%2e%2e/package.json",
        "/sdk//hospes.js",
    ] {
        assert_eq!(get(&app, path).await.status, 404, "{path}");
    }
    let refused = get(&app, "/sdk/nothing.js").await;
    assert_eq!(
        refused.json()["error_description"],
        "this version of the server has no such file of the SDK; the current one is /sdk/hospes.js"
    );
    assert_eq!(app.send(app.http().post(app.url("/sdk/hospes.js"))).await.status, 405);
}
