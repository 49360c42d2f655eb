//! One record of a file on its way into the project: looked up first, then written, by the same rule.

use super::{client::NewClient, findings::Subject, password::NewPassword, user::NewUser};
use crate::{
    entropy::Entropy,
    failure::Failure,
    project,
    store::{Tx, client_secrets::ClientSecret, projects::Project},
};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    audit_event::{Actor, Occasion},
    client::ClientKind,
    id::ProjectId,
};

/// What a record is read with.
pub(super) struct Context<'a> {
    pub(super) project: &'a Project,
    pub(super) entropy: &'a Entropy,
    pub(super) now: Timestamp,
}

impl Context<'_> {
    /// For the one event that the record may become.
    pub(super) fn occasion(&self) -> Occasion {
        project::occasion(&self.project.id, self.entropy, Actor::Operator, self.now)
    }
}

pub(super) enum Entry {
    User(Box<NewUser>),
    Password(NewPassword),
    Client(Box<NewClient>),
}

/// How a record stands to what is in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    New,
    There {
        id: String,
        /// The names of the members that are otherwise in the database.
        differs: Vec<String>,
        /// Password or secret are there too.
        is_complete: bool,
    },
    Refused(String),
}

impl Standing {
    /// Whether a password or secrets will be written if the record has them.
    pub(super) const fn is_incomplete(&self) -> bool {
        matches!(self, Self::New | Self::There { is_complete: false, .. })
    }

    /// What would become of a record that stands so, if it is written.
    pub(super) fn outcome(self, brings_something: bool) -> Done {
        match self {
            Self::New => Done::Added,
            Self::There { differs, is_complete, .. } => {
                Done::There { differs, completed: brings_something && !is_complete }
            }
            Self::Refused(why) => Done::Refused(why),
        }
    }
}

/// What took long to make, and is not made inside of a transaction.
#[derive(Default)]
pub(super) struct Ready {
    /// The hash of a password, as it is stored.
    pub(super) password: Option<String>,
    pub(super) secrets: Vec<ClientSecret>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Done {
    Added,
    /// `completed` with the password or the secrets that were missing.
    There {
        differs: Vec<String>,
        completed: bool,
    },
    Refused(String),
}

impl Entry {
    /// How the record stands now.
    pub(super) fn look(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<Standing> {
        match self {
            Self::User(user) => user.look(tx, project),
            Self::Password(password) => password.look(tx, project),
            Self::Client(client) => client.look(tx, project),
        }
    }

    /// Writes what is missing; what is there stays as it is.
    pub(super) fn apply(&self, tx: &mut Tx<'_>, project: &ProjectId, ready: &Ready) -> Result<Done> {
        let standing = self.look(tx, project)?;
        match self {
            Self::User(user) => user.apply(tx, project, standing, ready),
            Self::Password(password) => password.apply(tx, project, standing, ready),
            Self::Client(client) => client.apply(tx, project, standing, ready),
        }
    }

    /// What it is counted as.
    pub(super) fn subject(&self) -> Subject {
        match self {
            Self::User(_) => Subject::Users,
            Self::Password(_) => Subject::Passwords,
            Self::Client(client) => match client.client.settings.kind() {
                ClientKind::App => Subject::Apps,
                ClientKind::Machine => Subject::Machines,
            },
        }
    }

    /// Whether it has what may be missing of a record that is there.
    pub(super) fn brings_something(&self) -> bool {
        match self {
            Self::User(user) => user.password.is_some(),
            Self::Password(_) => true,
            Self::Client(client) => !client.secrets.is_empty(),
        }
    }

    /// Another record with this key is the same record.
    pub(super) fn key(&self) -> String {
        match self {
            Self::User(user) => user.key(),
            Self::Password(password) => format!("password {}", password.owner),
            Self::Client(client) => format!("client {}", client.client.id),
        }
    }

    /// What else only one record may have.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::User(user) => user.names(),
            Self::Password(_) | Self::Client(_) => Vec::new(),
        }
    }
}

/// A failure as the operator reads it: without the wire's code.
pub(super) fn told(failure: Failure) -> String {
    match failure {
        Failure::Refused(refusal) => refusal.description.into_owned(),
        other => other.to_string(),
    }
}
