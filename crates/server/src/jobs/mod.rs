//! Background work. Every job ends with the server; none decides anything that a request depends on.

mod housekeeping;
mod mail;
mod refresh;
mod webhooks;

pub(crate) use mail::token as reset_token;

use crate::{app::App, front::Front};
use tokio::{sync::watch, task::JoinSet};

/// Starts all jobs.
pub(crate) fn start(app: &App, front: &Front, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    jobs.spawn(housekeeping::run(app.clone(), front.clone(), stop.clone()));
    jobs.spawn(mail::run(front.clone(), app.clone(), stop.clone()));
    jobs.spawn(refresh::run(front.clone(), stop.clone()));
    jobs.spawn(webhooks::run(app.clone(), stop.clone()));
    jobs
}
