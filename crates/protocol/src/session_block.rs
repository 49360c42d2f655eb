//! What every call that authenticates a user may ask about a session: to begin one, or to carry one on.
//!
//! The members are those of Stytch's contract; what it leaves open is decided here.

use crate::{
    error::{Refusal, refuse_api},
    id::{SessionId, UserId},
    id_token::RESERVED_CLAIMS,
    session::{Attributes, FactorMethod, FullSession, Session},
    time::{Seconds, Timestamp},
};
use serde_json::{Map, Value};

/// The prefix of the claims that only the server sets.
const OWN_CLAIMS: &str = "https://stytch.com/";
const LONGEST_CLAIMS: usize = 4096;

pub const TOO_MANY_ARGUMENTS: Refusal =
    refuse_api(400, "too_many_session_arguments", "send session_token or session_jwt, not both");
pub const BAD_DURATION: Refusal =
    refuse_api(400, "invalid_session_duration_minutes", "session_duration_minutes: 5 to 527040");
pub const CLAIMS_TOO_LARGE: Refusal = refuse_api(
    400,
    "custom_claims_too_large",
    "session_custom_claims: with those that the session has already they may have 4096 bytes as JSON",
);
pub const OWN_CLAIM: Refusal = refuse_api(
    400,
    "stytch_claims_in_custom_claims",
    "session_custom_claims: names that begin with https://stytch.com/ are the server's",
);
pub const OTHER_USER: Refusal =
    refuse_api(400, "user_id_mismatch", "the session that was sent is another user's; end it first, or send none");

/// A request about a session, checked as far as it can be without the session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRequest {
    /// How long the session is to last from now; absent: none is begun, and one that is carried on keeps its end.
    pub duration: Option<Seconds>,
    custom_claims: Map<String, Value>,
}

impl SessionRequest {
    /// The members of a call. Claims are checked here, so that a refusal comes before anything has happened.
    pub fn parse(duration_minutes: Option<i64>, custom_claims: Option<Map<String, Value>>) -> Result<Self, Refusal> {
        let duration = match duration_minutes {
            None => None,
            Some(minutes @ 5..=527_040) => Some(Seconds(minutes * 60)),
            Some(_) => return Err(BAD_DURATION),
        };
        let mut custom_claims = custom_claims.unwrap_or_default();
        if custom_claims.keys().any(|name| is_own(name)) {
            return Err(OWN_CLAIM);
        }
        // As the contract has it, these are ignored.
        custom_claims.retain(|name, _| !is_reserved(name));
        let claims = merge(Map::new(), custom_claims.clone());
        if is_too_large(&claims) {
            return Err(CLAIMS_TOO_LARGE);
        }
        Ok(Self { duration, custom_claims })
    }
}

/// What a session begins with.
#[derive(Debug, Clone)]
pub struct Beginning {
    pub id: SessionId,
    pub token_salt: [u8; 16],
    pub attributes: Attributes,
    pub trusted_profile: Option<String>,
}

/// The session that a user gets who has just proven who they are: none, a new one, or `existing` with one factor more.
/// `existing` must be alive.
pub fn authenticated(
    request: &SessionRequest,
    existing: Option<FullSession>,
    user: &UserId,
    method: FactorMethod,
    beginning: &Beginning,
    now: Timestamp,
) -> Result<Option<FullSession>, Refusal> {
    let mut session = match (existing, request.duration) {
        (Some(existing), _) if existing.session.user_id != *user => return Err(OTHER_USER),
        (Some(existing), _) => existing,
        (None, None) => return Ok(None),
        (None, Some(_)) => begin(beginning, user, now),
    };
    // Once a login rests on another issuer's word it stays so, whatever else is proven beside it.
    if beginning.trusted_profile.is_some() {
        session.session.trusted_profile.clone_from(&beginning.trusted_profile);
    }
    session.add_factor(method, now);
    carry_on(&mut session, request, now)?;
    Ok(Some(session))
}

fn begin(beginning: &Beginning, user: &UserId, now: Timestamp) -> FullSession {
    FullSession {
        session: Session {
            id: beginning.id.clone(),
            user_id: user.clone(),
            authenticated_at: now,
            amr: Vec::new(),
            trusted_profile: None,
            created_at: now,
            expires_at: now,
            revoked_at: None,
        },
        last_accessed_at: now,
        attributes: beginning.attributes.clone(),
        factors: Vec::new(),
        custom_claims: Map::new(),
        token_salt: beginning.token_salt,
    }
}

