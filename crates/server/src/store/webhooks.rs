//! Webhooks, and the events on their way to them.

use super::{
    page::Position,
    sql::{Row, Tx, to_json},
};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    audit_event::EventKind,
    id::{EventId, ProjectId, WebhookId},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    pub url: String,
    pub kinds: Vec<String>,
    /// Encrypted under the master key.
    pub secret: Vec<u8>,
    /// The secret before, and until when it signs as well.
    pub previous: Option<(Vec<u8>, Timestamp)>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// An event that this process has taken, to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub event_id: EventId,
    pub created_at: Timestamp,
    /// With this one. Whoever has another number has lost the lease.
    pub attempts: i64,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    pub status: Option<i64>,
    pub error: Option<String>,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending { next_attempt_at: Timestamp },
    Delivered { at: Timestamp },
    GivenUp { at: Timestamp },
}

/// An event and how it fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub event_id: EventId,
    /// `None` when the log does not remember the event any more.
    pub kind: Option<EventKind>,
    pub created_at: Timestamp,
    pub attempts: i64,
    pub last: Attempted,
}

/// How often an event is looked for while others take them away: more than there are lanes of a few processes.
const TAKERS: usize = 32;

impl Tx<'_> {
    /// All of the project, oldest first; there are few.
    pub fn list_webhooks(&mut self, project: &ProjectId) -> Result<Vec<Webhook>> {
        self.all(
            "SELECT webhook_id, url, kinds, secret, previous_secret, previous_until, created_at, updated_at
             FROM webhooks WHERE project_id = $1 ORDER BY created_at, webhook_id",
            &[project.into()],
            webhook,
        )
    }

    pub fn find_webhook(&mut self, project: &ProjectId, id: &WebhookId) -> Result<Option<Webhook>> {
        self.one(
            "SELECT webhook_id, url, kinds, secret, previous_secret, previous_until, created_at, updated_at
             FROM webhooks WHERE project_id = $1 AND webhook_id = $2",
            &[project.into(), id.into()],
            webhook,
        )
    }

    /// Reads a webhook and locks its row until the transaction ends.
    pub fn take_webhook(&mut self, project: &ProjectId, id: &WebhookId) -> Result<Option<Webhook>> {
        self.one(
            "UPDATE webhooks SET updated_at = updated_at WHERE project_id = $1 AND webhook_id = $2
             RETURNING webhook_id, url, kinds, secret, previous_secret, previous_until, created_at, updated_at",
            &[project.into(), id.into()],
            webhook,
        )
    }

    pub fn add_webhook(&mut self, project: &ProjectId, webhook: &Webhook) -> Result<()> {
        self.run(
            "INSERT INTO webhooks (project_id, webhook_id, url, kinds, secret, previous_secret, previous_until,
                 created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                project.into(),
                (&webhook.id).into(),
                (&webhook.url).into(),
                (&to_json(&webhook.kinds)?).into(),
                (&webhook.secret).into(),
                webhook.previous.as_ref().map(|(secret, _)| secret).into(),
                webhook.previous.as_ref().map(|(_, until)| *until).into(),
                webhook.created_at.into(),
                webhook.updated_at.into(),
            ],
        )?;
        self.add_kinds(project, webhook)
    }

    /// Writes a webhook that was read by [`Tx::take_webhook`] in this transaction.
    pub fn save_webhook(&mut self, project: &ProjectId, webhook: &Webhook) -> Result<()> {
        self.run(
            "UPDATE webhooks SET url = $3, kinds = $4, secret = $5, previous_secret = $6, previous_until = $7,
                 updated_at = $8
             WHERE project_id = $1 AND webhook_id = $2",
            &[
                project.into(),
                (&webhook.id).into(),
                (&webhook.url).into(),
                (&to_json(&webhook.kinds)?).into(),
                (&webhook.secret).into(),
                webhook.previous.as_ref().map(|(secret, _)| secret).into(),
                webhook.previous.as_ref().map(|(_, until)| *until).into(),
                webhook.updated_at.into(),
            ],
        )?;
        self.remove_kinds(project, &webhook.id)?;
        self.add_kinds(project, webhook)
    }

    fn add_kinds(&mut self, project: &ProjectId, webhook: &Webhook) -> Result<()> {
        for kind in &webhook.kinds {
            self.run(
                "INSERT INTO webhook_kinds (project_id, kind, webhook_id) VALUES ($1, $2, $3)",
                &[project.into(), kind.into(), (&webhook.id).into()],
            )?;
        }
        Ok(())
    }

    fn remove_kinds(&mut self, project: &ProjectId, id: &WebhookId) -> Result<()> {
        self.run("DELETE FROM webhook_kinds WHERE project_id = $1 AND webhook_id = $2", &[project.into(), id.into()])?;
        Ok(())
    }

    /// Removes a webhook; `false` when there was none. What is on its way to it is never sent, and goes with its age.
    pub fn remove_webhook(&mut self, project: &ProjectId, id: &WebhookId) -> Result<bool> {
        self.remove_kinds(project, id)?;
        let removed =
            self.run("DELETE FROM webhooks WHERE project_id = $1 AND webhook_id = $2", &[project.into(), id.into()])?;
        Ok(removed == 1)
    }

    /// Lines an event that was just recorded up for every webhook that wants its kind.
    pub(super) fn line_up(&mut self, project: &ProjectId, event: &EventId) -> Result<()> {
        self.run(
            "INSERT INTO webhook_deliveries (project_id, webhook_id, event_id, created_at, attempts, next_attempt_at)
             SELECT e.project_id, k.webhook_id, e.event_id, e.at, 0, e.at
             FROM audit_events e JOIN webhook_kinds k ON k.project_id = e.project_id AND k.kind IN (e.kind, '*')
             WHERE e.project_id = $1 AND e.event_id = $2
             ON CONFLICT DO NOTHING",
            &[project.into(), event.into()],
        )?;
        Ok(())
    }

    /// The webhooks of all projects that something is to be sent to now.
    pub fn list_due_webhooks(&mut self, now: Timestamp) -> Result<Vec<(ProjectId, WebhookId)>> {
        self.all(
            "SELECT project_id, webhook_id FROM webhooks
             WHERE EXISTS (
                 SELECT d.event_id FROM webhook_deliveries d
                 WHERE d.project_id = webhooks.project_id AND d.webhook_id = webhooks.webhook_id
                   AND d.next_attempt_at <= $1)",
            &[now.into()],
            |row| Ok((row.get("project_id")?, row.get("webhook_id")?)),
        )
    }

    /// Takes the event that has waited longest for this webhook. Nobody else takes it before `leased_until`.
    pub fn take_delivery(
        &mut self,
        project: &ProjectId,
        webhook: &WebhookId,
        now: Timestamp,
        leased_until: Timestamp,
    ) -> Result<Option<Taken>> {
        for _ in 0..TAKERS {
            let taken = self.take_first(project, webhook, now, leased_until)?;
            if taken.is_some() || !self.has_due(project, webhook, now)? {
                return Ok(taken);
            }
        }
        Ok(None)
    }

    /// `None` also where somebody else was faster: on PostgreSQL, all who come at once look at the same first event.
    fn take_first(
        &mut self,
        project: &ProjectId,
        webhook: &WebhookId,
        now: Timestamp,
        leased_until: Timestamp,
    ) -> Result<Option<Taken>> {
        // The condition is repeated for PostgreSQL: who waited for the row finds it taken.
        self.one(
            "UPDATE webhook_deliveries SET next_attempt_at = $4, attempts = attempts + 1
             WHERE project_id = $1 AND webhook_id = $2 AND next_attempt_at <= $3 AND event_id IN (
                 SELECT event_id FROM webhook_deliveries
                 WHERE project_id = $1 AND webhook_id = $2 AND next_attempt_at <= $3
                 ORDER BY next_attempt_at, event_id LIMIT 1)
             RETURNING event_id, created_at, attempts",
            &[project.into(), webhook.into(), now.into(), leased_until.into()],
            |row| {
                Ok(Taken {
                    event_id: row.get("event_id")?,
                    created_at: row.get("created_at")?,
                    attempts: row.get("attempts")?,
                })
            },
        )
    }

    fn has_due(&mut self, project: &ProjectId, webhook: &WebhookId, now: Timestamp) -> Result<bool> {
        let due = self.one(
            "SELECT event_id FROM webhook_deliveries
             WHERE project_id = $1 AND webhook_id = $2 AND next_attempt_at <= $3 LIMIT 1",
            &[project.into(), webhook.into(), now.into()],
            |row| row.get::<String>("event_id"),
        )?;
        Ok(due.is_some())
    }

    /// Notes what came of what was taken; `false` when the lease was over, and somebody else has it.
    pub fn finish_delivery(
        &mut self,
        project: &ProjectId,
        webhook: &WebhookId,
        taken: &Taken,
        attempted: &Attempted,
    ) -> Result<bool> {
        let (next, delivered, given_up) = match attempted.state {
            State::Pending { next_attempt_at } => (Some(next_attempt_at), None, None),
            State::Delivered { at } => (None, Some(at), None),
            State::GivenUp { at } => (None, None, Some(at)),
        };
        let finished = self.run(
            "UPDATE webhook_deliveries SET next_attempt_at = $5, delivered_at = $6, given_up_at = $7, last_status = $8,
                 last_error = $9
             WHERE project_id = $1 AND webhook_id = $2 AND event_id = $3 AND attempts = $4 AND delivered_at IS NULL",
            &[
                project.into(),
                webhook.into(),
                (&taken.event_id).into(),
                taken.attempts.into(),
                next.into(),
                delivered.into(),
                given_up.into(),
                attempted.status.into(),
                attempted.error.as_ref().into(),
            ],
        )?;
        Ok(finished == 1)
    }

    /// A page of what was, or is to be, sent to a webhook, newest first.
    pub fn list_deliveries(
        &mut self,
        project: &ProjectId,
        webhook: &WebhookId,
        before: &Position,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        self.all(
            "SELECT d.event_id, e.kind, d.created_at, d.attempts, d.next_attempt_at, d.delivered_at, d.given_up_at,
                 d.last_status, d.last_error
             FROM webhook_deliveries d
             LEFT JOIN audit_events e ON e.project_id = d.project_id AND e.event_id = d.event_id
             WHERE d.project_id = $1 AND d.webhook_id = $2 AND (d.created_at, d.event_id) < ($3, $4)
             ORDER BY d.created_at DESC, d.event_id DESC LIMIT $5",
            &[project.into(), webhook.into(), before.created_at.into(), (&before.id).into(), limit.into()],
            delivery,
        )
    }

    /// Stores a webhook's secrets encrypted anew, under another master key.
    pub fn rewrap_webhook(&mut self, project: &ProjectId, webhook: &Webhook) -> Result<()> {
        self.run(
            "UPDATE webhooks SET secret = $3, previous_secret = $4 WHERE project_id = $1 AND webhook_id = $2",
            &[
                project.into(),
                (&webhook.id).into(),
                (&webhook.secret).into(),
                webhook.previous.as_ref().map(|(secret, _)| secret).into(),
            ],
        )?;
        Ok(())
    }
}

