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
            code::{NewCode, add_code},
            deliver::deliver,
            hosted,
            situation::{self, Situation},
            waiting::{self, Page, StoredInteraction},
        },
        observe::name_client,
        visit::Visit,
    },
    store::Tx,
};
use anyhow::Context as _;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use form_urlencoded::Serializer;
use hospes_protocol::{
    audit_event::Actor,
    authorization_request::{self, AuthorizationRequest, Rejected},
    authorize::Step,
    id::UserId,
    interaction::{Interaction, Progress, Way},
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
    visit.page.ui_locales = waiting::ui_locales(&request);
    let situation = {
        let (app, client_id) = (app.clone(), request.client_id.clone());
        app.clone()
            .store
            .look_up(move |tx| situation::load(tx, &app, Plane::Standard, &client_id, session_hash.as_ref()))
            .await?
    };
    let hinted_user = situation::hinted_user(app, &request, situation.current.counter).await?;
    let client = &situation.client.client;
    if let Some(page) = &situation.current.project.settings.authorization_url {
        return hand_over(app, &mut visit, request, &situation, page).await;
    }
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
                                add_code(tx, &app, &situation, &valid, &approval, &new_code, now)?;
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
            let interaction = hosted::new_interaction(app, request, situation.current.lifetimes.interaction, now);
            let id = interaction.id.clone();
            wait(app, &mut visit, interaction, user_id, page.go(app, &id)).await
        }
    }
}

/// Sends the browser to the host app's page, which asks us what to do. Who is signed in here says nothing about who is
/// there, so nothing is decided yet, not even where `prompt=none` forbids a page: the host app answers it without one.
async fn hand_over(
    app: &App,
    visit: &mut Visit,
    request: AuthorizationRequest,
    situation: &Situation,
    page: &str,
) -> Result<Response, Failure> {
    let (client, policy) = (&situation.client.client, &situation.current.project.policy);
    match authorization_request::validate(&request, client, policy, situation.plane) {
        Err(Rejected { refusal, target: None }) => return Err(refusal.into()),
        Err(Rejected { refusal, target: Some(target) }) => {
            return Ok(deliver(app, client, &target, Err(&refusal), &visit.page));
        }
        Ok(_) => {}
    }
    let waiting = hosted::new_interaction(app, request, situation.current.lifetimes.interaction, visit.now);
    let interaction = Interaction { way: Way::HostPage, ..waiting };
    let location = hosted::page_url(page, &interaction.id).context("a stored authorization_url is no URL")?;
    wait(app, visit, interaction, None, (NO_STORE, Redirect::to(&location)).into_response()).await
}

/// Keeps the interaction, bound to this browser, and answers with `response`, which leads to where it waits.
async fn wait(
    app: &App,
    visit: &mut Visit,
    interaction: StoredInteraction,
    user_id: Option<UserId>,
    mut response: Response,
) -> Result<Response, Failure> {
    app.limits.store(visit.address, interaction.request.size())?;
    let (browser_hash, set_cookie) = visit.browser.bind(app);
    let interaction = Interaction { browser_hash, ..interaction };
    {
        let (app, store) = (app.clone(), app.store.clone());
        let add = move |tx: &mut Tx<'_>| {
            let client_id = &interaction.request.client_id;
            Ok(tx.add_interaction(&app.project, &interaction, client_id, user_id.as_ref())?)
        };
        store.write(add).await?;
    }
    if let Some(cookie) = set_cookie {
        cookie.set_on(&mut response);
    }
    Ok(response)
}
