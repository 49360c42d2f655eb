//! The authorization request: from parameters to proof.
//!
//! Specs: RFC 6749 §3.1.1, §3.1.2, §3.3, §4.1.1 and §4.1.2.1, OAuth 2.1 §2.3 and §4.1.1, RFC 7636 §4.3 and §4.4.1,
//! RFC 8707 §2.1, OIDC Core §3.1.2.1, §3.1.2.6, §5.5 and §6, OAuth Form Post Response Mode §2.
//! Knows the request, the client and the policy; who the user is and what they want is `authorize`.

use crate::{
    claims,
    client::{Client, GrantType},
    error::{
        ErrorCode::{
            InvalidClient, InvalidRequest, InvalidScope, RegistrationNotSupported, RequestNotSupported,
            RequestUriNotSupported, UnauthorizedClient, UnsupportedResponseType,
        },
        Refusal, refuse,
    },
    full_access,
    id::ClientId,
    parameters::Parameters,
    pkce::{self, CodeChallenge},
    plane::Plane,
    policy::Policy,
    redirect_uri, resource,
    scope::{OFFLINE_ACCESS, OPENID, Scope},
    time::Seconds,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub const TOO_LARGE: Refusal = refuse(
    InvalidRequest,
    "the authorization request is longer than 16 KiB in all; send a shorter state, claims, id_token_hint or fewer resources",
);
pub const MISSING_CLIENT_ID: Refusal = refuse(InvalidRequest, "client_id is missing");
pub const CLIENT_ID_TOO_LONG: Refusal = refuse(InvalidRequest, "client_id is longer than 2048 bytes");
/// For the caller, when no client has the id.
pub const UNKNOWN_CLIENT: Refusal =
    refuse(InvalidClient, "client_id names no registered client; ask the operator of this server, or register again");
pub const OTHER_CLIENT: Refusal = refuse(InvalidClient, "the request was made by another client");
pub const DISABLED_CLIENT: Refusal = refuse(InvalidClient, "this client is disabled; ask the operator");
pub const MISSING_REDIRECT_URI: Refusal = refuse(
    InvalidRequest,
    "redirect_uri is missing; it may be left out only if exactly one is registered and openid is not asked for",
);
pub const UNREGISTERED_REDIRECT_URI: Refusal =
    refuse(InvalidRequest, "redirect_uri is not registered for this client; it must be the same byte by byte");
pub const UNSUPPORTED_RESPONSE_MODE: Refusal = refuse(InvalidRequest, "response_mode must be query or form_post");
pub const FORM_POST_NEEDS_WEB: Refusal =
    refuse(InvalidRequest, "response_mode form_post needs a redirect_uri with https or http");
pub const REQUEST_OBJECT: Refusal =
    refuse(RequestNotSupported, "request objects are not supported; send plain parameters");
pub const REQUEST_URI: Refusal = refuse(RequestUriNotSupported, "request_uri is not supported; send plain parameters");
pub const REGISTRATION: Refusal =
    refuse(RegistrationNotSupported, "the registration parameter is not supported; register the client beforehand");
pub const MISSING_RESPONSE_TYPE: Refusal = refuse(InvalidRequest, "response_type is missing; send code");
pub const UNSUPPORTED_RESPONSE_TYPE: Refusal = refuse(UnsupportedResponseType, "response_type must be code");
pub const CODE_NOT_ALLOWED: Refusal =
    refuse(UnauthorizedClient, "this client is not registered for the authorization_code grant");
pub const METHOD_NOT_S256: Refusal = refuse(
    InvalidRequest,
    "code_challenge_method must be S256; plain, which is also what leaving it out means, is not supported",
);
pub const METHOD_WITHOUT_CHALLENGE: Refusal =
    refuse(InvalidRequest, "code_challenge_method was sent without code_challenge");
pub const MISSING_CHALLENGE: Refusal =
    refuse(InvalidRequest, "code_challenge is missing: this client must use PKCE with S256");
pub const NEITHER_CHALLENGE_NOR_NONCE: Refusal = refuse(
    InvalidRequest,
    "without code_challenge this client must ask for openid and send a nonce, or better use PKCE with S256",
);
pub const NO_SCOPE_LEFT: Refusal =
    refuse(InvalidScope, "none of the requested scope values exists here and is open to this client");
pub const NONCE_TOO_LONG: Refusal = refuse(InvalidRequest, "nonce is longer than 1024 bytes");
pub const PROMPT_NONE_NOT_ALONE: Refusal =
    refuse(InvalidRequest, "prompt=none must not be combined with another prompt value");
pub const BAD_MAX_AGE: Refusal = refuse(InvalidRequest, "max_age must be a number of seconds, in digits only");
pub const BAD_CLAIMS: Refusal = refuse(
    InvalidRequest,
    "claims must be a JSON object whose members userinfo and id_token are objects of claim names with null or an object",
);

/// The values of `response_type` that `validate` accepts; the metadata list them.
pub const RESPONSE_TYPES: [&str; 1] = ["code"];
/// The values of `prompt` that have a meaning here; others are ignored.
pub const PROMPT_VALUES: [&str; 4] = ["none", "login", "consent", "select_account"];

/// The whole request waits in the database for anybody who sends one.
const MOST_BYTES: usize = 16 * 1024;
const LONGEST_CLIENT_ID: usize = 2048;
const LONGEST_NONCE: usize = 1024;

/// The parameters as they were sent: nothing here has been checked against anything. This is what an interaction
/// stores, so that every later step validates it anew against the client and policy of that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub client_id: ClientId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
}

