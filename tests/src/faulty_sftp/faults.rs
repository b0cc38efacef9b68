//! The faults, and the hooks that bring them about.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refity_sandbox::hooks::{Admission, Hooks, Kind, Operation, Outcome};
use refity_sandbox::line::Cutter;
use russh_sftp::protocol::{ExtendedReply, Packet, StatusCode};

/// What is wrong with the server. [`Faults::default`] is a server that works.
#[derive(Debug, Default)]
pub struct Faults {
    /// No request is answered, and no new connection is spoken to. Requests
    /// that came meanwhile stay unanswered for ever.
    pub hang: bool,
    /// So long each request is thought about before it is carried out.
    pub thinks_for: Duration,
    /// Writes fail once this many more bytes were written; `statvfs` then
    /// says that nothing is free.
    pub disk_full_after: Option<u64>,
    /// Closing a file that was opened for writing fails; what was written
    /// stays.
    pub quota_at_close: bool,
    /// The connection is reset once this many more bytes were written or
    /// read, counted over all connections. Once; the next ones work.
    pub reset_after: Option<u64>,
    /// This many connections are closed before a word was said.
    pub refuse_connections: u64,
    /// Of so many connections one is served, the last of them; the others are
    /// closed before a word was said. 0 serves all.
    pub serves_one_dial_of: usize,
    /// At most this many connections at once; further ones are closed.
    pub connection_limit: Option<usize>,
    /// Files' sizes are told larger by this many bytes.
    pub lie_about_size: u64,
    /// Renames of both kinds happen and are reported as failed.
    pub rename_fails_but_happens: bool,
    /// Renames of both kinds do not happen and are reported as done.
    pub rename_succeeds_but_does_not: bool,
    /// The right password is refused.
    pub wrong_password: bool,
    without: BTreeSet<String>,
    fail_next: Vec<(Kind, String, StatusCode)>,
}

impl Faults {
    /// The next request of this kind whose path (or target) contains
    /// `path_contains` fails and does nothing. Call it twice to have two fail.
    pub fn fail_next(&mut self, kind: Kind, path_contains: &str, status: StatusCode) {
        self.fail_next
            .push((kind, path_contains.to_owned(), status));
    }

    /// From the next session on the server does not know an extension:
    /// `fsync`, `statvfs` (that of handles too) or `posix-rename`.
    pub fn without_extension(&mut self, name: &str) {
        assert!(
            ["fsync", "statvfs", "posix-rename"].contains(&name),
            "{name}"
        );
        self.without.insert(format!("{name}@openssh.com"));
        if name == "statvfs" {
            self.without.insert("fstatvfs@openssh.com".to_owned());
        }
    }

    fn planned_failure(&mut self, operation: &Operation) -> Option<StatusCode> {
        let concerns = |part: &str| {
            operation.path.contains(part)
                || (operation.target.as_ref()).is_some_and(|target| target.contains(part))
        };
        let planned = (self.fail_next.iter())
            .position(|(kind, part, _)| *kind == operation.kind && concerns(part))?;
        Some(self.fail_next.remove(planned).2)
    }
}

/// What clients did so far.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    pub(super) connections: usize,
    pub(super) live_connections: usize,
    pub(super) most_connections: usize,
    pub(super) auth_failures: usize,
    /// All requests but reads, writes and the first of a channel, in order.
    pub(super) operations: Vec<Operation>,
    pub(super) bytes_written: u64,
    pub(super) bytes_read: u64,
}

/// What the server and its connections share.
#[derive(Default)]
pub(super) struct State {
    pub(super) faults: Mutex<Faults>,
    pub(super) seen: Mutex<Statistics>,
    pub(super) cutters: Mutex<Vec<Cutter>>,
}

impl Hooks for State {
    fn admit(&self) -> Admission {
        let mut faults = lock(&self.faults);
        if faults.hang {
            return Admission::Hold;
        }
        let mut seen = lock(&self.seen);
        seen.connections += 1;
        if faults.refuse_connections > 0 {
            faults.refuse_connections -= 1;
            return Admission::Refuse;
        }
        let (dials, one_of) = (seen.connections, faults.serves_one_dial_of);
        if one_of > 0 && !dials.is_multiple_of(one_of) {
            return Admission::Refuse;
        }
        if (faults.connection_limit).is_some_and(|limit| seen.live_connections >= limit) {
            return Admission::Refuse;
        }
        seen.live_connections += 1;
        seen.most_connections = seen.most_connections.max(seen.live_connections);
        Admission::Serve
    }

