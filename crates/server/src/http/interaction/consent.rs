//! `GET` and `POST /consent`: the user says what the client may have.
//!
//! Specs: RFC 6749 §10.2, OAuth 2.1 §7.9, OIDC Core §3.1.2.4, RFC 8252 §8.6.

use super::{
    account::{self, NO_BUTTON},
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
    pages::{
        AccountView, ClientView, ConsentView, END_CHOICES, FormView, ResourceView, ScopeState, ScopeView, decision,
        field,
    },
};
use axum::{extract::State, response::Response};
use hospes_protocol::{
    ErrorCode::InvalidRequest,
    Refusal, Scope, Seconds,
    authorize::Step,
    claims,
    consent::{self, ConsentAnswer, ConsentItem, ConsentQuestion},
    id::InteractionId,
    parameters::Parameters,
    policy::Policy,
    refuse,
};
use std::collections::BTreeSet;

pub(crate) const BAD_END: Refusal = refuse(InvalidRequest, "choose one of the offered end dates");

pub(crate) async fn get(State(app): State<App>, mut visit: Visit, query: Query) -> Result<Response, Failure> {
    let waiting = waiting::find(&app, &mut visit, &query.0).await?;
    let Ok((valid, Step::Consent(question))) = waiting.step(visit.now) else {
        return waiting.advance(&app, &visit).await;
    };
    let Some((_, user)) = waiting.situation.who(visit.now) else {
        return Ok(Page::Login.go(&app, waiting.id()));
    };
    let policy = &waiting.situation.current.project.policy;
    let view = ConsentView {
        form: FormView {
            action: format!("{}/consent", app.base_path),
            interaction: Some(waiting.id().as_str().to_owned()),
            csrf: waiting.csrf(&app, &visit, FormKind::Consent, &as_text(waiting.id(), &question)),
        },
        client: ClientView::of(waiting.client()),
        redirect_uri: valid.target.redirect_uri.clone(),
        account: AccountView::of(user),
        scopes: scope_views(&question, policy),
        resources: question.resources.iter().map(|uri| resource_view(uri, policy)).collect(),
        confirm_only: question.confirm_only,
        end_choices: if question.confirm_only { Vec::new() } else { END_CHOICES.to_vec() },
        end_chosen: None,
    };
    Ok(app.pages.consent(&view, &visit.page))
}

pub(crate) async fn post(State(app): State<App>, mut visit: Visit, form: Form) -> Result<Response, Failure> {
    let Form(parameters) = form;
    let waiting = waiting::find(&app, &mut visit, &parameters).await?;
    let drawn = waiting.check_form(&app, &visit, FormKind::Consent, &parameters)?;
    match parameters.get(field::DECISION) {
        // Another user has logged in under the open page, who may need no question: they are shown who they are first.
        Some(decision::ALLOW) if !drawn.for_who_is_here => account::ask(&app, &visit, waiting).await,
        Some(decision::ALLOW) => {
            // What the user has not seen they cannot have allowed: the question may have changed under the open page.
            if let Ok((_, Step::Consent(question))) = waiting.step(visit.now)
                && !visit.browser.csrf_holds(
                    &app,
                    FormKind::Question,
                    &as_text(waiting.id(), &question),
                    drawn.question,
                )
            {
                return Ok(Page::Consent.go(&app, waiting.id()));
            }
            allow(&app, &visit, waiting, &parameters).await
        }
        Some(decision::DENY) => login::cancel(&app, &visit, waiting).await,
        Some(decision::SWITCH) => Ok(Page::Login.go(&app, waiting.id())),
        _ => Err(NO_BUTTON.into()),
    }
}

