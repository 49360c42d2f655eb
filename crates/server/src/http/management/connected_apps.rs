//! `/v1/connected_apps/clients`: the clients that act for users.

use super::{
    body::{self, Body},
    caller::Management,
    cursor::{self, ResultsMetadata},
    error::refuse_api,
    reply::{Envelope, ErrorEnvelope, Reply},
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Now,
    issue,
    project::{self, CLIENT_SECRET_PREFIX},
    records::Current,
    secret::Secret,
    secret_rotation::{self, Refusals},
    store::{
        Position, Tx,
        client_secrets::{ClientSecret, Slot},
        projects::Project,
    },
};
use axum::extract::{Path, State};
use hospes_protocol::{
    Refusal,
    audit_event::{self, Actor, EventKind, Occasion},
    client::{Client, ClientKind, ClientSettings, Confidentiality, Party},
    connected_app,
    id::{ClientId, ProjectId},
    plane::Plane,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub(crate) const NOT_FOUND: Refusal =
    refuse_api(404, "connected_app_not_found", "the project has no connected app with this client_id");
pub(crate) const ALREADY_ROTATING: Refusal = refuse_api(
    400,
    "connected_app_already_rotating_secret",
    "a second secret exists already; finish the rotation, or cancel it",
);
pub(crate) const NOT_ROTATING: Refusal =
    refuse_api(400, "connected_app_not_rotating_secret", "there is no second secret; start a rotation first");
pub(crate) const NO_SECRETS: Refusal = refuse_api(
    400,
    "public_connected_apps_do_not_have_secrets",
    "this connected app does not use a secret, so there is none to rotate",
);
const ROTATION: Refusals =
    Refusals { no_secrets: NO_SECRETS, already_rotating: ALREADY_ROTATING, not_rotating: NOT_ROTATING };
pub(crate) const PLANE_OFF: Refusal = refuse_api(
    400,
    "invalid_argument",
    "plane: the project does not have the Stytch plane on; turn it on, or leave `plane` out",
);

/// How many grants of a removed client go in one transaction.
const BATCH: u32 = 500;
/// How many such transactions one call waits for.
const MOST_BATCHES: u32 = 40;

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
    const fn parts(self) -> (Party, Confidentiality) {
        match self {
            Self::FirstParty => (Party::First, Confidentiality::Confidential),
            Self::FirstPartyPublic => (Party::First, Confidentiality::Public),
            Self::ThirdParty => (Party::Third, Confidentiality::Confidential),
            Self::ThirdPartyPublic => (Party::Third, Confidentiality::Public),
        }
    }

    pub(crate) fn of(client: &Client) -> Self {
        match (client.settings.party, client.settings.confidentiality) {
            (Party::First, Confidentiality::Confidential) => Self::FirstParty,
            (Party::First, Confidentiality::Public) => Self::FirstPartyPublic,
            (Party::Third, Confidentiality::Confidential) => Self::ThirdParty,
            (Party::Third, Confidentiality::Public) => Self::ThirdPartyPublic,
        }
    }
}

/// Which rules its requests and tokens follow. An extension of ours to the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlaneName {
    Standard,
    Stytch,
}

