//! The storage: the SFTP server that holds the registry's tree.
//!
//! What this crate promises:
//! - Every remote path comes from [`layout`], which draws the whole tree.
//! - No partial file is visible under its final name: what is written goes to
//!   a temporary name, is synced and checked, and is renamed when it is whole.
//! - Every error says whether it may pass, needs a person, or means that
//!   something is missing. Nothing else decides about retries.
//! - It knows neither the database nor the spool.

pub mod layout;
pub mod sftp;

pub use layout::{Layout, TmpName, TrashName};
