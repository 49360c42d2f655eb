//! Answers of the management API: the contract's envelope around what a handler says, and around every failure.

use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::{Failed, NO_STORE},
        observe::RequestId,
    },
};
use anyhow::Context as _;
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use hospes_protocol::{ErrorCode, Refusal};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What a handler answers: the members of `T` beside `status_code` and `request_id`.
pub(crate) struct Reply<T>(pub(crate) T);

/// The form of an answer, as the description shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Envelope<T> {
    /// The HTTP status.
    pub(crate) status_code: u16,
    /// Under this id the server's log has what happened.
    pub(crate) request_id: String,
    #[serde(flatten)]
    pub(crate) members: T,
}

/// An answer without members of its own.
#[derive(Serialize, ToSchema)]
pub(crate) struct Nothing {}

/// The form of an error.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorEnvelope {
    pub(crate) status_code: u16,
    pub(crate) request_id: String,
    /// What kind of error, by a fixed name.
    pub(crate) error_type: String,
    /// What to change.
    pub(crate) error_message: String,
    pub(crate) error_url: String,
}

/// The members of an answer on their way to [`envelope`].
#[derive(Clone)]
struct Members(Map<String, Value>);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        match serde_json::to_value(self.0).context("an answer of the management API") {
            Ok(Value::Object(members)) => {
                let mut response = StatusCode::OK.into_response();
                response.extensions_mut().insert(Members(members));
                response
            }
            Ok(_) => Failure::Fault(anyhow::anyhow!("an answer of the management API is no object")).into_response(),
            Err(fault) => Failure::Fault(fault).into_response(),
        }
    }
}

/// The form of an error of the OAuth endpoints on the Stytch plane. Never both forms at once: SDKs could not read it.
#[derive(Serialize)]
struct OauthErrorEnvelope {
    status_code: u16,
    request_id: String,
    error: &'static str,
    error_description: String,
    error_uri: String,
}

/// Puts the envelope around answers and failures; anything else passes as it is.
pub(crate) async fn envelope(State(app): State<App>, request: Request, next: Next) -> Response {
    enclose(&app, request, next, plain_envelope, error_envelope).await
}

fn plain_envelope(answer: Envelope<Map<String, Value>>) -> Response {
    Json(answer).into_response()
}

/// The form in which Stytch's packages for the browser want an answer: one envelope more. Errors do not have it.
#[derive(Serialize)]
struct BrowserEnvelope {
    data: Envelope<Map<String, Value>>,
}

/// The same for Stytch's packages in the browser.
pub(crate) async fn browser_envelope(State(app): State<App>, request: Request, next: Next) -> Response {
    enclose(&app, request, next, |data| Json(BrowserEnvelope { data }).into_response(), error_envelope).await
}

fn error_envelope(around: Around, refusal: Refusal) -> Response {
    let error_type = error_type(refusal.error);
    Json(ErrorEnvelope {
        status_code: around.status_code,
        request_id: around.request_id,
        error_type: error_type.to_owned(),
        error_message: refusal.description.into_owned(),
        error_url: around.error_url,
    })
    .into_response()
}

/// The same for the OAuth endpoints of the Stytch plane.
pub(crate) async fn oauth_envelope(State(app): State<App>, request: Request, next: Next) -> Response {
    enclose(&app, request, next, plain_envelope, |around, refusal| {
        let error = refusal.error.as_str();
        Json(OauthErrorEnvelope {
            status_code: around.status_code,
            request_id: around.request_id,
            error,
            error_description: refusal.description.into_owned(),
            error_uri: around.error_url,
        })
        .into_response()
    })
    .await
}

/// What every error says beside the refusal.
struct Around {
    status_code: u16,
    request_id: String,
    /// Where it is said how to read an error.
    error_url: String,
}

async fn enclose(
    app: &App,
    request: Request,
    next: Next,
    success: fn(Envelope<Map<String, Value>>) -> Response,
    failure: fn(Around, Refusal) -> Response,
) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.to_string()).unwrap_or_default();
    let request_id = format!("request-id-{}-{id}", app.environment);
    let mut response = next.run(request).await;
    let status_code = response.status().as_u16();
    if let Some(Members(members)) = response.extensions_mut().remove() {
        return replace_body(response, success(Envelope { status_code, request_id, members }));
    }
    let Some(failed) = response.extensions().get::<Failed>().cloned() else { return response };
    let around = Around { status_code, request_id, error_url: format!("{}/v1/reference#errors", app.issuer) };
    replace_body(response, failure(around, failed.refusal))
}

/// The contract's names for what can happen everywhere.
fn error_type(error: ErrorCode) -> &'static str {
    match error {
        ErrorCode::InvalidRequest => "bad_request",
        ErrorCode::NotFound => "route_not_found",
        ErrorCode::ServerError => "internal_server_error",
        ErrorCode::TemporarilyUnavailable => "server_unavailable",
        other => other.as_str(),
    }
}

fn replace_body(response: Response, body: impl IntoResponse) -> Response {
    let (mut parts, _) = response.into_parts();
    let (own, body) = body.into_response().into_parts();
    // The old body's length and type go with it.
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    parts.headers.extend(own.headers);
    parts.headers.extend(NO_STORE.into_iter().map(|(name, value)| (Some(name), value)));
    Response::from_parts(parts, body)
}
