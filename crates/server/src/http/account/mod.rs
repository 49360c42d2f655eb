//! The user's own pages: the apps that are connected to their account, and a new password for whoever forgot theirs.

pub(crate) mod apps;
pub(crate) mod forgot_password;
pub(crate) mod reset_password;
