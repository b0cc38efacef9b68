//! Tests all operations that the registry needs of the server, step by step.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::dial::reach;
use super::session::Session;
use super::storage::SftpStorage;
use super::write::write_temporary;
use crate::error::StorageError;
use crate::path::RemotePath;
use crate::storage::{ProbeStep, Storage as _};

/// Content of the file that a probe writes.
const PROBE: &[u8] = b"refity looks whether it can write here\n";

pub(super) async fn run(
    storage: &SftpStorage,
    files: [RemotePath; 2],
    wait: Duration,
) -> Vec<ProbeStep> {
    let mut steps = Steps::default();
    let config = storage.pool.config().clone();
    let username = config.username.clone();
    let begun = Instant::now();
    let reached = spawn_blocking(move || reach(&config)).await;
    let reached = reached.unwrap_or_else(|error| Err(StorageError::operation(error.to_string())));
    if !steps.add("connect", begun, reached) {
        return steps.0;
    }
    // An already open session would not test the password.
    storage.pool.close_idle();
    let begun = Instant::now();
    let mut session = match storage.pool.session_within(wait).await {
        Ok(session) => session,
        Err(error) => {
            steps.add("sign_in", begun, Err(error));
            return steps.0;
        }
    };
    let key = session.run(|session| session.host_key_fingerprint()).await;
    let words = format!(
        "signed in as {username}; the server's key is {}",
        key.unwrap_or_else(|| "not known".to_owned())
    );
    steps.add("sign_in", begun, Ok(words));
    let [written, renamed] = files.map(|file| storage.locate(&file));
    let root = storage.root().to_owned();
    let rest = session.run(move |session| {
        try_all(session, &mut steps, &root, &written, &renamed);
        steps
    });
    rest.await.0
}

/// Runs the steps that need a session. Blocking.
fn try_all(session: &mut Session, steps: &mut Steps, root: &str, written: &str, renamed: &str) {
    let begun = Instant::now();
    let done = write_temporary(session, written, PROBE)
        .map(|()| format!("wrote {} bytes to {written}", PROBE.len()));
    if !steps.add("write", begun, done) {
        return;
    }
    let begun = Instant::now();
    let done = session.rename_over(written, renamed);
    let in_one_step = session.extensions().is_ok_and(|it| it.posix_rename);
    let done = done.map(|()| {
        if in_one_step {
            "renamed it; the server can replace a file in one step".to_owned()
        } else {
            "renamed it; the server cannot replace a file in one step (posix-rename), so that a \
             tag that moves is away for a moment"
                .to_owned()
        }
    });
    let moved = steps.add("rename", begun, done);
    let begun = Instant::now();
    let left = if moved { renamed } else { written };
    let done = session.remove_file(left).map(|()| "removed it".to_owned());
    if !steps.add("remove", begun, done) || !moved {
        return;
    }
    let begun = Instant::now();
    let done = session.statvfs(root).and_then(|space| match space {
        None => Ok("the server does not tell its room (statvfs@openssh.com)".to_owned()),
        Some(space) if space.read_only => Err(StorageError::operation(format!(
            "the file system at {root} is read-only"
        ))),
        Some(space) => {
            let [free, total] = [space.free, space.total].map(|bytes| bytes / 1_000_000);
            Ok(format!("{free} of {total} MB are free"))
        }
    });
    steps.add("disk", begun, done);
}

/// The completed steps.
#[derive(Default)]
struct Steps(Vec<ProbeStep>);

impl Steps {
    /// Adds a step. Returns whether it succeeded.
    fn add(
        &mut self,
        name: &'static str,
        begun: Instant,
        outcome: Result<String, StorageError>,
    ) -> bool {
        let ok = outcome.is_ok();
        self.0.push(ProbeStep {
            name,
            took: begun.elapsed(),
            outcome,
        });
        ok
    }
}
