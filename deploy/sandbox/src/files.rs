//! File operations of SFTP version 3, as in
//! <https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02>.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use russh_sftp::protocol::{
    self, Data, Handle, Name, Open, OpenFlags, Packet, StatusCode, Version,
};
use rustix::fs::OFlags;

use super::attributes::{
    PERMISSIONS, attributes, describe_file, set_attributes, set_attributes_at,
};
use super::extensions::{self, Request};
use super::hooks::{Hooks, Kind, Operation};
use super::session::LONGEST_PACKET;
use super::tree::{Tree, absolute};

/// Maximum number of open handles per channel.
const HANDLES: usize = 256;
/// Maximum bytes per read, limited by the packet size.
const LONGEST_READ: u32 = LONGEST_PACKET - 1024;
/// Names per `READDIR` response; fits into a packet at any length.
const NAMES: usize = 100;

/// An error of a request.
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

impl Refusal {
    pub(super) fn new(code: StatusCode) -> Self {
        Self(code, code.to_string())
    }
}

impl From<io::Error> for Refusal {
    /// Maps errors like OpenSSH's server.
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let code = match error.kind() {
            Kind::NotFound | Kind::NotADirectory => StatusCode::NoSuchFile,
            Kind::PermissionDenied => StatusCode::PermissionDenied,
            Kind::InvalidInput | Kind::InvalidFilename => StatusCode::BadMessage,
            Kind::Unsupported => StatusCode::OpUnsupported,
            _ => StatusCode::Failure,
        };
        Self(code, error.to_string())
    }
}

/// One channel's view of the folder.
pub(super) struct Files {
    tree: Tree,
    hooks: Arc<dyn Hooks>,
    handles: HashMap<String, Opened>,
    handles_made: u64,
    open_handles: Arc<AtomicUsize>,
}

struct Opened {
    path: String,
    what: What,
    /// Counted while this value exists.
    open_handles: Arc<AtomicUsize>,
}

