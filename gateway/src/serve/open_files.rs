//! The number of connections that the limit of open files allows. Each
//! connection needs a file descriptor, and most need a second one for the blob
//! being transferred.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors per active connection.
const EACH: u64 = 2;

/// File descriptors for everything else: the database, SFTP sessions, the log.
const OTHERS: u64 = 256;

/// The minimum useful number of connections.
const LEAST: usize = 16;

/// Returns the number of connections: `wanted`, or fewer if there are not
/// enough file descriptors. The default limit of a shell, 1024, is raised as
/// far as possible.
pub(super) fn connections(wanted: usize) -> usize {
    let most = most(raised());
    if most < wanted {
        tracing::warn!(
            wanted,
            most,
            "MAX_CONNECTIONS is more than the limit of open files allows (ulimit -n)"
        );
    }
    wanted.min(most)
}

/// Raises the process's limit of open files and returns it; `None` if it is
/// unlimited.
fn raised() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

fn most(files: Option<u64>) -> usize {
    let Some(files) = files else {
        return usize::MAX;
    };
    let connections = files.saturating_sub(OTHERS) / EACH;
    usize::try_from(connections)
        .unwrap_or(usize::MAX)
        .max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_leaves_files_for_others() {
        assert_eq!(most(None), usize::MAX);
        assert_eq!(most(Some(0)), LEAST);
        assert_eq!(most(Some(1024)), 384);
        assert_eq!(most(Some(65_536)), 32_640);
    }
}
