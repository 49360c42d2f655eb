//! `POST /sdk/v1/oauth/logout/start`: a client asks for a logout, and the page asks whether the user is to be asked.
//!
//! Specs: OIDC RP-Initiated Logout §2, §3 and §6.
//! Ends nothing: the page does so with `sessions/revoke`, once the user agrees.

use super::caller::SdkCall;
use crate::{
    app::App,
    failure::Failure,
    http::{
        extract::Now,
        management::{body::Body, error::refuse_api, reply::Reply},
        oauth::logout::verified_hint,
    },
};
use axum::extract::State;
use hospes_protocol::{
    Refusal,
    id::ClientId,
    logout::{self, Facts, LogoutRequest, Step},
};
use serde::{Deserialize, Serialize};

pub(crate) const NO_ADDRESS: Refusal = refuse_api(
    400,
    "invalid_argument",
    "post_logout_redirect_uri: send one of those that the connected app has; the page goes there afterwards",
);

#[derive(Deserialize)]
pub(super) struct Start {
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
    id_token_hint: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Started {
    redirect_uri: String,
    consent_required: bool,
}

pub(super) async fn start(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<Start>,
) -> Result<Reply<Started>, Failure> {
    app.limits.authorize(call.address)?;
    let request = LogoutRequest {
        id_token_hint: asked.id_token_hint,
        client_id: asked.client_id.map(ClientId::new),
        post_logout_redirect_uri: Some(asked.post_logout_redirect_uri.ok_or(NO_ADDRESS)?),
        state: asked.state,
        ui_locales: None,
    };
    let hint = verified_hint(&app, &request).await?;
    let client_id = request.client_id.clone().or_else(|| hint.as_ref().map(|hint| hint.client_id.clone()));
    let session = call.session()?;
    let (registered, session) = {
        let app = app.clone();
        app.clone()
            .store
            .read(move |tx| {
                let current = app.records.project(tx, &app.project)?;
                let registered = match &client_id {
                    Some(id) => app.records.client(tx, &current, id)?,
                    None => None,
                };
                let session = match &session {
                    Some(named) => named.find(tx, &app.project, *now)?.map(|(session, _)| session),
                    None => None,
                };
                Ok((registered, session))
            })
            .await?
    };
    let facts = Facts {
        hint: hint.as_ref().map(|hint| logout::Hint { user_id: &hint.user_id, client_id: &hint.client_id }),
        client: registered.as_ref().map(|registered| &registered.client),
        session: session.as_ref(),
        is_confirmed: false,
        now: *now,
    };
    let (step, consent_required) = match logout::decide(&request, &facts) {
        // What follows once the user has agreed.
        Step::Confirm => (logout::decide(&request, &Facts { is_confirmed: true, ..facts }), true),
        step => (step, false),
    };
    match step {
        Step::End { redirect } => Ok(Reply(Started { redirect_uri: redirect.ok_or(NO_ADDRESS)?, consent_required })),
        Step::Refuse(refusal) => Err(refusal.into()),
        Step::Confirm => Err(NO_ADDRESS.into()),
    }
}
