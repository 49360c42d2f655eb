//! `GET` and `POST /login`: the user proves who they are with a password.
//!
//! Specs: OIDC Core §3.1.2.3, RFC 9700 §4.7.
//! An unknown user, a wrong password, a disabled user and a locked account get the same answer after the same work.

use super::waiting::{self, Waiting};
use crate::{
    app::App,
    failure::Failure,
    http::{
        account::forgot_password::FORGOT_PASSWORD,
        answer::NO_STORE,
        browser::{FormKind, SetCookie},
        extract::{Form, Query},
        visit::Visit,
    },
    pages::{ClientView, FormView, LoginError, LoginReason, LoginView, decision, field},
    password_login::{self, Outcome, Reason, Verified},
    session_token,
    store::Tx,
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use hospes_protocol::{
    Seconds, Timestamp,
    consent::DENIED,
    id::InteractionId,
    interaction::Progress,
    login_name,
    parameters::Parameters,
    session::{Attributes, FactorMethod},
    session_block::{self, Beginning},
    user::User,
};
use std::net::IpAddr;
use tracing::info;
use zeroize::Zeroizing;

/// Where a login without an interaction leads.
const APPS: &str = "/account/apps";

pub(crate) async fn get(State(app): State<App>, mut visit: Visit, query: Query) -> Result<Response, Failure> {
    let Query(parameters) = query;
    if !parameters.has(field::INTERACTION) {
        let (_, set_cookie) = visit.browser.bind(&app);
        let mut response = draw(&app, &visit, None, "", None);
        if let Some(cookie) = set_cookie {
            cookie.set_on(&mut response);
        }
        return Ok(response);
    }
    let waiting = waiting::find(&app, &mut visit, &parameters).await?;
    let hint = waiting.interaction.request.login_hint.clone().unwrap_or_default();
    Ok(draw(&app, &visit, Some(&waiting), &hint, None))
}

pub(crate) async fn post(State(app): State<App>, mut visit: Visit, form: Form) -> Result<Response, Failure> {
    let Form(parameters) = form;
    // Before the database is asked anything: a flood of guesses costs no reads.
    let wait = match credentials(&parameters) {
        Ok((login, _)) if parameters.get(field::DECISION) != Some(decision::CANCEL) => {
            app.limits.login(visit.address, &login).err()
        }
        _ => None,
    };
    let waiting = match (parameters.has(field::INTERACTION), wait) {
        (true, Some(wait)) => return Err(wait.into()),
        (true, None) => Some(waiting::find(&app, &mut visit, &parameters).await?),
        (false, _) => None,
    };
    let subject = subject(waiting.as_ref());
    visit.check_form(&app, FormKind::Login, &subject, parameters.get(field::CSRF))?;
    if parameters.get(field::DECISION) == Some(decision::CANCEL) {
        return match waiting {
            Some(waiting) => cancel(&app, &visit, waiting).await,
            None => Ok(Redirect::to(&format!("{}/", app.base_path)).into_response()),
        };
    }
    let (login, password) = match credentials(&parameters) {
        Ok(credentials) => credentials,
        Err(error) => return Ok(again(&app, &visit, waiting.as_ref(), &parameters, error)),
    };
    if wait.is_some() {
        return Ok(again(&app, &visit, waiting.as_ref(), &parameters, LoginError::TooManyAttempts));
    }
    let user = match verify(&app, &login, password, visit.address, visit.now).await {
        Ok(Ok(user)) => user,
        Ok(Err(error)) => return Ok(again(&app, &visit, waiting.as_ref(), &parameters, error)),
        Err(Failure::Busy) => return Ok(again(&app, &visit, waiting.as_ref(), &parameters, LoginError::Busy)),
        Err(failure) => return Err(failure),
    };
    let beginning = beginning(&app, &visit);
    let token = session_token::of(&app.keys, &beginning.id, &beginning.token_salt);
    let lifetime = sign_in(&app, &visit, user, beginning, waiting.as_ref()).await?;
    visit.browser.sign_in(&token);

    let mut response = match waiting {
        Some(_) => waiting::find(&app, &mut visit, &parameters).await?.advance(&app, &visit).await?,
        None => (NO_STORE, Redirect::to(&format!("{}{APPS}", app.base_path))).into_response(),
    };
    SetCookie::session(&app, &token, lifetime).set_on(&mut response);
    Ok(response)
}

/// What a session of this visitor begins with.
pub(crate) fn beginning(app: &App, visit: &Visit) -> Beginning {
    Beginning {
        id: app.id("session"),
        token_salt: app.entropy.bytes(),
        attributes: Attributes { ip_address: visit.address.to_string(), user_agent: visit.user_agent.clone() },
        trusted_profile: None,
    }
}

/// The user turns back: the client is told (RFC 6749 §4.1.2.1 `access_denied`).
pub(super) async fn cancel(app: &App, visit: &Visit, waiting: Waiting) -> Result<Response, Failure> {
    let (valid, _) = waiting.step(visit.now).map_err(|rejected| rejected.refusal)?;
    waiting.refuse(app, visit, valid.target, DENIED).await
}

fn subject(waiting: Option<&Waiting>) -> String {
    waiting.map(|waiting| waiting.id().as_str().to_owned()).unwrap_or_default()
}

fn credentials(parameters: &Parameters) -> Result<(String, Zeroizing<String>), LoginError> {
    let login = parameters.get(field::USERNAME).map(str::trim).filter(|login| !login.is_empty());
    let (Some(login), Some(password)) = (login, parameters.get(field::PASSWORD)) else {
        return Err(LoginError::Incomplete);
    };
    Ok((login_name::fold(login), Zeroizing::new(password.to_owned())))
}

/// The user with this login and password, or what the page tells whoever may not come in. That a new password must be
/// set is told to whoever knows the old one; everything else reads the same.
async fn verify(
    app: &App,
    login: &str,
    password: Zeroizing<String>,
    address: IpAddr,
    now: Timestamp,
) -> Result<Result<Verified, LoginError>, Failure> {
    match password_login::verify(app, login_name::name_of(login), password, now).await? {
        Outcome::Right(verified) => Ok(Ok(verified)),
        Outcome::Refused(None, _) => Ok(Err(LoginError::WrongCredentials)),
        Outcome::Refused(Some(user_id), reason) => {
            info!(%user_id, %address, ?reason, "a login failed");
            Ok(Err(match reason {
                Reason::MustReset => LoginError::MustReset,
                Reason::Unknown | Reason::WrongPassword | Reason::Locked | Reason::Disabled => {
                    LoginError::WrongCredentials
                }
            }))
        }
    }
}

/// Stores the session, and with it what it means for the interaction. The user is read again, and locked: they may have
/// been disabled, or the password changed or locked, while it was being verified. Returns how long the session lives.
async fn sign_in(
    app: &App,
    visit: &Visit,
    verified: Verified,
    beginning: Beginning,
    waiting: Option<&Waiting>,
) -> Result<Seconds, Failure> {
    let new = NewSession {
        beginning,
        replaced: visit.browser.session_hash(),
        interaction: waiting.map(|waiting| waiting.id().clone()),
    };
    let (app, now) = (app.clone(), visit.now);
    app.clone()
        .store
        .write(move |tx: &mut Tx<'_>| {
            let admitted = password_login::admit(tx, &app.project, &verified, now)?;
            let user = admitted.ok_or(waiting::CHANGED)?;
            new.store(tx, &app, &user, FactorMethod::password(user.profile.email()), now)
        })
        .await
}

