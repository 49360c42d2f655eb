//! The plane on which an artifact was made. Strictness belongs to the record, never to the path:
//! what was issued on one plane works on no other.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// The RFCs first.
    #[default]
    Standard,
    /// Stytch's contract; off unless the project turns it on.
    Stytch,
}

impl Plane {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Stytch => "stytch",
        }
    }

    /// The plane of a stored record; `None` for a value this version does not know.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "standard" => Some(Self::Standard),
            "stytch" => Some(Self::Stytch),
            _ => None,
        }
    }
}
