//! The browser as we recognise it: a session cookie (who is signed in) and a binding cookie (which browser this is).
//!
//! An interaction belongs to the browser that began it, so a link to it is worth nothing elsewhere
//! (GHSA-c2jp-c369-7pvx, attacks.md row 14). Forms carry a token that is derived, not stored.
//! Specs: RFC 6265bis §4.1.3 (`__Host-`), RFC 9700 §4.7.

use super::extract::cookie;
use crate::{
    app::App,
    secret::{Secret, sha256},
};
use axum::{
    http::{HeaderMap, HeaderValue, header::SET_COOKIE},
    response::Response,
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::Seconds;
use subtle::ConstantTimeEq as _;
use url::Url;

pub(crate) struct Browser {
    session: Option<String>,
    binding: Option<String>,
}

/// What a form is for; a token made for one form is worth nothing in another.
#[derive(Clone, Copy)]
pub(crate) enum FormKind {
    Login,
    Account,
    Consent,
    /// Who was signed in when a page of an interaction was drawn.
    Person,
    /// What the consent page asked.
    Question,
    Logout,
    Apps,
    ForgotPassword,
    ResetPassword,
}

impl FormKind {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Login => b"login",
            Self::Account => b"account",
            Self::Consent => b"consent",
            Self::Person => b"person",
            Self::Question => b"question",
            Self::Logout => b"logout",
            Self::Apps => b"apps",
            Self::ForgotPassword => b"forgot-password",
            Self::ResetPassword => b"reset-password",
        }
    }
}

/// One `Set-Cookie` header.
pub(crate) struct SetCookie(String);

impl SetCookie {
    pub(crate) fn session(app: &App, token: &Secret, lifetime: Seconds) -> Self {
        Self(format!("{}={}; Max-Age={}; {}", app.cookies.session, token.text(), lifetime.0, app.cookies.attributes))
    }

    pub(crate) fn end_session(app: &App) -> Self {
        Self(format!("{}=; Max-Age=0; {}", app.cookies.session, app.cookies.attributes))
    }

    pub(crate) fn set_on(&self, response: &mut Response) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

/// Names and attributes of our cookies. `__Host-` needs TLS, which a loopback issuer in development does not have, and
/// it wants `Path=/`: so issuers that share a host are told apart by the names.
#[derive(Debug)]
pub struct CookieNames {
    session: String,
    binding: String,
    attributes: &'static str,
}

impl CookieNames {
    pub fn of_issuer(issuer: &str) -> Self {
        let (prefix, attributes) = if issuer.starts_with("https://") {
            ("__Host-", "Path=/; Secure; HttpOnly; SameSite=Lax")
        } else {
            ("", "Path=/; HttpOnly; SameSite=Lax")
        };
        let path = Url::parse(issuer).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let suffix = if path.is_empty() {
            String::new()
        } else {
            let hash = sha256(path.as_bytes());
            format!("_{}", Base64UrlUnpadded::encode_string(hash.get(..6).unwrap_or_default()))
        };
        let name = |what: &str| format!("{prefix}hospes_{what}{suffix}");
        Self { session: name("session"), binding: name("browser"), attributes }
    }
}

impl Browser {
    pub(crate) fn of(app: &App, headers: &HeaderMap) -> Self {
        let own = |name: &str| cookie(headers, name).filter(|value| value.len() <= 128).map(str::to_owned);
        Self { session: own(&app.cookies.session), binding: own(&app.cookies.binding) }
    }

    /// SHA-256 of the session token, by which the session is found.
    pub(crate) fn session_hash(&self) -> Option<[u8; 32]> {
        self.session.as_deref().map(|token| sha256(token.as_bytes()))
    }

    /// The hash that binds an interaction to this browser, with the cookie to set if this browser has none yet.
    pub(crate) fn bind(&mut self, app: &App) -> ([u8; 32], Option<SetCookie>) {
        if let Some(binding) = &self.binding {
            return (sha256(binding.as_bytes()), None);
        }
        let secret = Secret::new("", &app.entropy);
        let cookie = SetCookie(format!("{}={}; {}", app.cookies.binding, secret.text(), app.cookies.attributes));
        self.binding = Some(secret.text().to_owned());
        (secret.hash(), Some(cookie))
    }

    pub(crate) fn is_bound_by(&self, hash: &[u8; 32]) -> bool {
        self.binding.as_deref().is_some_and(|binding| sha256(binding.as_bytes()).ct_eq(hash).into())
    }

    /// The token that a form of this kind carries. A form of an interaction is bound to the browser only, so that a login
    /// or logout in another tab does not make it a forged one; who it was drawn for ([`FormKind::Person`]), and every other
    /// form, is bound to the session too, so that what one user saw is not answered by the next.
    pub(crate) fn csrf(&self, app: &App, kind: FormKind, subject: &str) -> String {
        let session = match kind {
            FormKind::Login
            | FormKind::Account
            | FormKind::Consent
            | FormKind::ForgotPassword
            | FormKind::ResetPassword => "",
            FormKind::Person | FormKind::Question | FormKind::Logout | FormKind::Apps => {
                self.session.as_deref().unwrap_or_default()
            }
        };
        let binding = self.binding.as_deref().unwrap_or_default();
        let parts = [kind.label(), subject.as_bytes(), binding.as_bytes(), session.as_bytes()];
        Base64UrlUnpadded::encode_string(&app.keys.mac(b"csrf", &parts))
    }

    pub(crate) fn csrf_holds(&self, app: &App, kind: FormKind, subject: &str, presented: Option<&str>) -> bool {
        self.binding.is_some()
            && presented.is_some_and(|token| token.as_bytes().ct_eq(self.csrf(app, kind, subject).as_bytes()).into())
    }

    /// After a login the browser holds a new session token (no session fixation).
    pub(crate) fn sign_in(&mut self, token: &Secret) {
        self.session = Some(token.text().to_owned());
    }
}
