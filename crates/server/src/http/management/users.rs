//! `/v1/users`: create, get, update, search, delete, and what a user is reached by.

use super::{
    body::Body,
    caller::Management,
    cursor::{self, ResultsMetadata},
    error::{refuse_api, refuse_with},
    reply::{Envelope, ErrorEnvelope, Reply},
    user_object::{EmailObject, PhoneNumberObject, UserObject, take_user_of, user_of},
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Now,
    project, rfc3339,
    store::{Position, Taken, Tx},
};
use axum::extract::{Path, State};
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::{self, Actor, EventKind, Occasion},
    email_address, external_id,
    id::{EmailId, PhoneId, ProjectId, UserId},
    phone_number,
    policy::Policy,
    user::{self, Email, Name, NameKind, PhoneNumber, Profile, Status, User},
    user_factors::{self, Factor},
    user_metadata, user_name,
    user_search::{self, Lookup, Operator, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use utoipa::ToSchema;

pub(crate) const DUPLICATE_EMAIL: Refusal =
    refuse_api(400, "duplicate_email", "another user has this address; search with email_address finds them");
pub(crate) const DUPLICATE_PHONE_NUMBER: Refusal =
    refuse_api(400, "duplicate_phone_number", "another user has this number; search with phone_number finds them");
pub(crate) const DUPLICATE_EXTERNAL_ID: Refusal =
    refuse_api(400, "duplicate_user_external_id", "another user has this external_id; search with user_id finds them");
pub(crate) const EMAIL_NOT_FOUND: Refusal = refuse_api(404, "email_not_found", "no user has an address with this id");
pub(crate) const PHONE_NOT_FOUND: Refusal =
    refuse_api(404, "phone_number_not_found", "no user has a phone number with this id");
pub(crate) const PASSWORD_NOT_FOUND: Refusal =
    refuse_api(404, "password_not_found", "no user has a password with this id");
pub(crate) const WEBAUTHN_NOT_FOUND: Refusal =
    refuse_api(404, "webauthn_registration_not_found", "no user here has passkeys");
pub(crate) const BIOMETRIC_NOT_FOUND: Refusal =
    refuse_api(404, "biometric_registration_not_found", "no user here has biometric registrations");
pub(crate) const TOTP_NOT_FOUND: Refusal = refuse_api(404, "totp_not_found", "no user here has authenticator apps");
pub(crate) const WALLET_NOT_FOUND: Refusal = refuse_api(404, "crypto_wallet_not_found", "no user here has wallets");
pub(crate) const OAUTH_NOT_FOUND: Refusal =
    refuse_api(404, "oauth_user_registration_not_found", "no user here has social logins");

/// How many users one call looks at; then it answers with what it found and where to go on.
const MAX_LOOKED_AT: u32 = 20_000;
const BATCH: u32 = 1000;

/// A person's name; what is absent stays as it is, `""` takes it away.
#[derive(Clone, Deserialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub(crate) struct NameChange {
    first_name: Option<String>,
    middle_name: Option<String>,
    last_name: Option<String>,
}

