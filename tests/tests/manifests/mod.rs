//! Manifests: what is accepted, what comes back, and what tags do.

mod accepted;
mod at_once;
mod refused;
mod tags;

/// The repository of most tests, in the lab's group.
const APP: &str = "team/app";
