//! An interaction: an authorization request waiting for the user.

use crate::{
    audit_event::Actor,
    consent::ConsentAnswer,
    id::{InteractionId, SessionId, UserId},
    plane::Plane,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The stored record. `request` holds the request as parsed, not as validated: every step validates it again,
/// against the client and the policy as they are then.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction<R> {
    pub id: InteractionId,
    pub plane: Plane,
    pub way: Way,
    pub request: R,
    /// SHA-256 of what only the browser has in which it began; `way` says what that is. An interaction finished in
    /// another browser is refused.
    pub browser_hash: [u8; 32],
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub progress: Progress,
    pub decided_at: Option<Timestamp>,
}

/// Who draws the pages of an interaction, and by what its browser is known again. Fixed when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// We do; by the binding cookie.
    OwnPages,
    /// The host app, to whose page we sent the browser with the handle; by the binding cookie, once the browser is back
    /// for the answer.
    HostPage,
    /// The host app, whose back end handed in the request; by a hash of the host app's own session.
    HostBackEnd,
    /// The host app, whose page in the browser handed in the request; by a nonce that the page keeps.
    HostBrowser,
}

impl Way {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnPages => "own_pages",
            Self::HostPage => "host_page",
            Self::HostBackEnd => "host_back_end",
            Self::HostBrowser => "host_browser",
        }
    }

    /// The way of a stored record; `None` for a value this version does not know.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::OwnPages, Self::HostPage, Self::HostBackEnd, Self::HostBrowser]
            .into_iter()
            .find(|way| way.as_str() == text)
    }
}

/// What the user has done within this interaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The session with which the user went on: fixed by a login or by "continue as …". None where the host app vouches
    /// for a user without one.
    #[serde(default)]
    pub session_id: Option<SessionId>,
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// When the user proved who they are (answers `prompt=login` and `max_age`). On our pages: within this interaction.
    /// On a host app's page: as far as the host app lets us know, which may be long before; see [`crate::hosted`].
    #[serde(default)]
    pub authenticated_at: Option<Timestamp>,
    /// The user chose this account within this interaction (answers `prompt=select_account`).
    #[serde(default)]
    pub account_chosen_at: Option<Timestamp>,
    /// The trusted token profile whose token named the user, if one did and no session stands behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_profile: Option<String>,
    /// What a host app's page answered, until the browser comes to have it carried out ([`Way::HostPage`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// An answer to an authorization request that is not carried out yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub said: Said,
    pub by: Actor,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Nobody had to be asked: what comes next is clear without the user.
    Unasked,
    Allow(ConsentAnswer),
    Deny,
}

#[test]
fn every_way_is_read_as_it_is_written() {
    for way in [Way::OwnPages, Way::HostPage, Way::HostBackEnd, Way::HostBrowser] {
        assert_eq!(Way::parse(way.as_str()), Some(way));
    }
    assert_eq!(Way::parse("another"), None);
}
