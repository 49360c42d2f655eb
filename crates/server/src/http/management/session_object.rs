//! A session as the management API shows it.

use crate::rfc3339;
use hospes_protocol::{
    rbac::EVERYBODY,
    session::{Factor, FactorMethod, FullSession},
    user::User,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SessionObject {
    pub(crate) session_id: String,
    pub(crate) user_id: String,
    pub(crate) started_at: String,
    pub(crate) last_accessed_at: String,
    pub(crate) expires_at: String,
    pub(crate) attributes: AttributesObject,
    pub(crate) authentication_factors: Vec<FactorObject>,
    #[schema(value_type = Object)]
    pub(crate) custom_claims: Map<String, Value>,
    /// The roles of the user, `stytch_user` among them.
    pub(crate) roles: Vec<String>,
}

/// The end user's device; empty where it is not known.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AttributesObject {
    pub(crate) ip_address: String,
    pub(crate) user_agent: String,
}

/// One way in which the user proved who they are; the member that belongs to it is there, the others are not.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FactorObject {
    #[serde(rename = "type")]
    kind: &'static str,
    delivery_method: &'static str,
    last_authenticated_at: String,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_factor: Option<EmailFactor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted_auth_token_factor: Option<TrustedAuthTokenFactor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth_access_token_exchange_factor: Option<AccessTokenExchangeFactor>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct EmailFactor {
    email_id: String,
    email_address: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct TrustedAuthTokenFactor {
    token_id: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct AccessTokenExchangeFactor {
    client_id: String,
}

impl SessionObject {
    pub(crate) fn of(full: &FullSession, user: &User) -> Self {
        let session = &full.session;
        Self {
            session_id: session.id.to_string(),
            user_id: session.user_id.to_string(),
            started_at: rfc3339::text(session.created_at),
            last_accessed_at: rfc3339::text(full.last_accessed_at),
            expires_at: rfc3339::text(session.expires_at),
            attributes: AttributesObject {
                ip_address: full.attributes.ip_address.clone(),
                user_agent: full.attributes.user_agent.clone(),
            },
            authentication_factors: full.factors.iter().map(FactorObject::of).collect(),
            custom_claims: full.custom_claims.clone(),
            roles: roles_of(user),
        }
    }
}

impl FactorObject {
    fn of(factor: &Factor) -> Self {
        let (kind, delivery_method) = match &factor.method {
            FactorMethod::Password { .. } => ("password", "knowledge"),
            FactorMethod::EmailLink { .. } => ("magic_link", "email"),
            FactorMethod::TrustedAuthToken { .. } => ("trusted_auth_token", "trusted_token_exchange"),
            FactorMethod::AccessTokenExchange { .. } => ("oauth", "oauth_access_token_exchange"),
            FactorMethod::Imported => ("imported", "imported_auth0"),
        };
        let mut object = Self {
            kind,
            delivery_method,
            last_authenticated_at: rfc3339::text(factor.last_authenticated_at),
            created_at: rfc3339::text(factor.created_at),
            updated_at: rfc3339::text(factor.last_authenticated_at),
            email_factor: None,
            trusted_auth_token_factor: None,
            oauth_access_token_exchange_factor: None,
        };
        match factor.method.clone() {
            FactorMethod::Password { email_id, email_address }
            | FactorMethod::EmailLink { email_id, email_address } => {
                object.email_factor = Some(EmailFactor { email_id, email_address });
            }
            FactorMethod::TrustedAuthToken { token_id } => {
                object.trusted_auth_token_factor = Some(TrustedAuthTokenFactor { token_id });
            }
            FactorMethod::AccessTokenExchange { client_id } => {
                let client_id = client_id.to_string();
                object.oauth_access_token_exchange_factor = Some(AccessTokenExchangeFactor { client_id });
            }
            FactorMethod::Imported => {}
        }
        object
    }
}

/// The roles of a user, the one that everybody has among them.
pub(crate) fn roles_of(user: &User) -> Vec<String> {
    let mut roles = vec![EVERYBODY.to_owned()];
    roles.extend(user.roles.iter().filter(|role| *role != EVERYBODY).cloned());
    roles
}

/// What the session's JWT says about it.
pub(crate) fn session_claim(full: &FullSession, user: &User) -> Value {
    let object = SessionObject::of(full, user);
    json!({
        "id": object.session_id,
        "started_at": object.started_at,
        "last_accessed_at": object.last_accessed_at,
        "expires_at": object.expires_at,
        "attributes": { "user_agent": object.attributes.user_agent, "ip_address": object.attributes.ip_address },
        "authentication_factors": object.authentication_factors,
        "roles": object.roles,
    })
}
