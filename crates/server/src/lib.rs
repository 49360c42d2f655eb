//! An OAuth 2.1 and OpenID Connect authorization server that an application hosts itself.

pub mod app;
pub mod cli;
pub mod client_address;
pub mod client_keys;
pub mod clock;
pub mod config;
pub mod demo;
pub mod entropy;
pub mod failure;
pub mod fetch;
mod http;
pub mod issue;
mod jobs;
pub mod keys;
pub mod limits;
mod listen;
pub mod login_name;
pub mod metrics;
pub mod pages;
pub mod passwords;
pub mod project;
pub mod records;
pub mod router;
pub mod secret;
pub mod seed;
pub mod store;
pub mod verified;
