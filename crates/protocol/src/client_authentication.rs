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
    plane::Plane,
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
    /// A client of one plane is unknown on the other.
    OtherPlane,
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
            Self::OtherPlane => "other_plane",
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
    /// Where they were presented; see [`Presented::on`].
    plane: Plane,
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
        return Ok(Presented {
            method: AuthenticationMethod::None,
            plane: Plane::Standard,
            candidates,
            assertion: None,
        });
    }
    let secret_hash = body.get("client_secret").map(secret::hash).ok_or(EMPTY_SECRET)?;
    let candidates = vec![Candidate { client_id, secret_hashes: vec![secret_hash] }];
    Ok(Presented {
        method: AuthenticationMethod::ClientSecretPost,
        plane: Plane::Standard,
        candidates,
        assertion: None,
    })
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
    Ok(Presented {
        method: AuthenticationMethod::ClientSecretBasic,
        plane: Plane::Standard,
        candidates,
        assertion: None,
    })
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
        plane: Plane::Standard,
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
    /// The same, presented on `plane`; else it is the standard one.
    #[must_use]
    pub fn on(self, plane: Plane) -> Self {
        Self { plane, ..self }
    }

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

/// The hashes of the presented secret's spellings, if any of them can count for `client` at all. For what is stored in
/// another form than SHA-256: whoever proves one against it passes it to [`decide`] as a live one.
pub fn presented_secrets<'a>(presented: &'a Presented, client: &Client) -> Result<&'a [[u8; 32]], Denial> {
    Ok(&admit(presented, client)?.secret_hashes)
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
    if client.settings.plane != presented.plane {
        return Err(Denial::OtherPlane);
    }
    if client.disabled_at.is_some() {
        return Err(Denial::ClientDisabled);
    }
    if !client.settings.authentication_methods.contains(&presented.method) {
        return Err(Denial::MethodNotRegistered);
    }
    Ok(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::SigningAlg,
        client_assertion::{self, Expected},
        jose::{Jwks, KeySet, SigningKey},
        samples::{self, NOW, parameters, with_settings},
        time::Seconds,
    };
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    const SECRET: &str = "s3cr3t/+=";
    const URL_ID: &str = "https://a.example/x:y?z=1";

    fn basic(credentials: &str) -> Vec<u8> {
        format!("Basic {}", Base64::encode_string(credentials.as_bytes())).into_bytes()
    }

    fn client(id: &str) -> Client {
        Client { id: ClientId::new(id), ..samples::confidential() }
    }

    /// The request of `authorization` and `body` authenticates as `client`, whose only secret is `secret`, or fails.
    #[track_caller]
    fn check(
        authorization: Option<&[u8]>,
        body: &str,
        client: &Client,
        secret: &str,
        expected: Result<AuthenticationMethod, Denial>,
    ) {
        let presented = parse(authorization, &parameters(body)).unwrap();
        let decided = decide(&presented, client, &[secret::hash(secret)]);
        assert_eq!(decided.map(|authenticated| authenticated.method), expected);
    }

    #[track_caller]
    fn check_refused(authorization: Option<&[u8]>, body: &str, expected: &Refusal) {
        assert_eq!(parse(authorization, &parameters(body)).as_ref(), Err(expected), "{body}");
    }

    // T-15, with what real clients sent (mcp-and-agents.md section 2.3)
    #[test]
    fn basic_is_understood_raw_encoded_and_over_encoded() {
        let ok = Ok(AuthenticationMethod::ClientSecretBasic);
        for credentials in [
            "pre-conf:s3cr3t/+=",
            "pre-conf:s3cr3t%2F%2B%3D",
            "pre%2Dconf:s3cr3t%2F%2B%3D",
            "pre%2dconf:s3cr3t%2f%2b%3d",
            "pre%2Dconf:s3cr3t/+=",
        ] {
            check(Some(&basic(credentials)), "", &client("pre-conf"), SECRET, ok);
            check(Some(&basic(credentials)), "client_id=pre-conf", &client("pre-conf"), SECRET, ok);
        }
        for wrong in ["pre-conf:s3cr3t", "pre-conf:s3cr3t/ =", "pre-conf:S3CR3T/+=", "pre-conf:s3cr3t%252F%252B%253D"] {
            check(Some(&basic(wrong)), "", &client("pre-conf"), SECRET, Err(Denial::WrongSecret));
        }
    }

    // T-15 and T-19
    #[test]
    fn a_client_id_that_is_a_url_works_raw_and_encoded() {
        let ok = Ok(AuthenticationMethod::ClientSecretBasic);
        check(Some(&basic(&format!("{URL_ID}:abc-._~"))), "", &client(URL_ID), "abc-._~", ok);
        let encoded = utf8_percent_encode(URL_ID, NON_ALPHANUMERIC).to_string();
        check(Some(&basic(&format!("{encoded}:abc"))), "", &client(URL_ID), "abc", ok);
        // An imported secret with colons: the body says where the id ends.
        let credentials = basic(&format!("{URL_ID}:a:b"));
        check(Some(&credentials), &format!("client_id={encoded}"), &client(URL_ID), "a:b", ok);
        check(Some(&basic("app:a:b")), "", &client("app"), "a:b", ok);
    }

    // attacks.md row 29: the pair counts, not the parts
    #[test]
    fn a_split_elsewhere_gives_no_other_client_its_secret() {
        let credentials = basic(&format!("{URL_ID}:abc"));
        check(Some(&credentials), "", &client("https"), "abc", Err(Denial::WrongSecret));
        check(Some(&credentials), "", &client("https://a.example/x"), "abc", Err(Denial::OtherClient));
        let presented = parse(Some(&credentials), &parameters("")).unwrap();
        assert_eq!(presented.client_ids().map(ClientId::as_str).collect::<Vec<_>>(), ["https", URL_ID]);
    }

    #[test]
    fn the_scheme_has_no_case_and_may_be_followed_by_spaces() {
        let ok = Ok(AuthenticationMethod::ClientSecretBasic);
        for scheme in ["basic ", "BASIC ", "Basic   "] {
            let header = format!("{scheme}{}", Base64::encode_string(b"app:abc"));
            check(Some(header.as_bytes()), "", &client("app"), "abc", ok);
        }
    }

    // attacks.md rows 29 and 34 (Keycloak CVE-2026-9803, Logto #8990)
    #[test]
    fn a_malformed_header_is_refused_and_never_ignored() {
        let encoded = |bytes: &[u8]| format!("Basic {}", Base64::encode_string(bytes)).into_bytes();
        for header in [
            b"Basic".to_vec(),
            b"Basic ".to_vec(),
            b"Basic !!!".to_vec(),
            b"Basic YXBwOmFiYw".to_vec().into_iter().chain(*b" x").collect(),
            b"Basic \xff\xfe".to_vec(),
            encoded(b"app"),
            encoded(b""),
            encoded(b":abc"),
            encoded(b"app\xff:abc"),
            encoded(b"a\0pp:abc"),
            encoded("äpp:abc".as_bytes()),
            encoded(format!("{}:abc", "a".repeat(2049)).as_bytes()),
        ] {
            // With a body that would pass on its own
            check_refused(Some(&header), "client_id=app", &MALFORMED_BASIC);
        }
        for header in ["Bearer abc", "DPoP abc", "", "Basicabc", "Digest username=\"app\""] {
            check_refused(Some(header.as_bytes()), "client_id=app", &UNSUPPORTED_SCHEME);
        }
    }

    // attacks.md rows 7 (XenForo CVE-2026-73309) and 20
    #[test]
    fn an_empty_proof_is_no_proof_and_no_public_client() {
        check_refused(None, "client_id=app&client_secret=", &EMPTY_SECRET);
        check_refused(Some(&basic("app:")), "", &EMPTY_SECRET);
        check_refused(Some(&basic("app:")), "client_id=app", &EMPTY_SECRET);
        let assertion_type = format!("client_assertion_type={ASSERTION_TYPE}");
        check_refused(None, &format!("client_id=app&client_assertion=&{assertion_type}"), &EMPTY_ASSERTION);
        check_refused(None, &format!("client_id=app&{assertion_type}"), &MISSING_ASSERTION);
        check_refused(None, "client_id=app&client_assertion=x", &WRONG_ASSERTION_TYPE);
        check_refused(None, "client_id=app&client_assertion=x&client_assertion_type=y", &WRONG_ASSERTION_TYPE);
        check_refused(None, "", &MISSING_CLIENT_ID);
        check_refused(None, "client_id=", &MISSING_CLIENT_ID);
        check_refused(None, "client_secret=abc", &MISSING_CLIENT_ID);
        check_refused(None, &format!("client_assertion=x.y.z&{assertion_type}"), &FAILED);
    }

    // attacks.md row 29, OAuth 2.1 §2.4
    #[test]
    fn two_methods_at_once_fail_even_when_one_is_right_or_empty() {
        let header = basic("app:abc");
        let assertion = format!("client_assertion=x&client_assertion_type={ASSERTION_TYPE}");
        check_refused(Some(&header), "client_secret=abc", &SEVERAL_METHODS);
        check_refused(Some(&header), "client_secret=", &SEVERAL_METHODS);
        check_refused(Some(&header), &assertion, &SEVERAL_METHODS);
        check_refused(None, &format!("client_id=app&client_secret=abc&{assertion}"), &SEVERAL_METHODS);
        check_refused(Some(b"Bearer x"), "client_id=app&client_secret=abc", &SEVERAL_METHODS);
    }

    #[test]
    fn client_id_in_the_body_must_be_the_one_in_the_header() {
        check_refused(Some(&basic("app:abc")), "client_id=other", &CLIENT_ID_MISMATCH);
        check_refused(Some(&basic("app:abc")), "client_id=ap", &CLIENT_ID_MISMATCH);
    }

    #[test]
    fn a_secret_in_the_body_is_taken_as_it_is() {
        let app = client("app");
        let ok = Ok(AuthenticationMethod::ClientSecretPost);
        check(None, "client_id=app&client_secret=s3cr3t%2F%2B%3D", &app, SECRET, ok);
        check(None, "client_id=app&client_secret=s3cr3t%252F%252B%253D", &app, SECRET, Err(Denial::WrongSecret));
        check(None, "client_id=other&client_secret=abc", &app, "abc", Err(Denial::OtherClient));
    }

    #[test]
    fn both_secrets_count_while_rotating_and_none_counts_without_any() {
        let app = client("app");
        let presented = parse(Some(&basic("app:new")), &parameters("")).unwrap();
        let [old, new] = [secret::hash("old"), secret::hash("new")];
        assert!(decide(&presented, &app, &[old, new]).is_ok());
        assert!(decide(&presented, &app, &[new]).is_ok());
        assert_eq!(decide(&presented, &app, &[old]), Err(Denial::WrongSecret));
        assert_eq!(decide(&presented, &app, &[]), Err(Denial::NoSecretStored));
    }

    // attacks.md row 5 (better-auth CVE-2026-53512): a confidential client that omits its proof
    #[test]
    fn only_a_registered_method_counts() {
        let confidential = client("app");
        let public = samples::client();
        let none = Ok(AuthenticationMethod::None);
        check(None, "client_id=app", &public, "", none);
        check(None, "client_id=app", &confidential, "abc", Err(Denial::MethodNotRegistered));
        check(Some(&basic("app:abc")), "", &public, "abc", Err(Denial::MethodNotRegistered));
        check(None, "client_id=app&client_secret=abc", &public, "abc", Err(Denial::MethodNotRegistered));
        let post_only = with_settings(confidential.clone(), |settings| {
            settings.authentication_methods = vec![AuthenticationMethod::ClientSecretPost];
        });
        check(Some(&basic("app:abc")), "", &post_only, "abc", Err(Denial::MethodNotRegistered));
        // A record that contradicts itself opens nothing.
        let contradictory = with_settings(confidential, |settings| {
            settings.authentication_methods = vec![AuthenticationMethod::None];
        });
        check(None, "client_id=app", &contradictory, "abc", Err(Denial::MethodNotRegistered));
    }

    // attacks.md row 26
    #[test]
    fn a_disabled_client_fails_with_the_right_secret() {
        let disabled = Client { disabled_at: Some(NOW), ..client("app") };
        check(Some(&basic("app:abc")), "", &disabled, "abc", Err(Denial::ClientDisabled));
        let disabled = Client { disabled_at: Some(NOW), ..samples::client() };
        check(None, "client_id=app", &disabled, "", Err(Denial::ClientDisabled));
    }

    #[test]
    fn a_client_of_one_plane_is_none_on_the_other() {
        let by_plane = |plane| with_settings(client("app"), |settings| settings.plane = plane);
        let presented = parse(None, &parameters("client_id=app&client_secret=x")).unwrap();
        let live = [secret::hash("x")];
        for (asked, own) in [(Plane::Standard, Plane::Stytch), (Plane::Stytch, Plane::Standard)] {
            assert_eq!(decide(&presented.clone().on(asked), &by_plane(own), &live), Err(Denial::OtherPlane));
            assert!(decide(&presented.clone().on(own), &by_plane(own), &live).is_ok());
        }
    }

    #[test]
    fn outside_all_failures_look_the_same() {
        for denial in [
            Denial::OtherPlane,
            Denial::UnknownClient,
            Denial::ClientDisabled,
            Denial::WrongSecret,
            Denial::AssertionReplayed,
        ] {
            assert_eq!(Refusal::from(denial), FAILED, "{}", denial.as_str());
        }
        assert_eq!(FAILED.error.status(), 401);
    }

    #[test]
    fn secrets_do_not_show_in_debug() {
        let presented = parse(Some(&basic("app:hidden")), &parameters("")).unwrap();
        let shown = format!("{presented:?}");
        assert!(shown.contains("app") && !shown.contains("hidden") && !shown.contains("hash"), "{shown}");
    }

    fn valid_assertion(client_id: &str) -> (String, ClientAssertion) {
        let pkcs8 = SigningKey::generate_pkcs8(SigningAlg::ES256).unwrap();
        let key = SigningKey::from_pkcs8(SigningAlg::ES256, "key-1", &pkcs8).unwrap();
        let issuer = "https://id.example.com";
        let claims = serde_json::json!({ "iss": client_id, "sub": client_id, "aud": issuer, "jti": "1",
            "exp": NOW.plus(Seconds(60)) });
        let token = key.sign("JWT", &claims).unwrap();
        let keys = KeySet::from_jwks(&Jwks { keys: vec![key.public_jwk()] });
        let verified = keys.verify(&Unverified::parse(&token).unwrap()).unwrap();
        let client_id = ClientId::new(client_id);
        let expected = Expected { client_id: &client_id, issuer, token_endpoint: None, valid_from: NOW };
        let valid = client_assertion::validate(&verified, &expected, NOW).unwrap();
        (token, valid)
    }

    #[test]
    fn an_assertion_authenticates_its_own_client_only() {
        let by_key = |id: &str| {
            with_settings(client(id), |settings| {
                settings.authentication_methods = vec![AuthenticationMethod::PrivateKeyJwt];
            })
        };
        let (token, valid) = valid_assertion("app");
        for client_id in ["", "&client_id=app"] {
            let body = format!("client_assertion={token}&client_assertion_type={ASSERTION_TYPE}{client_id}");
            let presented = parse(None, &parameters(&body)).unwrap();
            assert_eq!(presented.assertion(), Some(token.as_str()));
            assert_eq!(presented.client_ids().collect::<Vec<_>>(), [&ClientId::new("app")]);
            let authenticated = decide_assertion(&presented, &by_key("app"), &valid).unwrap();
            assert_eq!(authenticated.method, AuthenticationMethod::PrivateKeyJwt);
            assert_eq!(decide(&presented, &by_key("app"), &[]), Err(Denial::OtherMethod));
            assert_eq!(decide_assertion(&presented, &by_key("other"), &valid), Err(Denial::OtherClient));
            assert_eq!(decide_assertion(&presented, &client("app"), &valid), Err(Denial::MethodNotRegistered));
            let (_, of_another) = valid_assertion("other");
            assert_eq!(decide_assertion(&presented, &by_key("app"), &of_another), Err(Denial::OtherClient));
        }
        let with_secret = parse(None, &parameters("client_id=app&client_secret=x")).unwrap();
        assert_eq!(decide_assertion(&with_secret, &client("app"), &valid), Err(Denial::OtherMethod));
    }

    proptest! {
        #[test]
        fn no_header_panics(header in proptest::collection::vec(any::<u8>(), 0..100), in_body in any::<bool>()) {
            let _ = parse(Some(&header), &parameters(if in_body { "client_id=app" } else { "" }));
        }

        #[test]
        fn no_credentials_panic_or_authenticate_with_another_secret(credentials in "\\PC{0,60}") {
            if let Ok(presented) = parse(Some(&basic(&credentials)), &parameters("")) {
                for id in presented.client_ids() {
                    let decided = decide(&presented, &client(id.as_str()), &[secret::hash("another")]);
                    prop_assert!(decided.is_err());
                }
            }
        }

        #[test]
        fn any_id_and_secret_work_form_encoded(id in "[ -~]{1,40}", secret in "\\PC{1,40}") {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let header = basic(&format!("{}:{}", encode(&id), encode(&secret)));
            check(Some(&header), "", &client(&id), &secret, Ok(AuthenticationMethod::ClientSecretBasic));
        }

        #[test]
        fn any_id_without_colon_and_any_secret_work_raw(id in "[!-9;-~]{1,40}", secret in "\\PC{1,40}") {
            let header = basic(&format!("{id}:{secret}"));
            check(Some(&header), "", &client(&id), &secret, Ok(AuthenticationMethod::ClientSecretBasic));
        }
    }
}
