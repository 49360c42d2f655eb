//! Sends events to webhooks: at least once each, by whichever process takes them.
//!
//! Specs: Standard Webhooks 1.0.
//!
//! What is to be sent stands in the database, written with the event itself; this only looks for it. Each webhook is
//! served on its own, a few messages at a time, so a receiver that is slow keeps nobody else waiting.

use crate::{
    app::App,
    failure::Failure,
    fetch,
    http::management::audit_events::EventObject,
    keys::webhook_secret,
    store::webhooks::{Attempted, State, Taken, Webhook},
};
use hospes_protocol::{
    Timestamp,
    audit_event::AuditEvent,
    id::{ProjectId, WebhookId},
    webhook::{self, LEASE, Next},
};
use serde::Serialize;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tracing::{debug, warn};

const EVERY: Duration = Duration::from_secs(1);
/// To one webhook at the same time.
const LANES: usize = 4;

type Target = (ProjectId, WebhookId);

pub(super) async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let busy = Arc::<Mutex<HashSet<Target>>>::default();
    let slots = Arc::new(Semaphore::new(fetch::MAX_AT_ONCE));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => break,
        }
        while tasks.try_join_next().is_some() {}
        let now = app.clock.now();
        let due = match app.store.read(move |tx| Ok(tx.list_due_webhooks(now)?)).await {
            Ok(due) => due,
            Err(failure) => {
                debug!(%failure, "nobody knows which webhooks wait");
                continue;
            }
        };
        for target in due {
            if lock(&busy).insert(target.clone()) {
                let (app, slots, busy, stop) = (app.clone(), Arc::clone(&slots), Arc::clone(&busy), stop.clone());
                tasks.spawn(async move {
                    serve(&app, &target, &slots, &stop).await;
                    lock(&busy).remove(&target);
                });
            }
        }
    }
    // What is under way may end: it takes a few seconds at most, and else would be sent again.
    while tasks.join_next().await.is_some() {}
}

fn lock(busy: &Mutex<HashSet<Target>>) -> std::sync::MutexGuard<'_, HashSet<Target>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what is due to one webhook.
async fn serve(app: &App, target: &Target, slots: &Arc<Semaphore>, stop: &watch::Receiver<bool>) {
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        let (app, target, slots, stop) = (app.clone(), target.clone(), Arc::clone(slots), stop.clone());
        lanes.spawn(async move {
            while !*stop.borrow() {
                // First the place, then the lease: whoever waits for a place must not let the lease run out.
                let Ok(_slot) = slots.acquire().await else { return };
                match send_one(&app, &target).await {
                    Ok(Sent::Delivered) => {}
                    // The next look comes in a second; a receiver that fails need not be asked faster.
                    Ok(Sent::Failed | Sent::Nothing) => return,
                    Err(failure) => {
                        warn!(webhook_id = %target.1, %failure, "a webhook could not be served");
                        return;
                    }
                }
            }
        });
    }
    while lanes.join_next().await.is_some() {}
}

enum Sent {
    Delivered,
    Failed,
    Nothing,
}

async fn send_one(app: &App, (project, id): &Target) -> Result<Sent, Failure> {
    let now = app.clock.now();
    let found = {
        let (project, id) = (project.clone(), id.clone());
        let take = app.store.write(move |tx| {
            let Some(webhook) = tx.find_webhook(&project, &id)? else { return Ok(None) };
            let Some(taken) = tx.take_delivery(&project, &id, now, now.plus(LEASE))? else { return Ok(None) };
            let event = tx.find_event(&project, &taken.event_id)?;
            Ok(Some((webhook, taken, event)))
        });
        take.await?
    };
    let Some((webhook, taken, event)) = found else { return Ok(Sent::Nothing) };
    let attempted = match event {
        Some(event) => attempt(app, project, &webhook, &taken, event, now).await,
        None => Attempted { status: None, error: Some(FORGOTTEN.to_owned()), state: State::GivenUp { at: now } },
    };
    if matches!(attempted.state, State::GivenUp { .. }) {
        let (event_id, error) = (&taken.event_id, attempted.error.as_deref());
        warn!(webhook_id = %id, %event_id, status = attempted.status, error, "an event for a webhook was given up");
    }
    let sent = if matches!(attempted.state, State::Delivered { .. }) { Sent::Delivered } else { Sent::Failed };
    let (project, id) = (project.clone(), id.clone());
    app.store.write(move |tx| Ok(tx.finish_delivery(&project, &id, &taken, &attempted)?)).await?;
    Ok(sent)
}

const FORGOTTEN: &str = "the audit log does not remember the event any more";
const SEALED: &str = "the webhook's secret does not open; start the servers with the master key of the database";

async fn attempt(
    app: &App,
    project: &ProjectId,
    webhook: &Webhook,
    taken: &Taken,
    event: AuditEvent,
    now: Timestamp,
) -> Attempted {
    let outcome = match message(app, project, webhook, event, now) {
        Ok((headers, body)) => app.webhooks.post(&webhook.url, headers, body).await.map_err(|error| error.to_string()),
        Err(error) => {
            warn!(webhook_id = %webhook.id, %error, "a message could not be signed");
            Err(SEALED.to_owned())
        }
    };
    let (status, error) = match outcome {
        Ok(status) => (Some(i64::from(status)), None),
        Err(error) => (None, Some(error)),
    };
    let state = match (status, webhook::after_failure(taken.attempts, taken.created_at, now)) {
        (Some(200..=299), _) => State::Delivered { at: now },
        (_, Next::TryAt(next_attempt_at)) => State::Pending { next_attempt_at },
        (_, Next::GiveUp) => State::GivenUp { at: now },
    };
    Attempted { status, error, state }
}

/// What a receiver gets.
#[derive(Serialize)]
struct Message {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Content,
}

#[derive(Serialize)]
struct Content {
    project_id: String,
    #[serde(flatten)]
    event: EventObject,
}

/// The headers and the body. The id is the event's, whichever attempt this is, so that receivers recognise repetitions.
fn message(
    app: &App,
    project: &ProjectId,
    webhook: &Webhook,
    event: AuditEvent,
    now: Timestamp,
) -> anyhow::Result<([(&'static str, String); 3], String)> {
    let context = webhook_secret(project, &webhook.id);
    let mut secrets = vec![app.keys.unseal(context, &webhook.secret)?];
    if let Some((secret, _)) = webhook.previous.as_ref().filter(|(_, until)| now < *until) {
        secrets.push(app.keys.unseal(context, secret)?);
    }
    let id = event.id.to_string();
    let event = EventObject::from(event);
    let (kind, timestamp) = (event.kind, event.occurred_at.clone());
    let data = Content { project_id: project.to_string(), event };
    let body = serde_json::to_string(&Message { kind, timestamp, data })?;
    let signature = webhook::signatures(secrets.iter().map(|secret| secret.as_slice()), &id, now, body.as_bytes());
    let headers = [("webhook-id", id), ("webhook-timestamp", now.0.to_string()), ("webhook-signature", signature)];
    Ok((headers, body))
}
