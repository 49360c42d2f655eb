//! Which text is a phone number: E.164 in full, `+` and 7 to 15 digits.
//!
//! Specs: ITU-T E.164 §6, OIDC Core §5.1 (`phone_number`).

use crate::{ErrorCode, Refusal, refuse};

pub const INVALID: Refusal = refuse(
    ErrorCode::Api { name: "invalid_phone_number", status: 400 },
    "send a phone number in E.164 form: + and the country code and 7 to 15 digits in all, without blanks",
);

/// The number, unchanged.
pub fn parse(text: &str) -> Result<String, Refusal> {
    let digits = text.strip_prefix('+').ok_or(INVALID)?;
    // E.164 §6.1: at most 15 digits. No country code begins with 0; Stytch's sandbox number +10000000000 does not.
    let is_number = (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { Ok(text.to_owned()) } else { Err(INVALID) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_plus_and_digits() {
        for text in ["+10000000000", "+49301234567", "+2901234", "+123456789012345"] {
            assert_eq!(parse(text), Ok(text.to_owned()));
        }
        for text in
            ["", "+", "49301234567", "+49 30 1234567", "+0123456789", "+123456", "+1234567890123456", "+1²34567"]
        {
            assert_eq!(parse(text), Err(INVALID), "{text:?}");
        }
    }
}
