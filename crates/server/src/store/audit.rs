//! What happened, for people to read later.

use super::{
    page::Position,
    sql::{Row, Tx, to_json},
};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    id::{ClientId, ProjectId, UserId},
};

#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    pub id: String,
    pub at: Timestamp,
    pub kind: String,
    pub user_id: Option<UserId>,
    pub client_id: Option<ClientId>,
    pub detail: serde_json::Value,
}

impl Tx<'_> {
    pub fn add_audit_event(&mut self, project: &ProjectId, event: &AuditEvent) -> Result<()> {
        self.run(
            "INSERT INTO audit_events (project_id, event_id, at, kind, user_id, client_id, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                project.into(),
                (&event.id).into(),
                event.at.into(),
                (&event.kind).into(),
                event.user_id.as_ref().into(),
                event.client_id.as_ref().into(),
                (&to_json(&event.detail)?).into(),
            ],
        )?;
        Ok(())
    }

    /// A page of events, newest first; `before` is [`Position::END`] or the last event of the page before.
    pub fn list_audit_events(&mut self, project: &ProjectId, before: &Position, limit: u32) -> Result<Vec<AuditEvent>> {
        self.all(
            "SELECT event_id, at, kind, user_id, client_id, detail FROM audit_events
             WHERE project_id = $1 AND (at, event_id) < ($2, $3)
             ORDER BY at DESC, event_id DESC LIMIT $4",
            &[project.into(), before.created_at.into(), (&before.id).into(), limit.into()],
            audit_event,
        )
    }

    /// Removes up to `limit` events older than `before`, and returns how many there were.
    pub fn remove_audit_events(&mut self, project: &ProjectId, before: Timestamp, limit: u32) -> Result<u64> {
        self.run(
            "DELETE FROM audit_events WHERE (project_id, event_id) IN (
                 SELECT project_id, event_id FROM audit_events WHERE project_id = $1 AND at < $2
                 ORDER BY at, event_id LIMIT $3)",
            &[project.into(), before.into(), limit.into()],
        )
    }
}

fn audit_event(row: &Row<'_>) -> Result<AuditEvent> {
    Ok(AuditEvent {
        id: row.get("event_id")?,
        at: row.get("at")?,
        kind: row.get("kind")?,
        user_id: row.get("user_id")?,
        client_id: row.get("client_id")?,
        detail: row.json("audit_events", "detail")?,
    })
}
