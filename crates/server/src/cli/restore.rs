//! `hospes restore`: puts a backup in the place of the database.
//!
//! A backup knows nothing of what happened after it: a code that was redeemed is fresh again, a refresh token that was
//! rotated or revoked is current again. So everything that was issued before is void, unless the operator says that
//! the backup is of the last moment.

use super::{
    open::Database,
    output::{self, Form},
};
use crate::{
    clock::Clock,
    config::Config,
    entropy::Entropy,
    keys::MasterKey,
    project,
    store::{Store, StoreConfig, Tx, maintenance, projects::Project},
};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use hospes_protocol::{
    Seconds, Timestamp,
    audit_event::{Actor, AuditEvent, EventKind},
    id::ProjectId,
};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, Args)]
pub struct Restore {
    /// A file that `hospes backup` wrote
    #[arg(required_unless_present = "void_only")]
    path: Option<PathBuf>,
    /// Keep what was issued before: codes, refresh tokens and sessions that ended after the backup live again
    #[arg(long)]
    keep_grants: bool,
    /// Replace a database that holds a project
    #[arg(long)]
    force: bool,
    /// Only void what was issued before, in a database that another tool (pg_restore) has restored
    #[arg(long, conflicts_with_all = ["path", "keep_grants", "force"])]
    void_only: bool,
}

impl Restore {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        match &self.path {
            Some(path) => self.restore(path, config, form),
            None => void_only(config, form),
        }
    }

    fn restore(&self, from: &Path, config: &Config, form: Form) -> Result<()> {
        let Some(target) = config.database.url.sqlite_path() else {
            bail!("a PostgreSQL database is restored with pg_restore; then run `hospes restore --void-only`")
        };
        if !self.force {
            refuse_to_overwrite(config, &target)?;
        }
        // Before any work: a server would keep us waiting until it stops.
        if target.exists() {
            maintenance::refuse_in_use(&target)?;
        }
        // Everything is made ready beside the database, so that it is replaced in one step or not at all.
        let ready = Ready::beside(&target)?;
        maintenance::copy_closed(from, &ready.path)?;
        let needed = self.prepare(&ready.path).with_context(|| format!("{} cannot be restored", from.display()))?;
        maintenance::replace(&target, &ready.path)?;

        let shown = target.display().to_string();
        let has_key = MasterKey::find(&config.master_key).is_ok_and(|key| key.map(|key| key.id().to_owned()) == needed);
        match form {
            Form::Json => output::json(&json!({
                "database": shown,
                "kept_grants": self.keep_grants,
                "master_key_id": needed,
                "master_key_present": has_key,
            })),
            Form::Text => {
                output::line(format!("{} is now what {} was.", shown, from.display()));
                output::line(if self.keep_grants {
                    "What was issued before is accepted again, also what had ended after the backup."
                } else {
                    "Everything that was issued before is void: users log in again, their permissions are remembered."
                });
            }
        }
        if let (false, Some(id)) = (has_key, &needed) {
            output::note(format!("It needs the master key {id}, which is not in {}.", config.master_key));
        }
        Ok(())
    }

    /// Makes the copy fit for use, and says which master key it needs.
    fn prepare(&self, path: &Path) -> Result<Option<String>> {
        let store = Store::open(&StoreConfig::new(format!("sqlite:{}", path.display())))
            .context("it is not a backup of Hospes")?;
        let from = if self.keep_grants { None } else { Some(void_from(&Clock::System)) };
        // A database without any migration is not one of ours; to migrate it would make it one.
        let is_ours = store.has_migrations().context("it is not a backup of Hospes")?;
        ensure!(is_ours, "it is not a backup of Hospes: it has none of its tables");
        store.migrate()?;
        let projects = store.read_blocking(|tx| Ok(tx.list_projects()?))?;
        let events = Restored { kept_grants: self.keep_grants, at: Clock::System.now() }.events(projects, &Entropy::Os);
        let needed = store.write_blocking(move |tx| {
            if let Some(from) = from {
                tx.void_tokens_of_all_projects(from)?;
            }
            record(tx, &events)?;
            Ok(tx.find_deployment()?.master_key.map(|mark| mark.id))
        })?;
        store.close_whole()?;
        Ok(needed)
    }
}

fn void_only(config: &Config, form: Form) -> Result<()> {
    let database = Database::open_and_migrate(config)?;
    let from = void_from(&database.clock);
    let projects = database.read(|tx| tx.list_projects())?;
    let events = Restored { kept_grants: false, at: database.now() }.events(projects, &database.entropy);
    database.write(move |tx| {
        tx.void_tokens_of_all_projects(from)?;
        record(tx, &events)
    })?;
    match form {
        Form::Json => output::json(&json!({"tokens_valid_from": from.0})),
        Form::Text => output::line("Everything that was issued before is void."),
    }
    Ok(())
}

/// What the log of each project says of it.
struct Restored {
    kept_grants: bool,
    at: Timestamp,
}

impl Restored {
    fn events(&self, projects: Vec<Project>, entropy: &Entropy) -> Vec<(ProjectId, AuditEvent)> {
        let event = |id: &ProjectId| {
            let occasion = project::occasion(id, entropy, Actor::Operator, self.at);
            occasion.event(EventKind::ProjectRestored).detail("kept_grants", self.kept_grants)
        };
        projects.into_iter().map(|project| (project.id.clone(), event(&project.id))).collect()
    }
}

fn record(tx: &mut Tx<'_>, events: &[(ProjectId, AuditEvent)]) -> Result<()> {
    events.iter().try_for_each(|(project, event)| tx.record(project, event))
}

/// The next second: what was issued in this one may have been issued before.
fn void_from(clock: &Clock) -> Timestamp {
    clock.now().plus(Seconds(1))
}

fn refuse_to_overwrite(config: &Config, target: &Path) -> Result<()> {
    if !target.exists() {
        return Ok(());
    }
    let shown = target.display();
    let advice = "give --force to replace it, and make a backup of it first";
    let database = Database::open_as_it_is(config).with_context(|| format!("{shown} cannot be read; {advice}"))?;
    let count = if database.store.has_migrations()? { database.read(|tx| tx.list_projects())?.len() } else { 0 };
    // Our own connections must not stand in the way.
    database.store.close();
    ensure!(count == 0, "{shown} holds a project; {advice}");
    Ok(())
}

/// The file in which the new database is made ready; whatever is left of it goes away at the end.
struct Ready {
    path: PathBuf,
}

impl Ready {
    fn beside(target: &Path) -> Result<Self> {
        let mut name = target.as_os_str().to_owned();
        name.push(".restoring");
        let path = PathBuf::from(name);
        ensure!(
            !path.exists(),
            "{} is there: another restore runs, or one was interrupted; remove the file if none runs",
            path.display()
        );
        Ok(Self { path })
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut name = self.path.as_os_str().to_owned();
            name.push(end);
            // Mostly it is gone already: it was moved, or never made.
            let _ = fs::remove_file(PathBuf::from(name));
        }
    }
}
