//! `/sdk/v1/users`: the user who is logged in, and whether somebody who is not has an account.

use super::caller::SdkCall;
use crate::{
    app::App,
    failure::Failure,
    http::{
        extract::Now,
        management::{
            body::Body,
            reply::Reply,
            session_block::NOT_FOUND,
            user_object::UserObject,
            users::{NameChange, UpdateUser, change_taken},
        },
    },
};
use axum::extract::State;
use hospes_protocol::{audit_event::Actor, user::Name};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The user, whose members stand in the answer without another name around them.
pub(super) async fn me(State(app): State<App>, call: SdkCall, now: Now) -> Result<Reply<UserObject>, Failure> {
    let named = call.signed_in()?;
    let project = app.project.clone();
    let user = app.store.read(move |tx| {
        let (_, user) = named.find(tx, &project, *now)?.ok_or(NOT_FOUND)?;
        UserObject::load(tx, &project, &user, *now)
    });
    Ok(Reply(user.await?))
}

/// What users may change of themselves.
#[derive(Deserialize)]
pub(super) struct UpdateMe {
    name: Option<NameChange>,
    untrusted_metadata: Option<Map<String, Value>>,
}

#[derive(Serialize)]
pub(super) struct Updated {
    user_id: String,
    user: UserObject,
    /// From here the packages take the user whom they show.
    #[serde(rename = "__user")]
    shown: UserObject,
}

pub(super) async fn update_me(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<UpdateMe>,
) -> Result<Reply<Updated>, Failure> {
    app.limits.authorize(call.address)?;
    let named = call.signed_in()?;
    let change = UpdateUser {
        name: asked.name,
        trusted_metadata: None,
        untrusted_metadata: asked.untrusted_metadata,
        external_id: None,
        roles: None,
    };
    let (project, occasion) = (app.project.clone(), app.occasion(Actor::User, *now));
    let user = app.store.write(move |tx| {
        let (_, user) = named.find(tx, &project, *now)?.ok_or(NOT_FOUND)?;
        // The user before the session, as everywhere.
        let user = tx.take_user(&project, &user.id)?.ok_or(NOT_FOUND)?;
        // Once the row is ours: they may have been disabled or signed out meanwhile.
        named.take(tx, &project, *now)?;
        change_taken(tx, &project, user, &occasion, |user| change.apply(&mut user.profile))
    });
    let user = user.await?;
    Ok(Reply(Updated { user_id: user.user_id.clone(), shown: user.clone(), user }))
}

#[derive(Deserialize)]
pub(super) struct Search {
    email: String,
}

#[derive(Serialize)]
pub(super) struct Found {
    #[serde(rename = "userType")]
    kind: UserKind,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum UserKind {
    New,
    Passwordless,
    Password,
}

/// Says which form the page shows for an address. Where nobody may sign up there is one form for everybody, so nothing is
/// told (`docs/decisions/0009-who-has-an-account-is-told-where-strangers-sign-up.md`).
pub(super) async fn search(
    State(app): State<App>,
    call: SdkCall,
    Body(asked): Body<Search>,
) -> Result<Reply<Found>, Failure> {
    app.limits.search(call.address)?;
    if !call.current.project.settings.sdk.sign_up {
        return Ok(Reply(Found { kind: UserKind::Password }));
    }
    let (project, name) = (app.project.clone(), Name::email(&asked.email));
    let kind = app.store.read(move |tx| match tx.find_user_by_name(&project, &name)? {
        None => Ok(UserKind::New),
        Some(user) if tx.find_password(&project, &user.id)?.is_some() => Ok(UserKind::Password),
        Some(_) => Ok(UserKind::Passwordless),
    });
    Ok(Reply(Found { kind: kind.await? }))
}
