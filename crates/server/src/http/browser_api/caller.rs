//! Who calls the browser API: the user whom a page names, from the browser in which it runs.
//!
//! Specs: RFC 6750 §2.1, RFC 6265bis §4.1.2.7.

use super::sender::Sender;
use crate::{
    app::App,
    failure::Failure,
    http::{
        browser::Browser,
        extract::single,
        interaction::who::{TrustedToken, Visitor, Who},
        management::session_block::{NOT_FOUND, NamedSession, named_by_bearer},
    },
    records::Current,
    store::Tx,
};
use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::Actor,
    id::{ProjectId, SessionId},
    refuse_api,
    session::{Attributes, FullSession, Session},
    user::User,
};
use std::net::IpAddr;

pub(crate) const NOT_SIGNED_IN: Refusal = refuse_api(
    401,
    "no_session_arguments",
    "say who the user is: Authorization: Bearer with a session token or JWT, or a session cookie of this site",
);
pub(crate) const NO_BEARER: Refusal = refuse_api(
    401,
    "invalid_authorization_header",
    "send the user's session token or session JWT as Authorization: Bearer; a page must not have a secret of the project",
);

/// A call by a page, or by an app that is none.
pub(super) struct PageCall {
    pub(super) current: Current,
    pub(super) address: IpAddr,
    pub(super) attributes: Attributes,
    bearer: Option<String>,
    /// SHA-256 of the session token in the cookie; only where the cookie counts.
    cookie: Option<[u8; 32]>,
}

/// The session that a page names, not looked at yet.
#[derive(Clone)]
pub(super) struct PageSession {
    named: NamedSession,
    /// What is said where there is no such session: the page chose to send a bearer, but not a cookie.
    none: Refusal,
}

impl PageSession {
    /// The session with its user, who may come in.
    pub(super) fn find(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        now: Timestamp,
    ) -> Result<(Session, User), Failure> {
        Ok(self.named.find(tx, project, now)?.ok_or_else(|| self.none.clone())?)
    }

    /// The same, locked until the transaction ends.
    pub(super) fn take(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        now: Timestamp,
    ) -> Result<(FullSession, User), Failure> {
        self.named.take(tx, project, now).map_err(|failure| match failure {
            Failure::Refused(refusal) if refusal == NOT_FOUND => self.none.clone().into(),
            other => other,
        })
    }

    /// Which session it is, whatever became of it.
    pub(super) fn id(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<SessionId, Failure> {
        Ok(self.named.id(tx, project)?.ok_or_else(|| self.none.clone())?)
    }
}

impl PageCall {
    /// The session on which the call rests.
    pub(super) async fn session(&self, app: &App, now: Timestamp) -> Result<PageSession, Failure> {
        match (&self.bearer, self.cookie) {
            (Some(bearer), _) => {
                let named = named_by_bearer(app, &self.current, bearer, now).await?;
                Ok(PageSession { named, none: NOT_FOUND })
            }
            (None, Some(hash)) => Ok(PageSession { named: NamedSession::Token(hash), none: NOT_SIGNED_IN }),
            (None, None) => Err(NOT_SIGNED_IN.into()),
        }
    }

    /// The session, where the call makes sense without one too. One that only the cookie names, and that has ended, is
    /// none.
    async fn session_if_any(&self, app: &App, now: Timestamp) -> Result<Option<NamedSession>, Failure> {
        match (&self.bearer, self.cookie) {
            (Some(bearer), _) => Ok(Some(named_by_bearer(app, &self.current, bearer, now).await?)),
            (None, Some(hash)) => {
                let (app, named) = (app.clone(), NamedSession::Token(hash));
                let asked = named.clone();
                let found = app.clone().store.read(move |tx| asked.find(tx, &app.project, now)).await?;
                Ok(found.map(|_| named))
            }
            (None, None) => Ok(None),
        }
    }

    /// The user: by a token of the host app's own login, or by the session. A cookie that happens to be there does not
    /// contradict the token.
    pub(super) async fn visitor(
        &self,
        app: &App,
        trusted: TrustedToken,
        now: Timestamp,
    ) -> Result<Option<Visitor>, Failure> {
        let is_trusted = trusted.token.is_some() || trusted.profile_id.is_some();
        let session = match (is_trusted, &self.bearer) {
            (true, None) => None,
            _ => self.session_if_any(app, now).await?,
        };
        Visitor::of(app, session.map(Who::Session), trusted, Actor::User, now).await
    }
}

impl FromRequestParts<App> for PageCall {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Sender { current, page_is_known, address, attributes } = Sender::from_request_parts(parts, app).await?;
        let bearer = single(&parts.headers, AUTHORIZATION)?.map(bearer).transpose()?;
        let cookie = Browser::of(app, &parts.headers).session_hash().filter(|_| page_is_known);
        Ok(Self { current, address, attributes, bearer, cookie })
    }
}

/// RFC 6750 §2.1
fn bearer(header: &[u8]) -> Result<String, Refusal> {
    let (scheme, token) = std::str::from_utf8(header).ok().and_then(|text| text.split_once(' ')).ok_or(NO_BEARER)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() { Ok(token.to_owned()) } else { Err(NO_BEARER) }
}

#[test]
fn only_a_bearer_token_is_taken() {
    assert_eq!(bearer(b"bearer abc "), Ok("abc".to_owned()));
    for header in ["", "Bearer", "Bearer ", "Basic YTpi", "abc", "\u{ff}"] {
        assert_eq!(bearer(header.as_bytes()), Err(NO_BEARER), "{header:?}");
    }
}
