//! `/v1/sessions`: list, authenticate, revoke, migrate.

use super::{
    body::Body,
    caller::Management,
    error::refuse_api,
    reply::{Envelope, ErrorEnvelope, Nothing, Reply},
    session_block::{NOT_FOUND, NamedSession, SessionBlock, SessionFields, Signer, named},
    session_object::{SessionObject, roles_of},
    user_object::user_of,
};
use crate::{
    app::App,
    failure::Failure,
    fetch::FetchError,
    http::extract::{Now, Query},
    secret::Secret,
};
use axum::extract::State;
use hospes_protocol::{
    Refusal,
    id::SessionId,
    sandbox,
    session::{Attributes, FactorMethod},
    session_block::{SessionRequest, carry_on},
    session_migration,
    user::Name,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

pub(crate) const NO_ARGUMENTS: Refusal = refuse_api(400, "no_session_arguments", "send session_token or session_jwt");
pub(crate) const NO_REVOKE_ARGUMENTS: Refusal =
    refuse_api(400, "no_session_revoke_arguments", "send session_id, session_token or session_jwt");
pub(crate) const TOO_MANY_REVOKE_ARGUMENTS: Refusal =
    refuse_api(400, "too_many_session_revoke_arguments", "send one of session_id, session_token and session_jwt");
pub(crate) const NOT_AUTHORIZED: Refusal = refuse_api(
    403,
    "session_authorization_error",
    "no role of the user allows this action; GET /v1/rbac/policy shows the roles, PUT /v1/users/{user_id} sets a user's",
);
pub(crate) const NO_USER: Refusal = refuse_api(400, "invalid_user_id", "user_id: send the id or external id of a user");

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query")]
pub(crate) struct OfUser {
    /// A user's id or external id.
    user_id: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsReply {
    sessions: Vec<SessionObject>,
}

/// Lists the sessions of a user that have not ended, newest first.
#[utoipa::path(get, path = "/v1/sessions", tag = "Sessions", params(OfUser),
    responses((status = 200, body = Envelope<SessionsReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Query(query): Query,
) -> Result<Reply<SessionsReply>, Failure> {
    let wanted = query.get("user_id").ok_or(NO_USER)?.to_owned();
    let project = caller.current.project.id.clone();
    let sessions = app
        .store
        .read(move |tx| {
            let user = user_of(tx, &project, &wanted)?;
            let sessions = tx.list_sessions_of_user(&project, &user.id, *now)?;
            Ok(sessions.iter().map(|session| SessionObject::of(session, &user)).collect())
        })
        .await?;
    Ok(Reply(SessionsReply { sessions }))
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct Authenticate {
    /// Instead of `session_jwt`.
    session_token: Option<String>,
    /// Instead of `session_token`; it may have expired.
    session_jwt: Option<String>,
    /// 5 to 527040: the session ends so long from now.
    session_duration_minutes: Option<i64>,
    /// Merged with those that the session has; `null` takes one away. Kept only with a duration.
    #[schema(value_type = Option<Object>)]
    session_custom_claims: Option<Map<String, Value>>,
    /// Also ask whether the user's roles allow an action.
    authorization_check: Option<AuthorizationCheck>,
}

#[derive(Clone, Deserialize, ToSchema)]
pub(crate) struct AuthorizationCheck {
    resource_id: String,
    action: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Authenticated {
    #[serde(flatten)]
    block: SessionBlock,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// Always true: what is not allowed is refused with `session_authorization_error`.
    authorized: bool,
    /// The roles that allow it.
    granting_roles: Vec<String>,
}

/// Says whose session a token or JWT is, extends it, and makes a new JWT.
#[utoipa::path(post, path = "/v1/sessions/authenticate", tag = "Sessions", request_body = Authenticate,
    responses((status = 200, body = Envelope<Authenticated>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn authenticate(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Authenticate>,
) -> Result<Reply<Authenticated>, Failure> {
    let request = SessionRequest::parse(asked.session_duration_minutes, asked.session_custom_claims)?;
    let named = named(&app, &caller.current, asked.session_token.as_deref(), asked.session_jwt.as_deref());
    let named = named.await?.ok_or(NO_ARGUMENTS)?;
    let signer = Signer::of(&app, &caller.current, *now).await?;
    let check = asked.authorization_check;
    let sandbox = asked.session_token.filter(|token| is_sandbox(&app, token));
    let (stored, verdict) = app
        .store
        .write(move |tx| {
            let project = &signer.current.project;
            let (mut session, user) = match &sandbox {
                None => named.take(tx, &project.id, *now)?,
                Some(_) => (sandbox::session(*now), sandbox::user(*now)),
            };
            let verdict = match &check {
                None => None,
                Some(check) => {
                    let granting_roles =
                        project.policy.granting_roles(&roles_of(&user), &check.resource_id, &check.action);
                    if granting_roles.is_empty() {
                        return Err(NOT_AUTHORIZED.into());
                    }
                    Some(Verdict { authorized: true, granting_roles })
                }
            };
            carry_on(&mut session, &request, *now)?;
            let stored = match &sandbox {
                None => {
                    tx.save_session(&project.id, &session)?;
                    signer.stored(tx, &user, session, *now)?
                }
                Some(token) => signer.shown(tx, &user, session, Some(Secret::from_text(token.clone())), *now)?,
            };
            Ok((stored, verdict))
        })
        .await?;
    Ok(Reply(Authenticated { block: stored.sign()?, verdict }))
}

/// Whether this is the token of the session that every test project has.
fn is_sandbox(app: &App, token: &str) -> bool {
    app.environment == "test" && token == sandbox::SESSION_TOKEN
}

#[derive(Deserialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the contract")]
pub(crate) struct Revoke {
    session_id: Option<String>,
    session_token: Option<String>,
    session_jwt: Option<String>,
}

/// Ends a session, and with it what clients got by it without `offline_access`.
#[utoipa::path(post, path = "/v1/sessions/revoke", tag = "Sessions", request_body = Revoke,
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Revoke>,
) -> Result<Reply<Nothing>, Failure> {
    if asked.session_token.as_deref().is_some_and(|token| is_sandbox(&app, token)) {
        return Ok(Reply(Nothing {}));
    }
    let named = match (asked.session_id, asked.session_token, asked.session_jwt) {
        (None, None, None) => return Err(NO_REVOKE_ARGUMENTS.into()),
        (Some(id), None, None) => NamedSession::Id(SessionId::new(id)),
        (None, token, jwt) if token.is_none() || jwt.is_none() => {
            let named = named(&app, &caller.current, token.as_deref(), jwt.as_deref()).await?;
            named.ok_or(NO_REVOKE_ARGUMENTS)?
        }
        _ => return Err(TOO_MANY_REVOKE_ARGUMENTS.into()),
    };
    let project = caller.current.project.id.clone();
    app.store
        .write(move |tx| {
            let id = named.id(tx, &project)?.ok_or(NOT_FOUND)?;
            Ok(tx.end_session(&project, &id, *now)?)
        })
        .await?;
    Ok(Reply(Nothing {}))
}

/// An hour: what a session lasts that was migrated without saying how long.
const MIGRATED_MINUTES: i64 = 60;
/// More than any userinfo answer has.
const MAX_USERINFO: usize = 64 * 1024;

#[derive(Deserialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the contract")]
pub(crate) struct Migrate {
    /// The session or access token of the login before, which its userinfo endpoint understands.
    session_token: String,
    /// 5 to 527040; 60 if absent.
    session_duration_minutes: Option<i64>,
    #[schema(value_type = Option<Object>)]
    session_custom_claims: Option<Map<String, Value>>,
}

/// Begins a session for a user who is logged in at the login that the host app had before.
#[utoipa::path(post, path = "/v1/sessions/migrate", tag = "Sessions", request_body = Migrate,
    responses((status = 200, body = Envelope<SessionBlock>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn migrate(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Migrate>,
) -> Result<Reply<SessionBlock>, Failure> {
    session_migration::validate_token(&asked.session_token)?;
    let settings = &caller.current.project.settings;
    let url = settings.session_migration_url.as_deref().ok_or(session_migration::NO_URL)?;
    let fields = SessionFields::unnamed(
        Some(asked.session_duration_minutes.unwrap_or(MIGRATED_MINUTES)),
        asked.session_custom_claims,
    );
    let prepared = fields.prepare(&app, &caller.current, Attributes::default(), *now).await?;
    let userinfo = app.fetch.json_as(&asked.session_token, url, MAX_USERINFO).await.map_err(|error| match error {
        FetchError::Busy => Failure::Busy,
        _ => session_migration::UNEXPECTED.into(),
    })?;
    let email = Name::email(session_migration::email(&userinfo.json)?);
    let stored = app
        .store
        .write(move |tx| {
            let project = &prepared.signer.current.project.id;
            let found = tx.find_user_by_name(project, &email)?.ok_or(session_migration::UNKNOWN_EMAIL)?;
            let user = tx.take_user(project, &found.id)?.filter(|user| user.disabled_at.is_none());
            prepared.store(tx, &user.ok_or(session_migration::UNKNOWN_EMAIL)?, FactorMethod::Imported)
        })
        .await?;
    Ok(Reply(stored.sign()?))
}
