//! Tags as shown in lists.

use std::collections::HashMap;

use refity_types::digest::Digest;
use refity_types::name::{RepositoryName, Tag};

use crate::ImageDurability;
use crate::content::repositories::repository_id;
use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::value::{Named, named_params};
use crate::views::durability::Needed;
use crate::{Order, Page, PageRequest, Store, StoreError};

/// A tag in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRow {
    /// Name.
    pub name: Tag,
    /// Digest of the tag's manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Platforms; `None` if they are not known.
    pub platforms: Option<Vec<String>>,
    /// Size in bytes of the manifest and everything that it needs, each blob
    /// once.
    pub size: i64,
    /// Time of the push (milliseconds, UTC).
    pub pushed_at: i64,
    /// Account that pushed it, if the account still exists.
    pub pushed_by: Option<String>,
    /// Time of the last pull (milliseconds, UTC).
    pub pulled_at: Option<i64>,
    /// How often it was pulled.
    pub pulls: i64,
    /// Durability on SFTP.
    pub durability: ImageDurability,
}

/// Sort key of a list of tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TagSort {
    /// Time of the push.
    #[default]
    Pushed,
    /// The name.
    Name,
    /// The version; tags that are not versions come last.
    Semver,
    /// The size.
    Size,
    /// Time of the last pull.
    Pulled,
}

impl TagSort {
    fn key(self, order: Order) -> &'static str {
        match (self, order) {
            (Self::Pushed, _) => "t.pushed_at",
            (Self::Name, _) => "t.name",
            (Self::Semver, Order::Asc) => "t.version_key",
            (Self::Semver, Order::Desc) => "t.version_down",
            (Self::Size, _) => "t.size",
            (Self::Pulled, _) => "t.pulled_at",
        }
    }
}

/// A row of the list before its durability is known.
struct Listed {
    id: i64,
    manifest: i64,
    published: bool,
    row: TagRow,
}

const COLUMNS: &str =
    "t.id, t.manifest_id, t.published_manifest_id IS NOT DISTINCT FROM t.manifest_id, t.name,
    (SELECT digest FROM blobs WHERE id = t.manifest_id),
    (SELECT media_type FROM manifests WHERE blob_id = t.manifest_id),
    (SELECT platforms FROM manifests WHERE blob_id = t.manifest_id), t.size, t.pushed_at,
    (SELECT name FROM users WHERE id = t.pushed_by), t.pulled_at, t.pulls";

/// Placeholder for a durability that is not known yet.
const UNSEEN: ImageDurability = ImageDurability {
    state: crate::DurabilityState::Staged,
    bytes_total: 0,
    bytes_stored: 0,
    bytes_verified: 0,
    failed: false,
};

fn read(row: &Row<'_>) -> Result<Listed, StoreError> {
    Ok(Listed {
        id: row.get(0)?,
        manifest: row.get(1)?,
        published: row.get(2)?,
        row: TagRow {
            name: row.get(3)?,
            digest: row.get(4)?,
            media_type: row.get(5)?,
            platforms: platforms(row.get(6)?),
            size: row.get(7)?,
            pushed_at: row.get(8)?,
            pushed_by: row.get(9)?,
            pulled_at: Some(row.get(10)?).filter(|at| *at > 0),
            pulls: row.get(11)?,
            durability: UNSEEN,
        },
    })
}

pub(crate) fn platforms(json: Option<String>) -> Option<Vec<String>> {
    json.and_then(|json| serde_json::from_str(&json).ok())
}

/// Returns the state of a tag's unfinished job.
pub(crate) fn job_state(db: &Db, tag: i64) -> Result<Option<String>, StoreError> {
    db.optional(
        "SELECT state FROM jobs WHERE kind = 'publish_tag' AND target = ?1 AND state <> 'done'",
        [tag],
        |row| row.get(0),
    )
}

fn page(
    db: &Db,
    repository: i64,
    search: Option<String>,
    sort: TagSort,
    request: &PageRequest,
) -> Result<Page<TagRow>, StoreError> {
    let mut values = Named::default();
    values.push(":repository", repository);
    let mut from =
        "tags t WHERE t.repository_id = :repository AND t.manifest_id IS NOT NULL".to_owned();
    if let Some(search) = search {
        from += " AND instr(lower(t.name), :search) > 0";
        values.push(":search", search.to_lowercase());
    }
    let list = List {
        columns: COLUMNS,
        from: &from,
        key: sort.key(request.order),
        id: "t.id",
    };
    let page = list.page(db, request, &values, read)?;
    // Several tags of a page may point to one image.
    let mut needed: HashMap<i64, Needed> = HashMap::new();
    let mut items = Vec::with_capacity(page.items.len());
    for listed in page.items {
        let needed = match needed.get(&listed.manifest) {
            Some(needed) => *needed,
            None => {
                let of = Needed::of(db, repository, listed.manifest)?;
                needed.insert(listed.manifest, of);
                of
            }
        };
        let job = job_state(db, listed.id)?;
        items.push(TagRow {
            durability: needed.with(listed.published, job.as_deref()),
            ..listed.row
        });
    }
    Ok(Page {
        items,
        total: page.total,
        next: page.next,
        prev: page.prev,
    })
}

impl Store {
    /// Returns a page of a repository's tags; empty if the repository does not
    /// exist.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn tag_page(
        &self,
        repository: &RepositoryName,
        search: Option<String>,
        sort: TagSort,
        request: PageRequest,
    ) -> Result<Option<Page<TagRow>>, StoreError> {
        let repository = repository.clone();
        self.read_for_people(move |db| {
            let Some(repository) = repository_id(db, &repository)? else {
                return Ok(None);
            };
            page(db, repository, search, sort, &request).map(Some)
        })
        .await
    }

    /// Returns the other tags of the manifest with this tag or digest, at most
    /// `limit`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn tags_at_digest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        limit: u32,
    ) -> Result<Vec<Tag>, StoreError> {
        let (repository, digest) = (repository.clone(), digest.clone());
        self.read_for_people(move |db| {
            db.all(
                "SELECT t.name FROM blobs b
                 JOIN tags t ON t.manifest_id = b.id
                 JOIN repositories r ON r.id = t.repository_id
                 WHERE b.digest = :digest AND r.name = :repository AND r.removed_at IS NULL
                 ORDER BY t.name LIMIT :limit",
                named_params! {
                    ":digest": digest.as_str(), ":repository": repository.as_str(),
                    ":limit": limit,
                },
                |row| row.get(0),
            )
        })
        .await
    }
}
