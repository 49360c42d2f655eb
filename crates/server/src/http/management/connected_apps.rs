//! `/v1/connected_apps/clients`: the clients that act for users.

use super::{
    body::Body,
    caller::Management,
    cursor::{self, ResultsMetadata},
    error::refuse_api,
    reply::{Envelope, ErrorEnvelope, Reply},
};
use crate::{
    app::App,
    failure::Failure,
    store::{
        Position,
        client_secrets::{ClientSecret, Slot},
    },
};
use axum::extract::{Path, State};
use hospes_protocol::{
    Refusal, Seconds,
    client::{Client, ClientKind, Confidentiality, Party},
    id::ClientId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) const NOT_FOUND: Refusal =
    refuse_api(404, "connected_app_not_found", "the project has no connected app with this client_id");

/// Who a connected app belongs to, and whether it can keep a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientType {
    FirstParty,
    FirstPartyPublic,
    ThirdParty,
    ThirdPartyPublic,
}

impl ClientType {
    pub(crate) fn of(client: &Client) -> Self {
        match (client.settings.party, client.settings.confidentiality) {
            (Party::First, Confidentiality::Confidential) => Self::FirstParty,
            (Party::First, Confidentiality::Public) => Self::FirstPartyPublic,
            (Party::Third, Confidentiality::Confidential) => Self::ThirdParty,
            (Party::Third, Confidentiality::Public) => Self::ThirdPartyPublic,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectedApp {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) client_description: String,
    /// `active` or `inactive`.
    pub(crate) status: &'static str,
    pub(crate) client_type: ClientType,
    pub(crate) redirect_urls: Vec<String>,
    pub(crate) access_token_expiry_minutes: i64,
    pub(crate) post_logout_redirect_urls: Vec<String>,
    pub(crate) bypass_consent_for_offline_access: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_last_four: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_client_secret_last_four: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logo_url: Option<String>,
}

impl ConnectedApp {
    fn of(client: &Client, secrets: &[ClientSecret], default_lifetime: Seconds) -> Self {
        let settings = &client.settings;
        let last_four =
            |slot: Slot| secrets.iter().find(|secret| secret.slot == slot).map(|secret| secret.last_four.clone());
        Self {
            client_id: client.id.to_string(),
            client_name: settings.name.clone(),
            client_description: settings.description.clone(),
            status: if client.disabled_at.is_none() { "active" } else { "inactive" },
            client_type: ClientType::of(client),
            redirect_urls: settings.redirect_uris.clone(),
            access_token_expiry_minutes: settings.access_token_lifetime.unwrap_or(default_lifetime).0 / 60,
            post_logout_redirect_urls: settings.post_logout_redirect_uris.clone(),
            bypass_consent_for_offline_access: settings.bypass_consent_for_offline_access,
            client_secret_last_four: last_four(Slot::Current),
            next_client_secret_last_four: last_four(Slot::Next),
            logo_url: settings.logo_uri.clone(),
        }
    }
}

/// What anybody may see of a connected app.
#[derive(Serialize, ToSchema)]
pub(crate) struct PublicConnectedApp {
    client_id: String,
    client_name: String,
    client_description: String,
    client_type: ClientType,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_url: Option<String>,
}

impl PublicConnectedApp {
    pub(crate) fn of(client: &Client) -> Self {
        let settings = &client.settings;
        Self {
            client_id: client.id.to_string(),
            client_name: settings.name.clone(),
            client_description: settings.description.clone(),
            client_type: ClientType::of(client),
            logo_url: settings.logo_uri.clone(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectedAppReply {
    connected_app: ConnectedApp,
}

/// Gets a connected app.
#[utoipa::path(get, path = "/v1/connected_apps/clients/{client_id}", tag = "Connected Apps",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<ConnectedAppReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Management,
    Path(id): Path<String>,
) -> Result<Reply<ConnectedAppReply>, Failure> {
    let project = caller.current.project.id.clone();
    let lifetime = caller.current.lifetimes.access_token;
    let connected_app = app
        .store
        .read(move |tx| {
            let id = ClientId::new(&id);
            let client = tx.find_client(&project, &id)?.filter(is_app).ok_or(NOT_FOUND)?;
            Ok(ConnectedApp::of(&client, &tx.find_client_secrets(&project, &id)?, lifetime))
        })
        .await?;
    Ok(Reply(ConnectedAppReply { connected_app }))
}

/// A machine is no connected app, and is found under its own path only.
fn is_app(client: &Client) -> bool {
    client.settings.kind() == ClientKind::App
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct Search {
    /// The `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 1000; 100 if absent.
    #[serde(default)]
    limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectedAppsReply {
    connected_apps: Vec<ConnectedApp>,
    results_metadata: ResultsMetadata,
}

/// Lists connected apps, oldest first.
#[utoipa::path(post, path = "/v1/connected_apps/clients/search", tag = "Connected Apps", request_body = Search,
    responses((status = 200, body = Envelope<ConnectedAppsReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn search(
    State(app): State<App>,
    caller: Management,
    Body(search): Body<Search>,
) -> Result<Reply<ConnectedAppsReply>, Failure> {
    let (after, limit) = (cursor::parse(search.cursor.as_deref())?, cursor::limit(search.limit)?);
    let project = caller.current.project.id.clone();
    let lifetime = caller.current.lifetimes.access_token;
    let reply = app
        .store
        .read(move |tx| {
            let total = tx.count_clients(&project, ClientKind::App)?;
            let found = tx.list_clients_of_kind(&project, ClientKind::App, &after, limit + 1)?;
            let (page, next_cursor) = cursor::page(found, limit, |client| Position {
                created_at: client.created_at,
                id: client.id.to_string(),
            });
            let mut connected_apps = Vec::with_capacity(page.len());
            for client in &page {
                connected_apps.push(ConnectedApp::of(client, &tx.find_client_secrets(&project, &client.id)?, lifetime));
            }
            Ok(ConnectedAppsReply { connected_apps, results_metadata: ResultsMetadata { total, next_cursor } })
        })
        .await?;
    Ok(Reply(reply))
}
