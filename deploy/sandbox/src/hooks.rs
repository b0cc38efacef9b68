//! Hooks to observe, change or disturb the server.

use russh_sftp::protocol::Packet;

use super::line::Cutter;

/// The operation of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the protocol's own word")]
pub enum Kind {
    Open,
    Close,
    Read,
    Write,
    /// `STAT`, `LSTAT` and `FSTAT`.
    Stat,
    /// `SETSTAT` and `FSETSTAT`.
    SetStat,
    OpenDir,
    ReadDir,
    Remove,
    MkDir,
    RmDir,
    RealPath,
    /// The rename of version 3, which never overwrites.
    Rename,
    ReadLink,
    Symlink,
    /// `posix-rename@openssh.com`.
    PosixRename,
    /// `fsync@openssh.com`.
    Fsync,
    /// `statvfs@openssh.com` and `fstatvfs@openssh.com`.
    StatVfs,
    /// The first packet of a channel, and unsupported packets.
    Other,
}

/// One request, described for [`Hooks`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The operation.
    pub kind: Kind,
    /// The request id, repeated in the response.
    pub id: u32,
    /// The requested path, or the path of the handle. Absolute; `/` is the
    /// served folder.
    pub path: String,
    /// Absolute target path of a rename.
    pub target: Option<String>,
    /// Bytes of a write; 0 for other operations.
    pub bytes: u64,
    /// Whether an open or handle is for writing.
    pub writes: bool,
}

/// The outcome of a request.
#[derive(Debug)]
pub enum Outcome {
    /// Send this packet.
    Answer(Packet),
    /// Send nothing.
    Silence,
    /// Reset the connection.
    Disconnect,
}

/// How to handle a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Serve it.
    Serve,
    /// Close it immediately.
    Refuse,
    /// Keep it waiting and ask again soon.
    Hold,
}

/// Observes all requests. The default methods change nothing.
/// [`around`](Hooks::around) is called on a blocking thread.
pub trait Hooks: Send + Sync + 'static {
    /// A TCP connection arrived.
    fn admit(&self) -> Admission {
        Admission::Serve
    }

    /// An admitted connection starts; `cutter` resets it.
    fn connected(&self, _cutter: &Cutter) {}

    /// An admitted connection ended.
    fn disconnected(&self) {}

    /// Returns whether to accept a sign-in with a password that is `right` or
    /// wrong.
    fn signed_in(&self, right: bool) -> bool {
        right
    }

    /// Returns whether the server supports an extension.
    fn offers(&self, _extension: &str) -> bool {
        true
    }

    /// Handles a request; `execute` runs it, at most once.
    fn around(&self, _operation: &Operation, execute: &mut dyn FnMut() -> Packet) -> Outcome {
        Outcome::Answer(execute())
    }
}

/// Hooks that change nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Undisturbed;

impl Hooks for Undisturbed {}
