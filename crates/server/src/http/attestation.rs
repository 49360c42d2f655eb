//! A JWT of an issuer that the project trusts: whom it lets in.
//!
//! The rules are in `protocol::trusted_profile`. A token is verified before the transaction, because its keys may have to
//! be fetched; its user is found, recognised or made in it.

use super::management::trusted_token_profiles::NOT_FOUND;
use crate::{
    app::App,
    client_keys::ClientKeysError,
    failure::Failure,
    fetch::FetchError,
    project,
    store::{Tx, projects::Project},
};
use anyhow::anyhow;
use hospes_protocol::{
    Timestamp,
    audit_event::{self, Actor, EventKind, Occasion},
    email_address,
    id::{EmailId, ProjectId, UserId},
    jose::{KeySet, Unverified},
    trusted_profile::{
        self, Arrival, Attested, Candidates, NOT_VERIFIED, ProfileSettings, SEVERAL_EXTERNAL_IDS, TrustedProfile,
        UNKNOWN_USER,
    },
    user::{Email, Name, Profile, User},
};
use std::sync::Arc;
use tracing::info;

/// A token that was verified and validated, on its way into the transaction.
#[derive(Clone)]
pub(crate) struct Attestation {
    pub(crate) profile_id: String,
    pub(crate) attested: Attested,
    new_user: UserId,
    new_email: EmailId,
    /// For a user who is made, or recognised by the address.
    for_user: Occasion,
    for_roles: Occasion,
    now: Timestamp,
}

impl Attestation {
    /// Verifies a token by the keys of a profile; `actor` presents it.
    pub(crate) async fn verify(
        app: &App,
        profile_id: &str,
        token: &str,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let (project, id) = (app.project.clone(), profile_id.to_owned());
        let profile = app.store.read(move |tx| Ok(tx.find_trusted_profile(&project, &id)?.ok_or(NOT_FOUND)?)).await?;
        let token = Unverified::parse(token).map_err(|_| NOT_VERIFIED)?;
        let keys = keys_of(app, &profile.settings, token.kid(), now).await?;
        let verified = keys.verify(&token).map_err(|_| NOT_VERIFIED)?;
        Ok(Self {
            attested: trusted_profile::validate(&verified, &profile.settings, now)?,
            profile_id: profile.id,
            new_user: project::new_user_id(&app.project, &app.entropy),
            new_email: project::new_email_id(&app.project, &app.entropy),
            for_user: app.occasion(actor, now),
            for_roles: app.occasion(actor, now),
            now,
        })
    }

    /// The user whom the token means, with the roles that it says, locked until the transaction ends.
    pub(crate) fn admit(&self, tx: &mut Tx<'_>, project: &Project) -> Result<User, Failure> {
        // The profile may have gone, or become stricter, meanwhile.
        let profile = tx.find_trusted_profile(&project.id, &self.profile_id)?.ok_or(NOT_FOUND)?;
        let user = self.user(tx, &project.id, &profile)?;
        let roles = trusted_profile::roles_after(&self.attested, &project.policy);
        let user = match roles {
            Some(roles) if roles != user.roles => {
                let after = User { roles, ..user.clone() };
                tx.update_user(&project.id, &after, self.now)?.map_err(|_| SEVERAL_EXTERNAL_IDS)?;
                self.record_change(tx, &project.id, &self.for_roles, &user, &after)?;
                after
            }
            _ => user,
        };
        tx.save_attest(&project.id, &user.id, &self.profile_id, self.now)?;
        Ok(user)
    }

