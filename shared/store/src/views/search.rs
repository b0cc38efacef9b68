//! Names that hold a text: what begins with it first.

use std::ops::ControlFlow::Continue;

use refity_types::name::{GroupName, RepositoryName, Tag};

use crate::accounts::readable::READABLE;
use crate::engine::db::Db;
use crate::engine::value::Named;
use crate::views::groups::SOME_READABLE;
use crate::{Readable, Store, StoreError};

/// What was found: a few of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Groups.
    pub groups: Vec<GroupName>,
    /// Repositories.
    pub repositories: Vec<RepositoryName>,
    /// Tags.
    pub tags: Vec<FoundTag>,
}

/// A tag that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTag {
    /// Where.
    pub repository: RepositoryName,
    /// Name.
    pub tag: Tag,
}

fn search(db: &Db, readable: &Readable, text: &str, limit: u32) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut values = Named::default();
    readable.bind(&mut values);
    values.push(":text", text.to_lowercase());
    values.push(":limit", limit);

    db.each(
        &format!(
            "SELECT g.name FROM groups g
         WHERE g.desired AND instr(g.name, :text) > 0 AND {SOME_READABLE}
         ORDER BY instr(g.name, :text) > 1, g.name LIMIT :limit"
        ),
        &values,
        |row| {
            found.groups.push(row.get(0)?);
            Ok(Continue(()))
        },
    )?;
    // The name below the group counts as a beginning too.

    db.each(
        &format!(
            "SELECT r.name FROM repositories r JOIN groups g ON g.id = r.group_id
         WHERE r.removed_at IS NULL AND instr(r.name, :text) > 0 AND {READABLE}
         ORDER BY instr(r.name, :text) > 1 AND instr(r.name, '/' || :text) = 0, r.name
         LIMIT :limit"
        ),
        &values,
        |row| {
            found.repositories.push(row.get(0)?);
            Ok(Continue(()))
        },
    )?;

    db.each(
        &format!(
            "SELECT r.name, t.name FROM tags t JOIN repositories r ON r.id = t.repository_id
         JOIN groups g ON g.id = r.group_id
         WHERE t.manifest_id IS NOT NULL AND instr(lower(t.name), :text) > 0 AND {READABLE}
         ORDER BY instr(lower(t.name), :text) > 1, t.name, r.name LIMIT :limit"
        ),
        &values,
        |row| {
            found.tags.push(FoundTag {
                repository: row.get(0)?,
                tag: row.get(1)?,
            });
            Ok(Continue(()))
        },
    )?;
    Ok(found)
}

impl Store {
    /// Groups, repositories and tags that may be read and have a text in
    /// their names: at most `limit` of each.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn search(
        &self,
        readable: Readable,
        text: String,
        limit: u32,
    ) -> Result<Found, StoreError> {
        self.read_for_people(move |db| search(db, &readable, &text, limit))
            .await
    }
}
