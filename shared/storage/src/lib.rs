//! The storage backend that holds the registry's tree.
//!
//! Guarantees:
//! - [`Storage`] is the contract. Its comments state what is atomic, what is
//!   durable, and what may run twice. [`sftp`] and [`folder`] implement it.
//! - Every path comes from [`layout`], which draws the whole tree. A
//!   [`RemotePath`] cannot leave the storage's root.
//! - No partial file is visible under its final name.
//! - Every error is a [`StorageError`]: transient, needs a person, or missing.
//!   Nothing else decides about retries.
//! - The crate depends on neither the database nor the spool.

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

/// Opens the storage described by the settings, for a process with this role.
/// Does not connect to the storage or access it before it is used.
///
/// # Errors
/// If the SFTP session pool cannot be created.
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
