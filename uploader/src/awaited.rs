//! Blobs that the manifests of intents without a row reference. Such an intent
//! belongs to a push that was never acknowledged, or to one missing in this
//! database, which may be an older copy: a rebuilt index would need the bytes.

use std::collections::{HashMap, HashSet};

use refity_spool::{FileFound, Intent, IntentAction, Spool, SpoolError};
use refity_types::digest::{Algorithm, Digest};
use refity_types::manifest::Manifest;
use refity_types::name::FileId;

/// Digests of files that earlier sweeps hashed. A file without a row never
/// changes.
pub(crate) type Hashed = HashMap<FileId, [Digest; 2]>;

/// Blobs that must stay in the spool although no row references their files.
#[derive(Debug, Default)]
pub(crate) struct AwaitedBlobs {
    by_size: HashMap<u64, HashSet<Digest>>,
    /// A manifest cannot be read, so any file may be one of its blobs.
    any: bool,
}

impl AwaitedBlobs {
    /// Adds the blobs of the intent's manifest.
    pub(crate) fn add(&mut self, intent: &Intent) {
        let IntentAction::Put {
            media_type,
            manifest,
            ..
        } = &intent.action
        else {
            return;
        };
        let Ok(manifest) = Manifest::parse(manifest, Some(media_type)) else {
            self.any = true;
            return;
        };
        let (required, optional) = (manifest.required_blobs(), manifest.optional_blobs());
        for blob in required.into_iter().chain(optional) {
            let of_size = self.by_size.entry(blob.size).or_default();
            of_size.insert(blob.digest.clone());
        }
    }

    /// Returns whether a file may contain one of the blobs. Hashes the file
    /// only if its size matches.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) async fn include(
        &self,
        spool: &Spool,
        found: &FileFound,
        hashed: &mut Hashed,
    ) -> Result<bool, SpoolError> {
        if self.any {
            return Ok(true);
        }
        let Some(of_size) = self.by_size.get(&found.size) else {
            return Ok(false);
        };
        let digests = match hashed.get(&found.file) {
            Some(digests) => digests.clone(),
            None => {
                let algorithms = [Algorithm::Sha256, Algorithm::Sha512];
                let digests = spool.hash_file_by(found.file, algorithms).await?;
                hashed.insert(found.file, digests.clone());
                digests
            }
        };
        Ok(digests.iter().any(|digest| of_size.contains(digest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_types::media_type::OCI_MANIFEST;
    use refity_types::name::UploadId;

    fn intent(manifest: String) -> Intent {
        Intent {
            generation: 1,
            repository: "team/app".parse().unwrap(),
            action: IntentAction::Put {
                media_type: OCI_MANIFEST,
                digest: Digest::sha256(manifest.as_bytes()),
                tags: Vec::new(),
                manifest: manifest.into(),
            },
        }
    }

    fn naming(config: &[u8]) -> Intent {
        intent(format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"text/plain","digest":"{}","size":{}}},"layers":[]}}"#,
            OCI_MANIFEST.as_str(),
            Digest::sha256(config),
            config.len(),
        ))
    }

    async fn found(spool: &Spool, bytes: &'static [u8]) -> FileFound {
        let id = UploadId::random();
        drop(spool.create_upload(id).await.unwrap());
        std::fs::write(spool.path(id.into()), bytes).unwrap();
        let files = spool.list_files().await.unwrap();
        let file = files.into_iter().find(|it| it.file == id.into());
        file.unwrap()
    }

    #[tokio::test]
    async fn only_blobs_of_manifests_are_awaited() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let mut awaited = AwaitedBlobs::default();
        awaited.add(&naming(b"{}"));
        for (bytes, expected) in [(&b"{}"[..], true), (b"[]", false), (b"{ }", false)] {
            let file = found(&spool, bytes).await;
            let mut hashed = Hashed::new();
            for _ in 0..2 {
                let included = awaited.include(&spool, &file, &mut hashed).await.unwrap();
                assert_eq!(included, expected, "{bytes:?}");
            }
            assert_eq!(hashed.len(), usize::from(bytes.len() == 2));
        }
        awaited.add(&intent("no manifest".to_owned()));
        let file = found(&spool, b"anything").await;
        assert!(
            awaited
                .include(&spool, &file, &mut Hashed::new())
                .await
                .unwrap()
        );
    }
}
