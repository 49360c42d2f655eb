//! `GET` and `POST /oauth2/userinfo`: the claims of the user behind an access token.
//!
//! Specs: OIDC Core §5.3, RFC 6750 §2 and §3.

use super::access::{self, Behind};
use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::{Challenged, NoStore},
        extract::{self, BODY_UNREADABLE, Now, Query, is_form},
    },
    verified::VerifiedToken,
};
use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use hospes_protocol::{
    ErrorCode::{InsufficientScope, InvalidRequest, InvalidToken},
    claims, liveness,
    parameters::Parameters,
    plane::Plane,
    userinfo::{self, Request},
};
use serde_json::{Map, Value};
use tracing::info;

pub(crate) async fn get(
    State(app): State<App>,
    now: Now,
    headers: HeaderMap,
    Query(query): Query,
) -> Result<Response, Challenged> {
    answer(&app, Plane::Standard, now, &headers, &query, None).await
}

pub(crate) async fn post(
    State(app): State<App>,
    now: Now,
    headers: HeaderMap,
    Query(query): Query,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Challenged> {
    let body = body.map_err(|_| BODY_UNREADABLE)?;
    // RFC 6750 §2.2: a body counts only as a form; a POST with the header may be empty
    let body = if is_form(&headers) { Some(Parameters::parse(&body)?) } else { None };
    answer(&app, Plane::Standard, now, &headers, &query, body.as_ref()).await
}

async fn answer(
    app: &App,
    plane: Plane,
    now: Now,
    headers: &HeaderMap,
    query: &Parameters,
    body: Option<&Parameters>,
) -> Result<Response, Challenged> {
    match claims(app, plane, now, headers, query, body).await? {
        Some(claims) => Ok(NoStore(claims).into_response()),
        // RFC 6750 §3.1: no error where no token was presented
        None => Ok((StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, userinfo::challenge(None))]).into_response()),
    }
}

/// What the presented token lets know of its user, at the endpoint of any plane; `None` if there is no token.
pub(crate) async fn claims(
    app: &App,
    plane: Plane,
    now: Now,
    headers: &HeaderMap,
    query: &Parameters,
    body: Option<&Parameters>,
) -> Result<Option<Map<String, Value>>, Challenged> {
    let authorization = extract::single(headers, AUTHORIZATION)?;
    let token =
        userinfo::bearer(&Request { authorization, query, body }).map_err(|refusal| challenged(refusal.into()))?;
    match token {
        Some(token) => Ok(Some(claims_for(app, plane, token, now).await.map_err(challenged)?)),
        None => Ok(None),
    }
}

fn challenged(failure: Failure) -> Challenged {
    let challenge = match &failure {
        Failure::Refused(refusal) if [InvalidToken, InsufficientScope, InvalidRequest].contains(&refusal.error) => {
            Some(userinfo::challenge(Some(refusal)))
        }
        _ => None,
    };
    Challenged { failure, challenge }
}

async fn claims_for(app: &App, plane: Plane, token: &str, now: Now) -> Result<Map<String, Value>, Failure> {
    let presented = app.verified.look_at(token);
    // A token that was verified before is looked up at once, and the change counter with it.
    let behind = match presented.remembered() {
        Some(token) => Some(rows_behind(app, token).await?),
        None => None,
    };
    let ring = match &behind {
        Some(behind) => app.keys.ring(behind.current.counter).await?,
        None => app.keys.ring_of_now().await?,
    };
    let token = app.verified.verify(&ring, presented)?;
    token.validate(app.place(plane), *now)?;
    let behind = match behind {
        Some(behind) => behind,
        None => rows_behind(app, token.clone()).await?,
    };
    let token = token.claims();
    let alive = liveness::access_token(&behind.token(token), behind.standing(), *now).map_err(|dead| {
        info!(reason = dead.as_str(), "userinfo was asked with a dead token");
        userinfo::refusal_for(dead)
    })?;
    let Some((alive, family)) = alive.zip(behind.rows.family.as_ref()) else {
        return Err(userinfo::NEEDS_OPENID.into());
    };
    userinfo::is_open_to(&token.scope)?;
    // What the token says, less what the user and the operator took back since.
    let ceiling = alive.client.settings.scope.as_ref();
    let granted = token.scope.intersection(&alive.grant.scope);
    let scope = granted.filter(|value| ceiling.is_none_or(|own| own.contains(value)));
    let requested = claims::within_registration(&family.context.userinfo_claims, alive.client);
    Ok(claims::userinfo(alive.user, &scope, &requested))
}

async fn rows_behind(app: &App, token: VerifiedToken) -> Result<Behind, Failure> {
    let app = app.clone();
    app.clone().store.look_up(move |tx| access::load(tx, &app, token.claims())).await
}
