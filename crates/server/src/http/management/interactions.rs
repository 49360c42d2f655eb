//! `/v1/interactions`: the host app draws the page for authorization requests, and its back end asks what to show and
//! hands in the answer (our extension).
//!
//! Decides nothing: what the page is told and what its answer does is in [`crate::http::interaction::hosted`].

use super::{
    body::Body,
    caller::Management,
    error::refuse_api,
    reply::{Envelope, ErrorEnvelope, Reply},
};
use crate::{
    app::App,
    failure::Failure,
    http::{
        extract::{AcceptLanguage, Now},
        interaction::{
            hosted::{self, Call},
            object::InteractionObject,
            who::{NO_USER_SELECTOR, TrustedToken, Visitor, Who},
        },
    },
    rfc3339,
};
use axum::extract::{Path, State};
use hospes_protocol::{
    Refusal, Scope, Timestamp, audit_event::Actor, authorization_request, consent::ConsentAnswer, hosted::Caller,
    id::InteractionId, interaction::Said, parameters::Parameters,
};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const NO_INTERACTION_SELECTOR: Refusal = refuse_api(
    400,
    "no_interaction_selector",
    "send either the interaction_id from the page's address, or its whole query, as it is, in query",
);
pub(crate) const BAD_EXPIRES_AT: Refusal =
    refuse_api(400, "invalid_argument", "expires_at: RFC 3339, as in 2027-01-15T08:00:00Z; or leave it out");

/// Who stands before the page; at most one way of saying so.
#[derive(Deserialize, ToSchema)]
pub(crate) struct InteractionVisitor {
    /// A user's id or external id: the host app vouches for them.
    user_id: Option<String>,
    /// Instead of `user_id`.
    session_token: Option<String>,
    /// Instead of `user_id`.
    session_jwt: Option<String>,
    /// Instead of `user_id`: a JWT of the host app's own login.
    trusted_token: Option<String>,
    /// The trusted token profile that says how to read `trusted_token`.
    profile_id: Option<String>,
}

