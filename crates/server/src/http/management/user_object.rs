//! A user as the management API shows them.

use super::moment;
use crate::{failure::Failure, store::Tx};
use hospes_protocol::{id::ProjectId, user::User};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UserObject {
    pub(crate) user_id: String,
    pub(crate) status: &'static str,
    pub(crate) created_at: String,
    pub(crate) is_locked: bool,
    pub(crate) roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
}

impl UserObject {
    pub(crate) fn load(tx: &mut Tx<'_>, project: &ProjectId, user: &User) -> Result<Self, Failure> {
        let password = tx.find_password(project, &user.id)?;
        Ok(Self {
            user_id: user.id.to_string(),
            status: "active",
            created_at: moment::text(user.created_at),
            is_locked: password.is_some_and(|password| password.locked_until.is_some()),
            roles: user.roles.clone(),
            external_id: user.external_id.clone(),
        })
    }
}
