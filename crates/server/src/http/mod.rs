//! HTTP: each handler extracts, loads, asks the protocol, and applies its decision.

pub(crate) mod account;
pub(crate) mod answer;
pub(crate) mod attestation;
pub(crate) mod browser;
pub(crate) mod browser_api;
pub(crate) mod browser_login;
pub(crate) mod cors;
pub(crate) mod description;
pub(crate) mod extract;
pub(crate) mod interaction;
pub(crate) mod management;
pub(crate) mod oauth;
pub(crate) mod observe;
pub(crate) mod operations;
pub(crate) mod page_routes;
pub(crate) mod sdk;
pub(crate) mod stytch;
pub(crate) mod stytch_sdk;
pub(crate) mod visit;
