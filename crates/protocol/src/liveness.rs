//! Whether what an artifact stands on is still there: project, client, user, grant, family, session.
//!
//! Specs: RFC 7009 §2.1, RFC 7662 §2.2, RFC 9700 §4.14.2, RFC 6749 §10.4.
//!
//! Every use of a code, refresh token or access token asks here, with the rows as they are now: disabling a user or
//! client, disconnecting a grant and signing out everywhere hold at the next request. Nothing here is cached.

use crate::{
    access_token::AccessTokenClaims,
    client::Client,
    error::{ErrorCode::InvalidGrant, Refusal, refuse},
    family::Family,
    grant::Grant,
    session::Session,
    time::{Seconds, Timestamp},
    user::User,
};

/// What the client is told, whatever ended; the reason is for the log.
pub const ENDED: Refusal =
    refuse(InvalidGrant, "the authorization has ended; send the user through authorization again");

/// Why nothing may be done with an artifact any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    ProjectTokensVoid,
    ClientMissing,
    ClientDisabled,
    ClientTokensVoid,
    UserMissing,
    UserDisabled,
    UserTokensVoid,
    GrantMissing,
    GrantRevoked,
    GrantExpired,
    GrantTokensVoid,
    FamilyMissing,
    FamilyRevoked,
    FamilyExpired,
    SessionMissing,
    SessionEnded,
    SessionOfAnotherUser,
    /// The access token itself was revoked.
    TokenRevoked,
    /// The access token names a family of another client, or a user without a family.
    TokenOfAnotherFamily,
    /// The access token, its family and its client are not all of one plane.
    TokenOfAnotherPlane,
}

impl Dead {
    /// The reason for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProjectTokensVoid => "project_tokens_void",
            Self::ClientMissing => "client_missing",
            Self::ClientDisabled => "client_disabled",
            Self::ClientTokensVoid => "client_tokens_void",
            Self::UserMissing => "user_missing",
            Self::UserDisabled => "user_disabled",
            Self::UserTokensVoid => "user_tokens_void",
            Self::GrantMissing => "grant_missing",
            Self::GrantRevoked => "grant_revoked",
            Self::GrantExpired => "grant_expired",
            Self::GrantTokensVoid => "grant_tokens_void",
            Self::FamilyMissing => "family_missing",
            Self::FamilyRevoked => "family_revoked",
            Self::FamilyExpired => "family_expired",
            Self::SessionMissing => "session_missing",
            Self::SessionEnded => "session_ended",
            Self::SessionOfAnotherUser => "session_of_another_user",
            Self::TokenRevoked => "token_revoked",
            Self::TokenOfAnotherFamily => "token_of_another_family",
            Self::TokenOfAnotherPlane => "token_of_another_plane",
        }
    }
}

impl From<Dead> for Refusal {
    fn from(_: Dead) -> Self {
        ENDED
    }
}

/// The rows behind a user's authorization, as the store has them now; `None` means the row is gone.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Artifacts of the project that were issued before this time are void (a restore moves it).
    pub project_valid_from: Timestamp,
    pub client: Option<&'a Client>,
    pub user: Option<&'a User>,
    pub grant: Option<&'a Grant>,
}

/// Proof that client, user and grant were alive for an artifact; only this module makes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alive<'a> {
    pub client: &'a Client,
    pub user: &'a User,
    pub grant: &'a Grant,
    seal: Seal,
}

/// Only this module can make one, so whoever holds a sealed value knows that it was checked here.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seal;

/// Whether an authorization's artifact issued at `issued_at` still stands: project, client, user and grant.
pub fn authorization(standing: Standing<'_>, issued_at: Timestamp, now: Timestamp) -> Result<Alive<'_>, Dead> {
    let client = client(standing.client, standing.project_valid_from, issued_at)?;
    let user = standing.user.ok_or(Dead::UserMissing)?;
    if user.disabled_at.is_some() {
        return Err(Dead::UserDisabled);
    }
    if issued_at < user.tokens_valid_from {
        return Err(Dead::UserTokensVoid);
    }
    let grant = standing.grant.ok_or(Dead::GrantMissing)?;
    if grant.revoked_at.is_some() {
        return Err(Dead::GrantRevoked);
    }
    if !grant.is_alive(now) {
        return Err(Dead::GrantExpired);
    }
    if issued_at < grant.tokens_valid_from {
        return Err(Dead::GrantTokensVoid);
    }
    // A grant of another pair is no grant of this one.
    if grant.user_id != user.id || grant.client_id != client.id {
        return Err(Dead::GrantMissing);
    }
    Ok(Alive { client, user, grant, seal: Seal })
}

/// Whether a family still stands, with everything behind it.
pub fn family<'a>(family: &Family, standing: Standing<'a>, now: Timestamp) -> Result<Alive<'a>, Dead> {
    if family.revoked_at.is_some() {
        return Err(Dead::FamilyRevoked);
    }
    if now >= family.expires_at {
        return Err(Dead::FamilyExpired);
    }
    let alive = authorization(standing, family.created_at, now)?;
    if alive.client.settings.plane != family.plane {
        return Err(Dead::TokenOfAnotherPlane);
    }
    // Rows of somebody else prove nothing for this family.
    if alive.client.id != family.client_id {
        return Err(Dead::ClientMissing);
    }
    if alive.user.id != family.user_id {
        return Err(Dead::UserMissing);
    }
    Ok(alive)
}

