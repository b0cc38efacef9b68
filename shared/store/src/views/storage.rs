//! Sizes of the registry's content and of the storage, and their growth.

use crate::accounts::readable::READABLE;
use crate::engine::db::Db;
use crate::engine::value::{named_params, params};
use crate::views::audit_log::DAY_MS;
use crate::{Readable, Store, StoreError};

/// The last measurement of the storage by an uploader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageSeen {
    /// Time of the measurement (milliseconds, UTC).
    pub at: i64,
    /// Latency of one small request, in microseconds.
    pub latency_us: i64,
    /// Fingerprint of the server's host key.
    pub host_key: Option<String>,
    /// Names of the server's extensions.
    pub extensions: Vec<String>,
    /// Capacity of the storage, if the server reports it.
    pub capacity: Option<Capacity>,
}

/// Capacity of the storage, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Total size.
    pub total: i64,
    /// Space that can still be written.
    pub free: i64,
}

/// The registry's content in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StoredBytes {
    /// On SFTP, each blob once.
    pub stored: i64,
    /// As counted in each repository.
    pub logical: i64,
    /// Number of blobs on SFTP, including manifests.
    pub blobs: i64,
    /// In the spool, and not on SFTP yet.
    pub pending: i64,
    /// In the spool and on SFTP.
    pub cached: i64,
}

/// Sizes on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageDay {
    /// Days since 1970 (UTC).
    pub day: i64,
    /// Bytes on SFTP, each blob once.
    pub stored: i64,
    /// Bytes as counted in each repository.
    pub logical: i64,
    /// Number of blobs on SFTP.
    pub blobs: i64,
    /// Capacity of the storage, if it was known.
    pub capacity: Option<Capacity>,
}

/// A repository with its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeRepository {
    /// Name.
    pub name: String,
    /// Bytes that no other repository has.
    pub unique: i64,
    /// Total size in bytes.
    pub logical: i64,
}

/// Sort key of the largest repositories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LargestBy {
    /// Bytes that no other repository has.
    #[default]
    Unique,
    /// Total size.
    Logical,
}

fn stored_bytes(db: &Db) -> Result<StoredBytes, StoreError> {
    db.one(
        "SELECT stored_bytes, logical_bytes, stored_blobs, pending_bytes, cached_bytes
             FROM totals",
        (),
        |row| {
            Ok(StoredBytes {
                stored: row.get(0)?,
                logical: row.get(1)?,
                blobs: row.get(2)?,
                pending: row.get(3)?,
                cached: row.get(4)?,
            })
        },
    )
}

fn capacity(total: Option<i64>, free: Option<i64>) -> Option<Capacity> {
    let (total, free) = total.zip(free)?;
    Some(Capacity { total, free })
}

impl Store {
    /// Returns the current sizes.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn stored_bytes(&self) -> Result<StoredBytes, StoreError> {
        self.read_for_people(stored_bytes).await
    }

    /// Records a measurement of the storage.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn note_storage(&self, seen: StorageSeen) -> Result<(), StoreError> {
        self.write_relaxed(move |db| {
            let extensions = serde_json::Value::from(seen.extensions).to_string();
            db.run(
                "INSERT INTO storage_stats (id, at, latency_us, host_key, extensions,
                                            capacity_total, capacity_free)
                 VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET at = excluded.at, latency_us = excluded.latency_us,
                     host_key = excluded.host_key, extensions = excluded.extensions,
                     capacity_total = excluded.capacity_total,
                     capacity_free = excluded.capacity_free",
                params![
                    seen.at,
                    seen.latency_us,
                    seen.host_key,
                    extensions,
                    seen.capacity.map(|capacity| capacity.total),
                    seen.capacity.map(|capacity| capacity.free),
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Returns the last measurement of the storage, or `None` if there was none
    /// yet.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn storage_seen(&self) -> Result<Option<StorageSeen>, StoreError> {
        self.read_for_people(|db| {
            db.optional(
                "SELECT at, latency_us, host_key, extensions, capacity_total, capacity_free
                     FROM storage_stats",
                (),
                |row| {
                    let extensions: String = row.get(3)?;
                    Ok(StorageSeen {
                        at: row.get(0)?,
                        latency_us: row.get(1)?,
                        host_key: row.get(2)?,
                        extensions: serde_json::from_str(&extensions).unwrap_or_default(),
                        capacity: capacity(row.get(4)?, row.get(5)?),
                    })
                },
            )
        })
        .await
    }

    /// Records the current sizes for today, with the capacity of the storage if
    /// it is known.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn sample_storage(&self, room: Option<Capacity>) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        let bytes = self.stored_bytes().await?;
        self.write_relaxed(move |db| {
            db.run(
                "INSERT INTO storage_days (day, at, stored_bytes, logical_bytes, blobs,
                                           capacity_total, capacity_free)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (day) DO UPDATE SET
                     at = excluded.at, stored_bytes = excluded.stored_bytes,
                     logical_bytes = excluded.logical_bytes, blobs = excluded.blobs,
                     capacity_total = coalesce(excluded.capacity_total, capacity_total),
                     capacity_free = coalesce(excluded.capacity_free, capacity_free)",
                params![
                    now.div_euclid(DAY_MS),
                    now,
                    bytes.stored,
                    bytes.logical,
                    bytes.blobs,
                    room.map(|room| room.total),
                    room.map(|room| room.free),
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Returns the last `days` days, earliest first. Days on which no uploader
    /// ran are missing.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn storage_days(&self, days: u32) -> Result<Vec<StorageDay>, StoreError> {
        let first = self.clock.wall_ms().div_euclid(DAY_MS) - i64::from(days) + 1;
        self.read_for_people(move |db| {
            let days = db.all(
                "SELECT day, stored_bytes, logical_bytes, blobs, capacity_total, capacity_free
                 FROM storage_days WHERE day >= ?1 ORDER BY day",
                [first],
                |row| {
                    Ok(StorageDay {
                        day: row.get(0)?,
                        stored: row.get(1)?,
                        logical: row.get(2)?,
                        blobs: row.get(3)?,
                        capacity: capacity(row.get(4)?, row.get(5)?),
                    })
                },
            )?;
            Ok(days)
        })
        .await
    }

    /// Returns the largest readable repositories.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn largest_repositories(
        &self,
        readable: Readable,
        by: LargestBy,
        limit: u32,
    ) -> Result<Vec<LargeRepository>, StoreError> {
        self.read_for_people(move |db| {
            let order = match by {
                LargestBy::Unique => "r.unique_bytes DESC, r.logical_bytes DESC",
                LargestBy::Logical => "r.logical_bytes DESC, r.unique_bytes DESC",
            };
            let (all, user, within) = readable.values();
            let values =
                named_params! { ":all": all, ":user": user, ":within": within, ":limit": limit };
            let repositories = db.all(
                &format!(
                    "SELECT r.name, r.unique_bytes, r.logical_bytes
                 FROM repositories r JOIN groups g ON g.id = r.group_id
                 WHERE r.removed_at IS NULL AND r.logical_bytes > 0 AND {READABLE}
                 ORDER BY {order}, r.name LIMIT :limit"
                ),
                &values,
                |row| {
                    Ok(LargeRepository {
                        name: row.get(0)?,
                        unique: row.get(1)?,
                        logical: row.get(2)?,
                    })
                },
            )?;
            Ok(repositories)
        })
        .await
    }
}
