//! `full_access`: the scope value of the Stytch plane with which the host app's own client acts as the user's session does.

/// The scope value.
pub const FULL_ACCESS: &str = "full_access";
