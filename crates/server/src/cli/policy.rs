//! `hospes policy …`: the scope values, resources and roles of the project, as one file.

use super::{
    open::{Opened, told},
    output::{self, Form},
};
use crate::{
    config::Config,
    seed,
    store::{Position, Tx},
};
use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use hospes_protocol::{
    audit_event::{self, EventKind},
    id::ProjectId,
    policy::Policy,
    policy_rules,
};
use std::path::{Path, PathBuf};

/// How many clients are looked at in one step.
const PAGE: u32 = 200;
/// How many of those in the way are named.
const NAMED: usize = 10;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print scope values, resources and roles in the form that `apply` reads
    Show,
    /// Put what a file says in the place of scope values, resources and roles; a running server follows at the next
    /// request
    Apply {
        /// A TOML file as `show` prints it, or a JSON file whose name ends in .json
        file: PathBuf,
        /// Also when clients are registered for something that the file no longer has: they get it no more
        #[arg(long)]
        force: bool,
    },
}

impl PolicyCommand {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        match self {
            Self::Show => show(&Opened::with_project(config)?.project.policy, form),
            Self::Apply { file, force } => apply(config, file, *force, form),
        }
    }
}

fn show(policy: &Policy, form: Form) -> Result<()> {
    match form {
        Form::Json => output::json(&serde_json::to_value(policy)?),
        Form::Text => output::line(toml::to_string(policy)?.trim_end()),
    }
    Ok(())
}

fn apply(config: &Config, file: &Path, is_forced: bool, form: Form) -> Result<()> {
    let policy: Policy = seed::read_file(file)?;
    policy_rules::validate(&policy).map_err(told).with_context(|| format!("{} cannot be used", file.display()))?;
    let opened = Opened::with_project(config)?;
    let (now, next, occasion) = (opened.now(), policy.clone(), opened.occasion());
    opened.write(move |tx, id| {
        let mut project = tx.find_project(id)?.context("the project is gone")?;
        if !is_forced {
            refuse_what_is_needed(tx, id, &project.policy, &next)?;
        }
        let changed = audit_event::changed(&project.policy, &next);
        project.policy = next.clone();
        tx.update_project(&project, now)?.context("somebody else changed the project; try again")?;
        if !changed.is_empty() {
            tx.record(id, &occasion.event(EventKind::PolicyChanged).detail("changed", changed))?;
        }
        Ok(())
    })?;
    let count = |all: usize, name: &str| format!("{all} {name}{}", if all == 1 { "" } else { "s" });
    match form {
        Form::Json => output::json(&serde_json::to_value(&policy)?),
        Form::Text => output::line(format!(
            "The project has {} of its own, {} and {}.",
            count(policy.scopes.len(), "scope value"),
            count(policy.resources.len(), "resource"),
            count(policy.roles.len(), "role")
        )),
    }
    Ok(())
}

/// Whoever takes away what a client is registered for has mostly written less than they meant.
fn refuse_what_is_needed(tx: &mut Tx<'_>, id: &ProjectId, now: &Policy, next: &Policy) -> Result<()> {
    let (mut needed, mut after) = (Vec::new(), Position::START);
    loop {
        let page = tx.list_clients(id, &after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Position { created_at: last.created_at, id: last.id.to_string() };
        for client in &page {
            let lost = now.lost_by(next, &client.settings);
            if !lost.is_empty() {
                needed.push(format!("{} ({}) needs {}", client.settings.name, client.id, lost.join(", ")));
            }
        }
    }
    let more = if needed.len() > NAMED { format!(", and {} more do", needed.len() - NAMED) } else { String::new() };
    let named: Vec<_> = needed.iter().take(NAMED).map(String::as_str).collect();
    ensure!(
        needed.is_empty(),
        "the file leaves out what clients are registered for: {}{more}; keep it in the file, or give --force",
        named.join("; ")
    );
    Ok(())
}
