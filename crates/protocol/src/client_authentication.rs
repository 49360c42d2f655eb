//! Client authentication: one method a request, one answer for every failure.
//!
//! Specs: RFC 6749 §2.3 and §5.2, OAuth 2.1 §2.4, RFC 7521 §4.2, RFC 7523 §2.2, RFC 7617 §2, OIDC Core §9.
//!
//! Clients in the field spell Basic credentials raw, form-encoded or over-encoded (T-15), so one header may mean
//! several pairs of id and secret. Each is tried; whoever knows the secret of one of the spelled clients is that client.

use crate::{
    client::{AuthenticationMethod, Client},
    client_assertion::{ASSERTION_TYPE, ClientAssertion, claimed_client_id},
    error::{
        ErrorCode::{InvalidClient, InvalidRequest},
        Refusal, refuse,
    },
    id::ClientId,
    jose::Unverified,
    parameters::Parameters,
    secret,
};
use base64ct::{Base64, Encoding};
use percent_encoding::percent_decode_str;
use std::{borrow::Cow, fmt};

/// The one answer to every failure that depends on what we know about clients. Where Basic was used the caller adds
/// `WWW-Authenticate: Basic` (RFC 6749 §5.2).
pub const FAILED: Refusal = refuse(
    InvalidClient,
    "client authentication failed: check client_id, the secret or key, and the registered authentication method",
);
pub const MISSING_CLIENT_ID: Refusal = refuse(
    InvalidClient,
    "no client authentication: send client_id, with the client's secret or assertion unless it is a public client",
);
pub const SEVERAL_METHODS: Refusal = refuse(
    InvalidRequest,
    "more than one client authentication method: use one of the Authorization header, client_secret, client_assertion",
);
pub const CLIENT_ID_MISMATCH: Refusal =
    refuse(InvalidRequest, "client_id in the body differs from the one in the Authorization header");
pub const UNSUPPORTED_SCHEME: Refusal =
    refuse(InvalidClient, "the Authorization header must use the Basic scheme at this endpoint");
pub const MALFORMED_BASIC: Refusal = refuse(
    InvalidRequest,
    "the Authorization header must be Basic with the base64 form of client_id, a colon and the secret in UTF-8",
);
pub const EMPTY_SECRET: Refusal = refuse(InvalidClient, "the client secret is empty: leave it out for a public client");
pub const EMPTY_ASSERTION: Refusal = refuse(InvalidClient, "client_assertion is empty");
pub const WRONG_ASSERTION_TYPE: Refusal = refuse(
    InvalidRequest,
    "client_assertion needs client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
);
pub const MISSING_ASSERTION: Refusal = refuse(InvalidRequest, "client_assertion_type without client_assertion");

/// Why client authentication failed; for the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    UnknownClient,
    ClientDisabled,
    /// Not the client that the request names.
    OtherClient,
    MethodNotRegistered,
    WrongSecret,
    /// The client has no live secret at all.
    NoSecretStored,
    /// An assertion was presented where a secret is decided on, or the other way round.
    OtherMethod,
    AssertionRefused,
    AssertionReplayed,
}

impl Denial {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownClient => "unknown_client",
            Self::ClientDisabled => "client_disabled",
            Self::OtherClient => "other_client",
            Self::MethodNotRegistered => "method_not_registered",
            Self::WrongSecret => "wrong_secret",
            Self::NoSecretStored => "no_secret_stored",
            Self::OtherMethod => "other_method",
            Self::AssertionRefused => "assertion_refused",
            Self::AssertionReplayed => "assertion_replayed",
        }
    }
}

impl From<Denial> for Refusal {
    fn from(_: Denial) -> Self {
        FAILED
    }
}

/// What a request offers to authenticate a client with. Holds no secret, only hashes; `Debug` shows the ids.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    pub method: AuthenticationMethod,
    /// The pairs that the request may mean, the most likely first.
    candidates: Vec<Candidate>,
    assertion: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
struct Candidate {
    client_id: ClientId,
    secret_hashes: Vec<[u8; 32]>,
}

/// Proof that a client authenticated, or, with method `none`, that a public client named itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    pub client_id: ClientId,
    pub method: AuthenticationMethod,
    seal: Seal,
}

/// Only this module can make one, so whoever holds a sealed value knows that it was checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seal;

