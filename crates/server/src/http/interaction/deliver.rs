//! Bringing an authorization response to the client: by redirect, by a form that posts itself, or by a page with a link.
//!
//! Specs: RFC 6749 §4.1.2, OAuth 2.0 Form Post Response Mode, RFC 9207 §2, RFC 9700 §4.12 (303, never 307).

use crate::{
    app::App,
    http::answer::NO_STORE,
    pages::{ClientView, FormPostView, Outcome, OutcomeView, PageContext},
};
use axum::response::{IntoResponse, Redirect, Response};
use hospes_protocol::{
    ErrorCode::AccessDenied,
    Refusal,
    authorization_request::ResponseTarget,
    authorization_response::{self, Delivery},
    client::Client,
};

pub(crate) fn deliver(
    app: &App,
    client: &Client,
    target: &ResponseTarget,
    answer: Result<&str, &Refusal>,
    page: &PageContext,
) -> Response {
    let delivery = match answer {
        Ok(code) => authorization_response::success(target, &app.issuer, code),
        Err(refusal) => authorization_response::error(target, &app.issuer, refusal),
    };
    match delivery {
        Delivery::FormPost { action, fields } => {
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            app.pages.form_post(&FormPostView { action, fields, client_name: client.display_name() }, page)
        }
        Delivery::Redirect(uri) if leaves_the_browser(&uri) => {
            let outcome = match answer {
                Ok(_) => Outcome::Allowed,
                Err(refusal) if refusal.error == AccessDenied => Outcome::Denied,
                Err(_) => Outcome::Failed,
            };
            app.pages.outcome(&OutcomeView { uri, client: ClientView::of(client), outcome, auto_open: true }, page)
        }
        Delivery::Redirect(uri) => (NO_STORE, Redirect::to(&uri)).into_response(),
    }
}

/// Some browsers drop a silent redirect to another program after a POST: such a client gets a page with a link
/// (mcp T-30).
fn leaves_the_browser(uri: &str) -> bool {
    !uri.starts_with("https:") && !uri.starts_with("http:")
}
