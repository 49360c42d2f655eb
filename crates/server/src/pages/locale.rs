//! The texts of the pages, one TOML file per language, and which language a person gets.
//!
//! Specs: OIDC Core §3.1.2.1 (`ui_locales`), RFC 9110 §12.5.4 (`Accept-Language`), RFC 4647 §3.4.

use crate::rfc3339;
use anyhow::{Context as _, Result, ensure};
use hospes_protocol::Timestamp;
use std::{collections::HashMap, sync::Arc};

/// The language whose file is complete by definition.
pub(super) const COMPLETE: &str = "en";

#[derive(Debug)]
pub(super) struct Locale {
    /// A BCP 47 tag, for `lang`.
    pub(super) tag: String,
    /// `ltr` or `rtl`, for `dir`.
    pub(super) direction: String,
    texts: HashMap<String, String>,
    /// Asked for what is missing here.
    fallback: Option<Arc<Locale>>,
}

impl Locale {
    /// The text of `key`, here or in the language we fall back to.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str).or_else(|| self.fallback.as_ref()?.text(key))
    }

    /// The date of `time` in this language, in UTC.
    pub(super) fn date(&self, time: Timestamp) -> String {
        let date = rfc3339::date(time);
        let month = self.text(&format!("dates.month_{}", date.month())).unwrap_or_default();
        self.text("dates.pattern")
            .unwrap_or("{day} {month} {year}")
            .replace("{day}", &date.day().to_string())
            .replace("{month}", month)
            .replace("{year}", &date.year().to_string())
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> std::collections::BTreeSet<&str> {
        self.texts.keys().map(String::as_str).collect()
    }

    #[cfg(test)]
    pub(super) fn own(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str)
    }
}

/// All languages we have.
#[derive(Debug)]
pub(super) struct Locales {
    by_tag: HashMap<String, Arc<Locale>>,
    default: Arc<Locale>,
}

impl Locales {
    /// Builds from files `(tag, TOML)`; a later file of the same tag replaces single texts of an earlier one.
    pub(super) fn build(files: &[(String, String)], default: &str) -> Result<Self> {
        let mut texts: HashMap<String, HashMap<String, String>> = HashMap::new();
        for (tag, source) in files {
            let table: toml::Table = source.parse().with_context(|| format!("locale {tag}"))?;
            let own = texts.entry(tag.to_ascii_lowercase()).or_default();
            flatten(own, "", &toml::Value::Table(table)).with_context(|| format!("locale {tag}"))?;
        }
        let complete = texts.remove(COMPLETE).with_context(|| format!("locale {COMPLETE} is missing"))?;
        let complete = Arc::new(locale(COMPLETE, complete, None)?);
        let mut by_tag = HashMap::from([(COMPLETE.to_owned(), Arc::clone(&complete))]);
        for (tag, own) in texts {
            let made = locale(&tag, own, Some(Arc::clone(&complete)))?;
            by_tag.insert(tag, Arc::new(made));
        }
        let known = by_tag.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let default = by_tag
            .get(&default.to_ascii_lowercase())
            .with_context(|| format!("pages.default_locale {default:?} has no file; there are: {known}"))?;
        Ok(Self { default: Arc::clone(default), by_tag })
    }

    /// The best language for these wishes: the client's `ui_locales` first, then the browser's.
    pub(super) fn choose(&self, ui_locales: &[String], accept_language: Option<&str>) -> &Arc<Locale> {
        ui_locales
            .iter()
            .map(String::as_str)
            .chain(accepted(accept_language.unwrap_or_default()))
            .find_map(|tag| self.lookup(tag))
            .unwrap_or(&self.default)
    }

    /// RFC 4647 §3.4: the tag itself, then each shorter one.
    fn lookup(&self, tag: &str) -> Option<&Arc<Locale>> {
        let mut tag = tag.to_ascii_lowercase();
        loop {
            if let Some(locale) = self.by_tag.get(&tag) {
                return Some(locale);
            }
            let end = tag.rfind('-')?;
            tag.truncate(end);
        }
    }

    /// The tags of all languages, sorted.
    pub(super) fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = self.by_tag.keys().cloned().collect();
        tags.sort();
        tags
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Locale>> {
        self.by_tag.values()
    }
}

/// The tags of an `Accept-Language` field, best first. Tags of weight 0 and `*` are left out.
fn accepted(field: &str) -> Vec<&str> {
    let mut tags: Vec<(&str, u16)> = field
        .split(',')
        .take(30)
        .filter_map(|item| {
            let (tag, parameters) = item.split_once(';').unwrap_or((item, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1000), thousandths)?;
            (weight > 0 && tag.trim() != "*").then_some((tag.trim(), weight))
        })
        .collect();
    tags.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    tags.into_iter().map(|(tag, _)| tag).collect()
}