/// A request that this client may make. Only `validate` makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidRequest {
    pub client_id: ClientId,
    pub target: ResponseTarget,
    /// What was asked for, less what does not exist here or is not open to the client; never empty.
    pub scope: Scope,
    /// Resources (RFC 8707), as registered.
    pub resources: Vec<String>,
    pub nonce: Option<String>,
    pub code_challenge: Option<CodeChallenge>,
    pub prompt: Prompt,
    pub max_age: Option<Seconds>,
    pub claims: ClaimsRequest,
    seal: Seal,
}

/// Where the answer goes, proven to belong to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseTarget {
    /// As requested, with the port of the day for loopback clients; the token request is compared with this one.
    pub redirect_uri: String,
    pub mode: ResponseMode,
    /// Opaque; goes back byte for byte.
    pub state: Option<String>,
    seal: Seal,
}

/// Only this module can make one, so whoever holds a sealed value knows that it was checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    Query,
    FormPost,
}

impl ResponseMode {
    pub const ALL: [Self; 2] = [Self::Query, Self::FormPost];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }
}

/// OIDC Core §3.1.2.1 `prompt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prompt {
    pub none: bool,
    pub login: bool,
    pub consent: bool,
    pub select_account: bool,
}

/// OIDC Core §5.5 `claims`, reduced to what a decision needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimsRequest {
    /// Names asked for one by one. Those that a requested scope value brings anyway are left out: they come and go
    /// with that value.
    pub userinfo: Vec<String>,
    pub id_token: Vec<String>,
    /// The only users for whom the client wants an answer (OIDC Core §5.5.1); empty when anybody will do.
    pub subjects: Vec<String>,
    /// The authentication contexts one of which is essential (OIDC Core §5.5.1.1); empty when none is.
    pub essential_acr: Vec<String>,
}

/// Why a request fails, and where the client can be told: without a target nobody but the person in front of the
/// browser may learn it, because the address to send them to is not proven (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub refusal: Refusal,
    pub target: Option<ResponseTarget>,
}

/// Sorts the parameters of `GET` or `POST /oauth2/authorize`. Only the client's name must be there, for without it there
/// is nobody to ask about. Unknown parameters are ignored (OAuth 2.1 §3.1).
pub fn parse(parameters: &Parameters) -> Result<AuthorizationRequest, Refusal> {
    let text = |name| parameters.get(name).map(str::to_owned);
    // RFC 6749 §4.1.1
    let client_id = parameters.get("client_id").ok_or(MISSING_CLIENT_ID)?;
    if client_id.len() > LONGEST_CLIENT_ID {
        return Err(CLIENT_ID_TOO_LONG);
    }
    let request = AuthorizationRequest {
        client_id: ClientId::new(client_id),
        redirect_uri: text("redirect_uri"),
        response_type: text("response_type"),
        response_mode: text("response_mode"),
        scope: text("scope"),
        state: text("state"),
        nonce: text("nonce"),
        code_challenge: text("code_challenge"),
        code_challenge_method: text("code_challenge_method"),
        prompt: text("prompt"),
        max_age: text("max_age"),
        login_hint: text("login_hint"),
        id_token_hint: text("id_token_hint"),
        ui_locales: text("ui_locales"),
        claims: text("claims"),
        request: text("request"),
        request_uri: text("request_uri"),
        registration: text("registration"),
        resources: parameters.all("resource").map(str::to_owned).collect(),
    };
    if request.size() > MOST_BYTES { Err(TOO_LARGE) } else { Ok(request) }
}

impl AuthorizationRequest {
    /// How many bytes its values have.
    pub fn size(&self) -> usize {
        let texts = [
            &self.redirect_uri,
            &self.response_type,
            &self.response_mode,
            &self.scope,
            &self.state,
            &self.nonce,
            &self.code_challenge,
            &self.code_challenge_method,
            &self.prompt,
            &self.max_age,
            &self.login_hint,
            &self.id_token_hint,
            &self.ui_locales,
            &self.claims,
            &self.request,
            &self.request_uri,
            &self.registration,
        ];
        let values = texts.into_iter().flatten().chain(&self.resources);
        values.map(String::len).sum::<usize>().saturating_add(self.client_id.as_str().len())
    }
}

/// Proves that `client` may make `request` under `policy`.
///
/// The order is deliberate:
///
/// 1. **Client, then redirect URI.** Until both are proven the answer has no address, and a wrong one would make us an
///    open redirector; so these refusals carry no target. A disabled client has no address either: whoever was
///    switched off gets no more browsers from us, not even with an error.
/// 2. **`response_mode`**, because it decides how every later refusal travels. If it is wrong, that very refusal goes
///    by the default mode.
/// 3. **Parameters that replace or extend all others** (`request`, `request_uri`, `registration`). We do not read
///    them, so judging the rest would be judging half a request, and ignoring them would be a weaker path.
/// 4. **What kind of request it is**: response type, then whether this client may use the grant.
/// 5. **PKCE**, before anything about scope: a client that forgets it must learn it first, since everything else can
///    be right in a request that is not safe. Only the exception for `pkce_optional` waits for the scope.
/// 6. **What is asked for**: scope is narrowed silently (clients ask for all they see in the metadata), resources are
///    not (a token for another API than asked would only fail later).
/// 7. **How to ask the user**: nonce, `prompt`, `max_age`, `claims`. Their mistakes harm nobody else, so they come last.
pub fn validate(
    request: &AuthorizationRequest,
    client: &Client,
    policy: &Policy,
    plane: Plane,
) -> Result<ValidRequest, Rejected> {
    check(request, client, policy, plane, Challenge::Sent)
}

