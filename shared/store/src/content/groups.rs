//! Groups: the first component of a repository's name.

use refity_types::name::GroupName;

use crate::engine::db::Db;
use crate::engine::value::params;
use crate::queue::generation::next_generation;
use crate::queue::jobs::{NewJob, enqueue_or_join};
use crate::{JobKind, Store, StoreError};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Whether a first push creates a repository in the group.
    pub create_on_push: bool,
    /// Number of repositories.
    pub repositories: i64,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
}

/// The result of making a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupCreated {
    /// The group was created, and a job writes its marker to SFTP.
    Yes,
    /// The name is taken.
    Exists,
}

pub(crate) fn create_group(
    db: &Db,
    store: &Store,
    name: &GroupName,
) -> Result<GroupCreated, StoreError> {
    let now = store.clock.wall_ms();
    let generation = next_generation(db, now)?;
    // The row of a removed group may still exist.
    let made = db.optional(
        "INSERT INTO groups (name, desired, generation, created_at) VALUES (?1, 1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET
                 desired = 1, generation = excluded.generation, created_at = excluded.created_at,
                 create_on_push = 1, public = 0
             WHERE NOT desired
             RETURNING id",
        params![name.as_str(), generation, now],
        |row| row.get(0),
    )?;
    let Some(group) = made else {
        return Ok(GroupCreated::Exists);
    };
    enqueue_or_join(db, &store.clock, &NewJob::new(JobKind::MarkGroup, group))?;
    Ok(GroupCreated::Yes)
}

impl Store {
    /// Creates a group and the job that writes its marker to SFTP.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn create_group(&self, name: &GroupName) -> Result<GroupCreated, StoreError> {
        let (store, name) = (self.clone(), name.clone());
        self.write(move |db| create_group(db, &store, &name)).await
    }

    /// Returns all groups, sorted by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        self.read_for_people(|db| {
            let groups = db.all(
                "SELECT name, create_on_push, created_at,
                        (SELECT count(*) FROM repositories r
                         WHERE r.group_id = g.id AND r.removed_at IS NULL)
                 FROM groups g WHERE desired ORDER BY name",
                (),
                |row| {
                    Ok(Group {
                        name: row.get(0)?,
                        create_on_push: row.get(1)?,
                        created_at: row.get(2)?,
                        repositories: row.get(3)?,
                    })
                },
            )?;
            Ok(groups)
        })
        .await
    }
}
