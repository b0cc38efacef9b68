//! Reading blobs: whole and in ranges, from the spool and from SFTP.

mod cold;
mod corrupt;
mod readers;
mod warm_and_cold;

/// The repository of these tests, in the lab's group.
const APP: &str = "team/app";
