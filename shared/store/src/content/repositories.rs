//! Repositories. A first push creates a repository if its group exists.

use refity_types::name::RepositoryName;

use crate::accounts::readable::READABLE;
use crate::engine::db::Db;
use crate::engine::value::{named_params, params};
use crate::{Names, Readable, Store, StoreError};

/// Whether a repository can be pushed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushTarget {
    /// The repository exists, or the push creates it.
    Open,
    /// Its group does not exist.
    NoGroup,
    /// The repository does not exist, and its group has `create_on_push:
    /// false`.
    NoRepository,
    /// It was removed, and its contents are not all marked yet.
    BeingRemoved,
}

pub(crate) fn repository_id(db: &Db, name: &RepositoryName) -> Result<Option<i64>, StoreError> {
    db.optional(
        "SELECT id FROM repositories WHERE name = ?1 AND removed_at IS NULL",
        [name.as_str()],
        |row| row.get(0),
    )
}

/// Finds a repository, removed or not. Returns its row and the time of removal.
pub(crate) fn find_any_state(
    db: &Db,
    name: &RepositoryName,
) -> Result<Option<(i64, Option<i64>)>, StoreError> {
    db.optional(
        "SELECT id, removed_at FROM repositories WHERE name = ?1",
        [name.as_str()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Returns whether the contents of a removed repository are still being marked.
pub(crate) fn is_being_removed(db: &Db, name: &RepositoryName) -> Result<bool, StoreError> {
    db.one(
        "SELECT EXISTS (SELECT 1 FROM repositories
             WHERE name = ?1 AND removal_intent IS NOT NULL)",
        [name.as_str()],
        |row| row.get(0),
    )
}

/// Creates a removed repository again, in its existing row.
pub(crate) fn revive(db: &Db, id: i64, now: i64) -> Result<(), StoreError> {
    db.run(
        "UPDATE repositories
         SET removed_at = NULL, folders_removed = 0, created_at = ?2, last_push_at = 0
         WHERE id = ?1",
        [id, now],
    )?;
    Ok(())
}

/// Undoes the creation or revival of a repository.
pub(crate) fn undo_create(
    db: &Db,
    id: i64,
    before: Option<(i64, Option<i64>)>,
) -> Result<(), StoreError> {
    match before {
        None => db.run("DELETE FROM repositories WHERE id = ?1", [id])?,
        Some((_, removed_at)) => db.run(
            "UPDATE repositories SET removed_at = ?2 WHERE id = ?1",
            params![id, removed_at],
        )?,
    };
    Ok(())
}

fn group(db: &Db, name: &RepositoryName) -> Result<Option<(i64, bool)>, StoreError> {
    db.optional(
        "SELECT id, create_on_push FROM groups WHERE name = ?1 AND desired",
        [name.group().as_str()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Returns the repository to push to, creating it if it is missing and may be
/// created.
pub(crate) fn ensure_repository(
    db: &Db,
    name: &RepositoryName,
    now: i64,
) -> Result<Result<i64, PushTarget>, StoreError> {
    let found = find_any_state(db, name)?;
    if let Some((id, None)) = found {
        return Ok(Ok(id));
    }
    if is_being_removed(db, name)? {
        return Ok(Err(PushTarget::BeingRemoved));
    }
    match group(db, name)? {
        None => Ok(Err(PushTarget::NoGroup)),
        Some((_, false)) => Ok(Err(PushTarget::NoRepository)),
        Some((group, true)) => {
            if let Some((id, Some(_))) = found {
                revive(db, id, now)?;
                return Ok(Ok(id));
            }
            db.one(
                "INSERT INTO repositories (group_id, name, created_at)
                 VALUES (?1, ?2, ?3) RETURNING id",
                params![group, name.as_str(), now],
                |row| row.get(0).map(Ok),
            )
        }
    }
}

/// Returns whether a push to this repository may begin.
pub(crate) fn push_target(db: &Db, name: &RepositoryName) -> Result<PushTarget, StoreError> {
    if repository_id(db, name)?.is_some() {
        return Ok(PushTarget::Open);
    }
    if is_being_removed(db, name)? {
        return Ok(PushTarget::BeingRemoved);
    }
    Ok(match group(db, name)? {
        None => PushTarget::NoGroup,
        Some((_, false)) => PushTarget::NoRepository,
        Some((_, true)) => PushTarget::Open,
    })
}

impl Store {
    /// Returns whether a push to this repository may begin.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn push_target(&self, name: &RepositoryName) -> Result<PushTarget, StoreError> {
        let name = name.clone();
        self.read(move |db| push_target(db, &name)).await
    }

    /// Returns the names of the readable repositories in bytewise order: at
    /// most `limit` after `last`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn repositories(
        &self,
        readable: &Readable,
        last: Option<String>,
        limit: u32,
    ) -> Result<Names, StoreError> {
        let readable = readable.clone();
        self.read(move |db| {
            let last = last.unwrap_or_default();
            if readable != Readable::All {
                let (all, user, within) = readable.values();
                let query = format!(
                    "SELECT r.name FROM repositories r JOIN groups g ON g.id = r.group_id
                     WHERE r.name > :last AND r.removed_at IS NULL AND {READABLE}
                     ORDER BY r.name LIMIT :limit"
                );
                let values = named_params! {
                    ":last": last, ":limit": limit, ":all": all, ":user": user,
                    ":within": within,
                };
                return Names::of_rows(db, &query, values);
            }
            Names::of_rows(
                db,
                "SELECT name FROM repositories WHERE name > ?1 AND removed_at IS NULL
                 ORDER BY name LIMIT ?2",
                params![last, limit],
            )
        })
        .await
    }
}
