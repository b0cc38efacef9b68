//! The environment that a lab gives to the gateway and the uploader.

use std::path::Path;
use std::sync::OnceLock;

use super::Builder;
use crate::faulty_sftp::FaultySftp;
use crate::registry;
use crate::sshd::Sshd;

/// What labs log, where not all.
static LOG_LEVEL: OnceLock<&str> = OnceLock::new();

/// From now on all labs of this program log no more than this. Without it they
/// log everything, since no secret may be in it.
pub fn log_no_more_than(level: &'static str) {
    // Once is enough.
    let _ = LOG_LEVEL.set(level);
}

/// The environment of all our processes; later values win.
pub(super) fn settings(
    folder: &Path,
    sshd: &Sshd,
    extra: &[(String, String)],
) -> Vec<(String, String)> {
    let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let own = [
        ("LOG_LEVEL", LOG_LEVEL.get().unwrap_or(&"trace").to_string()),
        ("FTP_HOST", "127.0.0.1".to_owned()),
        ("FTP_PORT", sshd.port().to_string()),
        ("FTP_USERNAME", sshd.username()),
        ("FTP_PRIVATE_KEY", path(&sshd.private_key())),
        (
            refity_config::clock::OFFSET_FILE_VARIABLE,
            path(&registry::offset_file(folder)),
        ),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let common = registry::variables(folder).into_iter();
    common.chain(own).chain(extra.iter().cloned()).collect()
}

impl Builder {
    /// With this server as the storage, in place of the lab's own sshd.
    /// [`Lab::tree`](super::Lab::tree) is not its tree then.
    #[must_use]
    pub fn storage(mut self, server: &FaultySftp) -> Self {
        self.environment.extend(server.variables());
        self
    }

    /// With this folder as the storage, in place of the lab's own sshd.
    /// [`Lab::tree`](super::Lab::tree) is not its tree then.
    #[must_use]
    pub fn storage_folder(self, folder: &Path) -> Self {
        let folder = folder.to_str().expect("a path in UTF-8");
        self.env("FTP_HOST", "").env("STORAGE_FOLDER", folder)
    }

    /// Without the group that every lab has: nobody creates it.
    #[must_use]
    pub fn without_groups(mut self) -> Self {
        self.groups.clear();
        self
    }
}
