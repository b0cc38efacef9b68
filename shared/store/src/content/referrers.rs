//! Referrers: manifests with a subject.

use refity_types::digest::Digest;
use refity_types::manifest::{Descriptor, Manifest};
use refity_types::name::RepositoryName;
use std::collections::BTreeMap;
use std::ops::ControlFlow::{Break, Continue};

use crate::content::repositories::repository_id;
use crate::engine::db::Db;
use crate::engine::value::params;
use crate::{Store, StoreError};

/// Maximum size in bytes of a JSON descriptor without its annotations and
/// artifact type, including SHA-512 digests and escapes.
const DESCRIPTOR_BYTES: usize = 512;

/// The subject of a manifest, with the data listed for the referrer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referral {
    /// The subject, which may be missing.
    pub subject: Digest,
    /// Artifact type of the manifest.
    pub artifact_type: Option<String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

impl Referral {
    /// Returns the referral of a manifest, or `None` if it has no subject.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Option<Self> {
        manifest.subject.as_ref().map(|subject| Self {
            subject: subject.digest.clone(),
            artifact_type: manifest.artifact_type.clone(),
            annotations: manifest.annotations.clone(),
        })
    }
}

/// A query for referrers.
#[derive(Clone, Debug)]
pub struct ReferrersQuery {
    /// The subject.
    pub subject: Digest,
    /// Only referrers of this artifact type.
    pub artifact_type: Option<String>,
    /// Only referrers after this position, from [`ReferrersPage::next`]; 0 for
    /// all.
    pub after: i64,
    /// Maximum number of referrers.
    pub limit: Option<u32>,
    /// Maximum size of the referrers in JSON, in bytes. At least one is
    /// returned.
    pub max_bytes: usize,
}

/// A page of a manifest's referrers, in a stable order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferrersPage {
    /// Their descriptors, with annotations and artifact type.
    pub descriptors: Vec<Descriptor>,
    /// Position of the next page, if there is one.
    pub next: Option<i64>,
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(crate) fn insert(db: &Db, manifest: i64, referral: &Referral) -> Result<(), StoreError> {
    let annotations = json(&referral.annotations)?;
    db.run(
        "INSERT INTO referrers (manifest_id, subject, artifact_type, annotations)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (manifest_id) DO NOTHING",
        params![
            manifest,
            referral.subject.as_str(),
            referral.artifact_type,
            annotations
        ],
    )?;
    Ok(())
}

fn page(db: &Db, repository: i64, asked: &ReferrersQuery) -> Result<ReferrersPage, StoreError> {
    let limit = asked.limit.map_or(usize::MAX, |limit| limit as usize);
    let (mut page, mut bytes, mut last) = (ReferrersPage::default(), 0, asked.after);
    db.each(
        "SELECT f.manifest_id, m.media_type, b.digest, b.size, f.artifact_type, f.annotations
         FROM referrers f
         JOIN repository_manifests rm
           ON rm.repository_id = ?1 AND rm.manifest_id = f.manifest_id AND rm.desired
         JOIN manifests m ON m.blob_id = f.manifest_id
         JOIN blobs b ON b.id = f.manifest_id
         WHERE f.subject = ?2 AND f.manifest_id > ?3
           AND (?4 IS NULL OR f.artifact_type = ?4)
         ORDER BY f.manifest_id",
        params![
            repository,
            asked.subject.as_str(),
            asked.after,
            asked.artifact_type
        ],
        |row| {
            let (artifact_type, annotations): (Option<String>, String) = (row.get(4)?, row.get(5)?);
            bytes += DESCRIPTOR_BYTES + annotations.len();
            bytes += json(&artifact_type)?.len();
            let full = bytes > asked.max_bytes && !page.descriptors.is_empty();
            if full || page.descriptors.len() >= limit {
                page.next = (limit > 0).then_some(last);
                return Ok(Break(()));
            }
            last = row.get(0)?;
            let corrupt =
                |what: &str| StoreError::Corrupt(format!("a referrer's {what} is damaged"));
            page.descriptors.push(Descriptor {
                media_type: row
                    .get::<String>(1)?
                    .parse()
                    .map_err(|_| corrupt("media type"))?,
                digest: row
                    .get::<String>(2)?
                    .parse()
                    .map_err(|_| corrupt("digest"))?,
                size: row.get(3)?,
                urls: Vec::new(),
                annotations: serde_json::from_str(&annotations)
                    .map_err(|_| corrupt("annotations"))?,
                artifact_type,
            });
            Ok(Continue(()))
        },
    )?;
    Ok(page)
}

impl Store {
    /// Returns the manifests of a repository that refer to a subject, or none
    /// if the repository does not exist.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn referrers(
        &self,
        repository: &RepositoryName,
        asked: ReferrersQuery,
    ) -> Result<ReferrersPage, StoreError> {
        let repository = repository.clone();
        self.read(move |db| match repository_id(db, &repository)? {
            Some(repository) => page(db, repository, &asked),
            None => Ok(ReferrersPage::default()),
        })
        .await
    }
}
