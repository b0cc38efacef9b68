//! Where something else may look at, change or spoil what the server does.

use russh_sftp::protocol::Packet;

use super::line::Cutter;

/// What a request asks for, whichever packet said so.
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
    /// Version 3's own rename, which never overwrites.
    Rename,
    ReadLink,
    Symlink,
    /// `posix-rename@openssh.com`.
    PosixRename,
    /// `fsync@openssh.com`.
    Fsync,
    /// `statvfs@openssh.com` and `fstatvfs@openssh.com`.
    StatVfs,
    /// The first packet of a channel, and what has no meaning here.
    Other,
}

/// One request, described for [`Hooks`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What is asked for.
    pub kind: Kind,
    /// The request's number, which its answer must carry.
    pub id: u32,
    /// The path that the client named, or under which it opened the handle.
    /// Absolute, `/` being the folder that is served.
    pub path: String,
    /// Where a rename leads to, absolute as well.
    pub target: Option<String>,
    /// Bytes that a write carries; 0 for all else.
    pub bytes: u64,
    /// Whether an open asks to write, or a handle was opened so.
    pub writes: bool,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The client gets this packet.
    Answer(Packet),
    /// The client gets no answer, ever.
    Silence,
    /// The connection is reset.
    Disconnect,
}

/// What becomes of a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is served.
    Serve,
    /// It is closed before a word was said.
    Refuse,
    /// It waits, unanswered; the server asks again soon.
    Hold,
}

/// Looks at everything that clients ask. Each method's default disturbs
/// nothing. [`around`](Hooks::around) is called on a blocking thread.
pub trait Hooks: Send + Sync + 'static {
    /// A TCP connection arrived.
    fn admit(&self) -> Admission {
        Admission::Serve
    }

    /// An admitted connection begins; `cutter` resets it.
    fn connected(&self, _cutter: &Cutter) {}

    /// An admitted connection ended.
    fn disconnected(&self) {}

    /// A password was tried and is `right` or not; says whether to let the
    /// client in.
    fn signed_in(&self, right: bool) -> bool {
        right
    }

    /// Whether the server knows this extension.
    fn offers(&self, _extension: &str) -> bool {
        true
    }

    /// A request arrived; `carry_out` does what it asks, at most once.
    fn around(&self, _operation: &Operation, carry_out: &mut dyn FnMut() -> Packet) -> Outcome {
        Outcome::Answer(carry_out())
    }
}

/// The hooks of a server that works.
#[derive(Debug, Clone, Copy, Default)]
pub struct Undisturbed;

impl Hooks for Undisturbed {}
