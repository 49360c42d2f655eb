//! Authorization requests that wait for their user: on our pages (login, account, consent), or on the host app's.

pub(crate) mod account;
pub(crate) mod code;
pub(crate) mod consent;
pub(crate) mod deliver;
pub(crate) mod hosted;
pub(crate) mod login;
pub(crate) mod object;
pub(crate) mod release;
pub(crate) mod situation;
pub(crate) mod waiting;
pub(crate) mod who;
