//! Paginated lists of names.

pub(super) mod catalog;
pub(super) mod page;
pub(super) mod referrers;
pub(super) mod tags;
