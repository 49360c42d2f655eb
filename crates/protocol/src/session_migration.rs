//! Exchanging a session of the login that the host app had before: its userinfo endpoint says whose it is.
//!
//! Specs: OIDC Core §5.3.2 (the answer), §5.7 (an address alone proves little).

use crate::error::{Refusal, refuse_api};
use serde_json::{Map, Value};

pub const NO_URL: Refusal = refuse_api(
    400,
    "migrate_from_external_missing_userinfo",
    "the project has no session_migration_url; set it to the userinfo endpoint of the login before",
);
pub const UNEXPECTED: Refusal = refuse_api(
    400,
    "migrate_from_external_unexpected_response",
    "the userinfo endpoint did not accept the session_token, or did not answer with 200 and a JSON object",
);
pub const NO_EMAIL: Refusal = refuse_api(
    400,
    "migrate_from_external_missing_userinfo",
    "the userinfo endpoint's answer has no email; let it answer with the user's address",
);
pub const UNVERIFIED: Refusal = refuse_api(
    400,
    "migrate_from_external_unexpected_response",
    "the userinfo endpoint says that the address is not verified; only a verified one names a user",
);
pub const UNKNOWN_EMAIL: Refusal = refuse_api(
    404,
    "migrate_from_external_email_does_not_exist",
    "no user has the address that the userinfo endpoint names; create the user first",
);
pub const BAD_TOKEN: Refusal =
    refuse_api(400, "invalid_session_token", "session_token: send the session or access token of the login before");

/// Whether `token` can be sent on as a bearer token (RFC 6750 §2.1); what else it is only its issuer knows.
pub fn validate_token(token: &str) -> Result<(), Refusal> {
    let is_sendable = !token.is_empty() && token.len() <= 16_384 && token.bytes().all(|b| b.is_ascii_graphic());
    if is_sendable { Ok(()) } else { Err(BAD_TOKEN) }
}

/// The address by which the user is found.
pub fn email(userinfo: &Value) -> Result<&str, Refusal> {
    let claims = userinfo.as_object().ok_or(UNEXPECTED)?;
    let email = claims.get("email").and_then(Value::as_str).filter(|email| !email.is_empty()).ok_or(NO_EMAIL)?;
    // Whoever may type any address at the login before must not get its owner's account here (attacks.md row 35).
    if denies_verification(claims) { Err(UNVERIFIED) } else { Ok(email) }
}

/// Whether claims about a user say that the address is not proven to be theirs. Some issuers send the text "true".
pub fn denies_verification(claims: &Map<String, Value>) -> bool {
    claims.get("email_verified").is_some_and(|verified| *verified != true && *verified != "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_verified_address_names_a_user() {
        for verified in [json!(true), json!("true")] {
            assert_eq!(email(&json!({ "email": "a@b.example", "email_verified": verified })), Ok("a@b.example"));
        }
        assert_eq!(email(&json!({ "sub": "1", "email": "a@b.example" })), Ok("a@b.example"));
        for verified in [json!(false), json!("false"), json!(null), json!(1)] {
            assert_eq!(email(&json!({ "email": "a@b.example", "email_verified": verified })), Err(UNVERIFIED));
        }
        for userinfo in [json!({}), json!({ "email": "" }), json!({ "email": ["a@b.example"] })] {
            assert_eq!(email(&userinfo), Err(NO_EMAIL));
        }
        assert_eq!(email(&json!([])), Err(UNEXPECTED));
    }

    #[test]
    fn a_token_is_visible_text() {
        assert_eq!(validate_token("eyJ.a-b_c~+/="), Ok(()));
        for token in ["", "a b", "a\r\nx: y", "é", "x".repeat(16_385).as_str()] {
            assert_eq!(validate_token(token), Err(BAD_TOKEN), "{token:?}");
        }
    }
}
