//! Every path that the server answers, on one screen.

use crate::{
    app::App,
    failure::Failure,
    http::{
        account::{apps, forgot_password, reset_password},
        browser_api,
        interaction::{account, consent, login, release},
        management,
        oauth::{authorize, introspect, jwks, logout, metadata, register, revoke, token, userinfo},
        observe::{Callers, answer_in_time, observed},
        operations, page_routes, sdk, stytch, stytch_sdk,
    },
    pages,
};
use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use hospes_protocol::{
    ErrorCode::{MethodNotAllowed, NotFound},
    Refusal,
    capabilities::Endpoints,
    password_reset, refuse,
};
use std::sync::Arc;

pub(crate) const NO_SUCH_PATH: Refusal = refuse(NotFound, "there is nothing at this path");
pub(crate) const WRONG_METHOD: Refusal = refuse(MethodNotAllowed, "this path does not answer that method");

/// The server of one app.
pub fn router(app: &App) -> Router {
    let issuer_path = app.base_path.as_str();
    let elsewhere = Router::new()
        .fallback(|| async { Failure::from(NO_SUCH_PATH) })
        .layer(from_fn_with_state(app.clone(), page_routes::draw_failures_for_people));
    let at_issuer = Router::new()
        .merge(observed(keys(), app, Callers::Readers))
        .merge(observed(sdk_files(), app, Callers::Readers))
        .merge(observed(api(), app, Callers::Clients))
        .merge(observed(stytch::router(app), app, Callers::Clients))
        .merge(observed(people(app), app, Callers::SameOrigin))
        .merge(observed(management::router(app), app, Callers::SameOrigin))
        .merge(observed(browser_api::router(app), app, Callers::SameOrigin))
        .merge(observed(stytch_sdk::router(app), app, Callers::SameOrigin))
        .merge(observed(assets(app), app, Callers::SameOrigin));
    let all = if issuer_path.is_empty() {
        at_issuer
    } else {
        // A nested router does not answer its own path with a slash behind it.
        let home = Router::new().route(&format!("{issuer_path}/"), get(apps::home));
        Router::new().nest(issuer_path, at_issuer).merge(observed(whole(home), app, Callers::SameOrigin))
    };
    all.merge(observed(well_known(app), app, Callers::Readers))
        .merge(observed(elsewhere, app, Callers::SameOrigin))
        .with_state(app.clone())
}

/// Says which paths do not answer a method.
fn whole<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
}

/// The published keys.
fn keys() -> Router<App> {
    whole(Router::new().route(Endpoints::JWKS, get(jwks::jwks)))
}

/// The SDK, for pages without a bundler.
fn sdk_files() -> Router<App> {
    whole(Router::new().route("/sdk/{*path}", get(sdk::file)))
}

/// What clients call, from any origin (mcp T-06).
fn api() -> Router<App> {
    let router = Router::new()
        .route(Endpoints::TOKEN, post(token::token))
        .route(Endpoints::REGISTRATION, post(register::register))
        .route(Endpoints::INTROSPECTION, post(introspect::introspect))
        .route(Endpoints::REVOCATION, post(revoke::revoke))
        .route(Endpoints::USERINFO, get(userinfo::get).post(userinfo::post));
    whole(router)
}

/// What pages are drawn with.
fn assets(app: &App) -> Router<App> {
    whole(pages::assets_router(Arc::clone(&app.pages)))
}

/// What people see. No other origin may read it.
fn people(app: &App) -> Router<App> {
    let router = Router::new()
        .route(Endpoints::AUTHORIZATION, get(authorize::get).post(authorize::post))
        .route(Endpoints::END_SESSION, get(logout::get).post(logout::post))
        .route("/logout", post(logout::decided))
        .route("/login", get(login::get).post(login::post))
        .route("/account", get(account::get).post(account::post))
        .route("/consent", get(consent::get).post(consent::post))
        .route(forgot_password::FORGOT_PASSWORD, get(forgot_password::get).post(forgot_password::post))
        .route(forgot_password::SENT, get(forgot_password::sent))
        .route(password_reset::OWN_PAGE, get(reset_password::get).post(reset_password::post))
        .route(reset_password::SET, get(reset_password::set))
        .route("/interactions/{id}/release", get(release::get))
        .route("/account/apps", get(apps::get).post(apps::post))
        .route("/", get(apps::home));
    whole(router)
        .layer(from_fn_with_state(app.clone(), answer_in_time))
        .layer(from_fn_with_state(app.clone(), page_routes::draw_failures))
        .layer(from_fn(page_routes::answer_peeking))
}

/// The metadata at all four forms, whatever the issuer's path; anything else there is a JSON 404 (mcp T-07).
fn well_known(app: &App) -> Router<App> {
    let path = app.base_path.as_str();
    let mut router = Router::new()
        .route(&format!("/.well-known/oauth-authorization-server{path}"), get(metadata::metadata))
        .route(&format!("/.well-known/openid-configuration{path}"), get(metadata::metadata))
        .route("/.well-known/{*other}", get(|| async { Failure::from(NO_SUCH_PATH) }));
    if !path.is_empty() {
        router = router
            .route(&format!("{path}/.well-known/oauth-authorization-server"), get(metadata::metadata))
            .route(&format!("{path}/.well-known/openid-configuration"), get(metadata::metadata));
    }
    whole(router)
}

/// The listener for operators.
pub fn operations(app: &App) -> Router {
    Router::new()
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .with_state(app.clone())
}
