//! The SFTP side against real servers: OpenSSH, and ProFTPD in a chroot.

mod files;
mod keys;
mod pool;

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use refity_config::Secret;
use refity_storage::Layout;
use refity_storage::sftp::{
    OwnerState, Placed, Pool, Reason, RemoteAuth, RemoteConfig, RemoteError, Role, Session,
    Timeouts, WriteError, check_owner, place_folder, read, store_file, write_small,
};
use refity_tests::proftpd::Proftpd;
use refity_tests::sshd::{Sshd, SshdOptions};
use refity_tests::wait::free_port;
use refity_types::digest::Digest;
use tempfile::TempDir;

const TMP: &str = "docker/registry/v2/_refity/tmp/a.1.1";

struct Lab {
    server: Sshd,
    config: RemoteConfig,
    dir: TempDir,
}

fn lab() -> Lab {
    lab_with(SshdOptions::default())
}

fn lab_with(options: SshdOptions) -> Lab {
    let dir = tempfile::tempdir().unwrap();
    let server = Sshd::start_with(&dir.path().join("sshd"), options).unwrap();
    let auth = RemoteAuth::PrivateKey {
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

fn config(dir: &Path, port: u16, username: &str, auth: RemoteAuth) -> RemoteConfig {
    RemoteConfig {
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

fn store(session: &mut Session, target: &str, bytes: &[u8]) -> Result<(), WriteError> {
    let mut source = bytes;
    let size = bytes.len() as u64;
    store_file(session, TMP, target, size, &mut source, &mut |_| {})
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
