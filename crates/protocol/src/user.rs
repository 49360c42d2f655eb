//! The user record: the resource owner, as the host app knows them.

use crate::{id::UserId, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub struct User {
    pub id: UserId,
    /// The host app's own id of this user, if it gave one.
    pub external_id: Option<String>,
    pub profile: Profile,
    /// Roles of the RBAC policy, which limit what a client may get on the user's behalf.
    pub roles: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
    /// Sessions and tokens issued before this time are void.
    pub tokens_valid_from: Timestamp,
}

/// The standard claims (OIDC Core §5.1) of a user. Absent members are absent claims, never `null`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default)]
    pub email_verified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(default)]
    pub phone_number_verified: bool,
    /// OIDC Core §5.1.1: `formatted`, `street_address`, `locality`, `region`, `postal_code`, `country`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Map<String, Value>>,
    /// The claims of scope `profile` by their registered names (`name`, `given_name`, `picture`, `locale` …).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
}
