//! An SFTP server that misbehaves as a test asks it to.
//!
//! It is the uploader's own sandbox, in this process, over a temporary
//! folder. A test switches faults on and off at run time:
//!
//! ```no_run
//! use refity_tests::faulty_sftp::{FaultySftp, Kind, StatusCode};
//!
//! let server = FaultySftp::start();
//! server.faults().fail_next(Kind::Rename, "blobs/", StatusCode::Failure);
//! server.faults().disk_full_after = Some(1_000_000);
//! // … push through server.port() …
//! server.heal();
//! assert_eq!(server.open_handles(), 0);
//! ```

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use refity_uploader::commands::sandbox_sftp::hooks::{Admission, Hooks, Outcome};
pub use refity_uploader::commands::sandbox_sftp::hooks::{Kind, Operation};
use refity_uploader::commands::sandbox_sftp::line::Cutter;
use refity_uploader::commands::sandbox_sftp::secrets::random_host_key;
use refity_uploader::commands::sandbox_sftp::server::{Account, SftpServer};
use refity_uploader::commands::sandbox_sftp::tree::Tree;
pub use russh_sftp::protocol::StatusCode;
use russh_sftp::protocol::{ExtendedReply, Packet};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The account's name.
pub const USERNAME: &str = "refity";
/// The account's password.
pub const PASSWORD: &str = "faulty";

/// What is wrong with the server. [`Faults::default`] is a server that works.
#[derive(Debug, Default)]
pub struct Faults {
    /// No request is answered, and no new connection is spoken to. Requests
    /// that came meanwhile stay unanswered for ever.
    pub hang: bool,
    /// Writes fail once this many more bytes were written; `statvfs` then
    /// says that nothing is free.
    pub disk_full_after: Option<u64>,
    /// Closing a file that was opened for writing fails; what was written
    /// stays.
    pub quota_at_close: bool,
    /// The connection is reset once this many more bytes were written or
    /// read, counted over all connections. Once; the next ones work.
    pub reset_after: Option<u64>,
    /// This many connections are closed before a word was said.
    pub refuse_connections: u64,
    /// At most this many connections at once; further ones are closed.
    pub connection_limit: Option<usize>,
    /// Files' sizes are told larger by this many bytes.
    pub lie_about_size: u64,
    /// Renames of both kinds happen and are reported as failed.
    pub rename_fails_but_happens: bool,
    /// Renames of both kinds do not happen and are reported as done.
    pub rename_succeeds_but_does_not: bool,
    /// The right password is refused.
    pub wrong_password: bool,
    without: BTreeSet<String>,
    fail_next: Vec<(Kind, String, StatusCode)>,
}

impl Faults {
    /// The next request of this kind whose path (or target) contains
    /// `path_contains` fails and does nothing. Call it twice to have two fail.
    pub fn fail_next(&mut self, kind: Kind, path_contains: &str, status: StatusCode) {
        self.fail_next
            .push((kind, path_contains.to_owned(), status));
    }

    /// From the next session on the server does not know an extension:
    /// `fsync`, `statvfs` (that of handles too) or `posix-rename`.
    pub fn without_extension(&mut self, name: &str) {
        assert!(
            ["fsync", "statvfs", "posix-rename"].contains(&name),
            "{name}"
        );
        self.without.insert(format!("{name}@openssh.com"));
        if name == "statvfs" {
            self.without.insert("fstatvfs@openssh.com".to_owned());
        }
    }

    fn planned_failure(&mut self, operation: &Operation) -> Option<StatusCode> {
        let concerns = |part: &str| {
            operation.path.contains(part)
                || (operation.target.as_ref()).is_some_and(|target| target.contains(part))
        };
        let planned = (self.fail_next.iter())
            .position(|(kind, part, _)| *kind == operation.kind && concerns(part))?;
        Some(self.fail_next.remove(planned).2)
    }
}

/// What clients did so far.
#[derive(Debug, Default, Clone)]
struct Seen {
    connections: usize,
    live_connections: usize,
    most_connections: usize,
    auth_failures: usize,
    /// All requests but reads, writes and the first of a channel, in order.
    operations: Vec<Operation>,
    bytes_written: u64,
    bytes_read: u64,
}

