//! `GET /sdk/…`: the SDK's files for pages without a bundler, from `packages/sdk/dist`.
//!
//! Specs: Subresource Integrity §3.2 and §3.5 (CORS), RFC 9110 §8.8.3, §12.5.5 and §13.1.2, RFC 8246 §2.
//! `/sdk/hospes.js` is what this version of the server has. `/sdk/<version>/hospes.js` never changes, so browsers keep
//! it for good; another version of the server has another one, and nothing at this path.

use crate::{
    app::App,
    compressed::{Coding, Compressed},
    failure::Failure,
    secret::sha256,
};
use aws_lc_rs::digest;
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LOCATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
            VARY, X_CONTENT_TYPE_OPTIONS,
        },
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
    contents: Compressed,
    /// What the entity tags begin with.
    tag: String,
    content_type: HeaderValue,
}

impl File {
    /// RFC 9110 §8.8.3.3: other bytes have another entity tag.
    fn etag(&self, coding: Coding) -> String {
        match coding.name() {
            None => format!("\"{}\"", self.tag),
            Some(name) => format!("\"{}-{name}\"", self.tag),
        }
    }
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
        let content_type =
            if path.ends_with(".js") { "text/javascript; charset=utf-8" } else { "text/plain; charset=utf-8" };
        let content_type = HeaderValue::from_static(content_type);
        by_path.insert(path.into_owned(), File { contents: Compressed::new(bytes), tag, content_type });
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
    let bytes = FILES.by_path.get(MAIN).map_or(Bytes::new(), |file| file.contents.identity().clone());
    let hash = Base64::encode_string(digest::digest(&digest::SHA384, &bytes).as_ref());
    (format!("/sdk/{}/{MAIN}", FILES.version), format!("sha384-{hash}"))
}

pub(crate) async fn file(State(app): State<App>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let pinned = path.strip_prefix(FILES.version.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let name = pinned.unwrap_or(&path);
    let Some(file) = FILES.by_path.get(name) else {
        return Failure::from(NO_SUCH_FILE).into_response();
    };
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (coding, bytes) = file.contents.choose(accepted);
    let etag = file.etag(coding);
    let caching = if pinned.is_some() { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let location = format!("{}/sdk/{}/{name}", app.base_path, FILES.version);
    let mut answer = HeaderMap::new();
    for (name, value) in [
        (CACHE_CONTROL, HeaderValue::from_static(caching)),
        (ETAG, HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\""))),
        (VARY, HeaderValue::from_static("accept-encoding")),
        // RFC 9110 §8.7: where exactly these bytes stay.
        (CONTENT_LOCATION, HeaderValue::from_str(&location).unwrap_or(HeaderValue::from_static("/sdk/hospes.js"))),
        // Pages that isolate themselves may load it too.
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ] {
        answer.insert(name, value);
    }
    if is_known(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, answer).into_response();
    }
    answer.insert(CONTENT_TYPE, file.content_type.clone());
    if let Some(name) = coding.name() {
        answer.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    (answer, bytes.clone()).into_response()
}

/// RFC 9110 §13.1.2: whether the reader has these very bytes; a cache may name several.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let named = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).map(str::trim).any(|own| own.trim_start_matches("W/") == etag)
}
