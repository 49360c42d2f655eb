//! The demo's guest application: an OAuth client that shows every request it makes and every token it gets.
//!
//! Specs: OAuth 2.1 §4.1, RFC 7636 §4, OIDC Core §3.1.3.7, RFC 9207 §2.4.
//! It talks to the server over HTTP like any other client and shares no state with it. It is what a newcomer reads to
//! write their own, so it checks what a client must check: `state`, `iss`, `nonce`, signature, audience.

use super::exchange::{Exchange, Refused, Wire};
use anyhow::{Context as _, Error, Result, anyhow, ensure};
use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::jose::{Jwks, KeySet, Unverified};
use minijinja::{Environment, context};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{entropy::Entropy, http::extract::cookie, secret::sha256};

const COOKIE: &str = "demo_guest";
/// The guest forgets the oldest visitor beyond this many.
const MOST_VISITORS: usize = 1000;

/// Who this guest is, and at which server.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    /// What people call the server.
    pub(crate) host: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) post_logout_redirect_uri: String,
    pub(crate) scope: String,
    /// The API that it wants to call: the audience of its access tokens.
    pub(crate) api: String,
}

#[derive(Clone)]
pub(crate) struct Guest(Arc<Parts>);

struct Parts {
    registration: Registration,
    wire: Wire,
    entropy: Entropy,
    visitors: Mutex<Visitors>,
    templates: Environment<'static>,
}

#[derive(Default)]
struct Visitors {
    by_cookie: HashMap<String, Visit>,
    order: Vec<String>,
}

/// What the guest knows about one browser.
#[derive(Debug, Clone, Default)]
struct Visit {
    pending: Option<Pending>,
    tokens: Option<Tokens>,
    /// The oldest first.
    exchanges: Vec<Exchange>,
    /// What the latest step led to.
    notice: Option<String>,
    problem: Option<Problem>,
    /// The state of a logout that was sent off.
    leaving: Option<String>,
    has_left: bool,
}

/// What went wrong, for people, and how the protocol calls it.
#[derive(Debug, Clone, Serialize)]
struct Problem {
    text: String,
    code: Option<String>,
}

impl Problem {
    fn of(error: &Error) -> Self {
        let Some(refused) = error.downcast_ref::<Refused>() else {
            return Self { text: format!("{error:#}"), code: None };
        };
        let text = match refused.error.as_str() {
            "access_denied" => "You said no, and so Postcard was told nothing about you.",
            "insufficient_scope" => {
                "You did not allow Postcard to send postcards. Log out, sign in again, and allow it."
            }
            "invalid_grant" | "invalid_token" => "This is no longer accepted. Log out, and sign in again to go on.",
            _ => "That did not work.",
        };
        Self { text: text.to_owned(), code: Some(refused.to_string()) }
    }
}

impl Visit {
    /// The next step begins: what was said about the one before no longer matters.
    fn go_on(&mut self) {
        self.notice = None;
        self.problem = None;
        self.has_left = false;
    }

    /// Keeps how a step ended.
    fn conclude(&mut self, outcome: Result<&str>) {
        match outcome {
            Ok(notice) => self.notice = Some(notice.to_owned()),
            Err(error) => self.problem = Some(Problem::of(&error)),
        }
    }
}

/// What must be remembered between sending the user away and getting them back.
#[derive(Debug, Clone)]
struct Pending {
    state: String,
    nonce: String,
    code_verifier: String,
}

#[derive(Debug, Clone, Default)]
struct Tokens {
    access_token: String,
    refresh_token: Option<String>,
    id_token: Option<String>,
    scope: String,
    user: Option<Value>,
    is_revoked: bool,
}

impl Guest {
    pub(crate) fn new(registration: Registration, entropy: Entropy) -> Result<Self> {
        let mut templates = Environment::new();
        templates.add_template("guest.html", include_str!("../../assets/demo/guest.html"))?;
        Ok(Self(Arc::new(Parts { registration, wire: Wire::new()?, entropy, visitors: Mutex::default(), templates })))
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/", get(home))
            .route("/login", post(login))
            .route("/callback", get(callback))
            .route("/refresh", post(refresh))
            .route("/userinfo", post(userinfo))
            .route("/send", post(send))
            .route("/revoke", post(revoke))
            .route("/logout", post(logout))
            .route("/logged-out", get(logged_out))
            .route("/forget", post(forget))
            .route("/guest.css", get(stylesheet))
            .route("/guest.svg", get(icon))
            .with_state(self)
    }

