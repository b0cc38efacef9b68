//! Paths of all files on the storage: the tree of the CNCF Distribution
//! filesystem driver, and Refity's own folder next to it.
//!
//! All paths are relative to the storage's root.
//!
//! ```text
//! docker/registry/v2/
//!   blobs/<alg>/ab/<hex>/data
//!   repositories/<name>/
//!     _layers/<alg>/<hex>/link
//!     _manifests/revisions/<alg>/<hex>/link
//!     _manifests/tags/<tag>/current/link
//!     _manifests/tags/<tag>/index/<alg>/<hex>/link
//!   _refity/
//!     owner                              the installation's id
//!     tmp/<installation>.<job>.<attempt> files being written
//!     trash/<alg>.<hex>.<millis>         removed blobs, for a while
//!     groups/<group>                     empty markers
//!     backup/                            what the tree cannot hold
//! ```

use refity_config::installation::InstallationId;
use refity_types::digest::{Algorithm, Digest};
use refity_types::name::{GroupName, RepositoryName, Tag};

use crate::path::{FileName, RemotePath};

/// Path of the tree below Distribution's root folder.
const TREE: &str = "docker/registry/v2";

fn at(below: std::fmt::Arguments<'_>) -> RemotePath {
    RemotePath::checked(format!("{TREE}/{below}"))
}

fn in_repository(name: &RepositoryName, below: &str) -> RemotePath {
    at(format_args!("repositories/{name}/{below}"))
}

/// Returns the folder of the tree.
#[must_use]
pub fn base() -> RemotePath {
    RemotePath::checked(TREE.to_owned())
}

/// Returns the folder of all repositories.
#[must_use]
pub fn repositories() -> RemotePath {
    at(format_args!("repositories"))
}

/// Returns the folder of a blob, which contains only `data`.
#[must_use]
pub fn blob_folder(digest: &Digest) -> RemotePath {
    let (algorithm, hex) = (digest.algorithm().name(), digest.hex());
    at(format_args!("blobs/{algorithm}/{}/{hex}", &hex[..2]))
}

/// Returns the file with a blob's bytes.
#[must_use]
pub fn blob(digest: &Digest) -> RemotePath {
    let (algorithm, hex) = (digest.algorithm().name(), digest.hex());
    at(format_args!("blobs/{algorithm}/{}/{hex}/data", &hex[..2]))
}

/// Returns the folder of a repository. It may contain nested repositories.
#[must_use]
pub fn repository(name: &RepositoryName) -> RemotePath {
    at(format_args!("repositories/{name}"))
}

/// Returns the folder of a repository's layer links.
#[must_use]
pub fn layers(name: &RepositoryName) -> RemotePath {
    in_repository(name, "_layers")
}

/// Returns the link that adds a blob to a repository.
#[must_use]
pub fn layer_link(name: &RepositoryName, digest: &Digest) -> RemotePath {
    in_repository(name, &format!("_layers/{}/link", algorithm_hex(digest)))
}

/// Returns the folder of a repository's manifest revisions.
#[must_use]
pub fn revisions(name: &RepositoryName) -> RemotePath {
    in_repository(name, "_manifests/revisions")
}

/// Returns the link that adds a manifest to a repository.
#[must_use]
pub fn revision_link(name: &RepositoryName, digest: &Digest) -> RemotePath {
    let link = format!("_manifests/revisions/{}/link", algorithm_hex(digest));
    in_repository(name, &link)
}

/// Returns the folder of a repository's tags.
#[must_use]
pub fn tags(name: &RepositoryName) -> RemotePath {
    in_repository(name, "_manifests/tags")
}

/// Returns the folder of a tag.
#[must_use]
pub fn tag(name: &RepositoryName, tag: &Tag) -> RemotePath {
    in_repository(name, &format!("_manifests/tags/{tag}"))
}

/// Returns the link to a tag's current manifest.
#[must_use]
pub fn tag_current(name: &RepositoryName, tag_name: &Tag) -> RemotePath {
    tag(name, tag_name).join(&current_in_tag())
}

