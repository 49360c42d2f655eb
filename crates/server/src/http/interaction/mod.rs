//! The pages on which a user answers an authorization request: login, account, consent.

pub(crate) mod account;
pub(crate) mod consent;
pub(crate) mod deliver;
pub(crate) mod login;
pub(crate) mod situation;
pub(crate) mod waiting;
