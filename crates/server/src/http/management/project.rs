//! `GET /v1/debug/whoami` and `GET /v1/projects/metrics`: the project that calls.

use super::{
    caller::Management,
    reply::{Envelope, ErrorEnvelope, Reply},
};
use crate::{app::App, failure::Failure};
use axum::extract::State;
use hospes_protocol::client::ClientKind;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct Whoami {
    project_id: String,
    /// The project's name.
    name: String,
}

/// Says which project the credentials belong to.
#[utoipa::path(get, path = "/v1/debug/whoami", tag = "Project", responses(
    (status = 200, body = Envelope<Whoami>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn whoami(caller: Management) -> Reply<Whoami> {
    let project = &caller.current.project;
    Reply(Whoami { project_id: project.id.to_string(), name: project.name.clone() })
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Metrics {
    project_id: String,
    metrics: Vec<Metric>,
}

#[derive(Serialize, ToSchema)]
struct Metric {
    /// `USER_COUNT`, `M2M_CLIENT_COUNT` or `CONNECTED_APP_COUNT`.
    metric_type: &'static str,
    count: i64,
}

/// Counts what the project holds.
#[utoipa::path(get, path = "/v1/projects/metrics", tag = "Project", responses(
    (status = 200, body = Envelope<Metrics>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn metrics(State(app): State<App>, caller: Management) -> Result<Reply<Metrics>, Failure> {
    let project = caller.current.project.id.clone();
    let project_id = project.to_string();
    let metrics = app
        .store
        .read(move |tx| {
            let apps = tx.count_clients(&project, ClientKind::App)?;
            let machines = tx.count_clients(&project, ClientKind::Machine)?;
            Ok(vec![
                Metric { metric_type: "USER_COUNT", count: tx.count_users(&project)? },
                Metric { metric_type: "M2M_CLIENT_COUNT", count: machines },
                Metric { metric_type: "CONNECTED_APP_COUNT", count: apps },
            ])
        })
        .await?;
    Ok(Reply(Metrics { project_id, metrics }))
}