/// Returns the link to a manifest that a tag points to now or pointed to
/// before.
#[must_use]
pub fn tag_index(name: &RepositoryName, tag_name: &Tag, digest: &Digest) -> RemotePath {
    tag(name, tag_name).join(&index_in_tag(digest))
}

/// Returns the path of the current link within its tag's folder.
#[must_use]
pub fn current_in_tag() -> RemotePath {
    RemotePath::checked("current/link".to_owned())
}

/// Returns the path of an index link within its tag's folder.
#[must_use]
pub fn index_in_tag(digest: &Digest) -> RemotePath {
    RemotePath::checked(format!("index/{}/link", algorithm_hex(digest)))
}

/// Returns the folders that belong to a repository, children before parents.
#[must_use]
pub fn own_folders(name: &RepositoryName) -> Vec<RemotePath> {
    let by_algorithm = |folder: &str| {
        [Algorithm::Sha256, Algorithm::Sha512]
            .map(|algorithm| in_repository(name, &format!("{folder}/{}", algorithm.name())))
    };
    let mut folders = Vec::new();
    folders.extend(by_algorithm("_layers"));
    folders.push(layers(name));
    folders.extend(by_algorithm("_manifests/revisions"));
    folders.push(revisions(name));
    folders.push(tags(name));
    folders.extend(["_manifests", "_uploads"].map(|own| in_repository(name, own)));
    folders.push(repository(name));
    folders
}

/// Returns the file with the id of the installation that owns the tree.
#[must_use]
pub fn owner() -> RemotePath {
    at(format_args!("_refity/owner"))
}

/// Returns the folder of files being written.
#[must_use]
pub fn tmp() -> RemotePath {
    at(format_args!("_refity/tmp"))
}

/// Returns the temporary path of one attempt of a job. No other attempt writes
/// it.
#[must_use]
pub fn tmp_name(installation: InstallationId, job: i64, attempt: i64) -> RemotePath {
    at(format_args!("_refity/tmp/{installation}.{job}.{attempt}"))
}

/// Returns the folder of removed blobs.
#[must_use]
pub fn trash() -> RemotePath {
    at(format_args!("_refity/trash"))
}

/// Returns the trash path of a blob that is removed at this time (milliseconds
/// UTC).
#[must_use]
pub fn trash_name(digest: &Digest, millis: i64) -> RemotePath {
    let algorithm = digest.algorithm().name();
    at(format_args!(
        "_refity/trash/{algorithm}.{}.{millis}",
        digest.hex()
    ))
}

/// Returns the folder of group markers.
#[must_use]
pub fn groups() -> RemotePath {
    at(format_args!("_refity/groups"))
}

/// Returns the marker of a group.
#[must_use]
pub fn group(group: &GroupName) -> RemotePath {
    at(format_args!("_refity/groups/{group}"))
}

/// The parts of the file name in a [`tmp_name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TmpName {
    /// The installation that writes the file.
    pub installation: InstallationId,
    /// The job that writes the file.
    pub job: i64,
    /// Attempt of the job.
    pub attempt: i64,
}

impl TmpName {
    /// Parses a file name of the tmp folder. Returns `None` for foreign files.
    #[must_use]
    pub fn parse(file_name: &FileName) -> Option<Self> {
        let mut parts = file_name.as_str().rsplitn(3, '.');
        let attempt = parts.next()?.parse().ok()?;
        let job = parts.next()?.parse().ok()?;
        let installation = parts.next()?.parse().ok()?;
        Some(Self {
            installation,
            job,
            attempt,
        })
    }
}

/// The parts of the file name in a [`trash_name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashName {
    /// The removed blob.
    pub digest: Digest,
    /// Time of the removal, in milliseconds UTC.
    pub millis: i64,
}

