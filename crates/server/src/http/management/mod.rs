//! The management API, `/v1`: what the host app's back end calls. Stytch's consumer contract, and extensions of ours.
//!
//! Every handler takes a [`caller::Management`], so none can be reached without a secret of the project, and answers
//! with a [`reply::Reply`]. Errors are ordinary failures; [`reply::envelope`] gives them the contract's form.

pub(crate) mod attest;
pub(crate) mod audit_events;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod connected_apps;
mod cursor;
pub(crate) mod error;
pub(crate) mod exchange;
pub(crate) mod idp;
pub(crate) mod interactions;
pub(crate) mod m2m_clients;
pub(crate) mod password_email;
pub(crate) mod password_hash;
mod password_migrate;
mod password_reset;
pub(crate) mod passwords;
pub(crate) mod path;
mod project;
mod public_tokens;
pub(crate) mod rbac;
mod reference;
pub(crate) mod reply;
mod secrets;
pub(crate) mod session_block;
mod session_object;
mod sessions;
mod settings;
pub(crate) mod trusted_token_profiles;
pub(crate) mod user_connected_apps;
pub(crate) mod user_object;
pub(crate) mod users;
pub(crate) mod webhooks;

pub(crate) use caller::basic_user;

use crate::{
    app::App,
    failure::Failure,
    http::{browser_api, description, observe::answer_in_time},
    router::WRONG_METHOD,
};
use axum::{
    Router,
    http::header::CONTENT_TYPE,
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::{any, get},
};
use error::ROUTE_NOT_FOUND;
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[derive(OpenApi)]
#[openapi(
    info(title = "Hospes management API", description = "What the host app's back end calls. Times are RFC 3339 in UTC."),
    modifiers(&ProjectSecretScheme),
    security(("project_secret" = [])),
)]
struct Document;

struct ProjectSecretScheme;

impl Modify for ProjectSecretScheme {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("The project's id as user name, and one of its secrets as password."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("project_secret", SecurityScheme::Http(scheme));
    }
}

/// Every path of the management API, with its description.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(project::whoami))
        .routes(routes!(project::metrics))
        .routes(routes!(settings::get, settings::patch))
        .routes(routes!(secrets::list, secrets::add))
        .routes(routes!(secrets::remove))
        .routes(routes!(public_tokens::list, public_tokens::add))
        .routes(routes!(public_tokens::remove))
        .routes(routes!(audit_events::list))
        .routes(routes!(rbac::get, rbac::put))
        .routes(routes!(connected_apps::create))
        .routes(routes!(connected_apps::delete))
        .routes(routes!(connected_apps::get))
        .routes(routes!(connected_apps::rotate))
        .routes(routes!(connected_apps::rotate_cancel))
        .routes(routes!(connected_apps::rotate_start))
        .routes(routes!(connected_apps::search))
        .routes(routes!(connected_apps::update))
        .routes(routes!(idp::start))
        .routes(routes!(idp::submit))
        .routes(routes!(interactions::open))
        .routes(routes!(interactions::get))
        .routes(routes!(interactions::login))
        .routes(routes!(interactions::decide))
        .routes(routes!(m2m_clients::create))
        .routes(routes!(m2m_clients::search))
        .routes(routes!(m2m_clients::get, m2m_clients::update, m2m_clients::delete))
        .routes(routes!(m2m_clients::rotate))
        .routes(routes!(m2m_clients::rotate_cancel))
        .routes(routes!(m2m_clients::rotate_start))
        .routes(routes!(passwords::create))
        .routes(routes!(passwords::authenticate))
        .routes(routes!(password_email::start))
        .routes(routes!(password_email::reset))
        .routes(routes!(password_migrate::migrate))
        .routes(routes!(password_reset::by_existing_password))
        .routes(routes!(password_reset::by_session))
        .routes(routes!(passwords::strength_check))
        .routes(routes!(sessions::list))
        .routes(routes!(attest::attest))
        .routes(routes!(exchange::exchange))
        .routes(routes!(sessions::authenticate))
        .routes(routes!(sessions::migrate))
        .routes(routes!(sessions::revoke))
        .routes(routes!(trusted_token_profiles::create))
        .routes(routes!(trusted_token_profiles::delete))
        .routes(routes!(trusted_token_profiles::get))
        .routes(routes!(trusted_token_profiles::list))
        .routes(routes!(trusted_token_profiles::update))
        .routes(routes!(users::create))
        .routes(routes!(users::search))
        .routes(routes!(users::get, users::update, users::delete))
        .routes(routes!(users::exchange_primary_factor))
        .routes(routes!(users::delete_email))
        .routes(routes!(users::delete_phone_number))
        .routes(routes!(users::delete_password))
        .routes(routes!(users::delete_external_id))
        .routes(routes!(users::delete_webauthn_registration))
        .routes(routes!(users::delete_biometric_registration))
        .routes(routes!(users::delete_totp))
        .routes(routes!(users::delete_crypto_wallet))
        .routes(routes!(users::delete_oauth_registration))
        .routes(routes!(users::disable))
        .routes(routes!(users::enable))
        .routes(routes!(users::sign_out_everywhere))
        .routes(routes!(users::unlock))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::get, webhooks::update, webhooks::delete))
        .routes(routes!(webhooks::rotate_secret))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(user_connected_apps::list))
        .routes(routes!(user_connected_apps::revoke))
}

/// The management API of `app`.
pub(crate) fn router(app: &App) -> Router<App> {
    let (router, _) = described().split_for_parts();
    router
        .route("/v1/openapi.json", get(own_description))
        .route("/v1/openapi-browser.json", get(browser_description))
        .route("/v1/reference", get(reference::page))
        .route("/v1/reference.css", get(reference::style))
        .route("/v1/{*other}", any(|| async { Failure::from(ROUTE_NOT_FOUND) }))
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(from_fn_with_state(app.clone(), answer_in_time))
        .layer(from_fn_with_state(app.clone(), reply::envelope))
}

/// The description of the management API (OpenAPI 3.1), as `GET /v1/openapi.json` and `docs/openapi.json` have it.
static DESCRIPTION: LazyLock<String> = LazyLock::new(|| description::text(described().into_openapi()));

async fn own_description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION.as_str())
}

async fn browser_description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], browser_api::DESCRIPTION.as_str())
}
