//! What a client deletes from a repository.

use std::time::Duration;

use crate::digest::Digest;
use crate::name::Tag;

/// How long removed blobs stay in the trash on SFTP.
pub const TRASH: Duration = Duration::from_secs(24 * 60 * 60);

/// What goes. As JSON it stands in the spool's intents.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Deletion {
    /// A tag; its manifest stays.
    Tag {
        /// Its name.
        tag: Tag,
    },
    /// A manifest, with all tags that point at it.
    Manifest {
        /// Its digest.
        digest: Digest,
        /// Those tags.
        tags: Vec<Tag>,
    },
    /// A blob, from this repository alone.
    Blob {
        /// Its digest.
        digest: Digest,
    },
}
