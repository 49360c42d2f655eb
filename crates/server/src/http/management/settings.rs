//! `/v1/settings`: what the project may set, without a restart (our extension).

use super::{
    body::Patch,
    caller::Management,
    error::{refuse_api, refuse_with},
    reply::{Envelope, ErrorEnvelope, Reply},
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Now,
    project_settings::{self, ProjectSettings},
    store::projects::Project,
};
use axum::extract::State;
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::{self, Actor, AuditEvent, EventKind, Occasion},
};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const CHANGED_MEANWHILE: Refusal =
    refuse_api(409, "conflict", "somebody else changed the project at the same moment; read it again and repeat");

/// Tries before a change gives up to those of others.
const TRIES: usize = 5;

#[derive(Serialize, ToSchema)]
pub(crate) struct SettingsReply {
    /// The settings by name; docs/guides/settings.md says what each means.
    #[schema(value_type = Object)]
    settings: ProjectSettings,
}

/// Gets the project's settings.
#[utoipa::path(get, path = "/v1/settings", tag = "Project", responses(
    (status = 200, body = Envelope<SettingsReply>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn get(caller: Management) -> Reply<SettingsReply> {
    Reply(SettingsReply { settings: caller.current.project.settings.clone() })
}

/// Changes settings by a JSON merge patch (RFC 7396): what is named is set, `null` resets to the default, the rest
/// stays. Holds at the next request, in every process.
#[utoipa::path(patch, path = "/v1/settings", tag = "Project", request_body = Object, responses(
    (status = 200, body = Envelope<SettingsReply>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn patch(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Patch(patch): Patch,
) -> Result<Reply<SettingsReply>, Failure> {
    let config = app.config.clone();
    let changed = change_project(&app, &caller, *now, settings_event, move |project| {
        project.settings =
            project_settings::changed(&project.settings, &patch, &project.issuer, &config.lifetimes, &config.fetch)
                .map_err(|why| refuse_with(400, "invalid_argument", why))?;
        Ok(())
    })
    .await?;
    Ok(Reply(SettingsReply { settings: changed.settings }))
}

fn settings_event(occasion: &Occasion, before: &Project, after: &Project) -> AuditEvent {
    let changed = audit_event::changed(&before.settings, &after.settings);
    occasion.event(EventKind::ProjectSettingsChanged).detail("changed", changed)
}

/// Reads the project, changes it, and writes it if nobody else did meanwhile; else again from the start. A change is
/// the event that `event_of` makes of it.
pub(super) async fn change_project(
    app: &App,
    caller: &Management,
    now: Timestamp,
    event_of: fn(&Occasion, &Project, &Project) -> AuditEvent,
    change: impl Fn(&mut Project) -> Result<(), Refusal> + Send + 'static,
) -> Result<Project, Failure> {
    let id = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, now);
    app.store
        .write(move |tx| {
            for _ in 0..TRIES {
                let before = tx.find_project(&id)?.ok_or(super::error::WRONG_CREDENTIALS)?;
                let mut project = before.clone();
                change(&mut project)?;
                if project == before {
                    return Ok(project);
                }
                if let Some(version) = tx.update_project(&project, now)? {
                    tx.record(&id, &event_of(&occasion, &before, &project))?;
                    project.version = version;
                    return Ok(project);
                }
            }
            Err(CHANGED_MEANWHILE.into())
        })
        .await
}
