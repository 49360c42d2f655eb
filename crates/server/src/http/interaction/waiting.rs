//! An interaction that waits for this browser: found, still open, and going on to its next step.
//!
//! Specs: OAuth 2.1 §4.1.1 and §4.1.2, RFC 9700 §4.7.
//! The request is validated again at every step, so what was disabled meanwhile ends the interaction.

use super::{
    code::{NewCode, add_code},
    deliver::deliver,
    situation::{self, Situation},
};
use crate::{
    app::App,
    failure::Failure,
    http::{answer::NO_STORE, browser::FormKind, visit::Visit},
    pages::field,
};
use axum::response::{IntoResponse, Redirect, Response};
use hospes_protocol::{
    ErrorCode::InvalidRequest,
    Refusal, Timestamp,
    audit_event::Actor,
    authorization_request::{AuthorizationRequest, Rejected, ResponseTarget, ValidRequest},
    authorize::Step,
    client::Client,
    consent::Approval,
    id::{InteractionId, UserId},
    interaction::{Interaction, Way},
    parameters::Parameters,
    refuse,
};

pub(crate) const UNKNOWN: Refusal =
    refuse(InvalidRequest, "this login is too old, or the link is not complete; go back to the app and begin again");
pub(crate) const OTHER_BROWSER: Refusal =
    refuse(InvalidRequest, "this login began in another browser; go back to the app and begin again here");
pub(crate) const DECIDED: Refusal =
    refuse(InvalidRequest, "this request was answered already; go back to the app and begin again if you need to");
/// For requests that change in the moment between two transactions; sending the form again goes on from there.
pub(crate) const CHANGED: Refusal =
    refuse(InvalidRequest, "something changed while you answered; go back to the app and begin again");

pub(crate) type StoredInteraction = Interaction<AuthorizationRequest>;

/// Which page a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Login,
    Account,
    Consent,
}

impl Page {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Login => "/login",
            Self::Account => "/account",
            Self::Consent => "/consent",
        }
    }

    /// The page of a step; `None` when nobody need be asked.
    pub(crate) const fn of(step: &Step) -> Option<Self> {
        match step {
            Step::Login => Some(Self::Login),
            Step::SelectAccount => Some(Self::Account),
            Step::Consent(_) => Some(Self::Consent),
            Step::Issue(_) | Step::Refuse(_) => None,
        }
    }

    pub(crate) fn go(self, app: &App, id: &InteractionId) -> Response {
        let location = format!("{}{}{}", app.base_path, self.path(), query(id));
        (NO_STORE, Redirect::to(&location)).into_response()
    }
}

/// The query with which a page of ours is opened for an interaction.
pub(crate) fn query(id: &InteractionId) -> String {
    format!("?{}={}", field::INTERACTION, id.as_str())
}

/// An open interaction of this browser with the situation of now.
pub(crate) struct Waiting {
    pub(crate) interaction: StoredInteraction,
    pub(crate) situation: Situation,
    pub(crate) hinted_user: Option<UserId>,
}

/// A form that came back, as far as its token says how it was drawn.
pub(crate) struct Drawn<'a> {
    /// Whoever was signed in then is so now, by the same login.
    pub(crate) for_who_is_here: bool,
    /// The token of what it asked.
    pub(crate) question: Option<&'a str>,
}

/// Finds the open interaction that `parameters` names.
pub(crate) async fn find(app: &App, visit: &mut Visit, parameters: &Parameters) -> Result<Waiting, Failure> {
    let id = InteractionId::new(parameters.get(field::INTERACTION).ok_or(UNKNOWN)?);
    find_by_id(app, visit, id).await
}

/// The open interaction `id`, if it is this browser's.
pub(crate) async fn find_by_id(app: &App, visit: &mut Visit, id: InteractionId) -> Result<Waiting, Failure> {
    let (session_hash, now) = (visit.browser.session_hash(), visit.now);
    let (interaction, situation) = {
        let app = app.clone();
        app.clone()
            .store
            .read(move |tx| {
                let interaction = open(tx.find_interaction(&app.project, &id)?, now)?;
                let situation = situation::load(
                    tx,
                    &app,
                    interaction.plane,
                    &interaction.request.client_id,
                    session_hash.as_ref(),
                )?;
                Ok((interaction, situation))
            })
            .await?
    };
    if !visit.browser.is_bound_by(&interaction.browser_hash) {
        return Err(OTHER_BROWSER.into());
    }
    let hinted_user = situation::hinted_user(app, &interaction.request, situation.current.counter).await?;
    visit.page.ui_locales = ui_locales(&interaction.request);
    Ok(Waiting { interaction, situation, hinted_user })
}

/// OIDC Core §3.1.2.1: the languages that the client asks for, best first.
pub(crate) fn ui_locales(request: &AuthorizationRequest) -> Vec<String> {
    request.ui_locales.iter().flat_map(|locales| locales.split(' ')).map(str::to_owned).collect()
}

/// An interaction is open until it is decided or too old. One that a host app's page answers is none of ours.
fn open(found: Option<StoredInteraction>, now: Timestamp) -> Result<StoredInteraction, Failure> {
    let is_ours = |own: &StoredInteraction| own.way == Way::OwnPages && now < own.expires_at;
    let interaction = found.filter(is_ours).ok_or(UNKNOWN)?;
    if interaction.decided_at.is_some() {
        return Err(DECIDED.into());
    }
    Ok(interaction)
}

impl Waiting {
    pub(crate) fn id(&self) -> &InteractionId {
        &self.interaction.id
    }

