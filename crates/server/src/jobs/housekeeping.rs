//! Deletes what has expired, in batches small enough that no request waits for one.

use crate::{
    app::App,
    front::Front,
    store::housekeeping::{BATCH, Expired},
};
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
        for what in Expired::ALL {
            remove(&app, what, &mut stop).await;
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
