//! Lists of names, page by page.

pub(super) mod catalog;
pub(super) mod page;
pub(super) mod referrers;
pub(super) mod tags;
