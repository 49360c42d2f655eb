//! Redeeming an authorization code.
//!
//! Specs: OAuth 2.1 §4.1.3, RFC 6749 §4.1.2 and §4.1.3, RFC 7636 §4.6, RFC 9700 §2.1.1 and §4.8.2.
//!
//! After `Issue`, and before the code is marked as redeemed, ask `liveness` for the code's client, user, grant and
//! session, and `access_scope` for scope and resources.

use crate::{
    error::{ErrorCode::InvalidGrant, Refusal, refuse},
    family::FamilyContext,
    id::{ClientId, FamilyId, SessionId, UserId},
    pkce::CodeChallenge,
    plane::Plane,
    scope::Scope,
    secret,
    time::{Seconds, Timestamp},
};

pub const UNKNOWN: Refusal = refuse(InvalidGrant, "authorization code is unknown, or too old to be remembered");
pub const EXPIRED: Refusal = refuse(InvalidGrant, "authorization code has expired; redeem it at once");
pub const REPLAYED: Refusal =
    refuse(InvalidGrant, "authorization code was already used; the tokens issued from it are revoked");
pub const WRONG_CLIENT: Refusal = refuse(InvalidGrant, "authorization code was issued to another client");
pub const WRONG_PLANE: Refusal =
    refuse(InvalidGrant, "authorization code came from another authorization endpoint; redeem it where it belongs");
pub const WRONG_REDIRECT_URI: Refusal =
    refuse(InvalidGrant, "redirect_uri differs from that of the authorization request");
pub const MISSING_VERIFIER: Refusal =
    refuse(InvalidGrant, "code_verifier is missing, but the authorization request had a code_challenge");
pub const UNEXPECTED_VERIFIER: Refusal =
    refuse(InvalidGrant, "code_verifier was sent, but the authorization request had no code_challenge");
pub const WRONG_VERIFIER: Refusal = refuse(InvalidGrant, "code_verifier does not match the code_challenge");

/// The shortest that a redeemed code is remembered, so that a replay is noticed.
pub const REMEMBERED: Seconds = Seconds(24 * 60 * 60);
/// Lets secret scanners find a leaked code, and nobody take it for another kind of token.
pub const PREFIX: &str = "hac_";

/// An authorization code as it was issued, plus what has happened to it since.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorizationCode {
    pub plane: Plane,
    pub client_id: ClientId,
    pub user_id: UserId,
    /// The login that it came from; `None` when the host app vouched for the user without one.
    pub session_id: Option<SessionId>,
    /// The family that redeeming creates; known beforehand so that a replay can name it.
    pub family_id: FamilyId,
    pub redirect_uri: String,
    pub code_challenge: Option<String>,
    pub nonce: Option<String>,
    pub scope: Scope,
    /// Resources (RFC 8707), as registered.
    pub resources: Vec<String>,
    pub context: FamilyContext,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    pub redeemed_at: Option<Timestamp>,
}

/// What an authenticated client sent to redeem a code.
#[derive(Clone, Copy)]
pub struct Redemption<'a> {
    pub client_id: &'a ClientId,
    pub plane: Plane,
    pub redirect_uri: Option<&'a str>,
    pub code_verifier: Option<&'a str>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    Issue,
    /// Two parties hold the code, so nothing issued from it can be trusted: revoke, then answer [`REPLAYED`].
    RevokeFamily,
    Refuse(Refusal),
}

