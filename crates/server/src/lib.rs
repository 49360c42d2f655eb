//! An OAuth 2.1 and OpenID Connect authorization server that an application hosts itself.

pub mod client_address;
pub mod client_keys;
pub mod clock;
pub mod config;
pub mod entropy;
pub mod failure;
pub mod fetch;
pub mod keys;
pub mod limits;
pub mod pages;
pub mod passwords;
pub mod store;