fn webhook(row: &Row<'_>) -> Result<Webhook> {
    let previous: Option<Vec<u8>> = row.get("previous_secret")?;
    let until: Option<Timestamp> = row.get("previous_until")?;
    Ok(Webhook {
        id: row.get("webhook_id")?,
        url: row.get("url")?,
        kinds: row.json("webhooks", "kinds")?,
        secret: row.get("secret")?,
        previous: previous.zip(until),
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    let kind: Option<String> = row.get("kind")?;
    let next_attempt_at: Option<Timestamp> = row.get("next_attempt_at")?;
    let delivered_at: Option<Timestamp> = row.get("delivered_at")?;
    let given_up_at: Option<Timestamp> = row.get("given_up_at")?;
    let created_at = row.get("created_at")?;
    let state = match (delivered_at, given_up_at) {
        (Some(at), _) => State::Delivered { at },
        (None, Some(at)) => State::GivenUp { at },
        (None, None) => State::Pending { next_attempt_at: next_attempt_at.unwrap_or(created_at) },
    };
    Ok(Delivery {
        event_id: row.get("event_id")?,
        kind: kind.as_deref().and_then(EventKind::parse),
        created_at,
        attempts: row.get("attempts")?,
        last: Attempted { status: row.get("last_status")?, error: row.get("last_error")?, state },
    })
}
