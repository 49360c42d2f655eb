//! What the host app may say about a machine (an M2M client), and which secrets of elsewhere it may bring along.
//!
//! Specs: RFC 6749 §2.1, §4.4, §10.10 and appendix A.2; the names of the refusals are those of Stytch's contract.
//!
//! A machine's scope values are the host app's own words: they need not be among the policy's, because no user has to
//! understand them or agree to them.

use crate::{
    client::{AuthenticationMethod, ClientSettings, Confidentiality, GrantType, Party},
    error::{ErrorCode, Refusal, refuse_api},
    plane::Plane,
    policy::STANDARD_SCOPES,
    registration_rules,
    scope::Scope,
    user_metadata,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

pub const BAD_SECRET: Refusal = refuse_api(
    400,
    "m2m_client_invalid_client_secret",
    "client_secret may have printable ASCII characters only (RFC 6749 appendix A.2)",
);
pub const SECRET_TOO_LONG: Refusal =
    refuse_api(400, "client_secret_too_long", "client_secret must have at most 255 characters");
pub const WEAK_SECRET: Refusal = refuse_api(
    400,
    "insecure_m2m_client_secret",
    "client_secret is too easy to guess: it needs at least 8 characters, and more if they are alike; leave it out, and \
     a strong one is made",
);
pub const BAD_SCOPE: Refusal = refuse_api(
    400,
    "invalid_m2m_client_scope",
    "scopes: each is printable ASCII without blank, quote and backslash, and none is about a user, such as openid",
);
pub const TOO_MANY_SCOPES: Refusal =
    refuse_api(400, "too_many_m2m_client_scopes", "scopes: at most 100, and 4096 bytes together");

const LONGEST_SECRET: usize = 255;
const SHORTEST_SECRET: usize = 8;
const LONGEST_SCOPE: usize = 4096;
const MOST_SCOPES: usize = 100;
/// What guessing at a rate-limited endpoint, or at argon2id, cannot get through.
const LEAST_BITS: f64 = 45.0;

/// What is to be changed; `None` stays as it is, an empty text or list clears.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    pub name: Option<String>,
    pub description: Option<String>,
    /// All of them: they replace those before.
    pub scopes: Option<Vec<String>>,
    /// Merged at the top; `null` takes a key away.
    pub trusted_metadata: Option<Map<String, Value>>,
}

/// The settings of a new machine about which nothing is known but its plane. It may ask for nothing yet.
pub fn new(plane: Plane) -> ClientSettings {
    ClientSettings {
        authentication_methods: vec![AuthenticationMethod::ClientSecretBasic, AuthenticationMethod::ClientSecretPost],
        grant_types: vec![GrantType::ClientCredentials],
        scope: Some(Scope::default()),
        ..ClientSettings::new(Party::First, Confidentiality::Confidential, plane)
    }
}

/// The settings after `change`.
pub fn change(settings: &ClientSettings, change: &Change) -> Result<ClientSettings, Refusal> {
    let mut settings = settings.clone();
    if let Some(name) = &change.name {
        settings.name.clone_from(name);
    }
    if let Some(description) = &change.description {
        settings.description.clone_from(description);
    }
    if let Some(scopes) = &change.scopes {
        let scope = parse_scopes(scopes)?;
        // What it gets by default lies within what it may get.
        settings.default_scope = settings.default_scope.map(|default| default.intersection(&scope));
        settings.scope = Some(scope);
    }
    if let Some(metadata) = &change.trusted_metadata {
        user_metadata::merge(&mut settings.trusted_metadata, metadata.clone())?;
    }
    registration_rules::validate_client_draft(&settings, &[]).map_err(by_contract)?;
    Ok(settings)
}

fn parse_scopes(scopes: &[String]) -> Result<Scope, Refusal> {
    let bytes: usize = scopes.iter().map(|value| value.len().saturating_add(1)).sum();
    if scopes.len() > MOST_SCOPES || bytes > LONGEST_SCOPE {
        return Err(TOO_MANY_SCOPES);
    }
    let mut scope = Scope::default();
    for value in scopes {
        // RFC 6749 §3.3
        let is_one = Scope::parse(value).is_ok_and(|parsed| parsed.iter().eq([value.as_str()]));
        if !is_one || STANDARD_SCOPES.contains(&value.as_str()) {
            return Err(BAD_SCOPE);
        }
        scope.insert(value);
    }
    Ok(scope)
}

/// A refusal of ours under the contract's name; it says the same.
fn by_contract(refusal: Refusal) -> Refusal {
    let name = if refusal == registration_rules::BAD_NAME {
        "m2m_client_invalid_client_name"
    } else if refusal == registration_rules::DESCRIPTION_TOO_LONG {
        "m2m_client_invalid_client_description"
    } else {
        "invalid_argument"
    };
    Refusal { error: ErrorCode::Api { name, status: 400 }, ..refusal }
}

/// Whether a secret that was made elsewhere may be a machine's.
pub fn validate_imported_secret(secret: &str) -> Result<(), Refusal> {
    if secret.len() > LONGEST_SECRET {
        return Err(SECRET_TOO_LONG);
    }
    // RFC 6749 appendix A.2: VSCHAR
    if !secret.bytes().all(|b| matches!(b, 0x20..=0x7E)) {
        return Err(BAD_SECRET);
    }
    // RFC 6749 §10.10
    if secret.len() < SHORTEST_SECRET || estimated_bits(secret) < LEAST_BITS { Err(WEAK_SECRET) } else { Ok(()) }
}

