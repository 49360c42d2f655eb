//! Logout that a client starts: ends the user's session here and sends the browser back.
//!
//! Specs: OIDC RP-Initiated Logout §2, §3, §4 and §6.
//! Ends the session of this browser; what the session's tokens become is the caller's affair.

use crate::{
    authorization_response::with_query,
    client::Client,
    error::{ErrorCode::InvalidRequest, Refusal, refuse},
    id::{ClientId, UserId},
    parameters::Parameters,
    session::Session,
    time::Timestamp,
};

/// For the caller, when the hint is not an ID token of ours.
pub const BAD_HINT: Refusal = refuse(InvalidRequest, "id_token_hint is not an ID token of this server");
pub const OTHER_CLIENT: Refusal = refuse(InvalidRequest, "client_id and id_token_hint name different clients");
pub const UNKNOWN_CLIENT: Refusal = refuse(
    InvalidRequest,
    "post_logout_redirect_uri needs the client it belongs to: send id_token_hint or client_id of a registered, enabled client",
);
pub const UNREGISTERED_URI: Refusal = refuse(
    InvalidRequest,
    "post_logout_redirect_uri is not registered for this client; it must be the same byte by byte",
);

/// The parameters of a logout request (OIDC RP-Initiated Logout §2); nothing is required.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogoutRequest {
    pub id_token_hint: Option<String>,
    pub client_id: Option<ClientId>,
    pub post_logout_redirect_uri: Option<String>,
    pub state: Option<String>,
    pub ui_locales: Option<String>,
}

/// What is known at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What a verified `id_token_hint` says; an expired one will do (§2).
    pub hint: Option<Hint<'a>>,
    /// The client that `client_id` or the hint names, if it exists.
    pub client: Option<&'a Client>,
    /// The session of this browser.
    pub session: Option<&'a Session>,
    /// The user confirmed on our page.
    pub is_confirmed: bool,
    pub now: Timestamp,
}

/// Whose ID token came as a hint, and for which client it was made.
#[derive(Debug, Clone, Copy)]
pub struct Hint<'a> {
    pub user_id: &'a UserId,
    pub client_id: &'a ClientId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask the user whether they want to log out.
    Confirm,
    /// End the session, if there is one, and go to this address, or show that the user is logged out.
    End { redirect: Option<String> },
    /// Show an error on our page; nothing ends, and nobody is sent anywhere.
    Refuse(Refusal),
}

impl LogoutRequest {
    pub fn parse(parameters: &Parameters) -> Self {
        let text = |name| parameters.get(name).map(str::to_owned);
        Self {
            id_token_hint: text("id_token_hint"),
            client_id: parameters.get("client_id").map(ClientId::new),
            post_logout_redirect_uri: text("post_logout_redirect_uri"),
            state: text("state"),
            ui_locales: text("ui_locales"),
        }
    }
}

/// Decides the next step of a logout.
///
/// The address is proven before anything else, so that a bad request changes nothing and a logout never ends in the
/// middle. Then the user: a hint that names them shows that the client knows whom it logs out; without one any page on
/// the web could do it, so the user is asked (§6). Where there is no session there is nothing to protect.
pub fn decide(request: &LogoutRequest, facts: &Facts<'_>) -> Step {
    // OIDC RP-Initiated Logout §2: `client_id` must match the hint
    if let (Some(named), Some(hint)) = (&request.client_id, facts.hint)
        && named != hint.client_id
    {
        return Step::Refuse(OTHER_CLIENT);
    }
    let redirect = match validate_redirect(request, facts.client) {
        Ok(redirect) => redirect,
        Err(refusal) => return Step::Refuse(refusal),
    };
    let Some(session) = facts.session.filter(|session| session.is_alive(facts.now)) else {
        return Step::End { redirect };
    };
    // OIDC RP-Initiated Logout §2 and §6
    let is_named_by_hint = facts.hint.is_some_and(|hint| *hint.user_id == session.user_id);
    if is_named_by_hint || facts.is_confirmed { Step::End { redirect } } else { Step::Confirm }
}