/// A running server; dropping it ends it and removes its folder.
pub struct FaultySftp {
    folder: TempDir,
    port: u16,
    state: Arc<State>,
    open_handles: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

impl FaultySftp {
    /// Starts a server that works, on a free port of 127.0.0.1. May be called
    /// with or without a runtime around it.
    ///
    /// # Panics
    /// Where the machine gives no folder, thread or port.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tree = Tree::open(folder.path()).expect("the folder opens");
        let state = Arc::<State>::default();
        let server = SftpServer::new(
            tree,
            Account::new(USERNAME, PASSWORD),
            random_host_key().expect("random numbers"),
            Arc::clone(&state) as Arc<dyn Hooks>,
        );
        let open_handles = server.open_handles();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("faulty-sftp")
            .enable_all()
            .build()
            .expect("a runtime");
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        socket.set_nonblocking(true).expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(socket).expect("a listener");
            server.serve(listener).await;
        });
        Self {
            folder,
            port,
            state,
            open_handles,
            runtime: Some(runtime),
        }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that clients see as `/`.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The faults, to be changed. The server waits while this is held: use it
    /// within one statement.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.state.faults)
    }

    /// Ends all faults; counters stay.
    pub fn heal(&self) {
        *self.faults() = Faults::default();
    }

    /// Resets all connections.
    pub fn reset_connections(&self) {
        lock(&self.state.cutters)
            .drain(..)
            .for_each(|cutter| cutter.cut());
    }

    /// Connections so far, refused ones included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen().connections
    }

    /// Connections at this moment.
    #[must_use]
    pub fn live_connections(&self) -> usize {
        self.seen().live_connections
    }

    /// The most connections that there were at once.
    #[must_use]
    pub fn most_connections(&self) -> usize {
        self.seen().most_connections
    }

    /// Passwords that were refused so far.
    #[must_use]
    pub fn auth_failures(&self) -> usize {
        self.seen().auth_failures
    }

    /// How often a file whose path contains this was opened for writing.
    #[must_use]
    pub fn writes_opened(&self, path_contains: &str) -> usize {
        self.count(|seen| {
            seen.kind == Kind::Open && seen.writes && seen.path.contains(path_contains)
        })
    }

    /// How often the removal of such a file was asked for.
    #[must_use]
    pub fn removed(&self, path_contains: &str) -> usize {
        self.count(|seen| seen.kind == Kind::Remove && seen.path.contains(path_contains))
    }

    /// How often a rename, of either kind, to such a path was asked for.
    #[must_use]
    pub fn renamed_to(&self, path_contains: &str) -> usize {
        self.count(|seen| {
            (seen.target.as_ref()).is_some_and(|target| target.contains(path_contains))
        })
    }

    /// How many requests fulfil a condition; failed ones count too, reads,
    /// writes and each channel's first do not.
    #[must_use]
    pub fn count(&self, condition: impl Fn(&Operation) -> bool) -> usize {
        let seen = self.seen();
        seen.operations
            .iter()
            .filter(|operation| condition(operation))
            .count()
    }

    /// The requests that [`count`](Self::count) looks at, in their order.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.seen().operations.clone()
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.seen().bytes_written
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.seen().bytes_read
    }

    /// Files and folders that clients hold open at this moment.
    #[must_use]
    pub fn open_handles(&self) -> usize {
        self.open_handles.load(Ordering::SeqCst)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.state.seen)
    }
}

impl Drop for FaultySftp {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Default)]
struct State {
    faults: Mutex<Faults>,
    seen: Mutex<Seen>,
    cutters: Mutex<Vec<Cutter>>,
}

impl Hooks for State {
    fn admit(&self) -> Admission {
        let mut faults = lock(&self.faults);
        if faults.hang {
            return Admission::Hold;
        }
        let mut seen = lock(&self.seen);
        seen.connections += 1;
        if faults.refuse_connections > 0 {
            faults.refuse_connections -= 1;
            return Admission::Refuse;
        }
        if (faults.connection_limit).is_some_and(|limit| seen.live_connections >= limit) {
            return Admission::Refuse;
        }
        seen.live_connections += 1;
        seen.most_connections = seen.most_connections.max(seen.live_connections);
        Admission::Serve
    }

    fn connected(&self, cutter: &Cutter) {
        lock(&self.cutters).push(cutter.clone());
    }

