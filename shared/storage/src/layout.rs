//! Where everything is on the storage: the CNCF Distribution filesystem
//! driver's tree, and a folder of our own beside it.
//!
//! ```text
//! <root>/docker/registry/v2/
//!   blobs/<alg>/ab/<hex>/data
//!   repositories/<name>/
//!     _layers/<alg>/<hex>/link
//!     _manifests/revisions/<alg>/<hex>/link
//!     _manifests/tags/<tag>/current/link
//!     _manifests/tags/<tag>/index/<alg>/<hex>/link
//!   _refity/
//!     owner                              the installation's id
//!     tmp/<installation>.<job>.<attempt> what is being written
//!     trash/<alg>.<hex>.<millis>         removed blobs, for a while
//!     groups/<group>                     empty markers
//!     backup/                            what the tree cannot hold
//! ```

use refity_types::digest::Digest;
use refity_types::name::{GroupName, RepositoryName, Tag};

/// What Distribution puts below its root folder.
const TREE: &str = "docker/registry/v2";

/// All remote paths, below one root. A relative root gives relative paths,
/// counted from the login folder: a chrooted account has no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    base: String,
}

impl Layout {
    /// The tree below a root folder (`FTP_ROOT`); `.` and empty are the
    /// login folder.
    #[must_use]
    pub fn new(root: &str) -> Self {
        let mut kept = root.trim_end_matches('/');
        while let Some(rest) = kept.strip_prefix("./") {
            kept = rest;
        }
        let base = match kept {
            "" if root.starts_with('/') => format!("/{TREE}"),
            "" | "." => TREE.to_owned(),
            folder => format!("{folder}/{TREE}"),
        };
        Self { base }
    }

    /// The tree's own folder, `…/docker/registry/v2`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// All blobs.
    #[must_use]
    pub fn blobs(&self) -> String {
        format!("{}/blobs", self.base)
    }

    /// All repositories.
    #[must_use]
    pub fn repositories(&self) -> String {
        format!("{}/repositories", self.base)
    }

    /// The folder of a blob, which holds `data` only.
    #[must_use]
    pub fn blob_folder(&self, digest: &Digest) -> String {
        let hex = digest.hex();
        format!(
            "{}/blobs/{}/{}/{hex}",
            self.base,
            digest.algorithm().name(),
            &hex[..2]
        )
    }

    /// A blob's bytes.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> String {
        format!("{}/data", self.blob_folder(digest))
    }

    /// A repository's folder. Deeper repositories may be inside it.
    #[must_use]
    pub fn repository(&self, name: &RepositoryName) -> String {
        format!("{}/repositories/{name}", self.base)
    }

    /// The folder of a repository's layer links.
    #[must_use]
    pub fn layers(&self, name: &RepositoryName) -> String {
        format!("{}/_layers", self.repository(name))
    }

    /// The link that makes a blob a repository's.
    #[must_use]
    pub fn layer_link(&self, name: &RepositoryName, digest: &Digest) -> String {
        format!("{}/{}/link", self.layers(name), algorithm_hex(digest))
    }

    /// The folder of a repository's manifest revisions.
    #[must_use]
    pub fn revisions(&self, name: &RepositoryName) -> String {
        format!("{}/_manifests/revisions", self.repository(name))
    }

    /// The link that makes a manifest a repository's.
    #[must_use]
    pub fn revision_link(&self, name: &RepositoryName, digest: &Digest) -> String {
        format!("{}/{}/link", self.revisions(name), algorithm_hex(digest))
    }

    /// The folder of a repository's tags.
    #[must_use]
    pub fn tags(&self, name: &RepositoryName) -> String {
        format!("{}/_manifests/tags", self.repository(name))
    }

    /// A tag's folder.
    #[must_use]
    pub fn tag(&self, name: &RepositoryName, tag: &Tag) -> String {
        format!("{}/{tag}", self.tags(name))
    }

    /// The link to a tag's manifest.
    #[must_use]
    pub fn tag_current(&self, name: &RepositoryName, tag: &Tag) -> String {
        format!("{}/{}", self.tag(name, tag), Self::current_in_tag())
    }

    /// The link to a manifest that a tag pointed to at some time.
    #[must_use]
    pub fn tag_index(&self, name: &RepositoryName, tag: &Tag, digest: &Digest) -> String {
        format!("{}/{}", self.tag(name, tag), Self::index_in_tag(digest))
    }

    /// The current link's path inside its tag's folder.
    #[must_use]
    pub fn current_in_tag() -> &'static str {
        "current/link"
    }

    /// An index link's path inside its tag's folder.
    #[must_use]
    pub fn index_in_tag(digest: &Digest) -> String {
        format!("index/{}/link", algorithm_hex(digest))
    }

    /// The file with the id of the installation that the tree belongs to.
    #[must_use]
    pub fn owner(&self) -> String {
        format!("{}/_refity/owner", self.base)
    }

    /// The folder of what is being written.
    #[must_use]
    pub fn tmp(&self) -> String {
        format!("{}/_refity/tmp", self.base)
    }

    /// The temporary path of one attempt of a job: nobody else writes it.
    #[must_use]
    pub fn tmp_name(&self, installation: &str, job: i64, attempt: i64) -> String {
        format!("{}/{installation}.{job}.{attempt}", self.tmp())
    }

    /// The folder of removed blobs.
    #[must_use]
    pub fn trash(&self) -> String {
        format!("{}/_refity/trash", self.base)
    }

    /// Where a blob goes that is removed at this time (milliseconds UTC).
    #[must_use]
    pub fn trash_name(&self, digest: &Digest, millis: i64) -> String {
        let algorithm = digest.algorithm().name();
        format!("{}/{algorithm}.{}.{millis}", self.trash(), digest.hex())
    }

    /// The folder of groups' markers.
    #[must_use]
    pub fn groups(&self) -> String {
        format!("{}/_refity/groups", self.base)
    }

    /// A group's marker.
    #[must_use]
    pub fn group(&self, group: &GroupName) -> String {
        format!("{}/{group}", self.groups())
    }

    /// The folder of backups.
    #[must_use]
    pub fn backup(&self) -> String {
        format!("{}/_refity/backup", self.base)
    }
}

