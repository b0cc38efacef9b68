//! Reading folders, links and digests; what cannot be read is a finding.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Report;

/// A walk over one tree, with what it has found so far.
pub(super) struct Walk {
    /// `docker/registry/v2`.
    pub(super) base: PathBuf,
    /// What was found.
    pub(super) report: Report,
}

/// An entry of a folder: a file or a folder, nothing else.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_folder: bool,
}

impl Walk {
    pub(super) fn new(tree: &Path) -> Self {
        let mut walk = Self {
            base: tree.join("docker/registry/v2"),
            report: Report::default(),
        };
        if !walk.base.is_dir() {
            let base = walk.base.clone();
            walk.find(&base, "there is no registry here");
        }
        walk
    }

    /// What was found; once, though both parts of the walk saw it.
    pub(super) fn into_report(mut self) -> Report {
        self.report.findings.sort();
        self.report.findings.dedup();
        self.report
    }

    /// Notes that something is wrong with a file or folder.
    pub(super) fn find(&mut self, path: &Path, what: &str) {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        self.report
            .findings
            .push(format!("{}: {what}", path.display()));
    }

    /// A folder's entries by name; none where it does not exist (any more).
    pub(super) fn entries(&mut self, folder: &Path) -> Vec<Entry> {
        let mut entries = Vec::new();
        let read = match fs::read_dir(folder) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return entries,
            Err(error) => {
                self.find(folder, &format!("cannot be listed: {error}"));
                return entries;
            }
        };
        for entry in read.filter_map(Result::ok) {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() || kind.is_file() {
                let (path, is_folder) = (entry.path(), kind.is_dir());
                entries.push(Entry {
                    name,
                    path,
                    is_folder,
                });
            } else {
                self.find(&entry.path(), "neither a file nor a folder");
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// The folders in a folder; a file among them is a finding.
    pub(super) fn folders(&mut self, folder: &Path) -> Vec<Entry> {
        let (folders, files): (Vec<Entry>, Vec<Entry>) = self
            .entries(folder)
            .into_iter()
            .partition(|entry| entry.is_folder);
        for file in files {
            self.find(&file.path, "unknown file");
        }
        folders
    }

    /// The digests that `<alg>/<hex>` folders below a folder stand for.
    pub(super) fn digest_folders(&mut self, folder: &Path) -> Vec<(String, PathBuf)> {
        let mut digests = Vec::new();
        for algorithm in self.folders(folder) {
            for hex in self.folders(&algorithm.path) {
                let digest = format!("{}:{}", algorithm.name, hex.name);
                if is_digest(&digest) {
                    digests.push((digest, hex.path));
                } else {
                    self.find(&hex.path, "no digest");
                }
            }
        }
        digests
    }

    /// The digests with a link of their own below a folder. A link that says
    /// something else than its place is a finding.
    pub(super) fn linked_digests(&mut self, folder: &Path) -> Vec<String> {
        let mut linked = Vec::new();
        for (digest, path) in self.digest_folders(folder) {
            let link = path.join("link");
            if let Some(target) = self.link(&link) {
                if target == digest {
                    linked.push(digest);
                } else {
                    self.find(&link, &format!("holds {target}, not its own digest"));
                }
            }
        }
        linked
    }

    /// Returns the digest in a link, or `None` without a link.
    pub(super) fn link(&mut self, link: &Path) -> Option<String> {
        match fs::read_to_string(link) {
            Ok(text) if is_digest(&text) => Some(text),
            Ok(text) if text.is_empty() => {
                self.find(link, "an empty link");
                None
            }
            Ok(text) => {
                self.find(link, &format!("holds no digest but {text:?}"));
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.find(link, &format!("cannot be read: {error}"));
                None
            }
        }
    }

    /// Where a repository's files are.
    pub(super) fn repository(&self, name: &str) -> PathBuf {
        self.base.join("repositories").join(name)
    }

    /// Where a blob's bytes are.
    pub(super) fn blob(&self, digest: &str) -> PathBuf {
        let (algorithm, hex) = digest.split_once(':').unwrap_or((digest, digest));
        let prefix = hex.get(..2).unwrap_or(hex);
        self.base
            .join("blobs")
            .join(algorithm)
            .join(prefix)
            .join(hex)
            .join("data")
    }
}

/// `<alg>/<hex>`, as digests stand in paths of links.
pub(super) fn digest_path(digest: &str) -> String {
    digest.replacen(':', "/", 1)
}

/// Whether this is a well-formed digest of an algorithm that we know.
pub(super) fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    let hex = text.split_once(':').map_or("", |(_, hex)| hex);
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    hex.len() == length && hex.bytes().all(digit)
}
