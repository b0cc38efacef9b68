//! The SFTP storage, as blocking sessions behind an asynchronous pool.
//!
//! [`Pool`] lends a [`Session`]; the functions of [`write`], [`read`] and
//! [`owner`] work on one. All paths come from [`Layout`]. Every error is a
//! [`RemoteError`]: it may pass, it needs a person, or something is missing.
//!
//! What is written goes to a temporary name first and is renamed when it is
//! whole; nothing here ever opens a final name for writing.

mod auth;
pub mod config;
mod dial;
pub mod error;
mod folders;
pub mod known_hosts;
mod lent;
pub mod owner;
pub mod pool;
mod posix_rename;
pub mod read;
mod remove;
pub mod session;
mod slots;
pub mod write;

pub use config::{RemoteAuth, RemoteConfig, Role, Timeouts};
pub use dial::reach;
pub use error::{Reason, RemoteError};
pub use folders::{Entry, LIST_MAX};
pub use lent::{BlockingSession, PooledSession};
pub use owner::{OwnerState, check_owner, holds_strange_images};
pub use pool::{Pool, PoolStats};
pub use posix_rename::{Extensions, Space};
pub use read::Reader;
pub use remove::{remove_if_empty, remove_link, remove_tag};
pub use session::{Meta, Session};
pub use write::{
    Placed, WriteError, place_folder, replace_small, store_file, write_small, write_temporary,
};
