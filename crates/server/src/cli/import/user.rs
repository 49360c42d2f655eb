//! A user of a file, and what becomes of them here.

use super::{
    entry::{Context, Done, Ready, Standing, told},
    password,
    record::Members,
};
use crate::{
    http::management::{body, users::UpdateUser},
    project, rfc3339,
    store::{Taken, Tx},
};
use anyhow::Result;
use hospes_protocol::{
    Refusal,
    audit_event::{EventKind, Occasion, changed_of_user},
    email_address, external_id,
    id::{EmailId, PhoneId, ProjectId, UserId},
    imported_hash::ImportedHash,
    phone_number,
    user::{Email, Name, NameKind, PhoneNumber, Profile, Status, User},
};
use serde::Deserialize;
use serde_json::Value;

/// What a user may have elsewhere and has no place here.
const WITHOUT_A_PLACE: [&str; 5] =
    ["providers", "webauthn_registrations", "totps", "crypto_wallets", "biometric_registrations"];

pub(super) struct NewUser {
    pub(super) user: User,
    /// The file says which id it is, so nobody with another id can be meant.
    pub(super) is_by_id: bool,
    pub(super) password: Option<ImportedHash>,
    /// The password counts no more until a new one is set.
    pub(super) must_reset: bool,
    /// What the user has elsewhere and is not taken.
    pub(super) left_out: Option<String>,
    occasion: Occasion,
}

/// What is read beside the members that [`UpdateUser`] has.
#[derive(Deserialize)]
struct Contacts {
    user_id: Option<String>,
    #[serde(default)]
    emails: Vec<OwnEmail>,
    email: Option<String>,
    #[serde(default)]
    phone_numbers: Vec<OwnPhoneNumber>,
    phone_number: Option<String>,
    status: Option<String>,
    created_at: Option<String>,
    disabled_at: Option<String>,
    password: Option<OwnPassword>,
}

#[derive(Deserialize)]
struct OwnEmail {
    email_id: Option<String>,
    email: String,
    #[serde(default)]
    verified: bool,
}

#[derive(Deserialize)]
struct OwnPhoneNumber {
    phone_id: Option<String>,
    phone_number: String,
    #[serde(default)]
    verified: bool,
}

#[derive(Deserialize)]
struct OwnPassword {
    #[serde(default)]
    requires_reset: bool,
}

/// Reads a user. What is wrong is told with what to change.
pub(super) fn parse(members: Members, context: &Context<'_>) -> Result<NewUser, String> {
    let left_out = without_a_place(&members);
    let has_hash = members.contains_key("hash");
    let password = has_hash.then(|| password::parse_hash(members.clone())).transpose()?;
    let own: UpdateUser = body::read(members.clone()).map_err(told)?;
    let contacts: Contacts = body::read(members).map_err(told)?;
    let refused = |refusal: Refusal| refusal.description.into_owned();

    let mut profile = Profile {
        emails: emails(&contacts, context).map_err(refused)?,
        phone_numbers: phone_numbers(&contacts, context).map_err(refused)?,
        status: match contacts.status.as_deref() {
            None | Some("active") => Status::Active,
            Some("pending") => Status::Pending,
            Some(other) => return Err(format!("status is `{other}`; write active or pending")),
        },
        ..Profile::default()
    };
    own.apply(&mut profile).map_err(refused)?;
    let given = contacts.user_id.as_deref();
    let id = given.filter(|id| is_id(id, "user-")).map(UserId::new);
    // An id of another form is how the host app called them.
    let foreign = given.filter(|_| id.is_none());
    let external = own.external_id.as_deref().filter(|id| !id.is_empty()).or(foreign);
    let external_id = external.map(external_id::parse).transpose().map_err(refused)?;
    let roles = project::roles_to_store(&context.project.policy, own.roles.unwrap_or_default())
        .map_err(|error| format!("{error}; `hospes policy apply` adds one"))?;
    let is_by_id = id.is_some();
    let id = id.unwrap_or_else(|| project::new_user_id(&context.project.id, context.entropy));
    let time = |name: &str, text: &Option<String>| match text.as_deref().filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => rfc3339::parse(text)
            .map(Some)
            .ok_or_else(|| format!("{name}: `{text}` is no time; write it as in 2026-11-24T08:00:00Z")),
    };
    let user = User {
        external_id,
        roles,
        created_at: time("created_at", &contacts.created_at)?.map_or(context.now, |at| at.min(context.now)),
        disabled_at: time("disabled_at", &contacts.disabled_at)?,
        ..User::new(id, profile, context.now)
    };
    if !is_by_id && user.names().is_empty() {
        return Err("the user has no id and nothing to be found by; give user_id, external_id, or an address".into());
    }
    let must_reset = contacts.password.is_some_and(|password| password.requires_reset);
    Ok(NewUser { user, is_by_id, password, must_reset, left_out, occasion: context.occasion() })
}

