//! `refity-sandbox`: an SFTP server for trying things out.
//!
//! It serves one folder to one account and nothing else: no shell, no
//! forwarding, no keys. The parts are usable as a library, so that the tests'
//! fault-injecting server is this one with [`Hooks`](hooks::Hooks).
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

/// Serve a folder by SFTP, for trying things out.
#[derive(Debug, clap::Parser)]
#[command(name = "refity-sandbox", version)]
pub struct Args {
    /// Address and port to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:2222")]
    pub listen: SocketAddr,
    /// The folder to serve, made where missing. Clients see it as `/`.
    #[arg(long)]
    pub root: PathBuf,
    /// The one account's name.
    #[arg(long, default_value = "refity")]
    pub username: String,
    /// File that holds the password, made with a random one where missing.
    /// The variable `SANDBOX_PASSWORD` takes precedence over it.
    #[arg(long)]
    pub password_file: Option<PathBuf>,
    /// File that holds the Ed25519 host key, made where missing.
    #[arg(long)]
    pub host_key: PathBuf,
}

/// Why the sandbox could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Neither `SANDBOX_PASSWORD` nor `--password-file` was given.
    #[error("no password: set SANDBOX_PASSWORD or give --password-file FILE")]
    NoPassword,
    /// A secret could not be read or made.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The folder could not be made or opened.
    #[error("cannot serve {}: {error}", path.display())]
    Root {
        /// The folder as given.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address as given.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// Signals could not be watched, or standard output is gone.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT. Prints `listening on ADDRESS` once clients
/// may connect.
///
/// # Errors
/// [`SandboxError`]: the start failed; nothing was served.
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
