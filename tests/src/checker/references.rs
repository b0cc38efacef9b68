//! Whether every tag and manifest can be pulled whole.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Repository;
use super::walk::{Walk, digest_path};

/// Media types of layers that need not be here: their bytes may only be had
/// from elsewhere.
const NOT_DISTRIBUTABLE: [&str; 2] = [
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
];

/// Each step looks at all repositories, so that nothing that is published
/// meanwhile is missed by a later one.
pub(super) fn check(walk: &mut Walk) {
    let root = walk.base.join("repositories");
    find_repositories(walk, &root, "");
    let names: Vec<String> = walk.report.repositories.keys().cloned().collect();
    for name in &names {
        read_tags(walk, name);
    }
    for name in &names {
        read_revisions(walk, name);
    }
    for name in &names {
        tags_resolve(walk, name);
        manifests_are_whole(walk, name);
    }
    for name in &names {
        read_layers(walk, name);
    }
}

/// A repository is a folder with a `_layers` or a `_manifests` folder; others
/// may lie below it.
fn find_repositories(walk: &mut Walk, folder: &Path, name: &str) {
    for entry in walk.folders(folder) {
        match entry.name.as_str() {
            "_layers" | "_manifests" if !name.is_empty() => {
                let known = &mut walk.report.repositories;
                known.entry(name.to_owned()).or_default();
            }
            // Other registries on the same tree keep their uploads there.
            "_uploads" if !name.is_empty() => {}
            component if component.starts_with('_') => walk.find(&entry.path, "unknown folder"),
            component if name.is_empty() => find_repositories(walk, &entry.path, component),
            component => find_repositories(walk, &entry.path, &format!("{name}/{component}")),
        }
    }
}

fn read_tags(walk: &mut Walk, name: &str) {
    let folder = walk.repository(name).join("_manifests/tags");
    for tag in walk.folders(&folder) {
        let link = tag.path.join("current/link");
        let Some(digest) = walk.link(&link) else {
            if !link.exists() {
                walk.find(&tag.path, "a tag without current/link");
            }
            continue;
        };
        let index = tag.path.join("index");
        if !walk.linked_digests(&index).contains(&digest) {
            walk.find(
                &tag.path,
                &format!("no index link for its current {digest}"),
            );
        }
        entry_of(walk, name).tags.insert(tag.name, digest);
    }
}

fn read_revisions(walk: &mut Walk, name: &str) {
    let folder = walk.repository(name).join("_manifests/revisions");
    let digests = walk.linked_digests(&folder);
    entry_of(walk, name).revisions.extend(digests);
}

fn read_layers(walk: &mut Walk, name: &str) {
    let folder = walk.repository(name).join("_layers");
    for digest in walk.linked_digests(&folder) {
        if !walk.blob(&digest).is_file() {
            walk.find(&folder.join(digest_path(&digest)), "its blob is missing");
        }
        entry_of(walk, name).layers.insert(digest);
    }
}

fn tags_resolve(walk: &mut Walk, name: &str) {
    let repository = entry_of(walk, name).clone();
    for (tag, digest) in repository.tags {
        if !repository.revisions.contains(&digest) {
            let folder = walk.repository(name).join("_manifests/tags").join(tag);
            walk.find(
                &folder,
                &format!("points to {digest}, which is no revision"),
            );
        }
    }
}

fn manifests_are_whole(walk: &mut Walk, name: &str) {
    for digest in entry_of(walk, name).revisions.clone() {
        let revisions = walk.repository(name).join("_manifests/revisions");
        let here = revisions.join(digest_path(&digest));
        let Ok(bytes) = fs::read(walk.blob(&digest)) else {
            walk.find(&here, "its manifest's bytes are missing");
            continue;
        };
        let Ok(manifest) = serde_json::from_slice::<Value>(&bytes) else {
            walk.find(&here, "its manifest is no JSON");
            continue;
        };
        let layers = list(&manifest, "layers").filter(|layer| !may_be_absent(layer));
        let config = manifest.get("config").into_iter();
        for blob in config.chain(layers) {
            blob_is_there(walk, name, &here, blob);
        }
        for child in list(&manifest, "manifests") {
            child_is_there(walk, name, &here, child);
        }
    }
}

fn blob_is_there(walk: &mut Walk, name: &str, manifest: &Path, descriptor: &Value) {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    if !walk.blob(digest).is_file() {
        walk.find(manifest, &format!("its blob {digest} is missing"));
    }
    let link = walk
        .repository(name)
        .join("_layers")
        .join(digest_path(digest))
        .join("link");
    if !link.is_file() {
        walk.find(
            manifest,
            &format!("its blob {digest} has no layer link in {name}"),
        );
    }
}

fn child_is_there(walk: &mut Walk, name: &str, manifest: &Path, descriptor: &Value) {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    let revisions = walk.repository(name).join("_manifests/revisions");
    if !revisions.join(digest_path(digest)).join("link").is_file() {
        walk.find(
            manifest,
            &format!("its child {digest} is no revision of {name}"),
        );
    }
    if !walk.blob(digest).is_file() {
        walk.find(
            manifest,
            &format!("the bytes of its child {digest} are missing"),
        );
    }
}

fn list<'a>(manifest: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    manifest[field].as_array().into_iter().flatten()
}

fn may_be_absent(layer: &Value) -> bool {
    let media_type = layer["mediaType"].as_str().unwrap_or_default();
    NOT_DISTRIBUTABLE
        .iter()
        .any(|prefix| media_type.starts_with(prefix))
}

fn entry_of<'a>(walk: &'a mut Walk, name: &str) -> &'a mut Repository {
    walk.report.repositories.entry(name.to_owned()).or_default()
}
