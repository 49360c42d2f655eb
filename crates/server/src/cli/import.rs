//! `hospes import FILE…`: users, apps and machines that were exported elsewhere, into a project that may be in use.
//!
//! The files are read up to three times. First to count them and to find what cannot be read, before anything is written;
//! then for users and clients; then for passwords whose users may stand in any of the files. Some hundred records are a
//! transaction, and what takes long is made before it. What is there stays as it is, so an import that ended anyhow is
//! run again.

mod auth0;
mod client;
mod entry;
mod file;
mod findings;
mod new_secrets;
mod password;
mod record;
mod stytch_hashes;
mod user;

use super::{
    Outcome,
    open::Opened,
    output::{self, Form},
};
use crate::{
    config::Config, entropy::Entropy, failure::Failure, http::management::body::is_nul_among, passwords, store::Tx,
};
use anyhow::{Context as _, Result, bail};
use auth0::Grants;
use clap::Args;
use entry::{Context, Done, Entry, Ready, Standing};
use file::{File, Found};
use findings::{Findings, Lack, Place, Subject};
use hospes_protocol::{Timestamp, id::ProjectId};
use new_secrets::NewSecrets;
use record::{Kind, Members};
use std::{
    collections::{BTreeSet, HashSet, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    io::{self, IsTerminal as _},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

/// How many records one transaction writes: few enough that a server on the same database is not held up.
const BATCH: usize = 200;
/// How often a transaction is tried while the database is busy, and how long it rests between.
const ATTEMPTS: u32 = 10;
const REST: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub struct Import {
    /// Exports as JSON, as JSON lines (.jsonl), or the password hashes that Stytch's support sends (.csv)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Say what would happen, and write nothing into the database
    #[arg(long)]
    dry_run: bool,
    /// Write everything that was not taken, and why, to this file, as JSON lines
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Make secrets for clients that come without one, and add them to this file, which nobody else may read
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    new_secrets: Option<PathBuf>,
}

impl Import {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<Outcome> {
        let files = self.files.iter().map(|path| File::new(path)).collect::<Result<Vec<_>>>()?;
        let opened = Opened::with_project(config)?;
        let survey = Survey::of(&files).context("nothing was imported")?;
        let mut run = Run {
            findings: Findings::new(self.report.as_deref())?,
            new_secrets: self.new_secrets.as_deref().map(NewSecrets::open).transpose()?,
            grants: Grants::default(),
            mode: if self.dry_run { Mode::Foresee } else { Mode::Write },
            batch: Vec::new(),
            keys: HashSet::new(),
            seen: HashSet::new(),
            must_reset: HashSet::new(),
            progress: Progress::new(survey.records, form, opened.now()),
            opened,
        };
        run.gather_grants(&files, &survey)?;
        for pass in [Pass::UsersAndClients, Pass::Passwords] {
            for (file, kinds) in files.iter().zip(&survey.kinds) {
                if pass == Pass::UsersAndClients || kinds.iter().any(|kind| pass.takes(*kind)) {
                    run.read(file, pass)?;
                }
            }
            run.flush()?;
        }
        for place in std::mem::take(&mut run.grants).left() {
            let why = "a grant is there, and not its application; give the file of GET /api/v2/clients too";
            run.findings.refused(Subject::Machines, &place, why.to_owned())?;
        }
        let outcome = if run.findings.is_empty() { Outcome::Done } else { Outcome::Found };
        run.findings.show(form, self.dry_run)?;
        Ok(outcome)
    }
}

/// What the files hold.
struct Survey {
    records: u64,
    kinds: Vec<BTreeSet<Kind>>,
}

impl Survey {
    /// Reads every file once. An error names the file and the line from which on it cannot be read.
    fn of(files: &[File]) -> Result<Self> {
        let mut survey = Self { records: 0, kinds: Vec::new() };
        for file in files {
            let (mut records, mut kinds) = (0_u64, BTreeSet::new());
            file.read(&mut |_, found| {
                records = records.saturating_add(1);
                if let Found::Record(kind, _) = found {
                    kinds.insert(kind);
                }
                Ok(())
            })?;
            survey.records = survey.records.saturating_add(records);
            survey.kinds.push(kinds);
        }
        Ok(survey)
    }
}

/// Passwords come last: their users may stand in any file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    UsersAndClients,
    Passwords,
}

impl Pass {
    const fn takes(self, kind: Kind) -> bool {
        match kind {
            Kind::PasswordHash | Kind::StytchHash => matches!(self, Self::Passwords),
            Kind::User | Kind::App | Kind::Machine | Kind::Auth0Client => matches!(self, Self::UsersAndClients),
            // They were gathered before.
            Kind::Auth0Grant => false,
        }
    }
}

/// What is done with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    /// Only say what would become of them.
    Foresee,
}

