//! `GET` and `POST /password/reset`: whoever has the link of our mail sets a new password.
//!
//! Specs: NIST SP 800-63B-4 §3.1.1.2, RFC 9700 §4.2.4 (a token in an address).
//!
//! Looking uses nothing up: mail servers follow links too. Whoever began in this browser goes straight on with the
//! authorization request that waits; in any other browser nobody is signed in, so a link that somebody else sent makes
//! nobody into somebody else.

use super::forgot_password;
use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::NO_STORE,
        browser::{FormKind, SetCookie},
        extract::{Form, Query},
        interaction::{
            login::{self, NewSession},
            waiting::{self, Waiting},
        },
        visit::Visit,
    },
    pages::{FormView, PasswordRule, PasswordSetView, ResetPasswordError, ResetPasswordView, field},
    password_choice::{self, Chosen},
    password_reset::Redemption,
    secret::sha256,
    session_token,
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::Actor,
    password_policy::{self, BREACHED, PasswordPolicy, PolicyKind, Strength},
    password_reset::{self, Destination, OWN_PAGE, PasswordReset, Presented, UNABLE},
    user::User,
};
use zeroize::Zeroizing;

pub(crate) const SET: &str = "/password/set";

pub(crate) async fn get(State(app): State<App>, mut visit: Visit, query: Query) -> Result<Response, Failure> {
    let token = query.0.get(field::TOKEN).unwrap_or_default();
    match find(&app, token, visit.now).await? {
        Some(found) => Ok(draw(&app, &mut visit, &found, token, None)),
        None => forgot_password::after_spent_link(&app, &mut visit),
    }
}

pub(crate) async fn post(State(app): State<App>, mut visit: Visit, form: Form) -> Result<Response, Failure> {
    let Form(parameters) = form;
    let token = parameters.get(field::TOKEN).unwrap_or_default();
    visit.check_form(&app, FormKind::ResetPassword, token, parameters.get(field::CSRF))?;
    let Some(found) = find(&app, token, visit.now).await? else {
        return forgot_password::after_spent_link(&app, &mut visit);
    };
    let password = Zeroizing::new(parameters.get(field::PASSWORD).unwrap_or_default().to_owned());
    if password.is_empty() {
        return Ok(draw(&app, &mut visit, &found, token, Some(ResetPasswordError::Incomplete)));
    }
    let password_hash = match password_choice::choose(&app, password.clone(), &found.user, &found.policy).await {
        Ok(Chosen::Good(hash)) => hash,
        Ok(Chosen::Refused(refusal, strength)) => {
            let error = error_of(&password, &refusal, &strength, &found.policy);
            return Ok(draw(&app, &mut visit, &found, token, Some(error)));
        }
        // A form has no NUL, so what cannot be hashed is too long.
        Err(Failure::Refused(_)) => {
            return Ok(draw(&app, &mut visit, &found, token, Some(ResetPasswordError::TooLong)));
        }
        Err(Failure::Busy) => return Ok(draw(&app, &mut visit, &found, token, Some(ResetPasswordError::Busy))),
        Err(failure) => return Err(failure),
    };
    let waiting = waiting_here(&app, &mut visit, &found.reset).await?;
    let new_session = waiting.as_ref().map(|waiting| NewSession {
        beginning: login::beginning(&app, &visit),
        replaced: visit.browser.session_hash(),
        interaction: Some(waiting.id().clone()),
    });
    let session_token = new_session.as_ref().map(|new| {
        let beginning = &new.beginning;
        session_token::of(&app.keys, &beginning.id, &beginning.token_salt)
    });
    let reset = found.reset.clone();
    let redemption = Redemption {
        reset: found.reset,
        token_hash: sha256(token.as_bytes()),
        password_hash,
        going_on: waiting.as_ref().map(|waiting| waiting.id().clone()),
        occasion: app.occasion(Actor::User, visit.now),
    };
    let (own, now) = (app.clone(), visit.now);
    let stored = app.store.write(move |tx| {
        let (user, method) = redemption.store(tx, &own.project, now)?;
        new_session.as_ref().map(|new| new.store(tx, &own, &user, method, now)).transpose()
    });
    let lifetime = match stored.await {
        Ok(lifetime) => lifetime,
        Err(Failure::Refused(refusal)) if refusal == UNABLE => {
            return forgot_password::after_spent_link(&app, &mut visit);
        }
        Err(failure) => return Err(failure),
    };
    let (Some(session_token), Some(lifetime)) = (session_token, lifetime) else { return Ok(go_to_set(&app)) };
    visit.browser.sign_in(&session_token);
    let mut response = match waiting_here(&app, &mut visit, &reset).await? {
        Some(waiting) => waiting.advance(&app, &visit).await?,
        // Decided in another window meanwhile.
        None => go_to_set(&app),
    };
    SetCookie::session(&app, &session_token, lifetime).set_on(&mut response);
    Ok(response)
}

