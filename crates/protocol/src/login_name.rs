//! What users type to log in: an e-mail address, or a user name. Neither can be taken for the other, and case does not
//! matter in either.

use crate::{ErrorCode::InvalidRequest, Refusal, refuse, user::Name};

pub const NOT_A_USER_NAME: Refusal =
    refuse(InvalidRequest, "a user name has 1 to 320 bytes, no blanks and no @; what has an @ is an e-mail address");

/// The form in which names are compared.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A user name that somebody is to have, as they wrote it.
pub fn parse_username(text: &str) -> Result<String, Refusal> {
    let name = text.trim();
    // Invisible characters would make two names look alike.
    let is_visible = |c: char| !c.is_control() && !c.is_whitespace() && c != '@';
    let fits = !name.is_empty() && name.len() <= 320 && fold(name).len() <= 320;
    if fits && name.chars().all(is_visible) { Ok(name.to_owned()) } else { Err(NOT_A_USER_NAME) }
}

/// Whom a typed login means.
pub fn name_of(typed: &str) -> Name {
    if typed.contains('@') { Name::email(typed) } else { Name::username(typed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::NameKind;

    #[test]
    fn user_names_are_visible_text_without_an_at_sign() {
        assert_eq!(parse_username(" Ada.Quay "), Ok("Ada.Quay".into()));
        assert_eq!(parse_username("Ωλ"), Ok("Ωλ".into()));
        for text in ["", " ", "a b", "a@b", "a\u{0}", "a\u{a0}b", &"a".repeat(321)] {
            assert_eq!(parse_username(text), Err(NOT_A_USER_NAME), "{text:?}");
        }
    }

    #[test]
    fn an_at_sign_decides_what_a_login_is() {
        let email = name_of(" Ada@Harbour.Example ");
        assert_eq!((email.kind, email.text.as_str()), (NameKind::Email, "ada@harbour.example"));
        let username = name_of("ADA");
        assert_eq!((username.kind, username.text.as_str()), (NameKind::Username, "ada"));
    }
}
