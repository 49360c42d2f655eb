//! The plane on which an artifact was made. Strictness belongs to the record, never to the path:
//! what was issued on one plane works on no other.

use crate::id::ProjectId;
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

/// The issuer that every official SDK of Stytch accepts; not a URL, so OpenID Connect clients need the other one.
pub fn stytch_issuer(project: &ProjectId) -> String {
    format!("stytch.com/{project}")
}

/// Where an artifact is presented, and whose artifacts are accepted there.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub plane: Plane,
    /// The project's own issuer.
    pub issuer: &'a str,
    pub project: &'a ProjectId,
}

impl Place<'_> {
    /// Whether `issuer` is one by which this place has issued. On the Stytch plane the project chooses between two; a
    /// token of the other one was issued before it changed its mind.
    pub fn has_issued_as(&self, issuer: &str) -> bool {
        match self.plane {
            Plane::Standard => issuer == self.issuer,
            Plane::Stytch => issuer == self.issuer || issuer == stytch_issuer(self.project),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stytch_plane_has_two_issuers_and_the_standard_plane_one() {
        let project = ProjectId::new("project-test-1");
        let own = "https://id.example.com";
        let at = |plane, issuer: &str| Place { plane, issuer: own, project: &project }.has_issued_as(issuer);
        assert!(at(Plane::Standard, own) && at(Plane::Stytch, own));
        assert!(at(Plane::Stytch, "stytch.com/project-test-1") && !at(Plane::Standard, "stytch.com/project-test-1"));
        for issuer in ["stytch.com/project-test-2", "https://id.example.com/", "https://stytch.com/project-test-1", ""]
        {
            assert!(!at(Plane::Standard, issuer) && !at(Plane::Stytch, issuer), "{issuer}");
        }
    }
}
