//! Tags, as `tags/list` shows them.

use refity_types::name::RepositoryName;

use crate::content::repositories::repository_id;
use crate::{Names, Store, StoreError};

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
            let last = last.unwrap_or_default();
            Names::read(db, id, &last, limit).map(Some)
        })
        .await
    }
}