/// Decides whether `redemption` may redeem `code` at `now`.
///
/// The order is deliberate. Only a replay that would have been right the first time says that two parties hold the
/// code *and* its verifier; whoever merely saw the code in a log or on another client must not be able to end
/// anything. So client, plane, redirect URI and verifier come before the replay. A replay has no end date: it is
/// reported for as long as the code's row is kept, also when the code itself has expired meanwhile.
pub fn decide(code: &AuthorizationCode, redemption: &Redemption<'_>, now: Timestamp) -> Decision {
    // OAuth 2.1 §4.1.3: the code was issued to this authenticated client
    if code.client_id != *redemption.client_id {
        return Decision::Refuse(WRONG_CLIENT);
    }
    if code.plane != redemption.plane {
        return Decision::Refuse(WRONG_PLANE);
    }
    // OAuth 2.1 §10.2: clients may leave it out; RFC 6749 §4.1.3: they may not change it
    if redemption.redirect_uri.is_some_and(|uri| uri != code.redirect_uri) {
        return Decision::Refuse(WRONG_REDIRECT_URI);
    }
    match (&code.code_challenge, redemption.code_verifier) {
        // RFC 7636 §4.6
        (Some(challenge), Some(verifier)) => {
            if !CodeChallenge::parse(challenge).is_ok_and(|challenge| challenge.is_met_by(verifier)) {
                return Decision::Refuse(WRONG_VERIFIER);
            }
        }
        (Some(_), None) => return Decision::Refuse(MISSING_VERIFIER),
        // RFC 9700 §4.8.2: somebody removed the challenge on the way
        (None, Some(_)) => return Decision::Refuse(UNEXPECTED_VERIFIER),
        (None, None) => {}
    }
    // RFC 6749 §4.1.2: used more than once, so revoke all tokens issued from it
    if code.redeemed_at.is_some() {
        return Decision::RevokeFamily;
    }
    // RFC 6749 §4.1.2: short-lived
    if now >= code.expires_at {
        return Decision::Refuse(EXPIRED);
    }
    Decision::Issue
}

/// Until when the row of a code redeemed at `redeemed_at` must be kept, so that a replay still ends what was issued.
pub fn keep_until(redeemed_at: Timestamp, access_token_expires_at: Timestamp) -> Timestamp {
    redeemed_at.plus(REMEMBERED).max(access_token_expires_at)
}

