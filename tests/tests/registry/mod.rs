//! The registry protocol: pushes, pulls, tags, deletes and names.

mod catalog;
mod deletes;
mod manifests;
mod names_and_paths;
mod push_pull;
mod ranges;
mod sha512;
mod tokens;
mod uploads;
