//! `/v1/passwords/existing_password/reset` and `/v1/passwords/session/reset`: a user who is there sets a new password.
//!
//! A new password ends what the old one let in: sessions, tokens, open requests. Permissions that the user gave to
//! clients stay.

use super::{
    body::Body,
    caller::Management,
    passwords::{AttributesObject, WRONG_CREDENTIALS, hash_chosen, refused},
    reply::{Envelope, ErrorEnvelope, Reply},
    session_block::{NOT_FOUND, SessionBlock, SessionFields, named},
    sessions::NO_ARGUMENTS,
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Now,
    password_login::{self, Outcome},
};
use axum::extract::State;
use hospes_protocol::{
    audit_event::{Actor, EventKind},
    password_change,
    session::FactorMethod,
    user::Name,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zeroize::Zeroizing;

#[derive(Deserialize, ToSchema)]
pub(crate) struct ResetByPassword {
    email: String,
    existing_password: String,
    new_password: String,
    /// 5 to 527040. Without it no session is begun; a session that is sent ends like all others.
    session_duration_minutes: Option<i64>,
    #[schema(value_type = Option<Object>)]
    session_custom_claims: Option<Map<String, Value>>,
    attributes: Option<AttributesObject>,
}

/// Puts a new password in the place of the one that the user knows, and ends all their sessions and tokens.
#[utoipa::path(post, path = "/v1/passwords/existing_password/reset", tag = "Passwords",
    operation_id = "reset_by_existing_password", request_body = ResetByPassword,
    responses((status = 200, body = Envelope<SessionBlock>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn by_existing_password(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<ResetByPassword>,
) -> Result<Reply<SessionBlock>, Failure> {
    let current = &caller.current.project;
    let fields = SessionFields::unnamed(asked.session_duration_minutes, asked.session_custom_claims);
    let prepared = fields.prepare(&app, &caller.current, AttributesObject::parse(asked.attributes)?, *now).await?;
    let name = Name::email(&asked.email);
    let existing = Zeroizing::new(asked.existing_password);
    let verified = match password_login::verify(&app, name.clone(), existing, *now).await? {
        Outcome::Right(verified) => verified,
        Outcome::Refused(user_id, reason) => return Err(refused(user_id.as_ref(), reason).into()),
    };
    let (project, id) = (current.id.clone(), verified.user_id.clone());
    let user = app.store.read(move |tx| Ok(tx.find_user(&project, &id)?)).await?.ok_or(WRONG_CREDENTIALS)?;
    let password = Zeroizing::new(asked.new_password);
    let hash = hash_chosen(&app, password, &user, &current.settings.password_policy).await?;
    let (project, occasion) = (current.id.clone(), app.occasion(Actor::Host, *now));
    let stored = app.store.write(move |tx| {
        let user = password_login::admit(tx, &project, &verified, *now)?.ok_or(WRONG_CREDENTIALS)?;
        let email = user.profile.email_named(&name).ok_or(WRONG_CREDENTIALS)?;
        tx.set_password(&project, &user.id, &hash, *now)?;
        tx.sign_out_everywhere(&project, &user.id, *now)?;
        let event = occasion.event(EventKind::UserPasswordSet).user(&user.id);
        tx.record(&project, &event.detail("signed_out", true))?;
        prepared.store(tx, &user, FactorMethod::password(Some(email)))
    });
    Ok(Reply(stored.await?.sign()?))
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct ResetBySession {
    password: String,
    #[serde(flatten)]
    session: SessionFields,
}

/// Sets the password of the user of a session in which they proved within the last five minutes, by a password or by
/// their mail, who they are. That session stays; all others and all tokens end.
#[utoipa::path(post, path = "/v1/passwords/session/reset", tag = "Passwords", operation_id = "reset_by_session",
    request_body = ResetBySession,
    responses((status = 200, body = Envelope<SessionBlock>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn by_session(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<ResetBySession>,
) -> Result<Reply<SessionBlock>, Failure> {
    let current = &caller.current.project;
    let (token, jwt) = (asked.session.session_token.as_deref(), asked.session.session_jwt.as_deref());
    let session = named(&app, &caller.current, token, jwt).await?.ok_or(NO_ARGUMENTS)?;
    let prepared = asked.session.prepare(&app, &caller.current, AttributesObject::parse(None)?, *now).await?;
    let (project, wanted) = (current.id.clone(), session.clone());
    let found = app.store.read(move |tx| wanted.find(tx, &project, *now));
    let (_, user) = found.await?.ok_or(NOT_FOUND)?;
    let password = Zeroizing::new(asked.password);
    let hash = hash_chosen(&app, password, &user, &current.settings.password_policy).await?;
    let (project, occasion) = (current.id.clone(), app.occasion(Actor::Host, *now));
    let stored = app.store.write(move |tx| {
        let (full, _) = session.take(tx, &project, *now)?;
        password_change::validate_session(&full, *now)?;
        let user = tx.take_user(&project, &full.session.user_id)?.ok_or(NOT_FOUND)?;
        // Once the row is ours: they may have been disabled or signed out meanwhile.
        session.take(tx, &project, *now)?;
        tx.set_password(&project, &user.id, &hash, *now)?;
        tx.sign_out_elsewhere(&project, &user.id, &full.session.id, *now)?;
        let event = occasion.event(EventKind::UserPasswordSet).user(&user.id);
        tx.record(&project, &event.detail("signed_out", true))?;
        prepared.store(tx, &user, FactorMethod::password(user.profile.email()))
    });
    Ok(Reply(stored.await?.sign()?))
}
