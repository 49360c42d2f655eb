//! Claims about a user: which of them a scope and a `claims` request bring.
//!
//! Specs: OIDC Core §5.1, §5.3.2, §5.4 and §5.5.
//! A claim without a value is absent, never `null` or empty.

use crate::{client::Client, scope::Scope, user::User};
use serde_json::{Map, Value};

/// OIDC Core §5.4 `profile`.
const PROFILE: [&str; 14] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];

/// Every scope value that brings claims, with the claims it brings.
const BY_SCOPE: [(&str, &[&str]); 4] = [
    ("profile", &PROFILE),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// The names of all claims about a user that can be asked for.
pub fn names() -> impl Iterator<Item = &'static str> {
    BY_SCOPE.iter().flat_map(|(_, names)| names.iter().copied())
}

/// The scope value that brings the claim `name`; `None` for a claim that we do not have.
pub fn scope_value_of(name: &str) -> Option<&'static str> {
    BY_SCOPE.iter().find(|(_, names)| names.contains(&name)).map(|(value, _)| *value)
}

/// Those of the `requested` claims that the client may have at all: a claim goes with the scope value that brings it.
pub fn within_registration(requested: &[String], client: &Client) -> Vec<String> {
    let ceiling = client.settings.scope.as_ref();
    let is_open =
        |name: &String| ceiling.is_none_or(|own| scope_value_of(name).is_some_and(|value| own.contains(value)));
    requested.iter().filter(|name| is_open(name)).cloned().collect()
}

/// The members of the userinfo response (OIDC Core §5.3.2): `sub`, the claims of `scope`, and the `requested` ones.
pub fn userinfo(user: &User, scope: &Scope, requested: &[String]) -> Map<String, Value> {
    let mut claims = released(user, scope, requested);
    // OIDC Core §5.3.2: always there
    claims.insert("sub".to_owned(), user.id.as_str().into());
    claims
}

/// The claims about the user in an ID token; the protocol's own claims are not among them.
///
/// The claims of the scope are in it as well as in userinfo. OIDC Core §5.4 asks only for userinfo when there is an
/// access token, but many clients read name and e-mail address from the ID token and never ask there.
pub fn id_token(user: &User, scope: &Scope, requested: &[String]) -> Map<String, Value> {
    released(user, scope, requested)
}

fn released(user: &User, scope: &Scope, requested: &[String]) -> Map<String, Value> {
    let is_released = |value: &str, name: &str| scope.contains(value) || requested.iter().any(|own| own == name);
    let mut claims = Map::new();
    for (value, names) in BY_SCOPE {
        for name in names.iter().filter(|name| is_released(value, name)) {
            claims.extend(claim(user, name).map(|claim| ((*name).to_owned(), claim)));
        }
    }
    claims
}

/// The value of one claim, if the user has it.
fn claim(user: &User, name: &str) -> Option<Value> {
    let profile = &user.profile;
    let claim = match name {
        "email" => profile.email()?.address.clone().into(),
        "email_verified" => profile.email()?.verified.into(),
        "phone_number" => profile.phone_number()?.number.clone().into(),
        "phone_number_verified" => profile.phone_number()?.verified.into(),
        "address" => Value::Object(without_nulls(profile.address.as_ref()?)),
        // OIDC Core §5.1: a number of seconds
        "updated_at" => user.updated_at.0.into(),
        name => profile.claims.get(name)?.clone(),
    };
    has_content(&claim).then_some(claim)
}

fn without_nulls(object: &Map<String, Value>) -> Map<String, Value> {
    object.iter().filter(|(_, value)| has_content(value)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// OIDC Core §5.3.2: a claim that is not returned is left out, not sent as null or empty.
fn has_content(claim: &Value) -> bool {
    match claim {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::EmailId,
        samples::{scope, user},
        user::{Email, Profile},
    };
    use serde_json::json;

    fn email(address: &str, verified: bool) -> Email {
        Email { id: EmailId::new(format!("email-test-{address}")), address: address.to_owned(), verified }
    }

    fn alice() -> User {
        let Value::Object(claims) = json!({
            "name": "Alice", "nickname": null, "website": "", "locale": "de", "department": "secret",
            "email": "forged@evil.example", "sub": "forged",
        }) else {
            unreachable!()
        };
        let Value::Object(address) = json!({ "locality": "Bern", "region": null }) else { unreachable!() };
        let profile = Profile {
            emails: vec![email("alice@example.com", true), email("alice@example.net", false)],
            address: Some(address),
            claims,
            ..Profile::default()
        };
        User { profile, ..user() }
    }

    #[track_caller]
    fn check(scope_text: &str, requested: &[&str], expected: Value) {
        let requested: Vec<String> = requested.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(Value::Object(id_token(&alice(), &scope(scope_text), &requested)), expected);
        let mut with_subject = expected;
        with_subject["sub"] = json!("user-test-1");
        assert_eq!(Value::Object(userinfo(&alice(), &scope(scope_text), &requested)), with_subject);
    }

    #[test]
    fn a_scope_value_brings_its_claims_and_no_others() {
        check("openid", &[], json!({}));
        check("openid email", &[], json!({ "email": "alice@example.com", "email_verified": true }));
        check("address", &[], json!({ "address": { "locality": "Bern" } }));
        check("profile", &[], json!({ "name": "Alice", "locale": "de", "updated_at": user().updated_at.0 }));
        check("notes:read offline_access", &[], json!({}));
    }

    #[test]
    fn what_the_user_does_not_have_is_absent() {
        check("phone", &[], json!({}));
        check("openid", &["phone_number_verified", "nickname", "website"], json!({}));
    }

    #[test]
    fn single_claims_can_be_asked_for_but_only_standard_ones() {
        check("openid", &["email", "name"], json!({ "email": "alice@example.com", "name": "Alice" }));
        check("openid", &["department", "sub", "roles", "profile", "iss"], json!({}));
    }

    #[test]
    fn every_name_belongs_to_one_scope_value() {
        let names: Vec<_> = names().collect();
        assert_eq!(names.len(), 19);
        assert!(names.iter().all(|name| scope_value_of(name).is_some()));
        assert_eq!(scope_value_of("email_verified"), Some("email"));
        assert_eq!(scope_value_of("sub"), None);
    }
}
