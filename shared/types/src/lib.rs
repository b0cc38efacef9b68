//! The parsed types of the OCI specifications and of this project: digests,
//! names, references, media types, manifests, platforms, accounts and access
//! rights.
//!
//! What this crate promises:
//! - A value of one of its types is valid. The only way to make one is to
//!   parse it, and parsing returns an error that says what would be right.
//! - Parsing and printing are inverse: a value prints as it was read.
//! - It does no I/O, and depends on no other crate of this project.

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
