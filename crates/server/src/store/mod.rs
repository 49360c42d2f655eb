//! The database: SQLite or PostgreSQL, one SQL text.
//!
//! Every connection is a thread, and a transaction is a plain function sent to it. So a transaction cannot wait for
//! the network, and nothing in it is async. Entity files add methods to [`Tx`]: `find_` reads, `take_` reads and locks
//! the row until the transaction ends, `add_` adds, and the other verbs change.

mod job;
mod migrations;
mod open;
mod postgresql;
mod queue;
mod sql;
mod sqlite;
mod tls;

#[cfg(test)]
mod tests;

pub use open::{Pressure, Store, StoreConfig};
pub use sql::{Column, Row, Tx, Value};
