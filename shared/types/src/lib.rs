//! The parsed types of the OCI specifications and of this project: digests,
//! names, references, media types, manifests, platforms, accounts and access
//! rights.
//!
//! Guarantees:
//! - A value of any of its types is valid. Values are created only by parsing,
//!   and parse errors say what would be valid.
//! - Parsing and printing are inverse.
//! - It does no I/O and depends on no other crate of this project.

pub mod account;
pub mod deletion;
pub mod digest;
#[cfg(test)]
mod fuzz;
pub mod manifest;
pub mod media_type;
pub mod name;
pub mod platform;
pub mod rights;
pub mod version;
