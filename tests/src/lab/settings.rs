//! The environment that a lab gives to the gateway and the uploader.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Builder, PASSWORD};
use crate::faulty_sftp::{self, FaultySftp};
use crate::sshd::Sshd;

/// What labs log, where not all.
static LOG_LEVEL: OnceLock<&str> = OnceLock::new();

/// From now on all labs of this program log no more than this. Without it they
/// log everything, since no secret may be in it.
pub fn log_no_more_than(level: &'static str) {
    // Once is enough.
    let _ = LOG_LEVEL.set(level);
}

/// Where the lab keeps by how much it moved the clocks.
pub(super) fn offset_file(folder: &Path) -> PathBuf {
    folder.join("clock-offset")
}

/// The environment of all our processes; later values win.
pub(super) fn settings(
    folder: &Path,
    sshd: &Sshd,
    extra: &[(String, String)],
) -> Vec<(String, String)> {
    let offset = offset_file(folder);
    std::fs::write(&offset, "0").expect("to write an offset");
    let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let own = [
        ("DATA_DIR", path(&folder.join("data"))),
        ("LISTEN_ADDRESS", "127.0.0.1".to_owned()),
        ("WEB_PORT", "0".to_owned()),
        ("LOG_LEVEL", LOG_LEVEL.get().unwrap_or(&"trace").to_string()),
        ("ADMIN_PASSWORD", PASSWORD.to_owned()),
        ("FTP_HOST", "127.0.0.1".to_owned()),
        ("FTP_PORT", sshd.port().to_string()),
        ("FTP_USERNAME", sshd.username()),
        ("FTP_PRIVATE_KEY", path(&sshd.private_key())),
        // What a test collects, it collects itself.
        ("GC_SCHEDULE", "off".to_owned()),
        // Not a share of whatever disk the tests run on.
        ("SPOOL_MIN_FREE", "100M".to_owned()),
        (refity_config::clock::OFFSET_FILE_VARIABLE, path(&offset)),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    own.into_iter().chain(extra.iter().cloned()).collect()
}

impl Builder {
    /// With this server as the storage, in place of the lab's own sshd.
    /// [`Lab::tree`](super::Lab::tree) is not its tree then.
    #[must_use]
    pub fn storage(self, server: &FaultySftp) -> Self {
        self.env("FTP_PORT", &server.port().to_string())
            .env("FTP_USERNAME", faulty_sftp::USERNAME)
            .env("FTP_PASSWORD", faulty_sftp::PASSWORD)
            .env("FTP_PRIVATE_KEY", "")
    }

    /// Without the group that every lab has: nobody creates it.
    #[must_use]
    pub fn without_groups(mut self) -> Self {
        self.groups.clear();
        self
    }
}
