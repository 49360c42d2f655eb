//! Where settings come from: the lines of `hospes.toml` and the `HOSPES_*` environment, flattened to dotted keys.

use super::setting::Setting;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use toml::de::{DeTable, DeValue};

/// The place where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { line: usize },
    Environment { name: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line } => write!(f, "line {line}"),
            Self::Environment { name } => f.write_str(name),
        }
    }
}

/// A value before it has a type. The environment knows text only.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Self>),
    Other(&'static str),
}

impl Raw {
    pub(super) fn from_json(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Bool(yes) => Self::Boolean(*yes),
            Value::Number(number) => number.as_i64().map_or(Self::Other("a fraction"), Self::Integer),
            Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Value::Null => Self::Other("nothing"),
            Value::Object(_) => Self::Other("a table"),
        }
    }
}

/// One effective value, ready to be shown: secrets are masked already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    pub key: String,
    pub value: String,
    pub origin: Origin,
}

/// Everything that was set, and what has been read of it so far.
#[derive(Debug, Default)]
pub(super) struct Source {
    found: BTreeMap<String, (Raw, Origin)>,
    known: BTreeSet<&'static str>,
    effective: Vec<Effective>,
    problems: Vec<String>,
}

impl Source {
    /// Adds the settings of a file's `text`.
    pub(super) fn add_file(&mut self, text: &str) {
        match DeTable::parse(text) {
            Ok(table) => self.add_table(text, "", table.get_ref()),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                self.problem(&Origin::File { line }, &format!("this is not TOML: {}", error.message()));
            }
        }
    }

    fn add_table(&mut self, text: &str, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            let line = line_of(text, name.span().start);
            match value.get_ref() {
                DeValue::Table(inner) => self.add_table(text, &key, inner),
                other => {
                    self.found.insert(key, (raw(other), Origin::File { line }));
                }
            }
        }
    }

    /// Adds the settings of the environment, which win over those of the file.
    pub(super) fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix("HOSPES_") else { continue };
            if is_not_a_setting(rest) {
                continue;
            }
            let key = rest.to_ascii_lowercase().replace("__", ".");
            // An empty variable counts as unset: many tools cannot take one away.
            if value.is_empty() {
                continue;
            }
            self.found.insert(key, (Raw::Text(value), Origin::Environment { name }));
        }
    }

    pub(super) fn add_value(&mut self, key: &str, value: Raw) {
        self.found.insert(key.to_owned(), (value, Origin::Default));
    }

    /// The value of `key`, if it is set and well-formed.
    pub(super) fn optional<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let value = self.parse(key);
        if value.is_none() {
            self.show(key, String::from("(not set)"));
        }
        value
    }

    /// The value of `key`, or `default`.
    pub(super) fn or<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        self.parse(key).unwrap_or_else(|| {
            self.show(key, default.show());
            default
        })
    }

    /// The value of `key`, or `default`; it must lie within `range`.
    pub(super) fn within<T: Setting + PartialOrd>(
        &mut self,
        key: &'static str,
        default: T,
        range: std::ops::RangeInclusive<T>,
    ) -> T {
        let value = self.or(key, default);
        if !range.contains(&value) {
            let (low, high) = (range.start().show(), range.end().show());
            self.refuse(key, &format!("{} is out of range; give a value from {low} to {high}", value.show()));
        }
        value
    }

    /// Notes that the value of `key` cannot be used, and why.
    pub(super) fn refuse(&mut self, key: &str, what_to_change: &str) {
        let origin = self.found.get(key).map_or(Origin::Default, |(_, origin)| origin.clone());
        self.problem(&origin, &format!("{key}: {what_to_change}"));
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.found.contains_key(key)
    }

    pub(super) fn is_in_file(&self, key: &str) -> bool {
        matches!(self.found.get(key), Some((_, Origin::File { .. })))
    }

    /// What was read, or every problem that was met: unknown keys come with the nearest known one.
    pub(super) fn finish(mut self) -> Result<Vec<Effective>, Vec<String>> {
        let unknown: Vec<_> = self.found.iter().filter(|(key, _)| !self.known.contains(key.as_str())).collect();
        let mut problems: Vec<String> = unknown
            .into_iter()
            .map(|(key, (_, origin))| {
                let hint = nearest(key, self.known.iter().copied())
                    .map_or_else(String::new, |known| format!("; did you mean `{known}`?"));
                format!("{}: unknown key `{key}`{hint}", Place(origin))
            })
            .collect();
        problems.append(&mut self.problems);
        if problems.is_empty() { Ok(self.effective) } else { Err(problems) }
    }

    fn parse<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        self.known.insert(key);
        let (raw, origin) = self.found.get(key).cloned()?;
        match T::parse(&raw) {
            Ok(value) => {
                self.effective.push(Effective { key: key.to_owned(), value: value.show(), origin });
                Some(value)
            }
            Err(what_to_change) => {
                self.problem(&origin, &format!("{key}: {what_to_change}"));
                None
            }
        }
    }

    fn show(&mut self, key: &str, value: String) {
        self.effective.push(Effective { key: key.to_owned(), value, origin: Origin::Default });
    }

    fn problem(&mut self, origin: &Origin, text: &str) {
        self.problems.push(format!("{}: {text}", Place(origin)));
    }
}

struct Place<'a>(&'a Origin);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Origin::Default => f.write_str("configuration"),
            origin => write!(f, "{origin}"),
        }
    }
}

/// The known name that `unknown` was probably meant to be. A key in the wrong table counts as near.
pub(super) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    known
        .into_iter()
        .map(|key| {
            let whole = strsim::jaro_winkler(unknown, key);
            let end = strsim::jaro_winkler(&last(unknown), &last(key));
            (key, whole.max(end * 0.98))
        })
        .filter(|(_, likeness)| *likeness > 0.75)
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(key, _)| key)
}

/// The 1-based line of byte `offset`.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Variables that begin like ours and are none: the name of the file itself, and what Kubernetes sets in every
/// container beside a service that happens to be called `hospes`.
fn is_not_a_setting(rest: &str) -> bool {
    let after_port = rest.strip_prefix("PORT_");
    matches!(rest, "CONFIG" | "PORT" | "SERVICE_HOST" | "SERVICE_PORT")
        || rest.starts_with("SERVICE_PORT_")
        || after_port.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => Raw::Integer(number),
            Err(_) => Raw::Other("an integer beyond 64 bits"),
        },
        DeValue::Boolean(yes) => Raw::Boolean(*yes),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        other => Raw::Other(other.type_str()),
    }
}
