//! Verifies access tokens of Hospes, or of any other RFC 9068 authorization server, in an API or an MCP server.
//!
//! Specs: RFC 6750, RFC 9068 §4, RFC 9728 §5.1.
//!
//! # What it does
//!
//! A request reaches your API with `Authorization: Bearer …`. This crate answers one question, "may this request go
//! on?", without asking the authorization server: it checks the signature against the issuer's published keys (ES256,
//! RS256, EdDSA; nothing else), that the token is an access token (`typ: at+jwt`), comes from your issuer, is meant for
//! your API, is valid now and carries the scope you need. If not, it says with which status and which
//! `WWW-Authenticate` header to answer.
//!
//! It opens no connection, reads no clock and needs no async runtime: you fetch the key set with the HTTP client you
//! have, and [`KeyCache`] says when.
//!
//! # How to use it
//!
//! ```
//! use hospes_resource_server::{Challenge, KeyCache, Rejection, Timestamp, Verifier, bearer_token};
//! # use hospes_protocol::{client::SigningAlg, jose::{Jwks, SigningKey}};
//! # let der = SigningKey::generate_pkcs8(SigningAlg::ES256)?;
//! # let key = SigningKey::from_pkcs8(SigningAlg::ES256, "1", &der)?;
//! # let published = format!(r#"{{"keys":[{}]}}"#, serde_json::to_string(&key.public_jwk())?);
//! # let fetch = |_uri: &str| Ok::<_, std::io::Error>(published.clone().into_bytes());
//! # let token = key.sign("at+jwt", &serde_json::json!({
//! #     "iss": "https://login.example.com", "sub": "alice", "aud": "https://api.example.com/", "client_id": "web",
//! #     "scope": "files:read", "iat": 1_000, "exp": 4_102_444_800_i64, "jti": "1",
//! # }))?;
//! # let authorization = format!("Bearer {token}");
//! # let authorization = Some(authorization.as_str());
//! # let now = || Timestamp(1_800_000_000);
//!
//! // Once, at start. The audience is the resource as registered at the authorization server, byte for byte.
//! let verifier = Verifier::new("https://login.example.com", "https://api.example.com/");
//! let keys = KeyCache::new();
//!
//! // For each request. `now()` is the time as `hospes_resource_server::unix_time(SystemTime::now())`.
//! let check = || -> Result<_, Rejection> {
//!     let token = bearer_token(authorization)?;
//!     if keys.is_stale(now()) && keys.begin_refresh(now()) {
//!         // Keep the old keys when the issuer cannot be reached.
//!         if let Ok(jwks) = fetch("https://login.example.com/.well-known/jwks.json") {
//!             keys.replace(&jwks, now()).ok();
//!         }
//!     }
//!     let token = match verifier.verify(token, &keys.current(), now()) {
//!         // The issuer may have rotated its keys.
//!         Err(Rejection::UnknownKey) if keys.begin_refresh(now()) => {
//!             if let Ok(jwks) = fetch("https://login.example.com/.well-known/jwks.json") {
//!                 keys.replace(&jwks, now()).ok();
//!             }
//!             verifier.verify(token, &keys.current(), now())?
//!         }
//!         outcome => outcome?,
//!     };
//!     token.require_scope(&["files:read"])?;
//!     Ok(token)
//! };
//!
//! match check() {
//!     Ok(token) => assert_eq!(token.subject, "alice"),
//!     Err(rejection) => {
//!         let challenge = Challenge {
//!             resource_metadata: Some("https://api.example.com/.well-known/oauth-protected-resource"),
//!             ..Challenge::default()
//!         };
//!         // Answer with `rejection.status()` and this header:
//!         let www_authenticate = challenge.header(&rejection);
//!         # panic!("{www_authenticate}");
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it cannot know
//!
//! A token that was revoked, or whose user was disabled, verifies until it expires (ten minutes with Hospes' defaults).
//! Where that is too long, ask the issuer's introspection endpoint instead. A token bound to a key (`cnf`) is refused,
//! because accepting it as a bearer token would undo the binding.

#![warn(missing_docs)]

mod challenge;
mod key_cache;
mod rejection;
mod verifier;

pub use challenge::{Challenge, bearer_token};
pub use hospes_protocol::{
    jose::KeySet,
    scope::Scope,
    time::{Seconds, Timestamp},
};
pub use key_cache::{KeyCache, KeySetRefused};
pub use rejection::Rejection;
pub use verifier::{AccessToken, Verifier, unix_time};
