//! Measures Hospes on this machine, and beside it what the machine could do at all.
//!
//! Absolute figures mean little elsewhere; the ratio to the limit program in the same run does. `bench/README.md` says
//! how to run it and how to read the table.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures time and prints what it found; no decision of the server rests on it"
)]

mod arguments;
mod browser;
mod child;
mod cores;
mod growth;
mod http;
mod limit;
mod load;
mod peer;
mod place;
mod postgres;
mod report;
mod rows;
mod scripts;
mod server;

use anyhow::Result;
use arguments::{Arguments, Command, Database};
use cores::Cores;
use mimalloc::MiMalloc;
use place::Subject;
use report::Report;
use std::{env, process::ExitCode};

/// The allocator of the server, so that the limit is not held back by another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match Arguments::parse(env::args().skip(1)) {
        Ok(Command::Help) => {
            println!("{}", arguments::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Limit) => done(limit::serve()),
        Ok(Command::Measure(arguments)) => done(measure(&arguments)),
        Err(error) => {
            eprintln!("hospes-bench: {error:#}\n\n{}", arguments::HELP);
            ExitCode::from(2)
        }
    }
}

fn done(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hospes-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let cores = Cores::find(arguments.cores.as_deref());
    // Before the runtime, so that its threads inherit it.
    cores.pin_this_process();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let is_named = |row: &str| arguments.rows.iter().any(|name| name == row);
        if is_named(growth::GROWTH) {
            println!("{}", growth::growth(&cores, arguments).await?);
        }
        if is_named(growth::HOUSEKEEPING) {
            println!("{}", growth::housekeeping(&cores, arguments).await?);
        }
        if !arguments.rows.is_empty() && arguments.rows.iter().all(|name| growth::ALL.contains(&name.as_str())) {
            return Ok(());
        }
        let limit = limit::start(&cores).await?;
        let peer = if arguments.peers { Some(peer::start(&cores).await?) } else { None };
        for database in &arguments.databases {
            let database_of_ours = match database {
                Database::PrivatePostgres => Some(postgres::Private::start()?),
                Database::Sqlite | Database::Postgres(_) => None,
            };
            let url = match (database, &database_of_ours) {
                (Database::Postgres(url), _) => url.clone(),
                (_, Some(private)) => private.url(),
                (_, None) => "sqlite:hospes.db".to_owned(),
            };
            let installed = server::Installed::new(&arguments.binary, &url)?;
            let hospes = installed.start(&cores, server::Limits::Off).await?;
            let subjects = Subject::all(&limit, &hospes, peer.as_ref()).await?;
            let mut report = Report::new(database.name(), arguments.rounds, arguments.seconds, &cores);
            for row in rows::chosen(&arguments.rows) {
                let megabytes = hospes.memory()?.resident / 1024;
                eprintln!("measuring {} … (the server holds {megabytes} MB)", row.name);
                report.add(row, rows::measure(row, &subjects, arguments).await?);
            }
            if arguments.rows.is_empty() || is_named(rows::START) {
                let loaded = hospes.memory()?.peak;
                drop(hospes);
                report.start = Some(installed.measure_start(&cores, arguments.rounds, loaded).await?);
            }
            println!("{report}");
        }
        Ok(())
    })
}