/// A session that a browser is about to get.
pub(crate) struct NewSession {
    pub(crate) beginning: Beginning,
    /// Of the session that the browser has, by its token. It ends, so that its cookie is worth nothing to whoever may
    /// have a copy.
    pub(crate) replaced: Option<[u8; 32]>,
    /// The request that goes on with it.
    pub(crate) interaction: Option<InteractionId>,
}

impl NewSession {
    /// Begins the session of `user`, who has just proven who they are by `method`. The caller holds the user's row and
    /// knows that they may come in. Returns how long the session lives.
    pub(crate) fn store(
        &self,
        tx: &mut Tx<'_>,
        app: &App,
        user: &User,
        method: FactorMethod,
        now: Timestamp,
    ) -> Result<Seconds, Failure> {
        if let Some(hash) = &self.replaced
            && let Some(old) = tx.find_session_by_token(&app.project, hash)?
        {
            tx.revoke_session(&app.project, &old.id, now)?;
        }
        let lifetime = app.records.project(tx, &app.project)?.lifetimes.session;
        let session = session_block::begun(&self.beginning, &user.id, method, lifetime, now);
        let token_hash = session_token::of(&app.keys, &self.beginning.id, &self.beginning.token_salt).hash();
        tx.add_session(&app.project, &session, &token_hash)?;
        if let Some(id) = &self.interaction {
            let progress = Progress {
                session_id: Some(self.beginning.id.clone()),
                user_id: Some(user.id.clone()),
                authenticated_at: Some(now),
                ..Progress::default()
            };
            tx.save_progress(&app.project, id, &progress)?;
        }
        Ok(lifetime)
    }
}

/// The form once more, with what was typed and what was wrong with it; never the password.
fn again(app: &App, visit: &Visit, waiting: Option<&Waiting>, parameters: &Parameters, error: LoginError) -> Response {
    draw(app, visit, waiting, parameters.get(field::USERNAME).unwrap_or_default(), Some(error))
}

fn draw(app: &App, visit: &Visit, waiting: Option<&Waiting>, username: &str, error: Option<LoginError>) -> Response {
    let is_signed_in = waiting.is_some_and(|waiting| waiting.situation.who(visit.now).is_some());
    let interaction = waiting.map(|waiting| waiting.id().as_str().to_owned());
    // In the address too, so that it leads back to this login when the answer is the form once more.
    let query = waiting.map(|waiting| waiting::query(waiting.id())).unwrap_or_default();
    let view = LoginView {
        form: FormView {
            action: format!("{}/login{query}", app.base_path),
            interaction,
            csrf: visit.browser.csrf(app, FormKind::Login, &subject(waiting)),
        },
        client: waiting.map(|waiting| ClientView::of(waiting.client())),
        username: username.to_owned(),
        forgot_path: app.post.reaches_people().then(|| format!("{}{FORGOT_PASSWORD}{query}", app.base_path)),
        reason: if is_signed_in { LoginReason::ConfirmIdentity } else { LoginReason::SignIn },
        error,
    };
    app.pages.login(&view, &visit.page)
}