/// What the last component of a [`Layout::tmp_name`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TmpName {
    /// Whose it is.
    pub installation: String,
    /// The job that writes it.
    pub job: i64,
    /// The job's attempt.
    pub attempt: i64,
}

impl TmpName {
    /// Reads a file name of the tmp folder; `None` for a foreign one.
    #[must_use]
    pub fn parse(file_name: &str) -> Option<Self> {
        let mut parts = file_name.rsplitn(3, '.');
        let attempt = parts.next()?.parse().ok()?;
        let job = parts.next()?.parse().ok()?;
        let installation = parts.next()?.to_owned();
        Some(Self {
            installation,
            job,
            attempt,
        })
    }
}

/// What the last component of a [`Layout::trash_name`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashName {
    /// The removed blob.
    pub digest: Digest,
    /// When it was removed, milliseconds UTC.
    pub millis: i64,
}

impl TrashName {
    /// Reads a file name of the trash folder; `None` for a foreign one.
    #[must_use]
    pub fn parse(file_name: &str) -> Option<Self> {
        let (name, millis) = file_name.rsplit_once('.')?;
        Some(Self {
            digest: name.replacen('.', ":", 1).parse().ok()?,
            millis: millis.parse().ok()?,
        })
    }
}

/// The folder that a path is in; `None` for a path of one component.
#[must_use]
pub fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

fn algorithm_hex(digest: &Digest) -> String {
    format!("{}/{}", digest.algorithm().name(), digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use refity_types::digest::Algorithm;

    #[test]
    fn the_tree_is_distributions() {
        let layout = Layout::new(".");
        let digest = Digest::sha256(b"");
        let name: RepositoryName = "team/app".parse().unwrap();
        let tag: Tag = "v1".parse().unwrap();
        let hex = digest.hex();
        let base = "docker/registry/v2";
        assert_eq!(
            layout.blob(&digest),
            format!("{base}/blobs/sha256/e3/{hex}/data")
        );
        let repository = format!("{base}/repositories/team/app");
        assert_eq!(
            layout.layer_link(&name, &digest),
            format!("{repository}/_layers/sha256/{hex}/link")
        );
        assert_eq!(
            layout.revision_link(&name, &digest),
            format!("{repository}/_manifests/revisions/sha256/{hex}/link")
        );
        assert_eq!(
            layout.tag_current(&name, &tag),
            format!("{repository}/_manifests/tags/v1/current/link")
        );
        assert_eq!(
            layout.tag_index(&name, &tag, &digest),
            format!("{repository}/_manifests/tags/v1/index/sha256/{hex}/link")
        );
    }

    #[test]
    fn roots_are_relative_or_absolute() {
        for (root, base) in [
            ("", "docker/registry/v2"),
            (".", "docker/registry/v2"),
            ("./", "docker/registry/v2"),
            ("./a/", "a/docker/registry/v2"),
            ("/", "/docker/registry/v2"),
            ("/srv/x", "/srv/x/docker/registry/v2"),
        ] {
            assert_eq!(Layout::new(root).base(), base, "{root}");
        }
    }

    #[test]
    fn parents() {
        assert_eq!(parent("a/b/c"), Some("a/b"));
        assert_eq!(parent("/a"), Some("/"));
        assert_eq!(parent("a"), None);
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
            let layout = Layout::new(".");
            for path in [
                layout.blob(&digest),
                layout.layer_link(&name, &digest),
                layout.revision_link(&name, &digest),
                layout.tag_current(&name, &tag),
                layout.tag_index(&name, &tag, &digest),
                layout.trash_name(&digest, 1),
                layout.group(&name.group()),
            ] {
                prop_assert!(path.starts_with("docker/registry/v2/"));
                prop_assert!(!path.contains(':'), "{}", path);
                prop_assert!(path.split('/').all(|c| !matches!(c, "" | "." | "..")), "{}", path);
            }
        }

        #[test]
        fn names_of_tmp_and_trash_can_be_read(
            installation in "[0-9a-f-]{1,36}", job in 0..i64::MAX, attempt in 0..i64::MAX,
            bytes: Vec<u8>, millis in 0..i64::MAX,
        ) {
            let layout = Layout::new("x");
            let tmp = layout.tmp_name(&installation, job, attempt);
            let file = tmp.rsplit('/').next().unwrap();
            prop_assert_eq!(TmpName::parse(file), Some(TmpName { installation, job, attempt }));
            let digest = Digest::sha256(&bytes);
            let trash = layout.trash_name(&digest, millis);
            let file = trash.rsplit('/').next().unwrap();
            prop_assert_eq!(TrashName::parse(file), Some(TrashName { digest, millis }));
        }

        #[test]
        fn foreign_names_are_none_or_read(text in "\\PC*") {
            let _ = TmpName::parse(&text);
            let _ = TrashName::parse(&text);
        }
    }
}
