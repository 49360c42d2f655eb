//! Style sheets, icon and logo: named by their content, so browsers keep them for good.

use super::{Pages, config::PagesConfig, theme};
use crate::compressed::Compressed;
use anyhow::{Context as _, Result};
use aws_lc_rs::digest;
use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use std::{fmt::Write as _, sync::Arc};

/// What is compiled in: templates, locales, style sheet, icon.
#[derive(rust_embed::RustEmbed)]
#[folder = "assets/"]
pub(super) struct Embedded;

/// A small logo beats a sharp one; nobody waits for a megabyte to log in.
const LARGEST_LOGO: usize = 512 * 1024;

#[derive(Debug)]
struct Asset {
    /// `style`
    stem: &'static str,
    /// `style.1a2b3c4d5e6f.css`
    name: String,
    content_type: &'static str,
    contents: Compressed,
}

/// The files of one configuration.
#[derive(Debug)]
pub(super) struct Assets(Vec<Asset>);

impl Assets {
    pub(super) fn load(config: &PagesConfig) -> Result<Self> {
        let mut assets = Self(Vec::new());
        assets.add("style", "css", embedded("style.css")?.into());
        assets.add("theme", "css", theme::style_sheet(&config.theme)?.into());
        assets.add("icon", "svg", embedded("icon.svg")?.into());
        for (stem, logo) in [("logo", &config.theme.logo), ("logo-dark", &config.theme.logo_dark)] {
            let Some(path) = logo else { continue };
            let shown = path.display();
            let bytes = std::fs::read(path).with_context(|| format!("the logo: cannot read {shown}"))?;
            anyhow::ensure!(bytes.len() <= LARGEST_LOGO, "the logo: {shown} is larger than 512 KiB");
            let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            let known = KINDS.iter().map(|(extension, _)| *extension).find(|known| *known == extension);
            let extension = known.with_context(|| format!("the logo: {shown} is not svg, png, jpg or webp"))?;
            assets.add(stem, extension, bytes.into());
        }
        Ok(assets)
    }

    fn add(&mut self, stem: &'static str, extension: &'static str, bytes: Bytes) {
        let mut hash = String::new();
        for byte in digest::digest(&digest::SHA256, &bytes).as_ref().iter().take(6) {
            let _ = write!(hash, "{byte:02x}");
        }
        let content_type = KINDS.iter().find(|(own, _)| *own == extension).map_or("", |(_, content_type)| content_type);
        let (name, contents) = (format!("{stem}.{hash}.{extension}"), Compressed::new(bytes));
        self.0.push(Asset { stem, name, content_type, contents });
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.0.iter().map(|asset| (asset.name.as_str(), asset.contents.identity()))
    }

    /// The file name, hash included, of the asset `stem`.
    pub(super) fn name(&self, stem: &str) -> Option<&str> {
        self.0.iter().find(|asset| asset.stem == stem).map(|asset| asset.name.as_str())
    }
}

const KINDS: [(&str, &str); 6] = [
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
];

/// The text of a compiled-in file.
pub(super) fn embedded(path: &str) -> Result<String> {
    let file = Embedded::get(path).with_context(|| format!("{path} is not compiled in"))?;
    String::from_utf8(file.data.into_owned()).with_context(|| format!("{path} is not UTF-8"))
}

/// Routes `/assets/…`; to be nested under the issuer's path.
pub fn assets_router<S: Clone + Send + Sync + 'static>(pages: Arc<Pages>) -> Router<S> {
    let route = get(async move |Path(file): Path<String>, headers: HeaderMap| serve(pages.assets(), &file, &headers));
    Router::new().route("/assets/{file}", route)
}

fn serve(assets: &Assets, file: &str, asked: &HeaderMap) -> Response {
    let stem = file.split('.').next().unwrap_or_default();
    let exact = assets.0.iter().find(|asset| asset.name == file);
    // A page made by another version of us, during a rollout, still gets a style.
    let Some(asset) = exact.or_else(|| assets.0.iter().find(|asset| asset.stem == stem)) else {
        return (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], "no such asset\n").into_response();
    };
    let caching = if exact.is_some() { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, caching),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // An SVG that is opened by itself runs nothing.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (coding, bytes) = asset.contents.choose(accepted);
    if let Some(name) = coding.name() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    (headers, Body::from(bytes.clone())).into_response()
}
