//! Errors of the storage, in the three kinds that decide whether to retry.

use std::io;

/// The reason why a person is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The server refuses the account, the password or the key.
    Authentication,
    /// The server presents a host key other than the trusted one.
    HostKey,
    /// The account lacks the permission.
    Permission,
    /// The disk is full or the quota is exceeded.
    NoSpace,
    /// The folder belongs to another installation.
    Owner,
    /// Another problem that does not resolve itself.
    Other,
}

impl Reason {
    /// Returns the stable text for the database and the API.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::HostKey => "host_key",
            Self::Permission => "permission",
            Self::NoSpace => "no_space",
            Self::Owner => "owner",
            Self::Other => "other",
        }
    }
}

/// The scope of a transient error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The storage as a whole: the connection failed or broke.
    Storage,
    /// A single operation; others may succeed.
    Operation,
}

/// An error of the storage. Its kind alone decides whether to retry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The same call may succeed later without help. The operation may have
    /// taken effect, or may still take effect: check before relying on the
    /// outcome, and repeat it.
    #[error("{message}")]
    Transient {
        /// The scope of the failure.
        scope: Scope,
        /// What happened.
        message: String,
    },
    /// The same call fails until a person changes something.
    #[error("{message}")]
    NeedsPerson {
        /// The kind of help needed.
        reason: Reason,
        /// What happened.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The storage responded that the path does not exist.
    #[error("{path} is not on the storage")]
    Missing {
        /// The path for display, including the storage's root.
        path: String,
    },
}

impl StorageError {
    /// Creates a transient error of the storage as a whole.
    #[must_use]
    pub fn connection(message: impl Into<String>) -> Self {
        Self::Transient {
            scope: Scope::Storage,
            message: message.into(),
        }
    }

    /// Creates a transient error of one operation.
    #[must_use]
    pub fn operation(message: impl Into<String>) -> Self {
        Self::Transient {
            scope: Scope::Operation,
            message: message.into(),
        }
    }

    /// Returns whether the error affects the storage's health, not only the
    /// failed operation.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        matches!(
            self,
            Self::Transient {
                scope: Scope::Storage,
                ..
            } | Self::NeedsPerson {
                reason: Reason::Authentication | Reason::HostKey,
                ..
            }
        )
    }

    /// Returns whether a retry may succeed without help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }

    /// Returns whether the path does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Returns what a person can do, if one is needed.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NeedsPerson { hint, .. } => Some(hint),
            _ => None,
        }
    }

    /// Returns the reason why a person is needed, if one is.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::NeedsPerson { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    /// Returns the stable text for the database and the API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Transient {
                scope: Scope::Storage,
                ..
            } => "connection",
            Self::Transient {
                scope: Scope::Operation,
                ..
            } => "transient",
            Self::Missing { .. } => "missing",
            Self::NeedsPerson { reason, .. } => reason.code(),
        }
    }

    /// Returns the storage error inside an I/O error, if there is one.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    pub(crate) fn person(
        reason: Reason,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::NeedsPerson {
            reason,
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn no_space(message: impl Into<String>) -> Self {
        Self::person(
            Reason::NoSpace,
            message,
            "Free space on the storage, or raise the account's quota.",
        )
    }

    pub(crate) fn permission(message: impl Into<String>) -> Self {
        Self::person(
            Reason::Permission,
            message,
            "Give the account the right to write there, and check that the file system is not \
             read-only.",
        )
    }

    pub(crate) fn not_a_file(path: &str) -> Self {
        Self::person(
            Reason::Other,
            format!("{path} should be a file on the storage and is a folder"),
            "Move the folder away; a new push writes the file again.",
        )
    }

    pub(crate) fn not_a_folder(path: &str) -> Self {
        Self::person(
            Reason::Other,
            format!("{path} should be a folder on the storage and is a file"),
            "Move the file away.",
        )
    }

    pub(crate) fn too_large(path: &str, limit: usize) -> Self {
        Self::person(
            Reason::Other,
            format!("{path} on the storage is larger than {limit} bytes"),
            "It is not what this registry writes there; look at it and move it away.",
        )
    }

    pub(crate) fn too_many(path: &str, limit: usize) -> Self {
        Self::person(
            Reason::Other,
            format!("{path} has more than {limit} entries"),
            "Check the folder on the storage.",
        )
    }

    pub(crate) fn too_deep(path: &str) -> Self {
        Self::person(
            Reason::Other,
            format!("{path} is too deep to be removed"),
            "Check the folder on the storage.",
        )
    }

    pub(crate) fn shorter(path: &str, size: u64, found: u64) -> Self {
        Self::operation(format!(
            "the storage took {size} bytes for {path} and holds {found}"
        ))
    }
}

impl From<StorageError> for io::Error {
    fn from(error: StorageError) -> Self {
        let kind = match error {
            StorageError::Missing { .. } => io::ErrorKind::NotFound,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// The reason why a change was not made. Only [`ChangeError::Storage`] is an
/// error of the storage; the others concern the caller's input.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The bytes to store cannot be read.
    #[error("the bytes to store cannot be read: {0}")]
    Source(#[source] io::Error),
    /// The length or digest of the bytes does not match.
    #[error("the bytes to store are damaged: {0}")]
    Damaged(String),
    /// The guard no longer held.
    #[error("given up before anything was replaced")]
    Cancelled,
}

impl ChangeError {
    /// Converts the error of a change whose source and guard cannot fail.
    #[must_use]
    pub fn into_storage(self) -> StorageError {
        match self {
            Self::Storage(error) => error,
            other => StorageError::operation(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_survive_conversion_to_io_errors() {
        let error = StorageError::Missing { path: "x".into() };
        let io: io::Error = error.clone().into();
        assert_eq!(StorageError::from_io(&io), Some(&error));
    }

    #[test]
    fn each_kind_has_its_code() {
        assert_eq!(StorageError::connection("x").code(), "connection");
        assert_eq!(StorageError::operation("x").code(), "transient");
        assert_eq!(StorageError::no_space("x").code(), "no_space");
        assert!(!StorageError::operation("x").is_connection());
    }
}
