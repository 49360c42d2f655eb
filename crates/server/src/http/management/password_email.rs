//! `/v1/passwords/email/reset`: a mail with a link, and the new password of whoever followed it.

use super::{
    body::Body,
    caller::Management,
    error::refuse_api,
    passwords::{AttributesObject, hash_chosen},
    reply::{Envelope, ErrorEnvelope, Reply},
    session_block::{Prepared, SessionBlock, SessionFields},
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Now,
    password_reset::{NewToken, Redemption},
    project_settings::{RedirectUrl, RedirectUrlKind},
    secret::sha256,
};
use axum::extract::State;
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::Actor,
    password_reset::{self, Destination, MOST_AT_ONCE, MailLocale, PasswordReset, Presented, TOO_MANY, UNABLE},
    pkce::CodeChallenge,
    user::Name,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zeroize::Zeroizing;

pub(crate) const EMAIL_NOT_FOUND: Refusal =
    refuse_api(404, "email_not_found", "no user who may come in has this address");
pub(crate) const NO_URL: Refusal = refuse_api(
    400,
    "no_reset_password_redirect_urls_set",
    "send reset_password_redirect_url, or give the setting redirect_urls a default of type RESET_PASSWORD",
);
pub(crate) const UNKNOWN_URL: Refusal = refuse_api(
    400,
    "no_match_for_provided_reset_password_url",
    "reset_password_redirect_url: it must stand in the setting redirect_urls with the type RESET_PASSWORD",
);
pub(crate) const BAD_CHALLENGE: Refusal = refuse_api(
    400,
    "invalid_pkce_code_challenge",
    "code_challenge: the base64url form of a SHA-256 hash, 43 characters without padding",
);
pub(crate) const BAD_LOCALE: Refusal =
    refuse_api(400, "invalid_argument", "locale: en or de; es, pt-br and fr are answered in English");

#[derive(Deserialize, ToSchema)]
#[schema(as = StartResetByEmail)]
pub(crate) struct Start {
    email: String,
    /// Where the link leads; of the setting `redirect_urls`. The default of type `RESET_PASSWORD` if absent.
    reset_password_redirect_url: Option<String>,
    /// 5 to 10080; 30 if absent.
    reset_password_expiration_minutes: Option<i64>,
    /// S256: then the token is good only with its verifier.
    code_challenge: Option<String>,
    attributes: Option<AttributesObject>,
    /// `en` or `de`.
    locale: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ResetByEmailStarted)]
pub(crate) struct Started {
    user_id: String,
    email_id: String,
}