    /// The token of a form of this interaction: that we drew it for this browser, for who is signed in, and what it asks.
    pub(crate) fn csrf(&self, app: &App, visit: &Visit, form: FormKind, question: &str) -> String {
        let token = |kind, subject: &str| visit.browser.csrf(app, kind, subject);
        let id = self.id().as_str();
        format!("{}.{}.{}", token(form, id), token(FormKind::Person, id), token(FormKind::Question, question))
    }

    /// Refuses a form that we did not draw for this browser.
    pub(crate) fn check_form<'form>(
        &self,
        app: &App,
        visit: &Visit,
        kind: FormKind,
        form: &'form Parameters,
    ) -> Result<Drawn<'form>, Failure> {
        let mut parts = form.get(field::CSRF).unwrap_or_default().splitn(3, '.');
        let id = self.id().as_str();
        visit.check_form(app, kind, id, parts.next())?;
        let for_who_is_here = visit.browser.csrf_holds(app, FormKind::Person, id, parts.next());
        Ok(Drawn { for_who_is_here, question: parts.next() })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.situation.client.client
    }

    pub(crate) fn step(&self, now: Timestamp) -> Result<(ValidRequest, Step), Rejected> {
        let Interaction { request, progress, .. } = &self.interaction;
        self.situation.decide(request, progress, self.hinted_user.as_ref(), now)
    }

    /// Goes on as far as it goes without the user: to the next page, or to the client.
    pub(crate) async fn advance(self, app: &App, visit: &Visit) -> Result<Response, Failure> {
        match self.step(visit.now) {
            Ok((valid, Step::Refuse(refusal))) => self.refuse(app, visit, valid.target, refusal).await,
            Ok((_, Step::Issue(_))) => {
                self.conclude(app, visit, |_, step| match step {
                    Step::Issue(approval) => Some(Ok(approval)),
                    _ => None,
                })
                .await
            }
            Ok((_, step)) => match Page::of(&step) {
                Some(page) => Ok(page.go(app, self.id())),
                None => Err(CHANGED.into()),
            },
            Err(Rejected { refusal, target: Some(target) }) => self.refuse(app, visit, target, refusal).await,
            Err(Rejected { refusal, target: None }) => Err(refusal.into()),
        }
    }

    /// Tells the client no, once.
    pub(crate) async fn refuse(
        self,
        app: &App,
        visit: &Visit,
        target: ResponseTarget,
        refusal: Refusal,
    ) -> Result<Response, Failure> {
        let (id, now) = (self.interaction.id.clone(), visit.now);
        {
            let app = app.clone();
            app.clone()
                .store
                .write(move |tx| {
                    open(tx.take_interaction(&app.project, &id)?, now)?;
                    Ok(tx.decide_interaction(&app.project, &id, now)?)
                })
                .await?;
        }
        Ok(deliver(app, self.client(), &target, Err(&refusal), &visit.page))
    }

    /// Takes the interaction, decides again in the same transaction, and issues a code for what `approve` makes of the
    /// step. When `approve` has nothing to say to the step, the user is led to where it waits.
    pub(crate) async fn conclude(
        self,
        app: &App,
        visit: &Visit,
        approve: impl Fn(&ValidRequest, Step) -> Option<Result<Approval, Refusal>> + Send + 'static,
    ) -> Result<Response, Failure> {
        let new_code = NewCode::new(app, Actor::User, visit.now);
        let code = new_code.secret.clone();
        let (id, now, session_hash) = (self.interaction.id.clone(), visit.now, visit.browser.session_hash());
        let hinted_user = self.hinted_user.clone();
        let outcome = {
            let app = app.clone();
            app.clone()
                .store
                .write(move |tx| {
                    let interaction = open(tx.take_interaction(&app.project, &id)?, now)?;
                    let situation = situation::take(
                        tx,
                        &app,
                        interaction.plane,
                        &interaction.request.client_id,
                        session_hash.as_ref(),
                        now,
                    )?;
                    let decided =
                        situation.decide(&interaction.request, &interaction.progress, hinted_user.as_ref(), now);
                    let (valid, step) = match decided {
                        Ok(decided) => decided,
                        Err(rejected) => {
                            tx.decide_interaction(&app.project, &id, now)?;
                            return Ok(Outcome::Rejected(rejected));
                        }
                    };
                    let page = Page::of(&step);
                    match approve(&valid, step) {
                        Some(Ok(approval)) => {
                            add_code(tx, &app, &situation, &valid, &approval, &new_code, now)?;
                            tx.decide_interaction(&app.project, &id, now)?;
                            Ok(Outcome::Issued(valid.target))
                        }
                        Some(Err(refusal)) => {
                            tx.decide_interaction(&app.project, &id, now)?;
                            Ok(Outcome::Rejected(Rejected { refusal, target: Some(valid.target) }))
                        }
                        None => Ok(Outcome::Elsewhere(page)),
                    }
                })
                .await?
        };
        match outcome {
            Outcome::Issued(target) => Ok(deliver(app, self.client(), &target, Ok(code.text()), &visit.page)),
            Outcome::Rejected(Rejected { refusal, target: Some(target) }) => {
                Ok(deliver(app, self.client(), &target, Err(&refusal), &visit.page))
            }
            Outcome::Rejected(Rejected { refusal, target: None }) => Err(refusal.into()),
            Outcome::Elsewhere(Some(page)) => Ok(page.go(app, self.id())),
            Outcome::Elsewhere(None) => Err(CHANGED.into()),
        }
    }
}

enum Outcome {
    Issued(ResponseTarget),
    Rejected(Rejected),
    Elsewhere(Option<Page>),
}