impl From<Plane> for PlaneName {
    fn from(plane: Plane) -> Self {
        match plane {
            Plane::Standard => Self::Standard,
            Plane::Stytch => Self::Stytch,
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
    pub(crate) full_access_allowed: bool,
    pub(crate) access_token_expiry_minutes: i64,
    pub(crate) access_token_template_content: String,
    pub(crate) id_token_template_content: String,
    pub(crate) post_logout_redirect_urls: Vec<String>,
    pub(crate) bypass_consent_for_offline_access: bool,
    /// `management`, `dynamic_client_registration` or `client_id_metadata_document`.
    pub(crate) creation_method: &'static str,
    pub(crate) plane: PlaneName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_token_custom_audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_last_four: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_client_secret_last_four: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logo_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id_metadata_url: Option<String>,
    /// Only in the answer that made it: it is not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<String>,
    /// Only in the answer that made it: it is not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_client_secret: Option<String>,
}

impl ConnectedApp {
    fn of(current: &Current, client: &Client, secrets: &[ClientSecret]) -> Self {
        let settings = &client.settings;
        let last_four =
            |slot: Slot| secrets.iter().find(|secret| secret.slot == slot).map(|secret| secret.last_four.clone());
        let template = |own: &String| if own.is_empty() { "{}".to_owned() } else { own.clone() };
        Self {
            client_id: client.id.to_string(),
            client_name: settings.name.clone(),
            client_description: settings.description.clone(),
            status: if client.disabled_at.is_none() { "active" } else { "inactive" },
            client_type: ClientType::of(client),
            redirect_urls: settings.redirect_uris.clone(),
            full_access_allowed: settings.full_access_allowed,
            access_token_expiry_minutes: issue::access_token_lifetime(current, client).0 / 60,
            access_token_template_content: template(&settings.access_token_template),
            id_token_template_content: template(&settings.id_token_template),
            post_logout_redirect_urls: settings.post_logout_redirect_uris.clone(),
            bypass_consent_for_offline_access: settings.bypass_consent_for_offline_access,
            creation_method: settings.creation_method.as_str(),
            plane: settings.plane.into(),
            access_token_custom_audience: settings.access_token_custom_audience.clone(),
            client_secret_last_four: last_four(Slot::Current),
            next_client_secret_last_four: last_four(Slot::Next),
            logo_url: settings.logo_uri.clone(),
            client_id_metadata_url: settings.client_id_metadata_url.clone(),
            client_secret: None,
            next_client_secret: None,
        }
    }

    fn load(current: &Current, tx: &mut Tx<'_>, project: &ProjectId, client: &Client) -> Result<Self, Failure> {
        Ok(Self::of(current, client, &tx.find_client_secrets(project, &client.id)?))
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
    pub(crate) logo_url: Option<String>,
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

/// What may be said about a connected app. Absent members stay as they are; an empty text or list clears.
#[derive(Deserialize, ToSchema)]
pub(crate) struct AppChange {
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    client_description: Option<String>,
    #[serde(default)]
    redirect_urls: Option<Vec<String>>,
    #[serde(default)]
    post_logout_redirect_urls: Option<Vec<String>>,
    /// An https URL.
    #[serde(default)]
    logo_url: Option<String>,
    /// First party only: it may ask for `full_access`.
    #[serde(default)]
    full_access_allowed: Option<bool>,
    /// First party only: no question to the user for `offline_access`.
    #[serde(default)]
    bypass_consent_for_offline_access: Option<bool>,
    /// 5 to 1440. Until it is set, access tokens live 60 minutes on the `stytch` plane, on the `standard` plane as long
    /// as the project says.
    #[serde(default)]
    access_token_expiry_minutes: Option<i64>,
    #[serde(default)]
    access_token_custom_audience: Option<String>,
    /// A JSON object with tags: `{"plan": {{ user.trusted_metadata.plan }}}`.
    #[serde(default)]
    access_token_template_content: Option<String>,
    #[serde(default)]
    id_token_template_content: Option<String>,
}

impl From<AppChange> for connected_app::Change {
    fn from(asked: AppChange) -> Self {
        Self {
            name: asked.client_name,
            description: asked.client_description,
            redirect_uris: asked.redirect_urls,
            post_logout_redirect_uris: asked.post_logout_redirect_urls,
            logo_uri: asked.logo_url,
            full_access_allowed: asked.full_access_allowed,
            bypass_consent_for_offline_access: asked.bypass_consent_for_offline_access,
            access_token_expiry_minutes: asked.access_token_expiry_minutes,
            access_token_custom_audience: asked.access_token_custom_audience,
            access_token_template: asked.access_token_template_content,
            id_token_template: asked.id_token_template_content,
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct NewApp {
    client_type: ClientType,
    /// `stytch` if the project has the Stytch plane on, else `standard`.
    #[serde(default)]
    plane: Option<PlaneName>,
    #[serde(flatten)]
    settings: AppChange,
}

/// Makes a connected app. A confidential one gets a secret, which is shown this once.
#[utoipa::path(post, path = "/v1/connected_apps/clients", tag = "Connected Apps", request_body = NewApp,
    responses((status = 200, body = Envelope<ConnectedAppReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(members): Body<Map<String, Value>>,
) -> Result<Reply<ConnectedAppReply>, Failure> {
    let settings = settings_of_new(members, &caller.current.project)?;
    let project = caller.current.project.id.clone();
    let client = Client::new(project::new_client_id(&project, &settings, &app.entropy), settings, *now);
    let secret = project::uses_secret(&client.settings).then(|| Secret::new(CLIENT_SECRET_PREFIX, &app.entropy));
    let stored = secret.as_ref().map(|secret| project::in_slot(Slot::Current, secret, *now));
    let text = secret.map(|secret| secret.text().to_owned());
    let current = caller.current;
    let occasion = app.occasion(Actor::Host, *now);
    let connected_app = app
        .store
        .write(move |tx| {
            // Nobody else draws the same 122 random bits.
            tx.add_client(&project, &client)?;
            if let Some(secret) = &stored {
                tx.set_client_secret(&project, &client.id, secret)?;
            }
            tx.record(&project, &occasion.event(EventKind::ClientAdded).client(&client.id))?;
            ConnectedApp::load(&current, tx, &project, &client)
        })
        .await?;
    Ok(Reply(ConnectedAppReply { connected_app: ConnectedApp { client_secret: text, ..connected_app } }))
}

/// The settings of the app that `members` describe: those of the call that makes one.
pub(crate) fn settings_of_new(members: Map<String, Value>, project: &Project) -> Result<ClientSettings, Failure> {
    // By itself first: what is wrong inside of a flattened part cannot be named.
    body::read::<AppChange>(members.clone())?;
    let asked: NewApp = body::read(members)?;
    let (party, confidentiality) = asked.client_type.parts();
    let settings = connected_app::new(party, confidentiality, plane_for_new(project, asked.plane)?);
    Ok(connected_app::change(&settings, &asked.settings.into(), &schemes(project))?)
}

/// The private-use schemes without a dot that the project accepts.
fn schemes(project: &Project) -> Vec<&str> {
    project.settings.private_use_schemes.iter().map(String::as_str).collect()
}

/// Where a client that is made now belongs.
pub(super) fn plane_for_new(project: &Project, asked: Option<PlaneName>) -> Result<Plane, Refusal> {
    match (asked, project.settings.stytch.enabled) {
        (Some(PlaneName::Stytch) | None, true) => Ok(Plane::Stytch),
        (Some(PlaneName::Standard) | None, _) => Ok(Plane::Standard),
        (Some(PlaneName::Stytch), false) => Err(PLANE_OFF),
    }
}

/// Changes a connected app. Its type and its plane stay.
#[utoipa::path(put, path = "/v1/connected_apps/clients/{client_id}", tag = "Connected Apps", request_body = AppChange,
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<ConnectedAppReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
    Body(asked): Body<AppChange>,
) -> Result<Reply<ConnectedAppReply>, Failure> {
    let asked = connected_app::Change::from(asked);
    let occasion = app.occasion(Actor::Host, *now);
    let current = caller.current.clone();
    let connected_app = with_app(&app, &caller, &id, move |tx, project, client| {
        let settings = connected_app::change(&client.settings, &asked, &schemes(&current.project))?;
        let changed = audit_event::changed(&client.settings, &settings);
        tx.update_client(project, &client.id, &settings, client.version, *now)?;
        client.settings = settings;
        if !changed.is_empty() {
            let event = occasion.event(EventKind::ClientChanged).client(&client.id);
            tx.record(project, &event.detail("changed", changed))?;
        }
        Ok(())
    })
    .await?;
    Ok(Reply(ConnectedAppReply { connected_app }))
}

/// Takes the app, does something with it, and shows it as it is then.
async fn with_app(
    app: &App,
    caller: &Management,
    id: &str,
    body: impl Fn(&mut Tx<'_>, &ProjectId, &mut Client) -> Result<(), Failure> + Send + 'static,
) -> Result<ConnectedApp, Failure> {
    let (current, project, id) = (caller.current.clone(), caller.current.project.id.clone(), ClientId::new(id));
    app.store
        .write(move |tx| {
            let mut client = tx.take_client(&project, &id)?.filter(is_app).ok_or(NOT_FOUND)?;
            body(tx, &project, &mut client)?;
            ConnectedApp::load(&current, tx, &project, &client)
        })
        .await
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ClientIdReply {
    pub(super) client_id: String,
}

/// Removes a connected app with everything that was issued to it and every user's consent.
#[utoipa::path(delete, path = "/v1/connected_apps/clients/{client_id}", tag = "Connected Apps",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<ClientIdReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<ClientIdReply>, Failure> {
    let occasion = app.occasion(Actor::Host, *now);
    remove(&app, &caller, ClientId::new(&id), is_app, NOT_FOUND, occasion).await?;
    Ok(Reply(ClientIdReply { client_id: id }))
}

/// Removes a client of a kind, with what was issued to it.
pub(super) async fn remove(
    app: &App,
    caller: &Management,
    id: ClientId,
    is_meant: fn(&Client) -> bool,
    not_found: Refusal,
    occasion: Occasion,
) -> Result<(), Failure> {
    let project = caller.current.project.id.clone();
    {
        let (project, id) = (project.clone(), id.clone());
        app.store
            .write(move |tx| {
                tx.take_client(&project, &id)?.filter(is_meant).ok_or_else(|| not_found.clone())?;
                if tx.remove_client(&project, &id)? {
                    tx.record(&project, &occasion.event(EventKind::ClientRemoved).client(&id))?;
                }
                Ok(())
            })
            .await?;
    }
    // Nothing of it counts any more; this only makes room, and is no reason to let the caller wait for minutes.
    for _ in 0..MOST_BATCHES {
        let (project, client) = (project.clone(), id.clone());
        let removed = app.store.write(move |tx| Ok(tx.remove_remains_of_client(&project, &client, BATCH)?)).await?;
        if removed == 0 {
            break;
        }
    }
    Ok(())
}

/// Makes a second secret. Both are accepted until the rotation is finished or cancelled.
#[utoipa::path(post, path = "/v1/connected_apps/clients/{client_id}/secrets/rotate/start", tag = "Connected Apps",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<ConnectedAppReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn rotate_start(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<ConnectedAppReply>, Failure> {
    let secret = Secret::new(CLIENT_SECRET_PREFIX, &app.entropy);
    let stored = project::in_slot(Slot::Next, &secret, *now);
    let occasion = app.occasion(Actor::Host, *now);
    let connected_app = with_app(&app, &caller, &id, move |tx, project, client| {
        secret_rotation::start(tx, project, client, &stored, &ROTATION, &occasion)
    })
    .await?;
    let next_client_secret = Some(secret.text().to_owned());
    Ok(Reply(ConnectedAppReply { connected_app: ConnectedApp { next_client_secret, ..connected_app } }))
}

/// Forgets the second secret.
#[utoipa::path(post, path = "/v1/connected_apps/clients/{client_id}/secrets/rotate/cancel", tag = "Connected Apps",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<ConnectedAppReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn rotate_cancel(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<ConnectedAppReply>, Failure> {
    let occasion = app.occasion(Actor::Host, *now);
    let connected_app = with_app(&app, &caller, &id, move |tx, project, client| {
        secret_rotation::cancel(tx, project, client, &ROTATION, &occasion)
    })
    .await?;
    Ok(Reply(ConnectedAppReply { connected_app }))
}

/// Forgets the first secret; the second is the only one from now on.
#[utoipa::path(post, path = "/v1/connected_apps/clients/{client_id}/secrets/rotate", tag = "Connected Apps",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<ConnectedAppReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn rotate(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<ConnectedAppReply>, Failure> {
    let occasion = app.occasion(Actor::Host, *now);
    let connected_app = with_app(&app, &caller, &id, move |tx, project, client| {
        secret_rotation::finish(tx, project, client, &ROTATION, &occasion)
    })
    .await?;
    Ok(Reply(ConnectedAppReply { connected_app }))
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
    let current = caller.current;
    let connected_app = app
        .store
        .read(move |tx| {
            let client = tx.find_client(&project, &ClientId::new(&id))?.filter(is_app).ok_or(NOT_FOUND)?;
            ConnectedApp::load(&current, tx, &project, &client)
        })
        .await?;
    Ok(Reply(ConnectedAppReply { connected_app }))
}

/// Where a client stands in a list.
pub(super) fn position(client: &Client) -> Position {
    Position { created_at: client.created_at, id: client.id.to_string() }
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
    let current = caller.current;
    let reply = app
        .store
        .read(move |tx| {
            let total = tx.count_clients(&project, ClientKind::App)?;
            let found = tx.list_clients_of_kind(&project, ClientKind::App, &after, limit + 1)?;
            let (page, next_cursor) = cursor::page(found, limit, position);
            let mut connected_apps = Vec::with_capacity(page.len());
            for client in &page {
                connected_apps.push(ConnectedApp::load(&current, tx, &project, client)?);
            }
            Ok(ConnectedAppsReply { connected_apps, results_metadata: ResultsMetadata { total, next_cursor } })
        })
        .await?;
    Ok(Reply(reply))
}
