//! The rules of OAuth 2.1 and OpenID Connect as pure functions.
//!
//! Nothing here reads a clock, draws randomness, opens a connection or waits: time, randomness, keys and
//! capabilities are arguments, and every decision is an enum whose arms are actions for the caller.
//! One rule per file; each check cites the section that asks for it.

pub mod access_scope;
pub mod access_token;
pub mod access_token_exchange;
pub mod audit_event;
pub mod authorization_code;
pub mod authorization_request;
pub mod authorization_response;
pub mod authorize;
pub mod capabilities;
pub mod claim_template;
pub mod claims;
pub mod client;
pub mod client_assertion;
pub mod client_authentication;
pub mod client_credentials;
pub mod connected_app;
pub mod consent;
pub mod email_address;
pub mod error;
pub mod external_id;
pub mod family;
pub mod full_access;
pub mod grant;
pub mod host_page;
pub mod hosted;
pub mod id;
pub mod id_token;
pub mod imported_hash;
pub mod interaction;
pub mod introspection;
pub mod jose;
pub mod liveness;
pub mod lockout;
pub mod login_name;
pub mod logout;
pub mod machine;
pub mod machine_search;
pub mod metadata;
pub mod parameters;
pub mod password_change;
pub mod password_policy;
pub mod password_reset;
pub mod phone_number;
pub mod pkce;
pub mod plane;
pub mod policy;
pub mod policy_rules;
pub mod project_secret;
pub mod public_token;
pub mod rbac;
pub mod redirect_uri;
pub mod refresh_token;
pub mod registration;
pub mod registration_rules;
pub mod resource;
pub mod revocation;
pub mod sandbox;
pub mod scope;
pub mod secret;
pub mod session;
pub mod session_block;
pub mod session_jwt;
pub mod session_migration;
pub mod stytch_access_token;
pub mod time;
pub mod token_request;
pub mod trusted_profile;
mod uri;
pub mod user;
pub mod user_factors;
pub mod user_metadata;
pub mod user_name;
pub mod user_search;
pub mod userinfo;
pub mod webhook;

#[cfg(test)]
mod samples;

pub use error::{ErrorCode, Refusal, refuse, refuse_api};
pub use scope::Scope;
pub use time::{Seconds, Timestamp};
