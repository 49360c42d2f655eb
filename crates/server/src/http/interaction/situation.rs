//! Everything a decision about an authorization request rests on, loaded in one transaction.

use crate::{
    app::App,
    failure::Failure,
    issue,
    records::{Current, Registered},
    store::Tx,
};
use hospes_protocol::{
    Timestamp,
    authorization_request::{self, AuthorizationRequest, Rejected, ValidRequest},
    authorize::{self, Facts, SignedIn, Step},
    grant::Grant,
    id::{ClientId, UserId},
    id_token,
    interaction::Progress,
    plane::Plane,
    session::Session,
    user::User,
};
use std::sync::Arc;

/// The facts at one moment. Read again in the transaction that issues anything.
pub(crate) struct Situation {
    /// Where the request came in.
    pub(crate) plane: Plane,
    pub(crate) current: Current,
    pub(crate) client: Arc<Registered>,
    /// Who is signed in in this browser; what became of them since is for `authorize` to judge.
    pub(crate) signed_in: Option<(Session, User)>,
    pub(crate) grant: Option<Grant>,
}

/// The situation as it is now.
pub(crate) fn load(
    tx: &mut Tx<'_>,
    app: &App,
    plane: Plane,
    client_id: &ClientId,
    session_hash: Option<&[u8; 32]>,
) -> Result<Situation, Failure> {
    load_with(tx, app, plane, client_id, session_hash, |tx, user| {
        Ok(tx.find_grant(&app.project, &user.id, client_id)?)
    })
}

/// The situation with the grant locked until the transaction ends: a disconnect comes before what is decided on it, or
/// after it.
pub(crate) fn take(
    tx: &mut Tx<'_>,
    app: &App,
    plane: Plane,
    client_id: &ClientId,
    session_hash: Option<&[u8; 32]>,
    now: Timestamp,
) -> Result<Situation, Failure> {
    load_with(tx, app, plane, client_id, session_hash, |tx, user| {
        Ok(tx.take_grant(&app.project, &user.id, client_id, now)?)
    })
}

fn load_with(
    tx: &mut Tx<'_>,
    app: &App,
    plane: Plane,
    client_id: &ClientId,
    session_hash: Option<&[u8; 32]>,
    grant: impl Fn(&mut Tx<'_>, &User) -> Result<Option<Grant>, Failure>,
) -> Result<Situation, Failure> {
    let current = app.records.project(tx, &app.project)?;
    let client = app.records.client(tx, &current, client_id)?.ok_or(authorization_request::UNKNOWN_CLIENT)?;
    let signed_in = match session_hash {
        Some(hash) => signed_in(tx, app, hash)?,
        None => None,
    };
    let grant = match &signed_in {
        Some((_, user)) => grant(tx, user)?,
        None => None,
    };
    Ok(Situation { plane, current, client, signed_in, grant })
}

/// The session behind a cookie with its user, dead or alive.
pub(crate) fn signed_in(
    tx: &mut Tx<'_>,
    app: &App,
    session_hash: &[u8; 32],
) -> Result<Option<(Session, User)>, Failure> {
    Ok(tx.find_login(&app.project, session_hash)?)
}

/// The same, if they may still come in.
pub(crate) fn signed_in_alive(
    tx: &mut Tx<'_>,
    app: &App,
    session_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(Session, User)>, Failure> {
    Ok(signed_in(tx, app, session_hash)?
        .filter(|(session, user)| authorize::is_usable(SignedIn { session, user }, now)))
}

impl Situation {
    /// Who is signed in and may still come in.
    pub(crate) fn who(&self, now: Timestamp) -> Option<&(Session, User)> {
        self.signed_in.as_ref().filter(|(session, user)| authorize::is_usable(SignedIn { session, user }, now))
    }

    /// Validates the request anew and says what comes next.
    pub(crate) fn decide(
        &self,
        request: &AuthorizationRequest,
        progress: &Progress,
        hinted_user: Option<&UserId>,
        now: Timestamp,
    ) -> Result<(ValidRequest, Step), Rejected> {
        let (client, policy) = (&self.client.client, &self.current.project.policy);
        let valid = authorization_request::validate(request, client, policy, self.plane)?;
        let signed_in = self.signed_in.as_ref().map(|(session, user)| SignedIn { session, user });
        let facts = Facts { signed_in, grant: self.grant.as_ref(), progress, hinted_user, now };
        let step = authorize::decide(&valid, client, policy, &facts);
        Ok((valid, step))
    }
}

/// The user named by `id_token_hint`; with `prompt=none` a hint that we cannot verify means nobody who is here. A hint that does not verify names nobody, so it is as if absent: a hint can only
/// ever make us ask more (OIDC Core §3.1.2.1).
pub(crate) async fn hinted_user(
    app: &App,
    request: &AuthorizationRequest,
    counter: i64,
) -> Result<Option<UserId>, Failure> {
    let Some(hint) = request.id_token_hint.as_deref() else { return Ok(None) };
    let ring = app.keys.ring(counter).await?;
    let hint = id_token::verify_hint(hint, ring.key_set(), &issue::own_names(app), Some(&request.client_id));
    let is_silent = request.prompt.as_deref() == Some("none");
    Ok(match hint {
        Ok(hint) => Some(hint.user_id),
        // Whom the client means is not known, so it is not whoever is signed in.
        Err(_) if is_silent => Some(UserId::new("")),
        Err(_) => None,
    })
}
