//! The SDK's files, for pages without a bundler.

use crate::app::{Reply, TestApp};
use std::{fs, io::Read as _, path::Path};

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

/// RFC 9110 §12.5.3 and §8.8.3.3, and Subresource Integrity §3.3: the integrity is of what the browser has decoded.
#[tokio::test]
async fn who_reads_gzip_gets_it_under_an_entity_tag_of_its_own() {
    let app = TestApp::new().await;
    let plain = get(&app, "/sdk/hospes.js").await;
    let asked = |path: &str, accepted: &str| app.http().get(app.url(path)).header("accept-encoding", accepted);
    let zipped = asked("/sdk/hospes.js", "br, gzip").send().await.unwrap();
    let of =
        |name: &str| zipped.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    assert_eq!((of("content-encoding").as_str(), of("vary").as_str()), ("gzip", "accept-encoding"));
    assert_eq!(of("content-type"), "text/javascript; charset=utf-8");
    let tag = of("etag");
    assert!(tag.starts_with('"') && tag != plain.header("etag"), "{tag}");
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let bytes = zipped.bytes().await.unwrap();
    assert!(bytes.len() * 2 < plain.body.len(), "{} of {}", bytes.len(), plain.body.len());
    let mut read = String::new();
    flate2::read::GzDecoder::new(bytes.as_ref()).read_to_string(&mut read).unwrap();
    assert_eq!(read, plain.body);

    // What one reader has is not what another one means.
    let again = async |accepted: &str, known: &str| {
        app.send(asked("/sdk/hospes.js", accepted).header("if-none-match", known)).await.status
    };
    assert_eq!(again("gzip", &tag).await, 304);
    assert_eq!(again("gzip", &format!("\"x\", W/{tag}")).await, 304);
    assert_eq!(again("identity", &tag).await, 200);
    for refused in ["gzip;q=0", "identity", "zstd"] {
        let reply = app.send(asked("/sdk/hospes.js", refused)).await;
        assert_eq!((reply.header("content-encoding"), &reply.body), ("", &plain.body), "{refused}");
    }
}

/// The same of what our own pages are drawn with.
#[tokio::test]
async fn the_style_of_our_pages_is_compressed_too() {
    let app = TestApp::new().await;
    let page = app.browser().authorize(&app.client("web").request()).await;
    let at = page.body.find("/assets/style.").unwrap();
    let path = page.body[at..].split('"').next().unwrap();
    let plain = get(&app, path).await;
    let zipped = app.http().get(app.url(path)).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    assert_eq!(zipped.headers()["vary"], "accept-encoding");
    let mut read = String::new();
    flate2::read::GzDecoder::new(zipped.bytes().await.unwrap().as_ref()).read_to_string(&mut read).unwrap();
    assert_eq!(read, plain.body);
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
