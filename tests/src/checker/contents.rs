//! Whether every blob is what its name says, and nothing unknown lies around.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256, Sha512};

use super::Tmp;
use super::walk::{Entry, Walk, is_digest};

const BUFFER: usize = 1 << 20;

pub(super) fn check(walk: &mut Walk, tmp: &Tmp) {
    let base = walk.base.clone();
    for entry in walk.folders(&base) {
        match entry.name.as_str() {
            "blobs" => blobs(walk, &entry.path),
            "repositories" => repositories(walk),
            "_refity" => own_folder(walk, &entry.path, tmp),
            _ => walk.find(&entry.path, "unknown folder"),
        }
    }
}

fn blobs(walk: &mut Walk, folder: &Path) {
    for algorithm in walk.folders(folder) {
        for prefix in walk.folders(&algorithm.path) {
            for hex in walk.folders(&prefix.path) {
                let digest = format!("{}:{}", algorithm.name, hex.name);
                if is_digest(&digest)
                    && hex.name.starts_with(&prefix.name)
                    && prefix.name.len() == 2
                {
                    blob(walk, &digest, &hex.path);
                } else {
                    walk.find(&hex.path, "no digest, or in the wrong place");
                }
            }
        }
    }
}

/// A folder without `data` is fine: one is made before the rename, and left
/// behind by a removal.
fn blob(walk: &mut Walk, digest: &str, folder: &Path) {
    for entry in walk.entries(folder) {
        if entry.name != "data" || entry.is_folder {
            walk.find(&entry.path, "unknown, where only data may be");
            continue;
        }
        match hash(&entry.path, digest) {
            Ok((hex, size)) if digest.ends_with(&hex) => {
                walk.report.blobs.insert(digest.to_owned(), size);
            }
            Ok((hex, size)) => {
                walk.find(&entry.path, &format!("its {size} bytes hash to {hex}"));
            }
            Err(error) => walk.find(&entry.path, &format!("cannot be read: {error}")),
        }
    }
}

/// The hex digits of a file's hash, by the algorithm of this digest, and its size.
fn hash(path: &Path, digest: &str) -> io::Result<(String, u64)> {
    if digest.starts_with("sha512:") {
        hash_with(Sha512::new(), path)
    } else {
        hash_with(Sha256::new(), path)
    }
}

fn hash_with(mut hasher: impl Digest, path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; BUFFER];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
    let hex = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((hex, size))
}

/// Links were read before; this finds what has no place beside them.
fn repositories(walk: &mut Walk) {
    let names: Vec<String> = walk.report.repositories.keys().cloned().collect();
    for name in names {
        let repository = walk.repository(&name);
        for required in ["_layers", "_manifests/tags"] {
            let folder = repository.join(required);
            if !folder.is_dir() {
                walk.find(&folder, "must exist, even when empty");
            }
        }
        only_links(walk, &repository.join("_layers"));
        for entry in walk.folders(&repository.join("_manifests")) {
            match entry.name.as_str() {
                "revisions" => only_links(walk, &entry.path),
                "tags" => tags(walk, &entry.path),
                _ => walk.find(&entry.path, "unknown folder"),
            }
        }
    }
}

fn tags(walk: &mut Walk, folder: &Path) {
    for tag in walk.folders(folder) {
        for entry in walk.folders(&tag.path) {
            match entry.name.as_str() {
                "current" => only_link(walk, &entry.path),
                "index" => only_links(walk, &entry.path),
                _ => walk.find(&entry.path, "unknown folder"),
            }
        }
    }
}

fn only_links(walk: &mut Walk, folder: &Path) {
    for (_, path) in walk.digest_folders(folder) {
        only_link(walk, &path);
    }
}

fn only_link(walk: &mut Walk, folder: &Path) {
    for entry in walk.entries(folder) {
        if entry.name != "link" || entry.is_folder {
            walk.find(&entry.path, "unknown, where only a link may be");
        }
    }
}

fn own_folder(walk: &mut Walk, folder: &Path, tmp: &Tmp) {
    for entry in walk.entries(folder) {
        match (entry.name.as_str(), entry.is_folder) {
            ("owner", false) | ("trash" | "backup", true) => {}
            ("tmp", true) => tmp_files(walk, &entry.path, tmp),
            ("groups", true) => groups(walk, &entry.path),
            _ => walk.find(&entry.path, "unknown"),
        }
    }
}

fn groups(walk: &mut Walk, folder: &Path) {
    for entry in walk.entries(folder) {
        if !is_empty_file(&entry) {
            walk.find(&entry.path, "a group's marker is an empty file");
        }
    }
}

fn is_empty_file(entry: &Entry) -> bool {
    !entry.is_folder
        && entry
            .path
            .metadata()
            .is_ok_and(|metadata| metadata.len() == 0)
}

/// Names are `<installation>.<job>.<attempt>`.
fn tmp_files(walk: &mut Walk, folder: &Path, tmp: &Tmp) {
    for entry in walk.entries(folder) {
        let job = entry.name.split('.').nth(1).unwrap_or_default();
        let unfinished = match tmp {
            Tmp::MustBeEmpty => false,
            Tmp::OfJobs(jobs) => jobs.contains(job),
        };
        if !unfinished {
            walk.find(&entry.path, "outlived its job");
        }
    }
}