impl TrashName {
    /// Parses a file name of the trash folder. Returns `None` for foreign
    /// files.
    #[must_use]
    pub fn parse(file_name: &FileName) -> Option<Self> {
        let (name, millis) = file_name.as_str().rsplit_once('.')?;
        Some(Self {
            digest: name.replacen('.', ":", 1).parse().ok()?,
            millis: millis.parse().ok()?,
        })
    }
}

fn algorithm_hex(digest: &Digest) -> String {
    format!("{}/{}", digest.algorithm().name(), digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn last(path: &RemotePath) -> FileName {
        FileName::parse(path.as_str().rsplit('/').next().unwrap()).unwrap()
    }

    #[test]
    fn the_tree_is_distributions() {
        let digest = Digest::sha256(b"");
        let name: RepositoryName = "team/app".parse().unwrap();
        let v1: Tag = "v1".parse().unwrap();
        let hex = digest.hex();
        let base = "docker/registry/v2";
        let repository = format!("{base}/repositories/team/app");
        for (path, expected) in [
            (blob(&digest), format!("{base}/blobs/sha256/e3/{hex}/data")),
            (
                layer_link(&name, &digest),
                format!("{repository}/_layers/sha256/{hex}/link"),
            ),
            (
                revision_link(&name, &digest),
                format!("{repository}/_manifests/revisions/sha256/{hex}/link"),
            ),
            (
                tag_current(&name, &v1),
                format!("{repository}/_manifests/tags/v1/current/link"),
            ),
            (
                tag_index(&name, &v1, &digest),
                format!("{repository}/_manifests/tags/v1/index/sha256/{hex}/link"),
            ),
        ] {
            assert_eq!(path.as_str(), expected);
        }
        assert_eq!(blob(&digest).parent(), Some(blob_folder(&digest)));
    }

    #[test]
    fn own_folders_are_emptied_from_within() {
        let name: RepositoryName = "team/app".parse().unwrap();
        let folders = own_folders(&name);
        for (index, folder) in folders.iter().enumerate() {
            assert!(folder.as_str().starts_with(repository(&name).as_str()));
            assert!(!folders[..index].contains(&folder.parent().unwrap()));
        }
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_tree(
            bytes: Vec<u8>,
            name in "[a-z0-9._-]{1,9}(/[a-z0-9._-]{1,9}){0,3}",
            tag in "[A-Za-z0-9._-]{1,12}",
            wide: bool,
        ) {
            let algorithm = if wide { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let digest = Digest::of(algorithm, &bytes);
            let (Ok(name), Ok(tag)) = (name.parse::<RepositoryName>(), tag.parse::<Tag>()) else {
                return Ok(());
            };
            for path in [
                blob(&digest),
                layer_link(&name, &digest),
                revision_link(&name, &digest),
                tag_current(&name, &tag),
                tag_index(&name, &tag, &digest),
                trash_name(&digest, 1),
                group(&name.group()),
            ] {
                prop_assert!(path.as_str().starts_with("docker/registry/v2/"));
                prop_assert!(!path.as_str().contains(':'), "{}", path);
                prop_assert_eq!(&RemotePath::parse(path.as_str()), &Ok(path.clone()));
            }
        }

        #[test]
        fn names_of_tmp_and_trash_can_be_read(
            id: u128, job in 0..i64::MAX, attempt in 0..i64::MAX,
            bytes: Vec<u8>, millis in 0..i64::MAX,
        ) {
            let installation = uuid::Uuid::from_u128(id).to_string().parse().unwrap();
            let tmp = tmp_name(installation, job, attempt);
            prop_assert_eq!(TmpName::parse(&last(&tmp)), Some(TmpName { installation, job, attempt }));
            let digest = Digest::sha256(&bytes);
            let trash = trash_name(&digest, millis);
            prop_assert_eq!(TrashName::parse(&last(&trash)), Some(TrashName { digest, millis }));
        }

        #[test]
        fn parsing_foreign_names_does_not_panic(text in "[^/\x00]{3,40}") {
            let name = FileName::parse(&text).unwrap();
            let _ = TmpName::parse(&name);
            let _ = TrashName::parse(&name);
        }
    }
}
