//! An interaction whose page the host app draws: opened, gone on with and decided, by its back end or by its page.
//!
//! Specs: OAuth 2.1 §4.1.1 and §4.1.2, RFC 9700 §4.7.
//! Who may do so and what comes next is `protocol::hosted`. Where the request came in at our own endpoint, the answer is
//! kept until the browser in which it began comes for it ([`super::release`]); else it goes out at once.

use super::{
    code::{CodeOf, LoginBehind, NewCode, add_code_of},
    consent::{resource_view, scope_views},
    object::{
        InteractionClient, InteractionLogin, InteractionObject, InteractionProject, InteractionRedirect,
        InteractionResource, InteractionScope, InteractionUser, Next,
    },
    release, situation,
    waiting::{StoredInteraction, ui_locales},
    who::Visitor,
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::AcceptLanguage,
    issue,
    records::{Current, Registered},
    rfc3339,
    secret::sha256,
    store::Tx,
};
use hospes_protocol::{
    ErrorCode::AccessDenied,
    Refusal, Seconds, Timestamp,
    audit_event::Actor,
    authorization_request::{self, AuthorizationRequest, Rejected, ResponseTarget, ValidRequest},
    authorization_response::{self, Delivery},
    authorize::{self, SignedIn, Step},
    client::Client,
    consent::{self, Approval, DENIED},
    grant::Grant,
    host_page,
    hosted::{self, ANSWERED, Caller, Facts, NOBODY_LOGGED_IN, NOT_FOUND, Named, Naming},
    id::{InteractionId, UserId},
    interaction::{Answer, Interaction, Progress, Said, Way},
    plane::Plane,
    session::Session,
    user::User,
};
use std::sync::Arc;
use url::Url;

/// One call about an interaction.
#[derive(Clone)]
pub(crate) struct Call {
    caller: Caller,
    /// SHA-256 of what proves in which browser it is.
    proof_hash: Option<[u8; 32]>,
    language: AcceptLanguage,
    now: Timestamp,
}

impl Call {
    pub(crate) fn new(
        caller: Caller,
        proof: Option<&str>,
        language: AcceptLanguage,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        proof.map(|proof| caller.check_proof(proof)).transpose()?;
        Ok(Self { caller, proof_hash: proof.map(|proof| sha256(proof.as_bytes())), language, now })
    }

    const fn actor(&self) -> Actor {
        match self.caller {
            Caller::BackEnd => Actor::Host,
            Caller::Browser => Actor::User,
        }
    }
}

/// What a call wants.
enum Move {
    Open,
    Login,
    Decide(Said),
}

/// Says what to do with an interaction that began at our authorization endpoint, or was opened before.
pub(crate) async fn open(
    app: &App,
    call: Call,
    id: InteractionId,
    visitor: Option<Visitor>,
) -> Result<InteractionObject, Failure> {
    go_on(app, call, id, visitor, Move::Open).await
}

/// Says what to do with a request that the host app's page has received.
pub(crate) async fn begin(
    app: &App,
    call: Call,
    request: AuthorizationRequest,
    visitor: Option<Visitor>,
) -> Result<InteractionObject, Failure> {
    let Call { caller, proof_hash, now, .. } = call;
    let browser_hash = proof_hash.ok_or(caller.bad_proof())?;
    let (current, registered) = {
        let (app, client_id) = (app.clone(), request.client_id.clone());
        app.clone()
            .store
            .look_up(move |tx| {
                let current = app.records.project(tx, &app.project)?;
                let registered = app.records.client(tx, &current, &client_id)?.ok_or(host_page::CLIENT_NOT_FOUND)?;
                Ok((current, registered))
            })
            .await?
    };
    let plane = registered.client.settings.plane;
    check_beginning(&request, &registered.client, &current, plane)?;
    let hinted_user = situation::hinted_user(app, &request, current.counter).await?;
    let interaction = Interaction {
        plane,
        way: caller.way(),
        browser_hash,
        ..new_interaction(app, request, current.lifetimes.interaction, now)
    };
    let new_code = NewCode::new(app, call.actor(), now);
    let turn = Turn { app: app.clone(), call, visitor, hinted_user, new_code };
    app.store
        .write(move |tx| {
            let named = turn.named(tx)?;
            tx.add_interaction(&turn.app.project, &interaction, &interaction.request.client_id, None)?;
            turn.play(tx, interaction.clone(), named, &Move::Open)
        })
        .await
}

