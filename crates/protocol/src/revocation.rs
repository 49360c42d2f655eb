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
