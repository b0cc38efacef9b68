//! Removal as a desired state, with one function per kind of target. Used by
//! deletes and by garbage collection. Order on SFTP: tags, revision links,
//! layer links, data.

use refity_config::clock::Clock;

use crate::content::sums::{change_holding, change_tag};
use crate::engine::db::Db;
use crate::engine::value::{Params, params};
use crate::gc::reachability::{Gone, held_by};
use crate::queue::dependencies::{add_dependency, update_readiness};
use crate::queue::generation::next_generation;
use crate::queue::jobs::{NewJob, enqueue_or_join};
use crate::{JobId, JobKind, StoreError};

/// Records when a delete released a manifest, if nothing keeps the manifest any
/// more.
fn release(db: &Db, repository: i64, manifest: i64, released_at: i64) -> Result<(), StoreError> {
    if !Gone::default().is_held(db, repository, manifest)? {
        db.run(
            "UPDATE repository_manifests SET released_at = ?3
             WHERE repository_id = ?1 AND manifest_id = ?2 AND desired
               AND (released_at IS NULL OR released_at < ?3)",
            [repository, manifest, released_at],
        )?;
    }
    Ok(())
}

/// Removes a tag that points to a manifest. Returns its job, or `None` if its
/// desired state is newer than `generation`.
pub(crate) fn remove_tag(
    db: &Db,
    clock: &Clock,
    tag: i64,
    generation: i64,
) -> Result<Option<JobId>, StoreError> {
    let now = clock.wall_ms();
    let (repository, name, pointed) = db.one(
        "SELECT repository_id, name, manifest_id FROM tags WHERE id = ?1",
        [tag],
        |row| {
            Ok((
                row.get::<i64>(0)?,
                row.get::<String>(1)?,
                row.get::<Option<i64>>(2)?,
            ))
        },
    )?;
    let removed = change_tag(db, repository, &name, || {
        db.run(
            "UPDATE tags SET manifest_id = NULL, generation = ?2, pushed_at = ?3
                 WHERE id = ?1 AND generation < ?2",
            [tag, generation, now],
        )
    })?;
    if removed == 0 {
        return Ok(None);
    }
    if let Some(manifest) = pointed {
        release(db, repository, manifest, now)?;
    }
    enqueue_or_join(db, clock, &NewJob::removing(JobKind::PublishTag, tag)).map(Some)
}

/// Marks a manifest of a repository for removal, after its tags, and releases
/// what only it referenced as of `released_at`. Returns its job.
///
/// Without a generation, no client requested it, and every push is newer.
pub(crate) fn withdraw(
    db: &Db,
    clock: &Clock,
    target: i64,
    generation: Option<i64>,
    released_at: i64,
) -> Result<JobId, StoreError> {
    let (repository, manifest): (i64, i64) = db.one(
        "SELECT repository_id, manifest_id FROM repository_manifests WHERE id = ?1",
        [target],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    change_holding(db, repository, manifest, || {
        db.run(
            "UPDATE repository_manifests
                 SET desired = FALSE, generation = coalesce(?2, generation + 1) WHERE id = ?1",
            params![target, generation],
        )
    })?;
    for held in held_by(db, repository, manifest)? {
        release(db, repository, held.manifest, released_at)?;
    }
    let job = enqueue_or_join(
        db,
        clock,
        &NewJob::removing(JobKind::PublishManifest, target),
    )?;
    // A tag that is being moved may still point to this manifest on SFTP, even
    // if its row refers to another one. Until its job has begun to run, it
    // points to its published manifest.
    depend_on_each(
        db,
        job,
        "WITH RECURSIVE above (id) AS (
             SELECT ?2
             UNION
             SELECT x.manifest_id FROM above
             JOIN manifest_references x ON x.blob_id = above.id AND x.is_manifest)
         SELECT j.id FROM above
         JOIN tags t ON t.published_manifest_id = above.id AND t.repository_id = ?1
         JOIN jobs j ON j.kind = 'publish_tag' AND j.target = t.id AND j.state <> 'done'
         UNION
         SELECT j.id FROM jobs j INDEXED BY jobs_of_begun_tags
         WHERE j.kind = 'publish_tag' AND j.state <> 'done'
           AND (j.lease > 0 OR j.suspect_until IS NOT NULL)
           AND (SELECT t.repository_id FROM tags t WHERE t.id = j.target) = ?1
         UNION
         SELECT j.id FROM jobs j
         WHERE j.kind = 'publish_manifest' AND j.state <> 'done' AND j.removes
           AND j.target IN (
               SELECT h.id FROM repository_manifests h
               WHERE h.repository_id = ?1 AND h.manifest_id IN (
                   SELECT x.manifest_id FROM manifest_references x
                   WHERE x.blob_id = ?2 AND x.is_manifest))",
        [repository, manifest],
    )?;
    Ok(job)
}

/// Marks a blob of a repository for removal. Returns its job.
pub(crate) fn unlink(
    db: &Db,
    clock: &Clock,
    target: i64,
    generation: Option<i64>,
) -> Result<JobId, StoreError> {
    // Every upload and mount draws its generation in its own transaction, after
    // this one.
    let generation = match generation {
        Some(generation) => generation,
        None => next_generation(db, clock.wall_ms())?,
    };
    let (repository, blob): (i64, i64) = db.one(
        "SELECT repository_id, blob_id FROM repository_blobs WHERE id = ?1",
        [target],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    change_holding(db, repository, blob, || {
        db.run(
            "UPDATE repository_blobs SET desired = FALSE, generation = ?2 WHERE id = ?1",
            [target, generation],
        )
    })?;
    let job = enqueue_or_join(db, clock, &NewJob::removing(JobKind::LinkBlob, target))?;
    depend_on_each(
        db,
        job,
        "SELECT j.id FROM jobs j
         WHERE j.kind = 'publish_manifest' AND j.state <> 'done' AND j.removes
           AND j.target IN (
               SELECT h.id FROM repository_manifests h
               WHERE h.repository_id = ?1 AND h.manifest_id IN (
                   SELECT x.manifest_id FROM manifest_references x
                   WHERE x.blob_id = ?2 AND NOT x.is_manifest))",
        [repository, blob],
    )?;
    Ok(job)
}

/// Marks a blob without repositories for removal, first from SFTP and then from
/// the spool. Returns its job.
pub(crate) fn discard(db: &Db, clock: &Clock, blob: i64) -> Result<JobId, StoreError> {
    let generation = next_generation(db, clock.wall_ms())?;
    db.run(
        "UPDATE blobs SET desired = FALSE, generation = ?2 WHERE id = ?1",
        [blob, generation],
    )?;
    let job = enqueue_or_join(db, clock, &NewJob::removing(JobKind::StoreBlob, blob))?;
    depend_on_each(
        db,
        job,
        "SELECT j.id FROM jobs j
         WHERE j.kind = 'link_blob' AND j.state <> 'done' AND j.target IN (
             SELECT l.id FROM repository_blobs l WHERE l.blob_id = ?1)
         UNION ALL
         SELECT j.id FROM jobs j
         WHERE j.kind = 'publish_manifest' AND j.state <> 'done' AND j.target IN (
             SELECT m.id FROM repository_manifests m WHERE m.manifest_id = ?1)",
        [blob],
    )?;
    Ok(job)
}

/// Makes `job` wait for each job that a query returns.
fn depend_on_each(db: &Db, job: JobId, query: &str, values: impl Params) -> Result<(), StoreError> {
    for needed in db.all(query, values, |row| row.get(0))? {
        add_dependency(db, job, JobId(needed))?;
    }
    update_readiness(db, job)
}