/// How many bits of chance are in a text of ASCII at most: each character counts for the kinds of characters that the
/// text has. One that repeats the one before or is its neighbour counts for nothing, and neither does what is left when
/// few characters are used again and again.
fn estimated_bits(text: &str) -> f64 {
    let bytes = text.as_bytes();
    let is_surprising = |pair: &[u8]| matches!(pair, [before, after] if before.abs_diff(*after) > 1);
    let surprising = 1 + bytes.windows(2).filter(|pair| is_surprising(pair)).count();
    let distinct = bytes.iter().collect::<BTreeSet<_>>().len();
    let counted = u32::try_from(surprising.min(2 * distinct)).unwrap_or(u32::MAX);
    let kinds = [
        (26, bytes.iter().any(u8::is_ascii_lowercase)),
        (26, bytes.iter().any(u8::is_ascii_uppercase)),
        (10, bytes.iter().any(u8::is_ascii_digit)),
        (33, bytes.iter().any(|b| !b.is_ascii_alphanumeric())),
    ];
    let pool: u32 = kinds.iter().filter(|(_, is_there)| *is_there).map(|(size, _)| size).sum();
    f64::from(counted) * f64::from(pool.max(1)).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(asked: Change, expected: Result<(), &str>) {
        let outcome = change(&new(Plane::Stytch), &asked).map(|_| ()).map_err(|refusal| refusal.error.as_str());
        assert_eq!(outcome, expected, "{asked:?}");
    }

    #[test]
    fn a_machine_may_be_stored_as_it_begins() {
        for plane in [Plane::Standard, Plane::Stytch] {
            let settings = new(plane);
            assert_eq!(settings.kind(), crate::client::ClientKind::Machine);
            assert_eq!(change(&settings, &Change::default()), Ok(settings));
        }
    }

    #[test]
    fn what_is_refused_has_the_contracts_name() {
        let base = Change::default();
        let scopes = |values: &[&str]| Some(values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>());
        check(Change { name: Some("a\u{202E}b".into()), ..base.clone() }, Err("m2m_client_invalid_client_name"));
        check(
            Change { description: Some("x".repeat(2001)), ..base.clone() },
            Err("m2m_client_invalid_client_description"),
        );
        check(Change { scopes: scopes(&["read:boats", "write:*", "a:b:c"]), ..base.clone() }, Ok(()));
        for wrong in ["", " ", "a b", "a\"", "a\\", "é", "openid", "offline_access", "email"] {
            check(Change { scopes: scopes(&["read", wrong]), ..base.clone() }, Err("invalid_m2m_client_scope"));
        }
        let many: Vec<_> = (0..101).map(|n| n.to_string()).collect();
        check(Change { scopes: Some(many), ..base.clone() }, Err("too_many_m2m_client_scopes"));
        let long = Some(vec!["x".repeat(4096)]);
        check(Change { scopes: long, ..base.clone() }, Err("too_many_m2m_client_scopes"));
        let metadata = (0..21).map(|n| (n.to_string(), json!(1))).collect();
        check(Change { trusted_metadata: Some(metadata), ..base }, Err("metadata_too_many_keys"));
    }

    #[test]
    fn scopes_replace_and_metadata_merges() {
        let metadata = |value: Value| value.as_object().cloned();
        let first = Change {
            name: Some("Crane".into()),
            description: Some("Lifts".into()),
            scopes: Some(vec!["read".into(), "write".into(), "read".into()]),
            trusted_metadata: metadata(json!({ "a": 1, "b": 2 })),
        };
        let settings = change(&new(Plane::Standard), &first).unwrap();
        assert_eq!(settings.scope.as_ref().map(ToString::to_string).as_deref(), Some("read write"));
        assert_eq!(change(&settings, &Change::default()), Ok(settings.clone()));
        let second = Change {
            scopes: Some(Vec::new()),
            trusted_metadata: metadata(json!({ "a": null, "c": 3 })),
            name: Some(String::new()),
            ..Change::default()
        };
        let settings = change(&settings, &second).unwrap();
        assert_eq!((settings.name.as_str(), settings.description.as_str()), ("", "Lifts"));
        assert_eq!(settings.scope, Some(Scope::default()));
        assert_eq!(Value::Object(settings.trusted_metadata), json!({ "b": 2, "c": 3 }));
    }

    #[test]
    fn an_imported_secret_is_not_to_be_guessed() {
        for strong in [
            "kR7_v-2Qb9",
            "d9f1c0a47e5b83e6",
            "correct horse battery staple",
            "Lm3xP9qT",
            &"aB3-".repeat(20),
            &"yJ8k2LmX".repeat(31),
        ] {
            assert_eq!(validate_imported_secret(strong), Ok(()), "{strong}");
        }
        for weak in [
            "",
            "Lm3xP9q",
            "password",
            "12345678",
            "1234567890123456789012345678901234567890",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz",
            "abababababababababababababab",
            "secret12",
        ] {
            assert_eq!(validate_imported_secret(weak), Err(WEAK_SECRET), "{weak}");
        }
        for bad in ["kR7_v-2Qb9é", "kR7_v-2Qb9\n", "kR7_v-2Qb9\0"] {
            assert_eq!(validate_imported_secret(bad), Err(BAD_SECRET), "{bad:?}");
        }
        assert_eq!(validate_imported_secret(&"yJ8k2LmX".repeat(32)), Err(SECRET_TOO_LONG));
    }
}
