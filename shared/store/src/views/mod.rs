//! Data for the web interface: lists, sums, previews, transfers.

pub(crate) mod audit_log;
pub(crate) mod backlog;
pub(crate) mod durability;
pub(crate) mod groups;
pub(crate) mod image;
pub(crate) mod job_list;
pub(crate) mod overview;
pub(crate) mod preview;
pub(crate) mod pushes;
pub(crate) mod removed;
pub(crate) mod repositories;
pub(crate) mod search;
pub(crate) mod storage;
pub(crate) mod tags;
pub(crate) mod transfers;
