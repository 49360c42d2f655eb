//! `POST /v1/passwords/migrate`: a user comes with the hash of a password from the login before.

use super::{
    body::{self, Body},
    caller::Management,
    error::refuse_api,
    password_hash::PasswordHash,
    reply::{Envelope, ErrorEnvelope, Reply},
    user_object::UserObject,
    users::{NameChange, UpdateUser, new_email, new_phone_number, roles, taken},
};
use crate::{
    app::App,
    failure::Failure,
    http::extract::Now,
    project,
    store::{Taken, Tx},
};
use axum::extract::State;
use hospes_protocol::{
    Refusal, Timestamp,
    audit_event::{Actor, EventKind, Occasion},
    external_id,
    id::{ProjectId, UserId},
    user::{Email, Name, NameKind, PhoneNumber, Profile, User},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub(crate) const ALREADY_EXISTS: Refusal = refuse_api(
    400,
    "password_already_exists",
    "the user has a password; DELETE /v1/users/passwords/{password_id} takes it away",
);

#[derive(Deserialize, ToSchema)]
#[schema(as = MigratePassword)]
pub(crate) struct Migrate {
    email: String,
    #[serde(flatten)]
    password: PasswordHash,
    /// Somebody proved that the address is the user's.
    set_email_verified: Option<bool>,
    name: Option<NameChange>,
    /// At most 20 keys and 4 KB.
    #[schema(value_type = Option<Object>)]
    trusted_metadata: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>)]
    untrusted_metadata: Option<Map<String, Value>>,
    /// In E.164 form.
    phone_number: Option<String>,
    set_phone_number_verified: Option<bool>,
    /// 1 to 128 of `A-Z a-z 0-9 . _ | -`.
    external_id: Option<String>,
    /// Roles of the policy.
    roles: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Migrated {
    user_id: String,
    email_id: String,
    /// `false` if there was a user with this address, without a password.
    user_created: bool,
    user: UserObject,
}

/// Gives a user the password that they had at the login before, by its hash; makes the user if nobody has the address.
/// The hash is kept inside of an argon2id hash, and the first login with the right password replaces it.
#[utoipa::path(post, path = "/v1/passwords/migrate", tag = "Passwords", request_body = Migrate,
    responses((status = 200, body = Envelope<Migrated>), (status = "4XX", body = ErrorEnvelope)))]
pub(crate) async fn migrate(
    State(app): State<App>,
    caller: Management,
    now: Now,
    Body(members): Body<Map<String, Value>>,
) -> Result<Reply<Migrated>, Failure> {
    // By itself first: what is wrong inside of a flattened part cannot be named.
    body::read::<PasswordHash>(members.clone())?;
    let asked: Migrate = body::read(members)?;
    let current = &caller.current.project;
    let email =
        Email { verified: asked.set_email_verified == Some(true), ..new_email(&app, &current.id, &asked.email)? };
    let phone = asked.phone_number.as_deref().map(|text| new_phone_number(&app, &current.id, text)).transpose()?;
    let is_phone_verified = asked.set_phone_number_verified == Some(true);
    let arrival = Arrival {
        user_id: project::new_user_id(&current.id, &app.entropy),
        email,
        phone: phone.map(|phone| PhoneNumber { verified: is_phone_verified, ..phone }),
        external_id: asked.external_id.as_deref().map(external_id::parse).transpose()?,
        roles: asked.roles.clone().map(|asked| roles(&current.policy, asked)).transpose()?,
        change: UpdateUser {
            name: asked.name.clone(),
            trusted_metadata: asked.trusted_metadata.clone(),
            untrusted_metadata: asked.untrusted_metadata.clone(),
            external_id: None,
            roles: None,
        },
        occasion: app.occasion(Actor::Host, *now),
        now: *now,
    };
    // What cannot be is refused before the costly part.
    arrival.new_user()?;
    let hash = app.passwords.import(asked.password.parse()?).await?;
    let project = current.id.clone();
    let write = app.store.write(move |tx| arrival.store(tx, &project, &hash));
    Ok(Reply(write.await?))
}

/// Somebody from the login before, checked as far as it can be without the database.
struct Arrival {
    user_id: UserId,
    email: Email,
    phone: Option<PhoneNumber>,
    external_id: Option<String>,
    roles: Option<Vec<String>>,
    change: UpdateUser,
    occasion: Occasion,
    now: Timestamp,
}

impl Arrival {
    fn store(&self, tx: &mut Tx<'_>, project: &ProjectId, hash: &str) -> Result<Migrated, Failure> {
        let name = Name::email(&self.email.address);
        let mut found = tx.find_user_by_name(project, &name)?;
        if found.is_none() {
            let user = self.new_user()?;
            match tx.add_user(project, &user)? {
                Ok(()) => {
                    tx.set_password(project, &user.id, hash, self.now)?;
                    tx.record(project, &self.occasion.event(EventKind::UserAdded).user(&user.id))?;
                    return self.answer(tx, project, &user, true);
                }
                // Another process was faster; it made this very user.
                Err(Taken::Name(Name { kind: NameKind::Email, .. })) => found = tx.find_user_by_name(project, &name)?,
                Err(other) => return Err(taken(other)),
            }
        }
        let found = found.ok_or(super::users::DUPLICATE_EMAIL)?;
        let mut user = tx.take_user(project, &found.id)?.ok_or(super::users::DUPLICATE_EMAIL)?;
        if tx.find_password(project, &user.id)?.is_some() {
            return Err(ALREADY_EXISTS.into());
        }
        self.apply(&mut user)?;
        tx.update_user(project, &user, self.now)?.map_err(taken)?;
        tx.set_password(project, &user.id, hash, self.now)?;
        tx.record(project, &self.occasion.event(EventKind::UserPasswordSet).user(&user.id))?;
        self.answer(tx, project, &user, false)
    }

    fn new_user(&self) -> Result<User, Refusal> {
        let mut user = User {
            id: self.user_id.clone(),
            external_id: None,
            profile: Profile { emails: vec![self.email.clone()], ..Profile::default() },
            roles: Vec::new(),
            created_at: self.now,
            updated_at: self.now,
            disabled_at: None,
            tokens_valid_from: self.now,
        };
        self.apply(&mut user)?;
        Ok(user)
    }

    /// What was sent is set, and what the user has besides stays.
    fn apply(&self, user: &mut User) -> Result<(), Refusal> {
        let name = Name::email(&self.email.address);
        if let Some(email) = user.profile.emails.iter_mut().find(|own| Name::email(&own.address) == name) {
            email.verified |= self.email.verified;
        }
        if let Some(phone) = &self.phone {
            match user.profile.phone_numbers.iter_mut().find(|own| own.number == phone.number) {
                Some(own) => own.verified |= phone.verified,
                None => user.profile.phone_numbers.push(phone.clone()),
            }
        }
        if self.external_id.is_some() {
            user.external_id.clone_from(&self.external_id);
        }
        if let Some(roles) = &self.roles {
            user.roles.clone_from(roles);
        }
        self.change.apply(&mut user.profile)
    }

    fn answer(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        user: &User,
        user_created: bool,
    ) -> Result<Migrated, Failure> {
        let email = user.profile.email_named(&Name::email(&self.email.address));
        Ok(Migrated {
            user_id: user.id.to_string(),
            email_id: email.map(|email| email.id.to_string()).unwrap_or_default(),
            user_created,
            user: UserObject::load(tx, project, user, self.now)?,
        })
    }
}
