//! `/v1/webhooks`: where the host app wants to be told what happens (our extension).

use super::{
    body::Body,
    caller::Management,
    cursor,
    error::BAD_LIMIT,
    reply::{Envelope, ErrorEnvelope, Nothing, Reply},
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::{Now, Query},
    rfc3339,
    store::{
        Position,
        webhooks::{Delivery, State as DeliveryState, Webhook},
    },
    webhooks::{self, NewSecret, parse_url},
};
use axum::extract::{Path, State};
use hospes_protocol::{
    Timestamp,
    audit_event::{Actor, EventKind},
    id::WebhookId,
    webhook::{self, NOT_FOUND},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, ToSchema)]
pub(crate) struct NewWebhook {
    /// An https URL.
    url: String,
    /// Kinds of events, as in `user.disabled`; or `*` alone, for all of them and those to come.
    kinds: Vec<String>,
}

/// What is absent stays as it is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct WebhookChange {
    url: Option<String>,
    kinds: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookObject {
    webhook_id: String,
    url: String,
    kinds: Vec<String>,
    created_at: String,
    updated_at: String,
    /// With which messages are signed: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl WebhookObject {
    pub(crate) fn of(webhook: Webhook, secret: Option<String>) -> Self {
        Self {
            webhook_id: webhook.id.to_string(),
            url: webhook.url,
            kinds: webhook.kinds,
            created_at: rfc3339::text(webhook.created_at),
            updated_at: rfc3339::text(webhook.updated_at),
            secret,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookReply {
    webhook: WebhookObject,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct WebhooksReply {
    webhooks: Vec<WebhookObject>,
}

/// Makes a webhook. Its secret is shown this once.
#[utoipa::path(post, path = "/v1/webhooks", tag = "Webhooks", request_body = NewWebhook,
    responses((status = 200, body = Envelope<WebhookReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<NewWebhook>,
) -> Result<Reply<WebhookReply>, Failure> {
    let project = caller.current.project.id.clone();
    let (url, kinds) = (parse_url(&app.webhooks, asked.url)?, webhook::parse_kinds(&asked.kinds)?);
    let id = webhooks::new_id(&project, &app.entropy);
    let secret = NewSecret::draw(app.keys.master(), &project, &id, &app.entropy)?;
    let webhook = webhooks::new(id, url, kinds, &secret, *now);
    let text = secret.text.clone();
    let (added, occasion) = (webhook.clone(), app.occasion(Actor::Host, *now));
    app.store.write(move |tx| webhooks::add(tx, &project, &added, &secret, &occasion)).await?;
    Ok(Reply(WebhookReply { webhook: WebhookObject::of(webhook, Some(text)) }))
}

/// Lists the webhooks, oldest first; there are at most 10.
#[utoipa::path(get, path = "/v1/webhooks", tag = "Webhooks",
    responses((status = 200, body = Envelope<WebhooksReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn list(State(app): State<App>, caller: Management) -> Result<Reply<WebhooksReply>, Failure> {
    let project = caller.current.project.id.clone();
    let found = app.store.read(move |tx| Ok(tx.list_webhooks(&project)?)).await?;
    Ok(Reply(WebhooksReply { webhooks: found.into_iter().map(|own| WebhookObject::of(own, None)).collect() }))
}

/// Gets a webhook.
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}", tag = "Webhooks", params(("webhook_id" = String, Path)),
    responses((status = 200, body = Envelope<WebhookReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Management,
    Path(id): Path<String>,
) -> Result<Reply<WebhookReply>, Failure> {
    let (project, id) = (caller.current.project.id.clone(), WebhookId::new(id));
    let webhook = app.store.read(move |tx| Ok(tx.find_webhook(&project, &id)?.ok_or(NOT_FOUND)?)).await?;
    Ok(Reply(WebhookReply { webhook: WebhookObject::of(webhook, None) }))
}

/// Changes where a webhook is and what it gets; what is on its way goes to the new address.
#[utoipa::path(put, path = "/v1/webhooks/{webhook_id}", tag = "Webhooks", params(("webhook_id" = String, Path)),
    request_body = WebhookChange,
    responses((status = 200, body = Envelope<WebhookReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
    Body(asked): Body<WebhookChange>,
) -> Result<Reply<WebhookReply>, Failure> {
    let (project, id) = (caller.current.project.id.clone(), WebhookId::new(id));
    let url = asked.url.map(|url| parse_url(&app.webhooks, url)).transpose()?;
    let kinds = asked.kinds.map(|kinds| webhook::parse_kinds(&kinds)).transpose()?;
    let occasion = app.occasion(Actor::Host, *now);
    let webhook = app
        .store
        .write(move |tx| {
            let before = tx.take_webhook(&project, &id)?.ok_or(NOT_FOUND)?;
            let mut webhook = before.clone();
            webhook.url = url.clone().unwrap_or(webhook.url);
            webhook.kinds = kinds.clone().unwrap_or(webhook.kinds);
            let mut changed = Vec::new();
            if webhook.kinds != before.kinds {
                changed.push("kinds");
            }
            if webhook.url != before.url {
                changed.push("url");
            }
            if changed.is_empty() {
                return Ok(before);
            }
            webhook.updated_at = *now;
            tx.save_webhook(&project, &webhook)?;
            let event = occasion.event(EventKind::WebhookChanged).detail("webhook_id", id.to_string());
            tx.record(&project, &event.detail("changed", changed))?;
            Ok(webhook)
        })
        .await?;
    Ok(Reply(WebhookReply { webhook: WebhookObject::of(webhook, None) }))
}

/// Deletes a webhook. Nothing more is sent to it, not even what waits; a message that is under way may still arrive.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook_id}", tag = "Webhooks", params(("webhook_id" = String, Path)),
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<Nothing>, Failure> {
    let (project, id) = (caller.current.project.id.clone(), WebhookId::new(id));
    let occasion = app.occasion(Actor::Host, *now);
    app.store.write(move |tx| webhooks::remove(tx, &project, &id, &occasion)).await?;
    Ok(Reply(Nothing {}))
}

/// Makes another secret, which is shown this once. For 24 hours messages are signed with the one before as well.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/rotate_secret", tag = "Webhooks",
    params(("webhook_id" = String, Path)),
    responses((status = 200, body = Envelope<WebhookReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn rotate_secret(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<WebhookReply>, Failure> {
    let (project, id) = (caller.current.project.id.clone(), WebhookId::new(id));
    let secret = NewSecret::draw(app.keys.master(), &project, &id, &app.entropy)?;
    let (text, occasion) = (secret.text.clone(), app.occasion(Actor::Host, *now));
    let rotate = app.store.write(move |tx| webhooks::rotate_secret(tx, &project, &id, &secret, &occasion));
    let webhook = rotate.await?;
    Ok(Reply(WebhookReply { webhook: WebhookObject::of(webhook, Some(text)) }))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query")]
pub(crate) struct OfDeliveries {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1000; 100 if absent.
    limit: Option<i64>,
}

/// An event on its way to a webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryObject {
    /// The `webhook-id` of the message.
    event_id: String,
    /// Absent when the audit log does not remember the event any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// `pending`, `delivered` or `given_up`.
    state: &'static str,
    created_at: String,
    attempts: i64,
    /// While it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
    /// Since it is delivered or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// What the receiver answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<i64>,
    /// Why it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<Delivery> for DeliveryObject {
    fn from(own: Delivery) -> Self {
        let text = |at: Timestamp| Some(rfc3339::text(at));
        let (state, next_attempt_at, ended_at) = match own.last.state {
            DeliveryState::Pending { next_attempt_at } => ("pending", text(next_attempt_at), None),
            DeliveryState::Delivered { at } => ("delivered", None, text(at)),
            DeliveryState::GivenUp { at } => ("given_up", None, text(at)),
        };
        Self {
            event_id: own.event_id.to_string(),
            kind: own.kind.map(EventKind::as_str),
            state,
            created_at: rfc3339::text(own.created_at),
            attempts: own.attempts,
            next_attempt_at,
            ended_at,
            last_status: own.last.status,
            last_error: own.last.error,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveriesReply {
    deliveries: Vec<DeliveryObject>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists what was sent to a webhook in the last 30 days, or waits to be, newest first.
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}/deliveries", tag = "Webhooks",
    params(("webhook_id" = String, Path), OfDeliveries),
    responses((status = 200, body = Envelope<DeliveriesReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn deliveries(
    State(app): State<App>,
    caller: Management,
    Path(id): Path<String>,
    Query(query): Query,
) -> Result<Reply<DeliveriesReply>, Failure> {
    let (project, id) = (caller.current.project.id.clone(), WebhookId::new(id));
    let before = match query.get("cursor") {
        None | Some("") => Position::END,
        cursor => cursor::parse(cursor)?,
    };
    let limit = query.get("limit").map(|text| text.parse().map_err(|_| BAD_LIMIT)).transpose()?;
    let limit = cursor::limit(limit)?;
    let found = app
        .store
        .read(move |tx| {
            tx.find_webhook(&project, &id)?.ok_or(NOT_FOUND)?;
            Ok(tx.list_deliveries(&project, &id, &before, limit + 1)?)
        })
        .await?;
    let (page, next_cursor) =
        cursor::page(found, limit, |own| Position { created_at: own.created_at, id: own.event_id.to_string() });
    Ok(Reply(DeliveriesReply { deliveries: page.into_iter().map(DeliveryObject::from).collect(), next_cursor }))
}