/// A request that may be made as far as it is known, for a look ahead; no code is ever issued for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview(ValidRequest);

impl Preview {
    /// What may be asked for, to decide about consent.
    pub fn request(&self) -> &ValidRequest {
        &self.0
    }
}

/// As [`validate`], for a caller that does not know the code challenge yet.
pub fn preview(
    request: &AuthorizationRequest,
    client: &Client,
    policy: &Policy,
    plane: Plane,
) -> Result<Preview, Rejected> {
    check(request, client, policy, plane, Challenge::Later).map(Preview)
}

/// Whether the request that is checked holds the code challenge and the nonce, if there are any.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Challenge {
    Sent,
    Later,
}

fn check(
    request: &AuthorizationRequest,
    client: &Client,
    policy: &Policy,
    plane: Plane,
    challenge: Challenge,
) -> Result<ValidRequest, Rejected> {
    let is_sent = challenge == Challenge::Sent;
    let redirect_uri = validate_client_and_redirect_uri(request, client, plane).map_err(on_our_page)?;

    // OAuth 2.0 Multiple Response Types §2.1; Form Post Response Mode §2
    let state = request.state.clone();
    let mode = parse_response_mode(request.response_mode.as_deref(), &redirect_uri);
    let target =
        ResponseTarget { redirect_uri, mode: *mode.as_ref().unwrap_or(&ResponseMode::Query), state, seal: Seal };
    let rejected = |refusal| Rejected { refusal, target: Some(target.clone()) };
    mode.map_err(rejected)?;

    // OIDC Core §3.1.2.6 and §6
    if request.request.is_some() {
        return Err(rejected(REQUEST_OBJECT));
    }
    if request.request_uri.is_some() {
        return Err(rejected(REQUEST_URI));
    }
    // OIDC Core §7.2.1
    if request.registration.is_some() {
        return Err(rejected(REGISTRATION));
    }

    // RFC 6749 §3.1.1
    match request.response_type.as_deref() {
        None => return Err(rejected(MISSING_RESPONSE_TYPE)),
        Some(response_type) if !RESPONSE_TYPES.contains(&response_type) => {
            return Err(rejected(UNSUPPORTED_RESPONSE_TYPE));
        }
        Some(_) => {}
    }
    // RFC 6749 §4.1.2.1: `unauthorized_client`
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(rejected(CODE_NOT_ALLOWED));
    }

    let code_challenge = parse_code_challenge(request).map_err(rejected)?;
    // OAuth 2.1 §7.5: required, but for confidential clients for which the operator says otherwise
    if is_sent && code_challenge.is_none() && (client.is_public() || !client.settings.pkce_optional) {
        return Err(rejected(MISSING_CHALLENGE));
    }

    let scope = narrow_scope(request.scope.as_deref(), client, policy).map_err(rejected)?;
    // OAuth 2.1 §7.5 and RFC 9700 §2.1.1: without PKCE only the nonce of OpenID Connect protects the code
    let has_nonce = scope.contains(OPENID) && request.nonce.is_some();
    if is_sent && code_challenge.is_none() && client.settings.plane == Plane::Standard && !has_nonce {
        return Err(rejected(NEITHER_CHALLENGE_NOR_NONCE));
    }
    let resources = match plane {
        Plane::Standard => resource::resolve(&request.resources, client, policy).map_err(rejected)?,
        // By Stytch's contract every token is for the project, whatever resource is named
        Plane::Stytch => Vec::new(),
    };

    // OIDC Core §3.1.2.1: opaque to us, but it goes into a row and a token
    if request.nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
        return Err(rejected(NONCE_TOO_LONG));
    }
    let prompt = parse_prompt(request.prompt.as_deref()).map_err(rejected)?;
    let max_age = parse_max_age(request.max_age.as_deref()).map_err(rejected)?;
    let claims = parse_claims(request.claims.as_deref(), &scope, client).map_err(rejected)?;

    Ok(ValidRequest {
        client_id: client.id.clone(),
        scope,
        resources,
        nonce: request.nonce.clone(),
        code_challenge,
        prompt,
        max_age,
        claims,
        target,
        seal: Seal,
    })
}

fn on_our_page(refusal: Refusal) -> Rejected {
    Rejected { refusal, target: None }
}

/// Gives the proven address, or a refusal that must not be sent anywhere.
fn validate_client_and_redirect_uri(
    request: &AuthorizationRequest,
    client: &Client,
    plane: Plane,
) -> Result<String, Refusal> {
    // Design: what belongs to one plane is unknown on the other
    if client.settings.plane != plane {
        return Err(UNKNOWN_CLIENT);
    }
    if request.client_id != client.id {
        return Err(OTHER_CLIENT);
    }
    if client.disabled_at.is_some() {
        return Err(DISABLED_CLIENT);
    }
    let registered = &client.settings.redirect_uris;
    match request.redirect_uri.as_deref() {
        // OAuth 2.1 §2.3.1 and §2.3.2
        Some(requested) if redirect_uri::matches(registered, requested) => Ok(requested.to_owned()),
        Some(_) => Err(UNREGISTERED_REDIRECT_URI),
        None => match registered.as_slice() {
            // OAuth 2.1 §2.3.2 lets a client with one URI leave it out; OIDC Core §3.1.2.1 does not
            [only] if !asks_for_openid(request) => Ok(only.clone()),
            _ => Err(MISSING_REDIRECT_URI),
        },
    }
}

