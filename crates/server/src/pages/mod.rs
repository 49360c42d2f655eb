//! The pages that people see, as plain HTML forms that work without JavaScript.
//!
//! Specs: RFC 6749 §10.13, RFC 8252 §8.6, RFC 9700 §4.16, OIDC Core §3.1.2.3 and §3.1.2.4, OAuth 2.0 Form Post
//! Response Mode, OIDC RP-Initiated Logout §2.
//!
//! A handler fills a view and gets a whole response back, headers included. Nothing here decides anything, reads a
//! request or touches the store.

mod assets;
mod config;
mod from_config;
mod locale;
mod name;
mod render;
mod response;
mod sample;
mod theme;
mod view;
mod words;

pub use assets::assets_router;
pub use config::{ColorScheme, PagesConfig, Theme};
pub use name::{NameWarning, display_name, name_warning};
pub use render::{PageContext, Pages};
pub use theme::Colour;
pub use view::*;
pub use words::{ScopeWords, Words};

#[cfg(test)]
mod tests;
