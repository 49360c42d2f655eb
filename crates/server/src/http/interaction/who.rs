//! The user whom a host app names: by an id, by a session of ours, or by a token of its own login.

use crate::{
    app::App,
    failure::Failure,
    http::{
        attestation::Attestation,
        management::{
            session_block::{NOT_FOUND as SESSION_NOT_FOUND, NamedSession, named},
            user_object::user_of,
        },
    },
    records::Current,
    store::Tx,
};
use hospes_protocol::{
    Refusal, Timestamp, audit_event::Actor, interaction::Progress, refuse_api, session::Session, user::User,
};

pub(crate) const NO_USER_SELECTOR: Refusal =
    refuse_api(400, "no_oauth_authorize_user_selector", "send one of user_id, session_token and session_jwt");
pub(crate) const TOO_MANY_USER_SELECTORS: Refusal =
    refuse_api(400, "too_many_user_selection_arguments", "send only one of user_id, session_token and session_jwt");
pub(crate) const SEVERAL_USERS: Refusal = refuse_api(
    400,
    "too_many_user_selection_arguments",
    "send only one of user_id, session_token, session_jwt, and trusted_token with profile_id",
);
pub(crate) const HALF_A_TRUSTED_TOKEN: Refusal =
    refuse_api(400, "no_oauth_authorize_user_selector", "trusted_token and profile_id belong together; send both");
pub(crate) const USER_NOT_FOUND: Refusal =
    refuse_api(404, "user_not_found", "the project has no user with this id or external id, or the user is disabled");

/// A user of ours, as a page names them.
pub(crate) enum Who {
    /// By an id or external id: the host app vouches for them.
    User(String),
    Session(NamedSession),
}

impl Who {
    pub(crate) async fn of(
        app: &App,
        current: &Current,
        user_id: Option<String>,
        token: Option<String>,
        jwt: Option<String>,
    ) -> Result<Self, Failure> {
        match (user_id, token, jwt) {
            (None, None, None) => Err(NO_USER_SELECTOR.into()),
            (Some(user_id), None, None) => Ok(Self::User(user_id)),
            (None, token, jwt) if token.is_none() || jwt.is_none() => {
                let named = named(app, current, token.as_deref(), jwt.as_deref()).await?;
                Ok(Self::Session(named.ok_or(NO_USER_SELECTOR)?))
            }
            _ => Err(TOO_MANY_USER_SELECTORS.into()),
        }
    }

    /// The user, and the session if the page named one; only if both may come in.
    pub(crate) fn find(&self, tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<(User, Option<Session>), Failure> {
        match self {
            Self::User(id) => Ok((user(tx, app, id)?, None)),
            Self::Session(named) => {
                let (session, user) = named.find(tx, &app.project, now)?.ok_or(SESSION_NOT_FOUND)?;
                Ok((user, Some(session)))
            }
        }
    }

    /// The same, with the session locked until the transaction ends: a sign-out comes before the code, or voids it.
    pub(crate) fn take(&self, tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<(User, Option<Session>), Failure> {
        match self {
            Self::User(id) => Ok((user(tx, app, id)?, None)),
            Self::Session(named) => {
                let (full, user) = named.take(tx, &app.project, now)?;
                Ok((user, Some(full.session)))
            }
        }
    }
}

fn user(tx: &mut Tx<'_>, app: &App, id: &str) -> Result<User, Failure> {
    let found = user_of(tx, &app.project, id)?;
    Ok(Some(found).filter(|user| user.disabled_at.is_none()).ok_or(USER_NOT_FOUND)?)
}

/// Whoever stands before the host app's page: a user of ours, or somebody whom the host app's own login attests.
pub(crate) enum Visitor {
    Known(Who),
    Attested(Box<Attestation>),
}

/// A JWT of the host app's own login, with the profile that says how to read it.
#[derive(Default)]
pub(crate) struct TrustedToken {
    pub(crate) token: Option<String>,
    pub(crate) profile_id: Option<String>,
}

impl Visitor {
    /// The visitor that `who` or `trusted` names, if one of them names any; `actor` presents the token.
    pub(crate) async fn of(
        app: &App,
        who: Option<Who>,
        trusted: TrustedToken,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Option<Self>, Failure> {
        match (who, trusted.token, trusted.profile_id) {
            (who, None, None) => Ok(who.map(Self::Known)),
            (None, Some(token), Some(profile)) => {
                let attestation = Attestation::verify(app, &profile, &token, actor, now).await?;
                Ok(Some(Self::Attested(Box::new(attestation))))
            }
            (Some(_), _, _) => Err(SEVERAL_USERS.into()),
            (None, _, _) => Err(HALF_A_TRUSTED_TOKEN.into()),
        }
    }

    /// What is known of the visitor, who may come in; what it rests on is locked until the transaction ends.
    pub(crate) fn take(&self, tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<Progress, Failure> {
        match self {
            Self::Known(who) => {
                let (user, session) = who.take(tx, app, now)?;
                Ok(Progress {
                    user_id: Some(user.id),
                    session_id: session.as_ref().map(|session| session.id.clone()),
                    authenticated_at: session.map(|session| session.authenticated_at),
                    ..Progress::default()
                })
            }
            Self::Attested(attestation) => {
                let current = app.records.project(tx, &app.project)?;
                let user = attestation.admit(tx, &current.project)?;
                Ok(Progress {
                    user_id: Some(user.id),
                    // Its clock may be ahead of ours.
                    authenticated_at: Some(attestation.attested.issued_at.min(now)),
                    trusted_profile: Some(attestation.profile_id.clone()),
                    ..Progress::default()
                })
            }
        }
    }
}
