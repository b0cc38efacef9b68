//! Where the clients go: a registry of ours, a stranger that has the foreign
//! layers, and what must be true of ours afterwards.

use bytes::Bytes;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, GROUP, Lab, PASSWORD};
use refity_tests::peer::Peer;
use refity_tests::round_robin::{Asked, RoundRobin};
use serde_json::Value;
use tempfile::TempDir;

use super::goods::{Goods, Parcel, SIGNATURE, TAG};

/// The stranger's repository.
const ELSEWHERE: &str = "foreign";

/// A registry of ours and the stranger.
pub(super) struct Site {
    pub(super) lab: Lab,
    /// Where the clients go, where it is noted what they ask.
    witness: Option<RoundRobin>,
    elsewhere: Peer,
    _folder: TempDir,
}

impl Site {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (lab, elsewhere) = tokio::join!(Lab::start(), Peer::start(folder.path()));
        Self {
            lab,
            witness: None,
            elsewhere,
            _folder: folder,
        }
    }

    /// One at which it is noted what the clients ask.
    pub(super) async fn start_with_witness() -> Self {
        let site = Self::start().await;
        let witness = Some(site.lab.round_robin().await);
        Self { witness, ..site }
    }

    /// Our `host:port`.
    pub(super) fn address(&self) -> &str {
        match &self.witness {
            Some(witness) => witness.address(),
            None => self.lab.address(0),
        }
    }

    /// What was asked so far, where it is noted.
    pub(super) fn asked(&self) -> Vec<Asked> {
        let asked = self.witness.as_ref().map(RoundRobin::asked);
        asked.unwrap_or_default()
    }

    /// `host:port/name`.
    pub(super) fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.address())
    }

    /// `user:password`.
    pub(super) fn credentials() -> String {
        format!("{ADMIN}:{PASSWORD}")
    }

    /// Goods for one client; the stranger has their foreign layers.
    pub(super) async fn goods(&self) -> Goods {
        let address = self.elsewhere.address();
        let goods = Goods::new(&format!("http://{address}/v2/{ELSEWHERE}/blobs/"));
        let stranger = self.elsewhere.client();
        for layer in &goods.foreign.elsewhere {
            stranger.push_blob(ELSEWHERE, layer.clone()).await.unwrap();
        }
        goods
    }

    /// Pushes a parcel without any of the clients, under [`TAG`].
    pub(super) async fn put(&self, parcel: &Parcel, repository: &str) {
        self.put_as(parcel, repository, TAG).await;
    }

    /// As [`Site::put`], under another tag, or its digest.
    pub(super) async fn put_as(&self, parcel: &Parcel, repository: &str, reference: &str) {
        let client = self.client();
        for child in &parcel.children {
            Box::pin(self.put_as(child, repository, &child.digest())).await;
        }
        for blob in &parcel.blobs {
            client.push_blob(repository, blob.clone()).await.unwrap();
        }
        let bytes = parcel.manifest.clone();
        client
            .put_manifest(repository, reference, parcel.media_type, bytes)
            .await
            .gives(201);
    }

    /// That the registry has this, byte for byte, and no foreign layer.
    pub(super) async fn assert_has(&self, parcel: &Parcel, repository: &str, reference: &str) {
        let client = self.client();
        let answer = client.get_manifest(repository, reference).await.gives(200);
        assert_eq!(answer.body, parcel.manifest, "{repository}:{reference}");
        assert_eq!(answer.header("content-type"), Some(parcel.media_type));
        for blob in &parcel.blobs {
            assert_eq!(self.blob(repository, &sha256(blob)).await, *blob);
        }
        for layer in &parcel.elsewhere {
            client
                .head_blob(repository, &sha256(layer))
                .await
                .gives(404);
        }
        for child in &parcel.children {
            Box::pin(self.assert_has(child, repository, &child.digest())).await;
        }
    }

    /// That the registry has no such tag or manifest.
    pub(super) async fn assert_gone(&self, repository: &str, reference: &str) {
        self.client()
            .head_manifest(repository, reference)
            .await
            .gives(404);
    }

    /// A manifest that a client made, once all that it names is proven to be
    /// there; and its digest.
    pub(super) async fn whole(&self, repository: &str, reference: &str) -> (Value, String) {
        let client = self.client();
        let answer = client.get_manifest(repository, reference).await.gives(200);
        let digest = sha256(&answer.body);
        assert_eq!(answer.digest(), Some(digest.as_str()));
        let manifest = answer.json();
        let named = |field: &str| manifest[field].as_array().cloned().unwrap_or_default();
        for child in named("manifests") {
            Box::pin(self.whole(repository, child["digest"].as_str().unwrap())).await;
        }
        let config = manifest.get("config").cloned();
        for blob in named("layers").into_iter().chain(config) {
            let digest = blob["digest"].as_str().unwrap();
            let bytes = self.blob(repository, digest).await;
            assert_eq!(sha256(&bytes), digest);
            assert_eq!(blob["size"], bytes.len());
        }
        (manifest, digest)
    }

    /// That each layer of this manifest begins so, and has a media type that ends so.
    pub(super) async fn assert_layers(
        &self,
        repository: &str,
        manifest: &Value,
        magic: &[u8],
        media_type: &str,
    ) {
        let layers = manifest["layers"].as_array().unwrap();
        assert!(!layers.is_empty(), "{manifest}");
        for layer in layers {
            let named = layer["mediaType"].as_str().unwrap();
            assert!(named.ends_with(media_type), "{manifest}");
            let bytes = self
                .blob(repository, layer["digest"].as_str().unwrap())
                .await;
            assert!(bytes.starts_with(magic), "{:x?}", &bytes[..magic.len()]);
        }
    }

    /// That the registry names the signature where it is asked for the
    /// subject's referrers.
    pub(super) async fn assert_refers(&self, repository: &str, signature: &Parcel, to: &Parcel) {
        let path = format!("/v2/{repository}/referrers/{}", to.digest());
        let found = self.client().get(&path).await.gives(200).json();
        let found = found["manifests"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["digest"], signature.digest());
        assert_eq!(found[0]["artifactType"], SIGNATURE);
    }

    /// That SFTP gets all of it, whole.
    pub(super) async fn assert_stored_whole(&self) {
        let report = self.lab.assert_stored_whole().await;
        assert!(
            report
                .repositories
                .keys()
                .all(|name| name.starts_with(GROUP))
        );
    }

    async fn blob(&self, repository: &str, digest: &str) -> Bytes {
        let answer = self.client().get_blob(repository, digest, None).await;
        answer.gives(200).body
    }

    /// The administrator's.
    pub(super) fn client(&self) -> Client {
        self.lab.client()
    }
}
