//! The endpoints for OAuth under the names of Stytch's contract, for its official SDKs.
//!
//! They are the same endpoints as in [`super::oauth`], with the same rules, on the plane of Stytch: its clients, codes
//! and tokens work here only. Every path answers 404 unless the project turns the plane on.

mod body;
mod endpoints;

use super::management::{error::refuse_api, reply};
use crate::{app::App, failure::Failure, router::WRONG_METHOD};
use axum::{
    Router,
    extract::{RawPathParams, Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use hospes_protocol::Refusal;

pub(crate) const PLANE_IS_OFF: Refusal = refuse_api(
    404,
    "route_not_found",
    "this project does not speak Stytch's contract at its OAuth endpoints; turn it on with the setting stytch.enabled",
);
pub(crate) const OTHER_PROJECT: Refusal =
    refuse_api(404, "project_not_found", "the path names a project that is not served here; check its id");

/// All of it.
pub(crate) fn router(app: &App) -> Router<App> {
    let mut oauth = Router::new();
    for base in ["/v1/oauth2", "/v1/public/{project_id}/oauth2"] {
        oauth = oauth
            .route(&format!("{base}/token"), post(endpoints::token))
            .route(&format!("{base}/register"), post(endpoints::register))
            .route(&format!("{base}/introspect"), post(endpoints::introspect))
            .route(&format!("{base}/revoke"), post(endpoints::revoke))
            .route(&format!("{base}/userinfo"), get(endpoints::userinfo).post(endpoints::userinfo));
    }
    let oauth = oauth
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(from_fn_with_state(app.clone(), only_if_on))
        .layer(from_fn_with_state(app.clone(), reply::oauth_envelope));
    let discovery = Router::new()
        .route("/v1/public/{project_id}/.well-known/openid-configuration", get(endpoints::discovery))
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(from_fn_with_state(app.clone(), only_if_on))
        .layer(from_fn_with_state(app.clone(), reply::envelope));
    // The tokens of sessions need these keys too, whatever plane is on.
    let keys = Router::new()
        .route("/v1/sessions/jwks/{project_id}", get(endpoints::keys))
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(from_fn_with_state(app.clone(), reply::envelope));
    oauth.merge(discovery).merge(keys)
}

/// Lets a request pass if its path names no other project, and the project has this plane.
async fn only_if_on(
    State(app): State<App>,
    path: RawPathParams,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    if path.iter().any(|(name, value)| name == "project_id" && value != app.project.as_str()) {
        return Err(OTHER_PROJECT.into());
    }
    let current = {
        let app = app.clone();
        app.clone().store.look_up(move |tx| Ok(app.records.project(tx, &app.project)?)).await?
    };
    if !current.project.settings.stytch.enabled {
        return Err(PLANE_IS_OFF.into());
    }
    Ok(next.run(request).await)
}
