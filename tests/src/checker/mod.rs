//! The independent checker: reads the tree that is on SFTP as any other
//! program would, with none of our own code, and says what is wrong with it.
//!
//! ```text
//! docker/registry/v2/blobs/<alg>/ab/<hex>/data
//! docker/registry/v2/repositories/<name>/_layers/<alg>/<hex>/link
//! docker/registry/v2/repositories/<name>/_manifests/revisions/<alg>/<hex>/link
//! docker/registry/v2/repositories/<name>/_manifests/tags/<tag>/current/link
//! docker/registry/v2/repositories/<name>/_manifests/tags/<tag>/index/<alg>/<hex>/link
//! docker/registry/v2/_refity/{owner,tmp/…,trash/…,groups/<group>,backup/…}
//! ```
//!
//! The walk goes against the order of publishing (tags, revisions, layer
//! links, blobs), so that pushes which go on meanwhile look like nothing wrong.

mod contents;
mod references;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use walk::Walk;

/// What may lie in `_refity/tmp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tmp {
    /// `None` if no job is unfinished.
    MustBeEmpty,
    /// Files of these jobs.
    OfJobs(BTreeSet<String>),
}

/// What the tree holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong: one sentence each.
    pub findings: Vec<String>,
    /// The repositories by name.
    pub repositories: BTreeMap<String, Repository>,
    /// The size of each blob whose bytes hash to its digest. Empty after
    /// [`check_live`].
    pub blobs: BTreeMap<String, u64>,
}

/// What one repository holds, by digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// Where each tag points.
    pub tags: BTreeMap<String, String>,
    /// The manifests.
    pub revisions: BTreeSet<String>,
    /// The blobs that it may use.
    pub layers: BTreeSet<String>,
}

impl Report {
    /// Where a tag points.
    #[must_use]
    pub fn tag(&self, repository: &str, tag: &str) -> Option<&str> {
        let tags = &self.repositories.get(repository)?.tags;
        tags.get(tag).map(String::as_str)
    }

    /// Whether a repository has this blob, and its bytes are whole.
    #[must_use]
    pub fn has_blob(&self, repository: &str, digest: &str) -> bool {
        let linked = self.repositories.get(repository);
        linked.is_some_and(|it| it.layers.contains(digest)) && self.blobs.contains_key(digest)
    }

    /// Whether a repository has this manifest, and its bytes are whole.
    #[must_use]
    pub fn has_manifest(&self, repository: &str, digest: &str) -> bool {
        let linked = self.repositories.get(repository);
        linked.is_some_and(|it| it.revisions.contains(digest)) && self.blobs.contains_key(digest)
    }

    /// Fails the test where anything is wrong.
    ///
    /// # Panics
    /// With all findings.
    #[track_caller]
    pub fn assert_clean(&self) {
        let findings = &self.findings;
        assert!(
            findings.is_empty(),
            "{} findings:\n{}",
            findings.len(),
            findings.join("\n")
        );
    }
}

/// Checks everything below the folder that holds `docker/registry/v2`: also
/// every blob's bytes, and that nothing unknown lies around.
#[must_use]
pub fn check(tree: &Path, tmp: &Tmp) -> Report {
    let mut walk = Walk::new(tree);
    references::check(&mut walk);
    contents::check(&mut walk, tmp);
    walk.into_report()
}

/// Checks only that every tag and manifest can be pulled whole. That must
/// hold at every moment, while pushes go on too.
#[must_use]
pub fn check_live(tree: &Path) -> Report {
    let mut walk = Walk::new(tree);
    references::check(&mut walk);
    walk.into_report()
}