/// Finds what a request authenticates its client with. `authorization` is the header's value; a request with two such
/// headers is [`SEVERAL_METHODS`].
pub fn parse(authorization: Option<&[u8]>, body: &Parameters) -> Result<Presented, Refusal> {
    let has_secret = body.has("client_secret");
    let has_assertion = body.has("client_assertion");
    // OAuth 2.1 §2.4: not more than one method in a request. An empty value counts: it is an attempt.
    if [authorization.is_some(), has_secret, has_assertion].into_iter().filter(|used| *used).count() > 1 {
        return Err(SEVERAL_METHODS);
    }
    // RFC 7521 §4.2
    if body.has("client_assertion_type") && !has_assertion {
        return Err(MISSING_ASSERTION);
    }
    let client_id = body.get("client_id").map(ClientId::new);
    if let Some(authorization) = authorization {
        return basic(authorization, client_id);
    }
    if has_assertion {
        return assertion(body, client_id);
    }
    let client_id = client_id.ok_or(MISSING_CLIENT_ID)?;
    if !has_secret {
        let candidates = vec![Candidate { client_id, secret_hashes: Vec::new() }];
        return Ok(Presented { method: AuthenticationMethod::None, candidates, assertion: None });
    }
    let secret_hash = body.get("client_secret").map(secret::hash).ok_or(EMPTY_SECRET)?;
    let candidates = vec![Candidate { client_id, secret_hashes: vec![secret_hash] }];
    Ok(Presented { method: AuthenticationMethod::ClientSecretPost, candidates, assertion: None })
}

/// Takes a Basic header apart, in every way that clients in the field spell it.
fn basic(authorization: &[u8], body_client_id: Option<ClientId>) -> Result<Presented, Refusal> {
    let authorization = std::str::from_utf8(authorization).map_err(|_| MALFORMED_BASIC)?;
    // RFC 9110 §11.1: the scheme is case-insensitive
    let (scheme, encoded) = authorization.split_once(' ').unwrap_or((authorization, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(UNSUPPORTED_SCHEME);
    }
    let decoded = Base64::decode_vec(encoded.trim_matches(' ')).map_err(|_| MALFORMED_BASIC)?;
    let text = String::from_utf8(decoded).map_err(|_| MALFORMED_BASIC)?;

    let mut candidates = Vec::new();
    let (id, secret) = text.split_once(':').ok_or(MALFORMED_BASIC)?;
    // RFC 6749 §2.3.1: both are form-encoded first …
    if let Some(form_decoded) = form_decode(id) {
        add_candidate(&mut candidates, &form_decoded, secret);
    }
    // … which many clients do not do.
    add_candidate(&mut candidates, id, secret);
    // A client_id that is a URL has colons of its own: our secrets have none, and the body may name the id.
    if let Some((id, secret)) = text.rsplit_once(':') {
        add_candidate(&mut candidates, id, secret);
    }
    if let Some(id) = &body_client_id
        && let Some(secret) = text.strip_prefix(id.as_str()).and_then(|rest| rest.strip_prefix(':'))
    {
        add_candidate(&mut candidates, id.as_str(), secret);
    }
    if candidates.is_empty() {
        return Err(MALFORMED_BASIC);
    }
    // RFC 6749 §2.3.1, mcp-and-agents.md section 2.3: some send client_id in the body as well; then it must be the same
    if let Some(id) = body_client_id {
        candidates.retain(|candidate| candidate.client_id == id);
        if candidates.is_empty() {
            return Err(CLIENT_ID_MISMATCH);
        }
    }
    candidates.retain(|candidate| !candidate.secret_hashes.is_empty());
    if candidates.is_empty() {
        return Err(EMPTY_SECRET);
    }
    Ok(Presented { method: AuthenticationMethod::ClientSecretBasic, candidates, assertion: None })
}

/// Adds what `id` and `secret` may mean.
fn add_candidate(candidates: &mut Vec<Candidate>, id: &str, secret: &str) {
    if !is_client_id(id) {
        return;
    }
    let client_id = ClientId::new(id);
    let at = candidates.iter().position(|candidate| candidate.client_id == client_id).unwrap_or_else(|| {
        candidates.push(Candidate { client_id, secret_hashes: Vec::with_capacity(2) });
        candidates.len() - 1
    });
    let Some(candidate) = candidates.get_mut(at) else { return };
    let form_decoded = form_decode(secret);
    for secret in [form_decoded.as_deref(), Some(secret)].into_iter().flatten().filter(|secret| !secret.is_empty()) {
        let hash = secret::hash(secret);
        if !candidate.secret_hashes.contains(&hash) {
            candidate.secret_hashes.push(hash);
        }
    }
}

/// Undoes `application/x-www-form-urlencoded` for one value; `None` when the result is not UTF-8.
fn form_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?.into_owned();
    Some(Cow::Owned(decoded))
}

