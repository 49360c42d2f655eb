//! `POST /oauth2/token`: a client exchanges a grant for tokens.
//!
//! Specs: RFC 6749 §3.2, §4.1.3, §4.4 and §6, OAuth 2.1 §4.1.3 and §4.3, RFC 7636 §4.6, RFC 8707 §2.2.
//! Decides nothing: each grant's rules are in `protocol`. What is issued is signed after the transaction is flushed.

use super::authenticate::{Caller, Sender, authenticate};
use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::{Challenged, NoStore},
        extract::{Form, Now},
        visit::Address,
    },
    issue::{self, ClientToken, Order, Signers, TokenResponse, UserTokens},
    keys::KeyRing,
    records::{Current, Registered},
    store::Tx,
    trusted_login::{self, Host, Question},
};
use anyhow::Context as _;
use axum::{extract::State, http::HeaderMap};
use hospes_protocol::{
    Scope, Seconds, Timestamp, access_scope,
    audit_event::{Actor, EventKind},
    authorization_code::{self, Redemption},
    claim_template,
    client::GrantType,
    client_credentials,
    family::Family,
    id::FamilyId,
    liveness::{self, Standing},
    parameters::Parameters,
    plane::Plane,
    refresh_token::{self, Presented},
    scope::OFFLINE_ACCESS,
    token_request::{self, TokenRequest},
};
use std::sync::Arc;
use tracing::{error, info, warn};

