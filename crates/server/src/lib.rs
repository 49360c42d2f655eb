//! An OAuth 2.1 and OpenID Connect authorization server that an application hosts itself.

pub mod config;
