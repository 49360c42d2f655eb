//! `GET` and `POST /password/forgot`: whoever forgot their password asks for a mail with a link to set another.
//!
//! Specs: NIST SP 800-63B-4 §4.2.2.2.
//!
//! A user, an address that nobody has, a disabled user and one who was sent enough mails get the same answer after the
//! same work; the mail itself is sent afterwards. Only who has a password may set another one: users who come in by the
//! host app's own login get no second way in.

use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::NO_STORE,
        browser::FormKind,
        extract::{Form, Query},
        interaction::waiting::{self, Waiting},
        visit::Visit,
    },
    pages::{ForgotPasswordError, ForgotPasswordView, FormView, ResetSentView, field},
    password_reset::NewToken,
    project,
    store::Tx,
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use hospes_protocol::{
    ErrorCode, Refusal, Seconds, Timestamp,
    id::{ProjectId, UserId},
    parameters::Parameters,
    password_reset::{Destination, LIFETIME, MOST_AT_ONCE, MailLocale, PasswordReset},
    pkce::CodeChallenge,
    refuse,
    session::Attributes,
    user::{Email, Name, User},
};

pub(crate) const FORGOT_PASSWORD: &str = "/password/forgot";
pub(crate) const SENT: &str = "/password/sent";

pub(crate) const NO_MAIL: Refusal =
    refuse(ErrorCode::NotFound, "this server sends no mail; its operator can change that with mail.host");

pub(crate) async fn get(State(app): State<App>, mut visit: Visit, query: Query) -> Result<Response, Failure> {
    may_send(&app)?;
    let waiting = waiting_of(&app, &mut visit, &query.0).await?;
    let hint = waiting.as_ref().and_then(|waiting| waiting.interaction.request.login_hint.clone());
    let email = hint.filter(|hint| hint.contains('@')).unwrap_or_default();
    Ok(draw(&app, &mut visit, waiting.as_ref(), &email, None))
}

pub(crate) async fn post(State(app): State<App>, mut visit: Visit, form: Form) -> Result<Response, Failure> {
    let Form(parameters) = form;
    may_send(&app)?;
    let email = parameters.get(field::EMAIL).map(str::trim).filter(|email| !email.is_empty());
    // Before the database is asked anything: a flood of questions costs no reads.
    if let Some(email) = email {
        app.limits.forgot(visit.address, email)?;
    }
    let waiting = waiting_of(&app, &mut visit, &parameters).await?;
    visit.check_form(&app, FormKind::ForgotPassword, &subject(waiting.as_ref()), parameters.get(field::CSRF))?;
    let Some(email) = email else {
        return Ok(draw(&app, &mut visit, waiting.as_ref(), "", Some(ForgotPasswordError::Incomplete)));
    };
    let question = Question {
        name: Name::email(email),
        token: NewToken::draw(&app),
        nobody: project::new_user_id(&app.project, &app.entropy),
        unique: app.entropy.bytes(),
        destination: Destination::OwnPage(waiting.as_ref().map(|waiting| waiting.id().clone())),
        code_challenge: None,
        lifetime: LIFETIME,
        attributes: Attributes { ip_address: visit.address.to_string(), user_agent: visit.user_agent.clone() },
        locale: MailLocale::of_tag(app.pages.language(&visit.page)),
        now: visit.now,
    };
    let project = app.project.clone();
    app.store.write(move |tx| question.store(tx, &project)).await?;
    app.post.wake();
    let query = waiting.map(|waiting| waiting::query(waiting.id())).unwrap_or_default();
    Ok((NO_STORE, Redirect::to(&format!("{}{SENT}{query}", app.base_path))).into_response())
}

/// `GET /password/sent`: what there is to say, whether a mail was sent or not.
pub(crate) async fn sent(State(app): State<App>, mut visit: Visit, query: Query) -> Result<Response, Failure> {
    let waiting = waiting_of(&app, &mut visit, &query.0).await?;
    let view = ResetSentView { lifetime: LIFETIME, login_path: login_path(&app, waiting.as_ref()) };
    Ok(app.pages.reset_sent(&view, &visit.page))
}

/// The form for another link, for whoever came with one that is not good any more.
pub(super) fn after_spent_link(app: &App, visit: &mut Visit) -> Result<Response, Failure> {
    may_send(app)?;
    Ok(draw(app, visit, None, "", Some(ForgotPasswordError::LinkSpent)))
}

