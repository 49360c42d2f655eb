//! When a password may be tried again after failures in a row.
//!
//! Specs: NIST SP 800-63B §5.2.2 (rate limiting), RFC 9700 has no rule for it.
//! The counter lives in the database, so it holds across processes and restarts.

use crate::time::{Seconds, Timestamp};

/// Failures in a row that cost nothing.
pub const FREE_FAILURES: i64 = 9;
/// The longest wait; an attacker must not be able to keep a user out for good.
pub const LONGEST: Seconds = Seconds(15 * 60);

/// Until when the password is locked after `failures` in a row: half a minute at first, twice as long each time.
pub fn locked_until(failures: i64, now: Timestamp) -> Option<Timestamp> {
    let beyond = failures.checked_sub(FREE_FAILURES).filter(|beyond| *beyond > 0)?;
    let doublings = u32::try_from(beyond - 1).unwrap_or(u32::MAX).min(16);
    let wait = Seconds(30_i64.saturating_mul(1_i64 << doublings));
    Some(now.plus(wait.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failures: i64, expected: Option<i64>) {
        assert_eq!(locked_until(failures, Timestamp(1000)), expected.map(|wait| Timestamp(1000 + wait)));
    }

    #[test]
    fn a_few_failures_cost_nothing_and_more_cost_more() {
        check(0, None);
        check(9, None);
        check(10, Some(30));
        check(11, Some(60));
        check(14, Some(480));
        check(15, Some(900));
    }

    #[test]
    fn no_number_of_failures_locks_for_good() {
        check(1_000_000, Some(900));
        check(i64::MAX, Some(900));
    }
}
