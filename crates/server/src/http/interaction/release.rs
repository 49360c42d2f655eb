//! `GET /interactions/{id}/release`: the browser comes for the answer that the host app's page gave.
//!
//! Specs: RFC 9700 §4.7, OAuth 2.1 §4.1.2.
//!
//! Only the browser that was at our authorization endpoint has the cookie, and only the page that answered knows this
//! address. So whoever lures somebody else to the host app's page with a handle of their own gets nothing: that browser
//! has no such cookie, and the luring one has no such address (GHSA-c2jp-c369-7pvx, attacks.md row 14). One visit ends
//! it, right or wrong.

use super::{
    code::NewCode,
    deliver::deliver,
    hosted::{Hosted, Outcome, Reading},
    situation,
    waiting::{CHANGED, DECIDED, OTHER_BROWSER, StoredInteraction, UNKNOWN, ui_locales},
};
use crate::{
    app::App,
    failure::Failure,
    http::{extract::Query, visit::Visit},
};
use axum::{
    extract::{Path, State},
    response::Response,
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::{Timestamp, audit_event::Actor, id::InteractionId, interaction::Way};
use subtle::ConstantTimeEq as _;

/// The parameter that makes the address unguessable.
const KEY: &str = "key";

/// The address for the one visit.
pub(super) fn url(app: &App, interaction: &StoredInteraction) -> String {
    let id = interaction.id.as_str();
    format!("{}/interactions/{id}/release?{KEY}={}", app.issuer.trim_end_matches('/'), key(app, interaction))
}

/// Derived, so that a back end that lost our answer can be told again.
fn key(app: &App, interaction: &StoredInteraction) -> String {
    let mac = app.keys.mac(b"release", &[interaction.id.as_str().as_bytes(), &interaction.browser_hash]);
    Base64UrlUnpadded::encode_string(&mac)
}

pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    mut visit: Visit,
    Query(query): Query,
) -> Result<Response, Failure> {
    // attacks.md row 34: an id with a NUL is none, and PostgreSQL could not even look for it.
    let id = Some(id).filter(|id| !id.contains('\0')).ok_or(UNKNOWN)?;
    let (id, now) = (InteractionId::new(id), visit.now);
    let presented = query.get(KEY).unwrap_or_default().to_owned();
    let (interaction, counter) = {
        let (app, id) = (app.clone(), id.clone());
        app.clone()
            .store
            .read(move |tx| {
                let interaction = open(&app, tx.find_interaction(&app.project, &id)?, &presented, now)?;
                Ok((interaction, app.records.project(tx, &app.project)?.counter))
            })
            .await?
    };
    visit.page.ui_locales = ui_locales(&interaction.request);
    let hinted_user = situation::hinted_user(&app, &interaction.request, counter).await?;
    let is_there = visit.browser.is_bound_by(&interaction.browser_hash);
    let by = interaction.progress.answer.as_ref().map_or(Actor::Host, |answer| answer.by);
    let new_code = NewCode::new(&app, by, now);
    let code = new_code.secret.clone();
    let presented = query.get(KEY).unwrap_or_default().to_owned();
    let ended = {
        let app = app.clone();
        app.clone()
            .store
            .write(move |tx| {
                let interaction = open(&app, tx.take_interaction(&app.project, &id)?, &presented, now)?;
                if !is_there {
                    tx.decide_interaction(&app.project, &id, now)?;
                    return Err(OTHER_BROWSER.into());
                }
                let answer = interaction.progress.answer.clone().ok_or(UNKNOWN)?;
                let hosted = Hosted::load(tx, &app, interaction, hinted_user.clone(), now, Reading::Take)?;
                let (target, approval) = match hosted.outcome(&answer.said, now) {
                    Ok(Outcome::Answer(target, approval)) => (target, approval),
                    // What was true when the page answered no longer is.
                    Ok(Outcome::Ask(..)) | Err(Failure::Refused(_)) => return Err(CHANGED.into()),
                    Err(failure) => return Err(failure),
                };
                let answer = hosted.carry_out(tx, &app, approval, &new_code, now)?;
                Ok((hosted.client, target, answer))
            })
            .await?
    };
    let (client, target, answer) = ended;
    let answer = answer.as_ref().map(|()| code.text());
    Ok(deliver(&app, &client.client, &target, answer, &visit.page))
}

/// The interaction, if its answer waits and this is the address for it.
fn open(
    app: &App,
    found: Option<StoredInteraction>,
    presented: &str,
    now: Timestamp,
) -> Result<StoredInteraction, Failure> {
    let waits = |own: &StoredInteraction| {
        let is_address = presented.as_bytes().ct_eq(key(app, own).as_bytes()).into();
        own.way == Way::HostPage && own.progress.answer.is_some() && is_address && now < own.expires_at
    };
    let interaction = found.filter(waits).ok_or(UNKNOWN)?;
    if interaction.decided_at.is_some() { Err(DECIDED.into()) } else { Ok(interaction) }
}