pub(crate) fn may_send(app: &App) -> Result<(), Refusal> {
    if app.post.reaches_people() { Ok(()) } else { Err(NO_MAIL) }
}

async fn waiting_of(app: &App, visit: &mut Visit, parameters: &Parameters) -> Result<Option<Waiting>, Failure> {
    if parameters.has(field::INTERACTION) { Ok(Some(waiting::find(app, visit, parameters).await?)) } else { Ok(None) }
}

fn subject(waiting: Option<&Waiting>) -> String {
    waiting.map(|waiting| waiting.id().as_str().to_owned()).unwrap_or_default()
}

fn login_path(app: &App, waiting: Option<&Waiting>) -> String {
    let query = waiting.map(|waiting| waiting::query(waiting.id())).unwrap_or_default();
    format!("{}{}{query}", app.base_path, waiting::Page::Login.path())
}

fn draw(
    app: &App,
    visit: &mut Visit,
    waiting: Option<&Waiting>,
    email: &str,
    error: Option<ForgotPasswordError>,
) -> Response {
    let (_, set_cookie) = visit.browser.bind(app);
    let query = waiting.map(|waiting| waiting::query(waiting.id())).unwrap_or_default();
    let view = ForgotPasswordView {
        form: FormView {
            action: format!("{}{FORGOT_PASSWORD}{query}", app.base_path),
            interaction: waiting.map(|waiting| waiting.id().as_str().to_owned()),
            csrf: visit.browser.csrf(app, FormKind::ForgotPassword, &subject(waiting)),
        },
        email: email.to_owned(),
        error,
        login_path: login_path(app, waiting),
    };
    let mut response = app.pages.forgot_password(&view, &visit.page);
    if let Some(cookie) = set_cookie {
        cookie.set_on(&mut response);
    }
    response
}

/// A question for a mail, ready for the transaction.
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) token: NewToken,
    /// Stands in for the user where there is none.
    pub(crate) nobody: UserId,
    /// What is written where no mail is to be sent.
    pub(crate) unique: [u8; 32],
    pub(crate) destination: Destination,
    pub(crate) code_challenge: Option<CodeChallenge>,
    pub(crate) lifetime: Seconds,
    pub(crate) attributes: Attributes,
    pub(crate) locale: MailLocale,
    pub(crate) now: Timestamp,
}

impl Question {
    /// Writes the mail; one to our page takes the place of an earlier one. Where there is nobody to write to, the same statements
    /// run for a user who does not exist, and a row that nobody asks for is written, so that the answer takes as long.
    pub(crate) fn store(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<(), Failure> {
        let addressee = self.addressee(tx, project)?;
        let id = addressee.as_ref().map_or(&self.nobody, |(user, _)| &user.id);
        if matches!(self.destination, Destination::OwnPage(_)) {
            tx.void_password_resets_on_own_page(project, id, self.now)?;
        }
        let Some((user, email)) = addressee else {
            tx.add_replay(project, "forgot_password", &self.unique, self.now)?;
            return Ok(());
        };
        let reset = PasswordReset {
            id: self.token.id.clone(),
            user_id: user.id,
            email_id: email.id,
            destination: self.destination.clone(),
            code_challenge: self.code_challenge.clone(),
            attributes: self.attributes.clone(),
            locale: self.locale,
            created_at: self.now,
            expires_at: self.now.plus(self.lifetime),
        };
        self.token.add(tx, project, &reset)
    }

    /// The user with their address, locked until the transaction ends, so that their mails are counted one after the
    /// other.
    fn addressee(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<Option<(User, Email)>, Failure> {
        let found = tx.find_user_by_name(project, &self.name)?;
        let id = found.as_ref().map_or(&self.nobody, |user| &user.id);
        let user = tx.take_user(project, id)?.filter(|user| user.disabled_at.is_none());
        let password = tx.find_password(project, id)?;
        let mails = tx.count_password_resets(project, id, self.now)?;
        let (Some(user), Some(password)) = (user, password) else { return Ok(None) };
        let email = user.profile.email_named(&self.name).filter(|_| mails < MOST_AT_ONCE).cloned();
        let Some(email) = email else { return Ok(None) };
        // Whose password must be reset may have made the account for somebody else, with an address of their own beside.
        let is_owner = email.verified || password.must_reset_at.is_none();
        Ok(is_owner.then_some((user, email)))
    }
}
