//! The session block: what every call that authenticates a user may ask about a session, and what it answers.
//!
//! A call goes through three steps: [`SessionFields::prepare`] before the transaction, [`Prepared::store`] in it, and
//! [`Stored::sign`] after it. The rules are in `protocol::session_block`.

use super::{
    error::refuse_api,
    session_object::{SessionObject, session_claim},
    user_object::UserObject,
};
use crate::{
    app::App,
    failure::Failure,
    issue,
    keys::KeyRing,
    project_settings::{JwtTemplate, StytchIssuer},
    records::Current,
    secret::{Secret, sha256},
    session_token,
    store::{Tx, projects::Project, signing_keys::KeyPurpose},
};
use anyhow::Context as _;
use hospes_protocol::{
    Refusal, Timestamp,
    authorize::{self, SignedIn},
    claim_template::{Facts, Kind},
    client::SigningAlg,
    id::{ProjectId, SessionId},
    jose::{KeySet, SigningKey},
    session::{Attributes, FactorMethod, FullSession, Session},
    session_block::{self, Beginning, SessionRequest, TOO_MANY_ARGUMENTS},
    session_jwt::{self, SessionJwtClaims},
    user::User,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;

pub(crate) const NOT_FOUND: Refusal = refuse_api(
    404,
    "session_not_found",
    "there is no such session, or it has ended, or its user may not come in any more; let the user log in again",
);

/// The members of a request; all may be absent.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the contract")]
pub(crate) struct SessionFields {
    /// A session of the user that gets the new factor; instead of `session_jwt`.
    pub(crate) session_token: Option<String>,
    /// The same, by its JWT, which may have expired.
    pub(crate) session_jwt: Option<String>,
    /// 5 to 527040, from now. Without it no session is begun.
    pub(crate) session_duration_minutes: Option<i64>,
    /// Claims for the session's JWT: merged with those that it has, `null` takes one away. Kept only with a duration.
    #[schema(value_type = Option<Object>)]
    pub(crate) session_custom_claims: Option<Map<String, Value>>,
}

/// The members of an answer. Without a session `session_token` and `session_jwt` are empty.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionBlock {
    user_id: String,
    user: UserObject,
    pub(crate) session_token: String,
    pub(crate) session_jwt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionObject>,
}

/// A session as a call names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamedSession {
    /// By the SHA-256 of its token.
    Token([u8; 32]),
    /// By a JWT whose signature was verified.
    Id(SessionId),
}

/// The session that `token` or `jwt` names; `None` when neither was sent.
pub(crate) async fn named(
    app: &App,
    current: &Current,
    token: Option<&str>,
    jwt: Option<&str>,
) -> Result<Option<NamedSession>, Failure> {
    match (token, jwt) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(TOO_MANY_ARGUMENTS.into()),
        (Some(token), None) => Ok(Some(NamedSession::Token(sha256(token.as_bytes())))),
        (None, Some(jwt)) => Ok(Some(by_jwt(app, current, jwt, session_jwt::session_of).await?)),
    }
}

/// The session that the bearer of a token or JWT names. Without a secret of the project to vouch for the caller, a JWT
/// counts until it expires only.
pub(crate) async fn named_by_bearer(
    app: &App,
    current: &Current,
    bearer: &str,
    now: Timestamp,
) -> Result<NamedSession, Failure> {
    // A session token has no dot, a JWT has two.
    if !bearer.contains('.') {
        return Ok(NamedSession::Token(sha256(bearer.as_bytes())));
    }
    by_jwt(app, current, bearer, |jwt, keys, issuers, project| {
        session_jwt::bearer_session_of(jwt, keys, issuers, project, now)
    })
    .await
}

async fn by_jwt(
    app: &App,
    current: &Current,
    jwt: &str,
    read: impl FnOnce(&str, &KeySet, &[&str], &str) -> Result<SessionId, Refusal>,
) -> Result<NamedSession, Failure> {
    let ring = app.keys.ring(current.counter).await?;
    let project = &current.project;
    // The setting may have changed since the JWT was made.
    let issuers = [StytchIssuer::ProjectId, StytchIssuer::Issuer].map(|kind| issuer(kind, app, &project.id));
    let issuers = issuers.each_ref().map(String::as_str);
    Ok(NamedSession::Id(read(jwt, ring.session_key_set(), &issuers, project.id.as_str())?))
}

