//! Who calls: client authentication for the token, introspection and revocation endpoints.
//!
//! Specs: RFC 6749 §2.3, OAuth 2.1 §2.4, RFC 7521 §4.2, RFC 7523 §3.
//! Outside, every failure looks the same; the log has the reason.

use crate::{
    app::App,
    failure::Failure,
    http::{
        answer::Challenged,
        extract::single,
        management::caller::{authenticate_project, names_project},
    },
    records::{Current, Registered},
    secret::sha256,
    store::Tx,
};
use axum::http::{HeaderMap, header::AUTHORIZATION};
use hospes_protocol::{
    ErrorCode::InvalidClient,
    Timestamp,
    capabilities::Endpoints,
    client::Client,
    client_assertion::{self, ClientAssertion, Expected},
    client_authentication::{self, Authenticated, Denial, FAILED, Presented},
    jose::{Jwks, KeySet, Unverified},
    parameters::Parameters,
    plane::Plane,
    secret,
};
use std::{borrow::Cow, net::IpAddr, sync::Arc};
use tracing::warn;

/// An authenticated client, with the project as the same transaction saw it.
pub(crate) struct Caller {
    pub(crate) registered: Arc<Registered>,
    pub(crate) current: Current,
    pub(crate) authenticated: Authenticated,
}

/// Where a request's credentials come from.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// Whose endpoint was called.
    pub(crate) plane: Plane,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) address: IpAddr,
}

pub(crate) async fn authenticate(
    app: &App,
    sender: Sender<'_>,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<Caller, Challenged> {
    Ok(authenticate_reading(app, sender, parameters, now, |_| Ok(())).await?.0)
}

/// As [`authenticate`], and reads in the same transaction what the caller is going to ask about.
pub(crate) async fn authenticate_reading<T: Send + 'static>(
    app: &App,
    sender: Sender<'_>,
    parameters: &Parameters,
    now: Timestamp,
    also: impl Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
) -> Result<(Caller, T), Challenged> {
    let header = single(sender.headers, AUTHORIZATION)?;
    caller(app, header, sender, parameters, now, also).await.map_err(|failure| {
        // RFC 6749 §5.2: a client that used the header is answered with the scheme it used
        let is_denied = matches!(&failure, Failure::Refused(refusal) if refusal.error == InvalidClient);
        let challenge = header.filter(|_| is_denied).map(|_| format!("Basic realm=\"{}\"", app.issuer));
        Challenged { failure, challenge }
    })
}

async fn caller<T: Send + 'static>(
    app: &App,
    header: Option<&[u8]>,
    Sender { plane, address, .. }: Sender<'_>,
    parameters: &Parameters,
    now: Timestamp,
    also: impl Fn(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
) -> Result<(Caller, T), Failure> {
    app.limits.may_authenticate(address)?;
    let header = match (plane, header) {
        // SDKs of Stytch send the project's credentials along with the client's, which are then in the body
        (Plane::Stytch, Some(header)) if names_project(header, &app.project) => {
            authenticate_project(app, address, header).await?;
            None
        }
        (_, header) => header,
    };
    let presented = client_authentication::parse(header, parameters)?.on(plane);
    if let Some(id) = presented.client_ids().next() {
        app.limits.token(address, id.as_str())?;
    }
    let candidates: Vec<_> = presented.client_ids().cloned().collect();
    let (current, known, read) = {
        let app = app.clone();
        app.clone()
            .store
            .look_up(move |tx| {
                // First: it may bring the change counter along.
                let read = also(tx)?;
                let current = app.records.project(tx, &app.project)?;
                let mut known = Vec::with_capacity(1);
                for id in &candidates {
                    known.extend(app.records.client(tx, &current, id)?);
                }
                Ok((current, known, read))
            })
            .await?
    };
    let mut denial = Denial::UnknownClient;
    for registered in known {
        match prove(app, &presented, &registered, current.project.tokens_valid_from, now).await? {
            Ok(authenticated) => return Ok((Caller { registered, current, authenticated }, read)),
            Err(reason) => denial = reason,
        }
    }
    let client_id = presented.client_ids().next().map(ToString::to_string);
    warn!(client_id, reason = denial.as_str(), "client authentication failed");
    app.limits.authentication_failed(address);
    Err(FAILED.into())
}

