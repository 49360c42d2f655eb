//! What a scope value is called: by the language's file, else by the policy, else by its own name.
//!
//! Our pages and the pages that host apps draw take the words from here, so that a user reads the same on both.

use super::{locale::Locale, name::display_text};
use std::sync::Arc;

/// The words of one language.
#[derive(Debug, Clone)]
pub struct Words(Arc<Locale>);

/// One scope value in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeWords {
    /// Never empty.
    pub title: String,
    pub detail: Option<String>,
}

impl Words {
    pub(super) fn of(locale: &Arc<Locale>) -> Self {
        Self(Arc::clone(locale))
    }

    /// The words for the scope value `value`, which the policy describes as `described`.
    pub fn scope(&self, value: &str, described: Option<&str>) -> ScopeWords {
        let title = scope_title(&self.0, value, described).unwrap_or_else(|| {
            self.0.text("consent.unnamed_scope").unwrap_or("{value}").replace("{value}", &display_text(value))
        });
        ScopeWords { title, detail: scope_detail(&self.0, value) }
    }
}

/// `None` where neither the language nor the policy has words.
pub(super) fn scope_title(locale: &Locale, value: &str, described: Option<&str>) -> Option<String> {
    let own = locale.text(&format!("scopes.{value}.title")).map(str::to_owned);
    let is_text = |text: &String| !text.is_empty();
    own.filter(is_text).or_else(|| described.map(display_text).filter(is_text))
}

pub(super) fn scope_detail(locale: &Locale, value: &str) -> Option<String> {
    locale.text(&format!("scopes.{value}.detail")).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::pages::{Pages, PagesConfig};

    #[test]
    fn the_language_goes_before_the_policy_and_no_value_is_left_without_words() {
        let pages = Pages::load(&PagesConfig::default()).unwrap();
        let words = |language: &str| pages.words(&[], Some(language));
        let said = |language: &str, value: &str, described: Option<&str>| words(language).scope(value, described).title;
        assert_eq!(said("en", "openid", Some("of the policy")), "Know that it is you");
        assert_eq!(said("de", "openid", None), "Erkennen, dass Sie es sind");
        assert_eq!(said("de", "notes", Some("Read\u{202E} notes")), "Read notes");
        assert_eq!(said("de", "notes", Some(" \u{200B}")), "„notes“ verwenden");
        assert_eq!(said("en", "notes", None), "Use “notes”");
        let detail = |value: &str| words("en").scope(value, None).detail;
        assert_eq!((detail("openid").as_deref(), detail("email")), (Some("Your user ID"), None));
    }
}
