//! Maps errors of `ssh2` to [`StorageError`]. No other module does.

use std::io;

use ssh2::ErrorCode;

use crate::error::StorageError;

/// libssh2 error code: the server returned an SFTP status. In I/O errors,
/// `ssh2` hides the status.
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

/// Converts an error of an action (`writing`, `renaming`, …) on a path. A
/// session error means that the session can no longer be used. The generic
/// `SFTP(4)` becomes a transient error, and the caller determines its cause.
pub(super) fn classify(error: &ssh2::Error, doing: &str, path: &str) -> StorageError {
    let words = error.message();
    let ErrorCode::SFTP(code) = error.code() else {
        return StorageError::connection(format!(
            "the connection to the storage broke while {doing} {path}: {words}"
        ));
    };
    match code {
        status::NO_SUCH_FILE | status::NO_SUCH_PATH => StorageError::Missing {
            path: path.to_owned(),
        },
        status::PERMISSION_DENIED | status::WRITE_PROTECT => {
            StorageError::permission(format!("{doing} {path} is refused: {words}"))
        }
        status::NO_SPACE | status::QUOTA => {
            StorageError::no_space(format!("{doing} {path} failed: {words}"))
        }
        status::NO_CONNECTION | status::CONNECTION_LOST => {
            StorageError::connection(format!("{doing} {path} failed: {words}"))
        }
        _ => StorageError::operation(format!("{doing} {path} failed: {words} (SFTP {code})")),
    }
}

/// Restores the error behind an I/O error of `ssh2`'s `Read` and `Write`, which
/// keep its message but drop its code. `last` is the session's last error.
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
    use crate::error::Reason;

    fn kind_of(code: ErrorCode) -> StorageError {
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
            StorageError::Transient { .. }
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
}
