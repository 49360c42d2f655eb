//! The clock. Handlers read it once a request; everything below them takes the time as an argument.

use hospes_protocol::{Seconds, Timestamp};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where the time comes from: the machine, or a test that sets it. Clones of a fixed clock move together.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `at` until it is advanced.
    pub fn fixed(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(at.0)))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => system_time(),
            Self::Fixed(at) => Timestamp(at.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock and all its clones; the machine's clock is nobody's to move, so there it does nothing.
    pub fn advance(&self, by: Seconds) {
        if let Self::Fixed(at) = self {
            at.fetch_add(by.0, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
fn system_time() -> Timestamp {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => Timestamp(seconds(after)),
        Err(before) => Timestamp(-seconds(before.duration())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_fixed_clock_move_together() {
        let clock = Clock::fixed(Timestamp(1_000));
        let other = clock.clone();
        clock.advance(Seconds(61));
        assert_eq!(other.now(), Timestamp(1_061));
        other.advance(Seconds(-1));
        assert_eq!(clock.now(), Timestamp(1_060));
    }

    #[test]
    fn the_system_clock_tells_this_century_and_is_not_moved() {
        let before = Clock::System.now();
        Clock::System.advance(Seconds(1_000_000));
        let after = Clock::System.now();
        assert!(before > Timestamp(1_700_000_000));
        assert!(after.since(before) < Seconds(1_000));
    }
}