impl InteractionVisitor {
    async fn find(self, app: &App, caller: &Management, now: Timestamp) -> Result<Option<Visitor>, Failure> {
        let Self { user_id, session_token, session_jwt, trusted_token, profile_id } = self;
        let who = if user_id.is_none() && session_token.is_none() && session_jwt.is_none() {
            None
        } else {
            Some(Who::of(app, &caller.current, user_id, session_token, session_jwt).await?)
        };
        Visitor::of(app, who, TrustedToken { token: trusted_token, profile_id }, Actor::Host, now).await
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct OpenInteraction {
    /// The handle in the address of the host app's page.
    interaction_id: Option<String>,
    /// Instead of the handle, where the page itself is the authorization endpoint: its whole query, as it is.
    query: Option<String>,
    /// With `query`: base64url of the SHA-256 of the id of your own session in this browser; 43 characters.
    browser_binding: Option<String>,
    #[serde(flatten)]
    visitor: InteractionVisitor,
}

/// Says what the page is to do with an authorization request: send the browser on, log the user in, or ask for consent.
/// Who is named here is signed in; a login that the user has just done is told by the call for it.
#[utoipa::path(post, path = "/v1/interactions", tag = "Interactions", request_body = OpenInteraction,
    responses((status = 200, body = Envelope<InteractionObject>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn open(
    State(app): State<App>,
    caller: Management,
    now: Now,
    language: AcceptLanguage,
    Body(asked): Body<OpenInteraction>,
) -> Result<Reply<InteractionObject>, Failure> {
    let call = Call::new(Caller::BackEnd, asked.browser_binding.as_deref(), language, *now)?;
    let visitor = asked.visitor.find(&app, &caller, *now).await?;
    let object = match selected(asked.interaction_id, asked.query)? {
        Selected::Handle(id) => hosted::open(&app, call, id, visitor).await?,
        Selected::Query(parameters) => {
            hosted::begin(&app, call, authorization_request::parse(&parameters)?, visitor).await?
        }
    };
    Ok(Reply(object))
}

/// How a page names an interaction.
pub(crate) enum Selected {
    Handle(InteractionId),
    Query(Parameters),
}

pub(crate) fn selected(interaction_id: Option<String>, query: Option<String>) -> Result<Selected, Refusal> {
    match (interaction_id, query) {
        (Some(id), None) => Ok(Selected::Handle(InteractionId::new(id))),
        (None, Some(query)) => {
            Ok(Selected::Query(Parameters::parse(query.strip_prefix('?').unwrap_or(&query).as_bytes())?))
        }
        _ => Err(NO_INTERACTION_SELECTOR),
    }
}

/// Looks at an interaction and changes nothing. Where an answer goes is not shown: whoever gave it opens the interaction
/// again to be told.
#[utoipa::path(get, path = "/v1/interactions/{interaction_id}", tag = "Interactions",
    params(("interaction_id" = String, Path)),
    responses((status = 200, body = Envelope<InteractionObject>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn get(
    State(app): State<App>,
    _: Management,
    now: Now,
    language: AcceptLanguage,
    Path(id): Path<String>,
) -> Result<Reply<InteractionObject>, Failure> {
    let call = Call::new(Caller::BackEnd, None, language, *now)?;
    Ok(Reply(hosted::see(&app, call, InteractionId::new(id)).await?))
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct LoginInteraction {
    /// As the interaction was opened with, if it was opened with one.
    browser_binding: Option<String>,
    #[serde(flatten)]
    visitor: InteractionVisitor,
}

/// Says that the user has logged in, or has chosen this account, for this interaction.
#[utoipa::path(post, path = "/v1/interactions/{interaction_id}/login", tag = "Interactions",
    params(("interaction_id" = String, Path)), request_body = LoginInteraction,
    responses((status = 200, body = Envelope<InteractionObject>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn login(
    State(app): State<App>,
    caller: Management,
    now: Now,
    language: AcceptLanguage,
    Path(id): Path<String>,
    Body(asked): Body<LoginInteraction>,
) -> Result<Reply<InteractionObject>, Failure> {
    let call = Call::new(Caller::BackEnd, asked.browser_binding.as_deref(), language, *now)?;
    let visitor = asked.visitor.find(&app, &caller, *now).await?.ok_or(NO_USER_SELECTOR)?;
    Ok(Reply(hosted::login(&app, call, InteractionId::new(id), visitor).await?))
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct DecideInteraction {
    #[serde(flatten)]
    verdict: InteractionVerdict,
    /// As the interaction was opened with, if it was opened with one.
    browser_binding: Option<String>,
    #[serde(flatten)]
    visitor: InteractionVisitor,
}

/// What the user said.
#[derive(Deserialize, ToSchema)]
pub(crate) struct InteractionVerdict {
    decision: Decision,
    /// The values that the user left ticked, the required ones among them.
    #[serde(default)]
    scopes: Vec<String>,
    /// When the permission is to end; RFC 3339.
    expires_at: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Allow,
    Deny,
}

impl InteractionVerdict {
    pub(crate) fn parse(self) -> Result<Said, Refusal> {
        let Decision::Allow = self.decision else { return Ok(Said::Deny) };
        let allowed = Scope::parse(&self.scopes.join(" "))?;
        let expires_at = self.expires_at.map(|text| rfc3339::parse(&text).ok_or(BAD_EXPIRES_AT)).transpose()?;
        Ok(Said::Allow(ConsentAnswer { allowed, expires_at }))
    }
}

/// Hands in the user's answer, and says where the browser goes with it.
#[utoipa::path(post, path = "/v1/interactions/{interaction_id}/decide", tag = "Interactions",
    params(("interaction_id" = String, Path)), request_body = DecideInteraction,
    responses((status = 200, body = Envelope<InteractionObject>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn decide(
    State(app): State<App>,
    caller: Management,
    now: Now,
    language: AcceptLanguage,
    Path(id): Path<String>,
    Body(asked): Body<DecideInteraction>,
) -> Result<Reply<InteractionObject>, Failure> {
    let call = Call::new(Caller::BackEnd, asked.browser_binding.as_deref(), language, *now)?;
    let said = asked.verdict.parse()?;
    let visitor = asked.visitor.find(&app, &caller, *now).await?;
    Ok(Reply(hosted::decide(&app, call, InteractionId::new(id), visitor, said).await?))
}
