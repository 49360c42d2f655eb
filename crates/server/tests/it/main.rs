//! Black-box tests of the server, and of the source itself.

// The lints that are off in tests (clippy.toml) are off in their helpers too.
#![cfg(test)]

mod account_apps;
mod app;
mod attacks;
mod audit;
mod authorize;
mod browser_api;
mod claim_templates;
mod cli;
mod cli_projects;
mod client_authentication;
mod client_credentials;
mod consent;
mod cors;
mod faults;
mod forgot_password;
mod fuzz;
mod import;
mod interactions;
mod interop;
mod introspect;
mod leaks;
mod login;
mod logout;
mod management;
mod management_apps;
mod management_attest;
mod management_idp;
mod management_m2m;
mod management_password_mail;
mod management_passwords;
mod management_projects;
mod management_sessions;
mod management_settings;
mod management_users;
mod metadata;
mod operations;
mod pages;
mod projects;
mod races;
mod register;
mod review;
mod revoke;
mod sdk;
mod stytch_plane;
mod stytch_sdk;
mod stytch_sdk_accounts;
mod stytch_sdk_cookies;
mod tidy;
mod token_code;
mod token_refresh;
mod userinfo;
mod webhooks;
