//! The user record: the resource owner, as the host app knows them.

use crate::{
    id::{EmailId, PhoneId, UserId},
    login_name::fold,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

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

impl User {
    /// A user who is made now, without roles and without an id of the host app's.
    pub fn new(id: UserId, profile: Profile, now: Timestamp) -> Self {
        Self {
            id,
            external_id: None,
            profile,
            roles: Vec::new(),
            created_at: now,
            updated_at: now,
            disabled_at: None,
            tokens_valid_from: now,
        }
    }
}

/// What is known about a person. Stored as one text, read and written whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Another name to log in with, beside the e-mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The first is the one that clients see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<PhoneNumber>,
    #[serde(skip_serializing_if = "Status::is_active")]
    pub status: Status,
    /// OIDC Core §5.1.1: `formatted`, `street_address`, `locality`, `region`, `postal_code`, `country`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Map<String, Value>>,
    /// The claims of scope `profile` by their registered names (`name`, `given_name`, `picture`, `locale` …). Absent
    /// members are absent claims, never `null`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
    /// What the host app's back end notes about the user; nobody else may write it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub trusted_metadata: Map<String, Value>,
    /// What also the user's own browser may write. Never a reason to allow anything.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub untrusted_metadata: Map<String, Value>,
}

/// An e-mail address of a user, as they write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    #[serde(rename = "email_id")]
    pub id: EmailId,
    #[serde(rename = "email")]
    pub address: String,
    /// Somebody proved that the address is theirs.
    #[serde(default)]
    pub verified: bool,
}

/// A phone number of a user, in E.164 form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    #[serde(rename = "phone_id")]
    pub id: PhoneId,
    #[serde(rename = "phone_number")]
    pub number: String,
    #[serde(default)]
    pub verified: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    #[default]
    Active,
    /// Made by the host app before the person came; the first login makes it active.
    Pending,
}

impl Status {
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
        }
    }
}

impl Profile {
    /// The e-mail address that clients see.
    pub fn email(&self) -> Option<&Email> {
        self.emails.first()
    }

    /// The address that is compared as `name`.
    pub fn email_named(&self, name: &Name) -> Option<&Email> {
        self.emails.iter().find(|email| Name::email(&email.address) == *name)
    }

    /// The phone number that clients see.
    pub fn phone_number(&self) -> Option<&PhoneNumber> {
        self.phone_numbers.first()
    }

    /// A claim of scope `profile` that is text; empty text is none.
    pub fn text_claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// One way to find a user. No two users of a project share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub kind: NameKind,
    /// In the form in which it is compared.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    Email,
    EmailId,
    ExternalId,
    PhoneId,
    PhoneNumber,
    Username,
}

impl NameKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::EmailId => "email_id",
            Self::ExternalId => "external_id",
            Self::PhoneId => "phone_id",
            Self::PhoneNumber => "phone_number",
            Self::Username => "username",
        }
    }

    /// The kind that [`Self::as_str`] names.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Email, Self::EmailId, Self::ExternalId, Self::PhoneId, Self::PhoneNumber, Self::Username];
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Name {
    /// Case does not matter in e-mail addresses.
    pub fn email(address: &str) -> Self {
        Self { kind: NameKind::Email, text: fold(address) }
    }

    pub fn email_id(id: &EmailId) -> Self {
        Self { kind: NameKind::EmailId, text: id.as_str().to_owned() }
    }

    pub fn external_id(id: &str) -> Self {
        Self { kind: NameKind::ExternalId, text: id.to_owned() }
    }

    pub fn phone_id(id: &PhoneId) -> Self {
        Self { kind: NameKind::PhoneId, text: id.as_str().to_owned() }
    }

    pub fn phone_number(number: &str) -> Self {
        Self { kind: NameKind::PhoneNumber, text: number.to_owned() }
    }

    /// Case does not matter in user names.
    pub fn username(name: &str) -> Self {
        Self { kind: NameKind::Username, text: fold(name) }
    }
}

const USER: &str = "user-";
const PASSWORD: &str = "password-";

/// The users whose password may have this id.
pub fn holders_of_password(id: &str) -> Vec<UserId> {
    let Some(rest) = id.strip_prefix(PASSWORD) else { return Vec::new() };
    vec![UserId::new(format!("{USER}{rest}")), UserId::new(rest)]
}

impl User {
    /// Everything by which this user is found, beside the id.
    pub fn names(&self) -> BTreeSet<Name> {
        let profile = &self.profile;
        let emails = profile.emails.iter().flat_map(|own| [Name::email(&own.address), Name::email_id(&own.id)]);
        let phones = profile.phone_numbers.iter();
        let phones = phones.flat_map(|own| [Name::phone_number(&own.number), Name::phone_id(&own.id)]);
        let external_id = self.external_id.iter().map(|id| Name::external_id(id));
        let username = profile.username.iter().map(|name| Name::username(name));
        emails.chain(phones).chain(external_id).chain(username).collect()
    }

    /// The id of the user's password. There is one at most, so it is the user's id under another name.
    pub fn password_id(&self) -> String {
        format!("{PASSWORD}{}", self.id.as_str().strip_prefix(USER).unwrap_or(self.id.as_str()))
    }

    /// What the user may type to log in, folded, in order.
    pub fn logins(&self) -> Vec<String> {
        let is_typed = |name: &Name| matches!(name.kind, NameKind::Email | NameKind::Username);
        self.names().into_iter().filter(is_typed).map(|name| name.text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_user_is_found_by_everything_they_have_whatever_its_case() {
        let email = |n: u8| Email {
            id: EmailId::new(format!("email-test-{n}")),
            address: format!("Ada{n}@Harbour.Example"),
            verified: false,
        };
        let phone =
            PhoneNumber { id: PhoneId::new("phone-number-test-1"), number: "+49301234567".into(), verified: true };
        let profile = Profile {
            username: Some("ADA".into()),
            emails: vec![email(1), email(2)],
            phone_numbers: vec![phone],
            ..Profile::default()
        };
        let user = User { external_id: Some("Host|42".into()), profile, ..samples::user() };
        let names: Vec<_> =
            user.names().into_iter().map(|name| format!("{} {}", name.kind.as_str(), name.text)).collect();
        assert_eq!(
            names,
            [
                "email ada1@harbour.example",
                "email ada2@harbour.example",
                "email_id email-test-1",
                "email_id email-test-2",
                "external_id Host|42",
                "phone_id phone-number-test-1",
                "phone_number +49301234567",
                "username ada",
            ]
        );
        for name in user.names() {
            assert_eq!(NameKind::parse(name.kind.as_str()), Some(name.kind));
        }
        assert_eq!(user.logins(), ["ada1@harbour.example", "ada2@harbour.example", "ada"]);
    }

    #[test]
    fn a_passwords_id_leads_to_its_user() {
        for (id, password) in [("user-test-1", "password-test-1"), ("ada", "password-ada")] {
            let user = User { id: UserId::new(id), ..samples::user() };
            assert_eq!(user.password_id(), password);
            assert!(holders_of_password(password).contains(&user.id));
        }
        assert_eq!(holders_of_password("user-test-1"), []);
    }

    #[test]
    fn a_profile_is_stored_without_what_it_does_not_have() {
        assert_eq!(serde_json::to_string(&Profile::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Profile>("{\"from_a_newer_version\": 1}").unwrap(), Profile::default());
        let pending = Profile { status: Status::Pending, ..Profile::default() };
        let text = serde_json::to_string(&pending).unwrap();
        assert_eq!((text.as_str(), serde_json::from_str(&text).unwrap()), ("{\"status\":\"pending\"}", pending));
    }
}
