//! `POST /oauth2/register`: a client registers itself, if the project allows it.
//!
//! Specs: RFC 7591 §3, mcp T-02, T-05, T-06 and T-18.
//!
//! Anybody may call this, so what it costs is bounded: in rate by address, in number by project, and a public client
//! that registers the same again is the same client. It moves no change counter, and so empties no cache: nobody can
//! have found a client before it was there, and that it was not there is remembered nowhere.

use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::NO_STORE,
        extract::{BODY_UNREADABLE, Now, is_json},
        visit::Address,
    },
    project::{self, CLIENT_SECRET_PREFIX},
    records::Current,
    secret::{Secret, sha256},
    store::{
        Tx,
        client_secrets::{ClientSecret, Slot},
        housekeeping::UNUSED_CLIENTS_BATCH,
    },
};
use anyhow::Context as _;
use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use hospes_protocol::{
    ErrorCode::{InvalidClientMetadata, TooManyRequests},
    Refusal, Seconds, Timestamp,
    audit_event::{Actor, EventKind, Occasion},
    client::{Client, CreationMethod},
    id::ClientId,
    plane::Plane,
    refuse, refuse_api,
    registration::{self, Rules},
};
use serde_json::{Map, Value, json};

pub(crate) const NOT_ENABLED: Refusal = refuse_api(
    403,
    "dynamic_client_registration_not_enabled",
    "clients cannot register themselves here; the operator can turn it on with the setting \
     dynamic_client_registration.enabled, or register the client",
);
pub(crate) const NO_METADATA: Refusal = refuse(
    InvalidClientMetadata,
    "send the client's metadata as a JSON object of at most 16 KiB, with Content-Type: application/json",
);
pub(crate) const FULL: Refusal = refuse(
    TooManyRequests,
    "as many clients have registered themselves as the project allows; ask the operator to register this one",
);

const MOST_BYTES: usize = 16 * 1024;
/// A client that registered longer ago than this and that nobody allowed anything makes room for a new one.
const A_FLOW: Seconds = Seconds(3600);

pub(crate) async fn register(
    State(app): State<App>,
    now: Now,
    address: Address,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    answer(&app, Plane::Standard, now, address, &headers, body).await
}

/// The same for the endpoint of any plane.
pub(crate) async fn answer(
    app: &App,
    plane: Plane,
    now: Now,
    address: Address,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    app.limits.register(address.0)?;
    let body = body.map_err(|_| BODY_UNREADABLE)?;
    let current = {
        let app = app.clone();
        app.clone().store.look_up(move |tx| Ok(app.records.project(tx, &app.project)?)).await?
    };
    let project = &current.project;
    if !project.settings.dynamic_client_registration.enabled {
        return Err(NOT_ENABLED.into());
    }
    if !is_json(headers) || body.len() > MOST_BYTES {
        return Err(NO_METADATA.into());
    }
    let metadata: Map<String, Value> = serde_json::from_slice(&body).map_err(|_| NO_METADATA)?;
    let schemes: Vec<_> = project.settings.private_use_schemes.iter().map(String::as_str).collect();
    let rules = Rules {
        plane,
        policy: &project.policy,
        private_schemes: &schemes,
        access_token_template: &project.settings.dynamic_client_registration.access_token_template,
    };
    let settings = registration::decide(&metadata, rules)?;
    let secret = project::uses_secret(&settings).then(|| Secret::new(CLIENT_SECRET_PREFIX, &app.entropy));
    let fresh = project::new_client_id(&project.id, &settings, &app.entropy);
    let by_content = content_id(app, &serde_json::to_vec(&settings).context("a client's settings")?);
    let client = Client::new(fresh, settings, *now);
    let stored = secret.as_ref().map(|secret| project::in_slot(Slot::Current, secret, *now));
    let newcomer = Newcomer { client, stored, by_content, occasion: app.occasion(Actor::Client, *now) };
    let registered = app.store.write(move |tx| add(tx, &current, &newcomer, *now)).await?;

    let mut document = registration::registered_metadata(&registered.settings);
    document.insert("client_id".to_owned(), json!(registered.id));
    document.insert("client_id_issued_at".to_owned(), json!(registered.created_at));
    if let Some(secret) = secret {
        document.insert("client_secret".to_owned(), json!(secret.text()));
        // RFC 7591 §3.2.1: 0 if it never expires
        document.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    Ok((StatusCode::CREATED, NO_STORE, Json(document)).into_response())
}

/// A client that is about to be added.
struct Newcomer {
    client: Client,
    stored: Option<ClientSecret>,
    /// The id that a public client has by what it registered.
    by_content: ClientId,
    occasion: Occasion,
}

/// Adds the client, or finds the public client that is the same.
fn add(tx: &mut Tx<'_>, current: &Current, newcomer: &Newcomer, now: Timestamp) -> Result<Client, Failure> {
    let project = &current.project.id;
    let Newcomer { client, stored, by_content, occasion } = newcomer;
    let mut client = client.clone();
    if client.is_public() {
        match tx.find_client(project, by_content)? {
            Some(same) if is_self_registered(&same) => return Ok(same),
            // Somebody else has this id: the host app chose it.
            Some(_) => {}
            None => client.id = by_content.clone(),
        }
    }
    // One after the other, so that two do not each become the last that there may be.
    tx.take_project(project)?;
    // Whoever was before us may have been the same.
    if client.id == *by_content
        && let Some(same) = tx.find_client(project, by_content)?.filter(is_self_registered)
    {
        return Ok(same);
    }
    let most = i64::from(current.project.settings.dynamic_client_registration.most_clients);
    if tx.count_self_registered_clients(project)? >= most {
        let before = Timestamp(now.0.saturating_sub(A_FLOW.0));
        if tx.remove_unused_clients(project, before, UNUSED_CLIENTS_BATCH)? == 0 {
            return Err(FULL.into());
        }
    }
    if !tx.add_self_registered_client(project, &client, stored.as_ref())? {
        // The host app took the id at this moment.
        return Err(Failure::Busy);
    }
    tx.record(project, &occasion.event(EventKind::ClientAdded).client(&client.id))?;
    Ok(client)
}

fn is_self_registered(client: &Client) -> bool {
    client.settings.creation_method == CreationMethod::DynamicClientRegistration && client.is_public()
}

/// An id of the usual form, made of what is registered: the same registration has the same id.
fn content_id(app: &App, settings: &[u8]) -> ClientId {
    let hash = sha256(&[app.project.as_str().as_bytes(), b"\0", settings].concat());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    ClientId::new(format!("connected-app-{}-{uuid}", app.environment))
}
