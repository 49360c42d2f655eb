//! Public tokens: by which a page in the browser says which project it belongs to.
//!
//! They are no secrets: whoever opens the page can read them, and they prove nothing. What a browser may do is decided by
//! the origins that the project names and by who is logged in.

use crate::{Refusal, refuse_api};

/// How many a project may have.
pub const MOST: usize = 10;

pub const NOT_FOUND: Refusal =
    refuse_api(404, "public_token_not_found", "the project has no such public token; list them to see which it has");
pub const TOO_MANY: Refusal =
    refuse_api(400, "too_many_public_tokens", "the project has 10 public tokens; delete one that no page uses");
pub const BAD_FORM: Refusal = refuse_api(
    400,
    "invalid_argument",
    "a public token is `public-token-test-` or `public-token-live-`, as the project's id has it, and a UUID in lower case",
);

/// Whether one more may be added to those that are there.
pub fn may_add(present: usize) -> Result<(), Refusal> {
    if present < MOST { Ok(()) } else { Err(TOO_MANY) }
}

/// What every token of a project begins with; `environment` is `live` or `test`.
pub fn prefix(environment: &str) -> String {
    format!("public-token-{environment}-")
}

/// Whether a token that somebody gave has the form of those that we make.
pub fn check_form(token: &str, environment: &str) -> Result<(), Refusal> {
    let Some(uuid) = token.strip_prefix(&prefix(environment)) else { return Err(BAD_FORM) };
    // RFC 9562 §4: groups of 8, 4, 4, 4 and 12 hexadecimal digits
    let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
    let is_hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-';
    if groups == [8, 4, 4, 4, 12] && uuid.bytes().all(is_hexadecimal) { Ok(()) } else { Err(BAD_FORM) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_ten_at_most() {
        assert_eq!((may_add(9), may_add(10)), (Ok(()), Err(TOO_MANY)));
        assert_eq!(NOT_FOUND.error.status(), 404);
    }

    #[test]
    fn a_given_token_has_the_form_and_the_environment_of_the_project() {
        let uuid = "5f8c1c4e-3d52-4c3b-9d0a-6f1f2b7c9e10";
        assert_eq!(check_form(&format!("public-token-test-{uuid}"), "test"), Ok(()));
        for token in [
            format!("public-token-live-{uuid}"),
            format!("public-token-test-{}", uuid.to_uppercase()),
            format!("public-token-test-{uuid} "),
            format!("public-token-test-{}", uuid.replace('-', "")),
            format!("secret-test-{uuid}"),
            "public-token-test-".to_owned(),
            String::new(),
        ] {
            assert_eq!(check_form(&token, "test"), Err(BAD_FORM), "{token}");
        }
    }
}
