//! Removal as a desired state: one function for each kind of target, used
//! by deletes and by the collection. Order on SFTP: tags, revision links,
//! layer links, data.

use std::collections::HashSet;

use refity_config::clock::Clock;
use rusqlite::{Connection, params};

use crate::content::sums::{change_holding, change_tag};
use crate::engine::sql::keys;
use crate::queue::dependencies::{add_dependency, update_readiness};
use crate::queue::generation::next_generation;
use crate::queue::jobs::{NewJob, enqueue_or_join};
use crate::{JobId, JobKind, StoreError};

/// What holds the manifest ?2 of the repository ?1: a tag (its row stands as
/// 0), an index there that names it, or its subject there (by their keys in
/// `repository_manifests`).
///
/// SQLite looks tables up in the order of a CROSS JOIN: from the one thing
/// that is asked for, never through all that a repository has.
const HOLDERS: &str = "
    SELECT 0 FROM tags INDEXED BY tags_of_manifest
    WHERE repository_id = ?1 AND manifest_id = ?2
    UNION ALL
    SELECT h.id FROM manifest_references x CROSS JOIN repository_manifests h
      ON h.repository_id = ?1 AND h.manifest_id = x.manifest_id AND h.desired
    WHERE x.blob_id = ?2 AND x.is_manifest
    UNION ALL
    SELECT h.id FROM referrers f CROSS JOIN blobs s ON s.digest = f.subject
    CROSS JOIN repository_manifests h
      ON h.repository_id = ?1 AND h.manifest_id = s.id AND h.desired
    WHERE f.manifest_id = ?2";

/// The manifests of the repository ?1 that name the blob ?2.
const NAMED_BY: &str = "
    SELECT h.id FROM manifest_references x CROSS JOIN repository_manifests h
      ON h.repository_id = ?1 AND h.manifest_id = x.manifest_id AND h.desired
    WHERE x.blob_id = ?2 AND NOT x.is_manifest";

/// What the manifest ?2 of the repository ?1 holds there.
pub(crate) const HELD: &str = "
    SELECT c.id, c.repository_id, c.manifest_id, c.touched_at FROM manifest_references x
    CROSS JOIN repository_manifests c
      ON c.repository_id = ?1 AND c.manifest_id = x.blob_id AND c.desired
    WHERE x.manifest_id = ?2 AND x.is_manifest
    UNION ALL
    SELECT c.id, c.repository_id, c.manifest_id, c.touched_at FROM blobs s
    CROSS JOIN referrers f ON f.subject = s.digest
    CROSS JOIN repository_manifests c
      ON c.repository_id = ?1 AND c.manifest_id = f.manifest_id AND c.desired
    WHERE s.id = ?2";

/// What is asked for each thing that is removed.
#[cfg(test)]
pub(crate) const QUERIES: [&str; 3] = [HOLDERS, NAMED_BY, HELD];

/// Whether a manifest is held in its repository by something else than what
/// is collected already.
pub(crate) fn is_held(
    db: &Connection,
    repository: i64,
    manifest: i64,
    collected: &HashSet<i64>,
) -> Result<bool, StoreError> {
    any_besides(db, HOLDERS, [repository, manifest], collected)
}

/// Whether a manifest of the repository, which is not collected already,
/// names the blob.
pub(crate) fn is_named(
    db: &Connection,
    repository: i64,
    blob: i64,
    collected: &HashSet<i64>,
) -> Result<bool, StoreError> {
    any_besides(db, NAMED_BY, [repository, blob], collected)
}

fn any_besides(
    db: &Connection,
    query: &str,
    values: [i64; 2],
    collected: &HashSet<i64>,
) -> Result<bool, StoreError> {
    let mut query = db.prepare_cached(query)?;
    let mut rows = query.query(values)?;
    while let Some(row) = rows.next()? {
        if !collected.contains(&row.get(0)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes that a manifest became one that nothing holds by a delete, if it did.
fn release(
    db: &Connection,
    repository: i64,
    manifest: i64,
    released_at: i64,
) -> Result<(), StoreError> {
    if !is_held(db, repository, manifest, &HashSet::new())? {
        db.prepare_cached(
            "UPDATE repository_manifests SET released_at = max(coalesce(released_at, 0), ?3)
             WHERE repository_id = ?1 AND manifest_id = ?2 AND desired",
        )?
        .execute([repository, manifest, released_at])?;
    }
    Ok(())
}

/// Removes a tag that points somewhere. Returns its job, or `None` if its desired
/// state is newer than `generation`.
pub(crate) fn remove_tag(
    db: &Connection,
    clock: &Clock,
    tag: i64,
    generation: i64,
) -> Result<Option<JobId>, StoreError> {
    let now = clock.wall_ms();
    let (repository, name, pointed) = db
        .prepare_cached("SELECT repository_id, name, manifest_id FROM tags WHERE id = ?1")?
        .query_row([tag], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<i64>>(2)?,
            ))
        })?;
    let removed = change_tag(db, repository, &name, || {
        Ok(db
            .prepare_cached(
                "UPDATE tags SET manifest_id = NULL, generation = ?2, pushed_at = ?3
                 WHERE id = ?1 AND generation < ?2",
            )?
            .execute([tag, generation, now])?)
    })?;
    if removed == 0 {
        return Ok(None);
    }
    if let Some(manifest) = pointed {
        release(db, repository, manifest, now)?;
    }
    enqueue_or_join(db, clock, &NewJob::removing(JobKind::PublishTag, tag)).map(Some)
}

