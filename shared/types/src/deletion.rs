//! What a client can delete from a repository.

use std::time::Duration;

use crate::digest::Digest;
use crate::name::Tag;

/// How long deleted blobs stay in the trash on SFTP.
pub const TRASH: Duration = Duration::from_secs(24 * 60 * 60);

/// A deletion. Serialized in the spool's intents.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Deletion {
    /// A tag. The manifest is kept.
    Tag {
        /// Its name.
        tag: Tag,
    },
    /// A manifest and all tags that point to it.
    Manifest {
        /// Its digest.
        digest: Digest,
        /// Those tags.
        tags: Vec<Tag>,
    },
    /// A blob, from this repository only.
    Blob {
        /// Its digest.
        digest: Digest,
    },
    /// The repository and all its contents.
    Repository {
        /// Its manifests.
        manifests: Vec<TaggedManifest>,
        /// Its blobs.
        blobs: Vec<Digest>,
    },
}

/// A manifest of a repository and all tags that point to it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TaggedManifest {
    /// Its digest.
    pub digest: Digest,
    /// Those tags.
    pub tags: Vec<Tag>,
}
