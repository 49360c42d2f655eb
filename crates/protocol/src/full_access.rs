//! `full_access`: the scope value of the Stytch plane with which the host app's own client acts as the user's session does.
//!
//! Its access token can be exchanged for a session, so it is for first-party clients that the operator allowed it by
//! name. To every other client the value is unknown: no policy may name it, and on that plane it would not count.

use crate::{
    client::{Client, Party},
    plane::Plane,
    policy::Policy,
    user::User,
};

/// The scope value.
pub const FULL_ACCESS: &str = "full_access";

/// Whether `client` may ask for it.
pub fn is_open_to(client: &Client) -> bool {
    let settings = &client.settings;
    settings.plane == Plane::Stytch && settings.party == Party::First && settings.full_access_allowed
}

/// Whether the scope value `value` exists for `client`.
pub fn is_known(value: &str, client: &Client, policy: &Policy) -> bool {
    if is_reserved(value, client) { is_open_to(client) } else { policy.knows(value) }
}

/// Whether `user` may pass `value` on to `client`: no role stands behind `full_access`, which is all that the user has.
pub fn is_grantable(value: &str, client: &Client, policy: &Policy, user: &User) -> bool {
    if is_reserved(value, client) { is_open_to(client) } else { policy.is_grantable(value, user) }
}

fn is_reserved(value: &str, client: &Client) -> bool {
    value == FULL_ACCESS && client.settings.plane == Plane::Stytch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::ScopeValue,
        samples::{self, with_settings},
    };

    #[test]
    fn only_a_first_party_client_of_the_stytch_plane_with_the_permission_has_it() {
        let mut policy = samples::policy();
        let of = |plane, party, allowed| {
            with_settings(samples::client(), |settings| {
                settings.plane = plane;
                settings.party = party;
                settings.full_access_allowed = allowed;
            })
        };
        let has = |client: &Client, policy: &Policy| {
            let known = is_known(FULL_ACCESS, client, policy);
            assert_eq!(known, is_grantable(FULL_ACCESS, client, policy, &samples::user()));
            known
        };
        assert!(has(&of(Plane::Stytch, Party::First, true), &policy));
        let others = [
            of(Plane::Stytch, Party::First, false),
            of(Plane::Stytch, Party::Third, true),
            of(Plane::Standard, Party::First, true),
        ];
        assert!(others.iter().all(|client| !has(client, &policy)));
        // A policy cannot give it away.
        let value = FULL_ACCESS.to_owned();
        policy.scopes.push(ScopeValue { value, description: "All".into(), permissions: Vec::new(), optional: false });
        assert!(!has(&others[0], &policy) && !has(&others[1], &policy) && has(&others[2], &policy));
    }
}
