//! Searching users: what the filters of a query mean, and which of them lead to users without looking at all.

use crate::{
    ErrorCode, Refusal,
    email_address::domain,
    id::{EmailId, PhoneId},
    login_name::fold,
    refuse,
    time::Timestamp,
    user::{Name, Status, User},
    user_name,
};
use serde_json::Value;

pub const MIXED_IDS: Refusal = refuse(
    ErrorCode::Api { name: "user_search_cannot_mix_internal_and_external_user_ids", status: 400 },
    "user_id: send ids of ours (user-…), or ids of yours, not both in one filter",
);

/// At most so many values in one filter.
pub const MAX_VALUES: usize = 100;
/// A fuzzy filter has at least so many characters.
pub const MIN_FUZZY: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    And,
    Or,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub operator: Operator,
    pub filters: Vec<Filter>,
}

/// One operand.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// One of these.
    Among(Vec<Lookup>),
    /// For what no user here has.
    Nobody,
    EmailHas(String),
    EmailDomain(String),
    PhoneNumberHas(String),
    NameHas(String),
    EmailVerified(bool),
    PhoneVerified(bool),
    PasswordExists(bool),
    Status(Status),
    /// After the first and before the second.
    Created(Option<Timestamp>, Option<Timestamp>),
}

/// A way to one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    Id(String),
    Name(Name),
}

/// Reads one operand. `time` reads RFC 3339.
pub fn parse(name: &str, value: &Value, time: fn(&str) -> Option<Timestamp>) -> Result<Filter, Refusal> {
    let wrong = |what: &str| refusal("user_search_invalid_filter_value", format!("{name}: send {what}"));
    let list = || {
        let texts: Option<Vec<&str>> = value.as_array().and_then(|all| all.iter().map(Value::as_str).collect());
        let texts = texts.filter(|all| (1..=MAX_VALUES).contains(&all.len()));
        texts.ok_or_else(|| wrong(&format!("1 to {MAX_VALUES} texts in a list")))
    };
    let names = |make: fn(&str) -> Name| -> Result<Filter, Refusal> {
        Ok(Filter::Among(list()?.into_iter().map(|text| Lookup::Name(make(text))).collect()))
    };
    let fuzzy = || {
        let text = value.as_str().map(fold).filter(|text| text.chars().count() >= MIN_FUZZY && text.len() <= 256);
        text.ok_or_else(|| wrong(&format!("a text of {MIN_FUZZY} characters or more")))
    };
    let flag = || value.as_bool().ok_or_else(|| wrong("true or false"));
    let moment = |value: Option<&Value>| {
        value.and_then(Value::as_str).and_then(time).ok_or_else(|| wrong("a time like 2026-11-24T16:40:13Z"))
    };
    Ok(match name {
        "user_id" => user_ids(&list()?)?,
        "email_address" => names(Name::email)?,
        "email_id" => names(|id| Name::email_id(&EmailId::new(id)))?,
        "phone_number" => names(Name::phone_number)?,
        "phone_id" => names(|id| Name::phone_id(&PhoneId::new(id)))?,
        "oauth_provider"
        | "webauthn_registration_id"
        | "biometric_registration_id"
        | "crypto_wallet_id"
        | "crypto_wallet_address"
        | "totp_id" => list().map(|_| Filter::Nobody)?,
        "webauthn_registration_verified"
        | "biometric_registration_verified"
        | "crypto_wallet_verified"
        | "totp_verified" => flag().map(|_| Filter::Nobody)?,
        "email_address_fuzzy" => Filter::EmailHas(fuzzy()?),
        "phone_number_fuzzy" => Filter::PhoneNumberHas(fuzzy()?),
        "full_name_fuzzy" => Filter::NameHas(fuzzy()?),
        "email_domain" => Filter::EmailDomain(fuzzy()?),
        "email_verified" => Filter::EmailVerified(flag()?),
        "phone_verified" => Filter::PhoneVerified(flag()?),
        "password_exists" => Filter::PasswordExists(flag()?),
        "status" => match value.as_str() {
            Some("active") => Filter::Status(Status::Active),
            Some("pending") => Filter::Status(Status::Pending),
            _ => return Err(wrong("active or pending")),
        },
        "created_at_greater_than" => Filter::Created(Some(moment(Some(value))?), None),
        "created_at_less_than" => Filter::Created(None, Some(moment(Some(value))?)),
        "created_at_between" => {
            Filter::Created(Some(moment(value.get("greater_than"))?), Some(moment(value.get("less_than"))?))
        }
        _ => return Err(refusal("user_search_invalid_filter_name", format!("there is no filter {name:?}"))),
    })
}

