//! The durability of an image: how much of it is on SFTP.

use crate::StoreError;
use crate::content::derived::NEEDS;
use crate::engine::db::Db;
use crate::engine::value::named_params;

/// The state of an image's durability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DurabilityState {
    /// Some bytes are lost: push the image again.
    Damaged,
    /// The image is only on this host, and waits.
    Staged,
    /// An uploader transfers the image.
    Uploading,
    /// The whole image is on SFTP and can be pulled from there.
    OnSftp,
    /// The whole image is on SFTP, and every byte was read back from there.
    Verified,
}

/// The durability of an image and of everything that it needs, counting each
/// blob once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageDurability {
    /// The overall state.
    pub state: DurabilityState,
    /// Size in bytes.
    pub bytes_total: u64,
    /// Bytes that are on SFTP or have been sent.
    pub bytes_stored: u64,
    /// Bytes that were read back from SFTP.
    pub bytes_verified: u64,
    /// Whether a transfer that the image waits for needs a person.
    pub failed: bool,
}

/// The content that a repository's manifest needs, by location.
#[derive(Clone, Copy)]
pub(crate) struct Needed {
    total: u64,
    stored: u64,
    verified: u64,
    missing: i64,
    unverified: i64,
    damaged: i64,
    running: i64,
    failed: i64,
}

impl Needed {
    /// Computes the value for a manifest in a repository.
    pub(crate) fn of(db: &Db, repository: i64, manifest: i64) -> Result<Self, StoreError> {
        db.one(
            &format!(
                "{NEEDS}
                 SELECT coalesce(sum(b.size), 0),
                    coalesce(sum(CASE WHEN b.stored_at IS NOT NULL THEN b.size
                                      WHEN s.state IS NULL OR s.state <> 'running' THEN 0
                                      WHEN s.bytes_done < b.size THEN s.bytes_done
                                      ELSE b.size END), 0),
                    coalesce(sum(CASE WHEN b.stored_at IS NOT NULL AND b.verified_at IS NOT NULL THEN b.size ELSE 0 END), 0),
                    count(*) FILTER (WHERE b.stored_at IS NULL),
                    count(*) FILTER (WHERE b.verified_at IS NULL),
                    count(*) FILTER (WHERE b.damaged IS NOT NULL),
                    count(*) FILTER (WHERE 'running' IN (s.state, l.state, p.state)),
                    count(*) FILTER (WHERE 'failed' IN (s.state, l.state, p.state))
                 FROM (SELECT DISTINCT id FROM needs) n
                 JOIN blobs b ON b.id = n.id
                 LEFT JOIN jobs s
                   ON s.kind = 'store_blob' AND s.target = b.id AND s.state <> 'done'
                 LEFT JOIN repository_blobs rb
                   ON rb.repository_id = :repository AND rb.blob_id = b.id
                 LEFT JOIN jobs l
                   ON l.kind = 'link_blob' AND l.target = rb.id AND l.state <> 'done'
                 LEFT JOIN repository_manifests rm
                   ON rm.repository_id = :repository AND rm.manifest_id = b.id
                 LEFT JOIN jobs p
                   ON p.kind = 'publish_manifest' AND p.target = rm.id AND p.state <> 'done'"
            ),
            named_params! { ":manifest": manifest, ":repository": repository },
            |row| {
                Ok(Self {
                    total: row.get(0)?,
                    stored: row.get(1)?,
                    verified: row.get(2)?,
                    missing: row.get(3)?,
                    unverified: row.get(4)?,
                    damaged: row.get(5)?,
                    running: row.get(6)?,
                    failed: row.get(7)?,
                })
            },
        )
    }

    /// Returns the durability for a tag or digest that points to the manifest,
    /// given whether that is on SFTP, and the state of its own unfinished job.
    pub(crate) fn with(self, published: bool, job: Option<&str>) -> ImageDurability {
        let state = if self.damaged > 0 {
            DurabilityState::Damaged
        } else if published && self.missing == 0 {
            if self.unverified == 0 {
                DurabilityState::Verified
            } else {
                DurabilityState::OnSftp
            }
        } else if self.running > 0 || self.missing == 0 || job == Some("running") {
            DurabilityState::Uploading
        } else {
            DurabilityState::Staged
        };
        ImageDurability {
            state,
            bytes_total: self.total,
            bytes_stored: self.stored,
            bytes_verified: self.verified,
            failed: self.failed > 0 || job == Some("failed"),
        }
    }
}