/// A request that begins to wait. Whoever makes it says for which way and by what the browser is known.
pub(crate) fn new_interaction(
    app: &App,
    request: AuthorizationRequest,
    lifetime: Seconds,
    now: Timestamp,
) -> StoredInteraction {
    Interaction {
        id: InteractionId::new(format!("int_{}", app.entropy.token())),
        plane: Plane::Standard,
        way: Way::OwnPages,
        request,
        browser_hash: [0; 32],
        created_at: now,
        expires_at: now.plus(lifetime),
        progress: Progress::default(),
        decided_at: None,
    }
}

/// What the client cannot be told is told to the page (RFC 6749 §4.1.2.1), and not stored.
fn check_beginning(
    request: &AuthorizationRequest,
    client: &Client,
    current: &Current,
    plane: Plane,
) -> Result<(), Refusal> {
    let target = match authorization_request::validate(request, client, &current.project.policy, plane) {
        Ok(valid) => valid.target,
        Err(Rejected { target: Some(target), .. }) => target,
        Err(Rejected { refusal, target: None }) => return Err(host_page::in_contract(refusal)),
    };
    hosted::validate_mode(target.mode)
}

/// Looks at an interaction without going on.
pub(crate) async fn see(app: &App, call: Call, id: InteractionId) -> Result<InteractionObject, Failure> {
    let now = call.now;
    let (interaction, counter) = find(app, id.clone(), call.caller, now).await?;
    let hinted_user = situation::hinted_user(app, &interaction.request, counter).await?;
    let app = app.clone();
    app.clone()
        .store
        .read(move |tx| {
            let interaction = tx.find_interaction(&app.project, &id)?.ok_or(NOT_FOUND)?;
            let said = interaction.progress.answer.as_ref().map_or(Said::Unasked, |answer| answer.said.clone());
            let hosted = Hosted::load(tx, &app, interaction, hinted_user.clone(), now, Reading::Look)?;
            match hosted.outcome(&said, now)? {
                Outcome::Ask(valid, step) => Ok(hosted.asking(&app, &call, &valid, &step)),
                // Where it goes is for the user alone, whom nobody names here.
                Outcome::Answer(target, _) => Ok(hosted.going(&app, &target, None)),
            }
        })
        .await
}

/// The host app has logged its user in, or the user has chosen an account.
pub(crate) async fn login(
    app: &App,
    call: Call,
    id: InteractionId,
    visitor: Visitor,
) -> Result<InteractionObject, Failure> {
    go_on(app, call, id, Some(visitor), Move::Login).await
}

/// The user has answered, or turned back.
pub(crate) async fn decide(
    app: &App,
    call: Call,
    id: InteractionId,
    visitor: Option<Visitor>,
    said: Said,
) -> Result<InteractionObject, Failure> {
    go_on(app, call, id, visitor, Move::Decide(said)).await
}

async fn go_on(
    app: &App,
    call: Call,
    id: InteractionId,
    visitor: Option<Visitor>,
    what: Move,
) -> Result<InteractionObject, Failure> {
    let (interaction, counter) = find(app, id.clone(), call.caller, call.now).await?;
    let hinted_user = situation::hinted_user(app, &interaction.request, counter).await?;
    let new_code = NewCode::new(app, call.actor(), call.now);
    let turn = Turn { app: app.clone(), call, visitor, hinted_user, new_code };
    app.store
        .write(move |tx| {
            let interaction = tx.take_interaction(&turn.app.project, &id)?.ok_or(NOT_FOUND)?;
            hosted::validate_caller(&interaction, turn.call.caller, turn.call.proof_hash.as_ref(), turn.call.now)?;
            if interaction.progress.answer.is_some() && !matches!(what, Move::Open) {
                return Err(ANSWERED.into());
            }
            let named = turn.named(tx)?;
            turn.play(tx, interaction, named, &what)
        })
        .await
}

