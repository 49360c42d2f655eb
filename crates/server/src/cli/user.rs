//! `hospes user …`: the people who log in.

use super::{
    ask,
    open::{Opened, told},
    output::{self, Form},
};
use crate::{
    config::Config,
    passwords, project, rfc3339,
    store::{Position, Taken, Tx},
};
use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use hospes_protocol::{
    audit_event::EventKind,
    email_address, external_id,
    id::{ProjectId, UserId},
    login_name,
    user::{Email, Name, Profile, User as Record},
};
use serde_json::{Map, Value, json};

#[derive(Debug, Subcommand)]
pub enum User {
    /// Add a user; the password is asked for or read from standard input
    Add(Box<Add>),
    /// List users, oldest first
    List {
        /// How many at most
        #[arg(long, default_value_t = 1000)]
        limit: u32,
        /// Begin after this user
        #[arg(long, value_name = "USER_ID")]
        after: Option<String>,
    },
    /// End everything a user has here: sessions, tokens, and logging in
    Disable { user: String },
    /// Let a disabled user log in again
    Enable { user: String },
    /// Show one user
    Show { user: String },
    /// End every session, token and open request of a user; permissions stay
    SignOut { user: String },
    /// Remove a user for good, with everything that is theirs
    Remove {
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Set a user's password and end their sessions
    SetPassword {
        /// A user's id, external id, e-mail address or user name
        user: String,
        /// Read it from the first line of standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
        /// Keep the sessions that the user has
        #[arg(long)]
        keep_sessions: bool,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    #[arg(long)]
    email: Option<String>,
    /// You know that the address is theirs
    #[arg(long, requires = "email")]
    email_verified: bool,
    /// Another name to log in with
    #[arg(long)]
    username: Option<String>,
    /// The name that people see
    #[arg(long)]
    name: Option<String>,
    /// The host app's own id of this user
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// A role of the policy; repeat for more
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Read the password from the first line of standard input instead of asking
    #[arg(long, conflicts_with = "no_password")]
    password_stdin: bool,
    /// The user cannot log in with a password
    #[arg(long)]
    no_password: bool,
}

impl User {
    pub(super) fn run(&self, config: &Config, form: Form) -> Result<()> {
        let opened = Opened::with_project(config)?;
        match self {
            Self::Add(add) => add.run(&opened, form),
            Self::List { limit, after } => list(&opened, *limit, after.as_deref(), form),
            Self::Disable { user } => disable(&opened, user, form),
            Self::Enable { user } => enable(&opened, user, form),
            Self::Show { user } => show(&opened, user, form),
            Self::SignOut { user } => sign_out(&opened, user, form),
            Self::Remove { user, yes } => remove(&opened, user, *yes, form),
            Self::SetPassword { user, password_stdin, keep_sessions } => {
                set_password(&opened, user, source(*password_stdin), *keep_sessions, form)
            }
        }
    }
}

impl Add {
    fn run(&self, opened: &Opened, form: Form) -> Result<()> {
        ensure!(
            self.username.is_some() || self.email.is_some(),
            "a user needs a name to log in with; give --email or --username"
        );
        let username = self.username.as_deref().map(login_name::parse_username).transpose().map_err(told)?;
        let address = self.email.as_deref().map(email_address::parse).transpose().map_err(told)?;
        let external_id = self.external_id.as_deref().map(external_id::parse).transpose().map_err(told)?;
        let policy = &opened.project.policy;
        for role in &self.roles {
            project::validate_role(policy, role)?;
        }
        let hash = if self.no_password { None } else { Some(ask_for_hash(opened, source(self.password_stdin))?) };
        let now = opened.now();
        let mut claims = Map::new();
        if let Some(name) = &self.name {
            claims.insert(String::from("name"), Value::String(name.clone()));
        }
        let profile = Profile {
            username,
            emails: address.map(|address| self.email(opened, address)).into_iter().collect(),
            claims,
            ..Profile::default()
        };
        let id = project::new_user_id(&opened.project.id, &opened.database.entropy);
        let user = Record { external_id, roles: self.roles.clone(), ..Record::new(id, profile, now) };
        let (id, occasion) = (user.id.to_string(), opened.occasion());
        opened.write(move |tx, project| {
            match tx.add_user(project, &user)? {
                Ok(()) => {}
                Err(Taken::Id) => bail!("another user has the id {}", user.id),
                Err(Taken::Name(name)) => bail!(
                    "another user has the {} {text}; `hospes user show {text}` shows them, `hospes user set-password \
                     {text}` gives them a new password",
                    name.kind.as_str(),
                    text = name.text
                ),
            }
            if let Some(hash) = &hash {
                tx.set_password(project, &user.id, hash, now)?;
            }
            tx.record(project, &occasion.event(EventKind::UserAdded).user(&user.id))
        })?;
        match form {
            Form::Json => output::json(&json!({"user_id": id})),
            Form::Text => output::line(format!("Added the user {id}.")),
        }
        Ok(())
    }

    fn email(&self, opened: &Opened, address: String) -> Email {
        let id = project::new_email_id(&opened.project.id, &opened.database.entropy);
        Email { id, address, verified: self.email_verified }
    }
}

const fn source(is_stdin: bool) -> ask::From {
    if is_stdin { ask::From::Stdin } else { ask::From::Prompt }
}

/// Reads a password and hashes it, before any transaction is open.
fn ask_for_hash(opened: &Opened, from: ask::From) -> Result<String> {
    let password = ask::password(from)?;
    passwords::validate_chosen(&password).map_err(told)?;
    passwords::hash(&password, &opened.database.entropy)
}

fn list(opened: &Opened, limit: u32, after: Option<&str>, form: Form) -> Result<()> {
    let after = after.map(UserId::new);
    let users = opened.read(move |tx, project| {
        let position = match &after {
            None => Position::START,
            Some(id) => {
                let user = tx.find_user(project, id)?.with_context(|| format!("there is no user {id}"))?;
                Position { created_at: user.created_at, id: id.to_string() }
            }
        };
        tx.list_users(project, &position, limit)
    })?;
    match form {
        Form::Json => {
            let users: Vec<_> = users.iter().map(as_json).collect();
            output::json(&json!({"users": users}));
        }
        Form::Text => {
            let rows: Vec<_> = users.iter().map(row).collect();
            output::table(["USER ID", "LOGINS", "NAME", "ROLES", "STATE"], &rows);
        }
    }
    Ok(())
}

fn row(user: &Record) -> [String; 5] {
    let name = user.profile.text_claim("name").unwrap_or_default();
    let state = if user.disabled_at.is_some() { "disabled" } else { "active" };
    [user.id.to_string(), user.logins().join(", "), name.to_owned(), user.roles.join(", "), state.to_owned()]
}

fn as_json(user: &Record) -> Value {
    json!({
        "user_id": user.id,
        "external_id": user.external_id,
        "logins": user.logins(),
        "profile": user.profile,
        "roles": user.roles,
        "created_at": rfc3339::text(user.created_at),
        "disabled_at": user.disabled_at.map(rfc3339::text),
    })
}

fn disable(opened: &Opened, name: &str, form: Form) -> Result<()> {
    let (wanted, now, occasion) = (name.to_owned(), opened.now(), opened.occasion());
    let id = opened.write(move |tx, project| {
        let user = find(tx, project, &wanted)?;
        tx.disable_user(project, &user.id, now)?;
        if user.disabled_at.is_none() {
            tx.record(project, &occasion.event(EventKind::UserDisabled).user(&user.id))?;
        }
        Ok(user.id)
    })?;
    done(form, &id, "The user is disabled: sessions and tokens have ended, and nobody can log in as them.");
    Ok(())
}

fn enable(opened: &Opened, name: &str, form: Form) -> Result<()> {
    let (wanted, now, occasion) = (name.to_owned(), opened.now(), opened.occasion());
    let id = opened.write(move |tx, project| {
        let user = find(tx, project, &wanted)?;
        tx.enable_user(project, &user.id, now)?;
        if user.disabled_at.is_some() {
            tx.record(project, &occasion.event(EventKind::UserEnabled).user(&user.id))?;
        }
        Ok(user.id)
    })?;
    done(form, &id, "The user is enabled and may log in again.");
    Ok(())
}

fn show(opened: &Opened, name: &str, form: Form) -> Result<()> {
    let wanted = name.to_owned();
    let user = opened.read(move |tx, project| find(tx, project, &wanted))?;
    match form {
        Form::Json => output::json(&as_json(&user)),
        Form::Text => output::table(["USER ID", "LOGINS", "NAME", "ROLES", "STATE"], &[row(&user)]),
    }
    Ok(())
}

fn sign_out(opened: &Opened, name: &str, form: Form) -> Result<()> {
    let (wanted, now, occasion) = (name.to_owned(), opened.now(), opened.occasion());
    let id = opened.write(move |tx, project| {
        let user = find(tx, project, &wanted)?;
        tx.sign_out_everywhere(project, &user.id, now)?;
        tx.record(project, &occasion.event(EventKind::UserSignedOut).user(&user.id))?;
        Ok(user.id)
    })?;
    done(form, &id, "The user is signed out everywhere: sessions and tokens have ended.");
    Ok(())
}

fn remove(opened: &Opened, name: &str, is_sure: bool, form: Form) -> Result<()> {
    let wanted = name.to_owned();
    let user = opened.read(move |tx, project| find(tx, project, &wanted))?;
    if !is_sure {
        ask::confirm(&format!("Remove the user {name} ({}) with everything that is theirs?", user.id))?;
    }
    let (id, now, occasion) = (user.id.clone(), opened.now(), opened.occasion());
    opened.write(move |tx, project| {
        if tx.remove_user(project, &user.id, now)? {
            tx.record(project, &occasion.event(EventKind::UserDeleted).user(&user.id))?;
        }
        Ok(())
    })?;
    done(form, &id, "The user is removed.");
    Ok(())
}

fn set_password(opened: &Opened, name: &str, from: ask::From, keep_sessions: bool, form: Form) -> Result<()> {
    let wanted = name.to_owned();
    let user = opened.read(move |tx, project| find(tx, project, &wanted))?;
    let (hash, now, id) = (ask_for_hash(opened, from)?, opened.now(), user.id.clone());
    let occasion = opened.occasion();
    opened.write(move |tx, project| {
        tx.set_password(project, &user.id, &hash, now)?;
        // Whoever knew the old password may still be logged in.
        if !keep_sessions {
            tx.sign_out_everywhere(project, &user.id, now)?;
        }
        let event = occasion.event(EventKind::UserPasswordSet).user(&user.id);
        tx.record(project, &event.detail("signed_out", !keep_sessions))
    })?;
    done(form, &id, "The password is set.");
    Ok(())
}

/// A user by id, external id, e-mail address or user name.
fn find(tx: &mut Tx<'_>, project: &ProjectId, name: &str) -> Result<Record> {
    if let Some(user) = tx.find_user(project, &UserId::new(name))? {
        return Ok(user);
    }
    if let Some(user) = tx.find_user_by_name(project, &login_name::name_of(name))? {
        return Ok(user);
    }
    match tx.find_user_by_name(project, &Name::external_id(name))? {
        Some(user) => Ok(user),
        None => bail!("there is no user {name}; give an id, an external id, an e-mail address or a user name"),
    }
}

fn done(form: Form, id: &UserId, text: &str) {
    match form {
        Form::Json => output::json(&json!({"user_id": id})),
        Form::Text => output::line(text),
    }
}
