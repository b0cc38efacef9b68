//! `refity-sandbox`: a local SFTP server for demos and tests.
//!
//! Serves one folder to one account: no shell, no forwarding, no keys. As a
//! library with [`Hooks`](hooks::Hooks), it is also the fault-injecting server
//! of the tests.
//!
//! - [`server`]: connections, sign-in, channels
//! - [`session`]: the SFTP packets of one channel
//! - [`files`]: what each request does to the folder
//! - `attributes`: sizes, permissions and times
//! - [`extensions`]: OpenSSH's extensions
//! - [`tree`]: paths, and why none leaves the folder
//! - [`secrets`]: the host key and the password
//! - [`line`]: a TCP connection that can be cut

mod attributes;
pub mod extensions;
pub mod files;
pub mod hooks;
pub mod line;
pub mod secrets;
pub mod server;
pub mod session;
pub mod tree;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use self::hooks::Undisturbed;
use self::secrets::SecretError;
use self::server::{Account, SftpServer};
use self::tree::Tree;

/// Serve a folder by SFTP, for demos and tests.
#[derive(Debug, clap::Parser)]
#[command(name = "refity-sandbox", version)]
pub struct Args {
    /// Listen on this address and port; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:2222")]
    pub listen: SocketAddr,
    /// Serve this folder as `/`, creating it if missing.
    #[arg(long)]
    pub root: PathBuf,
    /// Accept this user.
    #[arg(long, default_value = "refity")]
    pub username: String,
    /// Read the password from this file, creating it with a random one if
    /// missing. The variable `SANDBOX_PASSWORD` takes precedence.
    #[arg(long)]
    pub password_file: Option<PathBuf>,
    /// Read the Ed25519 host key from this file, creating it if missing.
    #[arg(long)]
    pub host_key: PathBuf,
}

/// The sandbox could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Neither `SANDBOX_PASSWORD` nor `--password-file` was given.
    #[error("no password: set SANDBOX_PASSWORD or use --password-file FILE")]
    NoPassword,
    /// A secret could not be read or created.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The folder could not be created or opened.
    #[error("cannot serve {}: {error}", path.display())]
    Root {
        /// The configured folder.
        path: PathBuf,
        /// The system error.
        error: std::io::Error,
    },
    /// The address is in use or not local.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// The system error.
        error: std::io::Error,
    },
    /// Signals could not be handled, or standard output is closed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT. Prints `listening on ADDRESS` once clients
/// can connect.
///
/// # Errors
/// [`SandboxError`] if startup failed.
pub async fn run(args: Args) -> Result<(), SandboxError> {
    let password = match std::env::var("SANDBOX_PASSWORD") {
        Ok(password) if !password.is_empty() => password,
        _ => secrets::password(&args.password_file.ok_or(SandboxError::NoPassword)?)?,
    };
    let host_key = secrets::host_key(&args.host_key)?;
    let tree = std::fs::create_dir_all(&args.root)
        .and_then(|()| Tree::open(&args.root))
        .map_err(|error| SandboxError::Root {
            path: args.root,
            error,
        })?;
    let account = Account::new(&args.username, &password);
    let listening = |error| SandboxError::Listen {
        address: args.listen,
        error,
    };
    let listener = TcpListener::bind(args.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    writeln!(std::io::stdout(), "listening on {address}")?;

    let server = SftpServer::new(tree, account, host_key, Arc::new(Undisturbed));
    tokio::select! {
        () = server.serve(listener) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
