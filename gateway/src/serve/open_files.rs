//! How many connections the system lets the process have: each takes a file
//! descriptor, and most a second one for the blob that goes through it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of a connection that is in use.
const EACH: u64 = 2;

/// Descriptors for all else: the database, sessions to SFTP, the log.
const OTHERS: u64 = 256;

/// The fewest connections that are of any use.
const LEAST: usize = 16;

/// As many connections of those that are wanted as there are descriptors for.
/// The limit that a shell gives, 1024, is raised as far as it goes.
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

/// The process's limit of open files; `None` without a limit.
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
