//! A job: the body of one transaction on its way to a connection's thread, and its answer on the way back.

use super::sql::{Access, Trouble, Tx};
use crate::failure::Failure;
use anyhow::anyhow;
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};
use tokio::sync::oneshot;

pub(super) trait Job: Send {
    /// Whether somebody still waits for the answer. A job that nobody waits for need not begin.
    fn is_wanted(&self) -> bool;

    fn access(&self) -> Access;

    /// Runs the body once and keeps its outcome; a body may be run again as long as it was not answered.
    fn run(&mut self, tx: &mut Tx<'_>) -> Effect;

    /// Sends the answer. Only to be called once nothing can change it any more.
    fn answer(self: Box<Self>, ending: Ending<'_>);
}

/// What is to become of the changes that a body made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// `Ok` and `Refused` are answers, and what led to them stays.
    Keep,
    /// A fault is not.
    Undo,
    /// Nor is a panic; the connection may have been left in the middle of something.
    Panicked,
}

/// How it ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending<'a> {
    /// The answer is what the body said.
    AsSaid,
    Busy,
    Fault(&'a str),
}

pub(super) struct Work<F, T> {
    body: F,
    access: Access,
    outcome: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl<F, T> Work<F, T>
where
    F: Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    T: Send + 'static,
{
    pub(super) fn line_up(access: Access, body: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, Failure>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { body, access, outcome: None, reply }), answer)
    }
}

impl<F, T> Job for Work<F, T>
where
    F: Fn(&mut Tx<'_>) -> Result<T, Failure> + Send,
    T: Send,
{
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn access(&self) -> Access {
        self.access
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Effect {
        let (effect, outcome) = run(&self.body, tx);
        self.outcome = Some(outcome);
        effect
    }

    fn answer(self: Box<Self>, ending: Ending<'_>) {
        let outcome = match ending {
            Ending::AsSaid => self.outcome.unwrap_or_else(|| Err(anyhow!("the transaction was never run").into())),
            Ending::Busy => Err(Failure::Busy),
            Ending::Fault(why) => Err(anyhow!("{why}").into()),
        };
        // Nobody waits any more: there is nobody to tell.
        let _ = self.reply.send(outcome);
    }
}

/// Runs `body` once; a panic is a fault.
pub(super) fn run<T>(
    body: &impl Fn(&mut Tx<'_>) -> Result<T, Failure>,
    tx: &mut Tx<'_>,
) -> (Effect, Result<T, Failure>) {
    // The body is `Fn` and its changes are undone after a panic, so nothing half-done can be seen.
    match catch_unwind(AssertUnwindSafe(|| body(tx))) {
        Ok(outcome @ (Ok(_) | Err(Failure::Refused(_)))) => (Effect::Keep, outcome),
        Ok(outcome @ Err(Failure::Fault(_) | Failure::Busy | Failure::Wait(_))) => (Effect::Undo, outcome),
        Err(panic) => (Effect::Panicked, Err(Failure::Fault(anyhow!("panic in a transaction: {}", words(&*panic))))),
    }
}

/// How a job ends whose body made `effect`, with `trouble` among its statements.
pub(super) const fn ending(effect: Effect, trouble: Option<Trouble>) -> Ending<'static> {
    match (effect, trouble) {
        (_, None) | (Effect::Undo | Effect::Panicked, Some(Trouble::Broken)) => Ending::AsSaid,
        (Effect::Keep, Some(Trouble::Broken)) => Ending::Fault("a statement failed, and the transaction went on"),
        (_, Some(Trouble::Late | Trouble::Conflict | Trouble::Lost | Trouble::NoSpace)) => Ending::Busy,
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
