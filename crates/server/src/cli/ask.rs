//! Reading what must not stand on a command line: passwords from standard input or from a prompt without echo.

use super::output;
use anyhow::{Context as _, Result, bail};
use std::io::{self, BufRead as _};
use zeroize::Zeroizing;

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The first line of standard input.
    Stdin,
    /// A person who types it twice.
    Prompt,
}

/// Reads a password.
pub(super) fn password(from: From) -> Result<Zeroizing<String>> {
    match from {
        From::Stdin => read_line(),
        From::Prompt => {
            if !output::is_interactive() {
                bail!("there is no terminal to ask for the password; pipe it in and give --password-stdin");
            }
            let first = hidden("Password: ")?;
            let second = hidden("Again: ")?;
            if *first != *second {
                bail!("the two passwords differ; nothing was changed");
            }
            Ok(first)
        }
    }
}

/// Asks for a yes; without a terminal the answer must be given by `--yes`.
pub(super) fn confirm(question: &str) -> Result<()> {
    if !output::is_interactive() {
        bail!("{question} Give --yes to confirm where nobody can be asked.");
    }
    output::note(format!("{question} Type yes to go on:"));
    if read_line()?.trim() == "yes" { Ok(()) } else { bail!("nothing was changed") }
}

fn read_line() -> Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line).context("cannot read standard input")?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

fn hidden(prompt: &str) -> Result<Zeroizing<String>> {
    output::note(prompt);
    let without_echo = EchoOff::begin()?;
    let line = read_line();
    drop(without_echo);
    line
}

/// The terminal shows nothing of what is typed until this is dropped.
struct EchoOff {
    before: rustix::termios::Termios,
}

impl EchoOff {
    fn begin() -> Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).context("cannot read the terminal's settings")?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).context("cannot turn off the terminal's echo")?;
        Ok(Self { before })
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // If this fails the terminal is gone, and nobody looks at it.
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.before);
    }
}
