//! Answers: JSON that is never cached, and failures in the form of RFC 6749 §5.2.
//!
//! A failure carries itself along in the response's extensions, so that the outer layer can log it once
//! (`observe`) and the page routes can draw it (`pages_draw_failures`).
//! Specs: RFC 6749 §5.1 and §5.2, RFC 6750 §3, RFC 7235 §4.1.

use crate::{failure::Failure, limits::TOO_MANY};
use axum::{
    Json,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use hospes_protocol::{
    ErrorCode::{ServerError, TemporarilyUnavailable},
    Refusal, Seconds, refuse,
};
use serde::Serialize;
use std::sync::Arc;

pub(crate) const FAULT: Refusal =
    refuse(ServerError, "the server failed; its log has the reason under the id in the header x-request-id");
pub(crate) const BUSY: Refusal = refuse(TemporarilyUnavailable, "the server is busy; try again in a moment");

/// RFC 6749 §5.1: answers that hold tokens are not stored.
pub(crate) const NO_STORE: [(HeaderName, HeaderValue); 2] =
    [(CACHE_CONTROL, HeaderValue::from_static("no-store")), (PRAGMA, HeaderValue::from_static("no-cache"))];

/// A JSON answer that no cache may keep.
pub(crate) struct NoStore<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for NoStore<T> {
    fn into_response(self) -> Response {
        (NO_STORE, Json(self.0)).into_response()
    }
}

/// What went wrong, kept beside the response for the log and for the pages.
#[derive(Clone)]
pub(crate) struct Failed {
    pub(crate) refusal: Refusal,
    pub(crate) fault: Option<Arc<anyhow::Error>>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'static str,
    error_description: &'a str,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self { refusal, fault: None },
            Failure::Busy => Self { refusal: BUSY, fault: None },
            Failure::Wait(_) => Self { refusal: TOO_MANY, fault: None },
            Failure::Fault(fault) => Self { refusal: FAULT, fault: Some(Arc::new(fault)) },
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let wait = match &self {
            Self::Wait(Seconds(seconds)) => Some(*seconds),
            Self::Busy => Some(1),
            Self::Refused(_) | Self::Fault(_) => None,
        };
        let failed = Failed::from(self);
        let Refusal { error, description } = &failed.refusal;
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = Json(ErrorBody { error: error.as_str(), error_description: description });
        let mut response = (status, NO_STORE, body).into_response();
        if let Some(seconds) = wait {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(failed);
        response
    }
}

/// A failure with a challenge: RFC 6749 §5.2 for a client that tried Basic, RFC 6750 §3 for a bearer.
pub(crate) struct Challenged {
    pub(crate) failure: Failure,
    /// The value of `WWW-Authenticate`; none, no header.
    pub(crate) challenge: Option<String>,
}

impl IntoResponse for Challenged {
    fn into_response(self) -> Response {
        let mut response = self.failure.into_response();
        if let Some(value) = self.challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
        response
    }
}

impl<F: Into<Failure>> From<F> for Challenged {
    fn from(failure: F) -> Self {
        Self { failure: failure.into(), challenge: None }
    }
}
