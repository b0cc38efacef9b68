//! What `rebuild-index` writes: rows for what was found in the spool and on
//! SFTP. Manifests and tags are put by [`Store::put_manifest`], as in a push.

use rusqlite::params;

use super::blobs::{to_sql, upsert_blob, want_linked_of, want_stored};
use super::groups::create_group;
use super::repositories::ensure_repository;
use super::{Store, StoreError};
use crate::digest::Digest;
use crate::name::{FileId, RepositoryName};

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
    /// When the database cannot be written; then nothing has changed.
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
                    db.execute(
                        "UPDATE blobs SET file = coalesce(file, ?2) WHERE id = ?1",
                        params![blob, file.to_string()],
                    )?;
                    want_stored(db, clock, blob, size)?;
                }
                Adopted::Remote => {
                    db.execute(
                        "UPDATE blobs SET size = ?2, stored_at = ?3, confirmed_at = ?3
                         WHERE id = ?1",
                        params![blob, to_sql(size), now],
                    )?;
                }
            }
            want_linked_of(db, clock, repository, blob, generation)?;
            Ok(())
        })
        .await
    }
}
