//! Refresh tokens whose login stems from a trusted token profile: the attest must be young, and the host app may be
//! asked whether its user still has access.
//!
//! The question is a `GET` with a JWT as bearer token, signed by a key of the project's key set, so that the host app knows
//! who asks about whom. No answer is no access: the refresh is put off, and nothing is used up.

use crate::{app::App, failure::Failure, keys::KeyRing, store::Tx};
use anyhow::Context as _;
use hospes_protocol::{
    Seconds, Timestamp,
    client::SigningAlg,
    family::Family,
    trusted_profile::{self, Refreshing},
    user::User,
};
use serde::Serialize;

/// The header's `typ` of the question: it is no token for anything else.
const TYP: &str = "host-check+jwt";
const MAX_ANSWER: usize = 4096;

/// What the host app was asked before this transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    NotAsked,
    Allows,
}

/// What the host app is to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    url: String,
    about: About,
}

/// RFC 7519 §4.1; `external_id` is the host app's own id of the user.
#[derive(Debug, Clone, Serialize)]
struct About {
    iss: String,
    aud: String,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    client_id: String,
    iat: Timestamp,
    exp: Timestamp,
    jti: String,
}

/// Whether the login behind `family` still holds; `Some` when the host app is to be asked first.
pub(crate) fn may_refresh(
    tx: &mut Tx<'_>,
    app: &App,
    family: &Family,
    user: &User,
    host: Host,
    now: Timestamp,
) -> Result<Option<Question>, Failure> {
    let Some(profile_id) = &family.context.trusted_profile else { return Ok(None) };
    let project = &app.project;
    let profile = tx.find_trusted_profile(project, profile_id)?;
    let attested_at = tx.find_attest(project, &user.id, profile_id)?;
    let settings = profile.as_ref().map(|profile| &profile.settings);
    Ok(match trusted_profile::may_refresh(settings, attested_at, host == Host::Allows, now)? {
        Refreshing::Allowed => None,
        Refreshing::AskHost(url) => Some(Question {
            url: url.to_owned(),
            about: About {
                iss: app.issuer.clone(),
                aud: url.to_owned(),
                sub: user.id.to_string(),
                external_id: user.external_id.clone(),
                client_id: family.client_id.to_string(),
                iat: now,
                exp: now.plus(Seconds(60)),
                jti: app.entropy.uuid().to_string(),
            },
        }),
    })
}

impl Question {
    /// Asks. Without an answer the caller may try again later.
    pub(crate) async fn ask(self, app: &App, ring: &KeyRing, now: Timestamp) -> Result<Host, Failure> {
        let key = ring.signing(SigningAlg::ES256, now).context("no active ES256 key; `hospes key rotate` makes one")?;
        let bearer = key.sign(TYP, &self.about).context("a question to the host app could not be signed")?;
        let answer = app.fetch.json_as(&bearer, &self.url, MAX_ANSWER).await.map_err(|_| Failure::Busy)?;
        trusted_profile::host_allows(&answer.json)?;
        Ok(Host::Allows)
    }
}