pub(crate) async fn token(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<NoStore<TokenResponse>, Challenged> {
    let sender = Sender { plane: Plane::Standard, headers: &headers, address: address.0 };
    Ok(NoStore(answer(&app, sender, &parameters, now).await?))
}

/// The same for the endpoint of any plane.
pub(crate) async fn answer(
    app: &App,
    sender: Sender<'_>,
    parameters: &Parameters,
    now: Now,
) -> Result<TokenResponse, Challenged> {
    let plane = sender.plane;
    let request = token_request::parse(parameters, plane)?;
    let caller = authenticate(app, sender, parameters, *now).await?;
    request.is_allowed_for(&caller.registered.client)?;
    let ring = app.keys.ring(caller.current.counter).await?;
    let signers = Signers::of(&ring, &caller.registered.client, *now)?;
    let order = match request {
        TokenRequest::AuthorizationCode { code, redirect_uri, code_verifier, resources } => {
            let redemption = CodeRedemption { code, redirect_uri, code_verifier, resources };
            redeem_code(app, plane, caller, ring, redemption, *now).await?
        }
        TokenRequest::RefreshToken { refresh_token, scope, resources } => {
            let presented = Presented::parse(&refresh_token).ok_or(refresh_token::UNKNOWN)?;
            refresh(app, caller, ring, Refresh { plane, presented, scope, resources }, *now).await?
        }
        TokenRequest::ClientCredentials { scope, resources } => {
            let Caller { registered, current, .. } = caller;
            let allowed =
                client_credentials::decide(&registered.client, scope.as_ref(), &resources, &current.project.policy)?;
            let token = ClientToken {
                current: &current,
                client: &registered.client,
                scope: allowed.scope,
                resources: &allowed.resources,
                request: &claim_template::request_variables(parameters.iter()),
            };
            issue::client_token(app, token, *now)?
        }
    };
    Ok(issue::sign(order, &signers)?)
}

struct CodeRedemption {
    code: String,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    resources: Vec<String>,
}

async fn redeem_code(
    app: &App,
    plane: Plane,
    caller: Caller,
    ring: Arc<KeyRing>,
    request: CodeRedemption,
    now: Timestamp,
) -> Result<Order, Failure> {
    let hash = authorization_code::hash(&request.code);
    let secret = app.entropy.bytes::<32>();
    let occasion = app.occasion(Actor::Client, now);
    let app = app.clone();
    app.clone()
        .store
        .write(move |tx| {
            let project = &app.project;
            let code = tx.take_code(project, &hash)?.ok_or(authorization_code::UNKNOWN)?;
            let redemption = Redemption {
                client_id: &caller.registered.client.id,
                plane,
                redirect_uri: request.redirect_uri.as_deref(),
                code_verifier: request.code_verifier.as_deref(),
            };
            match authorization_code::decide(&code, &redemption, now) {
                authorization_code::Decision::Issue => {}
                authorization_code::Decision::RevokeFamily => {
                    warn!(client_id = %code.client_id, family_id = %code.family_id, "an authorization code was replayed");
                    if tx.revoke_family(project, &code.family_id, now)? {
                        let event = occasion.event(EventKind::CodeReplayed);
                        tx.record(project, &event.user(&code.user_id).client(&code.client_id))?;
                    }
                    return Err(authorization_code::REPLAYED.into());
                }
                authorization_code::Decision::Refuse(refusal) => return Err(refusal.into()),
            }
            let (current, client) = reread_client(tx, &app, &caller)?;
            // Locked, in the order of `sign_out_everywhere`: whoever ends the grant or the login meanwhile comes before
            // this, or finds the family.
            let session = match &code.session_id {
                Some(id) => Some(tx.take_session(project, id)?),
                None => None,
            };
            let grant = tx.take_grant(project, &code.user_id, &code.client_id, now)?;
            let user = tx.find_user(project, &code.user_id)?;
            let standing = Standing {
                project_valid_from: current.project.tokens_valid_from,
                client: Some(&client.client),
                user: user.as_ref(),
                grant: grant.as_ref(),
            };
            let alive = liveness::authorization(standing, code.issued_at, now).map_err(ended)?;
            if let Some(session) = session {
                liveness::session(session.as_ref(), alive.user, now).map_err(ended)?;
            }

            let lifetimes = &current.lifetimes;
            let access_end = now.plus(issue::access_token_lifetime(&current, alive.client));
            let may_refresh =
                code.scope.contains(OFFLINE_ACCESS) && alive.client.may_use(GrantType::RefreshToken);
            let consent_end = alive.grant.expires_at.unwrap_or(Timestamp(i64::MAX));
            let family_end = if may_refresh { now.plus(lifetimes.refresh_absolute) } else { access_end };
            let mut family = Family {
                id: code.family_id.clone(),
                plane: code.plane,
                client_id: code.client_id.clone(),
                user_id: code.user_id.clone(),
                session_id: code.session_id.clone(),
                scope: code.scope.clone(),
                resources: code.resources.clone(),
                context: code.context.clone(),
                created_at: code.issued_at,
                revoked_at: None,
                expires_at: family_end.min(consent_end),
                refresh: None,
            };
            let policy = &current.project.policy;
            let scope = access_scope::narrow(&family.scope, None, &alive, policy)?;
            let resources = access_scope::narrow_resources(&family.resources, &request.resources, &alive, policy)?;
            let refresh_token = may_refresh
                .then(|| first_refresh_token(&app, &ring, &mut family, &secret, lifetimes.refresh_idle, now))
                .transpose()?;
            // First: a request that is refused for what it asks takes no step.
            let order = issue::user_tokens(
                &app,
                UserTokens {
                    current: &current,
                    client: alive.client,
                    user: alive.user,
                    family: &family,
                    scope,
                    resources: &resources,
                    nonce: code.nonce.clone(),
                    refresh_token,
                    not_after: family.expires_at,
                },
                now,
            )?;
            tx.add_family(project, &family)?;
            tx.redeem_code(project, &hash, now, authorization_code::keep_until(now, access_end))?;
            Ok(order)
        })
        .await
}

fn first_refresh_token(
    app: &App,
    ring: &KeyRing,
    family: &mut Family,
    secret: &[u8; 32],
    idle_lifetime: Seconds,
    now: Timestamp,
) -> Result<String, Failure> {
    let keys =
        ring.current_refresh_keys(now).context("no active refresh key; `hospes key rotate --refresh` makes one")?;
    let idle_end = refresh_token::idle_end(now, idle_lifetime, family.expires_at);
    let (token, state) = refresh_token::first(&keys, &app.project, &family.id, secret, idle_end)
        .with_context(|| format!("family id {} is no UUID", family.id))?;
    family.refresh = Some(state);
    Ok(token)
}

struct Refresh {
    plane: Plane,
    presented: Presented,
    scope: Option<Scope>,
    resources: Vec<String>,
}

/// Tokens, or what the host app is to be asked before there are any.
enum Refreshed {
    Order(Box<Order>),
    AskHost(Question),
}

async fn refresh(
    app: &App,
    caller: Caller,
    ring: Arc<KeyRing>,
    request: Refresh,
    now: Timestamp,
) -> Result<Order, Failure> {
    let (caller, request) = (Arc::new(caller), Arc::new(request));
    let first = refresh_once(app, Arc::clone(&caller), &ring, Arc::clone(&request), Host::NotAsked, now).await?;
    let question = match first {
        Refreshed::Order(order) => return Ok(*order),
        Refreshed::AskHost(question) => question,
    };
    // Between two transactions, so that nothing is locked meanwhile; the second decides anew.
    let host = question.ask(app, &ring, now).await?;
    match refresh_once(app, caller, &ring, request, host, now).await? {
        Refreshed::Order(order) => Ok(*order),
        Refreshed::AskHost(_) => Err(Failure::Busy),
    }
}

async fn refresh_once(
    app: &App,
    caller: Arc<Caller>,
    ring: &KeyRing,
    request: Arc<Refresh>,
    host: Host,
    now: Timestamp,
) -> Result<Refreshed, Failure> {
    let keys = ring.refresh_keys(request.presented.key_id()).ok_or(refresh_token::UNKNOWN)?;
    if !request.presented.tag_is_genuine(&keys, &app.project) {
        return Err(refresh_token::UNKNOWN.into());
    }
    let family_id: FamilyId = request.presented.family_id();
    let new_salt = app.entropy.bytes::<16>();
    let occasion = app.occasion(Actor::Client, now);
    let app = app.clone();
    app.clone()
        .store
        .write(move |tx| {
            let project = &app.project;
            let family = tx.take_family(project, &family_id)?.ok_or(refresh_token::UNKNOWN)?;
            // RFC 6749 §6: another client's attempt has no effect, whatever state the token is in
            if family.client_id != caller.registered.client.id {
                return Err(refresh_token::WRONG_CLIENT.into());
            }
            let (current, client) = reread_client(tx, &app, &caller)?;
            let (user, grant) = tx.find_user_and_grant(project, &family.user_id, &family.client_id)?;
            let standing = Standing {
                project_valid_from: current.project.tokens_valid_from,
                client: Some(&client.client),
                user: user.as_ref(),
                grant: grant.as_ref(),
            };
            let alive = liveness::family(&family, standing, now).map_err(ended)?;
            access_scope::may_refresh(&alive)?;
            if let Some(question) = trusted_login::may_refresh(tx, &app, &family, alive.user, host, now)? {
                return Ok(Refreshed::AskHost(question));
            }
            let lifetimes = &current.lifetimes;
            let order = |token| -> Result<_, Failure> {
                let policy = &current.project.policy;
                let scope = access_scope::narrow(&family.scope, request.scope.as_ref(), &alive, policy)?;
                let resources =
                    access_scope::narrow_resources(&family.resources, &request.resources, &alive, policy)?;
                let tokens = UserTokens {
                    current: &current,
                    client: alive.client,
                    user: alive.user,
                    family: &family,
                    scope,
                    resources: &resources,
                    nonce: None,
                    refresh_token: token,
                    not_after: family.expires_at.min(alive.grant.expires_at.unwrap_or(Timestamp(i64::MAX))),
                };
                issue::user_tokens(&app, tokens, now)
            };
            let decision = refresh_token::decide(
                &request.presented,
                &refresh_token::Facts {
                    project,
                    keys: &keys,
                    family: &family,
                    alive: &alive,
                    plane: request.plane,
                    window: alive.client.settings.refresh_window.unwrap_or(lifetimes.refresh_window),
                    idle_lifetime: lifetimes.refresh_idle,
                    new_salt,
                    now,
                },
            );
            let order = match decision {
                refresh_token::Decision::Rotate { state, token } => {
                    // First: a request that is refused for what it asks takes no step.
                    let order = order(Some(token))?;
                    tx.save_refresh_state(project, &family_id, &state)?;
                    order
                }
                refresh_token::Decision::Keep { state, token } => {
                    // By Stytch's contract a token that stays is not sent again
                    let order = order((request.plane == Plane::Standard).then_some(token))?;
                    tx.save_refresh_state(project, &family_id, &state)?;
                    order
                }
                refresh_token::Decision::Repeat { token } => {
                    info!(client_id = %family.client_id, family_id = %family.id, "a superseded refresh token was answered again");
                    order(Some(token))?
                }
                refresh_token::Decision::Theft => {
                    warn!(client_id = %family.client_id, family_id = %family.id, "refresh token reuse: the family is revoked");
                    if tx.revoke_family(project, &family_id, now)? {
                        let event = occasion.event(EventKind::RefreshTokenReused);
                        tx.record(project, &event.user(&family.user_id).client(&family.client_id))?;
                    }
                    return Err(refresh_token::REUSED.into());
                }
                refresh_token::Decision::Alarm(refusal) => {
                    error!(
                        client_id = %family.client_id, family_id = %family.id,
                        "a genuine refresh token does not fit the stored state: was an old database restored?"
                    );
                    return Err(refusal.into());
                }
                refresh_token::Decision::Refuse(refusal) => return Err(refusal.into()),
            };
            tx.touch_grant(project, &family.user_id, &family.client_id, now)?;
            Ok(Refreshed::Order(Box::new(order)))
        })
        .await
}

/// The client and the project as this transaction sees them: either may have changed since the client authenticated.
fn reread_client(tx: &mut Tx<'_>, app: &App, caller: &Caller) -> Result<(Current, Arc<Registered>), Failure> {
    let current = app.records.project(tx, &app.project)?;
    let client = app.records.client(tx, &current, &caller.registered.client.id)?;
    Ok((current, client.ok_or(liveness::ENDED)?))
}

fn ended(dead: liveness::Dead) -> Failure {
    info!(reason = dead.as_str(), "an authorization has ended");
    liveness::ENDED.into()
}
