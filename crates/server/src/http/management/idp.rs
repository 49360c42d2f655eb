//! `/v1/idp/oauth/authorize`: the host app's own page asks for its user whom it logged in, and hands in the answer.
//!
//! Decides nothing: the rules are those of our own pages. The client's plane decides how strict they are.

use super::{
    body::Body,
    caller::Management,
    connected_apps::PublicConnectedApp,
    error::refuse_api,
    reply::{Envelope, ErrorEnvelope, Reply},
    session_block::{NOT_FOUND as SESSION_NOT_FOUND, NamedSession, named},
    user_object::{UserObject, user_of},
};
use crate::{
    app::App,
    failure::Failure,
    http::{
        extract::Now,
        interaction::waiting::{CodeOf, NewCode, add_code_of},
    },
    issue,
    records::{Current, Registered},
    store::Tx,
};
use axum::extract::State;
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::Actor,
    authorization_request::{self, AuthorizationRequest},
    authorization_response::{self, Delivery},
    authorize::{self, CONFIRMATION_REQUIRED, CONSENT_REQUIRED, Consenting, Step},
    consent::{self, ConsentAnswer, DENIED},
    full_access::{self, FULL_ACCESS},
    host_page,
    id::ClientId,
    policy::Policy,
    session::Session,
    user::User,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

pub(crate) const NO_USER_SELECTOR: Refusal =
    refuse_api(400, "no_oauth_authorize_user_selector", "send one of user_id, session_token and session_jwt");
pub(crate) const TOO_MANY_USER_SELECTORS: Refusal =
    refuse_api(400, "too_many_user_selection_arguments", "send only one of user_id, session_token and session_jwt");
pub(crate) const USER_NOT_FOUND: Refusal =
    refuse_api(404, "user_not_found", "the project has no user with this id or external id, or the user is disabled");

#[derive(Deserialize, ToSchema)]
#[schema(as = StartAuthorization)]
pub(crate) struct Start {
    client_id: String,
    /// One of the connected app's redirect URLs.
    redirect_uri: String,
    /// `code`.
    response_type: String,
    scopes: Vec<String>,
    /// A user's id or external id: the host app vouches for them.
    user_id: Option<String>,
    /// Instead of `user_id`.
    session_token: Option<String>,
    /// Instead of `user_id`.
    session_jwt: Option<String>,
    /// `consent` asks in any case.
    prompt: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuthorizationStarted)]
