//! Tags, as `tags/list` shows them.

use rusqlite::params;

use super::repositories::repository_id;
use super::{Names, Store, StoreError};
use crate::name::RepositoryName;

impl Store {
    /// The repository's tags in bytewise order: those after `last`, at most
    /// `limit`. Nothing for a repository that does not exist.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tags(
        &self,
        repository: &RepositoryName,
        last: Option<String>,
        limit: Option<u32>,
    ) -> Result<Option<Names>, StoreError> {
        let repository = repository.clone();
        self.read(move |db| {
            let Some(id) = repository_id(db, &repository)? else {
                return Ok(None);
            };
            let mut query = db.prepare_cached(
                "SELECT name FROM tags
                 WHERE repository_id = ?1 AND manifest_id IS NOT NULL AND name > ?2
                 ORDER BY name LIMIT ?3",
            )?;
            let limit = limit.map_or(-1, i64::from);
            let names = Names::read(&mut query, params![id, last.unwrap_or_default(), limit])?;
            Ok(Some(names))
        })
        .await
    }
}
