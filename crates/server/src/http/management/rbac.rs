//! `/v1/rbac/policy`: roles, resources and scope values.

use super::{
    body::Body,
    caller::Management,
    reply::{Envelope, ErrorEnvelope, Reply},
};
use crate::{app::App, failure::Failure, http::extract::Now, store::projects::Project};
use axum::extract::State;
use hospes_protocol::{
    audit_event::{self, AuditEvent, EventKind, Occasion},
    policy::{Permission, Policy},
    rbac::{Document, EVERYBODY},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyReply {
    policy: PolicyView,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyView {
    /// Also `stytch_user`, the role that everybody has.
    roles: Vec<RoleView>,
    resources: Vec<ResourceView>,
    scopes: Vec<ScopeView>,
}

#[derive(Serialize, ToSchema)]
struct RoleView {
    role_id: String,
    description: String,
    permissions: Vec<PermissionView>,
}

#[derive(Serialize, ToSchema)]
struct ResourceView {
    resource_id: String,
    description: String,
    actions: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct ScopeView {
    scope: String,
    description: String,
    permissions: Vec<PermissionView>,
}

#[derive(Serialize, ToSchema)]
struct PermissionView {
    resource_id: String,
    /// `*` stands for every action.
    actions: Vec<String>,
}

impl PolicyView {
    pub(crate) fn of(policy: &Policy) -> Self {
        let Document { stytch_user, custom_roles, custom_resources, custom_scopes } = Document::of(policy);
        let everybody = RoleView {
            role_id: EVERYBODY.to_owned(),
            description: "Every user has this role.".to_owned(),
            permissions: permissions(stytch_user.permissions),
        };
        let custom = custom_roles.into_iter().map(|own| RoleView {
            role_id: own.role_id,
            description: own.description,
            permissions: permissions(own.permissions),
        });
        Self {
            roles: [everybody].into_iter().chain(custom).collect(),
            resources: custom_resources
                .into_iter()
                .map(|own| ResourceView {
                    resource_id: own.resource_id,
                    description: own.description,
                    actions: own.available_actions,
                })
                .collect(),
            scopes: custom_scopes
                .into_iter()
                .map(|own| ScopeView {
                    scope: own.scope,
                    description: own.description,
                    permissions: permissions(own.permissions),
                })
                .collect(),
        }
    }
}

fn permissions(own: Vec<Permission>) -> Vec<PermissionView> {
    let view = |Permission { resource_id, actions }| PermissionView { resource_id, actions };
    own.into_iter().map(view).collect()
}

/// Gets the policy.
#[utoipa::path(get, path = "/v1/rbac/policy", tag = "RBAC", responses(
    (status = 200, body = Envelope<PolicyReply>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn get(caller: Management) -> Reply<PolicyReply> {
    Reply(PolicyReply { policy: PolicyView::of(&caller.current.project.policy) })
}

/// Replaces roles, resources and scope values (our extension). What is missing from the body is gone; what a client or
/// a user can no longer have is narrowed away at their next request.
///
/// The body is not what the call above answers with: members have other names here, and those that are not known are
/// refused. It has `stytch_user {permissions}`, `custom_roles [{role_id, description, permissions}]`,
/// `custom_resources [{resource_id, description, available_actions}]` and
/// `custom_scopes [{scope, description, permissions, optional}]`, where a permission is `{resource_id, actions}`.
#[utoipa::path(put, path = "/v1/rbac/policy", tag = "RBAC", request_body = Object, responses(
    (status = 200, body = Envelope<PolicyReply>),
    (status = "4XX", body = ErrorEnvelope),
))]
pub(crate) async fn put(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(document): Body<Document>,
) -> Result<Reply<PolicyReply>, Failure> {
    let changed = super::settings::change_project(&app, &caller, *now, event, move |project: &mut Project| {
        project.policy = document.clone().apply(&project.policy)?;
        Ok(())
    })
    .await?;
    Ok(Reply(PolicyReply { policy: PolicyView::of(&changed.policy) }))
}

fn event(occasion: &Occasion, before: &Project, after: &Project) -> AuditEvent {
    occasion.event(EventKind::PolicyChanged).detail("changed", audit_event::changed(&before.policy, &after.policy))
}
