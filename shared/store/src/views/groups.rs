//! Groups as shown in lists; changing their settings, and deleting a group.

use refity_types::name::GroupName;
use refity_types::rights::Rights;

use crate::accounts::readable::READABLE;
use crate::content::groups::create_group;
use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::value::{Named, params};
use crate::queue::generation::next_generation;
use crate::queue::jobs::{NewJob, enqueue_or_join};
use crate::{
    EffectiveGrant, GroupCreated, JobKind, Page, PageRequest, Readable, Store, StoreError, UserId,
};

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Name.
    pub name: GroupName,
    /// Whether a first push creates a repository in the group.
    pub create_on_push: bool,
    /// Number of readable repositories.
    pub repositories: i64,
    /// Number of tags in those repositories.
    pub tags: i64,
    /// Size of those repositories in bytes, each counted separately.
    pub logical_bytes: i64,
    /// Time of the last push to those repositories (milliseconds, UTC).
    pub last_push_at: Option<i64>,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
    /// The grant of the requesting account on the whole group.
    pub grant: EffectiveGrant,
}

/// The settings of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// Whether everyone may pull.
    pub public: bool,
    /// Whether a first push creates a repository in the group.
    pub create_on_push: bool,
}

/// Changes to a group's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupChange {
    /// Whether everyone may pull.
    pub public: Option<bool>,
    /// Whether a first push creates a repository in the group.
    pub create_on_push: Option<bool>,
}

/// The result of removing a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupRemoved {
    /// The group was deleted, and a job removes its marker from SFTP.
    Yes,
    /// There is no such group.
    Unknown,
    /// The group has this many repositories.
    NotEmpty(i64),
}

/// Condition that the account may read something in the group `g`, now or after
/// a push: like [`READABLE`], for any repository of the group.
pub(crate) const SOME_READABLE: &str =
    "(:all OR g.public OR (:user IS NULL AND (:within IS NULL OR EXISTS (
        SELECT 1 FROM json_each(:within) p WHERE p.value IN ('*', g.name || '/*', g.name)
            OR substr(p.value, 1, length(g.name) + 1) = g.name || '/')))
    OR EXISTS (SELECT 1 FROM grants x
        WHERE x.user_id = :user AND x.group_id = g.id AND x.rights <> 0
          AND (:within IS NULL OR EXISTS (SELECT 1 FROM json_each(:within) p
            WHERE p.value IN ('*', g.name || '/*')
               OR CASE WHEN x.repository = '' THEN p.value = g.name
                    OR substr(p.value, 1, length(g.name) + 1) = g.name || '/' ELSE p.value = x.repository END))))";

fn columns(readable: &str) -> String {
    let of =
        format!("FROM repositories r WHERE r.group_id = g.id AND r.removed_at IS NULL {readable}");
    format!(
        "g.name, g.create_on_push, g.created_at, g.public, g.id, (SELECT count(*) {of}),
         (SELECT coalesce(sum(r.tags), 0) {of}), (SELECT coalesce(max(r.last_push_at), 0) {of}),
         (SELECT coalesce(sum(r.logical_bytes), 0) {of})"
    )
}

fn read(db: &Db, account: Option<UserId>, found: &Row<'_>) -> Result<GroupRow, StoreError> {
    let rights = db.optional(
        "SELECT rights FROM grants WHERE user_id = ?1 AND group_id = ?2 AND repository = ''",
        params![account.map(|account| account.0), found.get::<i64>(4)?],
        |row| row.get(0),
    )?;
    Ok(GroupRow {
        name: found.get(0)?,
        create_on_push: found.get(1)?,
        created_at: found.get(2)?,
        repositories: found.get(5)?,
        tags: found.get(6)?,
        last_push_at: Some(found.get(7)?).filter(|at| *at > 0),
        logical_bytes: found.get(8)?,
        grant: EffectiveGrant {
            public: found.get(3)?,
            rights: rights.unwrap_or(Rights::NONE),
        },
    })
}

