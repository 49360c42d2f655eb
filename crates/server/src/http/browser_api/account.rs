//! `/account/session` and `/account/connected_apps`: what a page of the host app does for the user's account.
//!
//! Specs: OAuth 2.1 §7.9 (users can list and revoke), OIDC Core §3.1.2.3, RFC 9700 §4.7.

use super::caller::PageCall;
use crate::{
    app::App,
    failure::Failure,
    http::{
        account::apps::disconnect as disconnect_app,
        browser_login::{self, Attempt, Trusted},
        extract::{AcceptLanguage, Now},
        interaction::{
            consent::{description, resource_view},
            object::{InteractionClient, InteractionProject, InteractionResource, InteractionUser},
        },
        management::{
            body::Body,
            reply::{Envelope, ErrorEnvelope, Nothing, Reply},
            session_block::{SessionBlock, Signer},
        },
    },
    pages::Words,
    rfc3339,
};
use axum::extract::{Path, State};
use hospes_protocol::{
    Refusal,
    audit_event::Actor,
    client::Client,
    grant::Grant,
    id::ClientId,
    policy::Policy,
    refuse_api,
    session_block::{SessionRequest, carry_on},
    user::User,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

pub(crate) const NO_LOGIN: Refusal = refuse_api(
    400,
    "invalid_argument",
    "send email and password, or trusted_token and profile_id, a JWT of your own login and the profile that trusts it",
);

/// How long a session lasts that stands for a login of the host app's: that may end, and its page then gets no other.
const MINUTES_OF_TRUSTED: i64 = 5;

/// One pair of the two.
#[derive(Deserialize, ToSchema)]
pub(super) struct LogIn {
    email: Option<String>,
    password: Option<String>,
    /// A JWT of the host app's own login. The session lasts five minutes.
    trusted_token: Option<String>,
    /// The trusted token profile that it is of.
    profile_id: Option<String>,
}

/// The session of the user, as far as a page needs to know it.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountSession {
    /// Only when the session has just begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
    /// For five minutes; the call that shows the session makes another.
    session_jwt: String,
    expires_at: Option<String>,
    user: InteractionUser,
}

impl AccountSession {
    fn of(block: SessionBlock, user: &User) -> Self {
        Self {
            session_token: None,
            session_jwt: block.session_jwt,
            expires_at: block.session.map(|session| session.expires_at),
            user: InteractionUser::of(user),
        }
    }
}

/// Logs a user in by address and password, or by a token of the host app's login. The page keeps the session's token: it
/// gets no cookie.
#[utoipa::path(post, path = "/account/session", tag = "Account", request_body = LogIn, security(()),
    responses((status = 200, body = Envelope<AccountSession>), (status = "4XX", body = ErrorEnvelope)))]
pub(super) async fn log_in(
    State(app): State<App>,
    caller: PageCall,
    now: Now,
    Body(asked): Body<LogIn>,
) -> Result<Reply<AccountSession>, Failure> {
    let (mut block, user) = match asked {
        LogIn { email: Some(email), password: Some(password), trusted_token: None, profile_id: None } => {
            let attempt = Attempt {
                address: caller.address,
                attributes: caller.attributes.clone(),
                email,
                password: Zeroizing::new(password),
                minutes: browser_login::longest_minutes(&caller.current),
            };
            browser_login::log_in(&app, &caller.current, attempt, *now).await?
        }
        LogIn { email: None, password: None, trusted_token: Some(token), profile_id: Some(profile_id) } => {
            let (address, attributes) = (caller.address, caller.attributes.clone());
            let trusted = Trusted { address, attributes, profile_id, token, minutes: MINUTES_OF_TRUSTED };
            browser_login::log_in_trusted(&app, &caller.current, trusted, *now).await?
        }
        _ => return Err(NO_LOGIN.into()),
    };
    let session_token = Some(std::mem::take(&mut block.session_token));
    Ok(Reply(AccountSession { session_token, ..AccountSession::of(block, &user) }))
}

/// Shows whose session it is, with a new JWT.
#[utoipa::path(get, path = "/account/session", tag = "Account",
    responses((status = 200, body = Envelope<AccountSession>), (status = "4XX", body = ErrorEnvelope)))]
