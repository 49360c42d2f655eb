//! How strong a password is: measured by zxcvbn, with what to do about it in words.
//!
//! Whether a password is on a list of leaked ones is asked of the list that zxcvbn has, the 30,000 most frequent: it is
//! here, so no part of a password leaves this machine, and it is not all that ever leaked.

use hospes_protocol::password_policy::{self, PasswordPolicy, Strength};
use zxcvbn::feedback::Warning;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub strength: Strength,
    /// What is wrong with it; empty if nothing is.
    pub warning: String,
    /// What would make it better.
    pub suggestions: Vec<String>,
}

/// `known` is what an attacker knows about the user, such as the address: such words make a password no stronger.
pub fn judge(password: &str, known: &[String], policy: &PasswordPolicy) -> Judged {
    let words: Vec<&str> = known.iter().flat_map(|text| words(text)).collect();
    let measured = zxcvbn::zxcvbn(password, &words);
    let feedback = measured.feedback();
    let warning = feedback.and_then(|feedback| feedback.warning());
    let is_breached = matches!(
        warning,
        Some(Warning::ThisIsATop10Password | Warning::ThisIsATop100Password | Warning::ThisIsACommonPassword)
    );
    let suggestions = feedback.map(|feedback| feedback.suggestions()).unwrap_or_default();
    Judged {
        strength: Strength {
            score: measured.score().into(),
            is_breached,
            luds: password_policy::luds(password, policy),
        },
        warning: warning.map(|warning| warning.to_string()).unwrap_or_default(),
        suggestions: suggestions.iter().map(ToString::to_string).collect(),
    }
}

/// The text and its parts: of an address the name, the domain and what is between dots.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| part.chars().count() > 2);
    [text].into_iter().chain(text.split('@')).chain(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(password: &str, known: &str) -> u8 {
        judge(password, &[known.to_owned()], &PasswordPolicy::default()).strength.score
    }

    #[test]
    fn what_everybody_knows_about_the_user_makes_no_password_strong() {
        for password in ["adalovelace", "ada.lovelace@harbour.example"] {
            assert!(score(password, "") > score(password, "Ada.Lovelace@harbour.example"), "{password}");
        }
        assert!(score("correct horse battery staple", "ada@harbour.example") == 4);
    }

    #[test]
    fn a_leaked_password_is_known_in_any_case_and_another_is_not() {
        let is_breached = |password| judge(password, &[], &PasswordPolicy::default()).strength.is_breached;
        for password in ["password", "PASSWORD", "123456789", "qwertyuiop"] {
            assert!(is_breached(password), "{password}");
        }
        for password in ["", "correct horse battery staple", "password-of-ada", "x7#Qz!p0"] {
            assert!(!is_breached(password), "{password}");
        }
    }

    #[test]
    fn a_weak_password_is_told_why() {
        let judged = judge("abcabcabc", &[], &PasswordPolicy::default());
        assert!(!judged.warning.is_empty() && !judged.suggestions.is_empty(), "{judged:?}");
        let judged = judge("correct horse battery staple", &[], &PasswordPolicy::default());
        assert!(judged.warning.is_empty() && judged.suggestions.is_empty(), "{judged:?}");
    }

    // Whoever sends it should not be able to occupy a thread.
    #[test]
    fn a_long_or_odd_password_is_judged_without_a_panic() {
        for password in
            ["a".repeat(1024), "aB1!".repeat(256), "ä日\u{1f9b7}".repeat(100), "\u{0}".into(), String::new()]
        {
            judge(&password, &["ada@harbour.example".into()], &PasswordPolicy::default());
        }
    }
}
