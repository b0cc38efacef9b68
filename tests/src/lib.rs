//! The tests' laboratory: servers, clients and what checks their work.

pub mod faulty_sftp;