/// An access token whose signature, issuer and times are proven, with what the store knows of it now.
#[derive(Debug, Clone, Copy)]
pub struct AccessToken<'a> {
    pub claims: &'a AccessTokenClaims,
    /// The row of the family that the token names; `None` when it names none or the row is gone.
    pub family: Option<&'a Family>,
    /// Whether its `jti` is on the list of revoked tokens.
    pub is_listed: bool,
}

/// Whether an access token still stands: a user's by its family, a client's own by the client. `None` means that no
/// user is behind it.
pub fn access_token<'a>(
    token: &AccessToken<'_>,
    standing: Standing<'a>,
    now: Timestamp,
) -> Result<Option<Alive<'a>>, Dead> {
    let claims = token.claims;
    // RFC 7009 §2
    if token.is_listed {
        return Err(Dead::TokenRevoked);
    }
    let Some(family_id) = &claims.fid else {
        // RFC 9068 §2.2: without a user, the subject is the client
        if claims.sub != claims.client_id.as_str() {
            return Err(Dead::TokenOfAnotherFamily);
        }
        let alive = client(standing.client, standing.project_valid_from, claims.iat)?;
        if alive.settings.plane != claims.plane {
            return Err(Dead::TokenOfAnotherPlane);
        }
        return if alive.id == claims.client_id { Ok(None) } else { Err(Dead::ClientMissing) };
    };
    let own = token.family.ok_or(Dead::FamilyMissing)?;
    if own.id != *family_id || own.client_id != claims.client_id {
        return Err(Dead::TokenOfAnotherFamily);
    }
    if own.plane != claims.plane {
        return Err(Dead::TokenOfAnotherPlane);
    }
    family(own, standing, now).map(Some)
}

/// Whether a client's own artifact (client credentials) issued at `issued_at` still stands.
pub fn client(client: Option<&Client>, project_valid_from: Timestamp, issued_at: Timestamp) -> Result<&Client, Dead> {
    if issued_at < project_valid_from {
        return Err(Dead::ProjectTokensVoid);
    }
    let client = client.ok_or(Dead::ClientMissing)?;
    if client.disabled_at.is_some() {
        return Err(Dead::ClientDisabled);
    }
    if issued_at < client.tokens_valid_from {
        return Err(Dead::ClientTokensVoid);
    }
    Ok(client)
}

/// The time that what is issued to a client at `now` carries: not before anything of its kind is void, else what is
/// issued in the second of a disabling would be void with what that ended. At most a second ahead of `now`.
pub fn issue_time(client: &Client, project_valid_from: Timestamp, now: Timestamp) -> Timestamp {
    let valid_from = client.tokens_valid_from.max(project_valid_from);
    if valid_from <= now.plus(Seconds(1)) { now.max(valid_from) } else { now }
}