pub(crate) struct Started {
    user_id: String,
    user: UserObject,
    client: PublicConnectedApp,
    /// Whether the user must be asked before the request is submitted.
    consent_required: bool,
    /// Every value asked for, in the order of the request.
    scope_results: Vec<ScopeResult>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ScopeResult {
    scope: String,
    description: String,
    /// Whether the user's roles cover it. What they do not cover is left out of the grant.
    is_grantable: bool,
}

/// Says what the page is to show for an authorization request.
#[utoipa::path(post, path = "/v1/idp/oauth/authorize/start", tag = "Connected Apps", request_body = Start,
    responses((status = 200, body = Envelope<Started>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Start>,
) -> Result<Reply<Started>, Failure> {
    let who = Who::of(&app, &caller.current, asked.user_id, asked.session_token, asked.session_jwt).await?;
    let (client_id, scopes) = (ClientId::new(asked.client_id), asked.scopes);
    let request = AuthorizationRequest {
        redirect_uri: Some(asked.redirect_uri),
        response_type: Some(asked.response_type),
        prompt: asked.prompt,
        ..request_of(client_id.clone())
    };
    let started = {
        let app = app.clone();
        app.clone()
            .store
            .read(move |tx| {
                let (user, _) = who.find(tx, &app, *now)?;
                let (current, registered) = client_of(tx, &app, &client_id)?;
                let (client, policy) = (&registered.client, &current.project.policy);
                let scope = host_page::validate_scopes(&scopes, client, policy)?;
                let request = AuthorizationRequest { scope: Some(scope.to_string()), ..request.clone() };
                let preview = authorization_request::preview(&request, client, policy, client.settings.plane)
                    .map_err(|rejected| host_page::in_contract(rejected.refusal))?;
                let grant = tx.find_grant(&app.project, &user.id, &client.id)?;
                let given = Consenting { user: &user, grant: grant.as_ref(), now: *now };
                let step = authorize::decide_consent(preview.request(), client, policy, &given);
                let result = |value: &str| ScopeResult {
                    scope: value.to_owned(),
                    description: description(value, policy).to_owned(),
                    is_grantable: full_access::is_grantable(value, client, policy, &user),
                };
                Ok(Started {
                    user_id: user.id.to_string(),
                    user: UserObject::load(tx, &app.project, &user, *now)?,
                    client: PublicConnectedApp::of(client),
                    consent_required: asks(&step),
                    scope_results: scope.iter().map(result).collect(),
                })
            })
            .await?
    };
    Ok(Reply(started))
}

/// Whether the user is to be asked, even where `prompt=none` forbids it.
fn asks(step: &Step) -> bool {
    match step {
        Step::Consent(_) => true,
        Step::Refuse(refusal) => *refusal == CONSENT_REQUIRED || *refusal == CONFIRMATION_REQUIRED,
        Step::Issue(_) | Step::Login | Step::SelectAccount => false,
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct Submit {
    client_id: String,
    /// One of the connected app's redirect URLs.
    redirect_uri: String,
    /// `code`.
    response_type: String,
    scopes: Vec<String>,
    /// A user's id or external id: the host app vouches for them.
    user_id: Option<String>,
    /// Instead of `user_id`.
    session_token: Option<String>,
    /// Instead of `user_id`.
    session_jwt: Option<String>,
    /// As in the call before.
    prompt: Option<String>,
    /// What the user answered; whatever, when they need not be asked.
    consent_granted: bool,
    state: Option<String>,
    nonce: Option<String>,
    /// By S256.
    code_challenge: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Submitted {
    /// Where the page sends the browser: back to the client, with a code or with an error.
    redirect_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_code: Option<String>,
}

/// Answers an authorization request for the user.
#[utoipa::path(post, path = "/v1/idp/oauth/authorize", tag = "Connected Apps", request_body = Submit,
    responses((status = 200, body = Envelope<Submitted>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn submit(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Submit>,
) -> Result<Reply<Submitted>, Failure> {
    let who = Who::of(&app, &caller.current, asked.user_id, asked.session_token, asked.session_jwt).await?;
    let (client_id, scopes, is_granted) = (ClientId::new(asked.client_id), asked.scopes, asked.consent_granted);
    let request = host_page::with_method(AuthorizationRequest {
        redirect_uri: Some(asked.redirect_uri),
        response_type: Some(asked.response_type),
        prompt: asked.prompt,
        state: asked.state,
        nonce: asked.nonce,
        code_challenge: asked.code_challenge,
        resources: asked.resources,
        ..request_of(client_id.clone())
    });
    let new_code = NewCode::new(&app, Actor::Host, *now);
    let code = new_code.secret.clone();
    let (target, issuer, answer) = {
        let app = app.clone();
        app.clone()
            .store
            .write(move |tx| {
                let (user, session) = who.take(tx, &app, *now)?;
                let (current, registered) = client_of(tx, &app, &client_id)?;
                let (client, policy) = (&registered.client, &current.project.policy);
                let scope = host_page::validate_scopes(&scopes, client, policy)?;
                let request = AuthorizationRequest { scope: Some(scope.to_string()), ..request.clone() };
                let valid = authorization_request::validate(&request, client, policy, client.settings.plane)
                    .map_err(|rejected| host_page::in_contract(rejected.refusal))?;
                let grant = tx.take_grant(&app.project, &user.id, &client.id, *now)?;
                // Locked after the grant, as everywhere.
                let user = tx.take_user(&app.project, &user.id)?.filter(|user| user.disabled_at.is_none());
                let user = user.ok_or(USER_NOT_FOUND)?;
                let given = Consenting { user: &user, grant: grant.as_ref(), now: *now };
                let approval = match authorize::decide_consent(&valid, client, policy, &given) {
                    Step::Issue(approval) => Ok(approval),
                    Step::Consent(question) if is_granted => {
                        let allowed = question.items.iter().map(|item| item.value.as_str()).collect();
                        consent::answer(&question, &ConsentAnswer { allowed, expires_at: None }, *now)
                    }
                    Step::Consent(_) => Err(DENIED),
                    Step::Refuse(refusal) => Err(refusal),
                    Step::Login | Step::SelectAccount => Err(CONSENT_REQUIRED),
                };
                let issuer = issue::issuer(&app, &current, client.settings.plane);
                let answer: Result<(), Refusal> = match approval {
                    Ok(approval) => {
                        let of = CodeOf { current: &current, client, user: &user, session: session.as_ref() };
                        add_code_of(tx, &app, &of, &valid, &approval, &new_code, *now)?;
                        Ok(())
                    }
                    Err(refusal) => Err(refusal),
                };
                Ok((valid.target, issuer, answer))
            })
            .await?
    };
    let redirect_uri = match &answer {
        Ok(()) => address(authorization_response::success(&target, &issuer, code.text())),
        Err(refusal) => address(authorization_response::error(&target, &issuer, refusal)),
    };
    Ok(Reply(Submitted { redirect_uri, authorization_code: answer.is_ok().then(|| code.text().to_owned()) }))
}

/// Where the answer goes; the contract has no other mode than the query.
fn address(delivery: Delivery) -> String {
    match delivery {
        Delivery::Redirect(uri) => uri,
        Delivery::FormPost { action, .. } => action,
    }
}

/// A request of which nothing is known but who makes it.
fn request_of(client_id: ClientId) -> AuthorizationRequest {
    AuthorizationRequest {
        client_id,
        redirect_uri: None,
        response_type: None,
        response_mode: None,
        scope: None,
        state: None,
        nonce: None,
        code_challenge: None,
        code_challenge_method: None,
        prompt: None,
        max_age: None,
        login_hint: None,
        id_token_hint: None,
        ui_locales: None,
        claims: None,
        request: None,
        request_uri: None,
        registration: None,
        resources: Vec::new(),
    }
}

fn client_of(tx: &mut Tx<'_>, app: &App, id: &ClientId) -> Result<(Current, Arc<Registered>), Failure> {
    let current = app.records.project(tx, &app.project)?;
    let registered = app.records.client(tx, &current, id)?.ok_or(host_page::CLIENT_NOT_FOUND)?;
    Ok((current, registered))
}

/// The user for whom the page asks, as it names them.
enum Who {
    User(String),
    Session(NamedSession),
}

impl Who {
    async fn of(
        app: &App,
        current: &Current,
        user_id: Option<String>,
        token: Option<String>,
        jwt: Option<String>,
    ) -> Result<Self, Failure> {
        match (user_id, token, jwt) {
            (None, None, None) => Err(NO_USER_SELECTOR.into()),
            (Some(user_id), None, None) => Ok(Self::User(user_id)),
            (None, token, jwt) if token.is_none() || jwt.is_none() => {
                let named = named(app, current, token.as_deref(), jwt.as_deref()).await?;
                Ok(Self::Session(named.ok_or(NO_USER_SELECTOR)?))
            }
            _ => Err(TOO_MANY_USER_SELECTORS.into()),
        }
    }

    /// The user, and the session if the page named one; only if both may come in.
    fn find(&self, tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<(User, Option<Session>), Failure> {
        match self {
            Self::User(id) => Ok((user(tx, app, id)?, None)),
            Self::Session(named) => {
                let (session, user) = named.find(tx, &app.project, now)?.ok_or(SESSION_NOT_FOUND)?;
                Ok((user, Some(session)))
            }
        }
    }

    /// The same, with the session locked until the transaction ends: a sign-out comes before the code, or voids it.
    fn take(&self, tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<(User, Option<Session>), Failure> {
        match self {
            Self::User(id) => Ok((user(tx, app, id)?, None)),
            Self::Session(named) => {
                let (full, user) = named.take(tx, &app.project, now)?;
                Ok((user, Some(full.session)))
            }
        }
    }
}

fn user(tx: &mut Tx<'_>, app: &App, id: &str) -> Result<User, Failure> {
    let found = user_of(tx, &app.project, id)?;
    Ok(Some(found).filter(|user| user.disabled_at.is_none()).ok_or(USER_NOT_FOUND)?)
}

/// A scope value in plain words; those of the specifications have none in the policy.
fn description<'p>(value: &str, policy: &'p Policy) -> &'p str {
    match value {
        "openid" => "Know who you are",
        "profile" => "See your name and profile",
        "email" => "See your email address",
        "phone" => "See your phone number",
        "address" => "See your postal address",
        "offline_access" => "Stay connected while you are away",
        FULL_ACCESS => "Do everything that you can do",
        value => policy.scope_value(value).map_or("", |own| own.description.as_str()),
    }
}