fn refusal(name: &'static str, description: String) -> Refusal {
    Refusal { error: ErrorCode::Api { name, status: 400 }, description: description.into() }
}

fn user_ids(ids: &[&str]) -> Result<Filter, Refusal> {
    let is_ours = |id: &&&str| id.starts_with("user-test-") || id.starts_with("user-live-");
    let ours = ids.iter().filter(is_ours).count();
    if ours != 0 && ours != ids.len() {
        return Err(MIXED_IDS);
    }
    Ok(Filter::Among(ids.iter().map(|id| Lookup::Id((*id).to_owned())).collect()))
}

impl Query {
    /// The ways to everybody who can fit, if there are some: then nobody else need be looked at.
    pub fn lookups(&self) -> Option<Vec<&Lookup>> {
        let few = |filter: &'_ Filter| matches!(filter, Filter::Among(_) | Filter::Nobody);
        let ways = |filter: &'_ Filter| few(filter).then_some(());
        let chosen: Vec<&Filter> = match self.operator {
            Operator::And => self.filters.iter().filter(|filter| few(filter)).take(1).collect(),
            Operator::Or => {
                self.filters.iter().map(ways).collect::<Option<Vec<()>>>()?;
                self.filters.iter().collect()
            }
        };
        if chosen.is_empty() {
            return None;
        }
        let lookups = chosen.into_iter().filter_map(|filter| match filter {
            Filter::Among(lookups) => Some(lookups),
            _ => None,
        });
        Some(lookups.flatten().collect())
    }

    /// When everybody who can fit was created: after the first and before the second.
    pub fn created_within(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        if self.operator == Operator::Or && self.filters.len() > 1 {
            return (None, None);
        }
        let spans = self.filters.iter().filter_map(|filter| match filter {
            Filter::Created(after, before) => Some((*after, *before)),
            _ => None,
        });
        let (after, before): (Vec<_>, Vec<_>) = spans.unzip();
        (after.into_iter().flatten().max(), before.into_iter().flatten().min())
    }

    /// Whether somebody must be asked for the password.
    pub fn needs_password(&self) -> bool {
        self.filters.iter().any(|filter| matches!(filter, Filter::PasswordExists(_)))
    }

    pub fn fits(&self, user: &User, has_password: bool) -> bool {
        match self.operator {
            Operator::And => self.filters.iter().all(|filter| filter.fits(user, has_password)),
            Operator::Or => {
                self.filters.is_empty() || self.filters.iter().any(|filter| filter.fits(user, has_password))
            }
        }
    }
}

