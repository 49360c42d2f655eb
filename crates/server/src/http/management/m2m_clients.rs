//! `/v1/m2m/clients`: the clients that act for themselves only (RFC 6749 §4.4).

use super::{
    body::Body,
    caller::Management,
    connected_apps::{ClientIdReply, PlaneName, plane_for_new, position, remove},
    cursor::{self, ResultsMetadata},
    error::refuse_api,
    reply::{Envelope, ErrorEnvelope, Reply},
    users::SearchQuery,
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Now,
    imported_secret,
    project::{self, CLIENT_SECRET_PREFIX},
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
    Refusal, Timestamp,
    audit_event::{self, Actor, EventKind},
    client::{Client, ClientKind, ClientSettings},
    id::{ClientId, ProjectId},
    machine,
    machine_search::{self, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub(crate) const NOT_FOUND: Refusal =
    refuse_api(404, "m2m_client_not_found", "the project has no M2M client with this client_id");
pub(crate) const TAKEN: Refusal =
    refuse_api(400, "duplicate_m2m_client_id", "another client has this client_id; choose another, or leave it out");
pub(crate) const BAD_ID: Refusal = refuse_api(
    400,
    "m2m_client_invalid_client_id",
    "client_id must have 1 to 200 visible ASCII characters without quotes and backslash, and not begin with user-",
);
pub(crate) const BAD_STATUS: Refusal = refuse_api(400, "m2m_client_invalid_status", "status: send active or inactive");
pub(crate) const ALREADY_ROTATING: Refusal = refuse_api(
    400,
    "m2m_client_already_rotating_secret",
    "a second secret exists already; finish the rotation, or cancel it",
);
pub(crate) const NOT_ROTATING: Refusal =
    refuse_api(400, "m2m_client_not_rotating_secret", "there is no second secret; start a rotation first");
pub(crate) const NO_SECRETS: Refusal = refuse_api(
    400,
    "m2m_client_invalid_client_secret",
    "this machine authenticates with its own key, so there is no secret to rotate",
);
const ROTATION: Refusals =
    Refusals { no_secrets: NO_SECRETS, already_rotating: ALREADY_ROTATING, not_rotating: NOT_ROTATING };

/// How many machines a search looks at in one transaction.
const BATCH: u32 = 500;

#[derive(Serialize, ToSchema)]
pub(crate) struct M2mClient {
    client_id: String,
    client_name: String,
    client_description: String,
    /// `active` or `inactive`.
    status: &'static str,
    scopes: Vec<String>,
    /// Empty if the machine authenticates with its own key, or with a short secret that was made elsewhere.
    client_secret_last_four: String,
    trusted_metadata: Map<String, Value>,
    plane: PlaneName,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_client_secret_last_four: Option<String>,
    /// Only in the answer that made it: it is not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Only in the answer that made it: it is not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_client_secret: Option<String>,
}

impl M2mClient {
    fn load(tx: &mut Tx<'_>, project: &ProjectId, client: &Client) -> Result<Self, Failure> {
        let secrets = tx.find_client_secrets(project, &client.id)?;
        let last_four =
            |slot: Slot| secrets.iter().find(|secret| secret.slot == slot).map(|secret| secret.last_four.clone());
        let settings = &client.settings;
        Ok(Self {
            client_id: client.id.to_string(),
            client_name: settings.name.clone(),
            client_description: settings.description.clone(),
            status: if client.disabled_at.is_none() { "active" } else { "inactive" },
            scopes: settings.scope.iter().flat_map(|scope| scope.iter()).map(str::to_owned).collect(),
            client_secret_last_four: last_four(Slot::Current).unwrap_or_default(),
            trusted_metadata: settings.trusted_metadata.clone(),
            plane: settings.plane.into(),
            next_client_secret_last_four: last_four(Slot::Next),
            client_secret: None,
            next_client_secret: None,
        })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct M2mClientReply {
    m2m_client: M2mClient,
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct NewMachine {
    /// What it may ask for: the host app's own words, which need not be scope values of the project.
    scopes: Vec<String>,
    /// To bring a machine along from elsewhere. A new one is made if absent.
    #[serde(default)]
    client_id: Option<String>,
    /// To bring a secret along from elsewhere. A new one is made if absent.
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    client_description: Option<String>,
    /// For claim templates: `{{ client.trusted_metadata.plan }}`.
    #[serde(default)]
    trusted_metadata: Option<Map<String, Value>>,
    /// `stytch` if the project has the Stytch plane on, else `standard`.
    #[serde(default)]
    plane: Option<PlaneName>,
}

impl NewMachine {
    /// The settings of the machine that is described so.
    pub(crate) fn settings(&self, project: &Project) -> Result<ClientSettings, Refusal> {
        let change = machine::Change {
            name: self.client_name.clone(),
            description: self.client_description.clone(),
            scopes: Some(self.scopes.clone()),
            trusted_metadata: self.trusted_metadata.clone(),
        };
        machine::change(&machine::new(plane_for_new(project, self.plane)?), &change)
    }
}

/// Makes a machine. Its secret is shown this once.
#[utoipa::path(post, path = "/v1/m2m/clients", tag = "M2M", request_body = NewMachine,
    responses((status = 200, body = Envelope<M2mClientReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<NewMachine>,
) -> Result<Reply<M2mClientReply>, Failure> {
    let project = caller.current.project.id.clone();
    let settings = asked.settings(&caller.current.project)?;
    let id = match asked.client_id {
        Some(id) => project::parse_client_id(&id).map_err(|_| BAD_ID)?,
        None => project::new_client_id(&project, &settings, &app.entropy),
    };
    let (secret, stored) = secret_of_new(&app, asked.client_secret, *now).await?;
    let client = Client::new(id, settings, *now);
    let occasion = app.occasion(Actor::Host, *now);
    let m2m_client = app
        .store
        .write(move |tx| {
            if !tx.add_client(&project, &client)? {
                return Err(TAKEN.into());
            }
            tx.set_client_secret(&project, &client.id, &stored)?;
            tx.record(&project, &occasion.event(EventKind::ClientAdded).client(&client.id))?;
            M2mClient::load(tx, &project, &client)
        })
        .await?;
    let client_secret = Some(secret.text().to_owned());
    Ok(Reply(M2mClientReply { m2m_client: M2mClient { client_secret, ..m2m_client } }))
}

/// The secret of a new machine, and what is stored of it.
async fn secret_of_new(app: &App, imported: Option<String>, now: Timestamp) -> Result<(Secret, ClientSecret), Failure> {
    let Some(text) = imported else {
        let secret = Secret::new(CLIENT_SECRET_PREFIX, &app.entropy);
        let stored = project::in_slot(Slot::Current, &secret, now);
        return Ok((secret, stored));
    };
    let secret = Secret::from_text(text);
    machine::validate_imported_secret(secret.text())?;
    let wrapped = imported_secret::wrap(&app.passwords, &secret.hash()).await?;
    let stored = imported_secret::in_slot(Slot::Current, &secret, wrapped, now);
    Ok((secret, stored))
}

/// What may be said about a machine. Absent members stay as they are; an empty text or list clears.
#[derive(Deserialize, ToSchema)]
pub(crate) struct MachineChange {
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    client_description: Option<String>,
    /// `active` or `inactive`. Nothing is issued to an inactive machine, and what it holds is void here; an API that
    /// verifies tokens itself learns of it when they expire.
    #[serde(default)]
    status: Option<String>,
    /// All of them: they replace those before.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    /// Merged at the top; `null` takes a key away.
    #[serde(default)]
    trusted_metadata: Option<Map<String, Value>>,
}

/// Changes a machine.
#[utoipa::path(put, path = "/v1/m2m/clients/{client_id}", tag = "M2M", request_body = MachineChange,
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<M2mClientReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
    Body(asked): Body<MachineChange>,
) -> Result<Reply<M2mClientReply>, Failure> {
    let is_active = match asked.status.as_deref() {
        None => None,
        Some("active") => Some(true),
        Some("inactive") => Some(false),
        Some(_) => return Err(BAD_STATUS.into()),
    };
    let change = machine::Change {
        name: asked.client_name,
        description: asked.client_description,
        scopes: asked.scopes,
        trusted_metadata: asked.trusted_metadata,
    };
    let [changing, switching] = [(); 2].map(|()| app.occasion(Actor::Host, *now));
    let m2m_client = with_machine(&app, &caller, &id, move |tx, project, client| {
        let settings = machine::change(&client.settings, &change)?;
        let changed = audit_event::changed(&client.settings, &settings);
        if !changed.is_empty() {
            tx.update_client(project, &client.id, &settings, client.version, *now)?;
            tx.record(
                project,
                &changing.event(EventKind::ClientChanged).client(&client.id).detail("changed", changed),
            )?;
        }
        match (is_active, client.disabled_at) {
            (Some(false), None) => {
                tx.disable_client(project, &client.id, *now)?;
                tx.record(project, &switching.event(EventKind::ClientDisabled).client(&client.id))?;
            }
            (Some(true), Some(_)) => {
                tx.enable_client(project, &client.id, *now)?;
                tx.record(project, &switching.event(EventKind::ClientEnabled).client(&client.id))?;
            }
            _ => {}
        }
        *client = tx.find_client(project, &client.id)?.ok_or(NOT_FOUND)?;
        Ok(())
    })
    .await?;
    Ok(Reply(M2mClientReply { m2m_client }))
}

/// Takes the machine, does something with it, and shows it as it is then.
async fn with_machine(
    app: &App,
    caller: &Management,
    id: &str,
    body: impl Fn(&mut Tx<'_>, &ProjectId, &mut Client) -> Result<(), Failure> + Send + 'static,
) -> Result<M2mClient, Failure> {
    let (project, id) = (caller.current.project.id.clone(), ClientId::new(id));
    app.store
        .write(move |tx| {
            let mut client = tx.take_client(&project, &id)?.filter(is_machine).ok_or(NOT_FOUND)?;
            body(tx, &project, &mut client)?;
            M2mClient::load(tx, &project, &client)
        })
        .await
}

fn is_machine(client: &Client) -> bool {
    client.settings.kind() == ClientKind::Machine
}

/// Removes a machine. Nothing that it holds is accepted from then on.
#[utoipa::path(delete, path = "/v1/m2m/clients/{client_id}", tag = "M2M",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<ClientIdReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<ClientIdReply>, Failure> {
    let occasion = app.occasion(Actor::Host, *now);
    remove(&app, &caller, ClientId::new(&id), is_machine, NOT_FOUND, occasion).await?;
    Ok(Reply(ClientIdReply { client_id: id }))
}

/// Makes a second secret. Both are accepted until the rotation is finished or cancelled.
#[utoipa::path(post, path = "/v1/m2m/clients/{client_id}/secrets/rotate/start", tag = "M2M",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<M2mClientReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn rotate_start(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<M2mClientReply>, Failure> {
    let secret = Secret::new(CLIENT_SECRET_PREFIX, &app.entropy);
    let stored = project::in_slot(Slot::Next, &secret, *now);
    let occasion = app.occasion(Actor::Host, *now);
    let m2m_client = with_machine(&app, &caller, &id, move |tx, project, client| {
        secret_rotation::start(tx, project, client, &stored, &ROTATION, &occasion)
    })
    .await?;
    let next_client_secret = Some(secret.text().to_owned());
    Ok(Reply(M2mClientReply { m2m_client: M2mClient { next_client_secret, ..m2m_client } }))
}

/// Forgets the second secret.
#[utoipa::path(post, path = "/v1/m2m/clients/{client_id}/secrets/rotate/cancel", tag = "M2M",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<M2mClientReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn rotate_cancel(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<M2mClientReply>, Failure> {
    let occasion = app.occasion(Actor::Host, *now);
    let m2m_client = with_machine(&app, &caller, &id, move |tx, project, client| {
        secret_rotation::cancel(tx, project, client, &ROTATION, &occasion)
    })
    .await?;
    Ok(Reply(M2mClientReply { m2m_client }))
}

/// Forgets the first secret; the second is the only one from now on.
#[utoipa::path(post, path = "/v1/m2m/clients/{client_id}/secrets/rotate", tag = "M2M",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<M2mClientReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn rotate(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<M2mClientReply>, Failure> {
    let occasion = app.occasion(Actor::Host, *now);
    let m2m_client = with_machine(&app, &caller, &id, move |tx, project, client| {
        secret_rotation::finish(tx, project, client, &ROTATION, &occasion)
    })
    .await?;
    Ok(Reply(M2mClientReply { m2m_client }))
}

/// Gets a machine.
#[utoipa::path(get, path = "/v1/m2m/clients/{client_id}", tag = "M2M",
    params(("client_id" = String, Path)),
    responses((status = 200, body = Envelope<M2mClientReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Management,
    Path(id): Path<String>,
) -> Result<Reply<M2mClientReply>, Failure> {
    let project = caller.current.project.id.clone();
    let m2m_client = app
        .store
        .read(move |tx| {
            let client = tx.find_client(&project, &ClientId::new(&id))?.filter(is_machine).ok_or(NOT_FOUND)?;
            M2mClient::load(tx, &project, &client)
        })
        .await?;
    Ok(Reply(M2mClientReply { m2m_client }))
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct SearchMachines {
    /// The `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// 1 to 1000; 100 if absent.
    #[serde(default)]
    limit: Option<i64>,
    /// Filters `client_id`, `client_name` and `scopes`: a list of texts, of which the machine has one. Absent for all.
    #[serde(default)]
    query: Option<SearchQuery>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct M2mClientsReply {
    m2m_clients: Vec<M2mClient>,
    results_metadata: ResultsMetadata,
}

/// Finds machines, oldest first.
#[utoipa::path(post, path = "/v1/m2m/clients/search", tag = "M2M", request_body = SearchMachines,
    responses((status = 200, body = Envelope<M2mClientsReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn search(
    State(app): State<App>,
    caller: Management,
    Body(asked): Body<SearchMachines>,
) -> Result<Reply<M2mClientsReply>, Failure> {
    let (after, limit) = (cursor::parse(asked.cursor.as_deref())?, cursor::limit(asked.limit)?);
    let (operator, filters) = SearchQuery::read(asked.query, machine_search::parse)?;
    let query = Query { operator, filters };
    let project = caller.current.project.id.clone();
    let (found, total) = if query.filters.is_empty() {
        let project = project.clone();
        let page = app.store.read(move |tx| {
            let found = tx.list_clients_of_kind(&project, ClientKind::Machine, &after, limit.saturating_add(1))?;
            Ok((found, tx.count_clients(&project, ClientKind::Machine)?))
        });
        page.await?
    } else {
        fitting(&app, &project, &query, &after, limit).await?
    };
    let (page, next_cursor) = cursor::page(found, limit, position);
    let shown = app.store.read(move |tx| page.iter().map(|client| M2mClient::load(tx, &project, client)).collect());
    let m2m_clients = shown.await?;
    Ok(Reply(M2mClientsReply { m2m_clients, results_metadata: ResultsMetadata { total, next_cursor } }))
}

/// Those after `after` who fit, one more than `limit` at most, and how many fit at all. Machines are few, beside users:
/// each is looked at.
async fn fitting(
    app: &App,
    project: &ProjectId,
    query: &Query,
    after: &Position,
    limit: u32,
) -> Result<(Vec<Client>, i64), Failure> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    let (mut found, mut total, mut at) = (Vec::new(), 0_i64, Position::START);
    loop {
        let (project, from) = (project.clone(), at.clone());
        let step =
            app.store.read(move |tx| Ok(tx.list_clients_of_kind(&project, ClientKind::Machine, &from, BATCH)?)).await?;
        let Some(last) = step.last() else { return Ok((found, total)) };
        at = position(last);
        for client in step.into_iter().filter(|client| query.fits(client)) {
            total = total.saturating_add(1);
            let own = position(&client);
            if found.len() < most && (own.created_at, &own.id) > (after.created_at, &after.id) {
                found.push(client);
            }
        }
    }
}
