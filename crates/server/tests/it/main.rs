//! Black-box tests of the server, and of the source itself.

// The lints that are off in tests (clippy.toml) are off in their helpers too.
#![cfg(test)]

mod cli;
mod tidy;