impl From<NameChange> for user_name::Change {
    fn from(own: NameChange) -> Self {
        Self { first: own.first_name, middle: own.middle_name, last: own.last_name }
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateUser {
    email: Option<String>,
    /// In E.164 form.
    phone_number: Option<String>,
    name: Option<NameChange>,
    /// The user becomes active by logging in.
    #[serde(default, rename = "create_user_as_pending")]
    is_pending: bool,
    /// At most 20 keys and 4 KB.
    #[schema(value_type = Option<Object>)]
    trusted_metadata: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>)]
    untrusted_metadata: Option<Map<String, Value>>,
    /// 1 to 128 of `A-Z a-z 0-9 . _ | -`.
    external_id: Option<String>,
    /// Roles of the policy.
    roles: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Created {
    user_id: String,
    /// Empty if the user has no address.
    email_id: String,
    /// Empty if the user has no phone number.
    phone_id: String,
    status: &'static str,
    user: UserObject,
}

/// Creates a user.
#[utoipa::path(post, path = "/v1/users", tag = "Users", request_body = CreateUser,
    responses((status = 200, body = Envelope<Created>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<CreateUser>,
) -> Result<Reply<Created>, Failure> {
    let project = &caller.current.project;
    let email = asked.email.as_deref().map(|text| new_email(&app, &project.id, text)).transpose()?;
    let phone = asked.phone_number.as_deref().map(|text| new_phone_number(&app, &project.id, text)).transpose()?;
    let mut profile = Profile {
        emails: email.into_iter().collect(),
        phone_numbers: phone.into_iter().collect(),
        status: if asked.is_pending { Status::Pending } else { Status::Active },
        ..Profile::default()
    };
    let change = UpdateUser {
        name: asked.name,
        trusted_metadata: asked.trusted_metadata,
        untrusted_metadata: asked.untrusted_metadata,
        external_id: None,
        roles: None,
    };
    change.apply(&mut profile)?;
    let user = User {
        external_id: asked.external_id.as_deref().map(external_id::parse).transpose()?,
        roles: roles(&project.policy, asked.roles.unwrap_or_default())?,
        ..User::new(project::new_user_id(&project.id, &app.entropy), profile, *now)
    };
    let object = UserObject::of(&user, None, *now);
    let project = project.id.clone();
    let occasion = app.occasion(Actor::Host, *now);
    app.store
        .write(move |tx| {
            tx.add_user(&project, &user)?.map_err(taken)?;
            Ok(tx.record(&project, &occasion.event(EventKind::UserAdded).user(&user.id))?)
        })
        .await?;
    Ok(Reply(Created {
        user_id: object.user_id.clone(),
        email_id: object.emails.first().map(|own| own.email_id.clone()).unwrap_or_default(),
        phone_id: object.phone_numbers.first().map(|own| own.phone_id.clone()).unwrap_or_default(),
        status: object.status,
        user: object,
    }))
}

pub(super) fn new_email(app: &App, project: &ProjectId, text: &str) -> Result<Email, Refusal> {
    let address = email_address::parse(text)?;
    Ok(Email { id: project::new_email_id(project, &app.entropy), address, verified: false })
}

pub(super) fn new_phone_number(app: &App, project: &ProjectId, text: &str) -> Result<PhoneNumber, Refusal> {
    let number = phone_number::parse(text)?;
    Ok(PhoneNumber { id: project::new_phone_id(project, &app.entropy), number, verified: false })
}

/// The roles to store: those of the policy that were asked for; everybody has `stytch_user` anyway.
pub(super) fn roles(policy: &Policy, asked: Vec<String>) -> Result<Vec<String>, Refusal> {
    project::roles_to_store(policy, asked)
        .map_err(|error| refuse_with(400, "invalid_rbac_role_id", format!("roles: {error}")))
}

pub(super) fn taken(taken: Taken) -> Failure {
    match taken {
        Taken::Name(Name { kind: NameKind::Email, .. }) => DUPLICATE_EMAIL.into(),
        Taken::Name(Name { kind: NameKind::PhoneNumber, .. }) => DUPLICATE_PHONE_NUMBER.into(),
        Taken::Name(Name { kind: NameKind::ExternalId, .. }) => DUPLICATE_EXTERNAL_ID.into(),
        // Ids are drawn at random.
        taken => Failure::Fault(anyhow::anyhow!("a new id is taken: {taken:?}")),
    }
}

/// Gets a user by id or external id.
#[utoipa::path(get, path = "/v1/users/{user_id}", tag = "Users", params(("user_id" = String, Path)),
    responses((status = 200, body = Envelope<UserObject>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<UserObject>, Failure> {
    let project = caller.current.project.id.clone();
    let object = app.store.read(move |tx| {
        let user = user_of(tx, &project, &id)?;
        UserObject::load(tx, &project, &user, *now)
    });
    Ok(Reply(object.await?))
}

#[derive(Clone, Deserialize, ToSchema)]
pub(crate) struct UpdateUser {
    pub(crate) name: Option<NameChange>,
    /// Merged at the top; `null` takes a key away.
    #[schema(value_type = Option<Object>)]
    pub(crate) trusted_metadata: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>)]
    pub(crate) untrusted_metadata: Option<Map<String, Value>>,
    /// `""` takes it away.
    pub(crate) external_id: Option<String>,
    /// Instead of those that the user has.
    pub(crate) roles: Option<Vec<String>>,
}

impl UpdateUser {
    /// Writes the name and the metadata; external id and roles are no part of a profile.
    pub(crate) fn apply(&self, profile: &mut Profile) -> Result<(), Refusal> {
        if let Some(name) = &self.name {
            user_name::change(profile, name.clone().into())?;
        }
        if let Some(change) = &self.trusted_metadata {
            user_metadata::merge(&mut profile.trusted_metadata, change.clone())?;
        }
        if let Some(change) = &self.untrusted_metadata {
            user_metadata::merge(&mut profile.untrusted_metadata, change.clone())?;
        }
        Ok(())
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Updated {
    user_id: String,
    emails: Vec<EmailObject>,
    phone_numbers: Vec<PhoneNumberObject>,
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    crypto_wallets: [Value; 0],
    user: UserObject,
}

/// Changes a user; what is absent stays as it is.
#[utoipa::path(put, path = "/v1/users/{user_id}", tag = "Users", params(("user_id" = String, Path)),
    request_body = UpdateUser,
    responses((status = 200, body = Envelope<Updated>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn update(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
    Body(asked): Body<UpdateUser>,
) -> Result<Reply<Updated>, Failure> {
    let new_roles = asked.roles.clone().map(|asked| roles(&caller.current.project.policy, asked)).transpose()?;
    let new_external_id = match asked.external_id.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(text) => Some(Some(external_id::parse(text)?)),
    };
    let user = change(&app, &caller, id, *now, move |user| {
        asked.apply(&mut user.profile)?;
        if let Some(roles) = &new_roles {
            user.roles.clone_from(roles);
        }
        if let Some(id) = &new_external_id {
            user.external_id.clone_from(id);
        }
        Ok(())
    });
    let user = user.await?;
    Ok(Reply(Updated {
        user_id: user.user_id.clone(),
        emails: user.emails.clone(),
        phone_numbers: user.phone_numbers.clone(),
        crypto_wallets: [],
        user,
    }))
}

/// Reads the user, locked, lets `by` change them, and writes them.
async fn change(
    app: &App,
    caller: &Management,
    id: String,
    now: Timestamp,
    by: impl Fn(&mut User) -> Result<(), Refusal> + Send + 'static,
) -> Result<UserObject, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, now);
    let write = app.store.write(move |tx| {
        let user = take_user_of(tx, &project, &id)?;
        change_taken(tx, &project, user, &occasion, &by)
    });
    write.await
}

/// As [`change`], for a user whose row the caller has taken.
pub(crate) fn change_taken(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    mut user: User,
    occasion: &Occasion,
    by: impl Fn(&mut User) -> Result<(), Refusal>,
) -> Result<UserObject, Failure> {
    let before = user.clone();
    by(&mut user)?;
    tx.update_user(project, &user, occasion.at)?.map_err(taken)?;
    let changed = audit_event::changed_of_user(&before, &user);
    if !changed.is_empty() {
        let event = occasion.event(EventKind::UserChanged).user(&user.id).detail("changed", changed);
        tx.record(project, &event)?;
    }
    UserObject::load(tx, project, &user, occasion.at)
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UserReply {
    user_id: String,
    user: UserObject,
}

impl From<UserObject> for Reply<UserReply> {
    fn from(user: UserObject) -> Self {
        Self(UserReply { user_id: user.user_id.clone(), user })
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    user_id: String,
}

/// Deletes a user with everything that belongs to them: sessions, tokens, permissions, password.
#[utoipa::path(delete, path = "/v1/users/{user_id}", tag = "Users", params(("user_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<Deleted>, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, *now);
    let remove = app.store.write(move |tx| {
        let user = user_of(tx, &project, &id)?;
        if tx.remove_user(&project, &user.id, *now)? {
            tx.record(&project, &occasion.event(EventKind::UserDeleted).user(&user.id))?;
        }
        Ok(user.id.to_string())
    });
    Ok(Reply(Deleted { user_id: remove.await? }))
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct ExchangePrimaryFactor {
    /// Instead of `phone_number`.
    email_address: Option<String>,
    /// Instead of `email_address`.
    phone_number: Option<String>,
}

/// Puts another address or number in the place of the only one that a user has.
#[utoipa::path(put, path = "/v1/users/{user_id}/exchange_primary_factor", tag = "Users",
    params(("user_id" = String, Path)), request_body = ExchangePrimaryFactor,
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn exchange_primary_factor(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
    Body(asked): Body<ExchangePrimaryFactor>,
) -> Result<Reply<UserReply>, Failure> {
    let project = &caller.current.project.id;
    let factor = match (asked.email_address, asked.phone_number) {
        (Some(text), None) => Factor::Email(new_email(&app, project, &text)?),
        (None, Some(text)) => Factor::PhoneNumber(new_phone_number(&app, project, &text)?),
        _ => return Err(user_factors::NOT_EXACTLY_ONE.into()),
    };
    let by = move |user: &mut User| user_factors::exchange(&mut user.profile, factor.clone());
    Ok(change(&app, &caller, id, *now, by).await?.into())
}

/// Takes an e-mail address away.
#[utoipa::path(delete, path = "/v1/users/emails/{email_id}", tag = "Users", params(("email_id" = String, Path)),
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_email(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<UserReply>, Failure> {
    let id = EmailId::new(id);
    let name = Name::email_id(&id);
    let by = move |user: &mut User| user_factors::remove_email(&mut user.profile, &id);
    change_holder(&app, &caller, name, EMAIL_NOT_FOUND, *now, by).await
}

/// Takes a phone number away.
#[utoipa::path(delete, path = "/v1/users/phone_numbers/{phone_id}", tag = "Users",
    params(("phone_id" = String, Path)),
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_phone_number(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<UserReply>, Failure> {
    let id = PhoneId::new(id);
    let name = Name::phone_id(&id);
    let by = move |user: &mut User| user_factors::remove_phone_number(&mut user.profile, &id);
    change_holder(&app, &caller, name, PHONE_NOT_FOUND, *now, by).await
}

/// As [`change`], for the user who has `name`.
async fn change_holder(
    app: &App,
    caller: &Management,
    name: Name,
    not_found: Refusal,
    now: Timestamp,
    by: impl Fn(&mut User) -> Result<(), Refusal> + Send + 'static,
) -> Result<Reply<UserReply>, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, now);
    let write = app.store.write(move |tx| {
        let holder = tx.find_user_by_name(&project, &name)?.ok_or_else(|| not_found.clone())?;
        let user = tx.take_user(&project, &holder.id)?.filter(|user| user.names().contains(&name));
        let user = user.ok_or_else(|| not_found.clone())?;
        change_taken(tx, &project, user, &occasion, &by)
    });
    Ok(write.await?.into())
}

/// Takes a password away.
#[utoipa::path(delete, path = "/v1/users/passwords/{password_id}", tag = "Users",
    params(("password_id" = String, Path)),
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_password(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<UserReply>, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, *now);
    let write = app.store.write(move |tx| {
        for holder in user::holders_of_password(&id) {
            let Some(user) = tx.find_user(&project, &holder)? else { continue };
            if user.password_id() == id && tx.remove_password(&project, &holder)? {
                tx.record(&project, &occasion.event(EventKind::UserPasswordRemoved).user(&holder))?;
                return UserObject::load(tx, &project, &user, *now);
            }
        }
        Err(PASSWORD_NOT_FOUND.into())
    });
    Ok(write.await?.into())
}

/// Takes the external id away.
#[utoipa::path(delete, path = "/v1/users/{user_id}/external_id", tag = "Users", params(("user_id" = String, Path)),
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_external_id(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
) -> Result<Reply<UserReply>, Failure> {
    let by = |user: &mut User| {
        user.external_id = None;
        Ok(())
    };
    Ok(change(&app, &caller, id, *now, by).await?.into())
}

/// Users have no passkeys here, so there is none to delete.
#[utoipa::path(delete, path = "/v1/users/webauthn_registrations/{webauthn_registration_id}", tag = "Users", params(("webauthn_registration_id" = String, Path)),
    responses((status = 404, body = ErrorEnvelope), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_webauthn_registration(_caller: Management) -> Failure {
    WEBAUTHN_NOT_FOUND.into()
}

/// Users have no biometric registrations here, so there is none to delete.
#[utoipa::path(delete, path = "/v1/users/biometric_registrations/{biometric_registration_id}", tag = "Users", params(("biometric_registration_id" = String, Path)),
    responses((status = 404, body = ErrorEnvelope), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_biometric_registration(_caller: Management) -> Failure {
    BIOMETRIC_NOT_FOUND.into()
}

/// Users have no authenticator apps here, so there is none to delete.
#[utoipa::path(delete, path = "/v1/users/totps/{totp_id}", tag = "Users", params(("totp_id" = String, Path)),
    responses((status = 404, body = ErrorEnvelope), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_totp(_caller: Management) -> Failure {
    TOTP_NOT_FOUND.into()
}

/// Users have no wallets here, so there is none to delete.
#[utoipa::path(delete, path = "/v1/users/crypto_wallets/{crypto_wallet_id}", tag = "Users", params(("crypto_wallet_id" = String, Path)),
    responses((status = 404, body = ErrorEnvelope), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_crypto_wallet(_caller: Management) -> Failure {
    WALLET_NOT_FOUND.into()
}

/// Users have no social logins here, so there is none to delete.
#[utoipa::path(delete, path = "/v1/users/oauth/{oauth_user_registration_id}", tag = "Users", params(("oauth_user_registration_id" = String, Path)),
    responses((status = 404, body = ErrorEnvelope), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn delete_oauth_registration(_caller: Management) -> Failure {
    OAUTH_NOT_FOUND.into()
}

/// Ends everything that the user has here, and lets nobody in as them: an extension.
#[utoipa::path(post, path = "/v1/users/{user_id}/disable", tag = "Users", params(("user_id" = String, Path)),
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn disable(
    state: State<App>,
    caller: Management,
    now: Now,
    id: Path<String>,
) -> Result<Reply<UserReply>, Failure> {
    let disable = |tx: &mut Tx<'_>, project: &ProjectId, user: &User, now| {
        tx.disable_user(project, &user.id, now)?;
        Ok(user.disabled_at.is_none())
    };
    act(state, caller, now, id, EventKind::UserDisabled, disable).await
}

/// Lets a disabled user in again; what has ended stays ended: an extension.
#[utoipa::path(post, path = "/v1/users/{user_id}/enable", tag = "Users", params(("user_id" = String, Path)),
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn enable(
    state: State<App>,
    caller: Management,
    now: Now,
    id: Path<String>,
) -> Result<Reply<UserReply>, Failure> {
    let enable = |tx: &mut Tx<'_>, project: &ProjectId, user: &User, now| {
        tx.enable_user(project, &user.id, now)?;
        Ok(user.disabled_at.is_some())
    };
    act(state, caller, now, id, EventKind::UserEnabled, enable).await
}

/// Ends every session, token and open authorization request of the user: an extension.
#[utoipa::path(post, path = "/v1/users/{user_id}/sign_out_everywhere", tag = "Users",
    params(("user_id" = String, Path)),
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn sign_out_everywhere(
    state: State<App>,
    caller: Management,
    now: Now,
    id: Path<String>,
) -> Result<Reply<UserReply>, Failure> {
    let sign_out = |tx: &mut Tx<'_>, project: &ProjectId, user: &User, now| {
        tx.sign_out_everywhere(project, &user.id, now)?;
        Ok(true)
    };
    act(state, caller, now, id, EventKind::UserSignedOut, sign_out).await
}

/// Forgets wrong passwords, so that the user may try again at once: an extension.
#[utoipa::path(post, path = "/v1/users/{user_id}/unlock", tag = "Users", params(("user_id" = String, Path)),
    responses((status = 200, body = Envelope<UserReply>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn unlock(
    state: State<App>,
    caller: Management,
    now: Now,
    id: Path<String>,
) -> Result<Reply<UserReply>, Failure> {
    let unlock = |tx: &mut Tx<'_>, project: &ProjectId, user: &User, now| {
        let was_locked = tx.find_password(project, &user.id)?.is_some_and(|password| password.is_locked(now));
        tx.reset_password_failures(project, &user.id)?;
        Ok(was_locked)
    };
    act(state, caller, now, id, EventKind::UserUnlocked, unlock).await
}

/// Does `what` to the user, who is locked. It says whether there was anything to do; if so, it is an event.
async fn act(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Path(id): Path<String>,
    kind: EventKind,
    what: fn(&mut Tx<'_>, &ProjectId, &User, Timestamp) -> anyhow::Result<bool>,
) -> Result<Reply<UserReply>, Failure> {
    let project = caller.current.project.id.clone();
    let occasion = app.occasion(Actor::Host, *now);
    let write = app.store.write(move |tx| {
        let user = take_user_of(tx, &project, &id)?;
        if what(tx, &project, &user, *now)? {
            tx.record(&project, &occasion.event(kind).user(&user.id))?;
        }
        // As they are after it.
        let user = user_of(tx, &project, user.id.as_str())?;
        UserObject::load(tx, &project, &user, *now)
    });
    Ok(write.await?.into())
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct SearchUsers {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1000; 100 if absent.
    limit: Option<i64>,
    /// Absent for all users.
    query: Option<SearchQuery>,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct SearchQuery {
    /// `AND` (if absent) or `OR`.
    operator: Option<SearchOperator>,
    #[serde(default)]
    operands: Vec<Operand>,
}

impl SearchQuery {
    /// The operator and the filters, each by `parse`. Without a query there is no filter.
    pub(super) fn read<F>(
        asked: Option<Self>,
        parse: impl Fn(&str, &Value) -> Result<F, Refusal>,
    ) -> Result<(Operator, Vec<F>), Refusal> {
        let Some(asked) = asked else { return Ok((Operator::And, Vec::new())) };
        let operator = if matches!(asked.operator, Some(SearchOperator::Or)) { Operator::Or } else { Operator::And };
        let filters = asked.operands.iter().map(|own| parse(&own.filter_name, &own.filter_value));
        Ok((operator, filters.collect::<Result<_, _>>()?))
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum SearchOperator {
    And,
    Or,
}

#[derive(Deserialize, ToSchema)]
struct Operand {
    filter_name: String,
    #[schema(value_type = Object)]
    filter_value: Value,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Found {
    results: Vec<UserObject>,
    /// `total` is -1 where counting would mean to look at more than 20,000 users. A page may have fewer users than
    /// `limit`, even none, and still a next one.
    results_metadata: ResultsMetadata,
}

/// Finds users, oldest first.
#[utoipa::path(post, path = "/v1/users/search", tag = "Users", request_body = SearchUsers,
    responses((status = 200, body = Envelope<Found>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn search(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(asked): Body<SearchUsers>,
) -> Result<Reply<Found>, Failure> {
    let (after, limit) = (cursor::parse(asked.cursor.as_deref())?, cursor::limit(asked.limit)?);
    let (operator, filters) =
        SearchQuery::read(asked.query, |name, value| user_search::parse(name, value, rfc3339::parse))?;
    let query = Query { operator, filters };
    let project = caller.current.project.id.clone();
    let (users, total) = if let Some(lookups) = query.lookups() {
        let lookups = lookups.into_iter().cloned().collect();
        look_up(&app, project.clone(), query, lookups, after.clone(), limit).await?
    } else if query.filters.is_empty() {
        let project = project.clone();
        let page =
            app.store.read(move |tx| Ok((tx.list_users(&project, &after, limit + 1)?, tx.count_users(&project)?)));
        page.await?
    } else {
        return walk(&app, project, query, after, limit, *now).await;
    };
    let (page, next_cursor) = cursor::page(users, limit, position);
    let results = objects(&app, project, page, *now).await?;
    Ok(Reply(Found { results, results_metadata: ResultsMetadata { total, next_cursor } }))
}

fn position(user: &User) -> Position {
    Position { created_at: user.created_at, id: user.id.to_string() }
}

fn fits(tx: &mut Tx<'_>, project: &ProjectId, query: &Query, user: &User) -> Result<bool, Failure> {
    let has_password = query.needs_password() && tx.find_password(project, &user.id)?.is_some();
    Ok(query.fits(user, has_password))
}

/// Those who are found by their names, and how many they are on all pages.
async fn look_up(
    app: &App,
    project: ProjectId,
    query: Query,
    lookups: Vec<Lookup>,
    after: Position,
    limit: u32,
) -> Result<(Vec<User>, i64), Failure> {
    let found = app.store.read(move |tx| {
        let mut found: Vec<User> = Vec::new();
        for lookup in &lookups {
            let user = match lookup {
                Lookup::Id(id) => match tx.find_user(&project, &UserId::new(id))? {
                    None => tx.find_user_by_name(&project, &Name::external_id(id))?,
                    user => user,
                },
                Lookup::Name(name) => tx.find_user_by_name(&project, name)?,
            };
            let Some(user) = user else { continue };
            if !found.iter().any(|own| own.id == user.id) && fits(tx, &project, &query, &user)? {
                found.push(user);
            }
        }
        Ok(found)
    });
    let mut found = found.await?;
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    found.sort_by(|a, b| (a.created_at, a.id.as_str()).cmp(&(b.created_at, b.id.as_str())));
    found.retain(|user| (user.created_at, user.id.as_str()) > (after.created_at, after.id.as_str()));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1));
    Ok((found, total))
}

/// Looks at users one after the other, in small steps so that others come in between, and only at so many.
async fn walk(
    app: &App,
    project: ProjectId,
    query: Query,
    after: Position,
    limit: u32,
    now: Timestamp,
) -> Result<Reply<Found>, Failure> {
    let is_first = after == Position::START;
    let (created_after, created_before) = query.created_within();
    let after = after.max(created_after.map_or(Position::START, Position::after));
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut page, mut more, mut count, mut looked_at, mut at) = (Vec::new(), None, 0_i64, 0, after);
    let is_whole = loop {
        if looked_at >= MAX_LOOKED_AT {
            break false;
        }
        let (project, query, after) = (project.clone(), query.clone(), at.clone());
        let step = app.store.read(move |tx| {
            let users = tx.list_users(&project, &after, BATCH)?;
            let with_password = if query.needs_password() {
                tx.list_users_with_password(&project, &after, BATCH)?
            } else {
                BTreeSet::new()
            };
            let is_early = |user: &User| created_before.is_none_or(|before| user.created_at < before);
            let early = users.into_iter().take_while(is_early);
            Ok(early.map(|user| (query.fits(&user, with_password.contains(&user.id)), user)).collect::<Vec<_>>())
        });
        let step = step.await?;
        let is_last = step.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        looked_at += BATCH;
        for (fits, user) in step {
            at = position(&user);
            if !fits {
                continue;
            }
            count += 1;
            if page.len() < wanted {
                page.push(user);
            } else if more.is_none() {
                more = page.last().map(position);
            }
        }
        if is_last {
            break true;
        }
        if more.is_some() && !is_first {
            break false;
        }
    };
    let next = match (more, is_whole) {
        (Some(more), _) => Some(more),
        (None, true) => None,
        (None, false) => Some(at),
    };
    let total = if is_whole && is_first { count } else { -1 };
    let results = objects(app, project, page, now).await?;
    let next_cursor = next.as_ref().map(cursor::text);
    Ok(Reply(Found { results, results_metadata: ResultsMetadata { total, next_cursor } }))
}

async fn objects(app: &App, project: ProjectId, users: Vec<User>, now: Timestamp) -> Result<Vec<UserObject>, Failure> {
    let load = app.store.read(move |tx| {
        users.iter().map(|user| UserObject::load(tx, &project, user, now)).collect::<Result<Vec<_>, Failure>>()
    });
    load.await
}