fn asks_for_openid(request: &AuthorizationRequest) -> bool {
    request.scope.as_ref().is_some_and(|scope| scope.split(' ').any(|value| value == OPENID))
}

fn parse_response_mode(text: Option<&str>, redirect_uri: &str) -> Result<ResponseMode, Refusal> {
    let Some(text) = text else { return Ok(ResponseMode::Query) };
    let mode = ResponseMode::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or(UNSUPPORTED_RESPONSE_MODE)?;
    // A browser cannot post a form to an app
    if mode == ResponseMode::FormPost && redirect_uri::is_private_use(redirect_uri) {
        return Err(FORM_POST_NEEDS_WEB);
    }
    Ok(mode)
}

fn parse_code_challenge(request: &AuthorizationRequest) -> Result<Option<CodeChallenge>, Refusal> {
    match (request.code_challenge.as_deref(), request.code_challenge_method.as_deref()) {
        // RFC 7636 §4.4.1: `plain`, said or left unsaid, is a transformation that we do not support
        (Some(challenge), Some(pkce::METHOD)) => CodeChallenge::parse(challenge).map(Some),
        (Some(_), _) => Err(METHOD_NOT_S256),
        // A client that names a method means to use PKCE; going on without would be a downgrade (RFC 9700 §4.8.2)
        (None, Some(_)) => Err(METHOD_WITHOUT_CHALLENGE),
        (None, None) => Ok(None),
    }
}

/// RFC 6749 §3.3: the server may ignore part of the scope, and chooses one when none is asked for.
fn narrow_scope(text: Option<&str>, client: &Client, policy: &Policy) -> Result<Scope, Refusal> {
    let settings = &client.settings;
    let mut wanted = Scope::parse(text.unwrap_or_default())?;
    if wanted.is_empty() {
        let default = settings.default_scope.as_ref().or(policy.default_scope.as_ref());
        wanted = default.cloned().unwrap_or_else(|| Scope::from_iter([OPENID]));
    }
    let scope = wanted.filter(|value| {
        let is_open = full_access::is_known(value, client, policy)
            && settings.scope.as_ref().is_none_or(|ceiling| ceiling.contains(value));
        // OIDC Core §11: nothing to keep offline without a refresh token
        is_open && (value != OFFLINE_ACCESS || client.may_use(GrantType::RefreshToken))
    });
    if scope.is_empty() { Err(NO_SCOPE_LEFT) } else { Ok(scope) }
}

/// OIDC Core §3.1.2.2 recommends to ignore what is not understood, so that new values can come into use.
fn parse_prompt(text: Option<&str>) -> Result<Prompt, Refusal> {
    let values: Vec<&str> = text.unwrap_or_default().split(' ').filter(|value| !value.is_empty()).collect();
    let has = |value| values.contains(&value);
    // OIDC Core §3.1.2.1: `none` stands alone, also beside a value that we do not know
    if has("none") && values.iter().any(|value| *value != "none") {
        return Err(PROMPT_NONE_NOT_ALONE);
    }
    Ok(Prompt {
        none: has("none"),
        login: has("login"),
        consent: has("consent"),
        select_account: has("select_account"),
    })
}

fn parse_max_age(text: Option<&str>) -> Result<Option<Seconds>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    // OIDC Core §3.1.2.1; `parse` alone would take a sign too
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BAD_MAX_AGE);
    }
    text.parse().map(|seconds| Some(Seconds(seconds))).map_err(|_| BAD_MAX_AGE)
}

fn parse_claims(text: Option<&str>, scope: &Scope, client: &Client) -> Result<ClaimsRequest, Refusal> {
    let Some(text) = text else { return Ok(ClaimsRequest::default()) };
    // OIDC Core §5.5
    let Ok(Value::Object(claims)) = serde_json::from_str(text) else { return Err(BAD_CLAIMS) };
    let userinfo = parse_claims_member(claims.get("userinfo"))?;
    let id_token = parse_claims_member(claims.get("id_token"))?;

    // What belongs to a scope value that the client may never have is not to be had by its single name either
    let ceiling = client.settings.scope.as_ref();
    let is_extra = |name: &str| {
        claims::scope_value_of(name)
            .is_some_and(|value| !scope.contains(value) && ceiling.is_none_or(|ceiling| ceiling.contains(value)))
    };
    let extra = |member: &Map<String, Value>| member.keys().filter(|name| is_extra(name)).cloned().collect();
    // OIDC Core §5.5.1
    let subjects = match wanted_values(&id_token, "sub")? {
        none if none.is_empty() => wanted_values(&userinfo, "sub")?,
        subjects => subjects,
    };
    // OIDC Core §5.5.1.1: only an essential acr is a condition
    let is_acr_essential = id_token.get("acr").is_some_and(|acr| acr.get("essential") == Some(&Value::Bool(true)));
    let essential_acr = if is_acr_essential { wanted_values(&id_token, "acr")? } else { Vec::new() };
    Ok(ClaimsRequest { userinfo: extra(&userinfo), id_token: extra(&id_token), subjects, essential_acr })
}

