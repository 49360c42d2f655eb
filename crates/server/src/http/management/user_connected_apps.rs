//! `/v1/users/{user_id}/connected_apps`: which apps a user has connected, and how the host app disconnects them.

use super::{
    caller::Management,
    connected_apps::{ClientType, NOT_FOUND},
    reply::{Envelope, ErrorEnvelope, Nothing, Reply},
    user_object::user_of,
};
use crate::{
    app::App,
    failure::Failure,
    http::{account::apps::disconnect, extract::Now},
};
use axum::extract::{Path, State};
use hospes_protocol::{audit_event::Actor, client::Client, grant::Grant, id::ClientId};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct UserConnectedApp {
    connected_app_id: String,
    name: String,
    description: String,
    client_type: ClientType,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_url: Option<String>,
    /// What the user permits it, with spaces between.
    scopes_granted: String,
}

impl UserConnectedApp {
    pub(crate) fn of((grant, client): &(Grant, Client)) -> Self {
        Self {
            connected_app_id: client.id.to_string(),
            name: client.settings.name.clone(),
            description: client.settings.description.clone(),
            client_type: ClientType::of(client),
            logo_url: client.settings.logo_uri.clone(),
            scopes_granted: grant.scope.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UserConnectedAppsReply {
    pub(crate) connected_apps: Vec<UserConnectedApp>,
}

/// Lists the apps that a user has connected, the last used first.
#[utoipa::path(get, path = "/v1/users/{user_id}/connected_apps", tag = "Connected Apps",
    params(("user_id" = String, Path, description = "The user's id, or the host app's own id of the user.")),
    responses((status = 200, body = Envelope<UserConnectedAppsReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(user_id): Path<String>,
) -> Result<Reply<UserConnectedAppsReply>, Failure> {
    let project = caller.current.project.id.clone();
    let connected_apps = app
        .store
        .read(move |tx| {
            let user = user_of(tx, &project, &user_id)?;
            let grants = tx.list_grants_of_user(&project, &user.id, *now)?;
            Ok(grants.iter().map(UserConnectedApp::of).collect())
        })
        .await?;
    Ok(Reply(UserConnectedAppsReply { connected_apps }))
}

/// Disconnects an app from a user: its tokens and the user's consent end at once. That it was not connected is no error.
#[utoipa::path(post, path = "/v1/users/{user_id}/connected_apps/{connected_app_id}/revoke", tag = "Connected Apps",
    params(
        ("user_id" = String, Path, description = "The user's id, or the host app's own id of the user."),
        ("connected_app_id" = String, Path),
    ),
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path((user_id, client_id)): Path<(String, String)>,
) -> Result<Reply<Nothing>, Failure> {
    let (project, client_id) = (caller.current.project.id.clone(), ClientId::new(client_id));
    let occasion = app.occasion(Actor::Host, *now);
    app.store
        .write(move |tx| {
            let user = user_of(tx, &project, &user_id)?;
            tx.find_client(&project, &client_id)?.ok_or(NOT_FOUND)?;
            disconnect(tx, &project, &occasion, &user.id, &client_id)
        })
        .await?;
    Ok(Reply(Nothing {}))
}
