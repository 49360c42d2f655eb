//! Scope: a set of scope values, in the order in which they were first named.
//!
//! Specs: RFC 6749 §3.3.

use crate::error::{ErrorCode::InvalidScope, Refusal, refuse};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

pub const MALFORMED: Refusal =
    refuse(InvalidScope, "scope must be values of printable ASCII without quote and backslash, separated by one space");
pub const TOO_LONG: Refusal = refuse(InvalidScope, "scope is longer than 4096 bytes or has more than 100 values");

pub const OPENID: &str = "openid";
pub const OFFLINE_ACCESS: &str = "offline_access";

/// A set of scope values. Small and ordered, so a vector beats a hash set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Parses `scope-token *( SP scope-token )`. Surplus spaces are forgiven, duplicates are merged, the empty text is
    /// the empty set.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > 4096 {
            return Err(TOO_LONG);
        }
        let mut scope = Self::default();
        for value in text.split(' ').filter(|value| !value.is_empty()) {
            // RFC 6749 §3.3: NQCHAR = %x21 / %x23-5B / %x5D-7E
            if !value.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
                return Err(MALFORMED);
            }
            scope.insert(value);
            // Here and not at the end: looking for duplicates takes longer with each value.
            if scope.0.len() > 100 {
                return Err(TOO_LONG);
            }
        }
        Ok(scope)
    }

    pub fn insert(&mut self, value: &str) {
        if !self.contains(value) {
            self.0.push(value.to_owned());
        }
    }

    pub fn contains(&self, value: &str) -> bool {
        self.0.iter().any(|own| own == value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|value| other.contains(value))
    }

    /// The values of `self` for which `keep` holds, in their order.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.iter().filter(|value| keep(value)).map(str::to_owned).collect())
    }

    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.filter(|value| other.contains(value))
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        other.iter().for_each(|value| all.insert(value));
        all
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl<'a> FromIterator<&'a str> for Scope {
    fn from_iter<I: IntoIterator<Item = &'a str>>(values: I) -> Self {
        let mut scope = Self::default();
        values.into_iter().for_each(|value| scope.insert(value));
        scope
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn duplicates_and_surplus_spaces_are_merged() {
        assert_eq!(Scope::parse(" openid  email openid ").unwrap().to_string(), "openid email");
    }

    #[test]
    fn control_characters_quotes_and_other_alphabets_are_refused() {
        for text in ["a\tb", "a\"b", "a\\b", "a\nb", "a\0b", "é"] {
            assert_eq!(Scope::parse(text), Err(MALFORMED), "{text:?}");
        }
        assert_eq!(Scope::parse(&"a".repeat(4097)), Err(TOO_LONG));
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_gives_the_same_scope(text in "\\PC{0,200}") {
            if let Ok(scope) = Scope::parse(&text) {
                prop_assert_eq!(Scope::parse(&scope.to_string()), Ok(scope));
            }
        }
    }
}