/// A session for `duration`, for a user who has just proven who they are.
pub fn begun(
    beginning: &Beginning,
    user: &UserId,
    method: FactorMethod,
    duration: Seconds,
    now: Timestamp,
) -> FullSession {
    let mut session = begin(beginning, user, now);
    session.add_factor(method, now);
    session.session.expires_at = now.plus(duration);
    session
}

/// The session was used; with a duration it lasts that long from now, and takes the claims.
pub fn carry_on(session: &mut FullSession, request: &SessionRequest, now: Timestamp) -> Result<(), Refusal> {
    session.last_accessed_at = now;
    let Some(duration) = request.duration else { return Ok(()) };
    session.session.expires_at = now.plus(duration);
    let claims = merge(std::mem::take(&mut session.custom_claims), request.custom_claims.clone());
    if is_too_large(&claims) {
        return Err(CLAIMS_TOO_LARGE);
    }
    session.custom_claims = claims;
    Ok(())
}

/// Whether no custom claim and no template may have this name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED_CLAIMS.contains(&name) || is_own(name)
}

fn is_own(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with(OWN_CLAIMS)
}

/// Objects are merged member by member, `null` takes a member away, anything else replaces.
fn merge(mut own: Map<String, Value>, changes: Map<String, Value>) -> Map<String, Value> {
    for (name, change) in changes {
        match change {
            Value::Null => {
                own.remove(&name);
            }
            Value::Object(change) => {
                let nested = match own.remove(&name) {
                    Some(Value::Object(nested)) => nested,
                    _ => Map::new(),
                };
                own.insert(name, Value::Object(merge(nested, change)));
            }
            change => {
                own.insert(name, change);
            }
        }
    }
    own
}