async fn allow(app: &App, visit: &Visit, waiting: Waiting, parameters: &Parameters) -> Result<Response, Failure> {
    let now = visit.now;
    let expires_at = end_of(parameters)?.map(|span| now.plus(span));
    let ticked = ticked(parameters);
    let seen = match waiting.step(now) {
        Ok((_, Step::Consent(question))) => Some(question),
        _ => None,
    };
    waiting
        .conclude(app, visit, move |_, step| match step {
            Step::Consent(question) if seen.as_ref() == Some(&question) => {
                let allowed = ticked.union(&question.required());
                Some(consent::answer(&question, &ConsentAnswer { allowed, expires_at }, now))
            }
            // Consent was given in another tab meanwhile.
            Step::Issue(approval) => Some(Ok(approval)),
            Step::Consent(_) | Step::Login | Step::SelectAccount | Step::Refuse(_) => None,
        })
        .await
}

/// What the page with this question shows, as one text.
fn as_text(id: &InteractionId, question: &ConsentQuestion) -> String {
    let items = question.items.iter().map(|item| format!("{} {} {}", item.value, item.grantable, item.optional));
    let rest = question.claims.iter().chain(&question.resources).cloned();
    let lines: Vec<String> =
        [id.as_str().to_owned(), question.confirm_only.to_string()].into_iter().chain(items).chain(rest).collect();
    lines.join("\n")
}

/// The optional values that were left ticked.
fn ticked(parameters: &Parameters) -> Scope {
    parameters.iter().filter_map(|(name, _)| name.strip_prefix(field::SCOPE_PREFIX)).collect()
}

/// The chosen end date as a span from now; only what the page offers.
fn end_of(parameters: &Parameters) -> Result<Option<Seconds>, Refusal> {
    let Some(chosen) = parameters.get(field::ENDS_AFTER) else { return Ok(None) };
    let span = chosen.parse().map(Seconds).map_err(|_| BAD_END)?;
    if END_CHOICES.contains(&span) { Ok(Some(span)) } else { Err(BAD_END) }
}

/// Everything that the user is asked to allow.
pub(super) fn scope_views(question: &ConsentQuestion, policy: &Policy) -> Vec<ScopeView> {
    question.items.iter().map(|item| scope_view(item, policy)).chain(claim_views(question)).collect()
}

fn scope_view(item: &ConsentItem, policy: &Policy) -> ScopeView {
    ScopeView {
        value: item.value.clone(),
        description: description(&item.value, policy),
        state: match (item.grantable, item.optional) {
            (false, _) => ScopeState::NotGrantable,
            (true, true) => ScopeState::Optional,
            (true, false) => ScopeState::Required,
        },
        already_granted: item.already_granted,
    }
}

/// The claims asked for one by one (OIDC Core §5.5), in the words of the scope value that brings each: these say rather
/// too much than too little. They are not optional, and no values of the token. Where that value is on the page anyway,
/// they go with it.
fn claim_views(question: &ConsentQuestion) -> impl Iterator<Item = ScopeView> {
    let is_listed = |value: &str| question.items.iter().any(|item| item.value == value);
    let values = question.claims.iter().filter_map(|name| claims::scope_value_of(name));
    values.filter(|value| !is_listed(value)).collect::<BTreeSet<_>>().into_iter().map(|value| ScopeView {
        value: value.to_owned(),
        description: None,
        state: ScopeState::Required,
        already_granted: false,
    })
}

pub(crate) fn description(value: &str, policy: &Policy) -> Option<String> {
    policy.scope_value(value).map(|own| own.description.clone())
}

pub(crate) fn resource_view(uri: &str, policy: &Policy) -> ResourceView {
    let registered = policy.resources.iter().find(|resource| resource.uri == uri);
    ResourceView { name: registered.map(|own| own.name.clone()).unwrap_or_default(), uri: uri.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_asked_for_one_by_one_are_shown_as_required() {
        let question = ConsentQuestion {
            items: Vec::new(),
            claims: ["phone_number", "email", "phone_number_verified"].map(str::to_owned).to_vec(),
            resources: Vec::new(),
            confirm_only: false,
            present_end: None,
        };
        let shown: Vec<_> = claim_views(&question).map(|view| (view.value, view.state)).collect();
        assert_eq!(shown, [("email".to_owned(), ScopeState::Required), ("phone".to_owned(), ScopeState::Required)]);
    }
}
