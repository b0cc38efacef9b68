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

mod faults;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};

use refity_sandbox::hooks::Hooks;
pub use refity_sandbox::hooks::{Kind, Operation};
use refity_sandbox::secrets::random_host_key;
use refity_sandbox::server::{Account, SftpServer};
use refity_sandbox::tree::Tree;
pub use russh_sftp::protocol::StatusCode;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub use self::faults::Faults;
use self::faults::{State, Statistics, lock};

/// The account's name.
pub const USERNAME: &str = "refity";
/// The account's password.
pub const PASSWORD: &str = "faulty";

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

    /// The variables with which our programs use this server.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let own = [
            ("FTP_HOST", "127.0.0.1"),
            ("FTP_PORT", &self.port.to_string()),
            ("FTP_USERNAME", USERNAME),
            ("FTP_PASSWORD", PASSWORD),
            ("FTP_PRIVATE_KEY", ""),
        ];
        own.map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
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

    fn seen(&self) -> MutexGuard<'_, Statistics> {
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
