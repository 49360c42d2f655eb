//! `/interactions` and `/account/…` as JSON: what pages of the host app call from the browser (our own API).
//!
//! Pages are of the issuer's own origin or of one that the project registered (`sdk.domains`); [`origin`] keeps out all
//! others before a handler runs. Who the user is they say with a session token or JWT, or with a token of the host app's
//! own login; a cookie of ours counts only where it comes without leaving the site, and never without a known origin.
//! Answers and errors have the form of the management API.

mod account;
mod caller;
mod interactions;
pub(crate) mod origin;
pub(crate) mod sender;

use crate::{
    app::App,
    failure::Failure,
    http::{description, management::reply, observe::answer_in_time},
    router::WRONG_METHOD,
};
use axum::{Router, middleware::from_fn_with_state};
use origin::Allowed;
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

const ALLOWED: Allowed = Allowed { methods: "GET,POST,DELETE,OPTIONS", headers: "authorization,content-type,accept" };

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hospes browser API",
        description = "What a page of the host app calls from the browser, of an origin that the project has in \
                       `sdk.domains`. The SDK speaks it. Times are RFC 3339 in UTC.",
    ),
    modifiers(&SessionScheme),
    security(("session" = [])),
)]
struct Document;

struct SessionScheme;

impl Modify for SessionScheme {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A session token of the user, or a session JWT that has not expired."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("session", SecurityScheme::Http(scheme));
    }
}

/// Every path of the browser API, with its description.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(interactions::open))
        .routes(routes!(interactions::login))
        .routes(routes!(interactions::decide))
        .routes(routes!(account::connected_apps))
        .routes(routes!(account::disconnect))
        .routes(routes!(account::session, account::log_in, account::log_out))
}

/// All of it.
pub(crate) fn router(app: &App) -> Router<App> {
    let (router, _) = described().split_for_parts();
    router
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(from_fn_with_state(app.clone(), answer_in_time))
        .layer(from_fn_with_state((app.clone(), ALLOWED), origin::only_known))
        .layer(from_fn_with_state(app.clone(), reply::envelope))
}

/// The description of the browser API (OpenAPI 3.1), as `GET /v1/openapi-browser.json` and `docs/openapi-browser.json`
/// have it.
pub(crate) static DESCRIPTION: LazyLock<String> = LazyLock::new(|| description::text(described().into_openapi()));