pub(super) async fn session(
    State(app): State<App>,
    caller: PageCall,
    now: Now,
) -> Result<Reply<AccountSession>, Failure> {
    let named = caller.session(&app, *now).await?;
    let signer = Signer::of(&app, &caller.current, *now).await?;
    let request = SessionRequest::parse(None, None)?;
    let (stored, user) = app
        .store
        .write(move |tx| {
            let project = &signer.current.project.id;
            let (mut session, user) = named.take(tx, project, *now)?;
            carry_on(&mut session, &request, *now)?;
            tx.save_session(project, &session)?;
            Ok((signer.stored(tx, &user, session, *now)?, user))
        })
        .await?;
    Ok(Reply(AccountSession::of(stored.sign()?, &user)))
}

/// Signs the user out here. What clients got with `offline_access` stays until it is disconnected.
#[utoipa::path(delete, path = "/account/session", tag = "Account",
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope)))]
pub(super) async fn log_out(State(app): State<App>, caller: PageCall, now: Now) -> Result<Reply<Nothing>, Failure> {
    let named = caller.session(&app, *now).await?;
    let project = app.project.clone();
    app.store
        .write(move |tx| {
            let id = named.id(tx, &project)?;
            Ok(tx.end_session(&project, &id, *now)?)
        })
        .await?;
    Ok(Reply(Nothing {}))
}

#[derive(Serialize, ToSchema)]
pub(super) struct ConnectedApps {
    project: InteractionProject,
    /// The last used first.
    connected_apps: Vec<ConnectedApp>,
}

/// An app that the user has connected, with what it may do.
#[derive(Serialize, ToSchema)]
#[schema(as = AppOfUser)]
struct ConnectedApp {
    client: InteractionClient,
    scopes: Vec<GrantedScope>,
    resources: Vec<InteractionResource>,
    connected_at: String,
    last_used_at: Option<String>,
    expires_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct GrantedScope {
    scope: String,
    /// In plain words, in the language of `Accept-Language`.
    text: String,
    /// What more there is to say of it.
    detail: Option<String>,
}

impl ConnectedApp {
    fn of(grant: &Grant, client: &Client, policy: &Policy, words: &Words) -> Self {
        let scope = |value: &str| {
            let said = words.scope(value, description(value, policy).as_deref());
            GrantedScope { scope: value.to_owned(), text: said.title, detail: said.detail }
        };
        Self {
            client: InteractionClient::of(client),
            scopes: grant.scope.iter().map(scope).collect(),
            resources: grant.resources.iter().map(|uri| InteractionResource::of(resource_view(uri, policy))).collect(),
            connected_at: rfc3339::text(grant.created_at),
            last_used_at: grant.last_used_at.map(rfc3339::text),
            expires_at: grant.expires_at.map(rfc3339::text),
        }
    }
}

/// Lists the apps that the user has connected, the last used first.
#[utoipa::path(get, path = "/account/connected_apps", tag = "Account",
    responses((status = 200, body = Envelope<ConnectedApps>), (status = "4XX", body = ErrorEnvelope)))]
pub(super) async fn connected_apps(
    State(app): State<App>,
    caller: PageCall,
    now: Now,
    language: AcceptLanguage,
) -> Result<Reply<ConnectedApps>, Failure> {
    let named = caller.session(&app, *now).await?;
    let current = caller.current;
    let project = InteractionProject { name: app.pages.host_name(&current.project.name) };
    let words = app.pages.words(&[], language.0.as_deref());
    let connected_apps = app
        .store
        .read(move |tx| {
            let project = &current.project;
            let (_, user) = named.find(tx, &project.id, *now)?;
            let grants = tx.list_grants_of_user(&project.id, &user.id, *now)?;
            let app = |(grant, client): &_| ConnectedApp::of(grant, client, &project.policy, &words);
            Ok(grants.iter().map(app).collect())
        })
        .await?;
    Ok(Reply(ConnectedApps { project, connected_apps }))
}

/// Disconnects an app: its tokens and the user's consent end at once. That it was not connected is no error.
#[utoipa::path(delete, path = "/account/connected_apps/{client_id}", tag = "Account",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope)))]
pub(super) async fn disconnect(
    State(app): State<App>,
    caller: PageCall,
    now: Now,
    Path(client_id): Path<String>,
) -> Result<Reply<Nothing>, Failure> {
    let named = caller.session(&app, *now).await?;
    let (project, client_id) = (app.project.clone(), ClientId::new(client_id));
    let occasion = app.occasion(Actor::User, *now);
    app.store
        .write(move |tx| {
            let (_, user) = named.find(tx, &project, *now)?;
            disconnect_app(tx, &project, &occasion, &user.id, &client_id)
        })
        .await?;
    Ok(Reply(Nothing {}))
}
