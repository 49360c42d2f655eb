//! Who may come in with a password, whichever way they ask: at our page, or through the host app's back end.
//!
//! Specs: OIDC Core §3.1.2.3, NIST SP 800-63B-4 §3.2.2.
//! An unknown user, a wrong password, a disabled user and a locked account cost the same: a read, one argon2, and a
//! transaction that writes.

use crate::{app::App, failure::Failure, passwords::Verdict, store::Tx};
use hospes_protocol::{
    Timestamp,
    audit_event::{Actor, EventKind},
    id::{ProjectId, UserId},
    lockout,
    user::{Name, Status, User},
};
use zeroize::Zeroizing;

#[derive(Debug)]
pub(crate) enum Outcome {
    Right(Verified),
    /// For the log: whose password it was not, if there is such a user.
    Refused(Option<UserId>, Reason),
}

/// A user whose password was right, with the stored hash that it was right for.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub(crate) user_id: UserId,
    password_hash: String,
}

/// Why somebody does not come in. Only [`Reason::MustReset`] tells that the password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Unknown,
    WrongPassword,
    /// Whatever the password was.
    Locked,
    MustReset,
    Disabled,
}

/// The user with this name and password, if they may come in.
pub(crate) async fn verify(
    app: &App,
    name: Name,
    password: Zeroizing<String>,
    now: Timestamp,
) -> Result<Outcome, Failure> {
    let found = {
        let app = app.clone();
        app.clone()
            .store
            .read(move |tx| {
                let Some(user) = tx.find_user_by_name(&app.project, &name)? else { return Ok(None) };
                let password = tx.find_password(&app.project, &user.id)?;
                Ok(Some((user, password)))
            })
            .await?
    };
    let (user, stored) = found.map_or((None, None), |(user, stored)| (Some(user), stored));
    let hash = stored.as_ref().map(|stored| stored.hash.clone());
    let verdict = app.passwords.verify(password, hash).await?;
    let (Some(user), Some(stored)) = (user, stored) else {
        count_failure(app, None, now).await?;
        return Ok(Outcome::Refused(None, Reason::Unknown));
    };
    let reason = match (&verdict, stored.is_locked(now)) {
        (_, true) => Some(Reason::Locked),
        (Verdict::Wrong, false) => Some(Reason::WrongPassword),
        _ if user.disabled_at.is_some() => Some(Reason::Disabled),
        _ if stored.must_reset_at.is_some() => Some(Reason::MustReset),
        _ => None,
    };
    if let Some(reason) = reason {
        // A guess at a locked door does not lock it for longer, else a stranger could keep the owner out for good.
        let counts = reason == Reason::WrongPassword;
        count_failure(app, Some(&user.id).filter(|_| counts), now).await?;
        return Ok(Outcome::Refused(Some(user.id), reason));
    }
    let password_hash = match verdict {
        Verdict::Right { renewed: Some(renewed) } => renew(app, &user.id, stored.hash, renewed).await?,
        _ => stored.hash,
    };
    Ok(Outcome::Right(Verified { user_id: user.id, password_hash }))
}

/// Counts a wrong guess. Where there is nobody to count it for, a row that nobody asks for is written instead, so that
/// the answer takes as long.
async fn count_failure(app: &App, user_id: Option<&UserId>, now: Timestamp) -> Result<(), Failure> {
    let (app, user_id, unique) = (app.clone(), user_id.cloned(), app.entropy.bytes::<32>());
    let occasion = app.occasion(Actor::Server, now);
    app.clone()
        .store
        .write(move |tx| {
            let policy = app.records.project(tx, &app.project)?.project.settings.lock_policy;
            let Some(user_id) = &user_id else {
                tx.add_replay(&app.project, "failed_login", &unique, now)?;
                return Ok(());
            };
            let Some(password) = tx.take_password_attempt(&app.project, user_id)? else { return Ok(()) };
            if let Some(until) = lockout::locked_until(password.failed_attempts, policy, now) {
                tx.lock_password(&app.project, user_id, until, now)?;
                // Several guesses at the same moment lock once.
                if !password.is_locked(now) {
                    tx.record(&app.project, &occasion.event(EventKind::UserLocked).user(user_id))?;
                }
            }
            Ok(())
        })
        .await
}

/// Stores a hash with today's parameters, unless the password was changed meanwhile, and returns the one that counts.
async fn renew(app: &App, user_id: &UserId, old: String, new: String) -> Result<String, Failure> {
    let (app, user_id) = (app.clone(), user_id.clone());
    app.clone()
        .store
        .write(move |tx| {
            let is_renewed = tx.renew_password_hash(&app.project, &user_id, &old, &new)?;
            Ok(if is_renewed { new.clone() } else { old.clone() })
        })
        .await
}

/// The user, locked until the transaction ends, if what was verified still holds: they may have been disabled, or the
/// password changed or locked, meanwhile. Forgets their failures, and makes a pending user an active one.
pub(crate) fn admit(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    verified: &Verified,
    now: Timestamp,
) -> Result<Option<User>, Failure> {
    let user = tx.take_user(project, &verified.user_id)?.filter(|user| user.disabled_at.is_none());
    let password = tx.find_password(project, &verified.user_id)?;
    let is_as_verified = password.is_some_and(|stored| stored.hash == verified.password_hash && stored.counts(now));
    let Some(mut user) = user.filter(|_| is_as_verified) else { return Ok(None) };
    activate(tx, project, &mut user, now)?;
    tx.reset_password_failures(project, &verified.user_id)?;
    Ok(Some(user))
}

/// A pending user who has come is an active one. The caller has taken the user's row.
pub(crate) fn activate(tx: &mut Tx<'_>, project: &ProjectId, user: &mut User, now: Timestamp) -> Result<(), Failure> {
    if user.profile.status == Status::Pending {
        user.profile.status = Status::Active;
        // No name changes by this, so none can be another's.
        tx.update_user(project, user, now)?.map_err(|taken| anyhow::anyhow!("a name of a user is taken: {taken:?}"))?;
    }
    Ok(())
}
