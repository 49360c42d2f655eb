//! What the records of a file are, told by the members that they have.

use serde_json::{Map, Value};

pub(super) type Members = Map<String, Value>;

/// Whose form a record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A user, as `POST /v1/users/search` answers.
    User,
    /// A connected app, as `POST /v1/connected_apps/clients/search` answers.
    App,
    /// A machine, as `POST /v1/m2m/clients/search` answers.
    Machine,
    /// A user's id or address, and what `POST /v1/passwords/migrate` takes.
    PasswordHash,
    /// A row of the table that Stytch's support sends.
    StytchHash,
    /// An application of Auth0, as `GET /api/v2/clients` answers.
    Auth0Client,
    /// What an application may ask of an API at Auth0, as `GET /api/v2/client-grants` answers.
    Auth0Grant,
}

impl Kind {
    /// Whether records stand in a list of this name.
    pub(super) fn is_list(name: &str) -> bool {
        matches!(name, "results" | "clients") || Self::of_list(name).is_some()
    }

    /// What a list of this name holds, if the name says it.
    pub(super) fn of_list(name: &str) -> Option<Self> {
        match name {
            "users" => Some(Self::User),
            "connected_apps" => Some(Self::App),
            "m2m_clients" => Some(Self::Machine),
            "password_hashes" => Some(Self::PasswordHash),
            "client_grants" => Some(Self::Auth0Grant),
            _ => None,
        }
    }

    /// What a record is. Its members come before the name of the list that it stands in.
    pub(super) fn of(list: Option<Self>, members: &Members) -> Result<Self, String> {
        let has = |name: &str| members.get(name).is_some_and(|value| !value.is_null());
        if has("client_id") {
            return if has("client_type") {
                Ok(Self::App)
            } else if has("audience") {
                Ok(Self::Auth0Grant)
            } else if has("app_type") || has("grant_types") || has("tenant") {
                Ok(Self::Auth0Client)
            } else if has("scopes") {
                Ok(Self::Machine)
            } else {
                list.ok_or_else(unknown)
            };
        }
        if has("hash_method") {
            return Ok(Self::StytchHash);
        }
        if has("hash") && !has("emails") {
            return Ok(Self::PasswordHash);
        }
        let of_users = ["user_id", "emails", "email", "phone_numbers", "phone_number", "external_id"];
        if of_users.into_iter().any(has) { Ok(Self::User) } else { list.ok_or_else(unknown) }
    }
}

fn unknown() -> String {
    "this is no record that can be taken: a user has user_id and emails, a connected app client_id and client_type, a \
     machine client_id and scopes, a password hash and hash_type"
        .to_owned()
}

/// How an operator finds a record again: its id, else what it is called by.
pub(super) fn name_of(members: &Members) -> String {
    let names = ["user_id", "client_id", "id", "external_id", "email", "phone_number"];
    let own = names.iter().find_map(|name| members.get(*name).and_then(Value::as_str));
    let in_list = |list: &str, name: &str| members.get(list).and_then(|all| all.get(0)?.get(name)?.as_str());
    let found = own.or_else(|| in_list("emails", "email")).or_else(|| in_list("phone_numbers", "phone_number"));
    found.unwrap_or("without an id").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind(record: Value) -> Result<Kind, String> {
        Kind::of(None, record.as_object().unwrap())
    }

    #[test]
    fn members_tell_what_a_record_is() {
        for (record, expected) in [
            (json!({ "user_id": "user-test-1", "emails": [] }), Kind::User),
            (json!({ "email": "a@b.example" }), Kind::User),
            (json!({ "user_id": "u", "emails": [], "hash": "h", "hash_type": "bcrypt" }), Kind::User),
            (json!({ "user_id": "u", "hash": "h", "hash_type": "bcrypt" }), Kind::PasswordHash),
            (json!({ "id": "u", "hash": "h", "salt": "s", "hash_method": "scrypt" }), Kind::StytchHash),
            (json!({ "client_id": "c", "client_type": "first_party", "scopes": [] }), Kind::App),
            (json!({ "client_id": "c", "scopes": [] }), Kind::Machine),
            (json!({ "client_id": "c", "app_type": "spa", "tenant": "t" }), Kind::Auth0Client),
            (json!({ "id": "cgr_1", "client_id": "c", "audience": "a", "scope": [] }), Kind::Auth0Grant),
        ] {
            assert_eq!(kind(record.clone()), Ok(expected), "{record}");
        }
        for record in [json!({}), json!({ "client_id": "c" }), json!({ "colour": 1, "user_id": null })] {
            assert_eq!(kind(record), Err(unknown()));
        }
    }

    #[test]
    fn a_record_is_called_by_its_id_else_by_an_address() {
        for (record, expected) in [
            (json!({ "user_id": "user-test-1", "email": "a@b.example" }), "user-test-1"),
            (json!({ "emails": [{ "email": "a@b.example" }] }), "a@b.example"),
            (json!({ "emails": [], "phone_numbers": [{ "phone_number": "+4930" }] }), "+4930"),
            (json!({ "user_id": 1 }), "without an id"),
        ] {
            assert_eq!(name_of(record.as_object().unwrap()), expected);
        }
    }
}
