//! What handlers take out of a request: the time, the parameters, the cookies.
//!
//! Specs: OAuth 2.1 §3.1 and §3.2 (parameters), RFC 6265 §4.2 (cookies).

use crate::{app::App, failure::Failure};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{
        HeaderMap, HeaderName,
        header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE},
        request::Parts,
    },
};
use hospes_protocol::{
    ErrorCode::InvalidRequest, Refusal, Timestamp, client_authentication::SEVERAL_METHODS, parameters::Parameters,
    refuse,
};
use std::{convert::Infallible, ops::Deref};

pub(crate) const NOT_A_FORM: Refusal =
    refuse(InvalidRequest, "send the parameters as application/x-www-form-urlencoded in the body");
pub(crate) const BODY_UNREADABLE: Refusal = refuse(InvalidRequest, "the body is too large or did not arrive whole");

/// The time of this request, read once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now(pub(crate) Timestamp);

impl Deref for Now {
    type Target = Timestamp;
    fn deref(&self) -> &Timestamp {
        &self.0
    }
}

impl FromRequestParts<App> for Now {
    type Rejection = Infallible;
    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(app.clock.now()))
    }
}

/// RFC 9110 §12.5.4: the languages in which a person reads, as their browser says, or the host app's back end for them.
#[derive(Clone, Debug)]
pub(crate) struct AcceptLanguage(pub(crate) Option<String>);

impl AcceptLanguage {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map(str::to_owned))
    }
}

impl FromRequestParts<App> for AcceptLanguage {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// The parameters of the query.
pub(crate) struct Query(pub(crate) Parameters);

impl FromRequestParts<App> for Query {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        Ok(Self(Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes())?))
    }
}

/// The parameters of a form body. Anything but a form is refused rather than read as an empty one.
pub(crate) struct Form(pub(crate) Parameters);

impl FromRequest<App> for Form {
    type Rejection = Failure;
    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        if !is_form(request.headers()) {
            return Err(NOT_A_FORM.into());
        }
        let body = Bytes::from_request(request, app).await.map_err(|_| BODY_UNREADABLE)?;
        Ok(Self(Parameters::parse(&body)?))
    }
}

pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    is_of_kind(headers, "application/x-www-form-urlencoded")
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    is_of_kind(headers, "application/json")
}

fn is_of_kind(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

/// The value of a header that may come once; two of them are two attempts in one request (RFC 6749 §2.3).
pub(crate) fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&[u8]>, Failure> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(Some(value.as_bytes())),
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(SEVERAL_METHODS.into()),
    }
}

/// The first cookie of this name.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &'h str) -> Option<&'h str> {
    cookies(headers, name).next()
}

/// Every cookie of this name, in the order of the header. Another one that is no text hides none of them.
pub(crate) fn cookies<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='))
        .filter(move |(own, _)| *own == name)
        .map(|(_, value)| value)
}
