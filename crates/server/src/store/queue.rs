//! The bounded queue in front of the threads that own a connection.

use super::job::{Ending, Job};
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// A full queue is an overloaded server, which says so at once instead of letting everybody wait.
pub(super) struct Queue {
    line: Mutex<Line>,
    arrival: Condvar,
    room: usize,
}

struct Line {
    jobs: VecDeque<Box<dyn Job>>,
    idle: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        let line = Line { jobs: VecDeque::new(), idle: 0, closed: false };
        Self { line: Mutex::new(line), arrival: Condvar::new(), room }
    }

    /// Lines `job` up, or answers it with `Busy`.
    pub(super) fn push(&self, job: Box<dyn Job>) {
        let mut line = self.line();
        if line.closed || line.jobs.len() >= self.room {
            drop(line);
            return job.answer(Ending::Busy);
        }
        line.jobs.push_back(job);
        let somebody_sleeps = line.idle > 0;
        drop(line);
        if somebody_sleeps {
            self.arrival.notify_one();
        }
    }

    /// Waits for the next job; `None` once the queue is closed and empty.
    pub(super) fn next(&self) -> Option<Box<dyn Job>> {
        let mut line = self.line();
        loop {
            if let Some(job) = line.jobs.pop_front() {
                return Some(job);
            }
            if line.closed {
                return None;
            }
            line.idle = line.idle.saturating_add(1);
            line = self.arrival.wait(line).unwrap_or_else(PoisonError::into_inner);
            line.idle = line.idle.saturating_sub(1);
        }
    }

    /// The next job, if one waits already.
    pub(super) fn waiting(&self) -> Option<Box<dyn Job>> {
        self.line().jobs.pop_front()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.line().jobs.len()
    }

    /// Takes no more jobs. Those that wait are still done.
    pub(super) fn close(&self) {
        self.line().closed = true;
        self.arrival.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.line().closed
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
