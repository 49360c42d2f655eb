//! Keeps the list of projects and their prepared documents (metadata, JWKS) current when nobody asks for anything else.
//!
//! Requests that decide something read the change counter themselves; this is for the documents that are served
//! without the database.

use crate::front::Front;
use std::time::Duration;
use tokio::sync::watch;
use tracing::debug;

const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(front: Front, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => return,
        }
        if let Err(failure) = front.look_again().await {
            debug!(%failure, "the projects could not be looked for");
        }
        for app in front.apps() {
            if let Err(failure) = app.refresh_documents().await {
                debug!(project = %app.project, %failure, "the documents could not be refreshed");
            }
        }
    }
}