/// Makes a manifest go from its repository. Whatever only it held is released
/// as of `released_at`. Its tags must be going already. Answers its job.
///
/// Without a generation no client asked for it, and every push is newer.
pub(crate) fn withdraw(
    db: &Connection,
    clock: &Clock,
    target: i64,
    generation: Option<i64>,
    released_at: i64,
) -> Result<JobId, StoreError> {
    let (repository, manifest): (i64, i64) = db
        .prepare_cached(
            "SELECT repository_id, manifest_id FROM repository_manifests WHERE id = ?1",
        )?
        .query_row([target], |row| Ok((row.get(0)?, row.get(1)?)))?;
    change_holding(db, repository, manifest, || {
        Ok(db
            .prepare_cached(
                "UPDATE repository_manifests
                 SET desired = FALSE, generation = coalesce(?2, generation + 1) WHERE id = ?1",
            )?
            .execute(params![target, generation])?)
    })?;
    let held: Vec<i64> = {
        let mut query = db.prepare_cached(HELD)?;
        let held = query.query_map([repository, manifest], |row| row.get(2))?;
        held.collect::<Result<_, _>>()?
    };
    for held in held {
        release(db, repository, held, released_at)?;
    }
    let job = enqueue_or_join(
        db,
        clock,
        &NewJob::removing(JobKind::PublishManifest, target),
    )?;
    // A tag that is on its way elsewhere may still point here on SFTP, whatever
    // its row says.
    need_each(
        db,
        job,
        "SELECT j.id FROM jobs j INDEXED BY one_unfinished_job_each
         CROSS JOIN tags t ON t.id = j.target AND t.repository_id = ?1
         WHERE j.kind = 'publish_tag' AND j.state <> 'done'
         UNION ALL
         SELECT j.id FROM manifest_references x
         CROSS JOIN repository_manifests h
           ON h.repository_id = ?1 AND h.manifest_id = x.manifest_id
         CROSS JOIN jobs j INDEXED BY one_unfinished_job_each
           ON j.kind = 'publish_manifest' AND j.target = h.id AND j.state <> 'done'
          AND j.removes
         WHERE x.blob_id = ?2 AND x.is_manifest",
        [repository, manifest],
    )?;
    Ok(job)
}

/// Makes a blob go from a repository. Answers its job.
pub(crate) fn unlink(
    db: &Connection,
    clock: &Clock,
    target: i64,
    generation: Option<i64>,
) -> Result<JobId, StoreError> {
    // Every upload and mount draws its own in its transaction, after this one.
    let generation = match generation {
        Some(generation) => generation,
        None => next_generation(db, clock.wall_ms())?,
    };
    let (repository, blob): (i64, i64) = db
        .prepare_cached("SELECT repository_id, blob_id FROM repository_blobs WHERE id = ?1")?
        .query_row([target], |row| Ok((row.get(0)?, row.get(1)?)))?;
    change_holding(db, repository, blob, || {
        Ok(db
            .prepare_cached(
                "UPDATE repository_blobs SET desired = FALSE, generation = ?2 WHERE id = ?1",
            )?
            .execute([target, generation])?)
    })?;
    let job = enqueue_or_join(db, clock, &NewJob::removing(JobKind::LinkBlob, target))?;
    need_each(
        db,
        job,
        "SELECT j.id FROM manifest_references x
         CROSS JOIN repository_manifests h
           ON h.repository_id = ?1 AND h.manifest_id = x.manifest_id
         CROSS JOIN jobs j INDEXED BY one_unfinished_job_each
           ON j.kind = 'publish_manifest' AND j.target = h.id AND j.state <> 'done'
          AND j.removes
         WHERE x.blob_id = ?2 AND NOT x.is_manifest",
        [repository, blob],
    )?;
    Ok(job)
}

/// Makes a blob that no repository has go from SFTP, and then from the spool.
pub(crate) fn discard(db: &Connection, clock: &Clock, blob: i64) -> Result<JobId, StoreError> {
    let generation = next_generation(db, clock.wall_ms())?;
    db.prepare_cached("UPDATE blobs SET desired = FALSE, generation = ?2 WHERE id = ?1")?
        .execute([blob, generation])?;
    let job = enqueue_or_join(db, clock, &NewJob::removing(JobKind::StoreBlob, blob))?;
    need_each(
        db,
        job,
        "SELECT j.id FROM repository_blobs rb
         CROSS JOIN jobs j INDEXED BY one_unfinished_job_each
           ON j.kind = 'link_blob' AND j.target = rb.id AND j.state <> 'done'
         WHERE rb.blob_id = ?1
         UNION ALL
         SELECT j.id FROM repository_manifests rm
         CROSS JOIN jobs j INDEXED BY one_unfinished_job_each
           ON j.kind = 'publish_manifest' AND j.target = rm.id AND j.state <> 'done'
         WHERE rm.manifest_id = ?1",
        [blob],
    )?;
    Ok(job)
}

/// Lets `job` wait for each job that a query gives.
fn need_each(
    db: &Connection,
    job: JobId,
    query: &str,
    values: impl rusqlite::Params,
) -> Result<(), StoreError> {
    for needed in keys(db, query, values)? {
        add_dependency(db, job, JobId(needed))?;
    }
    update_readiness(db, job)
}
