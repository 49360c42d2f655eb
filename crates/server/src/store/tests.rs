//! The store on both databases: SQLite always, PostgreSQL where `TEST_DATABASE_URL` names one.

use super::{job::Ending, job::Job, sqlite::Connection};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a test may break in the writer.
#[derive(Default)]
pub(super) struct Switches {
    /// The next COMMIT fails.
    pub(super) fail_commit: AtomicBool,
    /// Answers leave before COMMIT: the mistake that the tests must notice.
    pub(super) answer_early: AtomicBool,
}

impl Switches {
    pub(super) fn apply(&self, connection: &Connection) -> anyhow::Result<()> {
        let _ = connection;
        Ok(())
    }

    pub(super) fn answer_early(
        &self,
        done: Vec<(Box<dyn Job>, Ending<'static>)>,
    ) -> Vec<(Box<dyn Job>, Ending<'static>)> {
        if !self.answer_early.load(Ordering::SeqCst) {
            return done;
        }
        done.into_iter().for_each(|(job, ending)| job.answer(ending));
        Vec::new()
    }
}
