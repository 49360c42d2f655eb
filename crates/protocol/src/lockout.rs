//! When a password may be tried again after failures in a row.
//!
//! Specs: NIST SP 800-63B-4 §3.2.2.
//! The counter lives in the database, so it holds across processes and restarts.

use crate::{
    Refusal, refuse_api,
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};

pub const LOCKED: Refusal = refuse_api(
    429,
    "user_lock_limit_reached",
    "too many wrong passwords: the user is locked until lock_expires_at; POST /v1/users/{user_id}/unlock ends it",
);

/// When an account is locked after wrong passwords, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockPolicy {
    /// Failed attempts: 1 to 100.
    pub threshold: u32,
    /// Seconds: 300 to 604,800.
    pub lock_seconds: u32,
}

impl Default for LockPolicy {
    fn default() -> Self {
        Self { threshold: 10, lock_seconds: 3600 }
    }
}

/// Until when the password is locked after `failures` in a row. When a lock has ended there are as many attempts again,
/// so that one wrong password does not keep the owner out for another hour.
pub fn locked_until(failures: i64, policy: LockPolicy, now: Timestamp) -> Option<Timestamp> {
    let threshold = i64::from(policy.threshold.max(1));
    let is_full = failures > 0 && failures % threshold == 0;
    is_full.then(|| now.plus(Seconds(policy.lock_seconds.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(threshold: u32, failures: i64, is_locked: bool) {
        let policy = LockPolicy { threshold, lock_seconds: 600 };
        let expected = is_locked.then_some(Timestamp(1600));
        assert_eq!(locked_until(failures, policy, Timestamp(1000)), expected, "{threshold} {failures}");
    }

    #[test]
    fn every_time_the_threshold_is_reached_there_is_a_lock() {
        check(10, 0, false);
        check(10, 9, false);
        check(10, 10, true);
        check(10, 11, false);
        check(10, 19, false);
        check(10, 20, true);
        check(1, 1, true);
        check(1, 2, true);
        check(0, 1, true);
        check(100, i64::MAX, false);
    }
}