/// An interaction of which this caller may know, and the project's change counter.
async fn find(
    app: &App,
    id: InteractionId,
    caller: Caller,
    now: Timestamp,
) -> Result<(StoredInteraction, i64), Failure> {
    let app = app.clone();
    app.clone()
        .store
        .read(move |tx| {
            let interaction: StoredInteraction = tx.find_interaction(&app.project, &id)?.ok_or(NOT_FOUND)?;
            hosted::validate_reader(&interaction, caller, now)?;
            Ok((interaction, app.records.project(tx, &app.project)?.counter))
        })
        .await
}

/// A call on its way through the transaction.
struct Turn {
    app: App,
    call: Call,
    visitor: Option<Visitor>,
    hinted_user: Option<UserId>,
    new_code: NewCode,
}

impl Turn {
    fn named(&self, tx: &mut Tx<'_>) -> Result<Option<Progress>, Failure> {
        self.visitor.as_ref().map(|visitor| visitor.take(tx, &self.app, self.call.now)).transpose()
    }

    /// Notes who is there and what they said, and goes on as far as it goes.
    fn play(
        &self,
        tx: &mut Tx<'_>,
        mut interaction: StoredInteraction,
        named: Option<Progress>,
        what: &Move,
    ) -> Result<InteractionObject, Failure> {
        let (app, now) = (&self.app, self.call.now);
        let waiting = interaction.progress.answer.clone();
        let user = named.as_ref().and_then(|named| named.user_id.as_ref());
        let (said, naming) = match (&waiting, what) {
            (Some(answer), _) => {
                hosted::validate_return(&interaction.progress, user)?;
                (answer.said.clone(), None)
            }
            (None, Move::Open) => {
                if named.is_none() {
                    // Who was there before is not there now. It stays stored: they may come back.
                    interaction.progress = Progress::default();
                }
                (Said::Unasked, Some(Naming::Present))
            }
            (None, Move::Login) => (Said::Unasked, Some(Naming::Login)),
            (None, Move::Decide(said)) => {
                hosted::validate_decider(&interaction.progress, user, said)?;
                (said.clone(), None)
            }
        };
        if let (Some(progress), Some(how)) = (named, naming) {
            interaction.progress = hosted::progress_after(&interaction.progress, &Named { progress, how }, now);
            tx.save_progress(&app.project, &interaction.id, &interaction.progress)?;
        }
        let mut hosted = Hosted::load(tx, app, interaction, self.hinted_user.clone(), now, Reading::Take)?;
        let (target, approval) = match hosted.outcome(&said, now)? {
            Outcome::Ask(..) if waiting.is_some() => return Err(ANSWERED.into()),
            Outcome::Ask(valid, step) => return Ok(hosted.asking(app, &self.call, &valid, &step)),
            Outcome::Answer(target, approval) => (target, approval),
        };
        if hosted.interaction.way == Way::HostPage {
            if waiting.is_none() {
                hosted.interaction.progress.answer = Some(Answer { said, by: self.call.actor() });
                tx.save_progress(&app.project, &hosted.interaction.id, &hosted.interaction.progress)?;
            }
            let url = release::url(app, &hosted.interaction);
            return Ok(hosted.going(app, &target, Some(url)));
        }
        let answer = hosted.carry_out(tx, app, approval, &self.new_code, now)?;
        let issuer = issue::issuer(app, &hosted.current, hosted.interaction.plane);
        let delivery = match &answer {
            Ok(()) => authorization_response::success(&target, &issuer, self.new_code.secret.text()),
            Err(refusal) => authorization_response::error(&target, &issuer, refusal),
        };
        match delivery {
            Delivery::Redirect(uri) => Ok(hosted.going(app, &target, Some(uri))),
            Delivery::FormPost { .. } => Err(hosted::FORM_POST.into()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Look,
    /// What the answer rests on is locked until the transaction ends: session, grant and user, in this order.
    Take,
}

/// An interaction with everything that a decision about it rests on.
pub(super) struct Hosted {
    pub(super) interaction: StoredInteraction,
    pub(super) current: Current,
    pub(super) client: Arc<Registered>,
    /// Whom the host app named, and the session behind them; both only if they may come in.
    user: Option<User>,
    session: Option<Session>,
    grant: Option<Grant>,
    hinted_user: Option<UserId>,
}

/// What comes next.
pub(super) enum Outcome {
    /// The user is asked, or somebody must log in.
    Ask(Box<ValidRequest>, Step),
    /// The client gets a code for this, or is told no.
    Answer(ResponseTarget, Result<Box<(ValidRequest, Approval)>, Refusal>),
}

impl Hosted {
    pub(super) fn load(
        tx: &mut Tx<'_>,
        app: &App,
        interaction: StoredInteraction,
        hinted_user: Option<UserId>,
        now: Timestamp,
        reading: Reading,
    ) -> Result<Self, Failure> {
        let current = app.records.project(tx, &app.project)?;
        let client_id = &interaction.request.client_id;
        let client = app.records.client(tx, &current, client_id)?.ok_or(host_page::CLIENT_NOT_FOUND)?;
        let Progress { user_id, session_id, .. } = &interaction.progress;
        let session = match (session_id, reading) {
            (None, _) => None,
            (Some(id), Reading::Look) => tx.find_session(&app.project, id)?,
            (Some(id), Reading::Take) => tx.take_full_session(&app.project, id)?.map(|full| full.session),
        };
        let (grant, user) = match (user_id, reading) {
            (None, _) => (None, None),
            (Some(id), Reading::Look) => (tx.find_grant(&app.project, id, client_id)?, tx.find_user(&app.project, id)?),
            (Some(id), Reading::Take) => {
                (tx.take_grant(&app.project, id, client_id, now)?, tx.take_user(&app.project, id)?)
            }
        };
        let is_welcome = |user: &User| match (session_id, &session) {
            (None, _) => user.disabled_at.is_none(),
            (Some(_), Some(session)) => authorize::is_usable(SignedIn { session, user }, now),
            (Some(_), None) => false,
        };
        let user = user.filter(is_welcome);
        let session = session.filter(|_| user.is_some());
        Ok(Self { interaction, current, client, user, session, grant, hinted_user })
    }

    /// What follows when the user has said this, if anything. Refused is what the host app must mend.
    pub(super) fn outcome(&self, said: &Said, now: Timestamp) -> Result<Outcome, Failure> {
        let Interaction { request, progress, plane, .. } = &self.interaction;
        let (client, policy) = (&self.client.client, &self.current.project.policy);
        let valid = match authorization_request::validate(request, client, policy, *plane) {
            Ok(valid) => valid,
            Err(Rejected { refusal, target: Some(target) }) => return Ok(Outcome::Answer(target, Err(refusal))),
            Err(Rejected { refusal, target: None }) => return Err(host_page::in_contract(refusal).into()),
        };
        let facts = Facts {
            user: self.user.as_ref(),
            grant: self.grant.as_ref(),
            progress,
            hinted_user: self.hinted_user.as_ref(),
            began_at: self.interaction.created_at,
            now,
        };
        let target = valid.target.clone();
        let approved = |approval| Ok(Outcome::Answer(target.clone(), Ok(Box::new((valid.clone(), approval)))));
        let refused = |refusal| Ok(Outcome::Answer(target.clone(), Err(refusal)));
        match (hosted::decide(&valid, client, policy, &facts), said) {
            (_, Said::Deny) => refused(DENIED),
            (Step::Refuse(refusal), _) => refused(refusal),
            (Step::Issue(approval), _) => approved(approval),
            (Step::Consent(question), Said::Allow(answer)) => match consent::answer(&question, answer, now) {
                Ok(approval) => approved(approval),
                Err(refusal) if refusal.error == AccessDenied => refused(refusal),
                Err(refusal) => Err(refusal.into()),
            },
            (Step::Login | Step::SelectAccount, Said::Allow(_)) => Err(NOBODY_LOGGED_IN.into()),
            (step @ (Step::Consent(_) | Step::Login | Step::SelectAccount), Said::Unasked) => {
                Ok(Outcome::Ask(Box::new(valid), step))
            }
        }
    }

    /// Stores the code for what was approved, if it was, and ends the interaction.
    pub(super) fn carry_out(
        &self,
        tx: &mut Tx<'_>,
        app: &App,
        approval: Result<Box<(ValidRequest, Approval)>, Refusal>,
        new_code: &NewCode,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, Failure> {
        tx.decide_interaction(&app.project, &self.interaction.id, now)?;
        let (valid, approval) = match approval {
            Ok(approved) => *approved,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let user = self.user.as_ref().ok_or(NOBODY_LOGGED_IN)?;
        let of = CodeOf { current: &self.current, client: &self.client.client, user, login: self.login_behind() };
        add_code_of(tx, app, &of, &valid, &approval, new_code, now)?;
        Ok(Ok(()))
    }

    fn login_behind(&self) -> LoginBehind {
        let Progress { authenticated_at, trusted_profile, .. } = &self.interaction.progress;
        match &self.session {
            Some(session) => LoginBehind::session(session),
            None => LoginBehind {
                auth_time: *authenticated_at,
                trusted_profile: trusted_profile.clone(),
                ..LoginBehind::default()
            },
        }
    }

    /// The interaction with nothing left for the page to do but to send the browser to `url`.
    fn going(&self, app: &App, target: &ResponseTarget, url: Option<String>) -> InteractionObject {
        InteractionObject { redirect_url: url, ..self.shown(app, &target.redirect_uri, Next::Redirect) }
    }

    /// The interaction with what the page is to ask.
    fn asking(&self, app: &App, call: &Call, valid: &ValidRequest, step: &Step) -> InteractionObject {
        let policy = &self.current.project.policy;
        let shown = |next| InteractionObject {
            resources: valid.resources.iter().map(|uri| InteractionResource::of(resource_view(uri, policy))).collect(),
            ..self.shown(app, &valid.target.redirect_uri, next)
        };
        let Step::Consent(question) = step else {
            let Interaction { id, request, progress, created_at, .. } = &self.interaction;
            let page = self.current.project.settings.authorization_url.as_deref();
            let login = InteractionLogin {
                login_hint: request.login_hint.clone(),
                reauthenticate: hosted::needs_login(valid, progress, *created_at, call.now),
                select_account: valid.prompt.select_account,
                return_url: page.and_then(|page| page_url(page, id)),
            };
            return InteractionObject { login: Some(login), ..shown(Next::Login) };
        };
        let words = app.pages.words(&ui_locales(&self.interaction.request), call.language.0.as_deref());
        InteractionObject {
            scopes: scope_views(question, policy).iter().map(|view| InteractionScope::of(view, &words)).collect(),
            end_date_allowed: !question.confirm_only,
            confirm_only: question.confirm_only,
            ..shown(Next::Consent)
        }
    }

    fn shown(&self, app: &App, redirect_uri: &str, next: Next) -> InteractionObject {
        let client = &self.client.client;
        InteractionObject {
            interaction_id: self.interaction.id.to_string(),
            expires_at: rfc3339::text(self.interaction.expires_at),
            next,
            redirect_url: None,
            login: None,
            project: InteractionProject { name: app.pages.host_name(&self.current.project.name) },
            client: InteractionClient::of(client),
            redirect: InteractionRedirect::of(redirect_uri, client),
            user: self.user.as_ref().map(InteractionUser::of),
            scopes: Vec::new(),
            resources: Vec::new(),
            end_date_allowed: false,
            confirm_only: false,
        }
    }
}

/// The host app's page with the handle; what its own query says stays.
pub(crate) fn page_url(page: &str, id: &InteractionId) -> Option<String> {
    let mut url = Url::parse(page).ok()?;
    url.query_pairs_mut().append_pair("interaction", id.as_str());
    Some(url.into())
}

#[test]
fn the_handle_is_added_to_the_pages_own_query() {
    let id = InteractionId::new("int_1");
    let url = |page| page_url(page, &id);
    assert_eq!(
        url("https://app.example/authorize").as_deref(),
        Some("https://app.example/authorize?interaction=int_1")
    );
    assert_eq!(
        url("https://app.example/a?b=c%20d").as_deref(),
        Some("https://app.example/a?b=c%20d&interaction=int_1")
    );
    assert_eq!(url("no url"), None);
}
