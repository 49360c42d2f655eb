//! `GET` and `POST /account/apps`: which apps a user has connected, and how to disconnect them.
//!
//! Specs: OAuth 2.1 §7.9 (users can list and revoke), RFC 7009 §2.1 for what a disconnect ends.

use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::NO_STORE,
        browser::FormKind,
        extract::{Form, Query},
        interaction::{
            consent::{description, resource_view},
            situation,
        },
        visit::{FORGED, Visit},
    },
    pages::{AccountView, AppView, AppsView, ClientView, FormView, ScopeState, ScopeView, field},
    store::Tx,
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use hospes_protocol::{
    Seconds,
    audit_event::{Actor, EventKind, Occasion},
    client::Client,
    grant::Grant,
    id::{ClientId, ProjectId, UserId},
    policy::Policy,
};

/// Names the app that was just disconnected, so that the page after the redirect can say so, if it is true.
const DISCONNECTED: &str = "disconnected";
/// How long a disconnect is news.
const NEWS: Seconds = Seconds(60);

/// `GET /`: the server has no other page of its own to show.
pub(crate) async fn home(State(app): State<App>) -> Redirect {
    Redirect::to(&format!("{}/account/apps", app.base_path))
}

pub(crate) async fn get(State(app): State<App>, mut visit: Visit, query: Query) -> Result<Response, Failure> {
    let (session_hash, now) = (visit.browser.session_hash(), visit.now);
    let disconnected = query.0.get(DISCONNECTED).map(ClientId::new);
    let loaded = {
        let app = app.clone();
        app.clone()
            .store
            .read(move |tx| {
                let current = app.records.project(tx, &app.project)?;
                let Some(hash) = session_hash else { return Ok(None) };
                let Some((_, user)) = situation::signed_in_alive(tx, &app, &hash, now)? else { return Ok(None) };
                let apps = tx.list_grants_of_user(&app.project, &user.id, now)?;
                let disconnected = match &disconnected {
                    Some(id) => {
                        let ended = tx.find_grant(&app.project, &user.id, id)?.and_then(|grant| grant.revoked_at);
                        let client = app.records.client(tx, &current, id)?;
                        client
                            .filter(|_| ended.is_some_and(|at| now.since(at) < NEWS))
                            .map(|own| own.client.display_name())
                    }
                    None => None,
                };
                Ok(Some((current, user, apps, disconnected)))
            })
            .await?
    };
    let Some((current, user, apps, disconnected)) = loaded else {
        return Ok(sign_in(&app));
    };
    let policy = &current.project.policy;
    // The session outlives the browser's run, its binding does not: without one no form could be sent.
    let (_, set_cookie) = visit.browser.bind(&app);
    let view = AppsView {
        form: FormView {
            action: format!("{}/account/apps", app.base_path),
            interaction: None,
            csrf: visit.browser.csrf(&app, FormKind::Apps, ""),
        },
        account: AccountView::of(&user),
        apps: apps.iter().map(|(grant, client)| app_view(grant, client, policy)).collect(),
        disconnected,
        logout_path: Some(format!("{}/oauth2/logout", app.base_path)),
    };
    let mut response = app.pages.apps(&view, &visit.page);
    if let Some(cookie) = set_cookie {
        cookie.set_on(&mut response);
    }
    Ok(response)
}

pub(crate) async fn post(State(app): State<App>, visit: Visit, form: Form) -> Result<Response, Failure> {
    let Form(parameters) = form;
    visit.check_form(&app, FormKind::Apps, "", parameters.get(field::CSRF))?;
    let client_id = ClientId::new(parameters.get(field::DISCONNECT).ok_or(FORGED)?);
    let (session_hash, now) = (visit.browser.session_hash(), visit.now);
    let occasion = app.occasion(Actor::User, now);
    let is_done = {
        let (app, client_id) = (app.clone(), client_id.clone());
        app.clone()
            .store
            .write(move |tx| {
                let Some(hash) = session_hash else { return Ok(false) };
                let Some((_, user)) = situation::signed_in_alive(tx, &app, &hash, now)? else { return Ok(false) };
                disconnect(tx, &app.project, &occasion, &user.id, &client_id)?;
                Ok(true)
            })
            .await?
    };
    if !is_done {
        return Ok(sign_in(&app));
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(DISCONNECTED, client_id.as_str()).finish();
    Ok((NO_STORE, Redirect::to(&format!("{}/account/apps?{query}", app.base_path))).into_response())
}

/// Ends the user's grant for a client, with all that was issued under it. That there was none is no error.
pub(crate) fn disconnect(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    occasion: &Occasion,
    user: &UserId,
    client: &ClientId,
) -> Result<(), Failure> {
    if tx.revoke_grant(project, user, client, occasion.at)? {
        let event = occasion.event(EventKind::GrantDisconnected);
        tx.record(project, &event.user(user).client(client))?;
    }
    Ok(())
}

fn sign_in(app: &App) -> Response {
    (NO_STORE, Redirect::to(&format!("{}/login", app.base_path))).into_response()
}

fn app_view(grant: &Grant, client: &Client, policy: &Policy) -> AppView {
    let scope_view = |value: &str| ScopeView {
        value: value.to_owned(),
        description: description(value, policy),
        state: ScopeState::Required,
        already_granted: true,
    };
    AppView {
        client: ClientView::of(client),
        scopes: grant.scope.iter().map(scope_view).collect(),
        resources: grant.resources.iter().map(|uri| resource_view(uri, policy)).collect(),
        since: grant.created_at,
        last_used: grant.last_used_at,
        ends: grant.expires_at,
    }
}
