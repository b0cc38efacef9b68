//! An SFTP server as the storage: blocking sessions behind an asynchronous
//! pool.
//!
//! [`SftpStorage`] runs the functions of `write` and `read` on a [`Session`] of
//! the [`Pool`], on a blocking thread. Files are written under a temporary name
//! and renamed once they are complete. No function opens a final name for
//! writing.

mod auth;
mod config;
mod dial;
mod error;
mod extensions;
mod folders;
pub mod known_hosts;
mod pool;
mod pooled_session;
mod probe;
mod read;
mod session;
mod slots;
mod storage;
mod write;

pub use config::{Role, SftpAuth, SftpConfig, Timeouts};
pub use extensions::Extensions;
pub use pool::Pool;
pub use pooled_session::{BlockingSession, PooledSession};
pub use session::Session;
pub use storage::SftpStorage;

/// Returns the folder of a path on the server, or `None` if the path has only
/// one component.
fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

#[cfg(test)]
mod tests {
    use super::parent;

    #[test]
    fn parents() {
        assert_eq!(parent("a/b/c"), Some("a/b"));
        assert_eq!(parent("/a"), Some("/"));
        assert_eq!(parent("a"), None);
    }
}
