//! Which password may be chosen.
//!
//! Specs: NIST SP 800-63B-4 §3.1.1.2.
//! How many guesses a password costs, and whether it is on a list of leaked ones, is measured elsewhere; here is what
//! follows. Passwords that somebody brings along as a hash are not judged: nobody can.

use crate::{ErrorCode::InvalidRequest, Refusal, refuse, refuse_api};
use serde::{Deserialize, Serialize};

/// Counted in characters, so that an umlaut is as long as a letter.
pub const SHORTEST: u32 = 8;

/// What zxcvbn calls safely unguessable, of 0 to 4.
const LEAST_SCORE: u8 = 3;

pub const TOO_SHORT: Refusal = refuse(InvalidRequest, "the password must have at least 8 characters; 15 are better");
pub const WEAK: Refusal = refuse_api(
    400,
    "weak_password",
    "the password is too easy to guess or too short for the project's policy; passwords/strength_check says what to change",
);
pub const BREACHED: Refusal =
    refuse_api(400, "breached_password", "the password is one of those that leaks show most often; choose another");

/// How strong a new password must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PasswordPolicy {
    pub kind: PolicyKind,
    /// LUDS: the least number of characters.
    pub luds_min_length: u32,
    /// LUDS: of how many kinds (lower case, upper case, digits, symbols) there must be one.
    pub luds_min_complexity: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PolicyKind {
    /// A score of 3 or more by zxcvbn.
    #[default]
    Zxcvbn,
    /// Lower case, upper case, digits, symbols.
    Luds,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { kind: PolicyKind::Zxcvbn, luds_min_length: 8, luds_min_complexity: 3 }
    }
}

/// What a password has of each kind of character, and what it lacks for the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Luds {
    pub has_lower_case: bool,
    pub has_upper_case: bool,
    pub has_digit: bool,
    pub has_symbol: bool,
    /// So many kinds of characters more.
    pub missing_complexity: u32,
    /// So many characters more.
    pub missing_characters: u32,
}

/// What is known about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strength {
    /// By zxcvbn: 0 to 4.
    pub score: u8,
    /// On the list of leaked passwords.
    pub is_breached: bool,
    pub luds: Luds,
}

/// Whether a password that somebody chooses is long enough, whatever else the project asks for.
pub fn validate_length(password: &str) -> Result<(), Refusal> {
    // NIST SP 800-63B-4 §3.1.1.2
    if length(password) < SHORTEST { Err(TOO_SHORT) } else { Ok(()) }
}

fn length(password: &str) -> u32 {
    u32::try_from(password.chars().count()).unwrap_or(u32::MAX)
}

/// Of which kinds the characters are. What is neither letter nor digit is a symbol; so are letters without a case.
pub fn luds(password: &str, policy: &PasswordPolicy) -> Luds {
    let has = |kind: fn(char) -> bool| password.chars().any(kind);
    let is_symbol = |c: char| !(c.is_lowercase() || c.is_uppercase() || c.is_numeric());
    let (has_lower_case, has_upper_case) = (has(char::is_lowercase), has(char::is_uppercase));
    let (has_digit, has_symbol) = (has(char::is_numeric), has(is_symbol));
    let kinds = [has_lower_case, has_upper_case, has_digit, has_symbol].map(u32::from);
    Luds {
        has_lower_case,
        has_upper_case,
        has_digit,
        has_symbol,
        missing_complexity: policy.luds_min_complexity.saturating_sub(kinds.iter().sum()),
        missing_characters: policy.luds_min_length.saturating_sub(length(password)),
    }
}

/// Whether the password may be chosen. A leaked one is called that, also where it is weak besides: it says more.
pub fn decide(password: &str, strength: &Strength, policy: &PasswordPolicy) -> Result<(), Refusal> {
    // NIST SP 800-63B-4 §3.1.1.2
    if strength.is_breached {
        return Err(BREACHED);
    }
    let luds = &strength.luds;
    let is_strong = match policy.kind {
        PolicyKind::Zxcvbn => strength.score >= LEAST_SCORE,
        PolicyKind::Luds => luds.missing_complexity == 0 && luds.missing_characters == 0,
    };
    if is_strong && validate_length(password).is_ok() { Ok(()) } else { Err(WEAK) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZXCVBN: PasswordPolicy =
        PasswordPolicy { kind: PolicyKind::Zxcvbn, luds_min_length: 8, luds_min_complexity: 3 };
    const LUDS: PasswordPolicy = PasswordPolicy { kind: PolicyKind::Luds, luds_min_length: 10, luds_min_complexity: 3 };

    #[track_caller]
    fn check(policy: &PasswordPolicy, password: &str, score: u8, expected: Result<(), Refusal>) {
        let strength = Strength { score, is_breached: false, luds: luds(password, policy) };
        assert_eq!(decide(password, &strength, policy), expected, "{password}");
    }

    #[test]
    fn eight_characters_are_enough_in_any_script() {
        assert_eq!(validate_length("seven77"), Err(TOO_SHORT));
        assert_eq!(validate_length("ünïcödé"), Err(TOO_SHORT));
        assert_eq!(validate_length("ünïcödé8"), Ok(()));
    }

    #[test]
    fn each_policy_asks_for_what_it_is_called_after() {
        check(&ZXCVBN, "lower only letters", 3, Ok(()));
        check(&ZXCVBN, "Aa1!Aa1!Aa1!", 2, Err(WEAK));
        check(&LUDS, "lower only letters", 4, Err(WEAK));
        check(&LUDS, "Aa1!Aa1!Aa1!", 0, Ok(()));
        check(&LUDS, "Aa1!Aa1!A", 4, Err(WEAK));
    }

    #[test]
    fn no_score_makes_a_short_password_good() {
        check(&ZXCVBN, "x7#Qz!p", 4, Err(WEAK));
    }

    #[test]
    fn a_leaked_password_is_called_that() {
        let strength = Strength { score: 0, is_breached: true, luds: luds("password", &ZXCVBN) };
        assert_eq!(decide("password", &strength, &ZXCVBN), Err(BREACHED));
    }

    #[test]
    fn what_is_missing_is_counted() {
        let found = luds("ab1", &LUDS);
        let expected = Luds {
            has_lower_case: true,
            has_upper_case: false,
            has_digit: true,
            has_symbol: false,
            missing_complexity: 1,
            missing_characters: 7,
        };
        assert_eq!(found, expected);
        let found = luds("ÄÖÜ ß٣", &LUDS);
        assert!(found.has_upper_case && found.has_lower_case && found.has_digit && found.has_symbol);
        assert_eq!(luds("日本語", &LUDS).missing_complexity, 2);
    }
}