impl Filter {
    fn fits(&self, user: &User, has_password: bool) -> bool {
        let profile = &user.profile;
        match self {
            Self::Among(lookups) => lookups.iter().any(|lookup| match lookup {
                Lookup::Id(id) => user.id.as_str() == id || user.external_id.as_ref() == Some(id),
                Lookup::Name(name) => user.names().contains(name),
            }),
            Self::Nobody => false,
            Self::EmailHas(part) => profile.emails.iter().any(|own| fold(&own.address).contains(part)),
            Self::EmailDomain(wanted) => profile.emails.iter().any(|own| domain(&own.address) == *wanted),
            Self::PhoneNumberHas(part) => profile.phone_numbers.iter().any(|own| own.number.contains(part)),
            Self::NameHas(part) => fold(&user_name::full(profile)).contains(part),
            Self::EmailVerified(verified) => profile.emails.iter().any(|own| own.verified == *verified),
            Self::PhoneVerified(verified) => profile.phone_numbers.iter().any(|own| own.verified == *verified),
            Self::PasswordExists(exists) => has_password == *exists,
            Self::Status(status) => profile.status == *status,
            Self::Created(after, before) => {
                after.is_none_or(|after| user.created_at > after)
                    && before.is_none_or(|before| user.created_at < before)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        samples,
        user::{Email, Profile},
    };
    use serde_json::json;

    fn seconds(text: &str) -> Option<Timestamp> {
        text.parse().ok().map(Timestamp)
    }

    fn ada() -> User {
        let email = Email { id: EmailId::new("email-test-1"), address: "Ada@Harbour.example".into(), verified: true };
        let mut profile = Profile { emails: vec![email], ..Profile::default() };
        profile.claims.insert("name".into(), "Ada Quay".into());
        User { external_id: Some("42".into()), profile, created_at: Timestamp(100), ..samples::user() }
    }

    #[track_caller]
    fn check(name: &str, value: Value, expected: bool) {
        let filter = parse(name, &value, seconds).unwrap();
        assert_eq!(filter.fits(&ada(), true), expected, "{name} {value}");
    }

    #[test]
    fn every_filter_finds_what_it_names() {
        check("user_id", json!(["user-test-1"]), true);
        check("user_id", json!(["42"]), true);
        check("user_id", json!(["43"]), false);
        check("email_address", json!(["x@y.example", "ada@HARBOUR.example"]), true);
        check("email_id", json!(["email-test-1"]), true);
        check("phone_number", json!(["+49301234567"]), false);
        check("phone_id", json!(["phone-number-test-1"]), false);
        check("email_address_fuzzy", json!("HARB"), true);
        check("email_address_fuzzy", json!("port"), false);
        check("phone_number_fuzzy", json!("301"), false);
        check("full_name_fuzzy", json!("a qu"), true);
        check("email_domain", json!("harbour.example"), true);
        check("email_domain", json!("example"), false);
        check("email_verified", json!(true), true);
        check("email_verified", json!(false), false);
        check("phone_verified", json!(false), false);
        check("password_exists", json!(true), true);
        check("password_exists", json!(false), false);
        check("status", json!("active"), true);
        check("status", json!("pending"), false);
        check("created_at_greater_than", json!("99"), true);
        check("created_at_greater_than", json!("100"), false);
        check("created_at_less_than", json!("101"), true);
        check("created_at_between", json!({ "greater_than": "99", "less_than": "101" }), true);
        check("created_at_between", json!({ "greater_than": "100", "less_than": "200" }), false);
        check("totp_id", json!(["totp-test-1"]), false);
        check("totp_verified", json!(false), false);
    }

    #[test]
    fn a_wrong_value_is_told_with_its_filter() {
        for (name, value) in [
            ("user_id", json!("one")),
            ("user_id", json!([])),
            ("user_id", json!([1])),
            ("user_id", json!(vec!["a"; 101])),
            ("full_name_fuzzy", json!("ab")),
            ("email_verified", json!("true")),
            ("status", json!("gone")),
            ("created_at_between", json!({ "greater_than": "1" })),
            ("created_at_less_than", json!("yesterday")),
            ("shoe_size", json!(1)),
        ] {
            let refusal = parse(name, &value, seconds).unwrap_err();
            assert!(refusal.to_string().contains(name), "{refusal}");
        }
        assert_eq!(parse("user_id", &json!(["user-test-1", "42"]), seconds), Err(MIXED_IDS));
    }

    #[test]
    fn times_of_creation_narrow_where_to_look() {
        let filter = |name: &str, value: Value| parse(name, &value, seconds).unwrap();
        let later = filter("created_at_greater_than", json!("5"));
        let between = filter("created_at_between", json!({ "greater_than": "3", "less_than": "9" }));
        let loose = filter("status", json!("active"));
        let within = |operator, filters: &[&Filter]| {
            Query { operator, filters: filters.iter().map(|&own| own.clone()).collect() }.created_within()
        };
        let (five, nine) = (Some(Timestamp(5)), Some(Timestamp(9)));
        assert_eq!(within(Operator::And, &[&loose, &later, &between]), (five, nine));
        assert_eq!(within(Operator::And, &[&later]), (five, None));
        assert_eq!(within(Operator::And, &[&loose]), (None, None));
        assert_eq!(within(Operator::Or, &[&later]), (five, None));
        assert_eq!(within(Operator::Or, &[&later, &loose]), (None, None));
    }

    #[test]
    fn exact_filters_lead_to_users_directly() {
        let filter = |name: &str, value: Value| parse(name, &value, seconds).unwrap();
        let exact = filter("user_id", json!(["42"]));
        let other = filter("email_address", json!(["a@b.example"]));
        let loose = filter("status", json!("active"));
        let lookups = |operator, filters: &[&Filter]| {
            let query = Query { operator, filters: filters.iter().map(|&own| own.clone()).collect() };
            query.lookups().map(|lookups| lookups.len())
        };
        assert_eq!(lookups(Operator::And, &[&loose, &exact, &other]), Some(1));
        assert_eq!(lookups(Operator::Or, &[&exact, &other]), Some(2));
        assert_eq!(lookups(Operator::Or, &[&exact, &loose]), None);
        assert_eq!(lookups(Operator::And, &[&loose]), None);
        assert_eq!(lookups(Operator::And, &[]), None);
        assert_eq!(lookups(Operator::And, &[&Filter::Nobody]), Some(0));
        let either = Query { operator: Operator::Or, filters: vec![loose, Filter::Nobody] };
        assert!(either.fits(&ada(), false));
        assert!(!Query { operator: Operator::And, ..either }.fits(&ada(), false));
    }
}
