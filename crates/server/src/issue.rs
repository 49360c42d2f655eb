//! Making tokens, after the transaction that decided on them has been flushed.
//!
//! Specs: RFC 9068 §2 (access tokens), OIDC Core §2 and §3.1.3.6 (ID tokens), RFC 6749 §5.1.
//! Everything that can fail but the signature is done before the transaction ends: an [`Order`] holds finished claims
//! and loaded keys.

use crate::{app::App, failure::Failure, keys::KeyRing, project_settings::StytchIssuer, records::Current};
use anyhow::Context as _;
use hospes_protocol::{
    ErrorCode::InvalidRequest,
    Refusal, Scope, Seconds, Timestamp,
    access_token::{self, AccessTokenClaims},
    claim_template::{self, ClaimTemplate, Facts, Kind},
    claims,
    client::{Client, SigningAlg},
    family::{Family, FamilyContext},
    id_token::{self, Audience, IdTokenClaims, UserClaims},
    jose::SigningKey,
    liveness,
    plane::{Plane, stytch_issuer},
    policy::Policy,
    refuse,
    scope::OPENID,
    stytch_access_token,
    user::User,
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// RFC 6749 §5.2 has no error for this; it is for the operator, whom the developer has to tell.
pub const CLAIMS_TOO_LARGE: Refusal = refuse(
    InvalidRequest,
    "the claims of the token's template have more than 4096 bytes; the operator can shorten the template or the metadata",
);

/// RFC 6749 §5.1. Absent members are left out, never `null` (mcp T-16).
#[derive(Debug, Serialize)]
pub struct TokenResponse {
    pub access_token: String,
    pub token_type: &'static str,
    pub expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    pub scope: String,
}

/// The keys that sign for one client, chosen before anything is committed.
pub struct Signers {
    pub access_token: Arc<SigningKey>,
    pub id_token: Arc<SigningKey>,
}

impl Signers {
    /// ES256 for access tokens and RS256 for ID tokens, unless the client registered otherwise (design section 5);
    /// on the Stytch plane always RS256.
    pub fn of(ring: &KeyRing, client: &Client, now: Timestamp) -> Result<Self, Failure> {
        let key = |alg: SigningAlg| {
            ring.signing(alg, now)
                .with_context(|| format!("no active {} key; `hospes key rotate` makes one", alg.as_str()))
        };
        if client.settings.plane == Plane::Stytch {
            let rsa = key(SigningAlg::RS256)?;
            return Ok(Self { access_token: Arc::clone(&rsa), id_token: rsa });
        }
        Ok(Self {
            access_token: key(client.settings.access_token_alg.unwrap_or(SigningAlg::ES256))?,
            id_token: key(client.settings.id_token_alg.unwrap_or(SigningAlg::RS256))?,
        })
    }
}

/// What is to be issued, with every claim decided.
#[derive(Debug)]
pub struct Order {
    access: AccessTokenClaims,
    identity: Option<IdTokenClaims>,
    refresh_token: Option<String>,
}

/// How long an access token of this client lives.
pub fn access_token_lifetime(current: &Current, client: &Client) -> Seconds {
    client.settings.access_token_lifetime.unwrap_or(match client.settings.plane {
        Plane::Standard => current.lifetimes.access_token,
        Plane::Stytch => stytch_access_token::DEFAULT_LIFETIME,
    })
}

/// The `iss` of what is issued on `plane` now.
pub fn issuer(app: &App, current: &Current, plane: Plane) -> String {
    match (plane, current.project.settings.stytch.issuer) {
        (Plane::Stytch, StytchIssuer::ProjectId) => stytch_issuer(&app.project),
        (Plane::Stytch, StytchIssuer::Issuer) | (Plane::Standard, _) => app.issuer.clone(),
    }
}

/// Every `iss` that an ID token of this project may have, whichever plane and setting it was issued under.
pub fn own_names(app: &App) -> [String; 2] {
    [app.issuer.clone(), stytch_issuer(&app.project)]
}

/// The audience of a token for `resources`: those, else the project's default resource, else ourselves; on the Stytch
/// plane the project. And the `more` that client and project ask for.
fn audience(app: &App, client: &Client, policy: &Policy, resources: &[String], more: Option<&str>) -> Vec<String> {
    let mut audience = match client.settings.plane {
        Plane::Stytch => vec![app.project.to_string()],
        Plane::Standard => resources.to_vec(),
    };
    if audience.is_empty() {
        let default = policy.resources.iter().find(|resource| resource.default).map(|resource| resource.uri.clone());
        audience.push(default.unwrap_or_else(|| app.issuer.clone()));
    }
    for own in client.settings.access_token_custom_audience.as_deref().into_iter().chain(more) {
        if !own.is_empty() && !audience.iter().any(|other| other == own) {
            audience.push(own.to_owned());
        }
    }
    audience
}

/// The claims that a stored template adds. It was checked when it was stored.
pub(crate) fn custom_claims(template: &str, kind: Kind, facts: Facts<'_>) -> Result<Map<String, Value>, Failure> {
    if template.is_empty() {
        return Ok(Map::new());
    }
    let template: ClaimTemplate =
        claim_template::parse(template, kind).context("a stored claim template that cannot be read")?;
    Ok(template.render(facts).map_err(|_| CLAIMS_TOO_LARGE)?.into_map())
}

/// What a user's authorization yields. `expires_at` of the family and the grant bound the access token's life.
pub struct UserTokens<'a> {
    pub current: &'a Current,
    pub client: &'a Client,
    pub user: &'a User,
    pub family: &'a Family,
    pub scope: Scope,
    pub resources: &'a [String],
    pub nonce: Option<String>,
    pub refresh_token: Option<String>,
    /// No token lives longer than this: the family's end and the end date of the user's consent.
    pub not_after: Timestamp,
}

