//! Which password may be chosen.
//!
//! Specs: NIST SP 800-63B-4 §3.1.1.2.
//! Passwords that somebody brings along as a hash are not judged: nobody can.

use crate::{ErrorCode::InvalidRequest, Refusal, refuse};

/// Counted in characters, so that an umlaut is as long as a letter.
const SHORTEST: usize = 8;

pub const TOO_SHORT: Refusal = refuse(InvalidRequest, "the password must have at least 8 characters; 15 are better");

/// Whether a password that somebody chooses is long enough, whatever else the project asks for.
pub fn validate_length(password: &str) -> Result<(), Refusal> {
    // NIST SP 800-63B-4 §3.1.1.2
    if password.chars().count() < SHORTEST { Err(TOO_SHORT) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_characters_are_enough_in_any_script() {
        assert_eq!(validate_length("seven77"), Err(TOO_SHORT));
        assert_eq!(validate_length("ünïcödé"), Err(TOO_SHORT));
        assert_eq!(validate_length("ünïcödé8"), Ok(()));
    }
}
