//! What happened, for people to read later.

use super::{
    page::Position,
    sql::{Row, Tx, to_json},
};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    audit_event::{Actor, AuditEvent, EventKind},
    id::{ClientId, EventId, ProjectId, UserId},
};

/// Which events a list shows: those that fit everything that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    pub kind: Option<EventKind>,
    pub user_id: Option<UserId>,
    pub client_id: Option<ClientId>,
    /// The first moment.
    pub from: Timestamp,
    /// The moment after the last.
    pub to: Timestamp,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self { kind: None, user_id: None, client_id: None, from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) }
    }
}

impl Tx<'_> {
    /// Notes what this transaction does, and lines it up for the webhooks that are to be told. To be called where nothing is refused any more: a refusal commits.
    pub fn record(&mut self, project: &ProjectId, event: &AuditEvent) -> Result<()> {
        self.run(
            "INSERT INTO audit_events (project_id, event_id, at, kind, actor, user_id, client_id, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                project.into(),
                (&event.id).into(),
                event.at.into(),
                event.kind.as_str().into(),
                event.actor.as_str().into(),
                event.user_id.as_ref().into(),
                event.client_id.as_ref().into(),
                (&to_json(&event.detail)?).into(),
            ],
        )?;
        self.line_up(project, &event.id)
    }

    /// A page of the events that fit, newest first; `before` is [`Position::END`] or the last event of the page before.
    pub fn list_events(
        &mut self,
        project: &ProjectId,
        filter: &EventFilter,
        before: &Position,
        limit: u32,
    ) -> Result<Vec<AuditEvent>> {
        // No id is less than the empty text: what happened in the second `to` itself is left out.
        let to = Position { created_at: filter.to, id: String::new() };
        let before = if (to.created_at, &to.id) < (before.created_at, &before.id) { &to } else { before };
        // By the index that leaves the fewest to look at; what else is asked for is compared on the way.
        let sql = match (&filter.user_id, &filter.client_id, filter.kind) {
            (Some(_), _, _) => {
                "SELECT event_id, at, kind, actor, user_id, client_id, detail FROM audit_events
                 WHERE project_id = $1 AND user_id = $6 AND (at, event_id) < ($2, $3) AND at >= $4
                   AND kind = COALESCE($5, kind) AND (client_id = $7 OR $7 IS NULL)
                 ORDER BY at DESC, event_id DESC LIMIT $8"
            }
            (None, Some(_), _) => {
                "SELECT event_id, at, kind, actor, user_id, client_id, detail FROM audit_events
                 WHERE project_id = $1 AND client_id = $7 AND (at, event_id) < ($2, $3) AND at >= $4
                   AND kind = COALESCE($5, kind) AND (user_id = $6 OR $6 IS NULL)
                 ORDER BY at DESC, event_id DESC LIMIT $8"
            }
            (None, None, Some(_)) => {
                "SELECT event_id, at, kind, actor, user_id, client_id, detail FROM audit_events
                 WHERE project_id = $1 AND kind = $5 AND (at, event_id) < ($2, $3) AND at >= $4
                   AND (user_id = $6 OR $6 IS NULL) AND (client_id = $7 OR $7 IS NULL)
                 ORDER BY at DESC, event_id DESC LIMIT $8"
            }
            (None, None, None) => {
                "SELECT event_id, at, kind, actor, user_id, client_id, detail FROM audit_events
                 WHERE project_id = $1 AND (at, event_id) < ($2, $3) AND at >= $4
                   AND kind = COALESCE($5, kind) AND (user_id = $6 OR $6 IS NULL) AND (client_id = $7 OR $7 IS NULL)
                 ORDER BY at DESC, event_id DESC LIMIT $8"
            }
        };
        self.all(
            sql,
            &[
                project.into(),
                before.created_at.into(),
                (&before.id).into(),
                filter.from.into(),
                filter.kind.map(EventKind::as_str).into(),
                filter.user_id.as_ref().into(),
                filter.client_id.as_ref().into(),
                limit.into(),
            ],
            event,
        )
    }

    pub fn find_event(&mut self, project: &ProjectId, id: &EventId) -> Result<Option<AuditEvent>> {
        self.one(
            "SELECT event_id, at, kind, actor, user_id, client_id, detail FROM audit_events
             WHERE project_id = $1 AND event_id = $2",
            &[project.into(), id.into()],
            event,
        )
    }

    /// Removes up to `limit` events older than `before`, and returns how many there were.
    pub fn remove_events(&mut self, project: &ProjectId, before: Timestamp, limit: u32) -> Result<u64> {
        self.run(
            "DELETE FROM audit_events WHERE (project_id, event_id) IN (
                 SELECT project_id, event_id FROM audit_events WHERE project_id = $1 AND at < $2
                 ORDER BY at, event_id LIMIT $3)",
            &[project.into(), before.into(), limit.into()],
        )
    }
}

/// Where the event stands in a list.
pub fn position_of(event: &AuditEvent) -> Position {
    Position { created_at: event.at, id: event.id.to_string() }
}

fn event(row: &Row<'_>) -> Result<AuditEvent> {
    Ok(AuditEvent {
        id: row.get("event_id")?,
        at: row.get("at")?,
        kind: row.word("audit_events", "kind", EventKind::parse)?,
        actor: row.word("audit_events", "actor", Actor::parse)?,
        user_id: row.get("user_id")?,
        client_id: row.get("client_id")?,
        detail: row.json("audit_events", "detail")?,
    })
}