/// `GET /password/set`: for those who do not go straight on.
pub(crate) async fn set(State(app): State<App>, visit: Visit) -> Response {
    let view = PasswordSetView { login_path: format!("{}{}", app.base_path, waiting::Page::Login.path()) };
    app.pages.password_set(&view, &visit.page)
}

fn go_to_set(app: &App) -> Response {
    (NO_STORE, Redirect::to(&format!("{}{SET}", app.base_path))).into_response()
}

/// A token that is good, with all that the page needs to know.
struct Found {
    reset: PasswordReset,
    user: User,
    policy: PasswordPolicy,
}

/// What `token` is for; `None` when it is not good here, or not any more.
async fn find(app: &App, token: &str, now: Timestamp) -> Result<Option<Found>, Failure> {
    let (own, hash) = (app.clone(), sha256(token.as_bytes()));
    let read = app.store.read(move |tx| {
        let reset = tx.find_password_reset(&own.project, &hash)?;
        let is_good = |reset: &PasswordReset| {
            matches!(reset.destination, Destination::OwnPage(_))
                && password_reset::validate(reset, &Presented::default(), now).is_ok()
        };
        let Some(reset) = reset.filter(is_good) else { return Ok(None) };
        let user = tx.find_user(&own.project, &reset.user_id)?.filter(|user| user.disabled_at.is_none());
        let Some(user) = user else { return Ok(None) };
        // The host app may have taken the password away, so that the user comes in by its own login only.
        if tx.find_password(&own.project, &user.id)?.is_none() {
            return Ok(None);
        }
        let policy = own.records.project(tx, &own.project)?.project.settings.password_policy.clone();
        Ok(Some(Found { reset, user, policy }))
    });
    Ok(read.await?.filter(|found| found.address().is_some()))
}

impl Found {
    /// The address that the mail went to, while it is the user's.
    fn address(&self) -> Option<&str> {
        let email = self.user.profile.emails.iter().find(|email| email.id == self.reset.email_id);
        email.map(|email| email.address.as_str())
    }
}

/// The request that waits for whoever asked for the mail, if this is the browser in which they did and it still waits.
async fn waiting_here(app: &App, visit: &mut Visit, reset: &PasswordReset) -> Result<Option<Waiting>, Failure> {
    let Destination::OwnPage(Some(id)) = &reset.destination else { return Ok(None) };
    match waiting::find_by_id(app, visit, id.clone()).await {
        Ok(waiting) => Ok(Some(waiting)),
        Err(Failure::Refused(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// In the words of the page, why a password may not be chosen.
fn error_of(password: &str, refusal: &Refusal, strength: &Strength, policy: &PasswordPolicy) -> ResetPasswordError {
    if *refusal == BREACHED {
        return ResetPasswordError::Breached;
    }
    match policy.kind {
        PolicyKind::Luds => ResetPasswordError::Kinds,
        PolicyKind::Zxcvbn if password_policy::validate_length(password).is_err() => ResetPasswordError::TooShort,
        PolicyKind::Zxcvbn => ResetPasswordError::Guessable(strength.score),
    }
}

fn draw(app: &App, visit: &mut Visit, found: &Found, token: &str, error: Option<ResetPasswordError>) -> Response {
    let (_, set_cookie) = visit.browser.bind(app);
    let view = ResetPasswordView {
        form: FormView {
            action: format!("{}{OWN_PAGE}", app.base_path),
            interaction: None,
            csrf: visit.browser.csrf(app, FormKind::ResetPassword, token),
        },
        token: token.to_owned(),
        email: found.address().unwrap_or_default().to_owned(),
        rule: PasswordRule::of(&found.policy),
        error,
    };
    let mut response = app.pages.reset_password(&view, &visit.page);
    if let Some(cookie) = set_cookie {
        cookie.set_on(&mut response);
    }
    response
}