fn page(
    db: &Db,
    readable: &Readable,
    account: Option<UserId>,
    name: Option<&GroupName>,
    search: Option<String>,
    request: &PageRequest,
) -> Result<Page<GroupRow>, StoreError> {
    let mut values = Named::default();
    let (mut from, columns) = if *readable == Readable::All {
        ("groups g WHERE g.desired".to_owned(), columns(""))
    } else {
        readable.bind(&mut values);
        (
            format!("groups g WHERE g.desired AND {SOME_READABLE}"),
            columns(&format!("AND {READABLE}")),
        )
    };
    if let Some(name) = name {
        from += " AND g.name = :name";
        values.push(":name", name.to_string());
    }
    if let Some(search) = search {
        from += " AND instr(g.name, :search) > 0";
        values.push(":search", search.to_lowercase());
    }
    let list = List {
        columns: &columns,
        from: &from,
        key: "g.name",
        id: "g.id",
    };
    list.page(db, request, &values, |row| read(db, account, row))
}

impl Store {
    /// Returns a page of the groups in which something is readable, sorted by
    /// name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn group_page(
        &self,
        readable: Readable,
        account: Option<UserId>,
        search: Option<String>,
        request: PageRequest,
    ) -> Result<Page<GroupRow>, StoreError> {
        self.read_for_people(move |db| page(db, &readable, account, None, search, &request))
            .await
    }

    /// Returns a group if something in it is readable.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn group(
        &self,
        readable: Readable,
        account: Option<UserId>,
        name: &GroupName,
    ) -> Result<Option<GroupRow>, StoreError> {
        let name = name.clone();
        let request = PageRequest {
            order: crate::Order::Asc,
            cursor: None,
            limit: 1,
        };
        self.read_for_people(move |db| {
            let page = page(db, &readable, account, Some(&name), None, &request)?;
            Ok(page.items.into_iter().next())
        })
        .await
    }

    /// Creates a group with these settings, and the job that writes its marker
    /// to SFTP.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn create_group_with(
        &self,
        name: &GroupName,
        settings: GroupSettings,
    ) -> Result<GroupCreated, StoreError> {
        let (store, name) = (self.clone(), name.clone());
        self.write(move |db| {
            let created = create_group(db, &store, &name)?;
            if created == GroupCreated::Yes {
                db.run(
                    "UPDATE groups SET public = ?2, create_on_push = ?3 WHERE name = ?1",
                    params![name.as_str(), settings.public, settings.create_on_push],
                )?;
            }
            Ok(created)
        })
        .await
    }

    /// Changes a group's settings. Returns the new ones, or `None` if there is
    /// no such group.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn change_group(
        &self,
        name: &GroupName,
        change: GroupChange,
    ) -> Result<Option<GroupSettings>, StoreError> {
        let name = name.clone();
        self.write(move |db| {
            db.optional(
                "UPDATE groups SET public = coalesce(?2, public),
                                   create_on_push = coalesce(?3, create_on_push)
                 WHERE name = ?1 AND desired RETURNING public, create_on_push",
                params![name.as_str(), change.public, change.create_on_push],
                |row| {
                    Ok(GroupSettings {
                        public: row.get(0)?,
                        create_on_push: row.get(1)?,
                    })
                },
            )
        })
        .await
    }

    /// Deletes a group without repositories, together with its robots and with
    /// the rights granted on it, so that they do not apply to a later group of
    /// the same name.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn remove_group(&self, name: &GroupName) -> Result<GroupRemoved, StoreError> {
        let (name, clock) = (name.clone(), self.clock.clone());
        self.write(move |db| {
            let group = db.optional(
                "SELECT id, (SELECT count(*) FROM repositories r
                             WHERE r.group_id = g.id AND r.removed_at IS NULL)
                 FROM groups g WHERE name = ?1 AND desired",
                [name.as_str()],
                |row| Ok((row.get::<i64>(0)?, row.get(1)?)),
            )?;
            let group = match group {
                None => return Ok(GroupRemoved::Unknown),
                Some((group, 0)) => group,
                Some((_, repositories)) => return Ok(GroupRemoved::NotEmpty(repositories)),
            };
            let generation = next_generation(db, clock.wall_ms())?;
            db.run(
                "UPDATE groups SET desired = 0, generation = ?2 WHERE id = ?1",
                [group, generation],
            )?;
            db.run("DELETE FROM grants WHERE group_id = ?1", [group])?;
            db.run("DELETE FROM robots WHERE group_id = ?1", [group])?;
            enqueue_or_join(db, &clock, &NewJob::removing(JobKind::MarkGroup, group))?;
            Ok(GroupRemoved::Yes)
        })
        .await
    }
}
