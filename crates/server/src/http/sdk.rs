//! `GET /sdk/…`: the SDK's files for pages without a bundler, from `packages/sdk/dist`.
//!
//! Specs: Subresource Integrity §3.2 and §3.5 (CORS), RFC 9110 §8.8.3 and §13.1.2, RFC 8246 §2.
//! `/sdk/hospes.js` is what this version of the server has. `/sdk/<version>/hospes.js` never changes, so browsers keep
//! it for good; another version of the server has another one, and nothing at this path.

use crate::{app::App, failure::Failure, secret::sha256};
use aws_lc_rs::digest;
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LOCATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse as _, Response},
};
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use hospes_protocol::{ErrorCode::NotFound, Refusal, refuse};
use std::{collections::BTreeMap, fmt::Write as _, sync::LazyLock};

pub(crate) const NO_SUCH_FILE: Refusal =
    refuse(NotFound, "this version of the server has no such file of the SDK; the current one is /sdk/hospes.js");

const MAIN: &str = "hospes.js";

#[derive(rust_embed::RustEmbed)]
#[folder = "../../packages/sdk/dist/"]
struct Embedded;

struct File {
    bytes: Bytes,
    etag: HeaderValue,
    content_type: HeaderValue,
}

struct Files {
    /// Changes with the contents of any file.
    version: String,
    by_path: BTreeMap<String, File>,
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let mut by_path = BTreeMap::new();
    let mut hashes = Vec::new();
    for path in Embedded::iter() {
        let Some(file) = Embedded::get(&path) else { continue };
        let bytes = Bytes::from(file.data.into_owned());
        let hash = sha256(&bytes);
        let tag = Base64UrlUnpadded::encode_string(hash.get(..12).unwrap_or_default());
        let etag = HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        let content_type =
            if path.ends_with(".js") { "text/javascript; charset=utf-8" } else { "text/plain; charset=utf-8" };
        by_path.insert(path.into_owned(), File { bytes, etag, content_type: HeaderValue::from_static(content_type) });
        hashes.push(hash);
    }
    hashes.sort_unstable();
    let mut version = String::new();
    for byte in sha256(&hashes.concat()).iter().take(6) {
        let _ = write!(version, "{byte:02x}");
    }
    Files { version, by_path }
});

/// The path of the SDK that never changes, below the issuer, and what a page's `integrity` attribute says of it.
pub(crate) fn pinned() -> (String, String) {
    let bytes = FILES.by_path.get(MAIN).map_or(Bytes::new(), |file| file.bytes.clone());
    let hash = Base64::encode_string(digest::digest(&digest::SHA384, &bytes).as_ref());
    (format!("/sdk/{}/{MAIN}", FILES.version), format!("sha384-{hash}"))
}

pub(crate) async fn file(State(app): State<App>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let pinned = path.strip_prefix(FILES.version.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let name = pinned.unwrap_or(&path);
    let Some(file) = FILES.by_path.get(name) else {
        return Failure::from(NO_SUCH_FILE).into_response();
    };
    let caching = if pinned.is_some() { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let location = format!("{}/sdk/{}/{name}", app.base_path, FILES.version);
    let mut answer = HeaderMap::new();
    for (name, value) in [
        (CACHE_CONTROL, HeaderValue::from_static(caching)),
        (ETAG, file.etag.clone()),
        // RFC 9110 §8.7: where exactly these bytes stay.
        (CONTENT_LOCATION, HeaderValue::from_str(&location).unwrap_or(HeaderValue::from_static("/sdk/hospes.js"))),
        // Pages that isolate themselves may load it too.
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ] {
        answer.insert(name, value);
    }
    if headers.get(IF_NONE_MATCH).is_some_and(|own| *own == file.etag) {
        return (StatusCode::NOT_MODIFIED, answer).into_response();
    }
    answer.insert(CONTENT_TYPE, file.content_type.clone());
    (answer, file.bytes.clone()).into_response()
}
