//! The `hospes` program: reads the command line, runs one command, and turns its outcome into an exit code.
//!
//! 0: done. 1: it failed, or `doctor` found something to mend. 2: the command line is wrong.

use clap::Parser as _;
use hospes::cli::{Arguments, Outcome, output};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.run() {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::FAILURE,
        Err(error) => {
            output::failure(&error, arguments.hint());
            ExitCode::FAILURE
        }
    }
}
