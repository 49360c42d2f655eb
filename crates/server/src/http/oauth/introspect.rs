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
    store::Tx,
};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use hospes_protocol::{
    access_scope,
    introspection::{self, Introspection},
    liveness::{self, Standing},
    plane::Plane,
    refresh_token::{self, Presented},
};
use serde::Serialize;
use tracing::debug;

/// RFC 7662 §2.2: nothing but this about a token that is none, or none of the caller's business.
#[derive(Serialize)]
struct Inactive {
    active: bool,
}

const INACTIVE: NoStore<Inactive> = NoStore(Inactive { active: false });

pub(crate) async fn introspect(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, Challenged> {
    // A token that was verified before is looked up in the same read as its caller.
    let remembered = introspection::parse(&parameters).ok().and_then(|token| app.verified.look_at(token).remembered());
    let read_along = {
        let app = app.clone();
        move |tx: &mut Tx<'_>| remembered.as_ref().map(|token| access::load(tx, &app, token.claims())).transpose()
    };
    let sender = Sender { headers: &headers, address: address.0 };
    let (caller, behind) = authenticate_reading(&app, sender, &parameters, *now, read_along).await?;
    introspection::is_open_to(&caller.registered.client)?;
    let token = introspection::parse(&parameters)?;
    match Presented::parse(token) {
        Some(presented) => Ok(refresh_token(&app, caller, presented, now).await?),
        None => Ok(access_token(&app, caller, token, behind, now).await?),
    }
}

async fn access_token(
    app: &App,
    caller: Caller,
    token: &str,
    behind: Option<Behind>,
    now: Now,
) -> Result<Response, Failure> {
    let ring = app.keys.ring(caller.current.counter).await?;
    let Ok(token) = app.verified.verify(&ring, app.verified.look_at(token)) else {
        return Ok(INACTIVE.into_response());
    };
    if token.validate(&app.issuer, *now).is_err() {
        return Ok(INACTIVE.into_response());
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
    Ok(NoStore(answer).into_response())
}

async fn refresh_token(app: &App, caller: Caller, presented: Presented, now: Now) -> Result<Response, Failure> {
    let ring = app.keys.ring(caller.current.counter).await?;
    let Some(keys) = ring.refresh_keys(presented.key_id()) else { return Ok(INACTIVE.into_response()) };
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
    let Some(family) = family else { return Ok(INACTIVE.into_response()) };
    let standing = Standing {
        project_valid_from: caller.current.project.tokens_valid_from,
        client: Some(&caller.registered.client),
        user: user.as_ref(),
        grant: grant.as_ref(),
    };
    let Ok(alive) = liveness::family(&family, standing, *now) else { return Ok(INACTIVE.into_response()) };
    if access_scope::may_refresh(&alive).is_err() {
        return Ok(INACTIVE.into_response());
    }
    let lifetimes = &app.config.lifetimes;
    let facts = refresh_token::Facts {
        project: &app.project,
        keys: &keys,
        family: &family,
        alive: &alive,
        plane: Plane::Standard,
        window: alive.client.settings.refresh_window.unwrap_or(lifetimes.refresh_window),
        idle_lifetime: lifetimes.refresh_idle,
        new_salt: [0; 16],
        now: *now,
    };
    let answer: Introspection<'_> =
        introspection::refresh_token(&caller.registered.client, &app.issuer, &presented, &facts);
    log(&caller, &answer);
    Ok(NoStore(answer).into_response())
}

/// The caller is not told why; whoever looks for the mistake is.
fn log(caller: &Caller, answer: &Introspection<'_>) {
    if let Introspection::Inactive(reason) = answer {
        debug!(caller = %caller.registered.client.id, reason = reason.as_str(), "a token is inactive");
    }
}