/// What the store keeps of a code, and finds it by: SHA-256 of its text.
pub fn hash(code: &str) -> [u8; 32] {
    secret::hash(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, API, NOW};

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const URI: &str = "https://app.example/cb";

    fn code() -> AuthorizationCode {
        AuthorizationCode {
            plane: Plane::Standard,
            client_id: samples::client().id,
            user_id: samples::user().id,
            session_id: Some(samples::session().id),
            family_id: samples::family().id,
            redirect_uri: URI.into(),
            code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into()),
            nonce: None,
            scope: samples::scope("openid"),
            resources: vec![API.into()],
            context: FamilyContext::default(),
            issued_at: Timestamp(NOW.0 - 5),
            expires_at: Timestamp(NOW.0 + 55),
            redeemed_at: None,
        }
    }

    /// `Redemption` borrows its client id; this one owns it.
    struct Sent {
        client_id: ClientId,
        plane: Plane,
        redirect_uri: Option<&'static str>,
        code_verifier: Option<&'static str>,
    }

    fn sent() -> Sent {
        Sent {
            client_id: samples::client().id,
            plane: Plane::Standard,
            redirect_uri: Some(URI),
            code_verifier: Some(VERIFIER),
        }
    }

    #[track_caller]
    fn check(code: AuthorizationCode, sent: Sent, expected: Decision) {
        let Sent { ref client_id, plane, redirect_uri, code_verifier } = sent;
        let redemption = Redemption { client_id, plane, redirect_uri, code_verifier };
        assert_eq!(decide(&code, &redemption, NOW), expected);
    }

    #[test]
    fn issues_when_everything_matches() {
        check(code(), sent(), Decision::Issue);
        check(code(), Sent { redirect_uri: None, ..sent() }, Decision::Issue);
        check(AuthorizationCode { expires_at: Timestamp(NOW.0 + 1), ..code() }, sent(), Decision::Issue);
    }

    // attacks.md rows 5 and 9
    #[test]
    fn refuses_each_mismatch() {
        let refused = |refusal| Decision::Refuse(refusal);
        check(code(), Sent { client_id: ClientId::new("evil"), ..sent() }, refused(WRONG_CLIENT));
        check(code(), Sent { plane: Plane::Stytch, ..sent() }, refused(WRONG_PLANE));
        for uri in ["https://app.example/cb/", "https://app.example/CB", "https://app.example/cb?a=b", ""] {
            check(code(), Sent { redirect_uri: Some(uri), ..sent() }, refused(WRONG_REDIRECT_URI));
        }
        check(AuthorizationCode { expires_at: NOW, ..code() }, sent(), refused(EXPIRED));
    }

    // attacks.md rows 7 and 8 (CVE-2025-4144, CVE-2023-48228, CVE-2024-23647): challenge × verifier
    #[test]
    fn challenge_and_verifier_come_together_or_not_at_all() {
        let without = || AuthorizationCode { code_challenge: None, ..code() };
        let verifier = |code_verifier| Sent { code_verifier, ..sent() };
        let refused = |refusal| Decision::Refuse(refusal);
        check(code(), verifier(None), refused(MISSING_VERIFIER));
        check(without(), verifier(Some(VERIFIER)), refused(UNEXPECTED_VERIFIER));
        check(without(), verifier(Some("")), refused(UNEXPECTED_VERIFIER));
        check(without(), verifier(None), Decision::Issue);
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for wrong in
            ["", "x", challenge, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r"]
        {
            check(code(), verifier(Some(wrong)), refused(WRONG_VERIFIER));
        }
        // A `plain` challenge that got into the store in whatever way is met by nothing.
        let plain = AuthorizationCode { code_challenge: Some(VERIFIER.into()), ..code() };
        check(plain, verifier(Some(VERIFIER)), refused(WRONG_VERIFIER));
        let empty = AuthorizationCode { code_challenge: Some(String::new()), ..code() };
        check(empty, verifier(Some("")), refused(WRONG_VERIFIER));
    }

    // attacks.md row 1
    #[test]
    fn a_valid_replay_revokes_the_family_even_long_after_expiry() {
        let used = AuthorizationCode { redeemed_at: Some(Timestamp(NOW.0 - 1)), ..code() };
        check(used.clone(), sent(), Decision::RevokeFamily);
        check(used.clone(), Sent { redirect_uri: None, ..sent() }, Decision::RevokeFamily);
        let day_old = AuthorizationCode {
            redeemed_at: Some(Timestamp(NOW.0 - 86_400)),
            expires_at: Timestamp(NOW.0 - 86_350),
            ..used
        };
        check(day_old, sent(), Decision::RevokeFamily);
    }

    // attacks.md rows 1 and 5, OAuth 2.1 §4.1.3
    #[test]
    fn whoever_does_not_hold_everything_cannot_revoke_by_replaying() {
        let used = || AuthorizationCode { redeemed_at: Some(Timestamp(NOW.0 - 1)), ..code() };
        let refused = |refusal| Decision::Refuse(refusal);
        check(used(), Sent { client_id: ClientId::new("evil"), ..sent() }, refused(WRONG_CLIENT));
        check(used(), Sent { plane: Plane::Stytch, ..sent() }, refused(WRONG_PLANE));
        check(used(), Sent { redirect_uri: Some("https://evil.example"), ..sent() }, refused(WRONG_REDIRECT_URI));
        check(used(), Sent { code_verifier: None, ..sent() }, refused(MISSING_VERIFIER));
        check(used(), Sent { code_verifier: Some("x"), ..sent() }, refused(WRONG_VERIFIER));
        let without = AuthorizationCode { code_challenge: None, ..used() };
        check(without, sent(), refused(UNEXPECTED_VERIFIER));
    }

    #[test]
    fn a_redeemed_code_is_remembered_a_day_or_until_its_access_token_ends() {
        assert_eq!(keep_until(NOW, NOW.plus(Seconds(600))), NOW.plus(REMEMBERED));
        let late = NOW.plus(Seconds(REMEMBERED.0 + 1));
        assert_eq!(keep_until(NOW, late), late);
    }

    // attacks.md row 19
    #[test]
    fn only_the_whole_text_finds_the_code() {
        let text = "hac_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        assert_eq!(hash(text), secret::hash(text));
        for changed in [&text[..text.len() - 1], &text[4..], &text.to_uppercase(), &format!("{text}="), ""] {
            assert_ne!(hash(changed), hash(text), "{changed}");
        }
    }
}
