//! The harness of the test suite: real sshd, real docker, our own binaries,
//! and an independent checker of the tree that they leave on SFTP.
//!
//! Start reading at [`lab::Lab`].

pub mod answer;
pub mod app;
pub mod bad_input;
pub mod browser;
pub mod caddy;
pub mod certificate;
pub mod checker;
pub mod client;
pub mod curl;
pub mod database;
pub mod docker;
pub mod expect;
pub mod faulty_sftp;
pub mod image;
pub mod lab;
pub mod nginx;
pub mod peer;
pub mod processes;
pub mod proftpd;
pub mod proxy;
pub mod random;
pub mod registry;
pub mod retrying_client;
pub mod round_robin;
pub mod schema;
pub mod secrets;
pub mod slow_line;
pub mod sshd;
pub mod timestamp;
pub mod wait;
pub mod wire;
