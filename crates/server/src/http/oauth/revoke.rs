//! `POST /oauth2/revoke`: a client gives a token back.
//!
//! Specs: RFC 7009 §2. After the 200, introspection, userinfo and refresh refuse in every process.

use super::authenticate::{Caller, Sender, authenticate};
use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::{Challenged, NO_STORE},
        extract::{Form, Now},
        visit::Address,
    },
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use hospes_protocol::{
    audit_event::{Actor, EventKind},
    parameters::Parameters,
    plane::Plane,
    refresh_token::Presented,
    revocation::{self, Decision},
};

pub(crate) async fn revoke(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, Challenged> {
    let sender = Sender { plane: Plane::Standard, headers: &headers, address: address.0 };
    apply(&app, sender, &parameters, now).await?;
    // RFC 7009 §2.2: 200 whatever there was to revoke
    Ok((StatusCode::OK, NO_STORE).into_response())
}

/// The same for the endpoint of any plane.
pub(crate) async fn apply(app: &App, sender: Sender<'_>, parameters: &Parameters, now: Now) -> Result<(), Challenged> {
    let plane = sender.plane;
    let caller = authenticate(app, sender, parameters, *now).await?;
    let token = revocation::parse(parameters)?;
    match Presented::parse(token) {
        Some(presented) => refresh_token(app, plane, caller, presented, now).await?,
        None => access_token(app, plane, caller, token, now).await?,
    }
    Ok(())
}

async fn refresh_token(app: &App, plane: Plane, caller: Caller, presented: Presented, now: Now) -> Result<(), Failure> {
    let ring = app.keys.ring(caller.current.counter).await?;
    // Nobody locks a row by guessing.
    let Some(keys) = ring.refresh_keys(presented.key_id()).filter(|keys| presented.tag_is_genuine(keys, &app.project))
    else {
        return Ok(());
    };
    let occasion = app.occasion(Actor::Client, *now);
    let app = app.clone();
    app.clone()
        .store
        .write(move |tx| {
            let family = tx.take_family(&app.project, &presented.family_id())?;
            let decision = revocation::refresh_token(
                &caller.authenticated,
                &presented,
                Some(&keys),
                &app.project,
                family.as_ref(),
                plane,
            );
            if let (Decision::RevokeFamily(id), Some(family)) = (decision, &family)
                && tx.revoke_family(&app.project, &id, *now)?
            {
                let event = occasion.event(EventKind::RefreshTokenRevoked);
                tx.record(&app.project, &event.user(&family.user_id).client(&family.client_id))?;
            }
            Ok(())
        })
        .await
}

async fn access_token(app: &App, plane: Plane, caller: Caller, token: &str, now: Now) -> Result<(), Failure> {
    let ring = app.keys.ring(caller.current.counter).await?;
    let Ok(token) = app.verified.verify(&ring, app.verified.look_at(token)) else { return Ok(()) };
    if token.validate(app.place(plane), *now).is_err() {
        return Ok(());
    }
    if let Decision::ListToken { jti, until } = revocation::access_token(&caller.authenticated, token.claims(), *now) {
        let app = app.clone();
        app.clone().store.write(move |tx| Ok(tx.add_revoked_token(&app.project, &jti, until)?)).await?;
    }
    Ok(())
}
