//! What operators ask: is the process up, can it serve, how is it doing. On a listener of its own.

use crate::app::App;
use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

/// The process runs.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The database answers, so requests can be served.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let app_of_job = app.clone();
    match app.store.read(move |tx| Ok(app_of_job.records.project(tx, &app_of_job.project)?)).await {
        Ok(_) => "ready\n".into_response(),
        Err(failure) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {failure}\n")).into_response(),
    }
}

pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let text = app.metrics.text(app.store.pressure());
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
