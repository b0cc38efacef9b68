//! The harness of the test suite: real sshd, real docker, our own binaries,
//! and an independent checker of the tree that they leave on SFTP.
//!
//! Start reading at [`lab::Lab`].

pub mod app;
pub mod checker;
pub mod database;
pub mod faulty_sftp;
mod http;
pub mod image;
pub mod lab;
mod programs;
pub mod random;
pub mod registry;
pub mod secrets;
pub mod timestamp;
pub mod wait;

pub use http::{
    answer, bad_input, client, curl, expect, retrying_client, round_robin, schema, slow_line, wire,
};
pub use programs::{
    browser, caddy, certificate, docker, nginx, peer, processes, proftpd, proxy, sshd,
};
