//! `hospes audit …`: what happened in the project, and who did it.

use super::{
    open::Opened,
    output::{self, Form},
};
use crate::{
    config::Config,
    rfc3339,
    store::{
        Position,
        audit::{EventFilter, position_of},
    },
};
use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Subcommand};
use hospes_protocol::{
    Timestamp,
    audit_event::{AuditEvent, EventKind},
    id::{ClientId, EventId, UserId},
};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List what happened, newest first
    List(List),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only events of this kind, as in user.disabled
    #[arg(long)]
    kind: Option<String>,
    /// Only events about this user
    #[arg(long, value_name = "USER_ID")]
    user: Option<String>,
    /// Only events about this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// From this moment on, as in 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Go on after this event
    #[arg(long, value_name = "EVENT_ID")]
    after: Option<String>,
}

impl Audit {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        match self {
            Self::List(list) => list.run(config, form),
        }
    }
}

impl List {
    fn run(&self, config: &Config, form: Form) -> Result<()> {
        let filter = self.filter()?;
        let opened = Opened::with_project(config)?;
        let (after, limit) = (self.after.as_ref().map(EventId::new), self.limit);
        let events = opened.read(move |tx, project| {
            let before = match &after {
                None => Position::END,
                Some(id) => {
                    position_of(&tx.find_event(project, id)?.with_context(|| format!("there is no event {id}"))?)
                }
            };
            tx.list_events(project, &filter, &before, limit)
        })?;
        match form {
            Form::Json => {
                let events: Vec<_> = events.iter().map(as_json).collect();
                output::json(&json!({"audit_events": events}));
            }
            Form::Text => {
                let rows: Vec<_> = events.iter().map(row).collect();
                output::table(["WHEN", "WHAT", "BY", "USER", "CLIENT", "DETAIL", "EVENT ID"], &rows);
            }
        }
        Ok(())
    }

    fn filter(&self) -> Result<EventFilter> {
        let kind = |text: &String| {
            let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            EventKind::parse(text)
                .ok_or_else(|| anyhow!("no event has the kind {text}; there are {}", known.join(", ")))
        };
        let all = EventFilter::default();
        Ok(EventFilter {
            kind: self.kind.as_ref().map(kind).transpose()?,
            user_id: self.user.as_ref().map(UserId::new),
            client_id: self.client.as_ref().map(ClientId::new),
            from: self.from.as_deref().map_or(Ok(all.from), time)?,
            to: self.to.as_deref().map_or(Ok(all.to), time)?,
        })
    }
}

fn time(text: &str) -> Result<Timestamp> {
    rfc3339::parse(text).ok_or_else(|| anyhow!("{text} is no time; write it as in 2026-11-24T08:00:00Z"))
}

fn row(event: &AuditEvent) -> [String; 7] {
    let or_dash = |id: Option<String>| id.unwrap_or_else(|| String::from("-"));
    [
        rfc3339::text(event.at),
        event.kind.as_str().to_owned(),
        event.actor.as_str().to_owned(),
        or_dash(event.user_id.as_ref().map(ToString::to_string)),
        or_dash(event.client_id.as_ref().map(ToString::to_string)),
        if event.detail.is_empty() { String::from("-") } else { json!(event.detail).to_string() },
        event.id.to_string(),
    ]
}

fn as_json(event: &AuditEvent) -> Value {
    json!({
        "event_id": event.id,
        "occurred_at": rfc3339::text(event.at),
        "kind": event.kind.as_str(),
        "actor": event.actor.as_str(),
        "user_id": event.user_id,
        "client_id": event.client_id,
        "detail": event.detail,
    })
}
