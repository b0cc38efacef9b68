//! The queue: the desired state of each target, the jobs that reconcile it, and
//! the health of the storage.

pub(crate) mod claim;
pub(crate) mod dependencies;
pub(crate) mod desired;
pub(crate) mod generation;
pub(crate) mod health;
pub(crate) mod intents;
pub(crate) mod jobs;
pub(crate) mod result;
pub(crate) mod uploaders;
pub(crate) mod waits;
