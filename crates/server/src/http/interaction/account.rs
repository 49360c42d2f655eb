//! `GET` and `POST /account`: go on as the user who is signed in, or as another.
//!
//! Specs: OIDC Core §3.1.2.1 `prompt=select_account`.

use super::{
    login,
    waiting::{self, Page, Waiting},
};
use crate::{
    app::App,
    failure::Failure,
    http::{
        browser::FormKind,
        extract::{Form, Query},
        visit::Visit,
    },
    pages::{AccountChoiceView, AccountView, ClientView, FormView, decision, field},
};
use axum::{extract::State, response::Response};
use hospes_protocol::{Refusal, authorize::Step, interaction::Progress, refuse};

pub(crate) const NO_BUTTON: Refusal =
    refuse(hospes_protocol::ErrorCode::InvalidRequest, "the form does not say which button was pressed");

pub(crate) async fn get(State(app): State<App>, mut visit: Visit, query: Query) -> Result<Response, Failure> {
    let waiting = waiting::find(&app, &mut visit, &query.0).await?;
    if !matches!(waiting.step(visit.now), Ok((_, Step::SelectAccount))) {
        return waiting.advance(&app, &visit).await;
    }
    ask(&app, &visit, waiting).await
}

/// Asks who is signed in whether it is they who go on, also where nothing else is to be asked.
pub(super) async fn ask(app: &App, visit: &Visit, waiting: Waiting) -> Result<Response, Failure> {
    let step = waiting.step(visit.now);
    let (Ok((_, Step::SelectAccount | Step::Consent(_) | Step::Issue(_))), Some((_, user))) =
        (step, waiting.situation.who(visit.now))
    else {
        return waiting.advance(app, visit).await;
    };
    let view = AccountChoiceView {
        form: FormView {
            action: format!("{}/account", app.base_path),
            interaction: Some(waiting.id().as_str().to_owned()),
            csrf: waiting.csrf(app, visit, FormKind::Account, ""),
        },
        client: ClientView::of(waiting.client()),
        account: AccountView::of(user),
    };
    Ok(app.pages.account(&view, &visit.page))
}

pub(crate) async fn post(State(app): State<App>, mut visit: Visit, form: Form) -> Result<Response, Failure> {
    let Form(parameters) = form;
    let waiting = waiting::find(&app, &mut visit, &parameters).await?;
    let drawn = waiting.check_form(&app, &visit, FormKind::Account, &parameters)?;
    match parameters.get(field::DECISION) {
        // Somebody else has logged in since, or nobody is signed in any more.
        Some(decision::CONTINUE) if !drawn.for_who_is_here => ask(&app, &visit, waiting).await,
        Some(decision::CONTINUE) => choose(&app, &mut visit, waiting, &parameters).await,
        Some(decision::SWITCH) => Ok(Page::Login.go(&app, waiting.id())),
        Some(decision::CANCEL) => login::cancel(&app, &visit, waiting).await,
        _ => Err(NO_BUTTON.into()),
    }
}

async fn choose(
    app: &App,
    visit: &mut Visit,
    waiting: Waiting,
    parameters: &hospes_protocol::parameters::Parameters,
) -> Result<Response, Failure> {
    let Some((session, user)) = waiting.situation.who(visit.now) else {
        return Ok(Page::Login.go(app, waiting.id()));
    };
    let earlier = &waiting.interaction.progress;
    let progress = Progress {
        session_id: Some(session.id.clone()),
        user_id: Some(user.id.clone()),
        // A login within this interaction counts on only for the session that it made.
        authenticated_at: earlier.authenticated_at.filter(|_| earlier.session_id.as_ref() == Some(&session.id)),
        account_chosen_at: Some(visit.now),
        ..Progress::default()
    };
    {
        let (app, id) = (app.clone(), waiting.id().clone());
        app.clone().store.write(move |tx| Ok(tx.save_progress(&app.project, &id, &progress)?)).await?;
    }
    waiting::find(app, visit, parameters).await?.advance(app, visit).await
}
