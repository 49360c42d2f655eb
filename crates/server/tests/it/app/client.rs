//! A client: builds authorization requests, talks to the endpoints, knows its secret.

use super::Reply;
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub(crate) enum Authentication {
    None,
    /// Id and secret form-encoded, as RFC 6749 §2.3.1 has it.
    Basic(String),
    Post(String),
    /// Whatever the test wants to send.
    Raw {
        header: Option<String>,
        body: Vec<(String, String)>,
    },
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Where this process is reached; the issuer's name is always `issuer`.
    base: String,
    pub(crate) id: String,
    pub(crate) redirect_uri: String,
    pub(crate) authentication: Authentication,
}

impl Client {
    pub(super) fn new(http: reqwest::Client, base: &str, id: &str, secret: Option<String>, redirect: &str) -> Self {
        let authentication = secret.map_or(Authentication::None, Authentication::Basic);
        Self { http, base: base.to_owned(), id: id.to_owned(), redirect_uri: redirect.to_owned(), authentication }
    }

    pub(super) fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    pub(crate) fn with(mut self, authentication: Authentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Says nothing about who it is but its id.
    pub(crate) fn unauthenticated(self) -> Self {
        self.with(Authentication::None)
    }

    pub(crate) fn secret(&self) -> &str {
        match &self.authentication {
            Authentication::Basic(secret) | Authentication::Post(secret) => secret,
            _ => panic!("{} has no secret", self.id),
        }
    }

    /// An authorization request that nothing is wrong with.
    pub(crate) fn request(&self) -> AuthorizationUrl {
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", "openid profile email notes:read offline_access"),
            ("state", "af0ifjsldkj"),
            ("nonce", "n-0S6_WzA2Mj"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        AuthorizationUrl {
            endpoint: format!("{}/oauth2/authorize", self.base),
            parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    /// A form to an endpoint, with the client's authentication.
    pub(crate) async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Reply {
        let mut body: Vec<(String, String)> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut request = self.http.post(format!("{}{path}", self.base));
        match &self.authentication {
            Authentication::None => body.push(("client_id".into(), self.id.clone())),
            Authentication::Basic(secret) => request = request.header(AUTHORIZATION, basic(&self.id, secret)),
            Authentication::Post(secret) => {
                body.push(("client_id".into(), self.id.clone()));
                body.push(("client_secret".into(), secret.clone()));
            }
            Authentication::Raw { header, body: more } => {
                if let Some(header) = header {
                    request = request.header(AUTHORIZATION, header);
                }
                body.extend(more.iter().cloned());
            }
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&body).finish();
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        Reply::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn token(&self, parameters: &[(&str, &str)]) -> Reply {
        self.post("/oauth2/token", parameters).await
    }

    /// Redeems a code as it should be.
    pub(crate) async fn redeem(&self, code: &str) -> Reply {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    pub(crate) async fn refresh_with(&self, refresh_token: &str, more: &[(&str, &str)]) -> Reply {
        let parameters = [&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)], more].concat();
        self.token(&parameters).await
    }

    pub(crate) async fn client_credentials(&self, more: &[(&str, &str)]) -> Reply {
        self.token(&[&[("grant_type", "client_credentials")], more].concat()).await
    }

    pub(crate) async fn revoke(&self, token: &str) -> Reply {
        self.post("/oauth2/revoke", &[("token", token)]).await
    }

    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let reply = self.post("/oauth2/introspect", &[("token", token)]).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    }

    pub(crate) async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await["active"].as_bool().unwrap()
    }

    pub(crate) async fn userinfo(&self, access_token: &str) -> Reply {
        let request = self.http.get(format!("{}/oauth2/userinfo", self.base)).bearer_auth(access_token);
        Reply::of(request.send().await.unwrap()).await
    }
}

/// `Authorization: Basic`, with both parts form-encoded.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    basic_raw(&format!("{}:{}", encode(id), encode(secret)))
}

pub(crate) fn basic_raw(pair: &str) -> String {
    format!("Basic {}", Base64::encode_string(pair.as_bytes()))
}

/// A link to the authorization endpoint, parameter by parameter.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationUrl {
    pub(crate) endpoint: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl AuthorizationUrl {
    /// Sets or replaces a parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.and(name, value)
    }

    /// Adds a parameter, even if it is there.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(own, _)| own != name);
        self
    }

    pub(crate) fn scope(self, scope: &str) -> Self {
        self.with("scope", scope)
    }

    pub(crate) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish()
    }

    pub(crate) fn url(&self) -> String {
        format!("{}?{}", self.endpoint, self.query())
    }
}

/// A successful token response.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) body: Value,
    pub(crate) access_token: String,
    /// Empty when there is none.
    pub(crate) refresh_token: String,
    /// Empty when there is none.
    pub(crate) id_token: String,
    pub(crate) scope: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn tokens(&self) -> Tokens {
        assert_eq!(self.status, 200, "{}", self.body);
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Tokens {
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            id_token: text("id_token"),
            scope: text("scope"),
            body,
        }
    }
}

/// Header and claims of a JWT, unverified.
#[track_caller]
pub(crate) fn decode(jwt: &str) -> (Value, Value) {
    let mut parts = jwt.split('.').map(|part| Base64UrlUnpadded::decode_vec(part).unwrap());
    let header = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    let claims = serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (header, claims)
}

impl Tokens {
    /// The access token's claims.
    pub(crate) fn access(&self) -> Value {
        decode(&self.access_token).1
    }

    /// The ID token's claims.
    pub(crate) fn identity(&self) -> Value {
        decode(&self.id_token).1
    }
}
