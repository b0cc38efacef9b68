//! Tags for `tags/list`.

use refity_types::name::RepositoryName;

use crate::content::repositories::repository_id;
use crate::engine::value::params;
use crate::{Names, Store, StoreError};

impl Store {
    /// Returns the repository's tags in bytewise order: at most `limit` after
    /// `last`. Returns none if the repository does not exist.
    ///
    /// # Errors
    /// If the database cannot be read.
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
            let query = "SELECT name FROM tags
                 WHERE repository_id = ?1 AND name > ?2 AND manifest_id IS NOT NULL
                 ORDER BY name LIMIT ?3";
            let limit = limit.map_or(i64::MAX, i64::from);
            let last = last.unwrap_or_default();
            Names::of_rows(db, query, params![id, last, limit]).map(Some)
        })
        .await
    }
}
