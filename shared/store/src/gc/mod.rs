//! Garbage collection, eviction, and deletion of old rows.

pub(crate) mod collect;
pub(crate) mod forget;
pub(crate) mod reachability;
pub(crate) mod schedule;
pub(crate) mod sweep;
