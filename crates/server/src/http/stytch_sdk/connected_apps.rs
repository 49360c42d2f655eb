//! `/sdk/v1/users/connected_apps`: what the user has connected, and how they disconnect it.

use super::caller::SdkCall;
use crate::{
    app::App,
    failure::Failure,
    http::{
        account::apps::disconnect,
        extract::Now,
        management::{
            reply::{Nothing, Reply},
            session_block::NOT_FOUND,
            user_connected_apps::{UserConnectedApp, UserConnectedAppsReply},
        },
    },
};
use axum::extract::{Path, State};
use hospes_protocol::{audit_event::Actor, id::ClientId};

/// Lists the apps that the user has connected, the last used first.
pub(super) async fn list(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
) -> Result<Reply<UserConnectedAppsReply>, Failure> {
    let named = call.signed_in()?;
    let project = app.project.clone();
    let connected_apps = app.store.read(move |tx| {
        let (_, user) = named.find(tx, &project, *now)?.ok_or(NOT_FOUND)?;
        let grants = tx.list_grants_of_user(&project, &user.id, *now)?;
        Ok(grants.iter().map(UserConnectedApp::of).collect())
    });
    Ok(Reply(UserConnectedAppsReply { connected_apps: connected_apps.await? }))
}

/// Disconnects an app: its tokens and the user's consent end at once. That it was not connected is no error.
pub(super) async fn revoke(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Path(client_id): Path<String>,
) -> Result<Reply<Nothing>, Failure> {
    let named = call.signed_in()?;
    let (project, client_id) = (app.project.clone(), ClientId::new(client_id));
    let occasion = app.occasion(Actor::User, *now);
    app.store
        .write(move |tx| {
            let (_, user) = named.find(tx, &project, *now)?.ok_or(NOT_FOUND)?;
            disconnect(tx, &project, &occasion, &user.id, &client_id)
        })
        .await?;
    Ok(Reply(Nothing {}))
}
