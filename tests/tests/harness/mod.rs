//! The harness itself.

mod faulty_sftp;
mod lab;
mod parts;
