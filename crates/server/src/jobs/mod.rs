//! Background work. Every job ends with the server; none decides anything that a request depends on.

mod housekeeping;
mod refresh;

use crate::app::App;
use tokio::{sync::watch, task::JoinSet};

/// Starts all jobs.
pub(crate) fn start(app: &App, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    jobs.spawn(housekeeping::run(app.clone(), stop.clone()));
    jobs.spawn(refresh::run(app.clone(), stop.clone()));
    jobs
}
