//! A user as the management API shows them, and finding one by what the host app calls them.

use super::{error::refuse_api, session_object::roles_of};
use crate::{
    failure::Failure,
    rfc3339,
    store::{Tx, passwords::Password},
};
use hospes_protocol::{
    Refusal, Timestamp,
    id::{ProjectId, UserId},
    user::{Name, User},
    user_name,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub(crate) const USER_NOT_FOUND: Refusal =
    refuse_api(404, "user_not_found", "the project has no user with this id or external id");

/// The user with this id or external id; every `user_id` of the management API may be either.
pub(crate) fn user_of(tx: &mut Tx<'_>, project: &ProjectId, text: &str) -> Result<User, Failure> {
    let user = match tx.find_user(project, &UserId::new(text))? {
        Some(user) => Some(user),
        None => tx.find_user_by_name(project, &Name::external_id(text))?,
    };
    Ok(user.ok_or(USER_NOT_FOUND)?)
}

/// As [`user_of`], with the row locked until the transaction ends: for whoever changes it.
pub(crate) fn take_user_of(tx: &mut Tx<'_>, project: &ProjectId, text: &str) -> Result<User, Failure> {
    let found = user_of(tx, project, text)?;
    Ok(tx.take_user(project, &found.id)?.ok_or(USER_NOT_FOUND)?)
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UserObject {
    pub(crate) user_id: String,
    pub(crate) name: NameObject,
    pub(crate) emails: Vec<EmailObject>,
    /// `active`, or `pending` before the first login.
    pub(crate) status: &'static str,
    pub(crate) phone_numbers: Vec<PhoneNumberObject>,
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    pub(crate) webauthn_registrations: [Value; 0],
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    pub(crate) providers: [Value; 0],
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    pub(crate) totps: [Value; 0],
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    pub(crate) crypto_wallets: [Value; 0],
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    pub(crate) biometric_registrations: [Value; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<PasswordObject>,
    /// After too many wrong passwords.
    pub(crate) is_locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock_created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock_expires_at: Option<String>,
    /// With `stytch_user`, which everybody has.
    pub(crate) roles: Vec<String>,
    pub(crate) created_at: String,
    /// An extension: the user was disabled at this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disabled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    #[schema(value_type = Object)]
    pub(crate) trusted_metadata: Map<String, Value>,
    #[schema(value_type = Object)]
    pub(crate) untrusted_metadata: Map<String, Value>,
}

/// What a person is called; empty where it is not known.
#[expect(clippy::struct_field_names, reason = "the contract's names")]
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct NameObject {
    pub(crate) first_name: String,
    pub(crate) middle_name: String,
    pub(crate) last_name: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EmailObject {
    pub(crate) email_id: String,
    pub(crate) email: String,
    pub(crate) verified: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PhoneNumberObject {
    pub(crate) phone_id: String,
    pub(crate) phone_number: String,
    pub(crate) verified: bool,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PasswordObject {
    pub(crate) password_id: String,
    /// It lets nobody in until it is reset.
    pub(crate) requires_reset: bool,
}

impl UserObject {
    pub(crate) fn load(tx: &mut Tx<'_>, project: &ProjectId, user: &User, now: Timestamp) -> Result<Self, Failure> {
        let password = tx.find_password(project, &user.id)?;
        Ok(Self::of(user, password.as_ref(), now))
    }

    pub(crate) fn of(user: &User, password: Option<&Password>, now: Timestamp) -> Self {
        let profile = &user.profile;
        let name = user_name::parts(profile);
        let lock = password.filter(|password| password.is_locked(now));
        let emails = profile.emails.iter().map(|own| EmailObject {
            email_id: own.id.to_string(),
            email: own.address.clone(),
            verified: own.verified,
        });
        let phone_numbers = profile.phone_numbers.iter().map(|own| PhoneNumberObject {
            phone_id: own.id.to_string(),
            phone_number: own.number.clone(),
            verified: own.verified,
        });
        Self {
            user_id: user.id.to_string(),
            name: NameObject { first_name: name.first, middle_name: name.middle, last_name: name.last },
            emails: emails.collect(),
            status: profile.status.as_str(),
            phone_numbers: phone_numbers.collect(),
            webauthn_registrations: [],
            providers: [],
            totps: [],
            crypto_wallets: [],
            biometric_registrations: [],
            password: password.map(|password| PasswordObject {
                password_id: user.password_id(),
                requires_reset: password.must_reset_at.is_some(),
            }),
            is_locked: lock.is_some(),
            lock_created_at: lock.and_then(|lock| lock.locked_at).map(rfc3339::text),
            lock_expires_at: lock.and_then(|lock| lock.locked_until).map(rfc3339::text),
            roles: roles_of(user),
            created_at: rfc3339::text(user.created_at),
            disabled_at: user.disabled_at.map(rfc3339::text),
            external_id: user.external_id.clone(),
            trusted_metadata: profile.trusted_metadata.clone(),
            untrusted_metadata: profile.untrusted_metadata.clone(),
        }
    }
}
