//! Repositories as shown in lists; creating a repository, and deleting an empty
//! one.

use refity_types::name::{GroupName, RepositoryName};

use crate::accounts::grants::permissions_for;
use crate::accounts::readable::READABLE;
use crate::content::repositories::{find_any_state, is_being_removed, revive};
use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::value::{Named, params};
use crate::{EffectiveGrant, Page, PageRequest, Readable, Store, StoreError, UserId};

/// A repository in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryRow {
    /// Name.
    pub name: RepositoryName,
    /// Number of tags.
    pub tags: i64,
    /// Bytes that no other repository has.
    pub unique_bytes: i64,
    /// Total size in bytes, each blob once.
    pub logical_bytes: i64,
    /// Time of the last push of a manifest (milliseconds, UTC).
    pub last_push_at: Option<i64>,
    /// Number of manifest pulls.
    pub pulls: i64,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
    /// The grant of the requesting account that applies to it.
    pub grant: EffectiveGrant,
}

/// Sort key of a list of repositories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RepositorySort {
    /// The name.
    #[default]
    Name,
    /// Time of the last push.
    Pushed,
    /// The bytes that no other repository has.
    Size,
    /// The number of tags.
    Tags,
}

impl RepositorySort {
    fn key(self) -> &'static str {
        match self {
            Self::Name => "r.name",
            Self::Pushed => "r.last_push_at",
            Self::Size => "r.unique_bytes",
            Self::Tags => "r.tags",
        }
    }
}

/// A filter for repositories.
#[derive(Clone, Debug, Default)]
pub struct RepositoryFilter {
    /// Only repositories of this group.
    pub group: Option<GroupName>,
    /// Only this repository.
    pub name: Option<RepositoryName>,
    /// Only repositories with this text in their name.
    pub search: Option<String>,
}

/// The result of making a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryCreated {
    /// The repository was created.
    Yes,
    /// The name is taken.
    Exists,
    /// One of that name is being removed.
    BeingRemoved,
    /// Its group does not exist.
    NoGroup,
}

fn read(db: &Db, account: Option<UserId>, row: &Row<'_>) -> Result<RepositoryRow, StoreError> {
    let name: RepositoryName = row.get(0)?;
    Ok(RepositoryRow {
        tags: row.get(1)?,
        unique_bytes: row.get(2)?,
        logical_bytes: row.get(3)?,
        last_push_at: Some(row.get(4)?).filter(|at| *at > 0),
        pulls: row.get(5)?,
        created_at: row.get(6)?,
        grant: permissions_for(db, account, &name)?,
        name,
    })
}

fn page(
    db: &Db,
    readable: &Readable,
    account: Option<UserId>,
    filter: &RepositoryFilter,
    sort: RepositorySort,
    request: &PageRequest,
) -> Result<Page<RepositoryRow>, StoreError> {
    let mut values = Named::default();
    // Start with the repositories, which are in the order of the page.
    let mut from = if *readable == Readable::All {
        "repositories r WHERE r.removed_at IS NULL".to_owned()
    } else {
        readable.bind(&mut values);
        format!(
            "repositories r JOIN groups g ON g.id = r.group_id
             WHERE r.removed_at IS NULL AND {READABLE}"
        )
    };
    if let Some(group) = &filter.group {
        let group = db.optional(
            "SELECT id FROM groups WHERE name = ?1",
            [group.as_str()],
            |row| row.get::<i64>(0),
        )?;
        from += " AND r.group_id = :group";
        values.push(":group", group);
    }
    if let Some(name) = &filter.name {
        from += " AND r.name = :name";
        values.push(":name", name.to_string());
    }
    if let Some(search) = &filter.search {
        from += " AND instr(r.name, :search) > 0";
        values.push(":search", search.to_lowercase());
    }
    let list = List {
        columns: "r.name, r.tags, r.unique_bytes, r.logical_bytes, r.last_push_at, r.pulls,
                  r.created_at",
        from: &from,
        key: sort.key(),
        id: "r.id",
    };
    list.page(db, request, &values, |row| read(db, account, row))
}

impl Store {
    /// Returns a page of the readable repositories, each with the grant of an
    /// account that applies to it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn repository_page(
        &self,
        readable: Readable,
        account: Option<UserId>,
        filter: RepositoryFilter,
        sort: RepositorySort,
        request: PageRequest,
    ) -> Result<Page<RepositoryRow>, StoreError> {
        self.read_for_people(move |db| page(db, &readable, account, &filter, sort, &request))
            .await
    }

    /// Returns whether the repository exists.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn has_repository(&self, name: &RepositoryName) -> Result<bool, StoreError> {
        let name = name.clone();
        self.read_for_people(move |db| {
            Ok(crate::content::repositories::repository_id(db, &name)?.is_some())
        })
        .await
    }

    /// Creates an empty repository, even in a group that does not create them
    /// on push.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn create_repository(
        &self,
        name: &RepositoryName,
    ) -> Result<RepositoryCreated, StoreError> {
        let (name, now) = (name.clone(), self.clock.wall_ms());
        self.write(move |db| {
            let group = db.optional(
                "SELECT id FROM groups WHERE name = ?1 AND desired",
                [name.group().as_str()],
                |row| row.get::<i64>(0),
            )?;
            let Some(group) = group else {
                return Ok(RepositoryCreated::NoGroup);
            };
            match find_any_state(db, &name)? {
                Some((_, None)) => return Ok(RepositoryCreated::Exists),
                Some((_, Some(_))) if is_being_removed(db, &name)? => {
                    return Ok(RepositoryCreated::BeingRemoved);
                }
                Some((id, Some(_))) => revive(db, id, now)?,
                None => {
                    db.run(
                        "INSERT INTO repositories (group_id, name, created_at)
                         VALUES (?1, ?2, ?3)",
                        params![group, name.as_str(), now],
                    )?;
                }
            }
            Ok(RepositoryCreated::Yes)
        })
        .await
    }
}
