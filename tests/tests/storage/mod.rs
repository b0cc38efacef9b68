//! The storages against real servers: the contract that all of them fulfil,
//! and the sessions, keys and limits of SFTP.

mod contract;
mod folder;
mod keys;
mod pool;
mod refuses;
mod trouble;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use refity_config::Secret;
use refity_storage::sftp::Session;
use refity_storage::sftp::{Pool, SftpAuth, SftpConfig, Timeouts};
use refity_storage::{
    Guard, Reason, RemotePath, Role, SftpStorage, SmallFile, Storage, StorageError, WHOLE,
};
use refity_tests::proftpd::Proftpd;
use refity_tests::sshd::{Sshd, SshdOptions};
use refity_tests::wait::free_port;
use tempfile::TempDir;

struct Lab {
    server: Sshd,
    config: SftpConfig,
    dir: TempDir,
}

fn lab() -> Lab {
    lab_with(SshdOptions::default())
}

fn lab_with(options: SshdOptions) -> Lab {
    lab_in(tempfile::tempdir().unwrap(), options)
}

fn lab_in(dir: TempDir, options: SshdOptions) -> Lab {
    let server = Sshd::start_with(&dir.path().join("sshd"), options).unwrap();
    let auth = SftpAuth::PrivateKey {
        path: server.private_key(),
        passphrase: None,
        password: None,
    };
    let config = config(dir.path(), server.port(), &server.username(), auth);
    Lab {
        server,
        config,
        dir,
    }
}

fn path(text: &str) -> RemotePath {
    RemotePath::parse(text).unwrap()
}

fn config(dir: &Path, port: u16, username: &str, auth: SftpAuth) -> SftpConfig {
    SftpConfig {
        host: "127.0.0.1".into(),
        port,
        username: username.into(),
        auth,
        known_hosts: dir.join("known_hosts"),
        root: ".".into(),
        connections: 3,
        slots: dir.join("sftp-slots"),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            operation: Duration::from_secs(20),
            wait: Duration::from_secs(60),
        },
    }
}

/// Pseudo-random, so that a shifted or repeated piece is noticed.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
