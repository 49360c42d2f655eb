//! What commands print. Everything that goes to standard output goes through here; the log goes to standard error.

use serde_json::Value;
use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
};

/// How a command was asked to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// Prints one line.
pub fn line(text: impl AsRef<str>) {
    write(&format!("{}\n", text.as_ref()));
}

/// Prints a JSON document for a script.
pub fn json(value: &Value) {
    // Printing a value that is in memory already cannot fail.
    write(&format!("{value:#}\n"));
}

/// Prints rows under headings, in columns as wide as their longest cell.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: [&str; N]| {
        let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(padded.join("  ").trim_end());
    };
    print(headings);
    for row in rows {
        print(row.each_ref().map(String::as_str));
    }
}

/// Prints names and values, the values in one column.
pub fn fields(fields: &[(&str, String)]) {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in fields {
        line(format!("{name:<width$}  {value}").trim_end());
    }
}

/// Prints to standard error, where it does not mix with what a script reads.
pub fn note(text: impl AsRef<str>) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "{}", text.as_ref());
}

/// Prints an error with everything that led to it.
pub fn failure(error: &anyhow::Error, hint: Option<&str>) {
    // Writing to a String cannot fail.
    let mut text = format!("error: {error}");
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many libraries repeat their cause in their own message.
        if !text.contains(&cause) && !causes.iter().any(|told| told.contains(&cause)) {
            causes.push(cause);
        }
    }
    match causes.as_slice() {
        [cause] => {
            let _ = write!(text, ": {cause}");
        }
        causes => {
            for cause in causes {
                let _ = write!(text, "\n  because: {cause}");
            }
        }
    }
    if let Some(hint) = hint {
        let _ = write!(text, "\nhint: {hint}");
    }
    note(text);
}

/// Whether a person is at the keyboard.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn write(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        // The reader has gone (`hospes user list | head`); there is nothing left to do for anybody.
        std::process::exit(0);
    }
}
