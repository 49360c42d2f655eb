//! Why a request did not succeed: refused by a rule, broken by a fault, or not now.

use crate::limits::Wait;
use hospes_protocol::{Refusal, Seconds};
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
    /// Too many requests; the client is told how long to wait.
    Wait(Seconds),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Wait> for Failure {
    fn from(wait: Wait) -> Self {
        Self::Wait(wait.0)
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
            Self::Wait(Seconds(seconds)) => write!(f, "too many requests; again in {seconds} s"),
        }
    }
}

impl std::error::Error for Failure {}