    fn visit(&self, headers: &HeaderMap) -> Visit {
        let visitors = self.0.visitors.lock().unwrap_or_else(PoisonError::into_inner);
        cookie(headers, COOKIE).and_then(|id| visitors.by_cookie.get(id)).cloned().unwrap_or_default()
    }

    /// Stores the visit and answers with a redirect, under the cookie the browser has or a new one.
    fn remember(&self, headers: &HeaderMap, visit: Visit, location: &str) -> Response {
        let id = cookie(headers, COOKIE).map_or_else(|| self.0.entropy.token(), str::to_owned);
        let mut visitors = self.0.visitors.lock().unwrap_or_else(PoisonError::into_inner);
        if visitors.by_cookie.insert(id.clone(), visit).is_none() {
            visitors.order.push(id.clone());
        }
        if visitors.order.len() > MOST_VISITORS {
            let oldest = visitors.order.remove(0);
            visitors.by_cookie.remove(&oldest);
        }
        ([(SET_COOKIE, format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax"))], Redirect::to(location))
            .into_response()
    }

    fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.0.registration.issuer)
    }
}

async fn home(State(guest): State<Guest>, headers: HeaderMap) -> Response {
    let visit = guest.visit(&headers);
    let registration = &guest.0.registration;
    let tokens = visit.tokens.as_ref().map(|tokens| {
        context! {
            access_token => context! { raw => tokens.access_token.clone(), decoded => decoded(&tokens.access_token) },
            id_token => tokens.id_token.as_ref().map(|token| context! { raw => token.clone(), decoded => decoded(token) }),
            refresh_token => tokens.refresh_token.clone(),
            scope => tokens.scope.clone(),
            user => tokens.user.as_ref().map(minijinja::value::Serde),
            is_revoked => tokens.is_revoked,
        }
    });
    let page = guest.0.templates.get_template("guest.html").and_then(|template| {
        template.render(context! {
            host => registration.host.clone(),
            issuer => registration.issuer.clone(),
            client_id => registration.client_id.clone(),
            scope => registration.scope.clone(),
            signed_in => visit.tokens.is_some(),
            tokens => tokens,
            exchanges => minijinja::value::Serde(&visit.exchanges),
            problem => visit.problem.as_ref().map(minijinja::value::Serde),
            notice => visit.notice.clone(),
            has_left => visit.has_left,
        })
    });
    match page {
        Ok(page) => ([("cache-control", "no-store")], Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn stylesheet() -> impl IntoResponse {
    ([("content-type", "text/css; charset=utf-8")], include_str!("../../assets/demo/guest.css"))
}

async fn icon() -> impl IntoResponse {
    ([("content-type", "image/svg+xml")], include_str!("../../assets/demo/guest.svg"))
}

/// Step 1: the user is sent to the authorization endpoint.
async fn login(State(guest): State<Guest>, headers: HeaderMap) -> Response {
    let registration = &guest.0.registration;
    let pending = Pending {
        state: guest.0.entropy.token(),
        nonce: guest.0.entropy.token(),
        code_verifier: guest.0.entropy.token(),
    };
    let challenge = Base64UrlUnpadded::encode_string(&sha256(pending.code_verifier.as_bytes()));
    let query = [
        ("response_type", "code"),
        ("client_id", &registration.client_id),
        ("redirect_uri", &registration.redirect_uri),
        ("scope", &registration.scope),
        ("resource", &registration.api),
        ("state", &pending.state),
        ("nonce", &pending.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let url = format!("{}?{}", guest.endpoint("/oauth2/authorize"), super::exchange::form(&query));
    let mut visit = guest.visit(&headers);
    visit.go_on();
    visit.exchanges = vec![Exchange::sent_browser(
        "Send the user to the authorization endpoint",
        "The browser goes there with what we ask for. The code challenge is the hash of a secret that only we know.",
        &url,
        &query,
    )];
    visit.pending = Some(pending);
    guest.remember(&headers, visit, &url)
}

/// Step 2: the user is back, with a code or an error.
async fn callback(State(guest): State<Guest>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let mut visit = guest.visit(&headers);
    let fields: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    visit.exchanges.push(Exchange::got_browser(
        "The user comes back",
        "The browser brings a code that works once and for a minute. We compare state and iss with what we expect.",
        &guest.0.registration.redirect_uri,
        &fields,
    ));
    visit.go_on();
    let outcome = redeem(&guest, &mut visit, &fields).await;
    visit.conclude(outcome.map(|()| "You are logged in. Postcard has tokens for what you allowed."));
    guest.remember(&headers, visit, "/")
}

async fn redeem(guest: &Guest, visit: &mut Visit, fields: &[(String, String)]) -> Result<()> {
    let field = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let registration = &guest.0.registration;
    let pending = visit.pending.take().context("This browser was not sent away by us; start again.")?;
    // OAuth 2.1 §7.7: the answer belongs to the request that this browser began
    ensure!(field("state") == Some(&pending.state), "The state is not the one we sent.");
    // RFC 9207 §2.4
    ensure!(field("iss") == Some(&registration.issuer), "The answer comes from another issuer.");
    if let Some(error) = field("error") {
        let description = field("error_description").unwrap_or_default().to_owned();
        return Err(Refused { error: error.to_owned(), description }.into());
    }
    let code = field("code").context("There is neither a code nor an error.")?;
    let body = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &registration.redirect_uri),
        ("code_verifier", &pending.code_verifier),
        ("client_id", &registration.client_id),
    ];
    let (exchange, answer) = guest
        .0
        .wire
        .post(
            "Redeem the code for tokens",
            "From our back end. The verifier proves that we are the ones who began.",
            &guest.endpoint("/oauth2/token"),
            &body,
        )
        .await;
    visit.exchanges.push(exchange);
    let mut tokens = Tokens::default();
    take_tokens(&mut tokens, &answer?)?;
    if let Some(id_token) = &tokens.id_token {
        let (exchange, jwks) = guest
            .0
            .wire
            .get(
                "Fetch the server's public keys",
                "With them we verify the ID token: signature, issuer, audience, nonce.",
                &guest.endpoint("/.well-known/jwks.json"),
                None,
            )
            .await;
        visit.exchanges.push(exchange);
        verify(registration, id_token, &jwks?, &pending.nonce)?;
    }
    visit.tokens = Some(tokens);
    Ok(())
}

/// OIDC Core §3.1.3.7.
fn verify(registration: &Registration, id_token: &str, jwks: &Value, nonce: &str) -> Result<()> {
    let jwks = Jwks::from_value(jwks).map_err(|error| anyhow!("The key set is unreadable: {}", error.reason()))?;
    let verified = Unverified::parse(id_token)
        .and_then(|token| KeySet::from_jwks(&jwks).verify(&token))
        .map_err(|error| anyhow!("The ID token does not verify: {}", error.reason()))?;
    let claim = |name: &str| verified.claims().get(name).and_then(Value::as_str);
    ensure!(claim("iss") == Some(&registration.issuer), "The ID token was issued by somebody else.");
    ensure!(claim("aud") == Some(&registration.client_id), "The ID token is for another client.");
    ensure!(claim("nonce") == Some(nonce), "The ID token's nonce is not the one we sent.");
    Ok(())
}

async fn refresh(State(guest): State<Guest>, headers: HeaderMap) -> Response {
    let mut visit = guest.visit(&headers);
    visit.go_on();
    let Some((mut tokens, refresh_token)) =
        visit.tokens.clone().and_then(|tokens| tokens.refresh_token.clone().map(|token| (tokens, token)))
    else {
        visit.conclude(Err(anyhow!("There is no refresh token: log in again and allow offline access.")));
        return guest.remember(&headers, visit, "/");
    };
    let body = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh_token),
        ("client_id", &guest.0.registration.client_id),
    ];
    let (exchange, answer) = guest
        .0
        .wire
        .post(
            "Refresh",
            "A new access token without the user. We are a public client, so the refresh token is replaced as well.",
            &guest.endpoint("/oauth2/token"),
            &body,
        )
        .await;
    visit.exchanges.push(exchange);
    let outcome = answer.and_then(|answer| take_tokens(&mut tokens, &answer));
    if outcome.is_ok() {
        visit.tokens = Some(tokens);
    }
    visit.conclude(
        outcome.map(|()| "There is a new access token, and a new refresh token in the place of the old one."),
    );
    guest.remember(&headers, visit, "/")
}

async fn userinfo(State(guest): State<Guest>, headers: HeaderMap) -> Response {
    let mut visit = guest.visit(&headers);
    visit.go_on();
    if let Some(tokens) = &mut visit.tokens {
        let (exchange, answer) = guest
            .0
            .wire
            .get(
                "Ask who the user is",
                "With the access token. We see what the user allowed, and nothing else.",
                &guest.endpoint("/oauth2/userinfo"),
                Some(&tokens.access_token),
            )
            .await;
        let outcome = answer.map(|user| tokens.user = Some(user));
        visit.exchanges.push(exchange);
        visit.conclude(outcome.map(|()| "Postcard knows who you are, as far as you allowed."));
    }
    guest.remember(&headers, visit, "/")
}

/// What the access token is for: a call of an API.
async fn send(State(guest): State<Guest>, headers: HeaderMap) -> Response {
    let mut visit = guest.visit(&headers);
    visit.go_on();
    if let Some(tokens) = &visit.tokens {
        let (exchange, answer) = guest
            .0
            .wire
            .call(
                "Call an API in the user's name",
                "The post office checks by itself, with the server's public keys, that the token is for it and allows \
                 to send postcards.",
                &guest.0.registration.api,
                &tokens.access_token,
            )
            .await;
        visit.exchanges.push(exchange);
        visit.conclude(answer.map(|_| "The postcard is on its way."));
    }
    guest.remember(&headers, visit, "/")
}

async fn revoke(State(guest): State<Guest>, headers: HeaderMap) -> Response {
    let mut visit = guest.visit(&headers);
    visit.go_on();
    if let Some(tokens) = &mut visit.tokens {
        let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
        let body = [("token", token.as_str()), ("client_id", &guest.0.registration.client_id)];
        let (exchange, answer) = guest
            .0
            .wire
            .post(
                "Revoke",
                "Everything from this login ends at the server: try to refresh, or to ask who you are. The post office, \
                 which asks nobody, takes the access token until it expires.",
                &guest.endpoint("/oauth2/revoke"),
                &body,
            )
            .await;
        tokens.is_revoked |= answer.is_ok();
        visit.exchanges.push(exchange);
        visit.conclude(answer.map(|_| "The tokens are revoked."));
    }
    guest.remember(&headers, visit, "/")
}

/// Ends the session at the server too (OpenID Connect RP-Initiated Logout 1.0 §2).
async fn logout(State(guest): State<Guest>, headers: HeaderMap) -> Response {
    let visit = guest.visit(&headers);
    let id_token = visit.tokens.as_ref().and_then(|tokens| tokens.id_token.clone()).unwrap_or_default();
    let (registration, state) = (&guest.0.registration, guest.0.entropy.token());
    let query = [
        ("id_token_hint", id_token.as_str()),
        ("client_id", &registration.client_id),
        ("post_logout_redirect_uri", &registration.post_logout_redirect_uri),
        ("state", &state),
    ];
    let url = format!("{}?{}", guest.endpoint("/oauth2/logout"), super::exchange::form(&query));
    let exchange = Exchange::sent_browser(
        "Send the user to log out",
        "We forget our tokens. The server ends its own session, and knows whose it is by the ID token that it gave us.",
        &url,
        &query,
    );
    let visit = Visit { exchanges: vec![exchange], leaving: Some(state), ..Visit::default() };
    guest.remember(&headers, visit, &url)
}

/// The user is back from logging out.
async fn logged_out(State(guest): State<Guest>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let mut visit = guest.visit(&headers);
    let fields: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let state = fields.iter().find(|(name, _)| name == "state").map(|(_, value)| value.as_str());
    if visit.leaving.is_some() && visit.leaving.as_deref() == state {
        visit.leaving = None;
        visit.has_left = true;
        visit.exchanges.push(Exchange::got_browser(
            "The user comes back, logged out",
            "The state is the one that we sent, so this ends the logout that we began.",
            &guest.0.registration.post_logout_redirect_uri,
            &fields,
        ));
    }
    guest.remember(&headers, visit, "/")
}

async fn forget(State(guest): State<Guest>, headers: HeaderMap) -> Response {
    guest.remember(&headers, Visit::default(), "/")
}

fn take_tokens(tokens: &mut Tokens, answer: &Value) -> Result<()> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    tokens.access_token = text("access_token").context("The answer has no access token.")?;
    tokens.scope = text("scope").unwrap_or_default();
    tokens.refresh_token = text("refresh_token").or(tokens.refresh_token.take());
    tokens.id_token = text("id_token").or(tokens.id_token.take());
    tokens.is_revoked = false;
    Ok(())
}

/// Header and claims of a token, for reading; nothing is verified here.
fn decoded(token: &str) -> Option<String> {
    let part = |encoded: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(encoded).ok()?).ok()
    };
    let mut parts = token.split('.');
    let (header, claims) = (part(parts.next()?)?, part(parts.next()?)?);
    let pretty = |value: &Map<String, Value>| serde_json::to_string_pretty(value).unwrap_or_default();
    Some(format!("{}\n.\n{}", pretty(&header), pretty(&claims)))
}
