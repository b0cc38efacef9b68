//! Values computed once per manifest or tag, so that lists need not compute
//! them: sizes, platforms and sort keys.

use refity_types::digest::Digest;
use refity_types::manifest::ManifestKind;
use refity_types::media_type::MediaType;
use refity_types::name::RepositoryName;
use refity_types::platform::{Platform, children};

use crate::content::manifests::manifest_in;
use crate::content::repositories::repository_id;
use crate::content::sums::set_manifest_size;
use crate::engine::db::Db;
use crate::engine::value::{named_params, params};
use crate::{Store, StoreError};

/// The manifest :manifest and everything that it needs: `needs (id,
/// is_manifest)`.
pub(crate) const NEEDS: &str = "WITH RECURSIVE needs (id, is_manifest) AS (
    SELECT :manifest, 1
    UNION
    SELECT x.blob_id, x.is_manifest FROM needs n
    JOIN manifest_references x ON x.manifest_id = n.id WHERE n.is_manifest)";

/// Computes the derived values of a manifest whose references are known.
pub(crate) fn derive(db: &Db, manifest: i64) -> Result<(), StoreError> {
    let size: i64 = db.one(
        &format!(
            "{NEEDS} SELECT coalesce(sum(b.size), 0) FROM (SELECT DISTINCT id FROM needs) n
             JOIN blobs b ON b.id = n.id"
        ),
        named_params! { ":manifest": manifest },
        |row| row.get(0),
    )?;
    set_manifest_size(db, manifest, size)?;
    let unknown = db.optional(
        "SELECT media_type, bytes FROM manifests WHERE blob_id = ?1 AND platforms IS NULL",
        [manifest],
        |row| Ok((row.get::<String>(0)?, row.get::<Vec<u8>>(1)?)),
    )?;
    let Some((media_type, bytes)) = unknown else {
        return Ok(());
    };
    let kind = media_type.parse::<MediaType>().ok();
    // An image's platform is in its configuration.
    if kind.and_then(|it| ManifestKind::of(&it)) == Some(ManifestKind::Index) {
        let children = children(&bytes).into_iter();
        let images = children.filter(|child| !child.is_attestation());
        set_platforms(db, manifest, images.filter_map(|child| child.platform))?;
    }
    Ok(())
}

fn set_platforms(
    db: &Db,
    manifest: i64,
    platforms: impl Iterator<Item = Platform>,
) -> Result<(), StoreError> {
    let names: Vec<String> = platforms.map(|platform| platform.to_string()).collect();
    let names = serde_json::Value::from(names).to_string();
    db.run(
        "UPDATE manifests SET platforms = ?2 WHERE blob_id = ?1",
        params![manifest, names],
    )?;
    Ok(())
}

/// Records the platform of an image, unless it is known already.
pub(crate) fn set_platform(db: &Db, manifest: i64, platform: &Platform) -> Result<(), StoreError> {
    let known: bool = db.one(
        "SELECT platforms IS NOT NULL FROM manifests WHERE blob_id = ?1",
        [manifest],
        |row| row.get(0),
    )?;
    if known {
        return Ok(());
    }
    set_platforms(db, manifest, std::iter::once(platform.clone()))
}

impl Store {
    /// Records the platform of an image, which only its configuration contains.
    /// A known platform is kept.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn note_platform(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        platform: Platform,
    ) -> Result<(), StoreError> {
        let (repository, digest) = (repository.clone(), digest.clone());
        self.write_relaxed(move |db| {
            let Some(repository) = repository_id(db, &repository)? else {
                return Ok(());
            };
            let Some(manifest) = manifest_in(db, repository, &digest)? else {
                return Ok(());
            };
            set_platform(db, manifest, &platform)
        })
        .await
    }
}