/// RFC 9110 §12.4.2: `0.xyz` or `1.000`, in thousandths.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    let (whole, fraction): (u16, u16) = (whole.parse().ok()?, fraction.parse().ok()?);
    (whole <= 1).then_some((whole * 1000 + fraction).min(1000))
}

fn locale(tag: &str, texts: HashMap<String, String>, fallback: Option<Arc<Locale>>) -> Result<Locale> {
    ensure!(
        !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
        "locale {tag:?}: the file is named by a language tag such as pt-br.toml"
    );
    let direction = texts.get("direction").map_or("ltr", String::as_str).to_owned();
    ensure!(matches!(direction.as_str(), "ltr" | "rtl"), "locale {tag}: direction is \"ltr\" or \"rtl\"");
    Ok(Locale { tag: tag.to_owned(), direction, texts, fallback })
}

/// Turns nested tables into `outer.inner` keys.
fn flatten(texts: &mut HashMap<String, String>, prefix: &str, value: &toml::Value) -> Result<()> {
    match value {
        toml::Value::String(text) => {
            texts.insert(prefix.to_owned(), text.clone());
        }
        toml::Value::Table(table) => {
            for (name, inner) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(texts, &key, inner)?;
            }
        }
        _ => anyhow::bail!("{prefix} must be a text"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locales() -> Locales {
        let file = |tag: &str, source: &str| (tag.to_owned(), source.to_owned());
        let files = [
            file(
                "en",
                "hello = \"Hello\"\nbye = \"Bye\"\n[dates]\npattern = \"{month} {day}, {year}\"\nmonth_11 = \"November\"",
            ),
            file("de", "hello = \"Hallo\"\n[scopes.\"a.b\"]\ntitle = \"AB\""),
            file("pt-br", "hello = \"Olá\""),
            file("ar", "direction = \"rtl\""),
            file("de", "hello = \"Servus\""),
        ];
        Locales::build(&files, "en").unwrap()
    }

    #[track_caller]
    fn chooses(ui_locales: &[&str], accept_language: &str, expected: &str) {
        let ui_locales: Vec<String> = ui_locales.iter().map(|&tag| tag.to_owned()).collect();
        assert_eq!(locales().choose(&ui_locales, Some(accept_language)).tag, expected);
    }

    #[test]
    fn the_clients_wish_comes_before_the_browsers() {
        chooses(&["de"], "en", "de");
        chooses(&["xx", "pt-BR"], "de", "pt-br");
        chooses(&["xx"], "de-AT,en;q=0.8", "de");
        chooses(&[], "", "en");
    }

    #[test]
    fn weights_are_honoured_and_nonsense_is_not() {
        chooses(&[], "en;q=0.5, de;q=0.9", "de");
        chooses(&[], "de;q=0, *", "en");
        chooses(&[], "de;q=abc, pt-BR;q=0.1", "pt-br");
        chooses(&[], "de-Latn-AT-1996", "de");
        chooses(&["../../etc/passwd", "\u{202E}"], ",,;;q=;", "en");
    }

    #[test]
    fn later_files_replace_single_texts_and_english_fills_the_gaps() {
        let locales = locales();
        let german = locales.choose(&["de".to_owned()], None);
        assert_eq!(german.text("hello"), Some("Servus"));
        assert_eq!(german.text("bye"), Some("Bye"));
        assert_eq!(german.text("scopes.a.b.title"), Some("AB"));
        assert_eq!(german.text("missing"), None);
        assert_eq!(locales.choose(&["ar".to_owned()], None).direction, "rtl");
    }

    #[test]
    fn dates_are_in_words() {
        let locales = locales();
        let english = locales.choose(&[], None);
        assert_eq!(english.date(Timestamp(1_795_527_000)), "November 24, 2026");
        assert!(!english.date(Timestamp(i64::MAX)).is_empty());
    }

    #[test]
    fn broken_files_are_refused_by_name() {
        let build = |source: &str, default: &str| {
            let files = [("en".to_owned(), String::new()), ("de".to_owned(), source.to_owned())];
            Locales::build(&files, default).map(|_| ()).map_err(|error| format!("{error:#}"))
        };
        assert!(build("a = 1", "en").unwrap_err().contains("locale de"));
        assert!(build("a = ", "en").unwrap_err().contains("locale de"));
        assert!(build("direction = \"up\"", "en").unwrap_err().contains("direction"));
        assert!(build("", "fr").unwrap_err().contains("default_locale"));
        assert!(build("", "de").is_ok());
    }
}
