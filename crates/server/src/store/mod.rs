//! The database: SQLite or PostgreSQL, one SQL text.
//!
//! Every connection is a thread, and a transaction is a plain function sent to it. So a transaction cannot wait for
//! the network, and nothing in it is async. Entity files add methods to [`Tx`]: `find_` and `list_` read, `take_` reads
//! and locks the row until the transaction ends, `add_` adds, and the other verbs change. A method that may find
//! something already there says so by what it returns, never by an error: on PostgreSQL an error ends the transaction.

pub mod audit;
mod authorization_codes;
pub mod client_secrets;
mod clients;
pub mod deployment;
mod families;
pub mod grants;
pub mod housekeeping;
mod interactions;
mod job;
pub mod maintenance;
mod migrations;
mod open;
mod page;
pub mod password_resets;
pub mod passwords;
mod postgresql;
pub mod project_secrets;
pub mod projects;
pub mod public_tokens;
mod queue;
mod replays;
mod revoked_tokens;
mod sessions;
pub mod signing_keys;
mod sql;
mod sqlite;
pub mod standing;
mod tls;
mod trusted_profiles;
mod users;
pub mod webhooks;

#[cfg(test)]
pub(crate) mod tests;

pub use open::{Pressure, Store, StoreConfig};
pub use page::Position;
pub use sql::{Column, Row, Tx, Value};
pub use users::Taken;
