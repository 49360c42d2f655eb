//! A password of a file whose user stands elsewhere: beside the users in another file, or in the database already.

use super::{
    entry::{Context, Done, Ready, Standing, told},
    record::{Kind, Members},
    stytch_hashes, user,
};
use crate::{
    http::management::{body, password_hash::PasswordHash},
    passwords,
    store::Tx,
};
use anyhow::Result;
use hospes_protocol::{
    Timestamp,
    audit_event::{EventKind, Occasion},
    id::{ProjectId, UserId},
    imported_hash::{BAD_ARGON2, ImportedHash},
    user::{Name, User},
};
use serde_json::Value;

pub(super) struct NewPassword {
    /// The user's id, external id or e-mail address.
    pub(super) owner: String,
    pub(super) hash: ImportedHash,
    /// The password counts no more until a new one is set.
    pub(super) must_reset: bool,
    occasion: Occasion,
}

/// Reads a password and whose it is. What is wrong is told with what to change.
pub(super) fn parse(kind: Kind, members: Members, context: &Context<'_>) -> Result<NewPassword, String> {
    let names = ["user_id", "id", "external_id", "email", "email_address"];
    let owner =
        names.iter().find_map(|name| members.get(*name).and_then(Value::as_str).filter(|text| !text.is_empty()));
    let owner = owner.ok_or("whose password it is, is not said; give user_id, external_id or email")?.to_owned();
    let hash = match kind {
        Kind::StytchHash => usable(stytch_hashes::parse(&members)?)?,
        _ => parse_hash(members)?,
    };
    Ok(NewPassword { owner, hash, must_reset: false, occasion: context.occasion() })
}

/// Reads a hash by the names of `POST /v1/passwords/migrate`.
pub(super) fn parse_hash(members: Members) -> Result<ImportedHash, String> {
    let hash: PasswordHash = body::read(members).map_err(told)?;
    usable(hash.parse().map_err(|refusal| refusal.description.into_owned())?)
}

/// A hash that comes in the form in which it is stored is looked at here, since nothing else will before it is.
fn usable(hash: ImportedHash) -> Result<ImportedHash, String> {
    match &hash {
        ImportedHash::Argon2(text) if !passwords::is_usable(text) => Err(BAD_ARGON2.description.into_owned()),
        _ => Ok(hash),
    }
}

/// Gives the user a password.
pub(super) fn set(
    tx: &mut Tx<'_>,
    project: &ProjectId,
    user: &UserId,
    hash: &str,
    must_reset: bool,
    now: Timestamp,
) -> Result<()> {
    tx.set_password(project, user, hash, now)?;
    if must_reset {
        tx.require_password_reset(project, user, now)?;
    }
    Ok(())
}

impl NewPassword {
    /// By one of these its user is called, if the files hold them.
    pub(super) fn keys_of_owner(&self) -> Vec<String> {
        let names = [Name::email(&self.owner), Name::external_id(&self.owner)];
        names.iter().map(user::key).chain([format!("user {}", self.owner)]).collect()
    }

    pub(super) fn look(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<Standing> {
        let Some(user) = self.find_owner(tx, project)? else {
            return Ok(Standing::Refused("no user has this id or address; import the users too".to_owned()));
        };
        let is_complete = tx.find_password(project, &user.id)?.is_some();
        Ok(Standing::There { id: user.id.to_string(), differs: Vec::new(), is_complete })
    }

    fn find_owner(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<Option<User>> {
        if self.owner.contains('@') {
            return tx.find_user_by_name(project, &Name::email(&self.owner));
        }
        match tx.find_user(project, &UserId::new(&self.owner))? {
            Some(user) => Ok(Some(user)),
            None => tx.find_user_by_name(project, &Name::external_id(&self.owner)),
        }
    }

    pub(super) fn apply(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        standing: Standing,
        ready: &Ready,
    ) -> Result<Done> {
        match (standing, &ready.password) {
            (Standing::Refused(why), _) => Ok(Done::Refused(why)),
            (Standing::There { id, is_complete: false, .. }, Some(hash)) => {
                let user = UserId::new(id);
                set(tx, project, &user, hash, self.must_reset, self.occasion.at)?;
                tx.record(project, &self.occasion.event(EventKind::UserPasswordSet).user(&user))?;
                Ok(Done::There { differs: Vec::new(), completed: true })
            }
            _ => Ok(Done::There { differs: Vec::new(), completed: false }),
        }
    }
}
