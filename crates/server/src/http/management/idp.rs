//! `/v1/idp/oauth/authorize`: the host app's own page asks for its user whom it logged in, and hands in the answer.
//!
//! Decides nothing: the rules are those of our own pages. The client's plane decides how strict they are.

use super::{
    body::Body,
    caller::Management,
    connected_apps::PublicConnectedApp,
    reply::{Envelope, ErrorEnvelope, Reply},
    user_object::UserObject,
};
use crate::{
    app::App,
    failure::Failure,
    http::{
        extract::{AcceptLanguage, Now},
        interaction::{
            code::{CodeOf, LoginBehind, NewCode, add_code_of},
            consent::description,
            who::{USER_NOT_FOUND, Who},
        },
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
    full_access, host_page, hosted,
    id::ClientId,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

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
    /// `query`, as without it.
    response_mode: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuthorizationStarted)]
pub(crate) struct Started {
    pub(crate) user_id: String,
    pub(crate) user: UserObject,
    pub(crate) client: PublicConnectedApp,
    /// Whether the user must be asked before the request is submitted.
    pub(crate) consent_required: bool,
    /// Every value asked for, in the order of the request.
    pub(crate) scope_results: Vec<ScopeResult>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ScopeResult {
    scope: String,
    /// In the language of `Accept-Language`.
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
    language: AcceptLanguage,
    Body(asked): Body<Start>,
) -> Result<Reply<Started>, Failure> {
    let who = Who::of(&app, &caller.current, asked.user_id, asked.session_token, asked.session_jwt).await?;
    let asking = Asking {
        client_id: asked.client_id,
        redirect_uri: asked.redirect_uri,
        response_type: asked.response_type,
        scopes: asked.scopes,
        prompt: asked.prompt,
        response_mode: asked.response_mode,
    };
    Ok(Reply(started(&app, who, asking, &language, *now).await?))
}

/// What a page says of the authorization request, both times it asks.
pub(crate) struct Asking {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) response_type: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) prompt: Option<String>,
    pub(crate) response_mode: Option<String>,
}

/// What the page is to show to `who`, in the language of the page.
pub(crate) async fn started(
    app: &App,
    who: Who,
    asking: Asking,
    language: &AcceptLanguage,
    now: Timestamp,
) -> Result<Started, Failure> {
    let (client_id, scopes) = (ClientId::new(asking.client_id), asking.scopes);
    let request = AuthorizationRequest {
        redirect_uri: Some(asking.redirect_uri),
        response_type: Some(asking.response_type),
        prompt: asking.prompt,
        response_mode: asking.response_mode,
        ..request_of(client_id.clone())
    };
    let words = app.pages.words(&[], language.0.as_deref());
    let app = app.clone();
    app.clone()
        .store
        .read(move |tx| {
            let (user, _) = who.find(tx, &app, now)?;
            let (current, registered) = client_of(tx, &app, &client_id)?;
            let (client, policy) = (&registered.client, &current.project.policy);
            let scope = host_page::validate_scopes(&scopes, client, policy)?;
            let request = AuthorizationRequest { scope: Some(scope.to_string()), ..request.clone() };
            let preview = authorization_request::preview(&request, client, policy, client.settings.plane)
                .map_err(|rejected| host_page::in_contract(rejected.refusal))?;
            hosted::validate_mode(preview.request().target.mode)?;
            let grant = tx.find_grant(&app.project, &user.id, &client.id)?;
            let given = Consenting { user: &user, grant: grant.as_ref(), now };
            let step = authorize::decide_consent(preview.request(), client, policy, &given);
            let result = |value: &str| ScopeResult {
                scope: value.to_owned(),
                description: words.scope(value, description(value, policy).as_deref()).title,
                is_grantable: full_access::is_grantable(value, client, policy, &user),
            };
            Ok(Started {
                user_id: user.id.to_string(),
                user: UserObject::load(tx, &app.project, &user, now)?,
                client: PublicConnectedApp::of(client),
                consent_required: asks(&step),
                scope_results: scope.iter().map(result).collect(),
            })
        })
        .await
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
    /// As in the call before.
    response_mode: Option<String>,
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
    let asking = Asking {
        client_id: asked.client_id,
        redirect_uri: asked.redirect_uri,
        response_type: asked.response_type,
        scopes: asked.scopes,
        prompt: asked.prompt,
        response_mode: asked.response_mode,
    };
    let answer = Answer {
        consent_granted: asked.consent_granted,
        state: asked.state,
        nonce: asked.nonce,
        code_challenge: asked.code_challenge,
        resources: asked.resources,
    };
    Ok(Reply(submitted(&app, who, asking, answer, Actor::Host, *now).await?))
}

