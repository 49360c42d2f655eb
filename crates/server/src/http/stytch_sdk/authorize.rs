//! `/sdk/v1/idp/oauth/authorize`: the page asks what to show for an authorization request, and hands in the answer.
//!
//! As for `/v1/idp/oauth/authorize`, except that the user must be logged in here: nobody vouches for them. What a page
//! says of the consent counts only where there is something to consent to, which is decided anew at the answer. Where
//! nothing is to be asked, the packages answer `consent_granted: false`, and mean that they did not ask.

use super::caller::SdkCall;
use crate::{
    app::App,
    failure::Failure,
    http::{
        extract::{AcceptLanguage, Now},
        interaction::who::Who,
        management::{
            body::Body,
            connected_apps::PublicConnectedApp,
            idp::{self, Answer, Asking, ScopeResult, Submitted},
            reply::Reply,
            user_object::UserObject,
        },
    },
};
use axum::extract::State;
use hospes_protocol::audit_event::Actor;
use serde::{Deserialize, Serialize};

/// What the page read in its address; what the packages leave out of it is not here.
#[derive(Deserialize)]
pub(super) struct Request {
    client_id: String,
    redirect_uri: String,
    /// Some clients leave it out, and the packages then send `code`.
    response_type: Option<String>,
    scopes: Vec<String>,
    prompt: Option<String>,
}

impl From<Request> for Asking {
    fn from(own: Request) -> Self {
        Self {
            client_id: own.client_id,
            redirect_uri: own.redirect_uri,
            response_type: own.response_type.unwrap_or_else(|| "code".to_owned()),
            scopes: own.scopes,
            prompt: own.prompt,
            // The packages leave it out of what they read in the address.
            response_mode: None,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Started {
    user_id: String,
    user: UserObject,
    client: Client,
    consent_required: bool,
    scope_results: Vec<ScopeResult>,
}

/// The packages' types and their back end call the logo by different names.
#[derive(Serialize)]
struct Client {
    #[serde(flatten)]
    public: PublicConnectedApp,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_logo_url: Option<String>,
}

/// Says what the page is to show.
pub(super) async fn start(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    language: AcceptLanguage,
    Body(asked): Body<Request>,
) -> Result<Reply<Started>, Failure> {
    app.limits.authorize(call.address)?;
    let who = Who::Session(call.signed_in()?);
    let started = idp::started(&app, who, asked.into(), &language, *now).await?;
    Ok(Reply(Started {
        user_id: started.user_id,
        user: started.user,
        client: Client { client_logo_url: started.client.logo_url.clone(), public: started.client },
        consent_required: started.consent_required,
        scope_results: started.scope_results,
    }))
}

#[derive(Deserialize)]
pub(super) struct Submit {
    #[serde(flatten)]
    request: Request,
    consent_granted: bool,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
}

/// Answers the request for the user; the answer leads back to the client, with a code or with an error.
pub(super) async fn submit(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<Submit>,
) -> Result<Reply<Submitted>, Failure> {
    app.limits.authorize(call.address)?;
    let who = Who::Session(call.signed_in()?);
    let answer = Answer {
        consent_granted: asked.consent_granted,
        state: asked.state,
        nonce: asked.nonce,
        code_challenge: asked.code_challenge,
        resources: asked.resources,
    };
    Ok(Reply(idp::submitted(&app, who, asked.request.into(), answer, Actor::User, *now).await?))
}