/// The members of `userinfo` or `id_token`. Anything else than the specified form is refused: skipping what we do not
/// understand could skip the one condition that the client relies on.
fn parse_claims_member(member: Option<&Value>) -> Result<Map<String, Value>, Refusal> {
    let Some(Value::Object(member)) = member else {
        return if member.is_none_or(Value::is_null) { Ok(Map::new()) } else { Err(BAD_CLAIMS) };
    };
    let is_well_formed = |claim: &Value| match claim {
        Value::Null => true,
        Value::Object(claim) => {
            claim.get("essential").is_none_or(Value::is_boolean) && claim.get("values").is_none_or(Value::is_array)
        }
        _ => false,
    };
    if member.values().all(is_well_formed) { Ok(member.clone()) } else { Err(BAD_CLAIMS) }
}

/// `value` and `values` of a claim that is a text.
fn wanted_values(member: &Map<String, Value>, name: &str) -> Result<Vec<String>, Refusal> {
    let Some(claim) = member.get(name) else { return Ok(Vec::new()) };
    let several = claim.get("values").and_then(Value::as_array).into_iter().flatten();
    let all = claim.get("value").into_iter().chain(several);
    all.map(|value| value.as_str().map(str::to_owned).ok_or(BAD_CLAIMS)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::samples::{API, BEFORE, OTHER_API, client, confidential, parameters, policy, scope, with_settings};
    use proptest::prelude::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    /// A request that `samples::client` may make.
    pub(crate) fn request() -> AuthorizationRequest {
        parse(&parameters(
            "client_id=app&redirect_uri=https://app.example/cb&response_type=code&state=xyz&scope=openid&code_challenge=\
             E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        ))
        .unwrap()
    }

    fn accept(request: &AuthorizationRequest, client: &Client) -> ValidRequest {
        validate(request, client, &policy(), client.settings.plane).unwrap()
    }

    /// The refusal stays on our page.
    #[track_caller]
    fn check_page(request: AuthorizationRequest, client: &Client, refusal: Refusal) {
        assert_eq!(
            validate(&request, client, &policy(), client.settings.plane),
            Err(Rejected { refusal, target: None })
        );
    }

    /// The refusal travels to the client, with its state.
    #[track_caller]
    fn check_redirect(request: AuthorizationRequest, client: &Client, refusal: Refusal) {
        let rejected = validate(&request, client, &policy(), client.settings.plane).unwrap_err();
        let target = rejected.target.expect("a proven target");
        assert_eq!(rejected.refusal, refusal);
        assert_eq!((target.redirect_uri.as_str(), target.state.as_deref()), ("https://app.example/cb", Some("xyz")));
    }

    #[test]
    fn a_client_of_one_plane_is_unknown_on_the_other() {
        let on_stytch = with_settings(client(), |settings| settings.plane = Plane::Stytch);
        let unknown = Err(Rejected { refusal: UNKNOWN_CLIENT, target: None });
        assert_eq!(validate(&request(), &on_stytch, &policy(), Plane::Standard), unknown);
        assert_eq!(validate(&request(), &client(), &policy(), Plane::Stytch), unknown);
    }

    #[test]
    fn a_plain_request_is_valid() {
        let valid = accept(&request(), &client());
        assert_eq!(valid.target.redirect_uri, "https://app.example/cb");
        assert_eq!(valid.target.mode, ResponseMode::Query);
        assert_eq!(valid.code_challenge, CodeChallenge::parse(CHALLENGE).ok());
        assert_eq!((valid.scope, valid.resources), (scope("openid"), vec![API.to_owned()]));
        assert_eq!((valid.prompt, valid.max_age, valid.claims), Default::default());
    }

    #[test]
    fn only_the_client_id_is_needed_to_know_whom_to_ask_about() {
        assert_eq!(parse(&parameters("client_id=&response_type=code")), Err(MISSING_CLIENT_ID));
        assert_eq!(parse(&parameters(&format!("client_id={}", "x".repeat(2049)))), Err(CLIENT_ID_TOO_LONG));
        let minimal = parse(&parameters("client_id=https://a.example/x:y?z%3D1&unknown=1&unknown2=")).unwrap();
        assert_eq!(minimal.client_id.as_str(), "https://a.example/x:y?z=1");
        assert_eq!((minimal.redirect_uri, minimal.scope), (None, None));
    }

    /// attacks.md rows 9, 12 and 22.
    #[test]
    fn before_client_and_redirect_uri_are_proven_nothing_is_sent_anywhere() {
        let bad = AuthorizationRequest { response_type: None, request: Some("x".into()), ..request() };
        let at = |uri: &str| AuthorizationRequest { redirect_uri: Some(uri.into()), ..bad.clone() };
        let disabled = Client { disabled_at: Some(BEFORE), ..client() };
        check_page(bad.clone(), &disabled, DISABLED_CLIENT);
        check_page(bad.clone(), &Client { id: ClientId::new("other"), ..client() }, OTHER_CLIENT);
        check_page(at("https://evil.example/"), &client(), UNREGISTERED_REDIRECT_URI);
        check_page(at("https://app.example/cb/../x"), &client(), UNREGISTERED_REDIRECT_URI);
        let moved = with_settings(client(), |settings| settings.redirect_uris = vec!["https://new.example/".into()]);
        check_page(bad.clone(), &moved, UNREGISTERED_REDIRECT_URI);
        let none = with_settings(client(), |settings| settings.redirect_uris.clear());
        check_page(bad, &none, UNREGISTERED_REDIRECT_URI);
    }

    #[test]
    fn a_single_redirect_uri_may_be_left_out_without_openid() {
        let without = AuthorizationRequest { redirect_uri: None, scope: Some("notes:read".into()), ..request() };
        assert_eq!(accept(&without, &client()).target.redirect_uri, "https://app.example/cb");
        let with_openid = AuthorizationRequest { scope: Some("notes:read openid".into()), ..without.clone() };
        check_page(with_openid, &client(), MISSING_REDIRECT_URI);
        let two = with_settings(client(), |settings| settings.redirect_uris.push("https://app.example/2".into()));
        check_page(without, &two, MISSING_REDIRECT_URI);
    }

    #[test]
    fn the_answer_of_a_native_client_goes_to_the_port_it_listens_on() {
        let native = with_settings(client(), |settings| settings.redirect_uris = vec!["http://127.0.0.1/cb".into()]);
        let ported = AuthorizationRequest { redirect_uri: Some("http://127.0.0.1:49567/cb".into()), ..request() };
        assert_eq!(accept(&ported, &native).target.redirect_uri, "http://127.0.0.1:49567/cb");
    }

    #[test]
    fn the_response_mode_decides_how_later_refusals_travel() {
        let mode = |mode: &str| AuthorizationRequest { response_mode: Some(mode.into()), ..request() };
        assert_eq!(accept(&mode("query"), &client()).target.mode, ResponseMode::Query);
        assert_eq!(accept(&mode("form_post"), &client()).target.mode, ResponseMode::FormPost);
        for unsupported in ["fragment", "jwt", "query.jwt", "web_message", "QUERY", "query form_post"] {
            check_redirect(mode(unsupported), &client(), UNSUPPORTED_RESPONSE_MODE);
        }
        let refused = AuthorizationRequest { scope: Some("nonsense".into()), ..mode("form_post") };
        let target = validate(&refused, &client(), &policy(), Plane::Standard).unwrap_err().target.unwrap();
        assert_eq!(target.mode, ResponseMode::FormPost);

        let app = with_settings(client(), |settings| settings.redirect_uris = vec!["com.example.app:/cb".into()]);
        let to_app = AuthorizationRequest { redirect_uri: Some("com.example.app:/cb".into()), ..mode("form_post") };
        assert_eq!(validate(&to_app, &app, &policy(), Plane::Standard).unwrap_err().refusal, FORM_POST_NEEDS_WEB);
    }

    #[test]
    fn parameters_that_would_replace_the_others_are_refused_by_name() {
        check_redirect(AuthorizationRequest { request: Some("eyJ".into()), ..request() }, &client(), REQUEST_OBJECT);
        check_redirect(AuthorizationRequest { request_uri: Some("urn:x".into()), ..request() }, &client(), REQUEST_URI);
        check_redirect(AuthorizationRequest { registration: Some("{}".into()), ..request() }, &client(), REGISTRATION);
    }

    /// RFC 9700 §2.1.2: no implicit grant.
    #[test]
    fn only_the_code_flow_exists() {
        check_redirect(AuthorizationRequest { response_type: None, ..request() }, &client(), MISSING_RESPONSE_TYPE);
        for response_type in ["token", "id_token", "code token", "code id_token", "none", "CODE", "code "] {
            let request = AuthorizationRequest { response_type: Some(response_type.into()), ..request() };
            check_redirect(request, &client(), UNSUPPORTED_RESPONSE_TYPE);
        }
        let machine = with_settings(client(), |settings| settings.grant_types = vec![GrantType::ClientCredentials]);
        check_redirect(request(), &machine, CODE_NOT_ALLOWED);
    }

    /// attacks.md row 8: workers CVE-2025-4144, authentik CVE-2023-48228 and CVE-2024-23647.
    #[test]
    fn the_pkce_matrix() {
        let lax = with_settings(confidential(), |settings| settings.pkce_optional = true);
        let lax_public = with_settings(client(), |settings| settings.pkce_optional = true);
        let sent = |challenge: Option<&str>, method: Option<&str>| AuthorizationRequest {
            code_challenge: challenge.map(str::to_owned),
            code_challenge_method: method.map(str::to_owned),
            nonce: Some("n".into()),
            ..request()
        };
        for client in [&client(), &confidential(), &lax, &lax_public] {
            assert!(accept(&sent(Some(CHALLENGE), Some("S256")), client).code_challenge.is_some());
            check_redirect(sent(Some(CHALLENGE), None), client, METHOD_NOT_S256);
            check_redirect(sent(Some(CHALLENGE), Some("plain")), client, METHOD_NOT_S256);
            check_redirect(sent(Some(CHALLENGE), Some("s256")), client, METHOD_NOT_S256);
            check_redirect(sent(None, Some("S256")), client, METHOD_WITHOUT_CHALLENGE);
            check_redirect(sent(None, Some("plain")), client, METHOD_WITHOUT_CHALLENGE);
            check_redirect(sent(Some("short"), Some("S256")), client, pkce::MALFORMED);
        }
        for client in [&client(), &confidential(), &lax_public] {
            check_redirect(sent(None, None), client, MISSING_CHALLENGE);
        }
        assert_eq!(accept(&sent(None, None), &lax).code_challenge, None);
    }

    #[test]
    fn without_a_challenge_the_nonce_of_openid_must_protect_the_code() {
        let lax = with_settings(confidential(), |settings| settings.pkce_optional = true);
        let bare = AuthorizationRequest { code_challenge: None, code_challenge_method: None, ..request() };
        check_redirect(bare.clone(), &lax, NEITHER_CHALLENGE_NOR_NONCE);
        let without_openid =
            AuthorizationRequest { nonce: Some("n".into()), scope: Some("notes:read".into()), ..bare.clone() };
        check_redirect(without_openid, &lax, NEITHER_CHALLENGE_NOR_NONCE);
        accept(&AuthorizationRequest { nonce: Some("n".into()), ..bare.clone() }, &lax);
        let of_the_other_plane = with_settings(lax, |settings| settings.plane = Plane::Stytch);
        accept(&bare, &of_the_other_plane);
    }

    /// mcp-and-agents.md T-08 and T-09.
    #[test]
    fn scope_is_narrowed_without_a_word() {
        let check = |asked: Option<&str>, client: &Client, expected: &str| {
            let request = AuthorizationRequest { scope: asked.map(str::to_owned), ..request() };
            assert_eq!(accept(&request, client).scope, scope(expected), "{asked:?}");
        };
        let no_refresh = with_settings(client(), |settings| settings.grant_types = vec![GrantType::AuthorizationCode]);
        let ceiling = with_settings(client(), |settings| settings.scope = Some(scope("openid notes:read")));
        let with_default = with_settings(client(), |settings| settings.default_scope = Some(scope("email notes:read")));
        check(Some("openid  unknown openid notes:read"), &client(), "openid notes:read");
        check(Some("openid offline_access"), &client(), "openid offline_access");
        check(Some("openid offline_access"), &no_refresh, "openid");
        check(Some("openid notes:read notes:write email"), &ceiling, "openid notes:read");
        check(None, &client(), "openid");
        check(Some(" "), &with_default, "email notes:read");
        check(Some("openid"), &with_default, "openid");
    }

    #[test]
    fn a_default_scope_obeys_the_ceiling_too() {
        let project = Policy { default_scope: Some(scope("openid notes:write")), ..policy() };
        let ceiling = with_settings(client(), |settings| settings.scope = Some(scope("openid")));
        let silent = AuthorizationRequest { scope: None, ..request() };
        assert_eq!(validate(&silent, &client(), &project, Plane::Standard).unwrap().scope, scope("openid notes:write"));
        assert_eq!(validate(&silent, &ceiling, &project, Plane::Standard).unwrap().scope, scope("openid"));
    }

    /// attacks.md rows 34 and 37: Keycloak CVE-2026-4634.
    #[test]
    fn a_scope_of_which_nothing_is_left_is_refused() {
        let asking = |value: &str| AuthorizationRequest { scope: Some(value.into()), ..request() };
        check_redirect(asking("unknown"), &client(), NO_SCOPE_LEFT);
        check_redirect(asking("a\"b"), &client(), crate::scope::MALFORMED);
        check_redirect(asking(&"a ".repeat(3000)), &client(), crate::scope::TOO_LONG);
        let ceiling = with_settings(client(), |settings| settings.scope = Some(scope("notes:read")));
        check_redirect(asking("openid email"), &ceiling, NO_SCOPE_LEFT);
    }

    #[test]
    fn resources_are_those_asked_for_or_the_default() {
        let asking = |uris: &[&str]| AuthorizationRequest {
            resources: uris.iter().map(|uri| (*uri).to_owned()).collect(),
            ..request()
        };
        assert_eq!(accept(&asking(&["https://FILES.example.com/v1"]), &client()).resources, [OTHER_API]);
        check_redirect(asking(&[API, "https://unknown.example"]), &client(), resource::UNKNOWN);
        check_redirect(asking(&["not a uri"]), &client(), resource::MALFORMED);
    }

    /// mcp-and-agents.md T-21.
    #[test]
    fn prompt_values_combine_but_for_none() {
        let check = |text: &str, expected: Prompt| {
            let request = AuthorizationRequest { prompt: Some(text.into()), ..request() };
            assert_eq!(accept(&request, &client()).prompt, expected);
        };
        check("none", Prompt { none: true, ..Prompt::default() });
        check("none none", Prompt { none: true, ..Prompt::default() });
        check("consent login", Prompt { consent: true, login: true, ..Prompt::default() });
        check("select_account create unknown", Prompt { select_account: true, ..Prompt::default() });
        check("NONE", Prompt::default());
        for text in ["none login", "consent none", "none unknown"] {
            let request = AuthorizationRequest { prompt: Some(text.into()), ..request() };
            check_redirect(request, &client(), PROMPT_NONE_NOT_ALONE);
        }
    }

    #[test]
    fn every_prompt_value_of_the_metadata_has_a_meaning() {
        for value in PROMPT_VALUES {
            assert_ne!(parse_prompt(Some(value)).unwrap(), Prompt::default(), "{value}");
        }
    }

    #[test]
    fn max_age_is_digits_only() {
        let aged = |text: &str| AuthorizationRequest { max_age: Some(text.into()), ..request() };
        assert_eq!(accept(&aged("0"), &client()).max_age, Some(Seconds(0)));
        assert_eq!(accept(&aged("3600"), &client()).max_age, Some(Seconds(3600)));
        for text in ["-1", "+1", "1.5", "1e3", " 1", "abc", "99999999999999999999"] {
            check_redirect(aged(text), &client(), BAD_MAX_AGE);
        }
    }

    #[test]
    fn the_nonce_is_limited() {
        let long = AuthorizationRequest { nonce: Some("n".repeat(1025)), ..request() };
        check_redirect(long, &client(), NONCE_TOO_LONG);
    }

    #[test]
    fn the_whole_request_is_limited() {
        let state = "s".repeat(8 * 1024);
        let text = |rest: usize| format!("client_id=app&state={state}&claims={}", "c".repeat(rest));
        let parsed = |rest| parse(&parameters(&text(rest)));
        assert_eq!(parsed(8 * 1024 - 3).unwrap().size(), 16 * 1024);
        assert_eq!(parsed(8 * 1024 - 2), Err(TOO_LARGE));
        let resources = "&resource=https://a.example/".repeat(100) + &"x".repeat(100);
        assert!(parse(&parameters(&format!("client_id=app{resources}"))).is_ok());
    }

    #[test]
    fn single_claims_are_kept_unless_their_scope_value_brings_them() {
        let claims = |text: &str, scope_text: &str, client: &Client| {
            let request =
                AuthorizationRequest { claims: Some(text.into()), scope: Some(scope_text.into()), ..request() };
            accept(&request, client).claims
        };
        let asked = r#"{"userinfo":{"email":null,"name":{"essential":true},"unknown":null},"id_token":{"email":null,"auth_time":null},"x":1}"#;
        let both = ClaimsRequest {
            userinfo: vec!["email".into(), "name".into()],
            id_token: vec!["email".into()],
            ..ClaimsRequest::default()
        };
        assert_eq!(claims(asked, "openid", &client()), both);
        let only_name = ClaimsRequest { userinfo: vec!["name".into()], ..ClaimsRequest::default() };
        assert_eq!(claims(asked, "openid email", &client()), only_name);
        let ceiling = with_settings(client(), |settings| settings.scope = Some(scope("openid")));
        assert_eq!(claims(asked, "openid email", &ceiling), ClaimsRequest::default());
        assert_eq!(claims(r#"{"userinfo":null}"#, "openid", &client()), ClaimsRequest::default());
    }

    #[test]
    fn conditions_in_claims_are_kept() {
        let check = |text: &str, subjects: &[&str], essential_acr: &[&str]| {
            let request = AuthorizationRequest { claims: Some(text.into()), ..request() };
            let claims = accept(&request, &client()).claims;
            assert_eq!(
                (claims.subjects, claims.essential_acr),
                (
                    subjects.iter().map(|s| (*s).to_owned()).collect(),
                    essential_acr.iter().map(|s| (*s).to_owned()).collect()
                )
            );
        };
        check(r#"{"id_token":{"sub":{"value":"u1"}}}"#, &["u1"], &[]);
        check(r#"{"userinfo":{"sub":{"values":["u1","u2"]}}}"#, &["u1", "u2"], &[]);
        check(r#"{"id_token":{"sub":null,"acr":{"values":["a"]}}}"#, &[], &[]);
        check(r#"{"id_token":{"acr":{"essential":true,"values":["a","b"]}}}"#, &[], &["a", "b"]);
        check(
            r#"{"id_token":{"acr":{"essential":true,"value":"a"}},"userinfo":{"acr":{"essential":true,"value":"b"}}}"#,
            &[],
            &["a"],
        );
    }

    /// attacks.md rows 20 and 37: what cannot be read is an error, never as if it were not there.
    #[test]
    fn malformed_claims_are_refused() {
        for text in [
            "x",
            "[]",
            "1",
            "{\"userinfo\":[]}",
            "{\"id_token\":\"sub\"}",
            "{\"userinfo\":{\"email\":true}}",
            "{\"id_token\":{\"sub\":{\"value\":1}}}",
            "{\"id_token\":{\"sub\":{\"values\":\"u1\"}}}",
            "{\"id_token\":{\"acr\":{\"essential\":\"true\",\"value\":\"a\"}}}",
            "{\"id_token\":{\"acr\":{\"essential\":true,\"values\":[null]}}}",
            "{}}",
        ] {
            let request = AuthorizationRequest { claims: Some(text.into()), ..request() };
            check_redirect(request, &client(), BAD_CLAIMS);
        }
        let deep = AuthorizationRequest { claims: Some("[".repeat(4000)), ..request() };
        check_redirect(deep, &client(), BAD_CLAIMS);
    }

    #[test]
    fn a_stored_request_comes_back_as_it_was() {
        let request =
            AuthorizationRequest { state: Some("a=b%2B+é".into()), resources: vec![API.into()], ..request() };
        let stored = serde_json::to_string(&request).unwrap();
        assert!(!stored.contains("null"));
        assert_eq!(serde_json::from_str::<AuthorizationRequest>(&stored).unwrap(), request);
    }

    proptest! {
        /// Whatever is sent: no panic, and no target that is not registered.
        #[test]
        fn no_request_reaches_an_unregistered_address(
            names in prop::sample::subsequence(
                vec!["redirect_uri", "response_type", "response_mode", "scope", "prompt", "max_age", "claims", "resource", "request"],
                0..9,
            ),
            values in prop::collection::vec("\\PC{0,30}", 9),
        ) {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("client_id", "app").extend_pairs(names.iter().zip(&values));
            let request = parse(&parameters(&query.finish())).unwrap();
            let target = match validate(&request, &client(), &policy(), Plane::Standard) {
                Ok(valid) => Some(valid.target),
                Err(rejected) => rejected.target,
            };
            prop_assert!(target.is_none_or(|target| target.redirect_uri == "https://app.example/cb"));
        }
    }
}
