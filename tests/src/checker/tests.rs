//! A good tree made by hand, and each kind of damage done to it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::{Report, Tmp, check, check_live};
use crate::client::sha256;
use crate::image::{Format, Image, Index, descriptor};

const REPOSITORY: &str = "team/deep/app";

/// A tree with an image under `v1` and an index of two images under `multi`.
struct Tree {
    folder: TempDir,
    image: Image,
    index: Index,
}

impl Tree {
    fn good() -> Self {
        let tree = Self {
            folder: tempfile::tempdir().unwrap(),
            image: Image::random(Format::Oci, 2, 500),
            index: Index::random(Format::Docker, &["amd64", "arm64"], 1, 500),
        };
        for image in tree.index.images.iter().chain([&tree.image]) {
            for blob in image.blobs() {
                tree.put_blob(blob);
                tree.put_link("_layers", &sha256(blob));
            }
            tree.put_manifest(&image.manifest);
        }
        tree.put_manifest(&tree.index.manifest);
        tree.put_tag("v1", &tree.image.digest());
        tree.put_tag("multi", &tree.index.digest());
        tree.write("_refity/owner", b"an id");
        tree.write("_refity/groups/team", b"");
        tree.write("_refity/backup/anything", b"at all");
        tree.write("_refity/trash/anything", b"at all");
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("docker/registry/v2").join(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    fn put_blob(&self, bytes: &[u8]) {
        self.write(&data(&sha256(bytes)), bytes);
    }

    fn put_link(&self, kind: &str, digest: &str) {
        self.write(&link(kind, digest), digest.as_bytes());
    }

    fn put_manifest(&self, bytes: &[u8]) {
        self.put_blob(bytes);
        self.put_link("_manifests/revisions", &sha256(bytes));
    }

    fn put_tag(&self, tag: &str, digest: &str) {
        self.put_link(&format!("_manifests/tags/{tag}/index"), digest);
        self.write(&current(tag), digest.as_bytes());
    }

    fn check(&self) -> Report {
        check(self.folder.path(), &Tmp::MustBeEmpty)
    }

    /// Exactly these findings, each known by a part of its text.
    #[track_caller]
    fn assert_finds(&self, expected: &[&str]) {
        let findings = self.check().findings;
        assert_eq!(findings.len(), expected.len(), "{findings:#?}");
        for part in expected {
            let found = findings.iter().any(|finding| finding.contains(part));
            assert!(found, "{part:?} is not in {findings:#?}");
        }
    }
}

fn data(digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').unwrap();
    format!("blobs/{algorithm}/{}/{hex}/data", &hex[..2])
}

fn link(kind: &str, digest: &str) -> String {
    let path = digest.replace(':', "/");
    format!("repositories/{REPOSITORY}/{kind}/{path}/link")
}

fn current(tag: &str) -> String {
    format!("repositories/{REPOSITORY}/_manifests/tags/{tag}/current/link")
}

#[test]
fn a_good_tree_is_clean_and_read_whole() {
    let tree = Tree::good();
    let report = tree.check();
    report.assert_clean();
    assert_eq!(
        report.tag(REPOSITORY, "v1"),
        Some(tree.image.digest().as_str())
    );
    assert_eq!(report.tag(REPOSITORY, "none"), None);
    assert!(report.has_manifest(REPOSITORY, &tree.index.images[1].digest()));
    assert!(report.has_blob(REPOSITORY, &tree.image.id()));
    assert!(!report.has_blob("team/deep", &tree.image.id()));
    check_live(tree.folder.path()).assert_clean();
}

#[test]
fn an_absent_tree_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let report = check(folder.path(), &Tmp::MustBeEmpty);
    assert_eq!(report.findings.len(), 1, "{report:?}");
}

#[test]
fn wrong_bytes_and_half_bytes_are_found() {
    let tree = Tree::good();
    let layer = &tree.image.layers[0];
    tree.write(&data(&sha256(layer)), &layer[1..]);
    tree.assert_finds(&["bytes hash to"]);
    assert!(!tree.check().has_blob(REPOSITORY, &sha256(layer)));
}

#[test]
fn a_sha512_blob_is_hashed_with_sha512() {
    use sha2::Digest as _;
    let tree = Tree::good();
    let hash = sha2::Sha512::digest(b"x");
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    tree.write(&data(&format!("sha512:{hex}")), b"x");
    tree.check().assert_clean();
    tree.write(&data(&format!("sha512:{hex}")), b"y");
    tree.assert_finds(&["bytes hash to"]);
}

#[test]
fn a_missing_layer_is_found_from_its_manifest_and_its_link() {
    let tree = Tree::good();
    tree.remove(&data(&sha256(&tree.image.layers[1])));
    tree.assert_finds(&["its blob sha256:", "its blob is missing"]);
    assert_eq!(check_live(tree.folder.path()).findings.len(), 2);
}

#[test]
fn a_missing_config_is_found() {
    let tree = Tree::good();
    tree.remove(&data(&tree.image.id()));
    tree.assert_finds(&["its blob sha256:", "its blob is missing"]);
}

#[test]
fn a_missing_layer_link_is_found() {
    let tree = Tree::good();
    tree.remove(&link("_layers", &sha256(&tree.image.layers[0])));
    tree.assert_finds(&["has no layer link"]);
}

#[test]
fn a_foreign_layer_may_be_absent() {
    let tree = Tree::good();
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let manifest = json!({ "layers": [descriptor(foreign, b"elsewhere")] });
    tree.put_manifest(manifest.to_string().as_bytes());
    tree.check().assert_clean();
}

#[test]
fn an_absent_subject_is_fine() {
    let tree = Tree::good();
    let manifest = json!({ "subject": descriptor("any", b"nowhere"), "layers": [] });
    tree.put_manifest(manifest.to_string().as_bytes());
    tree.check().assert_clean();
}

#[test]
fn a_child_without_revision_or_bytes_is_found() {
    let tree = Tree::good();
    let child = tree.index.images[0].digest();
    tree.remove(&link("_manifests/revisions", &child));
    tree.assert_finds(&["is no revision of team/deep/app"]);
    tree.remove(&data(&child));
    tree.assert_finds(&["is no revision", "the bytes of its child"]);
}

#[test]
fn a_manifest_without_bytes_or_of_junk_is_found() {
    let tree = Tree::good();
    tree.remove(&data(&tree.image.digest()));
    tree.assert_finds(&["its manifest's bytes are missing"]);
    tree.put_manifest(b"junk");
    tree.assert_finds(&["bytes are missing", "is no JSON"]);
}

#[test]
fn a_tag_that_points_nowhere_is_found() {
    let tree = Tree::good();
    tree.put_tag("v2", &sha256(b"never pushed"));
    tree.assert_finds(&["which is no revision"]);
}

#[test]
fn a_tag_without_current_or_index_link_is_found() {
    let tree = Tree::good();
    tree.remove(&current("v1"));
    tree.assert_finds(&["a tag without current/link"]);

    let tree = Tree::good();
    tree.remove(&link("_manifests/tags/v1/index", &tree.image.digest()));
    tree.assert_finds(&["no index link"]);
}

#[test]
fn an_empty_or_torn_link_is_found() {
    let tree = Tree::good();
    tree.write(&current("v1"), b"");
    tree.write(&current("multi"), b"sha256:12");
    tree.assert_finds(&["v1/current/link: an empty link", "holds no digest"]);
}

#[test]
fn a_link_to_another_digest_than_its_place_is_found() {
    let tree = Tree::good();
    let (here, other) = (sha256(&tree.image.layers[0]), sha256(&tree.image.layers[1]));
    tree.write(&link("_layers", &here), other.as_bytes());
    tree.assert_finds(&["not its own digest"]);
}

#[test]
fn a_repository_without_its_folders_is_found() {
    let tree = Tree::good();
    fs::create_dir_all(tree.path("repositories/team/half/_manifests/revisions")).unwrap();
    tree.assert_finds(&[
        "half/_layers: must exist",
        "half/_manifests/tags: must exist",
    ]);
}

#[test]
fn what_is_unknown_is_found() {
    let tree = Tree::good();
    let blob = data(&tree.image.id());
    let unknown = [
        "other/file".to_owned(),
        "file-beside".to_owned(),
        "_refity/lock".to_owned(),
        "repositories/file".to_owned(),
        "repositories/team/_trash/x".to_owned(),
        format!("repositories/{REPOSITORY}/_manifests/other/x"),
        format!("repositories/{REPOSITORY}/_manifests/tags/v1/other/x"),
        format!("repositories/{REPOSITORY}/_layers/sha256/12/link"),
        blob.replace("/data", "/data.part"),
        blob.replace("sha256/", "sha256/0"),
    ];
    for path in &unknown {
        tree.write(path, b"");
    }
    symlink("owner", tree.path("_refity/backup2")).unwrap();
    let findings = tree.check().findings;
    assert_eq!(findings.len(), unknown.len() + 1, "{findings:#?}");
}

#[test]
fn a_group_marker_with_content_is_found() {
    let tree = Tree::good();
    tree.write("_refity/groups/team", b"x");
    tree.assert_finds(&["marker"]);
}

#[test]
fn only_unfinished_jobs_have_files_in_tmp() {
    let tree = Tree::good();
    tree.write("_refity/tmp/installation.17.2", b"half");
    tree.assert_finds(&["outlived its job"]);
    let of_jobs = |job: &str| Tmp::OfJobs([job.to_owned()].into());
    check(tree.folder.path(), &of_jobs("17")).assert_clean();
    assert_eq!(check(tree.folder.path(), &of_jobs("18")).findings.len(), 1);
}
