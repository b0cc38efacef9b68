//! Manifests: what is accepted, what comes back, and what tags do.

mod accepted;
mod at_once;
mod referrers;
mod refused;
mod tag_parameters;
mod tags;

/// The repository of most tests, in the lab's group.
const APP: &str = "team/app";
