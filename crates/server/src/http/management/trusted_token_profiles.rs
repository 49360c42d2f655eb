//! `/v1/trusted_token_profiles`: the other issuers whose JWTs log users in. An extension of ours: Stytch has these in its
//! management plane.

use super::{
    body::Body,
    caller::Management,
    error::refuse_api,
    reply::{Envelope, ErrorEnvelope, Nothing, Reply},
};
use crate::{app::App, failure::Failure, http::extract::Now, project, rfc3339};
use axum::extract::{Path, State};
use hospes_protocol::{
    Refusal,
    audit_event::{self, Actor, EventKind},
    trusted_profile::{
        MOST_PROFILES, ProfileSettings, PublicKeyType, REAUTHENTICATE_AFTER, TrustedProfile, validate_settings,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

pub(crate) const NOT_FOUND: Refusal = refuse_api(
    404,
    "trusted_token_profile_not_found",
    "the project has no trusted token profile with this id; GET /v1/trusted_token_profiles lists them",
);
pub(crate) const TOO_MANY: Refusal = refuse_api(
    400,
    "trusted_token_profile_invalid_request",
    "the project has 100 trusted token profiles; delete one that is not needed any more",
);
pub(crate) const INCOMPLETE: Refusal = refuse_api(
    400,
    "trusted_token_profile_invalid_request",
    "send name, issuer, audience, public_key_type and attribute_mapping",
);

#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileObject {
    profile_id: String,
    name: String,
    issuer: String,
    audience: String,
    /// `JWK` or `PEM`.
    #[schema(value_type = String)]
    public_key_type: PublicKeyType,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_url: Option<String>,
    pem_files: Vec<String>,
    attribute_mapping: BTreeMap<String, String>,
    can_jit_provision: bool,
    reauthenticate_after_seconds: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_check_url: Option<String>,
    created_at: String,
    updated_at: String,
}

impl ProfileObject {
    fn of(profile: TrustedProfile) -> Self {
        let TrustedProfile { id, settings, created_at, updated_at } = profile;
        Self {
            profile_id: id,
            name: settings.name,
            issuer: settings.issuer,
            audience: settings.audience,
            public_key_type: settings.public_key_type,
            jwks_url: settings.jwks_url,
            pem_files: settings.pem_files,
            attribute_mapping: settings.attribute_mapping,
            can_jit_provision: settings.can_jit_provision,
            reauthenticate_after_seconds: settings.reauthenticate_after_seconds,
            host_check_url: settings.host_check_url,
            created_at: rfc3339::text(created_at),
            updated_at: rfc3339::text(updated_at),
        }
    }
}

/// What is absent stays as it is; `""` takes a URL away.
#[derive(Clone, Deserialize, ToSchema)]
pub(crate) struct ProfileChange {
    name: Option<String>,
    /// The tokens' `iss`, byte for byte.
    issuer: Option<String>,
    /// One of the tokens' `aud`, byte for byte.
    audience: Option<String>,
    /// `JWK` (with `jwks_url`) or `PEM` (with `pem_files`).
    #[schema(value_type = Option<String>)]
    public_key_type: Option<PublicKeyType>,
    jwks_url: Option<String>,
    /// 1 to 5 public keys, each a `PUBLIC KEY` block.
    pem_files: Option<Vec<String>>,
    /// Claim names: `email` and `token_id` always, `external_user_id` and `role_ids` if wanted.
    attribute_mapping: Option<BTreeMap<String, String>>,
    /// Whether a user who is not known yet is made; false if absent.
    can_jit_provision: Option<bool>,
    /// How old the last attest may be when a refresh token is used: 60 to 31536000; 2592000 (30 days) if absent.
    reauthenticate_after_seconds: Option<i64>,
    /// Asked with a signed JWT as bearer token when a refresh token is used; `{"active": true}` lets it through.
    host_check_url: Option<String>,
}

impl ProfileChange {
    fn begin(self) -> Result<ProfileSettings, Refusal> {
        let own = self.clone();
        let (Some(name), Some(issuer), Some(audience), Some(public_key_type), Some(attribute_mapping)) =
            (own.name, own.issuer, own.audience, own.public_key_type, own.attribute_mapping)
        else {
            return Err(INCOMPLETE);
        };
        let settings = ProfileSettings {
            name,
            issuer,
            audience,
            public_key_type,
            jwks_url: None,
            pem_files: Vec::new(),
            attribute_mapping,
            can_jit_provision: false,
            reauthenticate_after_seconds: REAUTHENTICATE_AFTER.0,
            host_check_url: None,
        };
        self.apply(settings)
    }

    fn apply(self, mut settings: ProfileSettings) -> Result<ProfileSettings, Refusal> {
        fn set<T>(own: &mut T, change: Option<T>) {
            if let Some(change) = change {
                *own = change;
            }
        }
        fn set_url(own: &mut Option<String>, change: Option<String>) {
            if let Some(change) = change {
                *own = Some(change).filter(|url| !url.is_empty());
            }
        }
        // Keys of the other kind go when the kind changes.
        match self.public_key_type {
            Some(PublicKeyType::Jwk) => settings.pem_files.clear(),
            Some(PublicKeyType::Pem) => settings.jwks_url = None,
            None => {}
        }
        set(&mut settings.name, self.name);
        set(&mut settings.issuer, self.issuer);
        set(&mut settings.audience, self.audience);
        set(&mut settings.public_key_type, self.public_key_type);
        set_url(&mut settings.jwks_url, self.jwks_url);
        set(&mut settings.pem_files, self.pem_files);
        set(&mut settings.attribute_mapping, self.attribute_mapping);
        set(&mut settings.can_jit_provision, self.can_jit_provision);
        set(&mut settings.reauthenticate_after_seconds, self.reauthenticate_after_seconds);
        set_url(&mut settings.host_check_url, self.host_check_url);
        validate_settings(&settings)?;
        Ok(settings)
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileReply {
    trusted_token_profile: ProfileObject,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ProfilesReply {
    trusted_token_profiles: Vec<ProfileObject>,
}

/// Trusts another issuer.
#[utoipa::path(post, path = "/v1/trusted_token_profiles", tag = "Trusted Token Profiles", request_body = ProfileChange,
    responses((status = 200, body = Envelope<ProfileReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<ProfileChange>,
) -> Result<Reply<ProfileReply>, Failure> {
    let project = caller.current.project.id.clone();
    let id = project::new_trusted_profile_id(&project, &app.entropy);
    let profile = TrustedProfile { id, settings: asked.begin()?, created_at: *now, updated_at: *now };
    let added = profile.clone();
    let occasion = app.occasion(Actor::Host, *now);
    app.store
        .write(move |tx| {
            if tx.list_trusted_profiles(&project)?.len() >= MOST_PROFILES {
                return Err(TOO_MANY.into());
            }
            tx.add_trusted_profile(&project, &added)?;
            let event = occasion.event(EventKind::TrustedTokenProfileAdded).detail("profile_id", added.id.clone());
            Ok(tx.record(&project, &event)?)
        })
        .await?;
    Ok(Reply(ProfileReply { trusted_token_profile: ProfileObject::of(profile) }))
}

/// Gets a profile.
#[utoipa::path(get, path = "/v1/trusted_token_profiles/{profile_id}", tag = "Trusted Token Profiles",
    params(("profile_id" = String, Path)),
    responses((status = 200, body = Envelope<ProfileReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Management,
    Path(id): Path<String>,
) -> Result<Reply<ProfileReply>, Failure> {
    let project = caller.current.project.id.clone();
    let profile = app.store.read(move |tx| Ok(tx.find_trusted_profile(&project, &id)?.ok_or(NOT_FOUND)?)).await?;
    Ok(Reply(ProfileReply { trusted_token_profile: ProfileObject::of(profile) }))
}

/// Lists all profiles, oldest first; there are at most 100.
#[utoipa::path(get, path = "/v1/trusted_token_profiles", tag = "Trusted Token Profiles",
    responses((status = 200, body = Envelope<ProfilesReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn list(State(app): State<App>, caller: Management) -> Result<Reply<ProfilesReply>, Failure> {
    let project = caller.current.project.id.clone();
    let profiles = app.store.read(move |tx| Ok(tx.list_trusted_profiles(&project)?)).await?;
    Ok(Reply(ProfilesReply { trusted_token_profiles: profiles.into_iter().map(ProfileObject::of).collect() }))
}

/// Changes a profile; it holds from the next attest or refresh on.
#[utoipa::path(put, path = "/v1/trusted_token_profiles/{profile_id}", tag = "Trusted Token Profiles",
    params(("profile_id" = String, Path)), request_body = ProfileChange,
    responses((status = 200, body = Envelope<ProfileReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
    Body(asked): Body<ProfileChange>,
) -> Result<Reply<ProfileReply>, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, *now);
    let profile = app
        .store
        .write(move |tx| {
            let profile = tx.take_trusted_profile(&project, &id)?.ok_or(NOT_FOUND)?;
            let settings = asked.clone().apply(profile.settings.clone())?;
            let changed = audit_event::changed(&profile.settings, &settings);
            let profile = TrustedProfile { settings, updated_at: *now, ..profile };
            tx.save_trusted_profile(&project, &profile)?;
            if !changed.is_empty() {
                let event = occasion.event(EventKind::TrustedTokenProfileChanged);
                let event = event.detail("profile_id", profile.id.clone()).detail("changed", changed);
                tx.record(&project, &event)?;
            }
            Ok(profile)
        })
        .await?;
    Ok(Reply(ProfileReply { trusted_token_profile: ProfileObject::of(profile) }))
}

/// Trusts an issuer no more: nobody comes in by it, and refresh tokens whose login stems from it end. Sessions that it
/// began live to their end; `users/{user_id}/sign_out_everywhere` ends them.
#[utoipa::path(delete, path = "/v1/trusted_token_profiles/{profile_id}", tag = "Trusted Token Profiles",
    params(("profile_id" = String, Path)),
    responses((status = 200, body = Envelope<Nothing>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<Nothing>, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, *now);
    app.store
        .write(move |tx| {
            if !tx.remove_trusted_profile(&project, &id)? {
                return Err(NOT_FOUND.into());
            }
            let event = occasion.event(EventKind::TrustedTokenProfileRemoved).detail("profile_id", id.clone());
            Ok(tx.record(&project, &event)?)
        })
        .await?;
    Ok(Reply(Nothing {}))
}
