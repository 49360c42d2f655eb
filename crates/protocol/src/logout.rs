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