fn without_a_place(members: &Members) -> Option<String> {
    let count = |name: &&str| members.get(*name).and_then(Value::as_array).map_or(0, Vec::len);
    let found = WITHOUT_A_PLACE.iter().filter(|name| count(name) > 0);
    let found: Vec<_> = found.map(|name| format!("{name} ({})", count(name))).collect();
    (!found.is_empty()).then(|| format!("not taken, because there is no place for it here: {}", found.join(", ")))
}

/// Whether it is an id in our own form, which is Stytch's.
fn is_id(text: &str, kind: &str) -> bool {
    let rest = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix("test-").or(rest.strip_prefix("live-")));
    let is_plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.len() <= 100 && rest.is_some_and(is_plain)
}

fn emails(contacts: &Contacts, context: &Context<'_>) -> Result<Vec<Email>, Refusal> {
    let listed = contacts.emails.iter().map(|own| (own.email_id.as_deref(), own.email.as_str(), own.verified));
    let single = contacts.email.as_deref().filter(|text| !text.is_empty()).map(|text| (None, text, false));
    let mut emails: Vec<Email> = Vec::new();
    for (id, text, verified) in listed.chain(single) {
        let address = email_address::parse(text)?;
        let name = Name::email(&address);
        if emails.iter().any(|own| Name::email(&own.address) == name) {
            continue;
        }
        let id = id.filter(|id| is_id(id, "email-")).map(EmailId::new);
        let id = id.unwrap_or_else(|| project::new_email_id(&context.project.id, context.entropy));
        emails.push(Email { id, address, verified });
    }
    Ok(emails)
}

fn phone_numbers(contacts: &Contacts, context: &Context<'_>) -> Result<Vec<PhoneNumber>, Refusal> {
    let listed =
        contacts.phone_numbers.iter().map(|own| (own.phone_id.as_deref(), own.phone_number.as_str(), own.verified));
    let single = contacts.phone_number.as_deref().filter(|text| !text.is_empty()).map(|text| (None, text, false));
    let mut numbers: Vec<PhoneNumber> = Vec::new();
    for (id, text, verified) in listed.chain(single) {
        let number = phone_number::parse(text)?;
        if numbers.iter().any(|own| own.number == number) {
            continue;
        }
        let id = id.filter(|id| is_id(id, "phone-number-")).map(PhoneId::new);
        let id = id.unwrap_or_else(|| project::new_phone_id(&context.project.id, context.entropy));
        numbers.push(PhoneNumber { id, number, verified });
    }
    Ok(numbers)
}

