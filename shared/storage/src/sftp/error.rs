//! What can go wrong with the storage, in the three kinds that decide what
//! happens next, and the one place that sorts `ssh2`'s errors into them.

use std::io;

use ssh2::ErrorCode;

/// libssh2: an SFTP status came back; `ssh2` hides its number in I/O errors.
const SFTP_PROTOCOL: i32 = -31;
/// The highest SFTP status that has a name.
const LAST_STATUS: i32 = 21;

/// SFTP status codes (draft-ietf-secsh-filexfer-02, and -13 above 8).
pub(super) mod status {
    pub(in crate::sftp) const NO_SUCH_FILE: i32 = 2;
    pub(in crate::sftp) const PERMISSION_DENIED: i32 = 3;
    pub(in crate::sftp) const FAILURE: i32 = 4;
    pub(in crate::sftp) const NO_CONNECTION: i32 = 6;
    pub(in crate::sftp) const CONNECTION_LOST: i32 = 7;
    pub(in crate::sftp) const UNSUPPORTED: i32 = 8;
    pub(in crate::sftp) const NO_SUCH_PATH: i32 = 10;
    pub(in crate::sftp) const WRITE_PROTECT: i32 = 12;
    pub(in crate::sftp) const NO_SPACE: i32 = 14;
    pub(in crate::sftp) const QUOTA: i32 = 15;
}

/// Why a person is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The server refuses the account, the password or the key.
    Authentication,
    /// The server shows another key than the one that is trusted.
    HostKey,
    /// The account may not do this here.
    Permission,
    /// The disk is full or the quota is used up.
    NoSpace,
    /// Another installation owns the folder.
    Owner,
    /// Something else that does not mend itself.
    Other,
}

impl Reason {
    /// The stable text for the database and the API.
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

/// An error of the storage. Its kind alone decides whether to try again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The connection could not be made, or it broke. It may pass, and it
    /// says something about the storage as a whole, not about one operation.
    #[error("{0}")]
    Connection(String),
    /// One operation failed in a way that may pass; the session lives on.
    #[error("{0}")]
    Transient(String),
    /// It will not pass by itself.
    #[error("{message}")]
    NeedsPerson {
        /// What kind of help is needed.
        reason: Reason,
        /// What happened, in words.
        message: String,
        /// What would help.
        hint: String,
    },
    /// There is nothing at this path.
    #[error("{path} is not on the storage")]
    Missing {
        /// The remote path.
        path: String,
    },
}

impl RemoteError {
    /// Whether the dial or the session failed, and not this operation only:
    /// what the storage's health is about.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        matches!(
            self,
            Self::Connection(_)
                | Self::NeedsPerson {
                    reason: Reason::Authentication | Reason::HostKey,
                    ..
                }
        )
    }

    /// Whether trying again later may help without anybody's doing.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::Transient(_))
    }

    /// Whether there was nothing at the path.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// What a person could do, where one is needed.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NeedsPerson { hint, .. } => Some(hint),
            _ => None,
        }
    }

    /// Why a person is needed, where one is.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::NeedsPerson { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    /// The error of the storage inside an I/O error that a
    /// [`Reader`](super::Reader) returned.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    pub(super) fn person(
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

    pub(super) fn no_space(message: impl Into<String>) -> Self {
        Self::person(
            Reason::NoSpace,
            message,
            "Free space on the storage, or raise the account's quota.",
        )
    }

    pub(super) fn permission(message: impl Into<String>) -> Self {
        Self::person(
            Reason::Permission,
            message,
            "Give the account the right to write there, and check that the file system is not \
             read-only.",
        )
    }
}