fn is_too_large(claims: &Map<String, Value>) -> bool {
    serde_json::to_string(claims).map_or(true, |text| text.len() > LONGEST_CLAIMS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{NOW, full_session, user};
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value}") };
        members
    }

    fn request(minutes: Option<i64>, claims: Value) -> SessionRequest {
        SessionRequest::parse(minutes, Some(object(claims))).unwrap()
    }

    fn beginning() -> Beginning {
        Beginning {
            id: SessionId::new("session-test-2"),
            token_salt: [2; 16],
            attributes: Attributes { ip_address: "192.0.2.1".into(), user_agent: String::new() },
            trusted_profile: None,
        }
    }

    #[test]
    fn a_login_on_our_pages_lasts_as_long_as_it_is_told() {
        let made = begun(&beginning(), &user().id, FactorMethod::Imported, Seconds(60), NOW);
        assert_eq!((made.session.expires_at, made.factors.len()), (NOW.plus(Seconds(60)), 1));
        assert_eq!((made.session.created_at, made.session.authenticated_at), (NOW, NOW));
    }

    fn imported(request: &SessionRequest, existing: Option<FullSession>) -> Result<Option<FullSession>, Refusal> {
        authenticated(request, existing, &user().id, FactorMethod::Imported, &beginning(), NOW)
    }

    #[test]
    fn a_duration_begins_a_session_and_without_one_there_is_none() {
        assert_eq!(imported(&request(None, json!({ "a": 1 })), None), Ok(None));
        let made = imported(&request(Some(60), json!({ "a": 1 })), None).unwrap().unwrap();
        assert_eq!((made.session.created_at, made.session.expires_at), (NOW, NOW.plus(Seconds(3600))));
        assert_eq!((made.attributes.ip_address.as_str(), made.factors.len()), ("192.0.2.1", 1));
        assert_eq!(made.custom_claims, object(json!({ "a": 1 })));
    }

    #[test]
    fn an_existing_session_takes_the_factor_and_keeps_its_end_unless_a_duration_moves_it() {
        let own = full_session();
        let same = imported(&request(None, json!({ "a": 1 })), Some(own.clone())).unwrap().unwrap();
        assert_eq!((same.session.expires_at, &same.custom_claims), (own.session.expires_at, &own.custom_claims));
        assert_eq!((same.factors.len(), same.last_accessed_at), (own.factors.len() + 1, NOW));
        assert_eq!((&same.session.id, same.token_salt), (&own.session.id, own.token_salt));
        let longer = imported(&request(Some(527_040), json!({ "a": 1 })), Some(own)).unwrap().unwrap();
        assert_eq!(longer.session.expires_at, NOW.plus(Seconds(527_040 * 60)));
        assert_eq!(longer.custom_claims["a"], 1);
    }

    #[test]
    fn another_users_session_is_not_carried_on() {
        let mut foreign = full_session();
        foreign.session.user_id = UserId::new("user-test-2");
        assert_eq!(imported(&request(Some(5), json!({})), Some(foreign)), Err(OTHER_USER));
    }

    #[test]
    fn a_login_that_rests_on_another_issuer_stays_so() {
        let attested = Beginning { trusted_profile: Some("profile".into()), ..beginning() };
        let method = FactorMethod::TrustedAuthToken { token_id: "1".into() };
        let made = authenticated(&request(Some(5), json!({})), None, &user().id, method, &attested, NOW);
        let made = made.unwrap().unwrap();
        assert_eq!(made.session.trusted_profile.as_deref(), Some("profile"));
        let later = imported(&request(Some(5), json!({})), Some(made)).unwrap().unwrap();
        assert_eq!(later.session.trusted_profile.as_deref(), Some("profile"));
    }

    #[test]
    fn durations_have_bounds() {
        for minutes in [4, 0, -1, 527_041, i64::MIN, i64::MAX] {
            assert_eq!(SessionRequest::parse(Some(minutes), None), Err(BAD_DURATION), "{minutes}");
        }
        for minutes in [5, 527_040] {
            assert!(SessionRequest::parse(Some(minutes), None).is_ok(), "{minutes}");
        }
    }

    #[track_caller]
    fn check_merge(own: Value, changes: Value, expected: Value) {
        let mut session = FullSession { custom_claims: object(own), ..full_session() };
        carry_on(&mut session, &request(Some(5), changes), NOW).unwrap();
        assert_eq!(Value::Object(session.custom_claims), expected);
    }

    #[test]
    fn claims_are_merged_member_by_member_and_null_takes_away() {
        check_merge(json!({ "a": 1, "b": 2 }), json!({ "b": 3, "c": [null] }), json!({ "a": 1, "b": 3, "c": [null] }));
        check_merge(
            json!({ "a": { "x": 1, "y": 2 } }),
            json!({ "a": { "y": null, "z": 3 } }),
            json!({ "a": { "x": 1, "z": 3 } }),
        );
        check_merge(json!({ "a": 1 }), json!({ "a": { "x": null } }), json!({ "a": {} }));
        check_merge(json!({ "a": { "x": 1 } }), json!({ "a": "text" }), json!({ "a": "text" }));
        check_merge(json!({ "a": 1 }), json!({ "a": null, "none": null }), json!({}));
    }

    // Design section 5: neither a template nor a custom claim says what the issuer says.
    #[test]
    fn reserved_claims_are_ignored_and_the_servers_own_refused() {
        let hostile: Map<String, Value> = RESERVED_CLAIMS.iter().map(|name| ((*name).to_owned(), json!("x"))).collect();
        check_merge(json!({}), Value::Object(hostile), json!({}));
        for name in ["https://stytch.com/session", "HTTPS://Stytch.com/organization"] {
            let own = [(name.to_owned(), json!({}))].into_iter().collect();
            assert_eq!(SessionRequest::parse(Some(5), Some(own)), Err(OWN_CLAIM), "{name}");
        }
    }

    #[test]
    fn claims_have_four_kilobytes_together() {
        let large = "x".repeat(4096 - r#"{"a":""}"#.len());
        let fits = request(Some(5), json!({ "a": large }));
        let more = object(json!({ "a": format!("{large}x") }));
        assert_eq!(SessionRequest::parse(Some(5), Some(more)), Err(CLAIMS_TOO_LARGE));
        let mut session = FullSession { custom_claims: object(json!({ "b": 1 })), ..full_session() };
        assert_eq!(carry_on(&mut session, &fits, NOW), Err(CLAIMS_TOO_LARGE));
    }
}
