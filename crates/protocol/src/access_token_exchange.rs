//! The host app's own client gives an access token with `full_access` back and gets the session that it was issued on.
//!
//! Stytch's contract: first party only, within five minutes, once.

use crate::{
    access_token::AccessTokenClaims,
    client::Party,
    error::{ErrorCode, Refusal, refuse},
    family::Family,
    full_access::FULL_ACCESS,
    id::SessionId,
    liveness::Alive,
    plane::Plane,
    time::{Seconds, Timestamp},
};

/// How old a token may be.
pub const LONGEST_AGE: Seconds = Seconds(300);

pub const NOT_FOUND: Refusal = api(
    404,
    "idp_access_token_not_found",
    "access_token: send an access token that this project issued, as it was issued",
);
pub const EXPIRED: Refusal = api(400, "idp_access_token_expired", "access_token: it has expired; get a new one");
pub const MISSING_FULL_ACCESS: Refusal = api(
    400,
    "oauth_access_token_exchange_missing_full_access",
    "access_token: it needs the scope full_access, which only a first party client of the Stytch plane can get",
);
pub const TOO_OLD: Refusal = api(
    400,
    "oauth_access_token_exchange_token_too_old",
    "access_token: it was issued more than five minutes ago; exchange a new one",
);
pub const INVALID_GRANT: Refusal = api(
    400,
    "oauth_access_token_exchange_token_invalid_grant",
    "access_token: it was exchanged before, or its authorization has ended; get a new one",
);
pub const NO_SESSION: Refusal = api(
    404,
    "idp_access_token_could_not_be_exchanged",
    "access_token: the session that it was issued on has ended, or it was authorized without one",
);

const fn api(status: u16, name: &'static str, description: &'static str) -> Refusal {
    refuse(ErrorCode::Api { name, status }, description)
}

/// Whether a token that still stands may be exchanged, and for which session. That it happens once is the store's part.
///
/// What the token may do comes before its age, so that a developer learns first what waiting will not mend.
pub fn decide<'f>(
    token: &AccessTokenClaims,
    alive: &Alive<'_>,
    family: &'f Family,
    now: Timestamp,
) -> Result<&'f SessionId, Refusal> {
    let is_own = token.plane == Plane::Stytch && alive.client.settings.party == Party::First;
    // The authorization is asked too: a token never says more than it.
    if !is_own || !token.scope.contains(FULL_ACCESS) || !family.scope.contains(FULL_ACCESS) {
        return Err(MISSING_FULL_ACCESS);
    }
    if now.since(token.iat) > LONGEST_AGE {
        return Err(TOO_OLD);
    }
    family.session_id.as_ref().ok_or(NO_SESSION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, NOW, scope, user, with_settings};

    #[track_caller]
    fn check(party: Party, plane: Plane, token_scope: &str, age: i64, expected: Result<(), Refusal>) {
        let client = with_settings(samples::client(), |settings| settings.party = party);
        let family = Family { scope: scope("openid full_access"), ..samples::family() };
        let (user, grant) = (user(), samples::grant());
        let alive = samples::alive(&client, &user, &grant);
        let token =
            AccessTokenClaims { plane, scope: scope(token_scope), iat: Timestamp(NOW.0 - age), ..samples::claims() };
        let outcome = decide(&token, &alive, &family, NOW);
        assert_eq!(outcome.map(|session| assert_eq!(*session, samples::session().id)), expected);
        if expected.is_ok() {
            let without = Family { session_id: None, ..family.clone() };
            assert_eq!(decide(&token, &alive, &without, NOW), Err(NO_SESSION));
        }
        let narrow = Family { scope: scope("openid"), ..family };
        assert_eq!(decide(&token, &alive, &narrow, NOW), Err(MISSING_FULL_ACCESS));
    }

    #[test]
    fn only_a_young_token_of_a_first_party_client_with_full_access_is_exchanged() {
        check(Party::First, Plane::Stytch, "openid full_access", 0, Ok(()));
        check(Party::First, Plane::Stytch, "full_access", 300, Ok(()));
        check(Party::First, Plane::Stytch, "full_access", 301, Err(TOO_OLD));
        check(Party::First, Plane::Stytch, "openid", 0, Err(MISSING_FULL_ACCESS));
        check(Party::First, Plane::Standard, "full_access", 0, Err(MISSING_FULL_ACCESS));
        check(Party::Third, Plane::Stytch, "full_access", 301, Err(MISSING_FULL_ACCESS));
    }
}