    /// The user whom the token means, locked until the transaction ends.
    fn user(&self, tx: &mut Tx<'_>, project: &ProjectId, profile: &TrustedProfile) -> Result<User, Failure> {
        let by_external_id = match &self.attested.external_id {
            Some(id) => tx.find_user_by_name(project, &Name::external_id(id))?,
            None => None,
        };
        let by_email = match &self.attested.email {
            Some(email) => tx.find_user_by_name(project, &Name::email(email))?,
            None => None,
        };
        // Locked first, so that nobody is disabled or signed out between the decision and what follows from it.
        let take = |tx: &mut Tx<'_>, user: Option<User>| match user {
            Some(user) => tx.take_user(project, &user.id),
            None => Ok(None),
        };
        let (by_external_id, by_email) = (take(tx, by_external_id)?, take(tx, by_email)?);
        let candidates = Candidates { by_external_id: by_external_id.as_ref(), by_email: by_email.as_ref() };
        match trusted_profile::decide(&self.attested, &profile.settings, candidates)? {
            Arrival::Known(user) => Ok(user.clone()),
            Arrival::ByAddress(user) => self.recognise(tx, project, user),
            Arrival::New { email } => self.provision(tx, project, email),
        }
    }

    /// A user of ours who was found by the address. If nobody had proven yet that it is theirs, whoever made the account
    /// may be somebody else: what they have ends, and their password must be reset before it counts again. The contract
    /// has it so for everybody who proves an address otherwise than by the password.
    fn recognise(&self, tx: &mut Tx<'_>, project: &ProjectId, user: &User) -> Result<User, Failure> {
        let before = user;
        let mut user = user.clone();
        let attested = self.attested.email.as_deref().map(Name::email);
        let is_attested = |own: &&mut Email| attested.as_ref().is_some_and(|name| Name::email(&own.address) == *name);
        let email = user.profile.emails.iter_mut().find(is_attested);
        let is_proven = email.as_ref().is_some_and(|email| email.verified);
        let is_linked = user.external_id.is_some() || self.attested.external_id.is_none();
        if is_proven && is_linked {
            return Ok(user);
        }
        if let Some(email) = email {
            email.verified = true;
        }
        if !is_proven {
            tx.require_password_reset(project, &user.id, self.now)?;
            tx.void_codes_of_user(project, &user.id)?;
            tx.revoke_families_of_user(project, &user.id, self.now)?;
            tx.revoke_sessions_of_user(project, &user.id, self.now)?;
            tx.remove_interactions_of_user(project, &user.id)?;
        }
        if !is_linked {
            user.external_id.clone_from(&self.attested.external_id);
        }
        // Somebody may have got this id a moment ago.
        tx.update_user(project, &user, self.now)?.map_err(|_| SEVERAL_EXTERNAL_IDS)?;
        self.record_change(tx, project, &self.for_user, before, &user)?;
        Ok(user)
    }

    fn record_change(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        occasion: &Occasion,
        before: &User,
        after: &User,
    ) -> Result<(), Failure> {
        let event = occasion.event(EventKind::UserChanged).user(&after.id);
        let event = event.detail("changed", audit_event::changed_of_user(before, after));
        Ok(tx.record(project, &event.detail("profile_id", self.profile_id.clone()))?)
    }

    fn provision(&self, tx: &mut Tx<'_>, project: &ProjectId, address: &str) -> Result<User, Failure> {
        let address = email_address::parse(address)?;
        let name = Name::email(&address);
        let email = Email { id: self.new_email.clone(), address, verified: true };
        let user = User {
            id: self.new_user.clone(),
            external_id: self.attested.external_id.clone(),
            profile: Profile { emails: vec![email], ..Profile::default() },
            roles: Vec::new(),
            created_at: self.now,
            updated_at: self.now,
            disabled_at: None,
            tokens_valid_from: self.now,
        };
        if tx.add_user(project, &user)?.is_ok() {
            let event = self.for_user.event(EventKind::UserAdded).user(&user.id);
            tx.record(project, &event.detail("profile_id", self.profile_id.clone()))?;
            return Ok(user);
        }
        // Another attest was faster; it made this very user.
        let by_external_id = match &self.attested.external_id {
            Some(id) => tx.find_user_by_name(project, &Name::external_id(id))?,
            None => tx.find_user_by_name(project, &name)?,
        };
        Ok(by_external_id.ok_or(UNKNOWN_USER)?)
    }
}

/// The keys with which the profile's tokens are signed.
async fn keys_of(
    app: &App,
    profile: &ProfileSettings,
    kid: Option<&str>,
    now: Timestamp,
) -> Result<Arc<KeySet>, Failure> {
    let Some(url) = &profile.jwks_url else {
        let keys = profile.pem_keys().map_err(|error| anyhow!("a stored key of a trusted token profile: {error}"))?;
        return Ok(Arc::new(keys));
    };
    app.client_keys.find(&app.project, url, kid, now).await.map_err(|error| match error {
        ClientKeysError::Fetch(FetchError::Busy) => Failure::Busy,
        error => {
            info!(project = %app.project, %error, "the keys of a trusted token profile could not be had");
            trusted_profile::NO_KEYS.into()
        }
    })
}
