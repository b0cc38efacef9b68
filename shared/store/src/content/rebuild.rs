//! Writes of `rebuild-index`: rows for objects found in the spool and on SFTP.
//! Manifests and tags are stored by [`Store::put_manifest`], as in a push.

use refity_types::digest::Digest;
use refity_types::name::{FileId, RepositoryName};

use crate::content::blobs::{ensure_linked_as_of, ensure_stored, upsert_blob};
use crate::content::groups::create_group;
use crate::content::repositories::ensure_repository;
use crate::content::sums::change_blob;
use crate::engine::value::params;
use crate::queue::dependencies::update_readiness;
use crate::{JobId, Store, StoreError};

/// The location of an adopted blob's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// In this spool file, which was just hashed.
    Spool(FileId),
    /// On SFTP, just seen with the right size.
    Remote,
}

impl Store {
    /// Adds a found blob to the repository, creating the repository and its
    /// group if missing. Enqueues the job of a blob that only the spool has.
    /// The blob gets the generation of the manifest that references it, so that
    /// a newer delete of the blob takes precedence.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn adopt_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size: u64,
        found: Adopted,
        generation: i64,
    ) -> Result<(), StoreError> {
        let (store, repository, digest) = (self.clone(), repository.clone(), digest.clone());
        self.write(move |db| {
            let (clock, now) = (&store.clock, store.clock.wall_ms());
            create_group(db, &store, &repository.group())?;
            let Ok(repository) = ensure_repository(db, &repository, now)? else {
                return Err(StoreError::Other(format!(
                    "the group of {repository} does not take new repositories"
                )));
            };
            let blob = upsert_blob(db, clock, &digest, size)?;
            match found {
                Adopted::Spool(file) => {
                    change_blob(db, blob, || {
                        let adopted = "UPDATE blobs SET file = coalesce(file, ?2) WHERE id = ?1";
                        db.run(adopted, params![blob, file.to_string()])
                    })?;
                    ensure_stored(db, clock, blob, size)?;
                }
                Adopted::Remote => {
                    change_blob(db, blob, || {
                        db.run(
                            "UPDATE blobs SET size = ?2, stored_at = ?3, confirmed_at = ?3
                             WHERE id = ?1",
                            params![blob, size, now],
                        )
                    })?;
                }
            }
            ensure_linked_as_of(db, clock, repository, blob, generation)?;
            Ok(())
        })
        .await
    }

    /// Notes that earlier runs of the unfinished tag jobs are unknown: on SFTP,
    /// those tags may point to any manifest, so removals of manifests wait for
    /// these jobs.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn assume_earlier_runs_of_tags(&self) -> Result<(), StoreError> {
        self.write(|db| {
            db.run(
                "UPDATE jobs SET lease = 1
                 WHERE kind = 'publish_tag' AND state <> 'done' AND lease = 0",
                (),
            )?;
            Ok(())
        })
        .await
    }

    /// Makes every removal of a blob from a repository wait for the unfinished
    /// tag jobs of the repository. On SFTP, those tags may still point to
    /// manifests that reference the blob and that the new index does not know.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn links_wait_for_tags(&self) -> Result<(), StoreError> {
        self.write(|db| {
            let waiting: Vec<i64> = db.all(
                "INSERT INTO job_dependencies (job_id, depends_on_id)
                 SELECT j.id, p.id FROM jobs j
                 JOIN repository_blobs rb ON rb.id = j.target
                 JOIN tags t ON t.repository_id = rb.repository_id
                 JOIN jobs p ON p.kind = 'publish_tag' AND p.target = t.id AND p.state <> 'done'
                 WHERE j.kind = 'link_blob' AND j.removes AND j.state <> 'done'
                 ON CONFLICT (job_id, depends_on_id) DO NOTHING
                 RETURNING job_id",
                (),
                |row| row.get(0),
            )?;
            for job in waiting {
                update_readiness(db, JobId(job))?;
            }
            Ok(())
        })
        .await
    }
}
