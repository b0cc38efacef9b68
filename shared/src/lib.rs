//! What the gateway and the uploader share: the parsed types of the OCI
//! specifications, configuration, the store (SQLite), the spool (durable
//! local files) and the remote (SFTP).
//!
//! Dependencies point one way: `store`, `spool` and `remote` use the types
//! and know nothing of each other.

pub mod account;
pub mod clock;
pub mod config;
pub mod deletion;
pub mod digest;
#[cfg(test)]
mod fuzz;
pub mod installation;
pub mod local;
pub mod manifest;
pub mod media_type;
pub mod name;
pub mod platform;
pub mod remote;
pub mod rights;
pub mod route;
pub mod spool;
pub mod store;
pub mod telemetry;
pub mod version;
