//! Search for names that contain a text. Names that begin with it come first.

use std::ops::ControlFlow::Continue;

use refity_types::name::{GroupName, RepositoryName, Tag};

use crate::accounts::readable::READABLE;
use crate::engine::db::Db;
use crate::engine::value::Named;
use crate::views::groups::SOME_READABLE;
use crate::{Readable, Store, StoreError};

/// Search results: a few of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchResults {
    /// Groups.
    pub groups: Vec<GroupName>,
    /// Repositories.
    pub repositories: Vec<RepositoryName>,
    /// Tags.
    pub tags: Vec<TagMatch>,
}

/// A tag found by a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagMatch {
    /// The repository.
    pub repository: RepositoryName,
    /// Name.
    pub tag: Tag,
}

fn search(
    db: &Db,
    readable: &Readable,
    text: &str,
    limit: u32,
) -> Result<SearchResults, StoreError> {
    let mut found = SearchResults::default();
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
    // The beginning of the name below the group counts too.

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
         WHERE t.manifest_id IS NOT NULL AND r.removed_at IS NULL AND instr(lower(t.name), :text) > 0 AND {READABLE}
         ORDER BY instr(lower(t.name), :text) > 1, t.name, r.name LIMIT :limit"
        ),
        &values,
        |row| {
            found.tags.push(TagMatch {
                repository: row.get(0)?,
                tag: row.get(1)?,
            });
            Ok(Continue(()))
        },
    )?;
    Ok(found)
}

impl Store {
    /// Returns readable groups, repositories and tags with a text in their
    /// names: at most `limit` of each.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn search(
        &self,
        readable: Readable,
        text: String,
        limit: u32,
    ) -> Result<SearchResults, StoreError> {
        self.read_for_people(move |db| search(db, &readable, &text, limit))
            .await
    }
}
