//! Reading the records of a file one after the other, however large it is.
//!
//! JSON may be a list of records, one record, an answer of a search (`{"results": [ … ]}`), several of them behind each
//! other, or a list of them. In a file of JSON lines a line that cannot be read costs that line only. A table (CSV) is
//! what Stytch's support sends for password hashes.

use super::{
    record::{Kind, Members},
    stytch_hashes,
};
use anyhow::{Context as _, Result, anyhow, bail};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::{
    cell::Cell,
    fmt,
    fs::File as Opened,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

/// Lists within lists beyond this are nobody's export.
const DEEPEST: usize = 4;
const LONGEST_LINE: u64 = 16 * 1024 * 1024;
const BUFFER: usize = 256 * 1024;

/// A file that was named on the command line.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    JsonLines,
    Table,
}

/// What stands at one place of a file.
pub(super) enum Found {
    Record(Kind, Members),
    /// Something that is no record, and why.
    Broken(String),
}

/// Called with each line at which something was found. An error ends the reading.
pub(super) type Visit<'a> = dyn FnMut(u64, Found) -> Result<()> + 'a;

impl File {
    pub(super) fn new(path: &Path) -> Result<Self> {
        let end = path.extension().unwrap_or_default().to_ascii_lowercase();
        let form = match end.to_str() {
            Some("json") => Form::Json,
            Some("jsonl" | "ndjson") => Form::JsonLines,
            Some("csv") => Form::Table,
            _ => bail!(
                "{}: the name must say what is inside; end it in .json, in .jsonl for one record a line, or in .csv \
                 for the password hashes that Stytch's support sends",
                path.display()
            ),
        };
        Ok(Self { path: path.to_owned(), form })
    }

    /// As it was named.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Reads every record from the beginning.
    pub(super) fn read(&self, visit: &mut Visit<'_>) -> Result<()> {
        let opened = Opened::open(&self.path).with_context(|| format!("cannot read {}", self.name()))?;
        let reader = BufReader::with_capacity(BUFFER, opened);
        let outcome = match self.form {
            Form::Json => read_documents(reader, visit),
            Form::JsonLines => read_lines(reader, visit),
            Form::Table => stytch_hashes::read_table(reader, visit),
        };
        outcome.with_context(|| format!("cannot read {}", self.name()))
    }
}

fn read_documents(reader: impl BufRead, visit: &mut Visit<'_>) -> Result<()> {
    let line = Rc::new(Cell::new(1));
    let mut documents = serde_json::Deserializer::from_reader(Counting { reader, line: Rc::clone(&line) });
    let mut records = Records { visit, line: &line, failure: None };
    while documents.end().is_err() {
        let read = Within { records: &mut records, list: None, depth: 0 }.deserialize(&mut documents);
        if let Some(failure) = records.failure.take() {
            return Err(failure);
        }
        read?;
    }
    Ok(())
}

/// Counts the lines that were read. The parser takes byte by byte, so the count is that of the record it is in.
struct Counting<R> {
    reader: R,
    line: Rc<Cell<u64>>,
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(to)?;
        let ends = to.iter().take(read).filter(|byte| **byte == b'\n').count();
        self.line.set(self.line.get().saturating_add(u64::try_from(ends).unwrap_or(u64::MAX)));
        Ok(read)
    }
}

fn read_lines(reader: impl BufRead, visit: &mut Visit<'_>) -> Result<()> {
    for_each_line(reader, |number, text| {
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let line = Cell::new(number);
        let mut records = Records { visit: &mut *visit, line: &line, failure: None };
        let mut document = serde_json::Deserializer::from_slice(text);
        let read = Within { records: &mut records, list: None, depth: 0 }.deserialize(&mut document);
        let read = read.and_then(|()| document.end());
        match (records.failure.take(), read) {
            (Some(failure), _) => Err(failure),
            (None, Ok(())) => Ok(()),
            (None, Err(error)) => {
                let why = format!("this line is no JSON object (column {}); mend it or take it out", error.column());
                visit(number, Found::Broken(why))
            }
        }
    })
}

/// Calls `body` with each line and its number; none is kept.
pub(super) fn for_each_line(mut reader: impl BufRead, mut body: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut text)?;
        if read == 0 {
            break;
        }
        if u64::try_from(read).unwrap_or(u64::MAX) >= LONGEST_LINE {
            bail!(
                "line {number} has more than {LONGEST_LINE} bytes; if the file is one document, end its name in .json"
            );
        }
        body(number, &text)?;
    }
    Ok(())
}

/// Where records go as they are read.
struct Records<'a, 'v> {
    visit: &'a mut Visit<'v>,
    line: &'a Cell<u64>,
    /// What `visit` ended with; the parser's errors cannot carry it.
    failure: Option<anyhow::Error>,
}

impl Records<'_, '_> {
    fn pass_on<E: serde::de::Error>(&mut self, line: u64, found: Found) -> Result<(), E> {
        (self.visit)(line, found).map_err(|failure| {
            self.failure = Some(failure);
            E::custom("ended")
        })
    }
}

