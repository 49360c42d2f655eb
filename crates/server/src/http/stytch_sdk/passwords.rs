//! `/sdk/v1/passwords`: sign up, log in, and a new password for whoever forgot theirs.
//!
//! Strangers call this, so it is bounded like our own pages and says no more than they do: a wrong guess is counted for the
//! account, and a mail is said to be sent whether anybody has the address or not.

use super::{
    caller::SdkCall,
    cookies::{self, SessionCookies},
};
use crate::{
    app::App,
    failure::Failure,
    http::{
        account::forgot_password::{Question, may_send},
        browser_login::{self, Attempt},
        extract::Now,
        management::{
            body::Body,
            error::refuse_api,
            password_email::{self, BAD_CHALLENGE},
            passwords::{self, CreatePassword, Created, StrengthCheck, StrengthReply},
            reply::{Nothing, Reply},
            session_block::{SessionBlock, SessionFields},
            users::NameChange,
        },
    },
    password_reset::NewToken,
    project,
};
use axum::extract::State;
use hospes_protocol::{
    Refusal,
    audit_event::Actor,
    password_reset::{self, Destination, Presented},
    pkce::CodeChallenge,
    user::Name,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

pub(crate) const SIGN_UP_IS_OFF: Refusal = refuse_api(
    403,
    "sign_up_disabled",
    "nobody may become a user on a page of this project; turn it on with the setting sdk.sign_up",
);

#[derive(Deserialize)]
pub(super) struct Create {
    email: String,
    password: String,
    session_duration_minutes: Option<i64>,
    name: Option<NameChange>,
    untrusted_metadata: Option<Map<String, Value>>,
}

/// Makes a user of somebody who chose a password; the address counts as unverified.
pub(super) async fn create(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<Create>,
) -> Result<(SessionCookies, Reply<Created>), Failure> {
    if !call.current.project.settings.sdk.sign_up {
        return Err(SIGN_UP_IS_OFF.into());
    }
    app.limits.login(call.address, &asked.email)?;
    let user = CreatePassword {
        email: asked.email,
        password: asked.password,
        session_duration_minutes: Some(call.minutes(asked.session_duration_minutes)?),
        session_custom_claims: None,
        name: asked.name,
        trusted_metadata: None,
        untrusted_metadata: asked.untrusted_metadata,
        attributes: None,
    };
    let mut created =
        passwords::create_user(&app, &call.current, user, call.attributes.clone(), Actor::User, *now).await?;
    Ok((cookies::keep(&call, &mut created.block, *now), Reply(created)))
}

#[derive(Deserialize)]
pub(super) struct Authenticate {
    email: String,
    password: String,
    session_duration_minutes: Option<i64>,
}

/// Logs a user in by address and password.
pub(super) async fn authenticate(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<Authenticate>,
) -> Result<(SessionCookies, Reply<SessionBlock>), Failure> {
    let attempt = Attempt {
        address: call.address,
        attributes: call.attributes.clone(),
        email: asked.email,
        password: Zeroizing::new(asked.password),
        minutes: call.minutes(asked.session_duration_minutes)?,
    };
    let (mut block, _) = browser_login::log_in(&app, &call.current, attempt, *now).await?;
    Ok((cookies::keep(&call, &mut block, *now), Reply(block)))
}

/// Says whether a password would be accepted, and what would make it better.
pub(super) async fn strength_check(
    State(app): State<App>,
    call: SdkCall,
    Body(asked): Body<StrengthCheck>,
) -> Result<Reply<StrengthReply>, Failure> {
    app.limits.authorize(call.address)?;
    Ok(Reply(passwords::judged(&app, &call.current, asked).await?))
}

#[derive(Deserialize)]
pub(super) struct StartReset {
    email: String,
    reset_password_redirect_url: Option<String>,
    reset_password_expiration_minutes: Option<i64>,
    code_challenge: Option<String>,
    locale: Option<String>,
}

/// Sends a mail with a link by which the user sets a new password, if there is such a user.
pub(super) async fn start_reset(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<StartReset>,
) -> Result<Reply<Nothing>, Failure> {
    may_send(&app)?;
    app.limits.forgot(call.address, &asked.email)?;
    let known = &call.current.project.settings.redirect_urls;
    let url = password_email::redirect_url(known, asked.reset_password_redirect_url.as_deref())?;
    let challenge = asked.code_challenge.as_deref().map(CodeChallenge::parse).transpose();
    let question = Question {
        name: Name::email(&asked.email),
        token: NewToken::draw(&app),
        nobody: project::new_user_id(&app.project, &app.entropy),
        unique: app.entropy.bytes(),
        destination: Destination::HostApp(url),
        code_challenge: challenge.map_err(|_| BAD_CHALLENGE)?,
        // No longer than on our own page: strangers ask, and while their links live the user gets no further mails.
        lifetime: password_reset::lifetime(asked.reset_password_expiration_minutes)?.min(password_reset::LIFETIME),
        attributes: call.attributes.clone(),
        locale: password_email::locale(asked.locale.as_deref())?,
        now: *now,
    };
    let project = app.project.clone();
    app.store.write(move |tx| question.store(tx, &project)).await?;
    app.post.wake();
    Ok(Reply(Nothing {}))
}

#[derive(Deserialize)]
pub(super) struct Reset {
    token: String,
    password: String,
    code_verifier: Option<String>,
    session_duration_minutes: Option<i64>,
}

/// Sets the password of whoever got the mail, and logs them in.
pub(super) async fn reset(
    State(app): State<App>,
    call: SdkCall,
    now: Now,
    Body(asked): Body<Reset>,
) -> Result<(SessionCookies, Reply<SessionBlock>), Failure> {
    app.limits.authorize(call.address)?;
    let fields = SessionFields::unnamed(Some(call.minutes(asked.session_duration_minutes)?), None);
    let prepared = fields.prepare(&app, &call.current, call.attributes.clone(), *now).await?;
    let presented = Presented {
        code_verifier: asked.code_verifier,
        attributes: call.attributes.clone(),
        ip_must_match: false,
        user_agent_must_match: false,
    };
    let password = Zeroizing::new(asked.password);
    let redeemed = password_email::redeem(&app, &asked.token, password, presented, prepared, Actor::User, *now);
    let mut block = redeemed.await?;
    Ok((cookies::keep(&call, &mut block, *now), Reply(block)))
}
