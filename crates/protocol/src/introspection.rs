//! Token introspection: what a caller may learn about a token, and whether it still counts.
//!
//! Specs: RFC 7662 §2 and §4, RFC 9470 §6.2.
//!
//! Whatever the caller may not see, and whatever no longer counts, looks the same: `{"active":false}`.

use crate::{
    access_token::{self, AccessTokenClaims},
    client::{Client, GrantType},
    error::{
        ErrorCode::{InvalidClient, InvalidRequest},
        Refusal, refuse,
    },
    family::Family,
    id::{ClientId, ProjectId, UserId},
    liveness::{self, Dead, Standing},
    parameters::Parameters,
    plane::Plane,
    refresh_token,
    scope::Scope,
    time::Timestamp,
};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

pub const MISSING_TOKEN: Refusal = refuse(InvalidRequest, "token is missing");
pub const PUBLIC_CALLER: Refusal =
    refuse(InvalidClient, "introspection needs a client that authenticates with a secret or a key");

/// The `token` parameter. Its kind is plain to see, so `token_type_hint` is not read (RFC 7662 §2.1).
pub fn parse(body: &Parameters) -> Result<&str, Refusal> {
    body.get("token").ok_or(MISSING_TOKEN)
}

/// Whether an authenticated client may use the endpoint at all.
///
/// On the Stytch plane the contract lets a public client ask too. It learns about its own tokens only, and whoever can
/// present one holds it already.
pub fn is_open_to(caller: &Client) -> Result<(), Refusal> {
    // RFC 7662 §2.1 and §4: without authorization the endpoint is a place to try tokens
    let is_refused = caller.is_public() && caller.settings.plane == Plane::Standard;
    if is_refused { Err(PUBLIC_CALLER) } else { Ok(()) }
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
    /// No token of ours, or one of another plane.
    NotOurs,
    /// A refresh token that would not be accepted.
    NotUsable,
}

impl Reason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotForThisCaller => "not_for_this_caller",
            Self::Dead(dead) => dead.as_str(),
            Self::NotOurs => "not_ours",
            Self::NotUsable => "not_usable",
        }
    }
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
    #[serde(skip_serializing_if = "Audience::is_empty")]
    pub aud: Audience<'a>,
    pub iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<&'a str>,
    #[serde(flatten)]
    pub custom_claims: Option<&'a Map<String, Value>>,
}

