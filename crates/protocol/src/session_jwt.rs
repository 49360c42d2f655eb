//! The session as a signed JWT that the host app's back end checks by itself: made for five minutes, made anew by
//! each call that uses the session.
//!
//! Specs: RFC 7519 §4.1, RFC 8725 §3.11 and §3.12.
//!
//! It is signed by a key that signs nothing else, and carries a marker of its own, so that no OAuth token passes for it and
//! it passes for none.

use crate::{
    error::{Refusal, refuse_api},
    id::SessionId,
    jose::{KeySet, Unverified, Verified, VerifyingAlg, numeric_date},
    session_block::is_reserved,
    time::{Seconds, Timestamp},
};
use serde::Serialize;
use serde_json::{Map, Value};

/// RFC 7519 §5.1: the header's `typ`.
pub const TYP: &str = "JWT";
/// The claim that makes a JWT one of a session, and what it says about it.
pub const MARKER: &str = "https://stytch.com/session";
pub const LIFETIME: Seconds = Seconds(300);

pub const UNREADABLE: Refusal = refuse_api(
    400,
    "unable_to_parse_session_jwt",
    "session_jwt: send the JWT of a session of this project as it was issued",
);
pub const WRONG_ISSUER: Refusal =
    refuse_api(400, "jwt_invalid_issuer", "session_jwt: it was issued by another issuer; send one of this project");
pub const WRONG_AUDIENCE: Refusal =
    refuse_api(400, "jwt_invalid_audience", "session_jwt: it is for another audience; send one of this project");
pub const WRONG_CLAIMS: Refusal = refuse_api(
    400,
    "jwt_invalid_claims",
    "session_jwt: it is no session's; send the session_jwt that came with a session",
);
pub const EXPIRED: Refusal = refuse_api(
    401,
    "session_jwt_expired",
    "session_jwt: it has expired; get a new one with the session token (GET /account/session)",
);

/// The claims of a session's JWT.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionJwtClaims {
    pub iss: String,
    /// The user.
    pub sub: String,
    /// The project's id, and the template's custom audience.
    pub aud: Vec<String>,
    pub iat: Timestamp,
    pub nbf: Timestamp,
    pub exp: Timestamp,
    /// The session as the management API shows it.
    #[serde(rename = "https://stytch.com/session")]
    pub session: Value,
    #[serde(flatten)]
    custom: Map<String, Value>,
}

impl SessionJwtClaims {
    /// `template` has the claims of the project's template; `custom` those of the session, which come on top.
    /// Reserved names among them are left out.
    pub fn new(
        iss: String,
        sub: String,
        aud: Vec<String>,
        session: Value,
        template: Map<String, Value>,
        custom: &Map<String, Value>,
        now: Timestamp,
    ) -> Self {
        let mut claims = template;
        claims.extend(custom.iter().map(|(name, value)| (name.clone(), value.clone())));
        claims.retain(|name, _| !is_reserved(name));
        Self { iss, sub, aud, iat: now, nbf: now, exp: now.plus(LIFETIME), session, custom: claims }
    }
}

/// The session that a JWT of ours names. It may have expired: whether the session lives is for the store to say.
///
/// `issuers` are all those that this project signs sessions as; they have changed with its settings, perhaps.
pub fn session_of(token: &str, keys: &KeySet, issuers: &[&str], project: &str) -> Result<SessionId, Refusal> {
    let verified = Unverified::parse(token).and_then(|unverified| keys.verify(&unverified)).map_err(|_| UNREADABLE)?;
    parse(&verified, issuers, project)
}

/// The same for whoever has nothing but the JWT to show for themselves: then it must not have expired.
pub fn bearer_session_of(
    token: &str,
    keys: &KeySet,
    issuers: &[&str],
    project: &str,
    now: Timestamp,
) -> Result<SessionId, Refusal> {
    let verified = Unverified::parse(token).and_then(|unverified| keys.verify(&unverified)).map_err(|_| UNREADABLE)?;
    let session = parse(&verified, issuers, project)?;
    // RFC 7519 §4.1.4
    let is_young = verified.claims().get("exp").and_then(numeric_date).is_some_and(|end| now < end);
    if is_young { Ok(session) } else { Err(EXPIRED) }
}