struct Run {
    opened: Opened,
    findings: Findings,
    new_secrets: Option<NewSecrets>,
    grants: Grants,
    mode: Mode,
    batch: Vec<(Place, Entry)>,
    /// Of the records in the batch.
    keys: HashSet<u64>,
    /// In a dry run, what earlier records would have taken: the database cannot say.
    seen: HashSet<u64>,
    /// The names of users whose password, which may come later, counts no more.
    must_reset: HashSet<u64>,
    progress: Progress,
}

impl Run {
    /// What an application may ask for stands in records of its own.
    fn gather_grants(&mut self, files: &[File], survey: &Survey) -> Result<()> {
        for (file, kinds) in files.iter().zip(&survey.kinds) {
            if !kinds.contains(&Kind::Auth0Grant) {
                continue;
            }
            let name = file.name();
            file.read(&mut |line, found| {
                let Found::Record(Kind::Auth0Grant, members) = found else { return Ok(()) };
                let place = Place { file: name.clone(), line, record: record::name_of(&members) };
                match self.grants.add(place.clone(), members) {
                    Ok(()) => Ok(()),
                    Err(why) => self.findings.refused(Subject::Machines, &place, why),
                }
            })?;
        }
        Ok(())
    }

    fn read(&mut self, file: &File, pass: Pass) -> Result<()> {
        let name = file.name();
        file.read(&mut |line, found| {
            match found {
                Found::Record(kind, members) if pass.takes(kind) => self.take(&name, line, kind, members)?,
                Found::Broken(why) if pass == Pass::UsersAndClients => {
                    let place = Place { file: name.clone(), line, record: "no record".to_owned() };
                    self.findings.refused(Subject::Unknown, &place, why)?;
                    self.progress.count(&self.opened);
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn take(&mut self, file: &str, line: u64, kind: Kind, mut members: Members) -> Result<()> {
        let place = Place { file: file.to_owned(), line, record: record::name_of(&members) };
        // As the management API has it.
        members.retain(|_, value| !value.is_null());
        match self.parse(kind, members) {
            Ok(entry) => {
                // How a record stands is looked up before its batch is written.
                if !self.keys.insert(short(&entry.key())) {
                    self.flush()?;
                    self.keys.insert(short(&entry.key()));
                }
                self.batch.push((place, entry));
            }
            Err(why) => self.findings.refused(kind.into(), &place, why)?,
        }
        self.progress.count(&self.opened);
        if self.batch.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn parse(&mut self, kind: Kind, members: Members) -> Result<Entry, String> {
        if is_nul_among(&members) {
            return Err("a text has a NUL character (U+0000); take it out".to_owned());
        }
        let context =
            Context { project: &self.opened.project, entropy: &self.opened.database.entropy, now: self.opened.now() };
        match kind {
            Kind::User => {
                let user = user::parse(members, &context)?;
                if user.must_reset && user.password.is_none() {
                    self.must_reset.extend(user.names().iter().chain([&user.key()]).map(|key| short(key)));
                }
                Ok(Entry::User(Box::new(user)))
            }
            Kind::PasswordHash | Kind::StytchHash => {
                let mut password = password::parse(kind, members, &context)?;
                password.must_reset = password.keys_of_owner().iter().any(|key| self.must_reset.contains(&short(key)));
                Ok(Entry::Password(password))
            }
            Kind::App => client::parse_app(members, &context).map(Box::new).map(Entry::Client),
            Kind::Machine => client::parse_machine(members, &context).map(Box::new).map(Entry::Client),
            Kind::Auth0Client => auth0::parse(members, &mut self.grants, &context).map(Box::new).map(Entry::Client),
            Kind::Auth0Grant => Err("a grant is no client".to_owned()),
        }
    }

    /// Writes what has gathered.
    fn flush(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.keys.clear();
        let batch = Arc::new(std::mem::take(&mut self.batch));
        let entries = Arc::clone(&batch);
        let look = move |tx: &mut Tx<'_>, project: &ProjectId| {
            entries.iter().map(|(_, entry)| entry.look(tx, project)).collect::<Result<Vec<_>>>()
        };
        let standings = patiently(|| self.opened.read(look.clone()))?;
        if self.mode == Mode::Foresee {
            for ((place, entry), standing) in batch.iter().zip(standings) {
                let standing = self.foresee(entry, standing);
                let done = standing.clone().outcome(entry.brings_something());
                self.account(place, entry, &standing, done, &Ready::default())?;
            }
            return Ok(());
        }
        let mut ready = self.make_ready(&batch, &standings)?;
        self.make_secrets(&batch, &standings, &mut ready)?;
        let ready = Arc::new(ready);
        let both = (Arc::clone(&batch), Arc::clone(&ready));
        let apply = move |tx: &mut Tx<'_>, project: &ProjectId| {
            let both = both.0.iter().zip(both.1.iter());
            both.map(|((_, entry), ready)| entry.apply(tx, project, ready)).collect::<Result<Vec<_>>>()
        };
        let done = patiently(|| self.opened.write(apply.clone())).with_context(|| match batch.first() {
            Some((place, _)) => format!(
                "the import ended at {}:{}; what came before is in the database, so it can be run again",
                place.file, place.line
            ),
            None => "the import ended".to_owned(),
        })?;
        for ((((place, entry), standing), done), ready) in batch.iter().zip(&standings).zip(done).zip(ready.iter()) {
            self.account(place, entry, standing, done, ready)?;
        }
        Ok(())
    }

    /// How a record would stand if all before it had been written.
    fn foresee(&mut self, entry: &Entry, standing: Standing) -> Standing {
        let (key, names) = (short(&entry.key()), entry.names());
        let is_same = self.seen.contains(&key);
        let namesake = names.iter().find(|name| self.seen.contains(&short(name))).cloned();
        let there = |id: String, is_complete: bool| Standing::There { id, differs: Vec::new(), is_complete };
        let standing = match (standing, namesake) {
            (Standing::New, _) if is_same => there(entry.key(), true),
            (Standing::New, Some(name)) => match entry {
                Entry::User(user) if user.is_by_id => {
                    Standing::Refused(format!("an earlier record has the {name}; take one of the two out"))
                }
                _ => there(entry.key(), true),
            },
            (Standing::There { id, differs, .. }, _) if is_same => Standing::There { id, differs, is_complete: true },
            (Standing::Refused(_), _) if self.has_seen_owner(entry) => there(entry.key(), is_same),
            (standing, _) => standing,
        };
        if !matches!(standing, Standing::Refused(_)) {
            self.seen.extend(names.iter().map(|name| short(name)).chain([key]));
        }
        standing
    }

    fn has_seen_owner(&self, entry: &Entry) -> bool {
        let Entry::Password(password) = entry else { return false };
        password.keys_of_owner().iter().any(|key| self.seen.contains(&short(key)))
    }

    /// Makes the hashes of those that will be written, on as many threads as there are processors.
    fn make_ready(&self, batch: &[(Place, Entry)], standings: &[Standing]) -> Result<Vec<Ready>> {
        let (entropy, now) = (&self.opened.database.entropy, self.opened.now());
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = batch.len().div_ceil(threads).max(1);
        let made = thread::scope(|scope| {
            let works: Vec<_> = batch
                .chunks(share)
                .zip(standings.chunks(share))
                .map(|(batch, standings)| scope.spawn(move || ready(batch, standings, entropy, now)))
                .collect();
            let ended = works.into_iter().map(|work| work.join().unwrap_or_else(|_| bail!("a thread ended")));
            ended.collect::<Result<Vec<_>>>()
        })?;
        Ok(made.into_iter().flatten().collect())
    }

    /// Makes secrets for clients without one, if the operator wants. They are in their file before they are in the
    /// database.
    fn make_secrets(&mut self, batch: &[(Place, Entry)], standings: &[Standing], ready: &mut [Ready]) -> Result<()> {
        let now = self.opened.now();
        let Some(file) = &mut self.new_secrets else { return Ok(()) };
        for (((_, entry), standing), ready) in batch.iter().zip(standings).zip(ready) {
            if let Entry::Client(client) = entry
                && client.lacks_secret()
                && standing.is_incomplete()
            {
                ready.secrets.push(file.make(&client.client, &self.opened.database.entropy, now)?);
            }
        }
        file.sync()
    }

    fn account(&mut self, place: &Place, entry: &Entry, standing: &Standing, done: Done, ready: &Ready) -> Result<()> {
        let subject = entry.subject();
        let brings_password = matches!(entry, Entry::User(user) if user.password.is_some());
        let differs = match done {
            Done::Refused(why) => return self.findings.refused(subject, place, why),
            Done::Added => {
                self.findings.taken(subject);
                if brings_password {
                    self.findings.taken(Subject::Passwords);
                }
                Vec::new()
            }
            Done::There { differs, completed } => {
                if subject != Subject::Passwords {
                    self.findings.there(subject);
                }
                match subject == Subject::Passwords || brings_password {
                    true if completed => self.findings.taken(Subject::Passwords),
                    true => self.findings.there(Subject::Passwords),
                    false => {}
                }
                differs
            }
        };
        if !differs.is_empty() {
            let why = format!("{}; what is there was kept", differs.join(", "));
            self.findings.add(Lack::Differs, place, why)?;
        }
        match entry {
            Entry::User(user) => {
                if let Some(left_out) = &user.left_out {
                    self.findings.add(Lack::LeftOut, place, left_out.clone())?;
                }
            }
            Entry::Client(client) if client.lacks_secret() && ready.secrets.is_empty() && standing.is_incomplete() => {
                let why = format!(
                    "the file has none; `hospes client rotate-secret start {}` makes one, --new-secrets FILE one for all",
                    client.client.id
                );
                self.findings.add(Lack::NeedsSecret, place, why)?;
            }
            Entry::Client(_) | Entry::Password(_) => {}
        }
        Ok(())
    }
}

/// Does `work` again and again while a server holds the database.
fn patiently<T>(work: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        match work() {
            Err(error) if matches!(error.downcast_ref(), Some(Failure::Busy)) => thread::sleep(REST),
            outcome => return outcome,
        }
    }
    work()
}

/// A million names in eight bytes each.
fn short(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// What takes long for those that will be written.
fn ready(batch: &[(Place, Entry)], standings: &[Standing], entropy: &Entropy, now: Timestamp) -> Result<Vec<Ready>> {
    let each = batch.iter().zip(standings).map(|((_, entry), standing)| {
        if !standing.is_incomplete() {
            return Ok(Ready::default());
        }
        let password = match entry {
            Entry::User(user) => user.password.clone(),
            Entry::Password(password) => Some(password.hash.clone()),
            Entry::Client(client) => {
                let secrets = client.secrets.iter().map(|secret| secret.stored(entropy, now)).collect::<Result<_>>()?;
                return Ok(Ready { password: None, secrets });
            }
        };
        let hash = password.map(|hash| passwords::import_here(hash, entropy)).transpose()?;
        Ok(Ready { password: hash, secrets: Vec::new() })
    });
    each.collect()
}

/// A line a second, for a person who waits.
struct Progress {
    total: u64,
    done: u64,
    begun: Timestamp,
    told: Timestamp,
    is_wanted: bool,
}

impl Progress {
    fn new(total: u64, form: Form, now: Timestamp) -> Self {
        let is_wanted = form == Form::Text && io::stderr().is_terminal();
        Self { total, done: 0, begun: now, told: now, is_wanted }
    }

    fn count(&mut self, opened: &Opened) {
        self.done = self.done.saturating_add(1);
        let now = opened.now();
        if !self.is_wanted || now <= self.told {
            return;
        }
        self.told = now;
        let seconds = u64::try_from(now.0.saturating_sub(self.begun.0)).unwrap_or(1).max(1);
        let rate = self.done.checked_div(seconds).unwrap_or_default();
        output::note(format!("{} of {} records, {rate} a second", self.done, self.total));
    }
}
