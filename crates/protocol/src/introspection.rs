//! Token introspection: what a caller may learn about a token, and whether it still counts.
//!
//! Specs: RFC 7662 §2 and §4, RFC 9470 §6.2.
//!
//! Whatever the caller may not see, and whatever no longer counts, looks the same: `{"active":false}`.

use crate::{
    access_token::AccessTokenClaims,
    client::{Client, GrantType},
    error::{
        ErrorCode::{InvalidClient, InvalidRequest},
        Refusal, refuse,
    },
    family::Family,
    id::{ClientId, UserId},
    liveness::{self, Dead, Standing},
    parameters::Parameters,
    refresh_token,
    scope::Scope,
    time::Timestamp,
};
use serde::{Serialize, Serializer};

pub const MISSING_TOKEN: Refusal = refuse(InvalidRequest, "token is missing");
pub const PUBLIC_CALLER: Refusal =
    refuse(InvalidClient, "introspection needs a client that authenticates with a secret or a key");

/// The `token` parameter. Its kind is plain to see, so `token_type_hint` is not read (RFC 7662 §2.1).
pub fn parse(body: &Parameters) -> Result<&str, Refusal> {
    body.get("token").ok_or(MISSING_TOKEN)
}

/// Whether an authenticated client may use the endpoint at all.
pub fn is_open_to(caller: &Client) -> Result<(), Refusal> {
    // RFC 7662 §2.1 and §4: without authorization the endpoint is a place to try tokens
    if caller.is_public() { Err(PUBLIC_CALLER) } else { Ok(()) }
}

/// The answer; serializes to the response's body.
#[derive(Debug, PartialEq, Eq)]
pub enum Introspection<'a> {
    Inactive(Reason),
    Active(Answer<'a>),
}

/// Why a token is called inactive; for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Issued to another client, and for none of the caller's resources.
    NotForThisCaller,
    Dead(Dead),
    /// A refresh token that would not be accepted.
    NotUsable,
}

/// RFC 7662 §2.2. Absent members are left out, never `null`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Answer<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Scope::is_empty")]
    pub scope: &'a Scope,
    pub client_id: &'a ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    pub exp: Timestamp,
    pub iat: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<Timestamp>,
    pub sub: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty", serialize_with = "one_as_text")]
    pub aud: &'a [String],
    pub iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<&'a str>,
}

/// Decides what `caller` learns about an access token whose signature, issuer and times are proven.
pub fn access_token<'a>(
    caller: &Client,
    token: &liveness::AccessToken<'a>,
    standing: Standing<'_>,
    now: Timestamp,
) -> Introspection<'a> {
    let claims = token.claims;
    if !sees(caller, claims) {
        return Introspection::Inactive(Reason::NotForThisCaller);
    }
    if let Err(dead) = liveness::access_token(token, standing, now) {
        return Introspection::Inactive(Reason::Dead(dead));
    }
    Introspection::Active(Answer {
        active: true,
        scope: &claims.scope,
        client_id: &claims.client_id,
        token_type: Some("Bearer"),
        exp: claims.exp,
        iat: claims.iat,
        nbf: claims.nbf,
        sub: &claims.sub,
        aud: &claims.aud,
        iss: &claims.iss,
        jti: Some(&claims.jti),
        auth_time: claims.auth_time,
        acr: claims.acr.as_deref(),
    })
}

/// Decides what `caller` learns about a refresh token; nothing is moved or revoked by asking.
///
/// `facts` are those of a refresh, with any salt. A refresh token concerns nobody but its client.
pub fn refresh_token<'a>(
    caller: &Client,
    issuer: &'a str,
    presented: &refresh_token::Presented,
    facts: &refresh_token::Facts<'a>,
) -> Introspection<'a> {
    let family: &'a Family = facts.family;
    if family.client_id != caller.id {
        return Introspection::Inactive(Reason::NotForThisCaller);
    }
    let Some(state) = family.refresh.as_ref().filter(|_| refresh_token::is_usable(presented, facts)) else {
        return Introspection::Inactive(Reason::NotUsable);
    };
    Introspection::Active(Answer {
        active: true,
        scope: &family.scope,
        client_id: &family.client_id,
        token_type: None,
        exp: state.idle_expires_at.min(family.expires_at),
        iat: family.created_at,
        nbf: None,
        sub: UserId::as_str(&family.user_id),
        aud: &[],
        iss: issuer,
        jti: None,
        auth_time: family.context.auth_time,
        acr: family.context.acr.as_deref(),
    })
}

/// RFC 7662 §4: a client sees its own tokens, a resource server those meant for it.
///
/// A resource server is a client that acts for no user and whose resources are listed. An open list means that it may
/// *ask* for any resource, not that it *is* all of them; and a client that acts for users may ask for a resource
/// without being it.
fn sees(caller: &Client, claims: &AccessTokenClaims) -> bool {
    if claims.client_id == caller.id {
        return true;
    }
    let is_resource_server = !caller.may_use(GrantType::AuthorizationCode) && !caller.may_use(GrantType::RefreshToken);
    is_resource_server
        && caller.settings.resources.as_ref().is_some_and(|own| claims.aud.iter().any(|aud| own.contains(aud)))
}

impl Serialize for Introspection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Inactive {
            active: bool,
        }
        match self {
            // RFC 7662 §2.2: nothing else about an inactive token
            Self::Inactive(_) => Inactive { active: false }.serialize(serializer),
            Self::Active(answer) => answer.serialize(serializer),
        }
    }
}

fn one_as_text<S: Serializer>(values: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match values {
        [one] => serializer.serialize_str(one),
        all => all.serialize(serializer),
    }
}
