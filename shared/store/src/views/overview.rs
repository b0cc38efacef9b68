//! An overview of the readable part of the registry.

use std::ops::ControlFlow::Continue;

use refity_types::digest::Digest;
use refity_types::name::{GroupName, RepositoryName, Tag};

use crate::ImageDurability;
use crate::accounts::readable::READABLE;
use crate::engine::db::Db;
use crate::engine::value::Named;
use crate::views::durability::Needed;
use crate::views::groups::SOME_READABLE;
use crate::views::tags::job_state;
use crate::views::transfers::visible;
use crate::{Readable, Store, StoreError};

/// Maximum number of tags checked for the last pushes, for an account that may
/// not read all repositories and thus cannot see most pushes.
const LOOKED_AT: u32 = 10_000;

/// Counts of the readable content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Number of groups.
    pub groups: i64,
    /// Number of repositories.
    pub repositories: i64,
    /// Number of tags.
    pub tags: i64,
    /// Size of all repositories in bytes, each counted separately.
    pub logical_bytes: i64,
    /// Bytes on SFTP, each blob once.
    pub stored_bytes: i64,
    /// Bytes that are only on this host.
    pub staged_bytes: i64,
    /// Number of waiting transfers.
    pub queued: i64,
    /// Number of running transfers.
    pub running: i64,
    /// Number of transfers that need a person.
    pub failed: i64,
    /// The last pushes, newest first.
    pub recent: Vec<RecentPush>,
    /// The largest groups by bytes, in descending order: at most five.
    pub largest_groups: Vec<LargeGroup>,
}

/// A group with its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeGroup {
    /// Name.
    pub name: GroupName,
    /// Size in bytes of its readable repositories, each counted separately.
    pub logical_bytes: i64,
}

/// A push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentPush {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Size in bytes of the manifest and everything that it needs.
    pub size: i64,
    /// Time of the push (milliseconds, UTC).
    pub pushed_at: i64,
    /// Account that pushed it, if the account still exists.
    pub pushed_by: Option<String>,
    /// Durability on SFTP.
    pub durability: ImageDurability,
}

fn overview(db: &Db, readable: &Readable, recent: u32) -> Result<Overview, StoreError> {
    let all = *readable == Readable::All;
    let mut values = Named::default();
    let mut within = "JOIN groups g ON g.id = r.group_id WHERE r.removed_at IS NULL".to_owned();
    if !all {
        readable.bind(&mut values);
        within = format!("{within} AND {READABLE}");
    }
    let mut overview = db.one(
        &format!(
            "SELECT count(*), coalesce(sum(r.tags), 0), coalesce(sum(r.logical_bytes), 0)
             FROM repositories r {within}"
        ),
        &values,
        |row| {
            Ok(Overview {
                repositories: row.get(0)?,
                tags: row.get(1)?,
                logical_bytes: row.get(2)?,
                ..Overview::default()
            })
        },
    )?;
    // Include empty groups.
    let seen = if all { "true" } else { SOME_READABLE };
    overview.groups = db.one(
        &format!("SELECT count(*) FROM groups g WHERE g.desired AND {seen}"),
        &values,
        |row| row.get(0),
    )?;

    db.each(
        &format!(
            "SELECT g.name, sum(r.logical_bytes) AS bytes FROM repositories r {within}
         GROUP BY g.id ORDER BY bytes DESC, g.name LIMIT 5"
        ),
        &values,
        |row| {
            overview.largest_groups.push(LargeGroup {
                name: row.get(0)?,
                logical_bytes: row.get(1)?,
            });
            Ok(Continue(()))
        },
    )?;
    let held = if all {
        String::new()
    } else {
        format!(
            "AND id IN (
                 SELECT l.blob_id FROM repositories r JOIN repository_blobs l
                   ON l.repository_id = r.id AND l.desired {within}
                 UNION
                 SELECT m.manifest_id FROM repositories r JOIN repository_manifests m
                   ON m.repository_id = r.id AND m.desired {within})"
        )
    };
    for (is, bytes) in [
        ("IS NOT NULL", &mut overview.stored_bytes),
        ("IS NULL", &mut overview.staged_bytes),
    ] {
        *bytes = db.one(
            &format!(
                "SELECT coalesce(sum(size), 0) FROM blobs
                 WHERE desired AND stored_at {is} {held}"
            ),
            &values,
            |row| row.get(0),
        )?;
    }
    let seen = if all { "true".to_owned() } else { visible() };

    db.each(
        &format!(
            "SELECT j.state, count(*) FROM jobs j
         WHERE j.state IN ('waiting', 'pending', 'running', 'failed') AND {seen} GROUP BY j.state"
        ),
        &values,
        |row| {
            let count: i64 = row.get(1)?;
            match row.get::<String>(0)?.as_str() {
                "running" => overview.running += count,
                "failed" => overview.failed += count,
                _ => overview.queued += count,
            }
            Ok(Continue(()))
        },
    )?;
    values.push(":limit", recent);
    let looked_at = if all {
        ""
    } else {
        values.push(":looked_at", LOOKED_AT);
        "LIMIT :looked_at"
    };

    db.each(
        &format!(
            "SELECT r.name, t.name, b.digest, t.size, t.pushed_at,
                (SELECT name FROM users WHERE id = t.pushed_by),
                t.id, r.id, t.manifest_id, t.published_manifest_id IS NOT DISTINCT FROM t.manifest_id
         FROM (SELECT * FROM tags WHERE manifest_id IS NOT NULL
               ORDER BY pushed_at DESC {looked_at}) t
         JOIN repositories r ON r.id = t.repository_id
         JOIN blobs b ON b.id = t.manifest_id {within}
         ORDER BY t.pushed_at DESC LIMIT :limit"
        ),
        &values,
        |row| {
            let job = job_state(db, row.get(6)?)?;
            let needed = Needed::of(db, row.get(7)?, row.get(8)?)?;
            overview.recent.push(RecentPush {
                repository: row.get(0)?,
                tag: row.get(1)?,
                digest: row.get(2)?,
                size: row.get(3)?,
                pushed_at: row.get(4)?,
                pushed_by: row.get(5)?,
                durability: needed.with(row.get(9)?, job.as_deref()),
            });
            Ok(Continue(()))
        },
    )?;
    Ok(overview)
}

impl Store {
    /// Returns the counts of readable content and the last pushes to it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn overview(&self, readable: Readable, recent: u32) -> Result<Overview, StoreError> {
        self.read_for_people(move |db| overview(db, &readable, recent))
            .await
    }
}
