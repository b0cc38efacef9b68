//! What `rebuild-index` writes: rows for what was found in the spool and on
//! SFTP. Manifests and tags are put by [`Store::put_manifest`], as in a push.

use refity_types::digest::Digest;
use refity_types::name::{FileId, RepositoryName};

use crate::content::blobs::{ensure_linked_as_of, ensure_stored, upsert_blob};
use crate::content::groups::create_group;
use crate::content::repositories::ensure_repository;
use crate::content::sums::change_blob;
use crate::engine::value::params;
use crate::queue::dependencies::update_readiness;
use crate::{JobId, Store, StoreError};

/// Where the bytes of an adopted blob were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// In this file of the spool, hashed just now.
    Spool(FileId),
    /// On SFTP with the right size, seen just now.
    Remote,
}

impl Store {
    /// Makes a found blob one of the repository's; the repository and its
    /// group are made where they are missing. What is only in the spool gets
    /// its job. The blob is as old as what names it: a newer delete of it
    /// stands, and a later one counts.
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

    /// Lets every removal of a blob from a repository wait for the tags of the
    /// repository that are on their way: on SFTP they may still point at what
    /// names the blob, and the new index need not know that.
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
