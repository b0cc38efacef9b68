//! The index: blobs, manifests, tags, repositories, groups, referrers and
//! upload sessions.

pub(crate) mod blobs;
pub(crate) mod deletes;
pub(crate) mod derived;
pub(crate) mod groups;
pub(crate) mod manifests;
pub(crate) mod names;
pub(crate) mod rebuild;
pub(crate) mod referrers;
pub(crate) mod removal;
pub(crate) mod repositories;
pub(crate) mod repository_removal;
pub(crate) mod sums;
pub(crate) mod tags;
pub(crate) mod uploads;