fn issuer(kind: StytchIssuer, app: &App, project: &ProjectId) -> String {
    match kind {
        StytchIssuer::ProjectId => format!("stytch.com/{project}"),
        StytchIssuer::Issuer => app.issuer.clone(),
    }
}

impl NamedSession {
    /// The session with its user, if both may still come in.
    pub(crate) fn find(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        now: Timestamp,
    ) -> Result<Option<(Session, User)>, Failure> {
        let found = match self {
            Self::Token(hash) => tx.find_login(project, hash)?,
            Self::Id(id) => match tx.find_session(project, id)? {
                Some(session) => tx.find_user(project, &session.user_id)?.map(|user| (session, user)),
                None => None,
            },
        };
        Ok(found.filter(|(session, user)| authorize::is_usable(SignedIn { session, user }, now)))
    }

    /// The session whatever became of it.
    pub(crate) fn id(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<Option<SessionId>, Failure> {
        Ok(match self {
            Self::Token(hash) => tx.find_session_by_token(project, hash)?.map(|session| session.id),
            Self::Id(id) => tx.find_session(project, id)?.map(|session| session.id),
        })
    }

    /// The session with its user, locked until the transaction ends; refused when they may not come in.
    pub(crate) fn take(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        now: Timestamp,
    ) -> Result<(FullSession, User), Failure> {
        let id = self.id(tx, project)?.ok_or(NOT_FOUND)?;
        let full = tx.take_full_session(project, &id)?.ok_or(NOT_FOUND)?;
        let user = tx.find_user(project, &full.session.user_id)?.ok_or(NOT_FOUND)?;
        if !authorize::is_usable(SignedIn { session: &full.session, user: &user }, now) {
            return Err(NOT_FOUND.into());
        }
        Ok((full, user))
    }
}

impl SessionFields {
    /// Of a call that names no session, or names it in a way of its own.
    pub(crate) fn unnamed(minutes: Option<i64>, custom_claims: Option<Map<String, Value>>) -> Self {
        Self { session_duration_minutes: minutes, session_custom_claims: custom_claims, ..Self::default() }
    }

    /// Everything that can be said and made before the transaction. `attributes` are of the end user's device.
    pub(crate) async fn prepare(
        &self,
        app: &App,
        current: &Current,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<Prepared, Failure> {
        let request = SessionRequest::parse(self.session_duration_minutes, self.session_custom_claims.clone())?;
        let existing = named(app, current, self.session_token.as_deref(), self.session_jwt.as_deref()).await?;
        let beginning =
            Beginning { id: app.id("session"), token_salt: app.entropy.bytes(), attributes, trusted_profile: None };
        let signer = Signer::of(app, current, now).await?;
        Ok(Prepared { request, existing, beginning, signer, now })
    }
}

/// A request about a session, ready for the transaction.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) request: SessionRequest,
    existing: Option<NamedSession>,
    pub(crate) beginning: Beginning,
    pub(crate) signer: Signer,
    now: Timestamp,
}

impl Prepared {
    /// The same, to carry `session` on.
    pub(crate) fn on(&self, session: NamedSession) -> Self {
        Self { existing: Some(session), ..self.clone() }
    }

