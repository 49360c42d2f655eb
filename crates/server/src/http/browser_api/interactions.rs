//! `/interactions`: the page of the host app asks from the browser what to show, and hands in the user's answer.
//!
//! What the page is told and what its answer does is in [`crate::http::interaction::hosted`], as for `/v1/interactions`.

use super::caller::{NOT_SIGNED_IN, PageCall};
use crate::{
    app::App,
    failure::Failure,
    http::{
        extract::{AcceptLanguage, Now},
        interaction::{
            hosted::{self, Call},
            object::InteractionObject,
            who::TrustedToken,
        },
        management::{
            body::Body,
            interactions::{InteractionVerdict, Selected, selected},
            reply::{Envelope, ErrorEnvelope, Reply},
        },
    },
};
use axum::extract::{Path, State};
use hospes_protocol::{authorization_request, hosted::Caller, id::InteractionId, interaction::Said};
use serde::Deserialize;
use utoipa::ToSchema;

/// What every call may say about the user and the browser.
#[derive(Deserialize, ToSchema)]
#[schema(as = PagePresence)]
struct Presence {
    /// A JWT of the host app's own login, instead of a session of ours.
    trusted_token: Option<String>,
    /// The profile that says how to read it.
    profile_id: Option<String>,
    /// 256 random bits that the page made when it handed in a query, and keeps in this browser alone.
    nonce: Option<String>,
}

impl Presence {
    fn trusted(&self) -> TrustedToken {
        TrustedToken { token: self.trusted_token.clone(), profile_id: self.profile_id.clone() }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = OpenFromPage)]
pub(super) struct Open {
    /// The handle in the page's address.
    interaction_id: Option<String>,
    /// Instead of the handle, where the page itself is the authorization endpoint: its whole query, as it is.
    query: Option<String>,
    #[serde(flatten)]
    presence: Presence,
}

/// Says what the page is to do with an authorization request: send the browser on, log the user in, or ask for consent.
#[utoipa::path(post, path = "/interactions", tag = "Browser interactions", request_body = Open, security((), ("session" = [])),
    responses((status = 200, body = Envelope<InteractionObject>), (status = "4XX", body = ErrorEnvelope)))]
pub(super) async fn open(
    State(app): State<App>,
    caller: PageCall,
    now: Now,
    language: AcceptLanguage,
    Body(asked): Body<Open>,
) -> Result<Reply<InteractionObject>, Failure> {
    app.limits.authorize(caller.address)?;
    let call = Call::new(Caller::Browser, asked.presence.nonce.as_deref(), language, *now)?;
    let selected = selected(asked.interaction_id, asked.query)?;
    let visitor = caller.visitor(&app, asked.presence.trusted(), *now).await?;
    let object = match selected {
        Selected::Handle(id) => hosted::open(&app, call, id, visitor).await?,
        Selected::Query(parameters) => {
            let request = authorization_request::parse(&parameters)?;
            app.limits.store(caller.address, request.size())?;
            hosted::begin(&app, call, request, visitor).await?
        }
    };
    Ok(Reply(object))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = LoginFromPage)]
pub(super) struct Login {
    #[serde(flatten)]
    presence: Presence,
}

/// Says that the user has logged in, or has chosen this account, for this interaction. Without `trusted_token` it needs
/// a session.
#[utoipa::path(post, path = "/interactions/{interaction_id}/login", tag = "Browser interactions",
    params(("interaction_id" = String, Path)), request_body = Login, security((), ("session" = [])),
    responses((status = 200, body = Envelope<InteractionObject>), (status = "4XX", body = ErrorEnvelope)))]
pub(super) async fn login(
    State(app): State<App>,
    caller: PageCall,
    now: Now,
    language: AcceptLanguage,
    Path(id): Path<String>,
    Body(asked): Body<Login>,
) -> Result<Reply<InteractionObject>, Failure> {
    let call = Call::new(Caller::Browser, asked.presence.nonce.as_deref(), language, *now)?;
    let visitor = caller.visitor(&app, asked.presence.trusted(), *now).await?.ok_or(NOT_SIGNED_IN)?;
    Ok(Reply(hosted::login(&app, call, InteractionId::new(id), visitor).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = DecideFromPage)]
pub(super) struct Decide {
    #[serde(flatten)]
    verdict: InteractionVerdict,
    #[serde(flatten)]
    presence: Presence,
}

/// Hands in the user's answer, and says where the browser goes with it. Whoever allows says who they are, by a session
/// or by `trusted_token`.
#[utoipa::path(post, path = "/interactions/{interaction_id}/decide", tag = "Browser interactions",
    params(("interaction_id" = String, Path)), request_body = Decide, security((), ("session" = [])),
    responses((status = 200, body = Envelope<InteractionObject>), (status = "4XX", body = ErrorEnvelope)))]
pub(super) async fn decide(
    State(app): State<App>,
    caller: PageCall,
    now: Now,
    language: AcceptLanguage,
    Path(id): Path<String>,
    Body(asked): Body<Decide>,
) -> Result<Reply<InteractionObject>, Failure> {
    let call = Call::new(Caller::Browser, asked.presence.nonce.as_deref(), language, *now)?;
    let said = asked.verdict.parse()?;
    let visitor = caller.visitor(&app, asked.presence.trusted(), *now).await?;
    // Anybody may turn back; whoever allows says who they are.
    if visitor.is_none() && said != Said::Deny {
        return Err(NOT_SIGNED_IN.into());
    }
    Ok(Reply(hosted::decide(&app, call, InteractionId::new(id), visitor, said).await?))
}