async fn prove(
    app: &App,
    presented: &Presented,
    registered: &Registered,
    valid_from: Timestamp,
    now: Timestamp,
) -> Result<Result<Authenticated, Denial>, Failure> {
    let client = &registered.client;
    let Some(assertion) = presented.assertion() else {
        let live = live_secrets(app, presented, registered).await?;
        return Ok(client_authentication::decide(presented, client, &live));
    };
    let keys = match keys_of(app, client, assertion, now).await {
        Ok(keys) => keys,
        Err(reason) => {
            warn!(client_id = %client.id, reason, "a client assertion cannot be verified");
            return Ok(Err(Denial::AssertionRefused));
        }
    };
    let token_endpoint = format!("{}{}", app.issuer, Endpoints::TOKEN);
    let expected = Expected {
        client_id: &client.id,
        issuer: &app.issuer,
        token_endpoint: client.settings.assertion_audience_token_endpoint.then_some(&token_endpoint),
        valid_from,
    };
    let assertion = Unverified::parse(assertion)
        .and_then(|unverified| keys.verify(&unverified))
        .map_err(|error| error.reason())
        .and_then(|verified| {
            client_assertion::validate(&verified, &expected, now).map_err(|refusal| match refusal.description {
                Cow::Borrowed(reason) => reason,
                Cow::Owned(_) => "the client assertion is not acceptable",
            })
        });
    let assertion = match assertion {
        Ok(assertion) => assertion,
        Err(reason) => {
            warn!(client_id = %client.id, reason, "a client assertion was refused");
            return Ok(Err(Denial::AssertionRefused));
        }
    };
    if !remember(app, client, &assertion).await? {
        return Ok(Err(Denial::AssertionReplayed));
    }
    Ok(client_authentication::decide_assertion(presented, client, &assertion))
}

/// The SHA-256 hashes of the client's live secrets: those that we made, and of those that were made elsewhere the ones
/// that `presented` proves.
async fn live_secrets<'a>(
    app: &App,
    presented: &Presented,
    registered: &'a Registered,
) -> Result<Cow<'a, [[u8; 32]]>, Failure> {
    let Registered { client, secret_hashes, wrapped_secrets } = registered;
    let own = Cow::Borrowed(secret_hashes.as_slice());
    if wrapped_secrets.is_empty() {
        return Ok(own);
    }
    // What cannot be accepted anyway is not worth an argon2id.
    let Ok(offered) = client_authentication::presented_secrets(presented, client) else { return Ok(own) };
    if secret::any_equal(offered, secret_hashes) {
        return Ok(own);
    }
    for hash in offered {
        for wrapped in wrapped_secrets {
            if app.imported_secrets.proves(&app.passwords, hash, wrapped).await? {
                return Ok(Cow::Owned(vec![*hash]));
            }
        }
    }
    Ok(own)
}

/// The client's keys: inline, or from where it publishes them.
async fn keys_of(app: &App, client: &Client, assertion: &str, now: Timestamp) -> Result<Arc<KeySet>, String> {
    if let Some(jwks) = &client.settings.jwks {
        let jwks = Jwks::from_value(jwks).map_err(|error| error.reason().to_owned())?;
        return Ok(Arc::new(KeySet::from_jwks(&jwks)));
    }
    let uri = client.settings.jwks_uri.as_deref().ok_or("the client has no keys registered")?;
    let unverified = Unverified::parse(assertion).map_err(|error| error.reason().to_owned())?;
    app.client_keys.find(&app.project, uri, unverified.kid(), now).await.map_err(|error| format!("{error:?}"))
}

/// Stores the assertion's `jti`; whether it is the first time (RFC 7523 §3: one use).
async fn remember(app: &App, client: &Client, assertion: &ClientAssertion) -> Result<bool, Failure> {
    let value_hash = sha256(format!("{}\0{}", client.id, assertion.jti).as_bytes());
    let (app, until) = (app.clone(), assertion.remember_until);
    app.clone().store.write(move |tx| Ok(tx.add_replay(&app.project, "client_assertion", &value_hash, until)?)).await
}
