//! The code for what a user, or the host app for them, has approved, and what the grant learns by it.
//!
//! Specs: OAuth 2.1 §4.1.2, OIDC Core §2 (`auth_time`, `amr`).

use super::{situation::Situation, waiting::CHANGED};
use crate::{app::App, failure::Failure, records::Current, secret::Secret, store::Tx};
use hospes_protocol::{
    Timestamp,
    audit_event::{self, Actor, Occasion},
    authorization_code::{self, AuthorizationCode},
    authorization_request::ValidRequest,
    claims,
    client::Client,
    consent::{self, Approval},
    family::FamilyContext,
    id::{FamilyId, SessionId},
    liveness,
    session::Session,
    user::User,
};

/// The random parts of a code, drawn before the transaction that may run more than once.
#[derive(Clone)]
pub(crate) struct NewCode {
    pub(crate) secret: Secret,
    family_id: FamilyId,
    occasion: Occasion,
}

impl NewCode {
    /// For a code that `actor` may be about to approve.
    pub(crate) fn new(app: &App, actor: Actor, now: Timestamp) -> Self {
        Self {
            secret: Secret::new(authorization_code::PREFIX, &app.entropy),
            family_id: FamilyId::new(app.entropy.uuid().to_string()),
            occasion: app.occasion(actor, now),
        }
    }
}

/// Stores a code for what was approved, and what the grant has learned.
pub(crate) fn add_code(
    tx: &mut Tx<'_>,
    app: &App,
    situation: &Situation,
    valid: &ValidRequest,
    approval: &Approval,
    new_code: &NewCode,
    now: Timestamp,
) -> Result<(), Failure> {
    let (session, user): &(Session, User) = situation.signed_in.as_ref().ok_or(CHANGED)?;
    let of = CodeOf {
        current: &situation.current,
        client: &situation.client.client,
        user,
        login: LoginBehind::session(session),
    };
    add_code_of(tx, app, &of, valid, approval, new_code, now)
}

/// Whose code it is.
pub(crate) struct CodeOf<'a> {
    pub(crate) current: &'a Current,
    pub(crate) client: &'a Client,
    pub(crate) user: &'a User,
    pub(crate) login: LoginBehind,
}

/// The login on which a code rests, as far as it is known: not at all when the host app only vouches for the user.
#[derive(Default)]
pub(crate) struct LoginBehind {
    pub(crate) session_id: Option<SessionId>,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) amr: Vec<String>,
    pub(crate) trusted_profile: Option<String>,
}

impl LoginBehind {
    pub(crate) fn session(session: &Session) -> Self {
        Self {
            session_id: Some(session.id.clone()),
            auth_time: Some(session.authenticated_at),
            amr: session.amr.clone(),
            trusted_profile: session.trusted_profile.clone(),
        }
    }
}

/// As [`add_code`], for whoever need not be signed in in a browser.
pub(crate) fn add_code_of(
    tx: &mut Tx<'_>,
    app: &App,
    of: &CodeOf<'_>,
    valid: &ValidRequest,
    approval: &Approval,
    new_code: &NewCode,
    now: Timestamp,
) -> Result<(), Failure> {
    let CodeOf { current, client, user, login } = of;
    let client_id = &client.id;
    let mut event = None;
    tx.save_grant(&app.project, &user.id, client_id, now, |previous| {
        let after = consent::grant_after(approval, previous, &user.id, client_id, now);
        let before = previous.filter(|previous| previous.is_alive(now));
        event = audit_event::of_consent(&new_code.occasion, approval, before, &after);
        after
    })?;
    if let Some(event) = &event {
        tx.record(&app.project, event)?;
    }
    tx.add_code(
        &app.project,
        &new_code.secret.hash(),
        &AuthorizationCode {
            plane: client.settings.plane,
            client_id: client_id.clone(),
            user_id: user.id.clone(),
            session_id: login.session_id.clone(),
            family_id: new_code.family_id.clone(),
            redirect_uri: valid.target.redirect_uri.clone(),
            code_challenge: valid.code_challenge.as_ref().map(|challenge| challenge.as_str().to_owned()),
            nonce: valid.nonce.clone(),
            scope: approval.scope.clone(),
            resources: approval.resources.clone(),
            context: FamilyContext {
                auth_time: login.auth_time,
                amr: login.amr.clone(),
                acr: None,
                userinfo_claims: not_declined(&valid.claims.userinfo, approval),
                id_token_claims: not_declined(&valid.claims.id_token, approval),
                trusted_profile: login.trusted_profile.clone(),
            },
            issued_at: liveness::issue_time(client, current.project.tokens_valid_from, now),
            expires_at: now.plus(current.lifetimes.code),
            redeemed_at: None,
        },
    )?;
    Ok(())
}

/// The claims asked for one by one, less those whose scope value the user unticked: the page showed them as one thing.
fn not_declined(claims: &[String], approval: &Approval) -> Vec<String> {
    let is_declined =
        |name: &String| claims::scope_value_of(name).is_some_and(|value| approval.declined.contains(value));
    claims.iter().filter(|name| !is_declined(name)).cloned().collect()
}
