//! What an import counts, and what it could not take: shown at the end, and written to a file if the operator wants.

use super::record::Kind;
use crate::cli::output::{self, Form};
use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    path::Path,
};

/// How many findings are shown; a file may hold all of them.
const MOST_SHOWN: usize = 20;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Users,
    Passwords,
    Apps,
    Machines,
    /// What nobody could tell.
    Unknown,
}

impl Subject {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Passwords => "passwords",
            Self::Apps => "connected_apps",
            Self::Machines => "machines",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Kind> for Subject {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::Users,
            Kind::PasswordHash | Kind::StytchHash => Self::Passwords,
            Kind::App => Self::Apps,
            Kind::Machine | Kind::Auth0Client | Kind::Auth0Grant => Self::Machines,
        }
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    taken: u64,
    there: u64,
    refused: u64,
}

/// Where a record stands, and what it is called.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) record: String,
}

/// Why the database does not hold all that a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lack {
    /// Nothing of it was taken.
    Refused,
    /// It is there, and otherwise.
    Differs,
    /// Some of it has no place here.
    LeftOut,
    /// It is there and can prove nothing yet.
    NeedsSecret,
}

impl Lack {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Differs => "is there already, and otherwise",
            Self::LeftOut => "in part",
            Self::NeedsSecret => "needs a secret",
        }
    }
}

#[derive(Debug, Serialize)]
struct Finding {
    file: String,
    line: u64,
    record: String,
    outcome: Lack,
    reason: String,
}

pub(super) struct Findings {
    counts: BTreeMap<Subject, Count>,
    shown: Vec<Finding>,
    more: u64,
    report: Option<BufWriter<File>>,
}

impl Findings {
    /// With a file for all of them, which replaces the one of an earlier run. It names people, so others may not read it.
    pub(super) fn new(report: Option<&Path>) -> Result<Self> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path).with_context(|| format!("cannot write {}", path.display()))
        };
        let report = report.map(open).transpose()?.map(BufWriter::new);
        Ok(Self { counts: BTreeMap::new(), shown: Vec::new(), more: 0, report })
    }

    pub(super) fn taken(&mut self, subject: Subject) {
        let count = self.counts.entry(subject).or_default();
        count.taken = count.taken.saturating_add(1);
    }

    pub(super) fn there(&mut self, subject: Subject) {
        let count = self.counts.entry(subject).or_default();
        count.there = count.there.saturating_add(1);
    }

    pub(super) fn refused(&mut self, subject: Subject, place: &Place, reason: String) -> Result<()> {
        let count = self.counts.entry(subject).or_default();
        count.refused = count.refused.saturating_add(1);
        self.add(Lack::Refused, place, reason)
    }

    pub(super) fn add(&mut self, outcome: Lack, place: &Place, reason: String) -> Result<()> {
        let Place { file, line, record } = place.clone();
        let finding = Finding { file, line, record, outcome, reason };
        if let Some(report) = &mut self.report {
            serde_json::to_writer(&mut *report, &finding)?;
            report.write_all(b"\n").context("cannot write the report")?;
        }
        if self.shown.len() < MOST_SHOWN {
            self.shown.push(finding);
        } else {
            self.more = self.more.saturating_add(1);
        }
        Ok(())
    }

    /// Whether the database holds all that the files say.
    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Ends the report, and prints what came of it all.
    pub(super) fn show(mut self, form: Form, is_dry_run: bool) -> Result<()> {
        if let Some(report) = &mut self.report {
            report.flush().context("cannot write the report")?;
        }
        match form {
            Form::Json => output::json(&self.as_json(is_dry_run)),
            Form::Text => self.print(is_dry_run),
        }
        Ok(())
    }

    fn as_json(&self, is_dry_run: bool) -> Value {
        let counts = self.counts.iter().map(|(subject, count)| {
            let Count { taken, there, refused } = count;
            let count = json!({"taken": taken, "already_there": there, "refused": refused});
            (subject.as_str().to_owned(), count)
        });
        json!({
            "dry_run": is_dry_run,
            "counts": counts.collect::<serde_json::Map<_, _>>(),
            "findings": self.shown,
            "findings_left_out": self.more,
        })
    }

    fn print(&self, is_dry_run: bool) {
        let rows: Vec<_> = self
            .counts
            .iter()
            .map(|(subject, count)| {
                let [taken, there, refused] = [count.taken, count.there, count.refused].map(|n| n.to_string());
                [subject.as_str().replace('_', " "), taken, there, refused]
            })
            .collect();
        if rows.is_empty() {
            output::line("The files hold no records.");
        } else {
            output::table(["", "TAKEN", "ALREADY THERE", "REFUSED"], &rows);
        }
        if is_dry_run {
            output::line("Nothing was written: this was a dry run.");
        }
        if !self.shown.is_empty() {
            output::line("");
        }
        for Finding { file, line, record, outcome, reason } in &self.shown {
            output::line(format!("{file}:{line}: {record}: {}: {reason}", outcome.as_str()));
        }
        if self.more > 0 {
            let how =
                if self.report.is_some() { "the report has all of them" } else { "--report FILE writes all of them" };
            output::line(format!("… and {} more; {how}.", self.more));
        }
    }
}
