//! Creates `DATA_DIR`, or explains why it cannot be used.

use std::fs::{DirBuilder, create_dir_all};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, major, minor, statfs};

/// The folders below `DATA_DIR`, parents first.
const FOLDERS: [&str; 6] = [
    "spool",
    "spool/files",
    "spool/intents",
    "spool/wake",
    "owners",
    "sftp-slots",
];

/// `f_type` of a FUSE file system (statfs(2)).
const FUSE: i64 = 0x6573_5546;

/// Network file systems on FUSE, as mountinfo names them.
/// Others (`fuse.mergerfs`, `fuseblk`) are local.
const NETWORK_FUSE: [&str; 9] = [
    "fuse.sshfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.ceph-fuse",
    "fuse.davfs",
    "fuse.curlftpfs",
    "fuse.juicefs",
];

/// Why `DATA_DIR` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The folder is on a network file system.
    #[error(
        "DATA_DIR: {path} is on {kind}, but SQLite's WAL does not work on a network file system: \
         move DATA_DIR to a local disk"
    )]
    Network {
        /// The folder.
        path: PathBuf,
        /// Name of the file system.
        kind: String,
    },
    /// The path exists and is not a folder.
    #[error("DATA_DIR: {0} is not a folder: remove it or set DATA_DIR to another path")]
    NotAFolder(PathBuf),
    /// The folder cannot be created or written to.
    #[error(
        "DATA_DIR: {path} cannot be written ({source}): give this user write access to the folder, \
         or set DATA_DIR to another path"
    )]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// The system error.
        source: io::Error,
    },
}

/// Creates the folder and its subfolders where they are missing, for the owner
/// only (mode 0700). Refuses a network file system before writing anything.
/// Blocking.
///
/// # Errors
/// If the folder cannot be used; the message is meant for the operator.
pub fn prepare(data_dir: &Path) -> Result<(), DataDirError> {
    let unwritable = |source| DataDirError::Unwritable {
        path: data_dir.to_owned(),
        source,
    };
    let data_dir = &std::path::absolute(data_dir).map_err(unwritable)?;
    if let Some(existing) = data_dir.ancestors().find(|path| path.exists()) {
        refuse_network(existing)?;
    }
    if let Some(parent) = data_dir.parent() {
        create_dir_all(parent).map_err(unwritable)?;
    }
    make_folder(data_dir)?;
    for folder in FOLDERS {
        make_folder(&data_dir.join(folder))?;
    }
    // The spool may be a separate mount.
    refuse_network(&data_dir.join("spool"))
}

fn make_folder(path: &Path) -> Result<(), DataDirError> {
    let unwritable = |source| DataDirError::Unwritable {
        path: path.to_owned(),
        source,
    };
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(unwritable(error));
        }
        Err(_) if !path.is_dir() => return Err(DataDirError::NotAFolder(path.to_owned())),
        _ => {}
    }
    access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| unwritable(error.into()))
}

fn refuse_network(path: &Path) -> Result<(), DataDirError> {
    // If statfs fails, assume a local file system: a real fault shows when
    // the folder is written.
    let Ok(file_system) = statfs(path) else {
        return Ok(());
    };
    match network_kind(file_system.f_type, || fuse_type(path)) {
        Some(kind) => Err(DataDirError::Network {
            path: path.to_owned(),
            kind,
        }),
        None => Ok(()),
    }
}

/// Returns the name of the network file system with this `f_type`, or `None`
/// if it is local. Virtual machines' 9P and virtiofs are the host's disk.
fn network_kind(f_type: i64, fuse_type: impl Fn() -> Option<String>) -> Option<String> {
    match f_type & 0xffff_ffff {
        0x6969 => Some("NFS".to_owned()),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB/CIFS".to_owned()),
        0x00c3_6400 => Some("CephFS".to_owned()),
        FUSE => fuse_type().filter(|kind| NETWORK_FUSE.contains(&kind.as_str())),
        _ => None,
    }
}

fn fuse_type(path: &Path) -> Option<String> {
    let device = path.metadata().ok()?.dev();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    mount_type(&mounts, &format!("{}:{}", major(device), minor(device)))
}

/// Returns the file system type of the mount with this `major:minor` device:
/// in `proc_pid_mountinfo(5)` it follows the ` - ` after the optional fields.
fn mount_type(mounts: &str, device: &str) -> Option<String> {
    mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(device))
        .and_then(|line| line.split_once(" - "))
        .and_then(|(_, rest)| rest.split(' ').next())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn creates_missing_folders_for_the_owner_only() {
        let outer = tempfile::tempdir().unwrap();
        let data_dir = outer.path().join("a/data");
        prepare(&data_dir).unwrap();
        prepare(&data_dir).unwrap();
        for folder in [
            data_dir.clone(),
            data_dir.join("spool/wake"),
            data_dir.join("owners"),
        ] {
            assert_eq!(
                folder.metadata().unwrap().permissions().mode() & 0o777,
                0o700
            );
        }
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let outer = tempfile::tempdir().unwrap();
        let file = outer.path().join("data");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(prepare(&file), Err(DataDirError::NotAFolder(path)) if path == file));
        let below = prepare(&file.join("below")).unwrap_err();
        assert!(matches!(below, DataDirError::Unwritable { .. }), "{below}");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_refused() {
        let error = prepare(Path::new("/proc/refity")).unwrap_err().to_string();
        assert!(error.contains("/proc/refity cannot be written"), "{error}");
    }

    #[test]
    fn network_file_systems_by_their_numbers() {
        let sshfs = || Some("fuse.sshfs".to_owned());
        let local = || Some("fuse.mergerfs".to_owned());
        for (f_type, expected) in [
            (0x6969, Some("NFS")),
            (0xff53_4d42, Some("SMB/CIFS")),
            (-0x00ac_b2be, Some("SMB/CIFS")),
            (0xfe53_4d42, Some("SMB/CIFS")),
            (0xef53, None),
            (0x0102_1994, None),
            (0x0102_1997, None),
            (FUSE, Some("fuse.sshfs")),
        ] {
            assert_eq!(
                network_kind(f_type, sshfs).as_deref(),
                expected,
                "{f_type:#x}"
            );
        }
        assert_eq!(network_kind(FUSE, local), None);
        assert_eq!(network_kind(FUSE, || None), None);
    }

    #[test]
    fn a_mounts_type_is_found_by_its_device() {
        let mounts = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:45 / /mnt/box rw,nosuid shared:9 master:2 - fuse.sshfs me@host: rw,user_id=0";
        assert_eq!(mount_type(mounts, "0:45").as_deref(), Some("fuse.sshfs"));
        assert_eq!(mount_type(mounts, "8:1").as_deref(), Some("ext4"));
        assert_eq!(mount_type(mounts, "8:2"), None);
    }
}