    /// Begins a session of `user`, who has just proven who they are by `method`, or carries the named one on. The
    /// caller holds the user's row ([`Tx::take_user`]) and knows that they may come in.
    pub(crate) fn store(&self, tx: &mut Tx<'_>, user: &User, method: FactorMethod) -> Result<Stored, Failure> {
        let project = &self.signer.current.project.id;
        let existing = match &self.existing {
            Some(named) => Some(named.take(tx, project, self.now)?.0),
            None => None,
        };
        let is_new = existing.is_none();
        let session =
            session_block::authenticated(&self.request, existing, &user.id, method, &self.beginning, self.now)?;
        let Some(session) = session else {
            return Ok(Stored { user: UserObject::load(tx, project, user, self.now)?, made: None });
        };
        if is_new {
            tx.add_session(project, &session, &self.signer.token(&session).hash())?;
        } else {
            tx.save_session(project, &session)?;
        }
        self.signer.stored(tx, user, session, self.now)
    }
}

/// What makes tokens of sessions, loaded before the transaction.
#[derive(Clone)]
pub(crate) struct Signer {
    app: App,
    pub(crate) current: Current,
    key: Arc<SigningKey>,
}

impl Signer {
    pub(crate) async fn of(app: &App, current: &Current, now: Timestamp) -> Result<Self, Failure> {
        let ring: Arc<KeyRing> = app.keys.ring(current.counter).await?;
        let key = ring
            .signing_for(KeyPurpose::Session, SigningAlg::RS256, now)
            .context("no active key for sessions; `hospes init` makes one")?;
        Ok(Self { app: app.clone(), current: current.clone(), key })
    }

    fn token(&self, session: &FullSession) -> Secret {
        session_token::of(&self.app.keys, &session.session.id, &session.token_salt)
    }

    /// The answer for a session that was stored, finished but for the signature.
    pub(crate) fn stored(
        &self,
        tx: &mut Tx<'_>,
        user: &User,
        session: FullSession,
        now: Timestamp,
    ) -> Result<Stored, Failure> {
        let token = self.token(&session);
        // After a change of the master key it is another than was handed out; then there is none to tell.
        let by_token = tx.find_session_by_token(&self.current.project.id, &token.hash())?;
        let token = by_token.filter(|own| own.id == session.session.id).map(|_| token);
        self.shown(tx, user, session, token, now)
    }

    /// The answer for a session with this token.
    pub(crate) fn shown(
        &self,
        tx: &mut Tx<'_>,
        user: &User,
        session: FullSession,
        token: Option<Secret>,
        now: Timestamp,
    ) -> Result<Stored, Failure> {
        let project = &self.current.project;
        let claims = self.claims(user, &session, now)?;
        let object = SessionObject::of(&session, user);
        let made = Made { key: Arc::clone(&self.key), claims, token, object };
        Ok(Stored { user: UserObject::load(tx, &project.id, user, now)?, made: Some(made) })
    }

    fn claims(&self, user: &User, session: &FullSession, now: Timestamp) -> Result<SessionJwtClaims, Failure> {
        let Project { id, settings, policy, .. } = &*self.current.project;
        let JwtTemplate { content, custom_audience } = &settings.session_template;
        let mut aud = vec![id.to_string()];
        if !custom_audience.is_empty() {
            aud.push(custom_audience.clone());
        }
        let template = issue::custom_claims(content, Kind::User, Facts::User { user, policy })?;
        Ok(SessionJwtClaims::new(
            issuer(settings.stytch.issuer, &self.app, id),
            user.id.to_string(),
            aud,
            session_claim(session, user),
            template,
            &session.custom_claims,
            now,
        ))
    }
}

/// What was stored, and what is to be signed.
pub(crate) struct Stored {
    user: UserObject,
    made: Option<Made>,
}

struct Made {
    key: Arc<SigningKey>,
    claims: SessionJwtClaims,
    token: Option<Secret>,
    object: SessionObject,
}

impl Stored {
    /// The answer; to be made after the transaction.
    pub(crate) fn sign(self) -> Result<SessionBlock, Failure> {
        let Self { user, made } = self;
        let user_id = user.user_id.clone();
        let Some(Made { key, claims, token, object }) = made else {
            return Ok(SessionBlock {
                user_id,
                user,
                session_token: String::new(),
                session_jwt: String::new(),
                session: None,
            });
        };
        Ok(SessionBlock {
            user_id,
            user,
            session_token: token.map(|token| token.text().to_owned()).unwrap_or_default(),
            session_jwt: key.sign(session_jwt::TYP, &claims).context("the JWT of a session could not be signed")?,
            session: Some(object),
        })
    }
}
