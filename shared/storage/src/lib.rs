//! The storage: where the registry's tree is kept.
//!
//! What this crate promises:
//! - [`Storage`] is the contract; its comments say what is atomic, what is
//!   durable, and what may run twice. [`sftp`] and [`folder`] fulfil it.
//! - Every path comes from [`layout`], which draws the whole tree, as a
//!   [`RemotePath`], which cannot leave the storage's root.
//! - No partial file is visible under its final name.
//! - Every error is a [`StorageError`]: it may pass, it needs a person, or
//!   something is missing. Nothing else decides about retries.
//! - It knows neither the database nor the spool.

mod error;
pub mod folder;
pub mod layout;
mod link;
mod owner;
mod path;
pub mod sftp;
mod source;
mod storage;
mod stream;

use std::path::Path;
use std::sync::Arc;

use refity_config::StorageSettings;

pub use error::{ChangeError, Reason, Scope, StorageError};
pub use folder::FolderStorage;
pub use layout::{TmpName, TrashName};
pub use link::{remove_link, remove_tag};
pub use owner::{OwnerState, check_owner, holds_foreign_images};
pub use path::{FileName, PathError, RemotePath};
pub use sftp::{Role, SftpStorage};
pub use storage::{
    Connections, Entry, Features, Guard, Meta, NewFile, NewFolder, Placed, ProbeStep, SmallFile,
    Space, Storage, WHOLE,
};
pub use stream::{LIST_MAX, Listing, Reading};

/// The storage of these settings, for a process of this role. Nothing is
/// connected to or looked at before it is used.
///
/// # Errors
/// When the sessions to SFTP cannot be prepared.
pub fn open(
    settings: StorageSettings,
    data_dir: &Path,
    role: Role,
) -> Result<Arc<dyn Storage>, StorageError> {
    Ok(match settings {
        StorageSettings::Folder(folder) => Arc::new(FolderStorage::new(&folder)),
        StorageSettings::Sftp(settings) => {
            let config = sftp::SftpConfig::new(settings, data_dir);
            Arc::new(SftpStorage::new(config, role)?)
        }
    })
}
