//! `/sdk/v1`: what Stytch's packages for the browser call, so that a front end which was written with them can stay.
//!
//! A thin layer: each call says in the packages' words what a call of `/v1` or of our own browser API does. Off unless the
//! project turns it on (`sdk.enabled`). Answers have one envelope more than those of `/v1`, errors have the same one.
//!
//! A page names the project by a public token, which proves nothing; what it may do rests on its origin, which must be
//! registered, and on the session that it shows. Programs that are no page send no `Origin`: they may call too, and their
//! cookies never count.
//!
//! Left out on purpose: what the server has no operation for (mails and messages with codes, social logins, passkeys),
//! and the packages for organizations. Telemetry is taken and thrown away.

mod authorize;
mod bootstrap;
mod caller;
mod connected_apps;
mod cookies;
mod logout;
mod passwords;
mod sessions;
mod users;

use super::{
    browser_api::origin::{self, Allowed, Known},
    extract::BODY_UNREADABLE,
    management::reply,
};
use crate::{app::App, failure::Failure, http::observe::answer_in_time, router::WRONG_METHOD};
use axum::{
    Router,
    body::Bytes,
    extract::{Request, rejection::BytesRejection},
    http::StatusCode,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use hospes_protocol::{Refusal, refuse_api};

pub(crate) const SDK_IS_OFF: Refusal = refuse_api(
    403,
    "sdk_disabled",
    "this project does not speak with Stytch's packages for the browser; turn it on with the setting sdk.enabled",
);
pub(crate) const NO_SUCH_CALL: Refusal = refuse_api(
    404,
    "route_not_found",
    "there is no such call of Stytch's packages here; docs/guides/keep-your-stytch-front-end.md lists those there are",
);

const ALLOWED: Allowed = Allowed {
    methods: "GET,POST,PUT,DELETE,OPTIONS",
    headers: "authorization,content-type,accept,x-sdk-client,x-sdk-parent-host",
};

/// All of it.
pub(crate) fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/sdk/v1/projects/bootstrap/{public_token}", get(bootstrap::bootstrap))
        .route("/sdk/v1/sessions/authenticate", post(sessions::authenticate))
        .route("/sdk/v1/sessions/revoke", post(sessions::revoke))
        .route("/sdk/v1/sessions/attest", post(sessions::attest))
        .route("/sdk/v1/sessions/exchange_access_token", post(sessions::exchange_access_token))
        .route("/sdk/v1/idp/oauth/authorize/start", post(authorize::start))
        .route("/sdk/v1/idp/oauth/authorize/submit", post(authorize::submit))
        .route("/sdk/v1/oauth/logout/start", post(logout::start))
        .route("/sdk/v1/passwords", post(passwords::create))
        .route("/sdk/v1/passwords/authenticate", post(passwords::authenticate))
        .route("/sdk/v1/passwords/strength_check", post(passwords::strength_check))
        .route("/sdk/v1/passwords/email/reset/start", post(passwords::start_reset))
        .route("/sdk/v1/passwords/email/reset", post(passwords::reset))
        .route("/sdk/v1/users/search", post(users::search))
        .route("/sdk/v1/users/me", get(users::me).put(users::update_me))
        .route("/sdk/v1/users/connected_apps", get(connected_apps::list))
        .route("/sdk/v1/users/connected_apps/{connected_app_id}/revoke", post(connected_apps::revoke))
        .route("/sdk/v1/events", post(events))
        .route("/sdk/v1/{*other}", any(|| async { Failure::from(NO_SUCH_CALL) }))
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(from_fn_with_state(app.clone(), answer_in_time))
        .layer(from_fn(only_if_on))
        .layer(from_fn_with_state((app.clone(), ALLOWED), origin::only_known))
        .layer(from_fn_with_state(app.clone(), reply::browser_envelope))
}

/// Telemetry of the packages. It is read, so that the connection can be used again, and forgotten.
async fn events(sent: Result<Bytes, BytesRejection>) -> Result<StatusCode, Failure> {
    sent.map_err(|_| BODY_UNREADABLE)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Below the check of the origin, so that a registered page can read what is wrong.
async fn only_if_on(request: Request, next: Next) -> Response {
    let is_on = request.extensions().get::<Known>().is_some_and(|known| known.current.project.settings.sdk.enabled);
    if is_on { next.run(request).await } else { Failure::from(SDK_IS_OFF).into_response() }
}
