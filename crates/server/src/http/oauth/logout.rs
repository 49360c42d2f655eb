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
        extract::{Form, Now, Query},
        interaction::{account::NO_BUTTON, situation},
        visit::Visit,
    },
    issue,
    pages::{AccountView, ClientView, FormView, LoggedOutView, LogoutView, ReturnLink, decision, field},
    records::Registered,
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use form_urlencoded::Serializer;
use hospes_protocol::{
    Seconds, Timestamp,
    id::{ClientId, UserId},
    id_token,
    logout::{self, BAD_HINT, Facts, LogoutRequest, Step},
    parameters::Parameters,
    session::Session,
    user::User,
};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

pub(crate) async fn get(State(app): State<App>, visit: Visit, query: Query) -> Result<Response, Failure> {
    answer(&app, visit, &query.0, false).await
}

/// A cross-site `POST` comes without our cookies, so it is turned into a `GET` like at the authorization endpoint. The
/// ID token stays here: whoever posts it keeps it out of logs and histories, and so do we. What it says goes along as
/// a code that holds for its user only, and for a moment.
pub(crate) async fn post(State(app): State<App>, now: Now, Form(parameters): Form) -> Result<Response, Failure> {
    let request = LogoutRequest::parse(&parameters);
    let hint = verified_hint(&app, &request).await?;
    let mut query = carried(&request, hint.as_ref());
    if let Some(hint) = &hint {
        let until = now.plus(HINTED_FOR);
        query.append_pair(HINTED, &hinted(&app, &hint.user_id, &hint.client_id, until));
    }
    let location = format!("{}/oauth2/logout?{}", app.base_path, query.finish());
    Ok((NO_STORE, Redirect::to(&location)).into_response())
}

/// Stands in a query for an ID token that was posted.
const HINTED: &str = "hinted";
const HINTED_FOR: Seconds = Seconds(60);

/// Says until when `user` counts as named by an ID token for `client`, without naming them.
fn hinted(app: &App, user: &UserId, client: &ClientId, until: Timestamp) -> String {
    let parts = [user.as_str().as_bytes(), client.as_str().as_bytes(), &until.0.to_be_bytes()];
    format!("{}.{}", until.0, Base64UrlUnpadded::encode_string(&app.keys.mac(b"logout hint", &parts)))
}

fn is_hinted(app: &App, presented: Option<&str>, user: &UserId, client: &ClientId, now: Timestamp) -> bool {
    let Some(presented) = presented else { return false };
    let until = presented.split_once('.').and_then(|(until, _)| until.parse().ok()).map(Timestamp);
    until.is_some_and(|until| {
        now < until && presented.as_bytes().ct_eq(hinted(app, user, client, until).as_bytes()).into()
    })
}

pub(crate) async fn verified_hint(app: &App, request: &LogoutRequest) -> Result<Option<id_token::Hint>, Failure> {
    let Some(token) = &request.id_token_hint else { return Ok(None) };
    let ring = app.keys.ring_of_now().await?;
    let hint = id_token::verify_hint(token, ring.key_set(), &issue::own_names(app), request.client_id.as_ref());
    Ok(Some(hint.map_err(|_| BAD_HINT)?))
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
    let hint = verified_hint(app, &request).await?;
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
    let posted = client.zip(signed_in.as_ref()).and_then(|(client, (session, _))| {
        let holds = is_hinted(app, parameters.get(HINTED), &session.user_id, &client.id, visit.now);
        holds.then_some(logout::Hint { user_id: &session.user_id, client_id: &client.id })
    });
    let named = hint.as_ref().map(|hint| logout::Hint { user_id: &hint.user_id, client_id: &hint.client_id });
    let facts = Facts {
        hint: named.or(posted),
        client,
        session: signed_in.as_ref().map(|(session, _)| session),
        is_confirmed,
        now: visit.now,
    };
    match logout::decide(&request, &facts) {
        Step::Refuse(refusal) => Err(refusal.into()),
        Step::Confirm => {
            let (_, set_cookie) = visit.browser.bind(app);
            let carried = carried(&request, hint.as_ref()).finish();
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

/// What of the request goes on: all but the ID token, of which only the client is still needed.
fn carried(request: &LogoutRequest, hint: Option<&id_token::Hint>) -> Serializer<'static, String> {
    let client_id = request.client_id.as_ref().or(hint.map(|hint| &hint.client_id)).map(ClientId::as_str);
    let pairs = [
        ("client_id", client_id),
        ("post_logout_redirect_uri", request.post_logout_redirect_uri.as_deref()),
        ("state", request.state.as_deref()),
        ("ui_locales", request.ui_locales.as_deref()),
    ];
    let mut query = Serializer::new(String::new());
    query.extend_pairs(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))));
    query
}
