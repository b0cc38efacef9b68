//! Accounts: users, robots, sessions, tokens, grants, and the audit log.

pub(crate) mod audit;
pub(crate) mod credentials;
pub(crate) mod grants;
pub(crate) mod keys;
pub(crate) mod login_throttle;
pub(crate) mod readable;
pub(crate) mod robots;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;