/// Whether the login from which a code came still holds, for the same user.
pub fn session(session: Option<&Session>, user: &User, now: Timestamp) -> Result<(), Dead> {
    let session = session.ok_or(Dead::SessionMissing)?;
    if session.user_id != user.id {
        return Err(Dead::SessionOfAnotherUser);
    }
    if !session.is_alive(now) {
        return Err(Dead::SessionEnded);
    }
    if session.created_at < user.tokens_valid_from {
        return Err(Dead::UserTokensVoid);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{ClientId, FamilyId, UserId},
        samples::{self, BEFORE, NOW, own_claims},
    };

    const LATER: Timestamp = Timestamp(BEFORE.0 + 1);

    struct World {
        project_valid_from: Timestamp,
        client: Option<Client>,
        user: Option<User>,
        grant: Option<Grant>,
        family: Option<Family>,
        claims: AccessTokenClaims,
        is_listed: bool,
    }

    fn world() -> World {
        World {
            project_valid_from: BEFORE,
            client: Some(samples::client()),
            user: Some(samples::user()),
            grant: Some(samples::grant()),
            family: Some(samples::family()),
            claims: samples::claims(),
            is_listed: false,
        }
    }

    impl World {
        fn standing(&self) -> Standing<'_> {
            Standing {
                project_valid_from: self.project_valid_from,
                client: self.client.as_ref(),
                user: self.user.as_ref(),
                grant: self.grant.as_ref(),
            }
        }

        fn family(&self) -> Result<(), Dead> {
            family(self.family.as_ref().unwrap(), self.standing(), NOW).map(|_| ())
        }

        fn access_token(&self) -> Result<Option<Alive<'_>>, Dead> {
            let token = AccessToken { claims: &self.claims, family: self.family.as_ref(), is_listed: self.is_listed };
            access_token(&token, self.standing(), NOW)
        }
    }

    /// What ends a family ends its refresh tokens and its access tokens alike.
    #[track_caller]
    fn check(world: World, expected: Result<(), Dead>) {
        assert_eq!(world.family(), expected);
        assert_eq!(world.access_token().map(|_| ()), expected);
    }

    #[test]
    fn all_is_well_while_nothing_has_ended() {
        check(world(), Ok(()));
        assert_eq!(world().access_token().unwrap().unwrap().user.id, samples::user().id);
    }

    #[test]
    fn a_restore_voids_what_was_issued_before() {
        check(World { project_valid_from: LATER, ..world() }, Err(Dead::ProjectTokensVoid));
    }

    // attacks.md rows 22 and 26
    #[test]
    fn a_client_that_is_gone_disabled_or_signed_out_ends_everything() {
        let client = samples::client();
        check(World { client: None, ..world() }, Err(Dead::ClientMissing));
        let disabled = Client { disabled_at: Some(NOW), ..client.clone() };
        check(World { client: Some(disabled), ..world() }, Err(Dead::ClientDisabled));
        let void = Client { tokens_valid_from: LATER, ..client.clone() };
        check(World { client: Some(void), ..world() }, Err(Dead::ClientTokensVoid));
        let other = Client { id: ClientId::new("other"), ..client };
        check(World { client: Some(other), ..world() }, Err(Dead::GrantMissing));
    }

    // attacks.md row 26 (Keycloak CVE-2026-1609)
    #[test]
    fn a_user_who_is_gone_disabled_or_signed_out_everywhere_ends_everything() {
        let user = samples::user();
        check(World { user: None, ..world() }, Err(Dead::UserMissing));
        let disabled = User { disabled_at: Some(BEFORE), ..user.clone() };
        check(World { user: Some(disabled), ..world() }, Err(Dead::UserDisabled));
        let void = User { tokens_valid_from: LATER, ..user.clone() };
        check(World { user: Some(void), ..world() }, Err(Dead::UserTokensVoid));
        let other = User { id: UserId::new("other"), ..user };
        check(World { user: Some(other), ..world() }, Err(Dead::GrantMissing));
    }

    #[test]
    fn a_grant_that_is_gone_disconnected_or_over_ends_everything() {
        let grant = samples::grant();
        check(World { grant: None, ..world() }, Err(Dead::GrantMissing));
        let revoked = Grant { revoked_at: Some(NOW), ..grant.clone() };
        check(World { grant: Some(revoked), ..world() }, Err(Dead::GrantRevoked));
        let over = Grant { expires_at: Some(NOW), ..grant.clone() };
        check(World { grant: Some(over), ..world() }, Err(Dead::GrantExpired));
        let not_over = Grant { expires_at: Some(NOW.plus(Seconds(1))), ..grant.clone() };
        check(World { grant: Some(not_over), ..world() }, Ok(()));
        let void = Grant { tokens_valid_from: LATER, ..grant.clone() };
        check(World { grant: Some(void), ..world() }, Err(Dead::GrantTokensVoid));
        let of_another_user = Grant { user_id: UserId::new("other"), ..grant };
        check(World { grant: Some(of_another_user), ..world() }, Err(Dead::GrantMissing));
    }

    #[test]
    fn a_family_that_is_revoked_or_over_is_dead() {
        let family = samples::family();
        let revoked = Family { revoked_at: Some(NOW), ..family.clone() };
        check(World { family: Some(revoked), ..world() }, Err(Dead::FamilyRevoked));
        let over = Family { expires_at: NOW, ..family };
        check(World { family: Some(over), ..world() }, Err(Dead::FamilyExpired));
    }

    #[test]
    fn rows_of_another_client_or_user_do_not_stand_for_a_family() {
        let client = Client { id: ClientId::new("other"), ..samples::client() };
        let grant = Grant { client_id: client.id.clone(), ..samples::grant() };
        let others = World { client: Some(client), grant: Some(grant), ..world() };
        assert_eq!(others.family(), Err(Dead::ClientMissing));
        let user = User { id: UserId::new("other"), ..samples::user() };
        let grant = Grant { user_id: user.id.clone(), ..samples::grant() };
        assert_eq!(World { user: Some(user), grant: Some(grant), ..world() }.family(), Err(Dead::UserMissing));
    }

    #[track_caller]
    fn check_token(world: World, expected: Result<(), Dead>) {
        assert_eq!(world.access_token().map(|_| ()), expected);
    }

    #[test]
    fn an_access_token_dies_with_its_family_or_alone() {
        check_token(World { is_listed: true, ..world() }, Err(Dead::TokenRevoked));
        check_token(World { family: None, ..world() }, Err(Dead::FamilyMissing));
        let other = Family { id: FamilyId::new("00000000-0000-0000-0000-000000000000"), ..samples::family() };
        check_token(World { family: Some(other), ..world() }, Err(Dead::TokenOfAnotherFamily));
        let of_other_client = Family { client_id: ClientId::new("other"), ..samples::family() };
        check_token(World { family: Some(of_other_client), ..world() }, Err(Dead::TokenOfAnotherFamily));
    }

    #[test]
    fn a_clients_own_access_token_needs_no_user_and_dies_with_the_client() {
        let client = samples::client();
        let own = || World { user: None, grant: None, family: None, claims: own_claims(&samples::client()), ..world() };
        assert_eq!(own().access_token(), Ok(None));
        check_token(World { is_listed: true, ..own() }, Err(Dead::TokenRevoked));
        check_token(World { client: None, ..own() }, Err(Dead::ClientMissing));
        let disabled = Client { disabled_at: Some(NOW), ..client.clone() };
        check_token(World { client: Some(disabled), ..own() }, Err(Dead::ClientDisabled));
        let void = Client { tokens_valid_from: Timestamp(NOW.0 + 1), ..client.clone() };
        check_token(World { client: Some(void), ..own() }, Err(Dead::ClientTokensVoid));
        let other = Client { id: ClientId::new("other"), ..client };
        check_token(World { client: Some(other), ..own() }, Err(Dead::ClientMissing));
    }

    #[test]
    fn a_users_token_cannot_pass_without_its_family() {
        let claims = AccessTokenClaims { fid: None, ..samples::claims() };
        check_token(World { claims, ..world() }, Err(Dead::TokenOfAnotherFamily));
    }

    #[test]
    fn a_session_holds_for_its_user_until_it_ends() {
        let session = samples::session();
        let check = |own: Option<Session>, user: &User, expected: Result<(), Dead>| {
            assert_eq!(super::session(own.as_ref(), user, NOW), expected);
        };
        let user = samples::user();
        check(Some(session.clone()), &user, Ok(()));
        check(None, &user, Err(Dead::SessionMissing));
        check(Some(Session { revoked_at: Some(NOW), ..session.clone() }), &user, Err(Dead::SessionEnded));
        check(Some(Session { expires_at: NOW, ..session.clone() }), &user, Err(Dead::SessionEnded));
        let other = User { id: UserId::new("other"), ..user.clone() };
        check(Some(session.clone()), &other, Err(Dead::SessionOfAnotherUser));
        let void = User { tokens_valid_from: LATER, ..user };
        check(Some(session), &void, Err(Dead::UserTokensVoid));
    }

    #[test]
    fn what_is_issued_in_the_second_that_voids_lives_and_a_clock_gone_wrong_is_not_followed() {
        let voided = |at: i64| Client { tokens_valid_from: Timestamp(at), ..samples::client() };
        for (client_from, project_from, expected) in [
            (0, 0, NOW.0),
            (NOW.0, NOW.0, NOW.0),
            (NOW.0 + 1, 0, NOW.0 + 1),
            (0, NOW.0 + 1, NOW.0 + 1),
            (NOW.0 + 2, 0, NOW.0),
        ] {
            let own = voided(client_from);
            let at = issue_time(&own, Timestamp(project_from), NOW);
            assert_eq!(at, Timestamp(expected));
            assert_eq!(client(Some(&own), Timestamp(project_from), at).is_ok(), client_from < NOW.0 + 2);
        }
    }

    #[test]
    fn outside_all_reasons_look_the_same() {
        assert_eq!(Refusal::from(Dead::UserDisabled), ENDED);
        assert_eq!(Refusal::from(Dead::FamilyRevoked), ENDED);
    }
}
