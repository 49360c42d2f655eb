//! What a session must have proven before it may set a new password.
//!
//! Specs: NIST SP 800-63B-4 §3.1.1.2 is about the password; that a change asks for a recent proof is Stytch's contract.
//! A stolen session alone must not be enough to keep the owner out for good.

use crate::{
    Refusal, refuse_api,
    session::{FactorMethod, FullSession},
    time::{Seconds, Timestamp},
};

pub const TOO_OLD: Refusal = refuse_api(
    400,
    "session_too_old_to_reset_password",
    "the session has no password and no mail proven within the last five minutes; let the user log in again first",
);

const RECENT: Seconds = Seconds(5 * 60);

/// Whether the user of `session` proved by a password or by their mail, a moment ago, who they are.
pub fn validate_session(session: &FullSession, now: Timestamp) -> Result<(), Refusal> {
    let counts =
        |method: &FactorMethod| matches!(method, FactorMethod::Password { .. } | FactorMethod::EmailLink { .. });
    let is_recent = |at: Timestamp| now <= at.plus(RECENT);
    let mut factors = session.factors.iter();
    let has_recent = factors.any(|factor| counts(&factor.method) && is_recent(factor.last_authenticated_at));
    if has_recent { Ok(()) } else { Err(TOO_OLD) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{NOW, full_session};

    fn with(method: FactorMethod, age: i64) -> FullSession {
        let mut session = FullSession { factors: Vec::new(), ..full_session() };
        session.add_factor(method, Timestamp(NOW.0 - age));
        session
    }

    #[test]
    fn only_what_was_proven_within_five_minutes_counts() {
        let by_password = || FactorMethod::Password { email_id: String::new(), email_address: String::new() };
        let by_mail = || FactorMethod::EmailLink { email_id: String::new(), email_address: String::new() };
        let methods: [fn() -> FactorMethod; 2] = [by_password, by_mail];
        for method in methods {
            assert_eq!(validate_session(&with(method(), 300), NOW), Ok(()));
            assert_eq!(validate_session(&with(method(), 301), NOW), Err(TOO_OLD));
        }
        assert_eq!(validate_session(&with(FactorMethod::Imported, 0), NOW), Err(TOO_OLD));
        let mut session = with(by_password(), 301);
        session.add_factor(FactorMethod::Imported, NOW);
        assert_eq!(validate_session(&session, NOW), Err(TOO_OLD));
    }
}