/// A place where a record may stand, or a list of them.
struct Within<'r, 'a, 'v> {
    records: &'r mut Records<'a, 'v>,
    /// What the list calls what it holds.
    list: Option<Kind>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Within<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, or a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let depth = self.depth.saturating_add(1);
        if depth > DEEPEST {
            return Err(A::Error::custom("too many lists within each other"));
        }
        let Self { records, list: kind, .. } = self;
        while list.next_element_seed(Within { records: &mut *records, list: kind, depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let line = self.records.line.get();
        let depth = self.depth.saturating_add(1);
        let mut is_list = false;
        let mut members = Members::new();
        while let Some(name) = map.next_key::<String>()? {
            if Kind::is_list(&name) && depth <= DEEPEST {
                is_list = true;
                let list = Kind::of_list(&name);
                map.next_value_seed(Within { records: &mut *self.records, list, depth })?;
            } else {
                members.insert(name, map.next_value::<Value>()?);
            }
        }
        // Beside a list stand the number of a page and the like.
        if is_list {
            return Ok(());
        }
        let found = match Kind::of(self.list, &members) {
            Ok(kind) => Found::Record(kind, members),
            Err(why) => Found::Broken(why),
        };
        self.records.pass_on(line, found)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.no_record()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.no_record()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.no_record()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.no_record()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.no_record()
    }

    /// `null`: a list that is empty in some languages' way.
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

impl Within<'_, '_, '_> {
    fn no_record<E: serde::de::Error>(self) -> Result<(), E> {
        let line = self.records.line.get();
        self.records.pass_on(line, Found::Broken("here stands no object; a record is one".to_owned()))
    }
}

/// A line of a table as text.
pub(super) fn line_text(line: &[u8]) -> Result<&str> {
    std::str::from_utf8(line).map_err(|_| anyhow!("the file is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// The records of a document: line, kind, and the id.
    fn read(text: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        read_documents(Cursor::new(text.to_owned()), &mut |line, what| {
            found.push(match what {
                Found::Record(kind, members) => {
                    let id = ["user_id", "client_id"].iter().find_map(|name| members.get(*name));
                    format!("{line} {kind:?} {}", id.and_then(Value::as_str).unwrap_or("-"))
                }
                Found::Broken(why) => format!("{line} {why}"),
            });
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn every_form_of_an_export_is_read() {
        let user = r#"{"user_id": "u1", "emails": []}"#;
        for text in [
            user.to_owned(),
            format!("[{user}]"),
            format!("{{\"status_code\": 200, \"results\": [{user}], \"results_metadata\": {{\"total\": 1}}}}"),
            format!("{{\"users\": [{user}]}}"),
            format!("[{{\"results\": [{user}]}}, {{\"results\": null}}]"),
            format!("[[{user}], []]"),
        ] {
            assert_eq!(read(&text).unwrap(), ["1 User u1"], "{text}");
        }
        assert_eq!(read("").unwrap(), [""; 0]);
        assert_eq!(read(&format!("{user}\n{{\"results\": [\n{user}]}}")).unwrap(), ["1 User u1", "3 User u1"]);
    }

    #[test]
    fn a_list_says_what_it_holds_when_its_records_do_not() {
        let text = r#"{"m2m_clients": [{"client_id": "m"}], "connected_apps": [{"client_id": "a"}]}"#;
        assert_eq!(read(text).unwrap(), ["1 Machine m", "1 App a"]);
    }

    #[test]
    fn what_is_no_record_is_named_with_its_line() {
        let found = read("[\n1,\n\"x\",\n{\"colour\": \"blue\"}]").unwrap();
        assert!(found[0].starts_with("2 here stands no object"), "{found:?}");
        assert!(found[1].starts_with("3 here stands no object"), "{found:?}");
        assert!(found[2].starts_with("4 ") && found[2].contains("user_id"), "{found:?}");
    }

    #[test]
    fn a_broken_document_is_an_error_with_its_line() {
        for text in
            ["[\n{\"user_id\": \"u1\"},\n{\"user_id\" 1}]", "[\n\n{\"user_id\": \"u1\"", "{\n\n}}", "[[[[[[1]]]]]]"]
        {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("line"), "{text}: {error}");
        }
        assert!(read("[\n{\"user_id\": \"u1\"},\n{\"user_id\" 1}]").unwrap_err().to_string().contains("line 3"));
        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read(&format!("{{\"x\": {}", "[".repeat(100_000))).is_err());
    }

    #[test]
    fn a_broken_line_costs_that_line_only() {
        let text = "{\"user_id\": \"u1\"}\n\n{\"user_id\": \n{\"user_id\": \"u2\"} x\n\"text\"\n{\"user_id\": \"u3\"}";
        let mut found = Vec::new();
        read_lines(Cursor::new(text), &mut |line, what| {
            found.push((line, matches!(what, Found::Record(..))));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [(1, true), (3, false), (4, true), (4, false), (5, false), (6, true)]);
    }

    #[test]
    fn the_one_who_reads_may_end_it() {
        let text = "[{\"user_id\": \"u1\"}, {\"user_id\": \"u2\"}]";
        let mut count = 0;
        let ended = read_documents(Cursor::new(text), &mut |_, _| {
            count += 1;
            bail!("enough")
        });
        assert_eq!((ended.unwrap_err().to_string().as_str(), count), ("enough", 1));
    }
}