enum What {
    File { file: File, writes: bool },
    Folder { left: fs::ReadDir, begun: bool },
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.open_handles.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Files {
    pub(super) fn new(tree: Tree, hooks: Arc<dyn Hooks>, open_handles: Arc<AtomicUsize>) -> Self {
        Self {
            tree,
            hooks,
            handles: HashMap::new(),
            handles_made: 0,
            open_handles,
        }
    }

    /// Describes the request in a packet.
    pub(super) fn describe(&self, packet: &Packet) -> Operation {
        let by_path = |kind, path: &str| (kind, absolute(path), None, false);
        let by_handle = |kind, handle: &str| match self.handles.get(handle) {
            Some(opened) => {
                let writes = matches!(opened.what, What::File { writes: true, .. });
                (kind, opened.path.clone(), None, writes)
            }
            None => (kind, String::new(), None, false),
        };
        let renamed =
            |kind, from: &str, to: &str| (kind, absolute(from), Some(absolute(to)), false);
        let (kind, path, target, writes) = match packet {
            Packet::Open(open) => {
                let writes = open.pflags.contains(OpenFlags::WRITE);
                (Kind::Open, absolute(&open.filename), None, writes)
            }
            Packet::Close(close) => by_handle(Kind::Close, &close.handle),
            Packet::Read(read) => by_handle(Kind::Read, &read.handle),
            Packet::Write(write) => by_handle(Kind::Write, &write.handle),
            Packet::Stat(stat) => by_path(Kind::Stat, &stat.path),
            Packet::Lstat(stat) => by_path(Kind::Stat, &stat.path),
            Packet::Fstat(stat) => by_handle(Kind::Stat, &stat.handle),
            Packet::SetStat(stat) => by_path(Kind::SetStat, &stat.path),
            Packet::FSetStat(stat) => by_handle(Kind::SetStat, &stat.handle),
            Packet::OpenDir(open) => by_path(Kind::OpenDir, &open.path),
            Packet::ReadDir(read) => by_handle(Kind::ReadDir, &read.handle),
            Packet::Remove(remove) => by_path(Kind::Remove, &remove.filename),
            Packet::MkDir(make) => by_path(Kind::MkDir, &make.path),
            Packet::RmDir(remove) => by_path(Kind::RmDir, &remove.path),
            Packet::RealPath(path) => by_path(Kind::RealPath, &path.path),
            Packet::Rename(rename) => renamed(Kind::Rename, &rename.oldpath, &rename.newpath),
            Packet::ReadLink(link) => by_path(Kind::ReadLink, &link.path),
            Packet::Symlink(link) => by_path(Kind::Symlink, &link.linkpath),
            Packet::Extended(extended) => match Request::parse(&extended.request, &extended.data) {
                Ok(Request::PosixRename { from, to }) => renamed(Kind::PosixRename, &from, &to),
                Ok(Request::Fsync { handle }) => by_handle(Kind::Fsync, &handle),
                Ok(Request::StatVfs { path }) => by_path(Kind::StatVfs, &path),
                Ok(Request::FstatVfs { handle }) => by_handle(Kind::StatVfs, &handle),
                Err(_) => (Kind::Other, String::new(), None, false),
            },
            _ => (Kind::Other, String::new(), None, false),
        };
        let bytes = match packet {
            Packet::Write(write) => write.data.len() as u64,
            _ => 0,
        };
        Operation {
            kind,
            id: packet.get_request_id(),
            path,
            target,
            bytes,
            writes,
        }
    }

    /// Executes a packet and returns the response. Without a packet (already
    /// executed) returns a failure.
    pub(super) fn execute(&mut self, id: u32, packet: Option<Packet>) -> Packet {
        let executed = match packet {
            Some(packet) => self.try_to(id, packet),
            None => Err(Refusal::new(StatusCode::Failure)),
        };
        executed.unwrap_or_else(|Refusal(code, words)| Packet::status(id, code, &words, "en"))
    }

    fn try_to(&mut self, id: u32, packet: Packet) -> Result<Packet, Refusal> {
        match packet {
            Packet::Init(_) => return Ok(self.version()),
            Packet::Open(open) => return self.open(id, &open),
            Packet::OpenDir(open) => {
                let left = fs::read_dir(self.tree.follow(&open.path)?)?;
                return self.keep(id, &open.path, What::Folder { left, begun: false });
            }
            Packet::Read(read) => {
                let data = read_at(self.file(&read.handle)?, read.offset, read.len)?;
                return Ok(Data { id, data }.into());
            }
            Packet::ReadDir(read) => return self.read_folder(id, &read.handle),
            Packet::Stat(stat) => {
                return Ok(attributes(
                    id,
                    &fs::metadata(self.tree.follow(&stat.path)?)?,
                ));
            }
            Packet::Lstat(stat) => {
                let entry = self.tree.entry(&stat.path)?;
                return Ok(attributes(id, &fs::symlink_metadata(entry)?));
            }
            Packet::Fstat(stat) => return Ok(attributes(id, &self.metadata(&stat.handle)?)),
            Packet::RealPath(path) => {
                let file = protocol::File::dummy(absolute(&path.path));
                return Ok(Name {
                    id,
                    files: vec![file],
                }
                .into());
            }
            Packet::Extended(extended) => {
                if !self.hooks.offers(&extended.request) {
                    return Err(Refusal::new(StatusCode::OpUnsupported));
                }
                let request = Request::parse(&extended.request, &extended.data)?;
                if let Some(answer) = self.extended(id, request)? {
                    return Ok(answer);
                }
            }
            Packet::Write(write) => self
                .file(&write.handle)?
                .write_all_at(&write.data, write.offset)?,
            Packet::Close(close) => {
                let closed = self.handles.remove(&close.handle);
                closed.ok_or_else(|| Refusal::new(StatusCode::NoSuchFile))?;
            }
            Packet::SetStat(stat) => {
                set_attributes_at(&self.tree.follow(&stat.path)?, &stat.attrs)?;
            }
            Packet::FSetStat(stat) => set_attributes(self.file(&stat.handle)?, &stat.attrs)?,
            Packet::Remove(remove) => fs::remove_file(self.tree.entry_below(&remove.filename)?)?,
            Packet::MkDir(make) => {
                let mode = make.attrs.permissions.unwrap_or(PERMISSIONS) & PERMISSIONS;
                fs::DirBuilder::new()
                    .mode(mode)
                    .create(self.tree.entry(&make.path)?)?;
            }
            Packet::RmDir(remove) => fs::remove_dir(self.tree.entry_below(&remove.path)?)?,
            Packet::Rename(rename) => {
                let from = self.tree.entry_below(&rename.oldpath)?;
                rename_without_overwriting(&from, &self.tree.entry_below(&rename.newpath)?)?;
            }
            // Links could leave the folder, so they are not supported.
            _ => return Err(Refusal::new(StatusCode::OpUnsupported)),
        }
        Ok(Packet::error(id, StatusCode::Ok))
    }

    fn version(&self) -> Packet {
        let mut version = Version::new();
        for (name, revision) in extensions::OFFERED {
            if self.hooks.offers(name) {
                version.extensions.insert(name.into(), revision.into());
            }
        }
        version.into()
    }

    /// `None` if the response is a plain OK.
    fn extended(&self, id: u32, request: Request) -> Result<Option<Packet>, Refusal> {
        match request {
            Request::PosixRename { from, to } => {
                let from = self.tree.entry_below(&from)?;
                fs::rename(from, self.tree.entry_below(&to)?)?;
                Ok(None)
            }
            Request::Fsync { handle } => {
                self.file(&handle)?.sync_all()?;
                Ok(None)
            }
            Request::StatVfs { path } => {
                let space = rustix::fs::statvfs(self.tree.follow(&path)?);
                Ok(Some(extensions::space(
                    id,
                    &space.map_err(io::Error::from)?,
                )))
            }
            Request::FstatVfs { handle } => {
                let space = rustix::fs::fstatvfs(self.file(&handle)?);
                Ok(Some(extensions::space(
                    id,
                    &space.map_err(io::Error::from)?,
                )))
            }
        }
    }

    fn open(&mut self, id: u32, open: &Open) -> Result<Packet, Refusal> {
        let asked = |flag| open.pflags.contains(flag);
        let writes = asked(OpenFlags::WRITE);
        let path = if asked(OpenFlags::CREATE) {
            self.tree.destination(&open.filename)?
        } else {
            self.tree.follow(&open.filename)?
        };
        let mut flags = OFlags::NOFOLLOW;
        flags.set(OFlags::APPEND, asked(OpenFlags::APPEND));
        flags.set(OFlags::TRUNC, asked(OpenFlags::TRUNCATE) && writes);
        flags.set(OFlags::CREATE, asked(OpenFlags::CREATE));
        flags.set(
            OFlags::EXCL,
            asked(OpenFlags::CREATE) && asked(OpenFlags::EXCLUDE),
        );
        let file = OpenOptions::new()
            .read(asked(OpenFlags::READ) || !writes)
            .write(writes)
            .mode(open.attrs.permissions.unwrap_or(0o666) & PERMISSIONS)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        self.keep(id, &open.filename, What::File { file, writes })
    }

    fn keep(&mut self, id: u32, path: &str, what: What) -> Result<Packet, Refusal> {
        self.open_handles.fetch_add(1, Ordering::SeqCst);
        let opened = Opened {
            path: absolute(path),
            what,
            open_handles: Arc::clone(&self.open_handles),
        };
        if self.handles.len() >= HANDLES {
            return Err(Refusal(
                StatusCode::Failure,
                "too many open files".to_owned(),
            ));
        }
        self.handles_made += 1;
        let handle = self.handles_made.to_string();
        self.handles.insert(handle.clone(), opened);
        Ok(Handle { id, handle }.into())
    }

    fn file(&self, handle: &str) -> Result<&File, Refusal> {
        match self.handles.get(handle).map(|opened| &opened.what) {
            Some(What::File { file, .. }) => Ok(file),
            Some(What::Folder { .. }) => Err(Refusal::new(StatusCode::Failure)),
            None => Err(Refusal::new(StatusCode::NoSuchFile)),
        }
    }

    fn metadata(&self, handle: &str) -> Result<fs::Metadata, Refusal> {
        match self.handles.get(handle) {
            Some(Opened {
                what: What::File { file, .. },
                ..
            }) => Ok(file.metadata()?),
            Some(folder) => Ok(fs::metadata(self.tree.follow(&folder.path)?)?),
            None => Err(Refusal::new(StatusCode::NoSuchFile)),
        }
    }

    fn read_folder(&mut self, id: u32, handle: &str) -> Result<Packet, Refusal> {
        let Some(Opened {
            what: What::Folder { left, begun },
            path,
            ..
        }) = self.handles.get_mut(handle)
        else {
            return Err(Refusal::new(StatusCode::NoSuchFile));
        };
        let mut files = Vec::new();
        if !*begun {
            *begun = true;
            let attributes = describe_file(&fs::metadata(self.tree.follow(path)?)?);
            files.push(protocol::File::new(".", attributes.clone()));
            files.push(protocol::File::new("..", attributes));
        }
        while files.len() < NAMES
            && let Some(entry) = left.next()
        {
            let entry = entry?;
            // Skip files that were removed meanwhile.
            if let Ok(metadata) = entry.metadata() {
                let name = entry.file_name().to_string_lossy().into_owned();
                files.push(protocol::File::new(name, describe_file(&metadata)));
            }
        }
        if files.is_empty() {
            return Err(Refusal::new(StatusCode::Eof));
        }
        Ok(Name { id, files }.into())
    }
}

fn read_at(file: &File, offset: u64, length: u32) -> Result<Vec<u8>, Refusal> {
    let mut data = vec![0; length.min(LONGEST_READ) as usize];
    let read = file.read_at(&mut data, offset)?;
    if read == 0 && length > 0 {
        return Err(Refusal::new(StatusCode::Eof));
    }
    data.truncate(read);
    Ok(data)
}

/// Version 3 never overwrites. Hard-link a file to its new name first, which
/// fails if the name exists; renaming a folder fails over one that is not
/// empty.
fn rename_without_overwriting(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(from)?.is_dir() {
        return match fs::symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        };
    }
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}
