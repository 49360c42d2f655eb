//! Every path that the server answers, on one screen.

use crate::{
    app::App,
    failure::Failure,
    http::{
        account::apps,
        interaction::{account, consent, login},
        management,
        oauth::{authorize, introspect, jwks, logout, metadata, revoke, token, userinfo},
        observe::{answer_in_time, observe},
        operations, page_routes,
    },
    pages,
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, Method, header},
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use hospes_protocol::{
    ErrorCode::{MethodNotAllowed, NotFound},
    Refusal,
    capabilities::Endpoints,
    refuse,
};
use std::{sync::Arc, time::Duration};
use tower_http::cors::CorsLayer;

pub(crate) const NO_SUCH_PATH: Refusal = refuse(NotFound, "there is nothing at this path");
pub(crate) const WRONG_METHOD: Refusal = refuse(MethodNotAllowed, "this path does not answer that method");

/// The server of one app.
pub fn router(app: &App) -> Router {
    let issuer_path = app.base_path.as_str();
    let at_issuer = Router::new().merge(api(app)).merge(people(app)).merge(management::router(app));
    let at_issuer = at_issuer.with_state(app.clone()).merge(pages::assets_router(Arc::clone(&app.pages)));
    let all = if issuer_path.is_empty() {
        at_issuer
    } else {
        // A nested router does not answer its own path with a slash behind it.
        let home = get(apps::home).with_state(app.clone());
        Router::new().nest(issuer_path, at_issuer).route(&format!("{issuer_path}/"), home)
    };
    all.merge(well_known(app).with_state(app.clone()))
        .fallback(|| async { Failure::from(NO_SUCH_PATH) })
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(DefaultBodyLimit::max(app.config.http.max_body))
        .layer(from_fn_with_state(app.clone(), observe))
}

/// What clients call, from any origin (mcp T-06).
fn api(app: &App) -> Router<App> {
    Router::new()
        .route(Endpoints::TOKEN, post(token::token))
        .route(Endpoints::INTROSPECTION, post(introspect::introspect))
        .route(Endpoints::REVOCATION, post(revoke::revoke))
        .route(Endpoints::USERINFO, get(userinfo::get).post(userinfo::post))
        .route(Endpoints::JWKS, get(jwks::jwks))
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(from_fn_with_state(app.clone(), answer_in_time))
        .layer(cors())
}

/// What people see. No other origin may read it.
fn people(app: &App) -> Router<App> {
    Router::new()
        .route(Endpoints::AUTHORIZATION, get(authorize::get).post(authorize::post))
        .route(Endpoints::END_SESSION, get(logout::get).post(logout::post))
        .route("/logout", post(logout::decided))
        .route("/login", get(login::get).post(login::post))
        .route("/account", get(account::get).post(account::post))
        .route("/consent", get(consent::get).post(consent::post))
        .route("/account/apps", get(apps::get).post(apps::post))
        .route("/", get(apps::home))
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
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
    router.method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) }).layer(cors())
}

fn cors() -> CorsLayer {
    let headers = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        HeaderName::from_static("dpop"),
        HeaderName::from_static("mcp-protocol-version"),
    ];
    let exposed = [
        header::WWW_AUTHENTICATE,
        header::RETRY_AFTER,
        HeaderName::from_static("dpop-nonce"),
        HeaderName::from_static("x-request-id"),
    ];
    CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::OPTIONS])
        .allow_headers(headers)
        .expose_headers(exposed)
        .max_age(Duration::from_hours(1))
}

/// The listener for operators.
pub fn operations(app: &App) -> Router {
    Router::new()
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .with_state(app.clone())
}
