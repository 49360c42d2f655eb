//! The command line.

use crate::{growth, rows};
use anyhow::{Context as _, Result, bail, ensure};
use std::{path::PathBuf, time::Duration};

pub(crate) const HELP: &str = "\
Measures Hospes as a ratio to what this machine can do at all.

Usage: hospes-bench [--rows A,B] [--seconds N] [--rounds N] [--database KIND] [--grants N] [--peers] [--binary FILE]
                    [--cores S,L]

  --rows A,B        only these rows; `--rows help` lists them. `growth` and `housekeeping` run only when named: the
                    first fills a database with many grants, the second waits for the job that removes expired rows
  --grants N        how many grants `growth` compares with 10,000 (default 10 million, which take 20 GB for a while)
  --seconds N       how long a round measures one program (default 2)
  --rounds N        rounds; medians are printed (default 5)
  --database KIND   sqlite (default), postgres (a private one that is started and stopped), both, or a postgres:// URL
                    of an empty database
  --peers           also measure node-oidc-provider, in memory, in the same rounds (npm installs it under target/)
  --binary FILE     the server (default target/release/hospes)
  --cores S,L       the core of the servers and the core of the load (default: the first two that we may use)";

pub(crate) enum Command {
    Help,
    /// Be the limit program.
    Limit,
    Measure(Arguments),
}

pub(crate) struct Arguments {
    /// Empty: all.
    pub(crate) rows: Vec<String>,
    pub(crate) time: Duration,
    pub(crate) seconds: u32,
    pub(crate) rounds: u32,
    /// How many grants the large database of the row `growth` has.
    pub(crate) grants: u32,
    pub(crate) databases: Vec<Database>,
    pub(crate) peers: bool,
    pub(crate) binary: PathBuf,
    pub(crate) cores: Option<String>,
}

pub(crate) enum Database {
    Sqlite,
    PrivatePostgres,
    Postgres(String),
}

impl Database {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite, synchronous=FULL",
            Self::PrivatePostgres | Self::Postgres(_) => "PostgreSQL, synchronous_commit=on",
        }
    }
}

impl Arguments {
    pub(crate) fn parse(given: impl Iterator<Item = String>) -> Result<Command> {
        let mut given = given.peekable();
        if given.peek().is_some_and(|first| first == limit_command()) {
            return Ok(Command::Limit);
        }
        let mut arguments = Self {
            rows: Vec::new(),
            time: Duration::from_secs(2),
            seconds: 2,
            rounds: 5,
            grants: 10_000_000,
            databases: vec![Database::Sqlite],
            peers: false,
            binary: PathBuf::from("target/release/hospes"),
            cores: None,
        };
        while let Some(name) = given.next() {
            let mut value = || given.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "-h" | "--help" => return Ok(Command::Help),
                "--rows" => arguments.rows = parse_rows(&value()?)?,
                "--seconds" => {
                    arguments.seconds = positive(&value()?)?;
                    arguments.time = Duration::from_secs(arguments.seconds.into());
                }
                "--rounds" => arguments.rounds = positive(&value()?)?,
                "--grants" => {
                    let text = value()?;
                    arguments.grants = text.parse().with_context(|| format!("{text} is no number"))?;
                    ensure!((1..=100_000_000).contains(&arguments.grants), "give 1 to 100000000, not {text}");
                }
                "--database" => arguments.databases = parse_database(value()?)?,
                "--peers" => arguments.peers = true,
                "--binary" => arguments.binary = PathBuf::from(value()?),
                "--cores" => arguments.cores = Some(value()?),
                other => bail!("there is no option {other}"),
            }
        }
        Ok(Command::Measure(arguments))
    }
}

/// With this as its first argument the program is the limit program.
pub(crate) const fn limit_command() -> &'static str {
    "limit"
}

fn positive(text: &str) -> Result<u32> {
    let number: u32 = text.parse().with_context(|| format!("{text} is no number"))?;
    ensure!((1..=600).contains(&number), "give 1 to 600, not {text}");
    Ok(number)
}

fn parse_rows(text: &str) -> Result<Vec<String>> {
    let known: Vec<&str> = rows::ALL.iter().map(|row| row.key).chain([rows::START]).chain(growth::ALL).collect();
    let rows: Vec<String> = text.split(',').map(|row| row.trim().to_owned()).collect();
    for row in &rows {
        ensure!(known.contains(&row.as_str()), "there is no row {row}; there are {}", known.join(", "));
    }
    Ok(rows)
}

fn parse_database(text: String) -> Result<Vec<Database>> {
    Ok(match text.as_str() {
        "sqlite" => vec![Database::Sqlite],
        "postgres" => vec![Database::PrivatePostgres],
        "both" => vec![Database::Sqlite, Database::PrivatePostgres],
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => vec![Database::Postgres(text)],
        _ => bail!("--database is sqlite, postgres, both or a postgres:// URL"),
    })
}