/// Sends a mail with a link by which the user sets a new password. The mail is sent after the answer.
#[utoipa::path(post, path = "/v1/passwords/email/reset/start", tag = "Passwords", operation_id = "start_reset_by_email",
    request_body = Start,
    responses((status = 200, body = Envelope<Started>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<Start>,
) -> Result<Reply<Started>, Failure> {
    let settings = &caller.current.project.settings;
    let redirect_url = redirect_url(&settings.redirect_urls, asked.reset_password_redirect_url.as_deref())?;
    let lifetime = password_reset::lifetime(asked.reset_password_expiration_minutes)?;
    let locale = locale(asked.locale.as_deref())?;
    let code_challenge = asked.code_challenge.as_deref().map(CodeChallenge::parse).transpose();
    let code_challenge = code_challenge.map_err(|_| BAD_CHALLENGE)?;
    let attributes = AttributesObject::parse(asked.attributes)?;
    let token = NewToken::draw(&app);
    let (project, name, post) = (caller.current.project.id.clone(), Name::email(&asked.email), app.post.clone());
    let write = app.store.write(move |tx| {
        let found = tx.find_user_by_name(&project, &name)?.ok_or(EMAIL_NOT_FOUND)?;
        // Locked, so that the mails of one user are counted one after the other.
        let user = tx.take_user(&project, &found.id)?.filter(|user| user.disabled_at.is_none());
        let user = user.ok_or(EMAIL_NOT_FOUND)?;
        let email = user.profile.email_named(&name).ok_or(EMAIL_NOT_FOUND)?;
        if tx.count_password_resets(&project, &user.id, *now)? >= MOST_AT_ONCE {
            return Err(TOO_MANY.into());
        }
        let reset = PasswordReset {
            id: token.id.clone(),
            user_id: user.id.clone(),
            email_id: email.id.clone(),
            destination: Destination::HostApp(redirect_url.clone()),
            code_challenge: code_challenge.clone(),
            attributes: attributes.clone(),
            locale,
            created_at: *now,
            expires_at: now.plus(lifetime),
        };
        token.add(tx, &project, &reset)?;
        Ok(Started { user_id: user.id.to_string(), email_id: email.id.to_string() })
    });
    let started = write.await?;
    post.wake();
    Ok(Reply(started))
}

pub(crate) fn redirect_url(known: &[RedirectUrl], asked: Option<&str>) -> Result<String, Refusal> {
    let mut fitting = known.iter().filter(|own| {
        let mut kinds = own.types.iter().filter(|own| own.kind == RedirectUrlKind::ResetPassword);
        kinds.any(|kind| asked.map_or(kind.is_default, |asked| asked == own.url))
    });
    let missing = if asked.is_some() { UNKNOWN_URL } else { NO_URL };
    fitting.next().map(|own| own.url.clone()).ok_or(missing)
}

pub(crate) fn locale(asked: Option<&str>) -> Result<MailLocale, Refusal> {
    match asked {
        Some("de") => Ok(MailLocale::De),
        None | Some("en" | "es" | "pt-br" | "fr") => Ok(MailLocale::En),
        Some(_) => Err(BAD_LOCALE),
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct ResetByEmail {
    /// Of the link in the mail.
    token: String,
    password: String,
    /// If the start had a `code_challenge`.
    code_verifier: Option<String>,
    attributes: Option<AttributesObject>,
    options: Option<Options>,
    /// 5 to 527040. Without it no session is begun; a session that is sent ends like all others.
    session_duration_minutes: Option<i64>,
    #[schema(value_type = Option<Object>)]
    session_custom_claims: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Options {
    ip_match_required: bool,
    user_agent_match_required: bool,
}

/// Sets the password of whoever got the mail; their address counts as verified, and all their sessions and tokens end.
#[utoipa::path(post, path = "/v1/passwords/email/reset", tag = "Passwords", operation_id = "reset_by_email",
    request_body = ResetByEmail,
    responses((status = 200, body = Envelope<SessionBlock>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn reset(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<ResetByEmail>,
) -> Result<Reply<SessionBlock>, Failure> {
    let attributes = AttributesObject::parse(asked.attributes)?;
    let options = asked.options.unwrap_or_default();
    let presented = Presented {
        code_verifier: asked.code_verifier,
        attributes: attributes.clone(),
        ip_must_match: options.ip_match_required,
        user_agent_must_match: options.user_agent_match_required,
    };
    let fields = SessionFields::unnamed(asked.session_duration_minutes, asked.session_custom_claims);
    let prepared = fields.prepare(&app, &caller.current, attributes, *now).await?;
    let password = Zeroizing::new(asked.password);
    Ok(Reply(redeem(&app, &asked.token, password, presented, prepared, Actor::Host, *now).await?))
}

/// Sets the password of whoever got the mail with `token`, which `actor` hands in, and begins what was prepared.
pub(crate) async fn redeem(
    app: &App,
    token: &str,
    password: Zeroizing<String>,
    presented: Presented,
    prepared: Prepared,
    actor: Actor,
    now: Timestamp,
) -> Result<SessionBlock, Failure> {
    let current = &prepared.signer.current.project;
    let hash = sha256(token.as_bytes());
    let project = current.id.clone();
    let found = app.store.read(move |tx| {
        let reset = tx.find_password_reset(&project, &hash)?;
        // The tokens of our own page are no business of the host app's.
        let reset = reset.filter(|reset| matches!(reset.destination, Destination::HostApp(_))).ok_or(UNABLE)?;
        let user = tx.find_user(&project, &reset.user_id)?.ok_or(UNABLE)?;
        Ok((reset, user))
    });
    let (found, user) = found.await?;
    // Before the costly part, which is for whoever has a token only.
    password_reset::validate(&found, &presented, now)?;
    let new_hash = hash_chosen(app, password, &user, &current.settings.password_policy).await?;
    let redemption = Redemption {
        reset: found,
        token_hash: hash,
        password_hash: new_hash,
        going_on: None,
        occasion: app.occasion(actor, now),
    };
    let project = current.id.clone();
    let stored = app.store.write(move |tx| {
        let (user, method) = redemption.store(tx, &project, now)?;
        prepared.store(tx, &user, method)
    });
    stored.await?.sign()
}
