//! Why a request did not succeed: refused by a rule, broken by a fault, or not now.

use hospes_protocol::Refusal;
use std::fmt;

#[derive(Debug)]
pub enum Failure {
    /// The protocol says no. The client is told why.
    Refused(Refusal),
    /// We broke. The log is told why; the client is told `server_error`.
    Fault(anyhow::Error),
    /// Not now: a queue is full, the database cannot be reached, or a flush failed. The client is told
    /// `temporarily_unavailable` and may try again; whether what it asked for was done is not known.
    Busy,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Fault(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Fault(error) => write!(f, "{error:#}"),
            Self::Busy => f.write_str("the database is busy or cannot be reached"),
        }
    }
}

impl std::error::Error for Failure {}