    fn disconnected(&self) {
        lock(&self.seen).live_connections -= 1;
    }

    fn signed_in(&self, right: bool) -> bool {
        let let_in = right && !lock(&self.faults).wrong_password;
        if !let_in {
            lock(&self.seen).auth_failures += 1;
        }
        let_in
    }

    fn offers(&self, extension: &str) -> bool {
        !lock(&self.faults).without.contains(extension)
    }

    fn around(&self, operation: &Operation, carry_out: &mut dyn FnMut() -> Packet) -> Outcome {
        let kind = operation.kind;
        if !matches!(kind, Kind::Read | Kind::Write | Kind::Other) {
            lock(&self.seen).operations.push(operation.clone());
        }
        if let Some(outcome) = self.instead(operation) {
            return outcome;
        }
        let mut answer = carry_out();
        let moved = match (&answer, kind) {
            (Packet::Data(read), _) => read.data.len() as u64,
            (_, Kind::Write) if is_ok(&answer) => operation.bytes,
            _ => 0,
        };
        if !self.count_bytes(kind, moved) {
            return Outcome::Disconnect;
        }
        self.spoil(operation, &mut answer);
        Outcome::Answer(answer)
    }
}

impl State {
    /// What happens instead of the request, if something does.
    fn instead(&self, operation: &Operation) -> Option<Outcome> {
        let mut faults = lock(&self.faults);
        let status = |code, words| {
            Some(Outcome::Answer(Packet::status(
                operation.id,
                code,
                words,
                "en",
            )))
        };
        if faults.hang {
            return Some(Outcome::Silence);
        }
        if let Some(code) = faults.planned_failure(operation) {
            return status(code, "planned failure");
        }
        match operation.kind {
            Kind::Write
                if faults
                    .disk_full_after
                    .is_some_and(|left| operation.bytes > left) =>
            {
                faults.disk_full_after = Some(0);
                status(StatusCode::Failure, "No space left on device")
            }
            Kind::Rename | Kind::PosixRename if faults.rename_succeeds_but_does_not => {
                status(StatusCode::Ok, "")
            }
            _ => None,
        }
    }

    /// Counts what was read or written; `false` where the connection is to be
    /// reset.
    fn count_bytes(&self, kind: Kind, moved: u64) -> bool {
        let mut faults = lock(&self.faults);
        {
            let mut seen = lock(&self.seen);
            match kind {
                Kind::Write => seen.bytes_written += moved,
                _ => seen.bytes_read += moved,
            }
        }
        if let (Kind::Write, Some(left)) = (kind, faults.disk_full_after) {
            faults.disk_full_after = Some(left.saturating_sub(moved));
        }
        match faults.reset_after {
            Some(left) if moved > 0 && moved >= left => {
                faults.reset_after = None;
                false
            }
            left => {
                faults.reset_after = left.map(|left| left - moved);
                true
            }
        }
    }

    /// Changes the answer to a request that was carried out.
    fn spoil(&self, operation: &Operation, answer: &mut Packet) {
        let faults = lock(&self.faults);
        let failure = |words| Packet::status(operation.id, StatusCode::Failure, words, "en");
        match (operation.kind, &mut *answer) {
            (Kind::Rename | Kind::PosixRename, _) if faults.rename_fails_but_happens => {
                *answer = failure("Failure");
            }
            (Kind::Close, _) if faults.quota_at_close && operation.writes => {
                *answer = failure("Disk quota exceeded");
            }
            (Kind::Stat, Packet::Attrs(stat)) if stat.attrs.is_regular() => {
                stat.attrs.size = stat.attrs.size.map(|size| size + faults.lie_about_size);
            }
            (Kind::StatVfs, Packet::ExtendedReply(reply)) if faults.disk_full_after == Some(0) => {
                nothing_free(reply);
            }
            _ => {}
        }
    }
}

/// Sets `f_bfree` and `f_bavail`, the fourth and fifth of eleven numbers, to 0.
fn nothing_free(reply: &mut ExtendedReply) {
    reply.data[24..40].fill(0);
}

fn is_ok(answer: &Packet) -> bool {
    matches!(answer, Packet::Status(status) if status.status_code == StatusCode::Ok)
}

/// A test that panicked must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