/// Refused when the client's claim templates render to too much.
pub fn user_tokens(app: &App, tokens: UserTokens<'_>, now: Timestamp) -> Result<Order, Failure> {
    let UserTokens { current, client, user, family, scope, resources, nonce, refresh_token, not_after } = tokens;
    let FamilyContext { auth_time, amr, acr, id_token_claims, .. } = &family.context;
    let iss = issuer(app, current, family.plane);
    let is_standard = family.plane == Plane::Standard;
    let policy = &current.project.policy;
    let facts = Facts::User { user, policy };
    let settings = &client.settings;
    let access = AccessTokenClaims {
        plane: family.plane,
        iss: iss.clone(),
        sub: user.id.to_string(),
        aud: audience(app, client, policy, resources, None),
        client_id: client.id.clone(),
        scope: scope.clone(),
        iat: now,
        nbf: None,
        exp: now.plus(access_token_lifetime(current, client)).min(not_after),
        jti: app.entropy.uuid().to_string(),
        fid: Some(family.id.clone()),
        auth_time: *auth_time,
        acr: acr.clone(),
        amr: amr.clone(),
        sid: family.session_id.clone(),
        custom_claims: custom_claims(&settings.access_token_template, Kind::User, facts)?,
    };
    // OIDC Core §3.1.3.3: an ID token iff the scope has openid
    if !scope.contains(OPENID) {
        return Ok(Order { access, identity: None, refresh_token });
    }
    let mut user_claims = claims::id_token(user, &scope, &claims::within_registration(id_token_claims, client));
    // The operator's own words come last: they may mean another address than the user's.
    user_claims.extend(custom_claims(&settings.id_token_template, Kind::User, facts)?);
    let identity = IdTokenClaims {
        iss,
        sub: user.id.clone(),
        aud: if is_standard { Audience::Text(client.id.clone()) } else { Audience::List([client.id.clone()]) },
        exp: now.plus(current.lifetimes.id_token),
        iat: now,
        nbf: (!is_standard).then_some(now),
        auth_time: *auth_time,
        nonce,
        acr: acr.clone(),
        amr: amr.clone(),
        azp: None,
        at_hash: None,
        sid: family.session_id.clone(),
        user_claims: UserClaims::new(user_claims),
    };
    Ok(Order { access, identity: Some(identity), refresh_token })
}

/// What a client gets on its own behalf.
pub struct ClientToken<'a> {
    pub current: &'a Current,
    pub client: &'a Client,
    pub scope: Scope,
    pub resources: &'a [String],
    /// What else the request said, for the project's claim template.
    pub request: &'a Map<String, Value>,
}

/// A token for a client on its own behalf (RFC 6749 §4.4): `sub` is the client (RFC 9068 §2.2). Refused when the
/// project's claim template renders to too much.
pub fn client_token(app: &App, token: ClientToken<'_>, now: Timestamp) -> Result<Order, Failure> {
    let ClientToken { current, client, scope, resources, request } = token;
    let template = &current.project.settings.m2m_template;
    Ok(Order {
        access: AccessTokenClaims {
            plane: client.settings.plane,
            iss: issuer(app, current, client.settings.plane),
            sub: client.id.to_string(),
            aud: audience(app, client, &current.project.policy, resources, Some(&template.custom_audience)),
            client_id: client.id.clone(),
            scope,
            iat: liveness::issue_time(client, current.project.tokens_valid_from, now),
            nbf: None,
            exp: now.plus(access_token_lifetime(current, client)),
            jti: app.entropy.uuid().to_string(),
            fid: None,
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            sid: None,
            custom_claims: custom_claims(&template.content, Kind::Machine, Facts::Machine { client, request })?,
        },
        identity: None,
        refresh_token: None,
    })
}

/// Signs what was ordered.
pub fn sign(order: Order, signers: &Signers) -> Result<TokenResponse, Failure> {
    let Order { access: claims, identity, refresh_token } = order;
    let access_token =
        access_token::sign(&claims, &signers.access_token).context("an access token could not be signed")?;
    let id_token = identity
        .map(|claims| {
            let at_hash = Some(id_token::at_hash(&access_token, signers.id_token.alg()));
            signers.id_token.sign(id_token::TYP, &IdTokenClaims { at_hash, ..claims })
        })
        .transpose()
        .context("an ID token could not be signed")?;
    Ok(TokenResponse {
        access_token,
        token_type: if claims.plane == Plane::Standard { "Bearer" } else { "bearer" },
        expires_in: claims.exp.since(claims.iat).0,
        refresh_token,
        id_token,
        scope: claims.scope.to_string(),
    })
}