fn validate_redirect(request: &LogoutRequest, client: Option<&Client>) -> Result<Option<String>, Refusal> {
    let Some(uri) = &request.post_logout_redirect_uri else { return Ok(None) };
    let Some(client) = client.filter(|client| client.disabled_at.is_none()) else { return Err(UNKNOWN_CLIENT) };
    // OIDC RP-Initiated Logout §3: exactly as registered, without a rule for loopback
    if !client.settings.post_logout_redirect_uris.contains(uri) {
        return Err(UNREGISTERED_URI);
    }
    let state = request.state.clone().map(|state| ("state", state));
    Ok(Some(with_query(uri, state.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{BEFORE, NOW, client, parameters, session, with_settings};

    const BYE: &str = "https://app.example/bye?x=1";

    /// The user is signed in, and the client says whom it means and where they shall go.
    struct Case {
        request: LogoutRequest,
        hint: Option<(&'static str, &'static str)>,
        client: Option<Client>,
        session: Option<Session>,
        is_confirmed: bool,
    }

    fn case() -> Case {
        Case {
            request: LogoutRequest {
                id_token_hint: Some("hint".into()),
                post_logout_redirect_uri: Some(BYE.into()),
                ..LogoutRequest::default()
            },
            hint: Some(("user-test-1", "app")),
            client: Some(with_settings(client(), |settings| settings.post_logout_redirect_uris = vec![BYE.into()])),
            session: Some(session()),
            is_confirmed: false,
        }
    }

    #[track_caller]
    fn check(case: Case, expected: Step) {
        let hint = case.hint.map(|(user_id, client_id)| (UserId::new(user_id), ClientId::new(client_id)));
        let facts = Facts {
            hint: hint.as_ref().map(|(user_id, client_id)| Hint { user_id, client_id }),
            client: case.client.as_ref(),
            session: case.session.as_ref(),
            is_confirmed: case.is_confirmed,
            now: NOW,
        };
        assert_eq!(decide(&case.request, &facts), expected);
    }

    fn end(redirect: Option<&str>) -> Step {
        Step::End { redirect: redirect.map(str::to_owned) }
    }

    #[test]
    fn a_hint_of_the_signed_in_user_ends_the_session_without_a_question() {
        check(case(), end(Some(BYE)));
        let request = LogoutRequest { state: Some("a b&c=é".into()), ..case().request };
        check(Case { request, ..case() }, end(Some("https://app.example/bye?x=1&state=a%20b%26c%3D%C3%A9")));
        check(Case { request: LogoutRequest::default(), ..case() }, end(None));
    }

    #[test]
    fn without_the_right_hint_the_user_is_asked() {
        check(Case { hint: None, ..case() }, Step::Confirm);
        check(Case { hint: Some(("user-test-2", "app")), ..case() }, Step::Confirm);
        check(Case { hint: None, is_confirmed: true, ..case() }, end(Some(BYE)));
    }

    #[test]
    fn where_nobody_is_signed_in_nobody_is_asked() {
        let ended = Session { revoked_at: Some(BEFORE), ..session() };
        let expired = Session { expires_at: NOW, ..session() };
        for session in [None, Some(ended), Some(expired)] {
            check(Case { hint: None, session, ..case() }, end(Some(BYE)));
        }
    }

    /// attacks.md row 12.
    #[test]
    fn the_address_must_be_registered_byte_by_byte() {
        for uri in [
            "https://evil.example/",
            "https://app.example/bye",
            "https://app.example/bye?x=1#",
            "https://app.example/cb",
        ] {
            let request = LogoutRequest { post_logout_redirect_uri: Some(uri.into()), ..case().request };
            check(Case { request, is_confirmed: true, ..case() }, Step::Refuse(UNREGISTERED_URI));
        }
        let loopback = with_settings(client(), |settings| {
            settings.post_logout_redirect_uris = vec!["http://127.0.0.1/bye".into()];
        });
        let request =
            LogoutRequest { post_logout_redirect_uri: Some("http://127.0.0.1:8080/bye".into()), ..case().request };
        check(Case { request, client: Some(loopback), ..case() }, Step::Refuse(UNREGISTERED_URI));
    }

    #[test]
    fn an_address_needs_a_living_client() {
        let disabled = Client { disabled_at: Some(BEFORE), ..case().client.unwrap() };
        for client in [None, Some(disabled)] {
            check(Case { client, ..case() }, Step::Refuse(UNKNOWN_CLIENT));
        }
        check(Case { request: LogoutRequest::default(), client: None, ..case() }, end(None));
    }

    #[test]
    fn client_id_must_agree_with_the_hint() {
        let request = |id: &str| LogoutRequest { client_id: Some(ClientId::new(id)), ..case().request };
        check(Case { request: request("other"), ..case() }, Step::Refuse(OTHER_CLIENT));
        check(Case { request: request("app"), ..case() }, end(Some(BYE)));
    }

    #[test]
    fn parameters_are_taken_as_they_are_and_empty_ones_left_out() {
        let parsed = LogoutRequest::parse(&parameters("client_id=app&state=%2B&post_logout_redirect_uri=&unknown=1"));
        let expected = LogoutRequest {
            client_id: Some(ClientId::new("app")),
            state: Some("+".into()),
            ..LogoutRequest::default()
        };
        assert_eq!(parsed, expected);
    }
}
