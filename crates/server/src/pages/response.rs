//! Headers of every page: what a page of an authorization server may load, who may frame it, what it tells others.
//!
//! Specs: RFC 6749 §10.13, RFC 9700 §4.16 and §4.2.4.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};

/// How a page differs from the others.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// Origins of the pictures on this page, besides our own.
    pub(super) image_origins: Vec<String>,
    /// `'sha256-…'` of the only script, if there is one.
    pub(super) script_hash: Option<String>,
    /// The form goes to another site, which may look at `Origin`.
    pub(super) posts_elsewhere: bool,
    /// The page's address holds a token: nobody is told it, not even we.
    pub(super) secret_in_address: bool,
}

impl Policy {
    /// There is deliberately no `form-action`: Chromium applies it to the redirects that follow a POST, also those of
    /// the client's own site, and so would block the way back to the client.
    fn content_security(&self) -> String {
        let mut policy = "default-src 'none'; style-src 'self'; img-src 'self' data:".to_owned();
        for origin in &self.image_origins {
            policy.push(' ');
            policy.push_str(origin);
        }
        if let Some(hash) = &self.script_hash {
            policy.push_str("; script-src ");
            policy.push_str(hash);
        }
        policy.push_str("; base-uri 'none'; frame-ancestors 'none'");
        policy
    }

    /// `no-referrer` would make browsers send `Origin: null` with our own forms, which then could not be told from
    /// forged ones. `same-origin` tells other sites just as little.
    fn referrer(&self) -> &'static str {
        if self.posts_elsewhere || self.secret_in_address { "strict-origin" } else { "same-origin" }
    }
}

/// A page with all its headers.
pub(super) fn html(status: StatusCode, language: &str, policy: &Policy, page: String) -> Response<Body> {
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // For browsers older than `frame-ancestors`.
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, policy.referrer()),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow, noarchive"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let strict = HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    let content_security = HeaderValue::from_str(&policy.content_security()).unwrap_or(strict);
    headers.insert(header::CONTENT_SECURITY_POLICY, content_security);
    if let Ok(language) = HeaderValue::from_str(language) {
        headers.insert(header::CONTENT_LANGUAGE, language);
    }
    response
}

const PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), \
                           gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()";
