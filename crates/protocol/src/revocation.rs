//! Token revocation: what ends when a client gives a token back.
//!
//! Specs: RFC 7009 §2.
//!
//! The endpoint answers 200 whatever is decided here, so that it tells nobody whether a token exists (RFC 7009 §2.2).

use crate::{
    access_token::AccessTokenClaims,
    client_authentication::Authenticated,
    error::{ErrorCode::InvalidRequest, Refusal, refuse},
    family::Family,
    id::{FamilyId, ProjectId},
    parameters::Parameters,
    plane::Plane,
    refresh_token::{Presented, RefreshKeys},
    time::Timestamp,
};

pub const MISSING_TOKEN: Refusal = refuse(InvalidRequest, "token is missing");

/// The `token` parameter. Its kind is plain to see, so `token_type_hint` is not read (RFC 7009 §2.1).
pub fn parse(body: &Parameters) -> Result<&str, Refusal> {
    body.get("token").ok_or(MISSING_TOKEN)
}

#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ends everything issued from this authorization.
    RevokeFamily(FamilyId),
    /// Lists the token's `jti` until it would have expired anyway; the family lives on.
    ListToken { jti: String, until: Timestamp },
    /// Nothing of the caller's, or nothing any more.
    Nothing,
}

/// What a refresh token ends: any generation that we made ends its family, also one replaced long ago. Whoever gives
/// an old one back wants it over, and a client that lost the newest has no other way to say so.
///
/// `keys` are those that the token names and `family` the row that it names, if there are any.
pub fn refresh_token(
    caller: &Authenticated,
    presented: &Presented,
    keys: Option<&RefreshKeys>,
    project: &ProjectId,
    family: Option<&Family>,
    plane: Plane,
) -> Decision {
    let (Some(keys), Some(family)) = (keys, family) else { return Decision::Nothing };
    if !presented.tag_is_genuine(keys, project) || presented.family_id() != family.id || family.plane != plane {
        return Decision::Nothing;
    }
    // RFC 7009 §2.1: the token was issued to the client that asks
    if family.client_id != caller.client_id || family.revoked_at.is_some() {
        return Decision::Nothing;
    }
    Decision::RevokeFamily(family.id.clone())
}

/// What an access token ends whose signature and issuer are proven: itself.
pub fn access_token(caller: &Authenticated, claims: &AccessTokenClaims, now: Timestamp) -> Decision {
    // RFC 7009 §2.1: the token was issued to the client that asks
    if claims.client_id != caller.client_id || now >= claims.exp {
        return Decision::Nothing;
    }
    Decision::ListToken { jti: claims.jti.clone(), until: claims.exp }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client_authentication,
        id::ClientId,
        refresh_token,
        samples::{self, NOW, parameters},
        time::Seconds,
    };

    fn caller(id: &str) -> Authenticated {
        let client = crate::client::Client { id: ClientId::new(id), ..samples::client() };
        let presented = client_authentication::parse(None, &parameters(&format!("client_id={id}"))).unwrap();
        client_authentication::decide(&presented, &client, &[]).unwrap()
    }

    fn keys() -> RefreshKeys {
        RefreshKeys::derive([1; 8], &[2; 32])
    }

    struct World {
        caller: Authenticated,
        presented: Presented,
        keys: Option<RefreshKeys>,
        family: Option<Family>,
        plane: Plane,
    }

    fn world() -> World {
        let family = samples::family();
        let (token, state) = refresh_token::first(&keys(), &samples::project(), &family.id, &[3; 32], NOW).unwrap();
        World {
            caller: caller("app"),
            presented: Presented::parse(&token).unwrap(),
            keys: Some(keys()),
            // The token presented is of generation 1: long replaced.
            family: Some(Family { refresh: Some(crate::family::RefreshState { generation: 100, ..state }), ..family }),
            plane: Plane::Standard,
        }
    }

    #[track_caller]
    fn check(world: World, expected: Decision) {
        let World { caller, presented, keys, family, plane } = world;
        let decided = refresh_token(&caller, &presented, keys.as_ref(), &samples::project(), family.as_ref(), plane);
        assert_eq!(decided, expected);
    }

    #[test]
    fn any_genuine_generation_ends_its_family() {
        check(world(), Decision::RevokeFamily(samples::family().id));
    }

    // attacks.md row 30 (CVE-2026-92288)
    #[test]
    fn what_is_not_the_callers_or_not_ours_has_no_effect() {
        check(World { caller: caller("stranger"), ..world() }, Decision::Nothing);
        check(World { keys: Some(RefreshKeys::derive([1; 8], &[9; 32])), ..world() }, Decision::Nothing);
        check(World { keys: None, ..world() }, Decision::Nothing);
        check(World { family: None, ..world() }, Decision::Nothing);
        check(World { plane: Plane::Stytch, ..world() }, Decision::Nothing);
        let revoked = Family { revoked_at: Some(NOW), ..samples::family() };
        check(World { family: Some(revoked), ..world() }, Decision::Nothing);
        let other = Family { id: FamilyId::new("00000000-0000-0000-0000-000000000000"), ..samples::family() };
        check(World { family: Some(other), ..world() }, Decision::Nothing);
    }

    #[test]
    fn an_access_token_ends_alone_and_only_for_its_client() {
        let claims = samples::claims();
        let listed = Decision::ListToken { jti: "token-1".into(), until: NOW.plus(Seconds(600)) };
        assert_eq!(access_token(&caller("app"), &claims, NOW), listed);
        assert_eq!(access_token(&caller("stranger"), &claims, NOW), Decision::Nothing);
        assert_eq!(access_token(&caller("app"), &claims, NOW.plus(Seconds(600))), Decision::Nothing);
    }

    #[test]
    fn the_token_is_required_and_the_hint_is_not_read() {
        assert_eq!(parse(&parameters("token=x&token_type_hint=nonsense")), Ok("x"));
        assert_eq!(parse(&parameters("token=")), Err(MISSING_TOKEN));
    }
}
