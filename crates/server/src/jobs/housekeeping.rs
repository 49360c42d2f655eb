//! Deletes what has expired, in batches small enough that no request waits for one.

use crate::{
    app::App,
    front::Front,
    store::housekeeping::{BATCH, Expired, UNUSED_CLIENTS_BATCH},
};
use hospes_protocol::{Timestamp, id::ProjectId};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{debug, warn};

const EVERY: Duration = Duration::from_mins(1);
/// Between two batches, so that requests come in between.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run(app: App, front: Front, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => return,
        }
        let now = app.clock.now();
        for project in front.projects() {
            let removed = app.store.write(move |tx| Ok(tx.remove_expired_keys(&project, now)?)).await;
            if let Err(failure) = removed {
                warn!(%failure, "expired keys could not be removed");
            }
        }
        for project in front.projects() {
            remove_events(&app, &project, &mut stop).await;
            remove_clients(&app, &project, &mut stop).await;
        }
        for what in Expired::ALL {
            remove(&app, what, &mut stop).await;
        }
    }
}

/// Removes what the audit log of a project need not remember any more, a batch at a time.
async fn remove_events(app: &App, project: &ProjectId, stop: &mut watch::Receiver<bool>) {
    while !*stop.borrow() {
        let (project, now) = (project.clone(), app.clock.now());
        let removed = app.store.write(move |tx| {
            let Some(record) = tx.find_project(&project)? else { return Ok(0) };
            Ok(tx.remove_events(&project, record.settings.audit_days.begin(now), BATCH)?)
        });
        match removed.await {
            Ok(removed) if removed < u64::from(BATCH) => return,
            Ok(_) => {}
            Err(failure) => {
                warn!(%failure, "old events of the audit log could not be removed");
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stop.changed() => return,
        }
    }
}

/// Removes clients that registered themselves and that nobody ever used, a batch at a time.
async fn remove_clients(app: &App, project: &ProjectId, stop: &mut watch::Receiver<bool>) {
    while !*stop.borrow() {
        let (project, now) = (project.clone(), app.clock.now());
        let removed = app.store.write(move |tx| {
            let Some(record) = tx.find_project(&project)? else { return Ok(0) };
            let days = i64::from(record.settings.dynamic_client_registration.unused_days);
            let before = Timestamp(now.0.saturating_sub(days.saturating_mul(24 * 60 * 60)));
            Ok(tx.remove_unused_clients(&project, before, UNUSED_CLIENTS_BATCH)?)
        });
        match removed.await {
            Ok(removed) if removed < u64::from(UNUSED_CLIENTS_BATCH) => return,
            Ok(_) => {}
            Err(failure) => {
                warn!(%failure, "clients that nobody uses could not be removed");
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stop.changed() => return,
        }
    }
}

/// Removes all expired rows of one kind, a batch at a time.
async fn remove(app: &App, what: Expired, stop: &mut watch::Receiver<bool>) {
    while !*stop.borrow() {
        let now = app.clock.now();
        match app.store.write(move |tx| Ok(tx.remove_expired(what, now, BATCH)?)).await {
            Ok(removed) => {
                if removed > 0 {
                    debug!(removed, kind = what.as_str(), "expired rows were removed");
                }
                if removed < u64::from(BATCH) {
                    return;
                }
            }
            Err(failure) => {
                warn!(%failure, kind = what.as_str(), "expired rows could not be removed");
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stop.changed() => return,
        }
    }
}
