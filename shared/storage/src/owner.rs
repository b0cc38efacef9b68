//! Ownership of the tree. Two installations on one folder would delete each
//! other's files, so the second one is refused.

use refity_config::installation::InstallationId;

use crate::error::{ChangeError, Reason, StorageError};
use crate::layout;
use crate::storage::{Guard, Placed, SmallFile, Storage};

/// Maximum size of the owner file in bytes.
const OWNER_MAX: usize = 4096;

/// The result of [`check_owner`]. In each case the tree belongs to this
/// installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// The owner file already names this installation.
    Ours,
    /// There was no owner; the owner file now names this installation.
    Created,
    /// Ownership was taken over from another installation.
    TakenOver {
        /// Id of the previous owner.
        from: String,
    },
}

/// Ensures that the tree belongs to this installation.
///
/// # Errors
/// [`Reason::Owner`], naming both ids, if the tree belongs to another
/// installation and is not to be taken over.
pub async fn check_owner(
    storage: &dyn Storage,
    installation: InstallationId,
    take_over: bool,
) -> Result<OwnerState, StorageError> {
    match read_owner(storage).await? {
        Some(owner) if owner == installation.to_string() => Ok(OwnerState::Ours),
        Some(owner) if take_over => {
            replace(storage, installation).await?;
            Ok(OwnerState::TakenOver { from: owner })
        }
        Some(owner) => Err(foreign(storage, &owner, installation)),
        None => create(storage, installation).await,
    }
}

/// Returns whether the tree contains repositories that this installation's
/// index cannot know: the tree belongs to another installation, or to none yet.
///
/// # Errors
/// If the storage fails.
pub async fn holds_foreign_images(
    storage: &dyn Storage,
    installation: InstallationId,
) -> Result<bool, StorageError> {
    if read_owner(storage).await? == Some(installation.to_string()) {
        return Ok(false);
    }
    let mut repositories = storage.list(&layout::repositories()).await?;
    while let Some(piece) = repositories.next().await {
        if !piece?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn create(
    storage: &dyn Storage,
    installation: InstallationId,
) -> Result<OwnerState, StorageError> {
    let placed = storage.create_small(owner_file(installation)).await;
    if let Err(error) = &placed
        && error.is_connection()
    {
        return Err(error.clone());
    }
    // The first installation to create the file is the owner; read the file to
    // find out which.
    match (read_owner(storage).await?, placed) {
        (Some(owner), _) if owner == installation.to_string() => Ok(OwnerState::Created),
        (Some(owner), _) => Err(foreign(storage, &owner, installation)),
        (None, Err(error)) => Err(error),
        // An empty file can result from a power failure of the server.
        (None, Ok(Placed::New | Placed::AlreadyThere)) => {
            replace(storage, installation).await?;
            Ok(OwnerState::Created)
        }
    }
}

async fn replace(storage: &dyn Storage, installation: InstallationId) -> Result<(), StorageError> {
    let file = owner_file(installation);
    let replaced = storage.replace_small(file, &Guard::always()).await;
    replaced.map_err(ChangeError::into_storage)
}

fn owner_file(installation: InstallationId) -> SmallFile {
    SmallFile {
        target: layout::owner(),
        // No job has the id 0; the process id makes the name unique.
        tmp: layout::tmp_name(installation, 0, i64::from(std::process::id())),
        bytes: installation.to_string().into_bytes(),
    }
}

/// Reads the id in the owner file. Returns `None` if the file is missing or
/// empty.
async fn read_owner(storage: &dyn Storage) -> Result<Option<String>, StorageError> {
    let bytes = match storage.read_small(&layout::owner(), OWNER_MAX).await {
        Err(error) if error.is_missing() => return Ok(None),
        bytes => bytes?,
    };
    let owner = String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok((!owner.is_empty()).then_some(owner))
}

fn foreign(storage: &dyn Storage, owner: &str, installation: InstallationId) -> StorageError {
    StorageError::person(
        Reason::Owner,
        format!(
            "the storage's folder {} belongs to the installation {owner}, and this one is \
             {installation}",
            storage.locate(&layout::base())
        ),
        "Set another FTP_ROOT or STORAGE_FOLDER, or stop the other installation and start with \
         --take-over.",
    )
}