    fn connected(&self, cutter: &Cutter) {
        lock(&self.cutters).push(cutter.clone());
    }

    fn disconnected(&self) {
        lock(&self.seen).live_connections -= 1;
    }

    fn signed_in(&self, right: bool) -> bool {
        let let_in = right && !lock(&self.faults).wrong_password;
        if !let_in {
            lock(&self.seen).auth_failures += 1;
        }
        let_in
    }

    fn offers(&self, extension: &str) -> bool {
        !lock(&self.faults).without.contains(extension)
    }

    fn around(&self, operation: &Operation, execute: &mut dyn FnMut() -> Packet) -> Outcome {
        let kind = operation.kind;
        if !matches!(kind, Kind::Read | Kind::Write | Kind::Other) {
            lock(&self.seen).operations.push(operation.clone());
        }
        // Each connection has a thread of its own for its requests.
        let thinks_for = lock(&self.faults).thinks_for;
        std::thread::sleep(thinks_for);
        if let Some(outcome) = self.instead(operation) {
            return outcome;
        }
        let mut answer = execute();
        let moved = match (&answer, kind) {
            (Packet::Data(read), _) => read.data.len() as u64,
            (_, Kind::Write) if is_ok(&answer) => operation.bytes,
            _ => 0,
        };
        if !self.count_bytes(kind, moved) {
            return Outcome::Disconnect;
        }
        self.spoil(operation, &mut answer);
        Outcome::Answer(answer)
    }
}

impl State {
    /// What happens instead of the request, if something does.
    fn instead(&self, operation: &Operation) -> Option<Outcome> {
        let mut faults = lock(&self.faults);
        let status = |code, words| {
            Some(Outcome::Answer(Packet::status(
                operation.id,
                code,
                words,
                "en",
            )))
        };
        if faults.hang {
            return Some(Outcome::Silence);
        }
        if let Some(code) = faults.planned_failure(operation) {
            return status(code, "planned failure");
        }
        match operation.kind {
            Kind::Write
                if faults
                    .disk_full_after
                    .is_some_and(|left| operation.bytes > left) =>
            {
                faults.disk_full_after = Some(0);
                status(StatusCode::Failure, "No space left on device")
            }
            Kind::Rename | Kind::PosixRename if faults.rename_succeeds_but_does_not => {
                status(StatusCode::Ok, "")
            }
            _ => None,
        }
    }

    /// Counts what was read or written; `false` where the connection is to be
    /// reset.
    fn count_bytes(&self, kind: Kind, moved: u64) -> bool {
        let mut faults = lock(&self.faults);
        {
            let mut seen = lock(&self.seen);
            match kind {
                Kind::Write => seen.bytes_written += moved,
                _ => seen.bytes_read += moved,
            }
        }
        if let (Kind::Write, Some(left)) = (kind, faults.disk_full_after) {
            faults.disk_full_after = Some(left.saturating_sub(moved));
        }
        match faults.reset_after {
            Some(left) if moved > 0 && moved >= left => {
                faults.reset_after = None;
                false
            }
            left => {
                faults.reset_after = left.map(|left| left - moved);
                true
            }
        }
    }

    /// Changes the answer to a request that was carried out.
    fn spoil(&self, operation: &Operation, answer: &mut Packet) {
        let faults = lock(&self.faults);
        let failure = |words| Packet::status(operation.id, StatusCode::Failure, words, "en");
        match (operation.kind, &mut *answer) {
            (Kind::Rename | Kind::PosixRename, _) if faults.rename_fails_but_happens => {
                *answer = failure("Failure");
            }
            (Kind::Close, _) if faults.quota_at_close && operation.writes => {
                *answer = failure("Disk quota exceeded");
            }
            (Kind::Stat, Packet::Attrs(stat)) if stat.attrs.is_regular() => {
                stat.attrs.size = stat.attrs.size.map(|size| size + faults.lie_about_size);
            }
            (Kind::StatVfs, Packet::ExtendedReply(reply)) if faults.disk_full_after == Some(0) => {
                nothing_free(reply);
            }
            _ => {}
        }
    }
}

/// Sets `f_bfree` and `f_bavail`, the fourth and fifth of eleven numbers, to 0.
fn nothing_free(reply: &mut ExtendedReply) {
    reply.data[24..40].fill(0);
}

fn is_ok(answer: &Packet) -> bool {
    matches!(answer, Packet::Status(status) if status.status_code == StatusCode::Ok)
}

/// A test that panicked must not hide behind a poisoned lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
