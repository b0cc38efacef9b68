//! A conformance suite for [`Storage`] with one check per promise. Every
//! implementation must pass all checks. Only tests depend on this crate.

mod files;
mod folders;
mod readings;
mod small_files;
mod tree;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use refity_storage::{Guard, NewFile, RemotePath, Storage};
use refity_types::digest::Digest;

/// A storage under test.
#[derive(Clone)]
pub struct Subject {
    /// The storage, with a root of its own.
    pub storage: Arc<dyn Storage>,
    /// Path of the root on this machine, for inspecting and damaging files.
    pub root: PathBuf,
    /// Whether replacing a file is atomic (`posix-rename` on SFTP).
    pub replaces_in_one_step: bool,
    /// Whether the storage reports its disk space.
    pub tells_space: bool,
}

/// A check of one promise.
pub struct Check {
    /// The operation and its promise.
    pub name: &'static str,
    run: fn(Subject) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The result of a check.
pub struct Outcome {
    /// Name of the check.
    pub name: &'static str,
    /// The failure, if the check failed.
    pub failure: Option<String>,
}

macro_rules! checks {
    ($($name:literal => $run:path,)*) => {
        &[$(Check { name: $name, run: |subject| Box::pin($run(subject)) },)*]
    };
}

/// All checks.
pub const CHECKS: &[Check] = checks![
    "write_new stores a file whole under its final name" => files::stored_whole,
    "write_new replaces truncated and wrong bytes" => files::heals,
    "write_new makes vanished folders again" => files::makes_folders_again,
    "write_new reports progress up to the size" => files::reports_progress,
    "write_new never publishes bytes of another length or digest" => files::refuses_damaged_bytes,
    "write_new leaves nothing of a source that fails" => files::failing_source,
    "write_new ends when its guard no longer holds" => files::cancelled,
    "write_new may run twice at once" => files::twice_at_once,
    "replace_small replaces" => small_files::replaces,
    "replace_small shows the old or the new file, never a part" => small_files::never_partial,
    "replace_small asks its guard before it replaces" => small_files::guarded,
    "create_small has one winner" => small_files::one_winner,
    "read_small refuses a larger file" => small_files::bounded,
    "publish_folder publishes whole and leaves an old folder alone" => folders::published_whole,
    "make_folder may run twice" => folders::made_twice,
    "make_folder names a file in the way" => folders::file_in_the_way,
    "list brings every entry, in pieces" => folders::listed,
    "list of a missing folder is empty" => folders::missing_is_empty,
    "rename moves files and folders" => folders::renamed,
    "rename of nothing is missing" => folders::rename_of_nothing,
    "rename and remove ask their guard" => folders::guarded,
    "remove takes files only and may run twice" => folders::removed,
    "remove_tree takes everything and follows no link" => folders::tree_removed,
    "remove_if_empty leaves what is not empty" => folders::only_if_empty,
    "stat tells files, folders and nothing apart" => readings::stat,
    "read brings any range" => readings::ranges,
    "read of nothing is missing, of a folder needs a person" => readings::not_a_file,
    "read that is abandoned frees its connection" => readings::abandoned,
    "reserve keeps its connection" => readings::reserved,
    "space and features are told" => readings::space_and_features,
    "probe succeeds and leaves nothing" => readings::probed,
    "the tree has one owner" => tree::one_owner,
    "links and tags are removed, and may be twice" => tree::links_and_tags,
];

/// Runs all checks, one after another. A failed check does not stop the others.
pub async fn run(subject: &Subject) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for check in CHECKS {
        let running = tokio::spawn((check.run)(subject.clone()));
        let ended = tokio::time::timeout(CHECK_MAX, running).await;
        let failure = match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(panic_words(error)),
            Err(_) => Some("it did not end in time".to_owned()),
        };
        outcomes.push(Outcome {
            name: check.name,
            failure,
        });
    }
    outcomes
}

/// Timeout of a check.
const CHECK_MAX: Duration = Duration::from_secs(120);

fn panic_words(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "it was cancelled".to_owned();
    };
    match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(panic) => match panic.downcast::<&str>() {
            Ok(words) => (*words).to_owned(),
            Err(_) => "it panicked".to_owned(),
        },
    }
}

impl Subject {
    /// Returns the local path.
    fn outside(&self, path: &RemotePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// Stores bytes in a file.
    async fn store(&self, target: &RemotePath, bytes: &[u8]) {
        let stored = self.storage.write_new(new_file(target, bytes)).await;
        stored.unwrap_or_else(|error| panic!("{target} is not stored: {error}"));
    }

    /// Asserts that no temporary file of the checks remains.
    fn assert_tmp_is_empty(&self) {
        let tmp = self.outside(&path("tmp"));
        let left: Vec<_> = std::fs::read_dir(tmp)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        assert!(left.is_empty(), "left: {left:?}");
    }
}

fn path(text: &str) -> RemotePath {
    RemotePath::parse(text).unwrap()
}

/// Returns a temporary path that no other call returns.
fn tmp() -> RemotePath {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(0);
    path(&format!("tmp/{}", LAST.fetch_add(1, Ordering::Relaxed)))
}

fn new_file(target: &RemotePath, bytes: &[u8]) -> NewFile {
    NewFile {
        target: target.clone(),
        tmp: tmp(),
        size: bytes.len() as u64,
        digest: Digest::sha256(bytes),
        source: Box::new(std::io::Cursor::new(bytes.to_vec())),
        progress: Box::new(|_| {}),
        guard: Guard::always(),
    }
}

/// Returns pseudo-random bytes, so that a shifted or repeated chunk is
/// detected.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
