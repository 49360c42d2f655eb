//! A person's name in three parts, as the management API has it, and the OpenID Connect claims in which it is kept.
//!
//! Specs: OIDC Core §5.1 (`name`, `given_name`, `middle_name`, `family_name`).

use crate::{ErrorCode, Refusal, refuse, user::Profile};
use serde_json::Value;

pub const TOO_LONG: Refusal = refuse(
    ErrorCode::Api { name: "invalid_name", status: 400 },
    "name: each of first_name, middle_name and last_name has at most 128 characters and no control characters",
);

const GIVEN: &str = "given_name";
const MIDDLE: &str = "middle_name";
const FAMILY: &str = "family_name";
const WHOLE: &str = "name";

/// Empty where it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    pub first: String,
    pub middle: String,
    pub last: String,
}

/// What is to become of the parts; `None` leaves one as it is, empty text takes it away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub first: Option<String>,
    pub middle: Option<String>,
    pub last: Option<String>,
}

pub fn parts(profile: &Profile) -> Parts {
    let part = |name: &str| profile.text_claim(name).unwrap_or_default().to_owned();
    Parts { first: part(GIVEN), middle: part(MIDDLE), last: part(FAMILY) }
}

/// What a person is called in full: their `name`, else its parts.
pub fn full(profile: &Profile) -> String {
    profile.text_claim(WHOLE).map_or_else(|| joined(&parts(profile)), str::to_owned)
}

/// Writes the parts, and the whole made of them: a `name` that does not go with its parts would help nobody.
pub fn change(profile: &mut Profile, change: Change) -> Result<(), Refusal> {
    let written = [(GIVEN, change.first), (MIDDLE, change.middle), (FAMILY, change.last)];
    let mut is_changed = false;
    for (claim, text) in written {
        let Some(text) = text else { continue };
        let text = text.trim();
        if text.chars().count() > 128 || text.chars().any(char::is_control) {
            return Err(TOO_LONG);
        }
        set(profile, claim, text);
        is_changed = true;
    }
    if is_changed {
        let whole = joined(&parts(profile));
        set(profile, WHOLE, &whole);
    }
    Ok(())
}

fn set(profile: &mut Profile, claim: &str, text: &str) {
    if text.is_empty() {
        profile.claims.remove(claim);
    } else {
        profile.claims.insert(claim.to_owned(), Value::String(text.to_owned()));
    }
}

fn joined(parts: &Parts) -> String {
    let all = [parts.first.as_str(), parts.middle.as_str(), parts.last.as_str()];
    all.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_claims_and_make_the_whole() {
        let mut profile = Profile::default();
        let some = |text: &str| Some(text.to_owned());
        change(&mut profile, Change { first: some("Ada"), middle: None, last: some(" Quay ") }).unwrap();
        assert_eq!(full(&profile), "Ada Quay");
        assert_eq!(profile.text_claim("family_name"), Some("Quay"));
        change(&mut profile, Change { middle: some("M."), ..Change::default() }).unwrap();
        assert_eq!(full(&profile), "Ada M. Quay");
        assert_eq!(parts(&profile), Parts { first: "Ada".into(), middle: "M.".into(), last: "Quay".into() });
        change(&mut profile, Change { first: some(""), middle: some(""), last: some("") }).unwrap();
        assert_eq!(profile, Profile::default());
    }

    #[test]
    fn a_name_that_came_whole_stays_until_its_parts_are_set() {
        let mut profile = Profile::default();
        profile.claims.insert("name".into(), "Ada Quay".into());
        change(&mut profile, Change::default()).unwrap();
        assert_eq!((full(&profile), parts(&profile)), ("Ada Quay".into(), Parts::default()));
        change(&mut profile, Change { first: Some("Bo".into()), ..Change::default() }).unwrap();
        assert_eq!(full(&profile), "Bo");
    }

    #[test]
    fn a_part_has_an_end_and_no_control_characters() {
        for bad in ["a".repeat(129), "a\nb".into()] {
            let asked = Change { last: Some(bad), ..Change::default() };
            assert_eq!(change(&mut Profile::default(), asked), Err(TOO_LONG));
        }
    }
}
