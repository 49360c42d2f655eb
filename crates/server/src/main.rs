//! The `hospes` program: reads the command line, runs one command, and turns its outcome into an exit code.
//!
//! 0: done. 1: it failed, or `doctor` found something to mend. 2: the command line is wrong.

use clap::Parser as _;
use hospes::cli::{Arguments, Outcome, output};
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A request makes a few hundred small allocations; the C library's allocator took a tenth of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
