//! Logging a user in from a page in the browser, by address and password or by a token of the host app's login: the same
//! for our own API and for Stytch's.
//!
//! Specs: NIST SP 800-63B-4 §3.2.2.
//! An unknown user, a wrong password, a disabled user and a locked account get the same answer after the same work.

use crate::{
    app::App,
    failure::Failure,
    http::{
        attestation::Attestation,
        management::{
            attest,
            passwords::{MUST_RESET, WRONG_CREDENTIALS},
            session_block::{SessionBlock, SessionFields},
        },
    },
    password_login::{self, Outcome, Reason},
    records::Current,
};
use hospes_protocol::{
    Timestamp,
    audit_event::Actor,
    session::{Attributes, FactorMethod},
    user::{Name, User},
};
use std::net::IpAddr;
use tracing::info;
use zeroize::Zeroizing;

/// What somebody sends who wants to log in.
pub(crate) struct Attempt {
    pub(crate) address: IpAddr,
    pub(crate) attributes: Attributes,
    pub(crate) email: String,
    pub(crate) password: Zeroizing<String>,
    /// How long the session is to last.
    pub(crate) minutes: i64,
}

/// What somebody sends whom the host app has logged in.
pub(crate) struct Trusted {
    pub(crate) address: IpAddr,
    pub(crate) attributes: Attributes,
    pub(crate) profile_id: String,
    pub(crate) token: String,
    /// How long the session is to last.
    pub(crate) minutes: i64,
}

/// The longest that a page may ask a session to last, from when it asks: what the operator gives to sessions.
pub(crate) fn longest_minutes(current: &Current) -> i64 {
    current.lifetimes.session.0.div_euclid(60).clamp(5, 527_040)
}

/// Begins a session for the user with this address and password.
pub(crate) async fn log_in(
    app: &App,
    current: &Current,
    attempt: Attempt,
    now: Timestamp,
) -> Result<(SessionBlock, User), Failure> {
    let Attempt { address, attributes, email, password, minutes } = attempt;
    app.limits.login(address, &email)?;
    let fields = SessionFields::unnamed(Some(minutes), None);
    let prepared = fields.prepare(app, current, attributes, now).await?;
    let name = Name::email(&email);
    let verified = match password_login::verify(app, name.clone(), password, now).await? {
        Outcome::Right(verified) => verified,
        // Only who knows the password learns that it has to be changed.
        Outcome::Refused(_, Reason::MustReset) => return Err(MUST_RESET.into()),
        Outcome::Refused(user_id, reason) => {
            info!(user_id = ?user_id, %address, ?reason, "a login failed");
            return Err(WRONG_CREDENTIALS.into());
        }
    };
    let project = app.project.clone();
    let stored = app.store.write(move |tx| {
        let user = password_login::admit(tx, &project, &verified, now)?.ok_or(WRONG_CREDENTIALS)?;
        let stored = prepared.store(tx, &user, FactorMethod::password(user.profile.email_named(&name)))?;
        Ok((stored, user))
    });
    let (stored, user) = stored.await?;
    Ok((stored.sign()?, user))
}

/// Begins a session for the user whom a token of the host app's login means.
pub(crate) async fn log_in_trusted(
    app: &App,
    current: &Current,
    trusted: Trusted,
    now: Timestamp,
) -> Result<(SessionBlock, User), Failure> {
    let Trusted { address, attributes, profile_id, token, minutes } = trusted;
    app.limits.authorize(address)?;
    let attestation = Attestation::verify(app, &profile_id, &token, Actor::User, now).await?;
    let prepared = SessionFields::unnamed(Some(minutes), None).prepare(app, current, attributes, now).await?;
    attest::admit(app, attestation, prepared).await
}
