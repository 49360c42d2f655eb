//! `GET` and `POST /oauth2/authorize`: where a client sends the user.
//!
//! Specs: RFC 6749 §3.1 and §4.1.1, OAuth 2.1 §4.1.1, OIDC Core §3.1.2, RFC 9207.
//! Decides nothing: `protocol::authorization_request` validates and `protocol::authorize` chooses the next step.
//! There is no CORS here, on purpose (OAuth 2.1 §3.1).

use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::NO_STORE,
        extract::{Form, Query},
        interaction::{
            deliver::deliver,
            situation,
            waiting::{self, NewCode, Page},
        },
        observe::name_client,
        visit::Visit,
    },
    store::Tx,
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use form_urlencoded::Serializer;
use hospes_protocol::{
    Seconds,
    audit_event::Actor,
    authorization_request::{self, AuthorizationRequest, Rejected},
    authorize::Step,
    id::{InteractionId, UserId},
    interaction::{Interaction, Progress},
    plane::Plane,
};

/// `GET /oauth2/authorize`.
pub(crate) async fn get(State(app): State<App>, visit: Visit, Query(parameters): Query) -> Result<Response, Failure> {
    begin(&app, visit, authorization_request::parse(&parameters)?).await
}

/// `POST /oauth2/authorize`: turned into a `GET`, because a cross-site `POST` comes without our `SameSite=Lax` cookies,
/// and the user would look signed out.
pub(crate) async fn post(State(app): State<App>, Form(parameters): Form) -> Result<Response, Failure> {
    authorization_request::parse(&parameters)?;
    let query = Serializer::new(String::new()).extend_pairs(parameters.iter()).finish();
    let location = format!("{}/oauth2/authorize?{query}", app.base_path);
    Ok((NO_STORE, Redirect::to(&location)).into_response())
}

/// Goes as far as it goes without a page; only a request that waits for the user is stored.
async fn begin(app: &App, mut visit: Visit, request: AuthorizationRequest) -> Result<Response, Failure> {
    name_client(&request.client_id);
    app.limits.authorize(visit.address)?;
    let (session_hash, now) = (visit.browser.session_hash(), visit.now);
    if let Some(locales) = &request.ui_locales {
        visit.page.ui_locales = locales.split(' ').map(str::to_owned).collect();
    }
    let situation = {
        let (app, client_id) = (app.clone(), request.client_id.clone());
        app.clone()
            .store
            .look_up(move |tx| situation::load(tx, &app, Plane::Standard, &client_id, session_hash.as_ref()))
            .await?
    };
    let hinted_user = situation::hinted_user(app, &request, situation.current.counter).await?;
    let client = &situation.client.client;
    match situation.decide(&request, &Progress::default(), hinted_user.as_ref(), now) {
        Err(Rejected { refusal, target: None }) => Err(refusal.into()),
        Err(Rejected { refusal, target: Some(target) }) => {
            Ok(deliver(app, client, &target, Err(&refusal), &visit.page))
        }
        Ok((valid, Step::Refuse(refusal))) => Ok(deliver(app, client, &valid.target, Err(&refusal), &visit.page)),
        Ok((_, Step::Issue(_))) => {
            let new_code = NewCode::new(app, Actor::User, now);
            let code = new_code.secret.clone();
            let target = {
                let app = app.clone();
                app.clone()
                    .store
                    .write(move |tx| {
                        let situation =
                            situation::take(tx, &app, Plane::Standard, &request.client_id, session_hash.as_ref(), now)?;
                        match situation.decide(&request, &Progress::default(), hinted_user.as_ref(), now) {
                            Ok((valid, Step::Issue(approval))) => {
                                waiting::add_code(tx, &app, &situation, &valid, &approval, &new_code, now)?;
                                Ok(valid.target)
                            }
                            // What was true a moment ago no longer is.
                            Ok(_) | Err(_) => Err(waiting::CHANGED.into()),
                        }
                    })
                    .await?
            };
            Ok(deliver(app, client, &target, Ok(code.text()), &visit.page))
        }
        Ok((_, step)) => {
            let page = Page::of(&step).ok_or(waiting::CHANGED)?;
            let user_id = situation.who(now).map(|(_, user)| user.id.clone());
            let lifetime = situation.current.lifetimes.interaction;
            wait(app, &mut visit, request, user_id, lifetime, page).await
        }
    }
}

/// Keeps the request as an interaction and sends the browser to the page that it waits for.
async fn wait(
    app: &App,
    visit: &mut Visit,
    request: AuthorizationRequest,
    user_id: Option<UserId>,
    lifetime: Seconds,
    page: Page,
) -> Result<Response, Failure> {
    app.limits.store(visit.address, request.size())?;
    let id = InteractionId::new(format!("int_{}", app.entropy.token()));
    let (browser_hash, set_cookie) = visit.browser.bind(app);
    let interaction = Interaction {
        id: id.clone(),
        plane: Plane::Standard,
        request,
        browser_hash,
        created_at: visit.now,
        expires_at: visit.now.plus(lifetime),
        progress: Progress::default(),
        decided_at: None,
    };
    {
        let (app, store) = (app.clone(), app.store.clone());
        let add = move |tx: &mut Tx<'_>| {
            let client_id = &interaction.request.client_id;
            Ok(tx.add_interaction(&app.project, &interaction, client_id, user_id.as_ref())?)
        };
        store.write(add).await?;
    }
    let mut response = page.go(app, &id);
    if let Some(cookie) = set_cookie {
        cookie.set_on(&mut response);
    }
    Ok(response)
}