fn parse(verified: &Verified, issuers: &[&str], project: &str) -> Result<SessionId, Refusal> {
    // RFC 8725 §3.11: the kind first. We sign these with RS256 only.
    let session = verified.claims().get(MARKER).and_then(|session| session.get("id")).and_then(Value::as_str);
    let (Some(session), true, VerifyingAlg::RS256) = (session, verified.is_of_type(TYP), verified.alg()) else {
        return Err(WRONG_CLAIMS);
    };
    if !verified.text("iss").is_some_and(|issuer| issuers.contains(&issuer)) {
        return Err(WRONG_ISSUER);
    }
    let audiences = verified.claims().get("aud").and_then(Value::as_array);
    if !audiences.is_some_and(|all| all.iter().any(|own| own.as_str() == Some(project))) {
        return Err(WRONG_AUDIENCE);
    }
    if verified.claims().get("exp").and_then(numeric_date).is_none() {
        return Err(WRONG_CLAIMS);
    }
    Ok(SessionId::new(session))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::SigningAlg,
        jose::{SigningKey, VerifyingKey},
    };
    use serde_json::json;

    const ISSUER: &str = "stytch.com/project-test-1";
    const PROJECT: &str = "project-test-1";

    fn claims() -> SessionJwtClaims {
        let Value::Object(template) = json!({ "tier": "free", "sub": "evil", "scope": "evil" }) else { unreachable!() };
        let Value::Object(custom) = json!({ "tier": "paid", "https://stytch.com/session": "evil", "aud": "evil" })
        else {
            unreachable!()
        };
        let aud = vec![PROJECT.to_owned(), "https://api.example".to_owned()];
        let session = json!({ "id": "session-test-1", "roles": [] });
        SessionJwtClaims::new(ISSUER.into(), "user-test-1".into(), aud, session, template, &custom, Timestamp(1_000))
    }

    #[test]
    fn custom_claims_come_on_top_of_the_template_and_say_nothing_that_is_the_issuers() {
        assert_eq!(
            serde_json::to_value(claims()).unwrap(),
            json!({
                "iss": ISSUER, "sub": "user-test-1", "aud": [PROJECT, "https://api.example"], "iat": 1_000, "nbf": 1_000,
                "exp": 1_300, "https://stytch.com/session": { "id": "session-test-1", "roles": [] }, "tier": "paid",
            })
        );
    }

    #[track_caller]
    fn check(typ: Option<&str>, changes: &Value, expected: Result<SessionId, Refusal>) {
        let mut claims = serde_json::to_value(claims()).unwrap();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let verified = Verified::assume(VerifyingAlg::RS256, typ, claims);
        assert_eq!(parse(&verified, &["https://login.example", ISSUER], PROJECT), expected, "{typ:?} {changes}");
    }

    // attacks.md row 18.
    #[test]
    fn only_the_jwt_of_a_session_of_this_project_names_one() {
        let good = Ok(SessionId::new("session-test-1"));
        check(Some("JWT"), &json!({}), good.clone());
        check(Some("JWT"), &json!({ "exp": 1 }), good.clone());
        check(Some("JWT"), &json!({ "iss": "https://login.example" }), good);
        for typ in [None, Some("at+jwt"), Some("logout+jwt"), Some("host-check+jwt")] {
            check(typ, &json!({}), Err(WRONG_CLAIMS));
        }
        for marker in [json!(null), json!("session-test-1"), json!({}), json!({ "id": 1 })] {
            check(Some("JWT"), &json!({ MARKER: marker }), Err(WRONG_CLAIMS));
        }
        check(Some("JWT"), &json!({ "iss": "https://evil.example" }), Err(WRONG_ISSUER));
        check(Some("JWT"), &json!({ "iss": null }), Err(WRONG_ISSUER));
        for aud in [json!("project-test-1"), json!(["project-test-2"]), json!([]), json!(null)] {
            check(Some("JWT"), &json!({ "aud": aud }), Err(WRONG_AUDIENCE));
        }
        check(Some("JWT"), &json!({ "exp": null }), Err(WRONG_CLAIMS));
    }

    #[test]
    fn a_signature_by_another_key_is_none() {
        let make =
            |alg, kid: &str| SigningKey::from_pkcs8(alg, kid, &SigningKey::generate_pkcs8(alg).unwrap()).unwrap();
        let (own, other) = (make(SigningAlg::RS256, "1"), make(SigningAlg::ES256, "2"));
        let keys = |of: &[&SigningKey]| -> KeySet {
            of.iter().map(|key| VerifyingKey::from_jwk(&key.public_jwk()).unwrap()).collect()
        };
        let token = own.sign(TYP, &claims()).unwrap();
        let by = |token: &str, keys: &KeySet| session_of(token, keys, &[ISSUER], PROJECT);
        assert_eq!(by(&token, &keys(&[&own])), Ok(SessionId::new("session-test-1")));
        assert_eq!(by(&token, &keys(&[&other])), Err(UNREADABLE));
        assert_eq!(by(&other.sign(TYP, &claims()).unwrap(), &keys(&[&other])), Err(WRONG_CLAIMS));
        assert_eq!(by("", &keys(&[&own])), Err(UNREADABLE));
        // Made at 1000, for five minutes.
        let borne = |now| bearer_session_of(&token, &keys(&[&own]), &[ISSUER], PROJECT, Timestamp(now));
        assert_eq!((borne(1_299), borne(1_300)), (Ok(SessionId::new("session-test-1")), Err(EXPIRED)));
        assert_eq!(by(&token, &keys(&[&own])), Ok(SessionId::new("session-test-1")));
        assert_eq!(by(&token[..token.len() - 2], &keys(&[&own])), Err(UNREADABLE));
    }
}