impl NewUser {
    pub(super) fn look(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<Standing> {
        let found = match tx.find_user(project, &self.user.id)? {
            Some(found) => Some(found),
            None => match self.namesake(tx, project)? {
                Some((name, other)) if self.is_by_id => {
                    return Ok(Standing::Refused(taken(&name, other.id.as_str())));
                }
                other => other.map(|(_, other)| other),
            },
        };
        let Some(found) = found else { return Ok(Standing::New) };
        // Whether there is a password matters only to who brings one.
        let is_complete = self.password.is_none() || tx.find_password(project, &found.id)?.is_some();
        Ok(Standing::There { id: found.id.to_string(), differs: self.differs_from(&found), is_complete })
    }

    /// Another user who has one of the names; first the one that the host app's id means.
    fn namesake(&self, tx: &mut Tx<'_>, project: &ProjectId) -> Result<Option<(Name, User)>> {
        let names = self.user.names();
        let (by_host, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.kind == NameKind::ExternalId);
        for name in by_host.into_iter().chain(others) {
            if let Some(other) = tx.find_user_by_name(project, &name)? {
                return Ok(Some((name, other)));
            }
        }
        Ok(None)
    }

    /// The names of the members that are otherwise there. An id that this run has drawn is no difference.
    fn differs_from(&self, found: &User) -> Vec<String> {
        let mut wanted = self.user.clone();
        for own in &mut wanted.profile.emails {
            let name = Name::email(&own.address);
            if let Some(other) = found.profile.emails.iter().find(|other| Name::email(&other.address) == name) {
                own.id = other.id.clone();
            }
        }
        for own in &mut wanted.profile.phone_numbers {
            if let Some(other) = found.profile.phone_numbers.iter().find(|other| other.number == own.number) {
                own.id = other.id.clone();
            }
        }
        changed_of_user(found, &wanted)
    }

    pub(super) fn apply(
        &self,
        tx: &mut Tx<'_>,
        project: &ProjectId,
        standing: Standing,
        ready: &Ready,
    ) -> Result<Done> {
        match standing {
            Standing::Refused(why) => Ok(Done::Refused(why)),
            Standing::New => match tx.add_user(project, &self.user)? {
                Ok(()) => {
                    if let Some(hash) = &ready.password {
                        password::set(tx, project, &self.user.id, hash, self.must_reset, self.occasion.at)?;
                    }
                    tx.record(project, &self.occasion.event(EventKind::UserAdded).user(&self.user.id))?;
                    Ok(Done::Added)
                }
                // Somebody else was faster.
                Err(Taken::Id) => Ok(Done::There { differs: Vec::new(), completed: false }),
                Err(Taken::Name(name)) => Ok(Done::Refused(taken(&name, "who came meanwhile"))),
            },
            Standing::There { id, differs, is_complete } => {
                let hash = ready.password.as_ref().filter(|_| !is_complete);
                if let Some(hash) = hash {
                    let user = UserId::new(id);
                    password::set(tx, project, &user, hash, self.must_reset, self.occasion.at)?;
                    tx.record(project, &self.occasion.event(EventKind::UserPasswordSet).user(&user))?;
                }
                Ok(Done::There { differs, completed: hash.is_some() })
            }
        }
    }

    /// The id as one text.
    pub(super) fn key(&self) -> String {
        format!("user {}", self.user.id)
    }

    /// What no other user of the files may have.
    pub(super) fn names(&self) -> Vec<String> {
        self.user.names().iter().map(key).collect()
    }
}

/// A name as one text.
pub(super) fn key(name: &Name) -> String {
    format!("{} {}", name.kind.as_str(), name.text)
}

fn taken(name: &Name, by: &str) -> String {
    format!(
        "another user ({by}) has the {} {}; change it in one of the two, or take this record out",
        name.kind.as_str(),
        name.text
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_ours_has_a_kind_an_environment_and_plain_characters() {
        for text in ["user-test-1", "user-live-6d1f0f7e-2f3b-4d0b-9a61-4c1fb1f4aa01"] {
            assert!(is_id(text, "user-"), "{text}");
        }
        for text in ["", "user-", "user-test-", "user-prod-1", "email-test-1", "user-test-a b", "user-test-é"] {
            assert!(!is_id(text, "user-"), "{text}");
        }
        assert!(!is_id(&format!("user-test-{}", "a".repeat(100)), "user-"));
    }
}
