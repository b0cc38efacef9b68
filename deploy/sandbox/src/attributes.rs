//! SFTP attributes of files: size, permissions and times.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use russh_sftp::protocol::{Attrs, FileAttributes, Packet};

/// The permissions that a client may set: no setuid, setgid or sticky bit.
pub(super) const PERMISSIONS: u32 = 0o777;

pub(super) fn set_attributes_at(path: &Path, attributes: &FileAttributes) -> io::Result<()> {
    let writes = attributes.size.is_some();
    let file = OpenOptions::new().read(!writes).write(writes).open(path)?;
    set_attributes(&file, attributes)
}

/// Sets size, permissions and times. Ignores owners, since all files belong to
/// the sandbox.
pub(super) fn set_attributes(file: &File, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        file.set_len(size)?;
    }
    if let Some(mode) = attributes.permissions {
        file.set_permissions(fs::Permissions::from_mode(mode & PERMISSIONS))?;
    }
    if let (Some(accessed), Some(modified)) = (attributes.atime, attributes.mtime) {
        let time = |seconds: u32| UNIX_EPOCH + Duration::from_secs(seconds.into());
        let times = FileTimes::new()
            .set_accessed(time(accessed))
            .set_modified(time(modified));
        file.set_times(times)?;
    }
    Ok(())
}

pub(super) fn attributes(id: u32, metadata: &fs::Metadata) -> Packet {
    let attrs = describe_file(metadata);
    Attrs { id, attrs }.into()
}

pub(super) fn describe_file(metadata: &fs::Metadata) -> FileAttributes {
    let seconds = |time: i64| Some(u32::try_from(time).unwrap_or(0));
    FileAttributes {
        size: Some(metadata.size()),
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
        permissions: Some(metadata.mode()),
        atime: seconds(metadata.atime()),
        mtime: seconds(metadata.mtime()),
        ..FileAttributes::default()
    }
}