/// The user's answer, with what of the request only the client needs.
pub(crate) struct Answer {
    pub(crate) consent_granted: bool,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) resources: Vec<String>,
}

/// Where the answer of `who`, which `actor` hands in, leads.
pub(crate) async fn submitted(
    app: &App,
    who: Who,
    asking: Asking,
    answer: Answer,
    actor: Actor,
    now: Timestamp,
) -> Result<Submitted, Failure> {
    let (client_id, scopes, is_granted) = (ClientId::new(asking.client_id), asking.scopes, answer.consent_granted);
    let request = host_page::with_method(AuthorizationRequest {
        redirect_uri: Some(asking.redirect_uri),
        response_type: Some(asking.response_type),
        prompt: asking.prompt,
        response_mode: asking.response_mode,
        state: answer.state,
        nonce: answer.nonce,
        code_challenge: answer.code_challenge,
        resources: answer.resources,
        ..request_of(client_id.clone())
    });
    let new_code = NewCode::new(app, actor, now);
    let code = new_code.secret.clone();
    let (target, issuer, answer) = {
        let app = app.clone();
        app.clone()
            .store
            .write(move |tx| {
                let (user, session) = who.take(tx, &app, now)?;
                let (current, registered) = client_of(tx, &app, &client_id)?;
                let (client, policy) = (&registered.client, &current.project.policy);
                let scope = host_page::validate_scopes(&scopes, client, policy)?;
                let request = AuthorizationRequest { scope: Some(scope.to_string()), ..request.clone() };
                let valid = authorization_request::validate(&request, client, policy, client.settings.plane)
                    .map_err(|rejected| host_page::in_contract(rejected.refusal))?;
                hosted::validate_mode(valid.target.mode)?;
                let grant = tx.take_grant(&app.project, &user.id, &client.id, now)?;
                // Locked after the grant, as everywhere.
                let user = tx.take_user(&app.project, &user.id)?.filter(|user| user.disabled_at.is_none());
                let user = user.ok_or(USER_NOT_FOUND)?;
                let given = Consenting { user: &user, grant: grant.as_ref(), now };
                let approval = match authorize::decide_consent(&valid, client, policy, &given) {
                    Step::Issue(approval) => Ok(approval),
                    Step::Consent(question) if is_granted => {
                        let allowed = question.items.iter().map(|item| item.value.as_str()).collect();
                        consent::answer(&question, &ConsentAnswer { allowed, expires_at: None }, now)
                    }
                    Step::Consent(_) => Err(DENIED),
                    Step::Refuse(refusal) => Err(refusal),
                    Step::Login | Step::SelectAccount => Err(CONSENT_REQUIRED),
                };
                let issuer = issue::issuer(&app, &current, client.settings.plane);
                let answer: Result<(), Refusal> = match approval {
                    Ok(approval) => {
                        let login = session.as_ref().map(LoginBehind::session).unwrap_or_default();
                        let of = CodeOf { current: &current, client, user: &user, login };
                        add_code_of(tx, &app, &of, &valid, &approval, &new_code, now)?;
                        Ok(())
                    }
                    Err(refusal) => Err(refusal),
                };
                Ok((valid.target, issuer, answer))
            })
            .await?
    };
    let delivery = match &answer {
        Ok(()) => authorization_response::success(&target, &issuer, code.text()),
        Err(refusal) => authorization_response::error(&target, &issuer, refusal),
    };
    let Delivery::Redirect(redirect_uri) = delivery else { return Err(hosted::FORM_POST.into()) };
    Ok(Submitted { redirect_uri, authorization_code: answer.is_ok().then(|| code.text().to_owned()) })
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
