//! `GET /v1/audit_events`: what happened in the project, and who did it (our extension).

use super::{
    caller::Management,
    cursor,
    error::{BAD_LIMIT, refuse_api},
    reply::{Envelope, ErrorEnvelope, Reply},
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Query,
    rfc3339,
    store::{
        Position,
        audit::{EventFilter, position_of},
    },
};
use axum::extract::State;
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::{AuditEvent, EventKind},
    id::{ClientId, UserId},
    parameters::Parameters,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

pub(crate) const UNKNOWN_KIND: Refusal =
    refuse_api(400, "invalid_argument", "kind: no event has this kind; docs/guides/audit.md lists them");
pub(crate) const BAD_TIME: Refusal =
    refuse_api(400, "invalid_argument", "from and to are times as RFC 3339 has them: 2027-01-15T08:00:00Z");

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query")]
pub(crate) struct OfEvents {
    /// Only events of this kind, as in `user.disabled`.
    kind: Option<String>,
    /// Only events about this user, by our id.
    user_id: Option<String>,
    /// Only events about this client.
    client_id: Option<String>,
    /// From this moment on: RFC 3339.
    from: Option<String>,
    /// Before this moment: RFC 3339.
    to: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1000; 100 if absent.
    limit: Option<i64>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventObject {
    event_id: String,
    pub(crate) occurred_at: String,
    /// What happened.
    pub(crate) kind: &'static str,
    /// Who did it: `user`, `client`, `host`, `operator`, or `server` for what a stranger made us do.
    actor: &'static str,
    /// Whom it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// What there is to say about this kind.
    #[schema(value_type = Object)]
    detail: Map<String, Value>,
}

impl From<AuditEvent> for EventObject {
    fn from(event: AuditEvent) -> Self {
        Self {
            event_id: event.id.to_string(),
            occurred_at: rfc3339::text(event.at),
            kind: event.kind.as_str(),
            actor: event.actor.as_str(),
            user_id: event.user_id.map(|id| id.to_string()),
            client_id: event.client_id.map(|id| id.to_string()),
            detail: event.detail,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EventsReply {
    audit_events: Vec<EventObject>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists what happened, newest first. Events of one second come in no particular order.
#[utoipa::path(get, path = "/v1/audit_events", tag = "Audit log", params(OfEvents),
    responses((status = 200, body = Envelope<EventsReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Management,
    Query(query): Query,
) -> Result<Reply<EventsReply>, Failure> {
    let filter = filter(&query)?;
    let before = match query.get("cursor") {
        None | Some("") => Position::END,
        cursor => cursor::parse(cursor)?,
    };
    let limit = query.get("limit").map(|text| text.parse().map_err(|_| BAD_LIMIT)).transpose()?;
    let limit = cursor::limit(limit)?;
    let project = caller.current.project.id.clone();
    let found = app.store.read(move |tx| Ok(tx.list_events(&project, &filter, &before, limit + 1)?)).await?;
    let (page, next_cursor) = cursor::page(found, limit, position_of);
    Ok(Reply(EventsReply { audit_events: page.into_iter().map(EventObject::from).collect(), next_cursor }))
}

fn filter(query: &Parameters) -> Result<EventFilter, Refusal> {
    let given = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let time = |name: &str, otherwise: Timestamp| match given(name) {
        None => Ok(otherwise),
        Some(text) => rfc3339::parse(text).ok_or(BAD_TIME),
    };
    let all = EventFilter::default();
    Ok(EventFilter {
        kind: given("kind").map(|text| EventKind::parse(text).ok_or(UNKNOWN_KIND)).transpose()?,
        user_id: given("user_id").map(UserId::new),
        client_id: given("client_id").map(ClientId::new),
        from: time("from", all.from)?,
        to: time("to", all.to)?,
    })
}