impl From<RemoteError> for io::Error {
    fn from(error: RemoteError) -> Self {
        let kind = match error {
            RemoteError::Missing { .. } => io::ErrorKind::NotFound,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Sorts an error that happened while doing something (`writing`,
/// `renaming`, …) with a path. A session error means that the session can no
/// longer be used; the generic `SFTP(4)` comes out as transient, and the
/// caller looks for its cause.
pub(super) fn classify(error: &ssh2::Error, doing: &str, path: &str) -> RemoteError {
    let words = error.message();
    let ErrorCode::SFTP(code) = error.code() else {
        return RemoteError::Connection(format!(
            "the connection to the storage broke while {doing} {path}: {words}"
        ));
    };
    match code {
        status::NO_SUCH_FILE | status::NO_SUCH_PATH => RemoteError::Missing {
            path: path.to_owned(),
        },
        status::PERMISSION_DENIED | status::WRITE_PROTECT => {
            RemoteError::permission(format!("{doing} {path} is refused: {words}"))
        }
        status::NO_SPACE | status::QUOTA => {
            RemoteError::no_space(format!("{doing} {path} failed: {words}"))
        }
        status::NO_CONNECTION | status::CONNECTION_LOST => {
            RemoteError::Connection(format!("{doing} {path} failed: {words}"))
        }
        _ => RemoteError::Transient(format!("{doing} {path} failed: {words} (SFTP {code})")),
    }
}

/// The error behind an I/O error of `ssh2`'s `Read` and `Write`, which keep
/// its words and drop its code. `last` is the session's last error.
pub(super) fn from_stream(error: &io::Error, last: Option<&ssh2::Error>) -> ssh2::Error {
    let of_sftp = last.is_some_and(|last| last.code() == ErrorCode::Session(SFTP_PROTOCOL));
    if of_sftp {
        let words = error.to_string();
        for code in 1..=LAST_STATUS {
            let named = ssh2::Error::from_errno(ErrorCode::SFTP(code));
            if named.message() == words {
                return named;
            }
        }
        return ssh2::Error::from_errno(ErrorCode::SFTP(status::FAILURE));
    }
    let code = match last.map(ssh2::Error::code) {
        Some(ErrorCode::Session(code)) if code < 0 => code,
        _ if error.kind() == io::ErrorKind::TimedOut => -9,
        _ => -13,
    };
    ssh2::Error::from_errno(ErrorCode::Session(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(code: ErrorCode) -> RemoteError {
        classify(&ssh2::Error::from_errno(code), "writing", "a/b")
    }

    #[test]
    fn each_status_has_its_kind() {
        assert!(kind_of(ErrorCode::SFTP(2)).is_missing());
        assert_eq!(
            kind_of(ErrorCode::SFTP(3)).reason(),
            Some(Reason::Permission)
        );
        assert_eq!(kind_of(ErrorCode::SFTP(14)).reason(), Some(Reason::NoSpace));
        assert_eq!(kind_of(ErrorCode::SFTP(15)).reason(), Some(Reason::NoSpace));
        assert!(matches!(
            kind_of(ErrorCode::SFTP(4)),
            RemoteError::Transient(_)
        ));
        assert!(!kind_of(ErrorCode::SFTP(4)).is_connection());
        assert!(kind_of(ErrorCode::SFTP(7)).is_connection());
        assert!(kind_of(ErrorCode::Session(-9)).is_connection());
        assert!(kind_of(ErrorCode::Session(-13)).is_transient());
    }

    #[test]
    fn a_status_survives_the_stream() {
        let last = ssh2::Error::from_errno(ErrorCode::Session(SFTP_PROTOCOL));
        for code in [3, 4, 14, 15] {
            let error: io::Error = ssh2::Error::from_errno(ErrorCode::SFTP(code)).into();
            let found = from_stream(&error, Some(&last));
            assert_eq!(found.code(), ErrorCode::SFTP(code));
        }
        let timeout = io::Error::new(io::ErrorKind::TimedOut, "x");
        assert_eq!(from_stream(&timeout, None).code(), ErrorCode::Session(-9));
    }

    #[test]
    fn an_error_can_travel_through_io() {
        let error = RemoteError::Missing { path: "x".into() };
        let io: io::Error = error.clone().into();
        assert_eq!(RemoteError::from_io(&io), Some(&error));
    }
}