/// RFC 7519 §4.1.3: one may be written as text.
#[derive(Debug, PartialEq, Eq)]
pub enum Audience<'a> {
    OneAsText(&'a [String]),
    /// The Stytch plane: always a list.
    List(&'a [String]),
    /// The project, in a list.
    Project(&'a ProjectId),
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
    let is_standard = claims.plane == Plane::Standard;
    Introspection::Active(Answer {
        active: true,
        scope: &claims.scope,
        client_id: &claims.client_id,
        token_type: Some(if is_standard { "Bearer" } else { "access_token" }),
        exp: claims.exp,
        iat: claims.iat,
        nbf: claims.nbf,
        sub: &claims.sub,
        aud: if is_standard { Audience::OneAsText(&claims.aud) } else { Audience::List(&claims.aud) },
        iss: &claims.iss,
        // SDKs of Stytch take a member that they do not know for a custom claim
        jti: is_standard.then_some(&claims.jti),
        auth_time: claims.auth_time,
        acr: claims.acr.as_deref(),
        custom_claims: Some(&claims.custom_claims),
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
    let is_standard = facts.plane == Plane::Standard;
    Introspection::Active(Answer {
        active: true,
        scope: &family.scope,
        client_id: &family.client_id,
        token_type: (!is_standard).then_some("refresh_token"),
        exp: state.idle_expires_at.min(family.expires_at),
        iat: family.created_at,
        nbf: (!is_standard).then_some(family.created_at),
        sub: UserId::as_str(&family.user_id),
        aud: if is_standard { Audience::OneAsText(&[]) } else { Audience::Project(facts.project) },
        iss: issuer,
        jti: None,
        auth_time: family.context.auth_time.filter(|_| is_standard),
        acr: family.context.acr.as_deref().filter(|_| is_standard),
        custom_claims: None,
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

impl Audience<'_> {
    fn is_empty(&self) -> bool {
        matches!(self, Self::OneAsText([]) | Self::List([]))
    }
}

impl Serialize for Audience<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::OneAsText(all) => access_token::one_as_text(all, serializer),
            Self::List(all) => all.serialize(serializer),
            Self::Project(project) => [project].serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        grant::Grant,
        id::ClientId,
        plane::Plane,
        refresh_token::RefreshKeys,
        samples::{self, API, NOW, parameters, with_settings},
        time::Seconds,
        user::User,
    };
    use serde_json::json;

    const ISSUER: &str = "https://id.example.com";

    fn owner() -> Client {
        samples::confidential()
    }

    /// An API that asks about the tokens it receives.
    fn resource_server() -> Client {
        with_settings(Client { id: ClientId::new("api"), ..samples::confidential() }, |settings| {
            settings.grant_types = Vec::new();
            settings.resources = Some(vec![API.into()]);
        })
    }

    struct World {
        caller: Client,
        claims: AccessTokenClaims,
        family: Option<Family>,
        user: User,
        is_listed: bool,
    }

    fn world() -> World {
        World {
            caller: owner(),
            claims: samples::claims(),
            family: Some(samples::family()),
            user: samples::user(),
            is_listed: false,
        }
    }

    #[track_caller]
    fn check(world: World, expected: Result<(), Reason>) {
        let (client, grant) = (owner(), samples::grant());
        let token =
            liveness::AccessToken { claims: &world.claims, family: world.family.as_ref(), is_listed: world.is_listed };
        let standing = samples::standing(&client, &world.user, &grant);
        let answer = access_token(&world.caller, &token, standing, NOW);
        let json = serde_json::to_value(&answer).unwrap();
        match expected {
            Ok(()) => assert_eq!(json["active"], true),
            // attacks.md row 30: nothing else is told
            Err(_) => assert_eq!(json, json!({ "active": false })),
        }
        let reason = match answer {
            Introspection::Active(_) => Ok(()),
            Introspection::Inactive(reason) => Err(reason),
        };
        assert_eq!(reason, expected);
    }

    #[test]
    fn a_client_sees_its_own_tokens_and_an_api_those_meant_for_it() {
        check(world(), Ok(()));
        check(World { caller: resource_server(), ..world() }, Ok(()));
        let claims = AccessTokenClaims { aud: vec!["https://x.example".into(), API.into()], ..samples::claims() };
        check(World { caller: resource_server(), claims, ..world() }, Ok(()));
    }

    // attacks.md row 30 (CVE-2024-47077, CVE-2026-58425)
    #[test]
    fn anybody_elses_token_looks_inactive() {
        let hidden = Err(Reason::NotForThisCaller);
        let stranger = || Client { id: ClientId::new("stranger"), ..owner() };
        check(World { caller: stranger(), ..world() }, hidden);
        let claims = AccessTokenClaims { aud: vec!["https://other.example".into()], ..samples::claims() };
        check(World { caller: resource_server(), claims, ..world() }, hidden);
        let claims = AccessTokenClaims { aud: vec![format!("{API}/")], ..samples::claims() };
        check(World { caller: resource_server(), claims, ..world() }, hidden);
        // May ask for any resource, is none.
        let open = with_settings(resource_server(), |settings| settings.resources = None);
        check(World { caller: open, ..world() }, hidden);
        // May ask for tokens for the API on behalf of users, is not the API.
        for grant_type in [GrantType::AuthorizationCode, GrantType::RefreshToken] {
            let app = with_settings(resource_server(), |settings| settings.grant_types = vec![grant_type]);
            check(World { caller: app, ..world() }, hidden);
        }
    }

    // attacks.md rows 26 and 31
    #[test]
    fn a_dead_token_is_inactive_at_once() {
        let dead = |dead| Err(Reason::Dead(dead));
        check(World { is_listed: true, ..world() }, dead(Dead::TokenRevoked));
        check(World { family: None, ..world() }, dead(Dead::FamilyMissing));
        let revoked = Family { revoked_at: Some(NOW), ..samples::family() };
        check(World { family: Some(revoked), ..world() }, dead(Dead::FamilyRevoked));
        let disabled = User { disabled_at: Some(NOW), ..samples::user() };
        check(World { user: disabled.clone(), ..world() }, dead(Dead::UserDisabled));
        check(World { caller: resource_server(), user: disabled, ..world() }, dead(Dead::UserDisabled));
    }

    // T-16
    #[test]
    fn the_answer_has_what_the_token_says_and_no_null() {
        let (client, user, grant, family) = (owner(), samples::user(), samples::grant(), samples::family());
        let claims = samples::claims();
        let token = liveness::AccessToken { claims: &claims, family: Some(&family), is_listed: false };
        let answer = access_token(&client, &token, samples::standing(&client, &user, &grant), NOW);
        let expected = json!({
            "active": true, "scope": "openid notes:read", "client_id": "app", "token_type": "Bearer",
            "exp": NOW.0 + 600, "iat": NOW.0, "sub": "user-test-1", "aud": API, "iss": ISSUER, "jti": "token-1",
            "auth_time": samples::BEFORE.0,
        });
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        let own = samples::own_claims(&client);
        let own = AccessTokenClaims { scope: Scope::default(), aud: vec!["a".into(), "b".into()], ..own };
        let token = liveness::AccessToken { claims: &own, family: None, is_listed: false };
        let answer = access_token(&client, &token, samples::standing(&client, &user, &grant), NOW);
        let expected = json!({
            "active": true, "client_id": "app", "token_type": "Bearer", "exp": NOW.0 + 600, "iat": NOW.0,
            "sub": "app", "aud": ["a", "b"], "iss": ISSUER, "jti": "token-1",
        });
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
    }

    #[test]
    fn a_refresh_token_is_its_clients_business_only_and_asking_moves_nothing() {
        let keys = RefreshKeys::derive([1; 8], &[2; 32]);
        let project = samples::project();
        let idle = NOW.plus(Seconds(100));
        let (token, state) = refresh_token::first(&keys, &project, &samples::family().id, &[3; 32], idle).unwrap();
        let family = Family { refresh: Some(state), ..samples::family() };
        let presented = refresh_token::Presented::parse(&token).unwrap();
        let (client, user, grant): (_, _, Grant) = (owner(), samples::user(), samples::grant());
        let alive = samples::alive(&client, &user, &grant);
        let facts = refresh_token::Facts {
            project: &project,
            keys: &keys,
            family: &family,
            alive: &alive,
            plane: Plane::Standard,
            window: Seconds(60),
            idle_lifetime: Seconds(1000),
            new_salt: [0; 16],
            now: NOW,
        };
        let answer = refresh_token(&client, ISSUER, &presented, &facts);
        let expected = json!({
            "active": true, "scope": samples::family().scope.to_string(), "client_id": "app",
            "exp": NOW.0 + 100, "iat": samples::BEFORE.0, "sub": "user-test-1", "iss": ISSUER,
            "auth_time": samples::BEFORE.0, "acr": "urn:example:acr",
        });
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        let hidden = Introspection::Inactive(Reason::NotForThisCaller);
        assert_eq!(refresh_token(&resource_server(), ISSUER, &presented, &facts), hidden);
        let late = refresh_token::Facts { now: idle, ..facts };
        assert_eq!(refresh_token(&client, ISSUER, &presented, &late), Introspection::Inactive(Reason::NotUsable));
    }

    #[test]
    fn on_the_stytch_plane_the_answer_has_the_form_of_the_contract() {
        let on_stytch = |client| with_settings(client, |settings| settings.plane = Plane::Stytch);
        let (client, user, grant) = (on_stytch(owner()), samples::user(), samples::grant());
        let keys = RefreshKeys::derive([1; 8], &[2; 32]);
        let (project, idle) = (samples::project(), NOW.plus(Seconds(100)));
        let (token, state) = refresh_token::first(&keys, &project, &samples::family().id, &[3; 32], idle).unwrap();
        let family = Family { plane: Plane::Stytch, refresh: Some(state), ..samples::family() };
        let claims = AccessTokenClaims {
            plane: Plane::Stytch,
            aud: vec![project.to_string()],
            nbf: Some(NOW),
            auth_time: None,
            custom_claims: json!({ "plan": "gold" }).as_object().unwrap().clone(),
            ..samples::claims()
        };
        let access = liveness::AccessToken { claims: &claims, family: Some(&family), is_listed: false };
        let standing = samples::standing(&client, &user, &grant);
        let answer = access_token(&client, &access, standing, NOW);
        let expected = json!({
            "active": true, "scope": "openid notes:read", "client_id": "app", "token_type": "access_token",
            "exp": NOW.0 + 600, "iat": NOW.0, "nbf": NOW.0, "sub": "user-test-1", "aud": ["project-test-1"],
            "iss": ISSUER, "plan": "gold",
        });
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        let presented = refresh_token::Presented::parse(&token).unwrap();
        let facts = refresh_token::Facts {
            project: &project,
            keys: &keys,
            family: &family,
            alive: &samples::alive(&client, &user, &grant),
            plane: Plane::Stytch,
            window: Seconds(60),
            idle_lifetime: Seconds(1000),
            new_salt: [0; 16],
            now: NOW,
        };
        let issuer = crate::plane::stytch_issuer(&project);
        let expected = json!({
            "active": true, "scope": samples::family().scope.to_string(), "client_id": "app",
            "token_type": "refresh_token", "exp": NOW.0 + 100, "iat": samples::BEFORE.0, "nbf": samples::BEFORE.0,
            "sub": "user-test-1", "aud": ["project-test-1"], "iss": "stytch.com/project-test-1",
        });
        assert_eq!(serde_json::to_value(refresh_token(&client, &issuer, &presented, &facts)).unwrap(), expected);
        let elsewhere = refresh_token::Facts { plane: Plane::Standard, ..facts };
        let hidden = Introspection::Inactive(Reason::NotUsable);
        assert_eq!(refresh_token(&client, &issuer, &presented, &elsewhere), hidden);
    }

    #[test]
    fn a_public_client_may_not_ask_but_on_the_stytch_plane() {
        assert_eq!(is_open_to(&samples::client()), Err(PUBLIC_CALLER));
        assert_eq!(is_open_to(&owner()), Ok(()));
        let on_stytch = with_settings(samples::client(), |settings| settings.plane = Plane::Stytch);
        assert_eq!(is_open_to(&on_stytch), Ok(()));
    }

    #[test]
    fn the_token_is_required_and_the_hint_is_not_read() {
        assert_eq!(parse(&parameters("token=x&token_type_hint=nonsense")), Ok("x"));
        assert_eq!(parse(&parameters("token=")), Err(MISSING_TOKEN));
        assert_eq!(parse(&parameters("token_type_hint=access_token")), Err(MISSING_TOKEN));
    }
}
