//! What people are shown of groups, repositories, tags and images: pages of
//! them, what a deletion would free, how far a push is on its way.

mod derived;
mod durability;
mod groups;
mod image;
mod overview;
mod preview;
mod removed;
mod repositories;
mod search;
mod tags;

pub(super) use derived::{derive, derive_missing};

pub use durability::{DurabilityState, ImageDurability};
pub use groups::{GroupChange, GroupRemoved, GroupRow, GroupSettings};
pub use image::{ImageFacts, LayerFacts, ManifestFacts, ReferrerRow};
pub use overview::{LargeGroup, Overview, RecentPush};
pub use preview::{Preview, Previewed};
pub use removed::RemovedRepository;
pub use repositories::{
    RepositoryCreated, RepositoryFilter, RepositoryRemoved, RepositoryRow, RepositorySort,
};
pub use search::{Found, FoundTag};
pub use tags::{TagRow, TagSort};

use rusqlite::{OptionalExtension as _, ToSql};

use super::{Readable, StoreError};

/// Named values of a query that is put together.
#[derive(Default)]
struct Values(Vec<(&'static str, Box<dyn ToSql>)>);

impl Values {
    fn push(&mut self, name: &'static str, value: impl ToSql + 'static) {
        self.0.push((name, Box::new(value)));
    }

    /// Those of [`super::grants::READABLE`].
    fn readable(&mut self, readable: &Readable) {
        let (all, user, within) = readable.values();
        self.push(":all", all);
        self.push(":user", user);
        self.push(":within", within);
    }

    fn named(&self) -> Vec<(&str, &dyn ToSql)> {
        let named = self.0.iter();
        named.map(|(name, value)| (*name, &**value)).collect()
    }
}

/// The one row that a query gives, or nothing.
fn row<T>(
    db: &rusqlite::Connection,
    query: &str,
    values: impl rusqlite::Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    Ok(db
        .prepare_cached(query)?
        .query_row(values, read)
        .optional()?)
}