fn assertion(body: &Parameters, client_id: Option<ClientId>) -> Result<Presented, Refusal> {
    let assertion = body.get("client_assertion").ok_or(EMPTY_ASSERTION)?;
    // RFC 7523 §2.2
    if body.get("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(WRONG_ASSERTION_TYPE);
    }
    // RFC 7521 §4.2: client_id is optional; the assertion's subject names the client
    let client_id = client_id.or_else(|| unverified_subject(assertion)).ok_or(FAILED)?;
    Ok(Presented {
        method: AuthenticationMethod::PrivateKeyJwt,
        candidates: vec![Candidate { client_id, secret_hashes: Vec::new() }],
        assertion: Some(assertion.to_owned()),
    })
}

/// Whose assertion this claims to be: good for finding the client's keys, and for nothing else.
fn unverified_subject(assertion: &str) -> Option<ClientId> {
    let subject = claimed_client_id(&Unverified::parse(assertion).ok()?)?;
    is_client_id(subject.as_str()).then_some(subject)
}

/// RFC 6749 appendix A.1: `client-id = *VSCHAR`. Another id never reaches the store.
fn is_client_id(id: &str) -> bool {
    (1..=2048).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, 0x20..=0x7E))
}

impl Presented {
    /// The clients that the request may mean, the most likely first: load them until `decide` accepts one.
    pub fn client_ids(&self) -> impl Iterator<Item = &ClientId> {
        self.candidates.iter().map(|candidate| &candidate.client_id)
    }

    /// The client assertion, for the caller to verify with `client_assertion`.
    pub fn assertion(&self) -> Option<&str> {
        self.assertion.as_deref()
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.client_ids().collect();
        f.debug_struct("Presented").field("method", &self.method).field("client_ids", &ids).finish_non_exhaustive()
    }
}

/// Decides whether `presented` proves to be `client`, by secret or as a public client.
///
/// `live_secrets` are the SHA-256 hashes of the client's current and, while rotating, next secret. Every presented
/// spelling is compared with every live secret, in the same time whatever matches.
pub fn decide(presented: &Presented, client: &Client, live_secrets: &[[u8; 32]]) -> Result<Authenticated, Denial> {
    let candidate = admit(presented, client)?;
    match presented.method {
        // OAuth 2.1 §2.4.2: a public client only names itself
        AuthenticationMethod::None if client.is_public() => {}
        AuthenticationMethod::None => return Err(Denial::MethodNotRegistered),
        AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost => {
            if live_secrets.is_empty() {
                return Err(Denial::NoSecretStored);
            }
            if !secret::any_equal(&candidate.secret_hashes, live_secrets) {
                return Err(Denial::WrongSecret);
            }
        }
        AuthenticationMethod::PrivateKeyJwt => return Err(Denial::OtherMethod),
    }
    Ok(Authenticated { client_id: client.id.clone(), method: presented.method, seal: Seal })
}

/// Decides whether `presented` proves to be `client` by a client assertion, whose `jti` the caller saw for
/// the first time.
pub fn decide_assertion(
    presented: &Presented,
    client: &Client,
    assertion: &ClientAssertion,
) -> Result<Authenticated, Denial> {
    admit(presented, client)?;
    if assertion.client_id != client.id {
        return Err(Denial::OtherClient);
    }
    if presented.method != AuthenticationMethod::PrivateKeyJwt {
        return Err(Denial::OtherMethod);
    }
    Ok(Authenticated { client_id: client.id.clone(), method: presented.method, seal: Seal })
}

/// What holds for every method: it is this client, it is not disabled, and it is registered for the method.
fn admit<'a>(presented: &'a Presented, client: &Client) -> Result<&'a Candidate, Denial> {
    let candidate =
        presented.candidates.iter().find(|candidate| candidate.client_id == client.id).ok_or(Denial::OtherClient)?;
    if client.disabled_at.is_some() {
        return Err(Denial::ClientDisabled);
    }
    if !client.settings.authentication_methods.contains(&presented.method) {
        return Err(Denial::MethodNotRegistered);
    }
    Ok(candidate)
}
