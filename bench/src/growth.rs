//! What a large database costs: the same operations beside few and beside many grants, and the longest answer while
//! expired rows are removed. On SQLite; both take minutes and room on the disk, so they run only when they are named.

use crate::{
    arguments::Arguments,
    child::Running,
    cores::Cores,
    load,
    place::{Kind, Provider, Subject},
    report::median,
    rows,
    server::{self, Installed, Limits},
};
use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use std::{fmt, time::Duration};

/// The rows that `--rows` knows besides those of the table.
pub(crate) const GROWTH: &str = "growth";
pub(crate) const HOUSEKEEPING: &str = "housekeeping";
pub(crate) const ALL: [&str; 2] = [GROWTH, HOUSEKEEPING];

const FEW: u32 = 10_000;
/// So many expired token families are there to be removed; more than housekeeping removes while it is measured.
const EXPIRED: u32 = 200_000;
/// Housekeeping begins a minute after the start.
const UNTIL_HOUSEKEEPING: Duration = Duration::from_secs(62);
const MEASURED: [&str; 3] = ["introspection", "refresh", "code"];

/// What a fill adds: users with a grant and a token family each.
enum Fill {
    Living(u32),
    Expired(u32),
}

pub(crate) struct Growth {
    many: u32,
    /// Name, CPU µs beside few grants, and beside many.
    rows: Vec<(&'static str, f64, f64)>,
}

pub(crate) struct Housekeeping {
    /// In milliseconds, before rows are removed and while they are.
    longest: (f64, f64),
}

/// Measures both databases in turn, round by round.
pub(crate) async fn growth(cores: &Cores, arguments: &Arguments) -> Result<Growth> {
    let (few, many) = (filled(arguments, Fill::Living(FEW))?, filled(arguments, Fill::Living(arguments.grants))?);
    let (few, many) = (few.start(cores, Limits::Off).await?, many.start(cores, Limits::Off).await?);
    let subjects = [subject(&few).await?, subject(&many).await?];
    let mut measured = Vec::new();
    for row in rows::ALL.iter().filter(|row| MEASURED.contains(&row.key)) {
        eprintln!("measuring {} beside {FEW} and {} grants …", row.name, arguments.grants);
        let costs = rows::in_turn(row, &subjects, arguments).await?;
        let mut costs = costs.iter().map(|(_, figures)| median(figures.iter().map(|own| own.cpu_micros).collect()));
        let (few, many) = costs.next().zip(costs.next()).context("two databases were measured")?;
        measured.push((row.name, few, many));
    }
    Ok(Growth { many: arguments.grants, rows: measured })
}

/// Refreshes from the start of the server until long after the first expired row has gone.
pub(crate) async fn housekeeping(cores: &Cores, arguments: &Arguments) -> Result<Housekeeping> {
    let installed = filled(arguments, Fill::Expired(EXPIRED))?;
    let running = installed.start(cores, Limits::Off).await?;
    let subject = subject(&running).await?;
    let row = rows::ALL.iter().find(|row| row.key == "refresh").context("no such row")?;
    // Few in flight: what is asked for is how long one waits, not how many queue.
    let scripts: load::Scripts = row.scripts_of(&subject).await?.into_iter().take(4).collect();
    let before = UNTIL_HOUSEKEEPING.checked_sub(Duration::from_secs(15)).context("no time before")?;
    eprintln!("measuring the longest answer before housekeeping begins …");
    let (scripts, calm) = load::run(running.address, scripts, before).await?;
    eprintln!("measuring the longest answer while {EXPIRED} expired rows are removed …");
    let (_, busy) = load::run(running.address, scripts, UNTIL_HOUSEKEEPING).await?;
    let longest = |round: &load::Round| f64::from(round.latencies.iter().copied().max().unwrap_or_default()) / 1e3;
    Ok(Housekeeping { longest: (longest(&calm), longest(&busy)) })
}

async fn subject(running: &Running) -> Result<Subject<'_>> {
    let sessions = server::log_in_users(running.address).await?;
    Ok(Subject { running, kind: Kind::Hospes(Provider { address: running.address, paths: &server::PATHS, sessions }) })
}

fn filled(arguments: &Arguments, fill: Fill) -> Result<Installed> {
    let installed = Installed::new(&arguments.binary, "sqlite:hospes.db")?;
    let (count, ends_at) = match fill {
        Fill::Living(count) => (count, "4000000000 + n"),
        Fill::Expired(count) => (count, "1000000000 + n"),
    };
    eprintln!("filling a database with {count} grants …");
    let database = Connection::open(installed.database())?;
    // Nothing here must survive anything.
    database.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN")?;
    // Ids are spread over all that there may be, as random ones are, and made in their order, which is quick.
    let numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
        SELECT (SELECT project_id FROM projects),";
    let user = "printf('user-test-%08x-0000-4000-8000-%012x', n * (4294967295 / ?1), n)";
    let family = "printf('%08x-0000-4000-8000-%012x', n * (4294967295 / ?1), n)";
    for sql in [
        format!(
            "INSERT INTO users (project_id, user_id, profile, roles, created_at, updated_at, tokens_valid_from)
             {numbers} {user}, '{{\"email\":\"somebody@example.com\",\"email_verified\":true}}', '[]', n, n, 0
             FROM numbers"
        ),
        format!(
            "INSERT INTO grants (project_id, user_id, client_id, scope, resources, created_at, updated_at,
                 last_used_at, tokens_valid_from)
             {numbers} {user}, 'app', 'notes.read offline_access', '[\"{API}\"]', n, n, n, 0 FROM numbers",
            API = server::API
        ),
        format!(
            "INSERT INTO token_families (project_id, family_id, plane, client_id, user_id, scope, resources, context,
                 created_at, expires_at, generation, secret_hash, superseded, idle_expires_at, attempts)
             {numbers} {family}, 'standard', 'app', {user}, 'notes.read offline_access', '[\"{API}\"]', '{{}}', n,
                 {ends_at}, 1, randomblob(32), '[]', {ends_at}, 0 FROM numbers",
            API = server::API
        ),
    ] {
        database.execute(&sql, params![count]).with_context(|| sql.clone())?;
    }
    database.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").context("filling")?;
    Ok(installed)
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| CPU µs of one operation | beside {FEW} grants | beside {} | ratio | target |", self.many)?;
        writeln!(f, "|---|---|---|---|---|")?;
        for (name, few, many) in &self.rows {
            let ratio = many / few;
            let verdict = if ratio <= 1.3 { '✓' } else { '✗' };
            writeln!(f, "| {name} | {few:.0} | {many:.0} | {ratio:.2} | ≤ 1.3 {verdict} |")?;
        }
        Ok(())
    }
}

impl fmt::Display for Housekeeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, during) = self.longest;
        writeln!(f, "\n| longest answer, refresh, 4 in flight | before housekeeping | while rows go | target |")?;
        writeln!(f, "|---|---|---|---|")?;
        writeln!(f, "| milliseconds | {before:.1} | {during:.1} | at most 50 more |")
    }
}
