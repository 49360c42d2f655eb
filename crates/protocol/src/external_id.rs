//! Which text may be the host app's own id of a user.

use crate::{ErrorCode, Refusal, refuse};

pub const INVALID: Refusal = refuse(
    ErrorCode::Api { name: "invalid_external_id", status: 400 },
    "external_id: 1 to 128 of the characters A-Z a-z 0-9 . _ | -, and not the form of our own ids (user-test-…, user-live-…)",
);

/// The id, unchanged. It is accepted wherever a user's id is, so it must never look like one.
pub fn parse(text: &str) -> Result<String, Refusal> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._|-".contains(&b);
    let is_ours = ["user-test-", "user-live-"].iter().any(|prefix| text.starts_with(prefix));
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(is_plain);
    if fits && !is_ours { Ok(text.to_owned()) } else { Err(INVALID) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_id_is_plain_and_no_id_of_ours() {
        for text in ["42", "auth0|5f7c8ec7", "a.b_c-d", "user-42", &"a".repeat(128)] {
            assert_eq!(parse(text), Ok(text.to_owned()));
        }
        for text in ["", "a b", "a/b", "a@b.example", "ü", "user-test-1", "user-live-", &"a".repeat(129)] {
            assert_eq!(parse(text), Err(INVALID), "{text:?}");
        }
    }
}
