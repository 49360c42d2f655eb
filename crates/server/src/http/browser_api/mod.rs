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

use crate::{
    app::App,
    failure::Failure,
    http::{management::reply, observe::answer_in_time},
    router::WRONG_METHOD,
};
use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{delete, get, post},
};

/// All of it.
pub(crate) fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/interactions", post(interactions::open))
        .route("/interactions/{id}/login", post(interactions::login))
        .route("/interactions/{id}/decide", post(interactions::decide))
        .route("/account/connected_apps", get(account::connected_apps))
        .route("/account/connected_apps/{client_id}", delete(account::disconnect))
        .route("/account/session", get(account::session).post(account::log_in).delete(account::log_out))
        .method_not_allowed_fallback(|| async { Failure::from(WRONG_METHOD) })
        .layer(from_fn_with_state(app.clone(), answer_in_time))
        .layer(from_fn_with_state(app.clone(), origin::only_known))
        .layer(from_fn_with_state(app.clone(), reply::envelope))
}
