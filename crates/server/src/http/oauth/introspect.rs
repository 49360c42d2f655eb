//! `POST /oauth2/introspect`: what a token is worth now.
//!
//! Specs: RFC 7662 §2.

use super::{
    access::{self, Behind},
    authenticate::{Caller, Sender, authenticate_reading},
};
use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::{Challenged, NoStore},
        extract::{Form, Now},
        visit::Address,
    },
    issue,
    store::Tx,
};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use hospes_protocol::{
    access_scope,
    introspection::{self, Introspection, Reason},
    liveness::{self, Standing},
    parameters::Parameters,
    plane::Plane,
    refresh_token::{self, Presented},
};
use tracing::debug;

const NOT_OURS: Introspection<'static> = Introspection::Inactive(Reason::NotOurs);
const NOT_USABLE: Introspection<'static> = Introspection::Inactive(Reason::NotUsable);

pub(crate) async fn introspect(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, Challenged> {
    let sender = Sender { plane: Plane::Standard, headers: &headers, address: address.0 };
    answer(&app, sender, &parameters, now, |answer| NoStore(answer).into_response()).await
}

/// The same for the endpoint of any plane; `respond` gives the answer the plane's form.
pub(crate) async fn answer(
    app: &App,
    sender: Sender<'_>,
    parameters: &Parameters,
    now: Now,
    respond: Respond,
) -> Result<Response, Challenged> {
    let plane = sender.plane;
    // A token that was verified before is looked up in the same read as its caller.
    let remembered = introspection::parse(parameters).ok().and_then(|token| app.verified.look_at(token).remembered());
    let read_along = {
        let app = app.clone();
        move |tx: &mut Tx<'_>| remembered.as_ref().map(|token| access::load(tx, &app, token.claims())).transpose()
    };
    let (caller, behind) = authenticate_reading(app, sender, parameters, *now, read_along).await?;
    introspection::is_open_to(&caller.registered.client)?;
    let token = introspection::parse(parameters)?;
    let asked = Asked { app, plane, caller, now, respond };
    match Presented::parse(token) {
        Some(presented) => Ok(refresh_token(asked, presented).await?),
        None => Ok(access_token(asked, token, behind).await?),
    }
}

type Respond = for<'a> fn(Introspection<'a>) -> Response;

struct Asked<'a> {
    app: &'a App,
    plane: Plane,
    caller: Caller,
    now: Now,
    respond: Respond,
}

async fn access_token(asked: Asked<'_>, token: &str, behind: Option<Behind>) -> Result<Response, Failure> {
    let Asked { app, plane, caller, now, respond } = asked;
    let ring = app.keys.ring(caller.current.counter).await?;
    let Ok(token) = app.verified.verify(&ring, app.verified.look_at(token)) else {
        return Ok(respond(NOT_OURS));
    };
    if token.validate(app.place(plane), *now).is_err() {
        return Ok(respond(NOT_OURS));
    }
    let behind = if let Some(behind) = behind {
        behind
    } else {
        let (app, token) = (app.clone(), token.clone());
        app.clone().store.look_up(move |tx| access::load(tx, &app, token.claims())).await?
    };
    let answer =
        introspection::access_token(&caller.registered.client, &behind.token(token.claims()), behind.standing(), *now);
    log(&caller, &answer);
    Ok(respond(answer))
}

async fn refresh_token(asked: Asked<'_>, presented: Presented) -> Result<Response, Failure> {
    let Asked { app, plane, caller, now, respond } = asked;
    let ring = app.keys.ring(caller.current.counter).await?;
    let Some(keys) = ring.refresh_keys(presented.key_id()) else { return Ok(respond(NOT_OURS)) };
    let family_id = presented.family_id();
    let (family, user, grant) = {
        let app = app.clone();
        app.clone()
            .store
            .look_up(move |tx| {
                let Some(family) = tx.find_family(&app.project, &family_id)? else { return Ok((None, None, None)) };
                let (user, grant) = tx.find_user_and_grant(&app.project, &family.user_id, &family.client_id)?;
                Ok((Some(family), user, grant))
            })
            .await?
    };
    let Some(family) = family else { return Ok(respond(NOT_USABLE)) };
    let standing = Standing {
        project_valid_from: caller.current.project.tokens_valid_from,
        client: Some(&caller.registered.client),
        user: user.as_ref(),
        grant: grant.as_ref(),
    };
    let Ok(alive) = liveness::family(&family, standing, *now) else { return Ok(respond(NOT_USABLE)) };
    if access_scope::may_refresh(&alive).is_err() {
        return Ok(respond(NOT_USABLE));
    }
    let lifetimes = &caller.current.lifetimes;
    let facts = refresh_token::Facts {
        project: &app.project,
        keys: &keys,
        family: &family,
        alive: &alive,
        plane,
        window: alive.client.settings.refresh_window.unwrap_or(lifetimes.refresh_window),
        idle_lifetime: lifetimes.refresh_idle,
        new_salt: [0; 16],
        now: *now,
    };
    let issuer = issue::issuer(app, &caller.current, plane);
    let answer = introspection::refresh_token(&caller.registered.client, &issuer, &presented, &facts);
    log(&caller, &answer);
    Ok(respond(answer))
}

/// The caller is not told why; whoever looks for the mistake is.
fn log(caller: &Caller, answer: &Introspection<'_>) {
    if let Introspection::Inactive(reason) = answer {
        debug!(caller = %caller.registered.client.id, reason = reason.as_str(), "a token is inactive");
    }
}
