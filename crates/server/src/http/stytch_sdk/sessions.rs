//! `/sdk/v1/sessions`: carry on, end, and begin by a token that was issued elsewhere.
//!
//! Whoever logs in gets a session of their own, never the one that the page showed before: what somebody put there cannot
//! become theirs (session fixation). An access token is exchanged for the session on which it was issued.

use super::{
    caller::SdkCall,
    cookies::{self, SessionCookies},
};
use crate::{
    app::App,
    failure::Failure,
    http::{
        browser_login::{self, Trusted},
        extract::Now,
        management::{
            body::Body,
            exchange,
            reply::{Nothing, Reply},
            session_block::{NOT_FOUND, SessionBlock, SessionFields, Signer},
        },
    },
};
use axum::extract::State;
use hospes_protocol::session_block::{SessionRequest, carry_on};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Authenticate {
    session_duration_minutes: Option<i64>,
}

/// Says whose session it is, with a new JWT; with a duration it lasts that long from now.
pub(super) async fn authenticate(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<Authenticate>,
) -> Result<(SessionCookies, Reply<SessionBlock>), Failure> {
    let minutes = asked.session_duration_minutes.map(|minutes| call.minutes(Some(minutes))).transpose()?;
    let request = SessionRequest::parse(minutes, None)?;
    let named = call.signed_in()?;
    // Whatever is made up costs no write.
    let (looking, project) = (named.clone(), app.project.clone());
    app.store.read(move |tx| Ok(looking.find(tx, &project, *now)?.ok_or(NOT_FOUND)?)).await?;
    let signer = Signer::of(&app, &call.current, *now).await?;
    let stored = app.store.write(move |tx| {
        let project = &signer.current.project.id;
        let (mut session, user) = named.take(tx, project, *now)?;
        carry_on(&mut session, &request, *now)?;
        tx.save_session(project, &session)?;
        signer.stored(tx, &user, session, *now)
    });
    let mut block = stored.await?.sign()?;
    Ok((cookies::keep(&call, &mut block, *now), Reply(block)))
}

/// Ends the session, if there is one. That there is none is no error: the page wants to be rid of it.
pub(super) async fn revoke(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
) -> Result<(SessionCookies, Reply<Nothing>), Failure> {
    if let Some(named) = call.session()? {
        let project = app.project.clone();
        let found = {
            let project = project.clone();
            app.store.read(move |tx| named.id(tx, &project)).await?
        };
        if let Some(id) = found {
            app.store.write(move |tx| Ok(tx.end_session(&project, &id, *now)?)).await?;
        }
    }
    Ok((cookies::clear(&call), Reply(Nothing {})))
}

#[derive(Deserialize)]
pub(super) struct Attest {
    profile_id: String,
    token: String,
    session_duration_minutes: Option<i64>,
}

/// Logs a user in by a JWT of an issuer that the project trusts.
pub(super) async fn attest(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<Attest>,
) -> Result<(SessionCookies, Reply<SessionBlock>), Failure> {
    let trusted = Trusted {
        address: call.address,
        attributes: call.attributes.clone(),
        minutes: call.minutes(asked.session_duration_minutes)?,
        profile_id: asked.profile_id,
        token: asked.token,
    };
    let (mut block, _) = browser_login::log_in_trusted(&app, &call.current, trusted, *now).await?;
    Ok((cookies::keep(&call, &mut block, *now), Reply(block)))
}

#[derive(Deserialize)]
pub(super) struct Exchange {
    access_token: String,
    session_duration_minutes: Option<i64>,
}

/// Exchanges an access token with `full_access`, once, for the session on which it was issued.
pub(super) async fn exchange_access_token(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<Exchange>,
) -> Result<(SessionCookies, Reply<SessionBlock>), Failure> {
    app.limits.authorize(call.address)?;
    let minutes = asked.session_duration_minutes.map(|minutes| call.minutes(Some(minutes))).transpose()?;
    let fields = SessionFields::unnamed(minutes, None);
    let mut block = exchange::session_of(&app, &call.current, &asked.access_token, &fields, *now).await?;
    Ok((cookies::keep(&call, &mut block, *now), Reply(block)))
}
