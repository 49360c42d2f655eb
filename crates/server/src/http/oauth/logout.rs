//! `GET` and `POST /oauth2/logout`: a client asks to end the user's session here.
//!
//! Specs: OpenID Connect RP-Initiated Logout 1.0 §2 to §4 and §6.
//! `POST /logout` is the answer to our own confirmation page.

use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::NO_STORE,
        browser::{FormKind, SetCookie},
        extract::{Form, Query},
        interaction::{account::NO_BUTTON, situation},
        visit::Visit,
    },
    pages::{AccountView, ClientView, FormView, LoggedOutView, LogoutView, ReturnLink, decision, field},
    records::Registered,
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use form_urlencoded::Serializer;
use hospes_protocol::{
    id_token,
    logout::{self, BAD_HINT, Facts, LogoutRequest, Step},
    parameters::Parameters,
    session::Session,
    user::User,
};
use std::sync::Arc;

pub(crate) async fn get(State(app): State<App>, visit: Visit, query: Query) -> Result<Response, Failure> {
    answer(&app, visit, &query.0, false).await
}

/// A cross-site `POST` comes without our cookies, so it is turned into a `GET` like at the authorization endpoint.
pub(crate) async fn post(State(app): State<App>, Form(parameters): Form) -> Result<Response, Failure> {
    let query = Serializer::new(String::new()).extend_pairs(parameters.iter()).finish();
    Ok((NO_STORE, Redirect::to(&format!("{}/oauth2/logout?{query}", app.base_path))).into_response())
}

/// The user answered on our page. The form carries the request again, and everything is checked again.
pub(crate) async fn decided(State(app): State<App>, visit: Visit, form: Form) -> Result<Response, Failure> {
    let Form(parameters) = form;
    visit.check_form(&app, FormKind::Logout, "", parameters.get(field::CSRF))?;
    let request = Parameters::parse(parameters.get(field::INTERACTION).unwrap_or_default().as_bytes())?;
    match parameters.get(field::DECISION) {
        Some(decision::CONFIRM) => answer(&app, visit, &request, true).await,
        Some(decision::CANCEL) => {
            let view = LoggedOutView { still_signed_in: true, return_to: None };
            Ok(app.pages.logged_out(&view, &visit.page))
        }
        _ => Err(NO_BUTTON.into()),
    }
}

async fn answer(app: &App, mut visit: Visit, parameters: &Parameters, is_confirmed: bool) -> Result<Response, Failure> {
    let request = LogoutRequest::parse(parameters);
    if let Some(locales) = &request.ui_locales {
        visit.page.ui_locales = locales.split(' ').map(str::to_owned).collect();
    }
    let hint = match &request.id_token_hint {
        Some(token) => {
            let ring = app.keys.ring_of_now().await?;
            let hint = id_token::verify_hint(token, ring.key_set(), &app.issuer, request.client_id.as_ref());
            Some(hint.map_err(|_| BAD_HINT)?)
        }
        None => None,
    };
    let client_id = request.client_id.clone().or_else(|| hint.as_ref().map(|hint| hint.client_id.clone()));
    let session_hash = visit.browser.session_hash();
    let (client, signed_in): (Option<Arc<Registered>>, Option<(Session, User)>) = {
        let app = app.clone();
        app.clone()
            .store
            .read(move |tx| {
                let current = app.records.project(tx, &app.project)?;
                let client = match &client_id {
                    Some(id) => app.records.client(tx, &current, id)?,
                    None => None,
                };
                let signed_in = match &session_hash {
                    Some(hash) => situation::signed_in(tx, &app, hash)?,
                    None => None,
                };
                Ok((client, signed_in))
            })
            .await?
    };
    let client = client.as_ref().map(|registered| &registered.client);
    let facts = Facts {
        hint: hint.as_ref().map(|hint| logout::Hint { user_id: &hint.user_id, client_id: &hint.client_id }),
        client,
        session: signed_in.as_ref().map(|(session, _)| session),
        is_confirmed,
        now: visit.now,
    };
    match logout::decide(&request, &facts) {
        Step::Refuse(refusal) => Err(refusal.into()),
        Step::Confirm => {
            let (_, set_cookie) = visit.browser.bind(app);
            let carried = Serializer::new(String::new()).extend_pairs(carried(parameters)).finish();
            let view = LogoutView {
                form: FormView {
                    action: format!("{}/logout", app.base_path),
                    interaction: Some(carried),
                    csrf: visit.browser.csrf(app, FormKind::Logout, ""),
                },
                client: client.map(ClientView::of),
                account: signed_in.as_ref().map(|(_, user)| AccountView::of(user)),
            };
            let mut response = app.pages.logout(&view, &visit.page);
            if let Some(cookie) = set_cookie {
                cookie.set_on(&mut response);
            }
            Ok(response)
        }
        Step::End { redirect } => {
            if let Some((session, _)) = signed_in {
                let (app, now) = (app.clone(), visit.now);
                app.clone().store.write(move |tx| Ok(tx.end_session(&app.project, &session.id, now)?)).await?;
            }
            let mut response = match redirect {
                Some(uri) if uri.starts_with("https:") || uri.starts_with("http:") => {
                    (NO_STORE, Redirect::to(&uri)).into_response()
                }
                // Another program: a link, as for authorization responses.
                redirect => {
                    let return_to =
                        redirect.zip(client).map(|(uri, client)| ReturnLink { uri, client: ClientView::of(client) });
                    app.pages.logged_out(&LoggedOutView { still_signed_in: false, return_to }, &visit.page)
                }
            };
            SetCookie::end_session(app).set_on(&mut response);
            Ok(response)
        }
    }
}

/// What of the request goes through the confirmation page.
fn carried(parameters: &Parameters) -> impl Iterator<Item = (&str, &str)> {
    const NAMES: [&str; 5] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];
    NAMES.into_iter().filter_map(|name| parameters.get(name).map(|value| (name, value)))
}
