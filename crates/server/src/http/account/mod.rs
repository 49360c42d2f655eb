//! The user's own pages: the apps that are connected to their account.

pub(crate) mod apps;
