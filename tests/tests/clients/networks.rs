//! The network that clients run in: our registry, a peer registry that serves
//! the foreign layers, and assertions about the contents of ours.

use bytes::Bytes;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, GROUP, Lab, PASSWORD};
use refity_tests::peer::Peer;
use refity_tests::round_robin::{Asked, RoundRobin};
use serde_json::Value;
use tempfile::TempDir;

use super::fixtures::{Artifact, Fixtures, SIGNATURE, TAG};

/// The peer's repository.
const ELSEWHERE: &str = "foreign";

/// Our registry and the peer.
pub(super) struct Network {
    pub(super) lab: Lab,
    /// A proxy in front of our registry that records requests, if wanted.
    witness: Option<RoundRobin>,
    elsewhere: Peer,
    _folder: TempDir,
}

impl Network {
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

    /// Starts a network that records the requests of its clients.
    pub(super) async fn start_with_witness() -> Self {
        let network = Self::start().await;
        let witness = Some(network.lab.round_robin().await);
        Self { witness, ..network }
    }

    /// Our `host:port`.
    pub(super) fn address(&self) -> &str {
        match &self.witness {
            Some(witness) => witness.address(),
            None => self.lab.address(0),
        }
    }

    /// The requests recorded so far; none without a recording proxy.
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

    /// Creates fixtures for one client and pushes their foreign layers to the peer.
    pub(super) async fn fixtures(&self) -> Fixtures {
        let address = self.elsewhere.address();
        let fixtures = Fixtures::new(&format!("http://{address}/v2/{ELSEWHERE}/blobs/"));
        let peer = self.elsewhere.client();
        for layer in &fixtures.foreign.elsewhere {
            peer.push_blob(ELSEWHERE, layer.clone()).await.unwrap();
        }
        fixtures
    }

    /// Pushes an artifact under [`TAG`] with the harness's own client.
    pub(super) async fn put(&self, artifact: &Artifact, repository: &str) {
        self.put_as(artifact, repository, TAG).await;
    }

    /// As [`Network::put`], under another tag or by digest.
    pub(super) async fn put_as(&self, artifact: &Artifact, repository: &str, reference: &str) {
        let client = self.client();
        for child in &artifact.children {
            Box::pin(self.put_as(child, repository, &child.digest())).await;
        }
        for blob in &artifact.blobs {
            client.push_blob(repository, blob.clone()).await.unwrap();
        }
        let bytes = artifact.manifest.clone();
        client
            .put_manifest(repository, reference, artifact.media_type, bytes)
            .await
            .gives(201);
    }

    /// Asserts that our registry has the artifact, byte for byte, without foreign layers.
    pub(super) async fn assert_has(&self, artifact: &Artifact, repository: &str, reference: &str) {
        let client = self.client();
        let answer = client.get_manifest(repository, reference).await.gives(200);
        assert_eq!(answer.body, artifact.manifest, "{repository}:{reference}");
        assert_eq!(answer.header("content-type"), Some(artifact.media_type));
        for blob in &artifact.blobs {
            assert_eq!(self.blob(repository, &sha256(blob)).await, *blob);
        }
        for layer in &artifact.elsewhere {
            client
                .head_blob(repository, &sha256(layer))
                .await
                .gives(404);
        }
        for child in &artifact.children {
            Box::pin(self.assert_has(child, repository, &child.digest())).await;
        }
    }

    /// Asserts that the registry does not have this tag or manifest.
    pub(super) async fn assert_gone(&self, repository: &str, reference: &str) {
        self.client()
            .head_manifest(repository, reference)
            .await
            .gives(404);
    }

    /// Returns a manifest made by a client and its digest, after checking that
    /// everything it references exists.
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

    /// Asserts that each layer starts with `magic` and that its media type ends with
    /// `media_type`.
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

    /// Asserts that the signature is listed as the subject's referrer.
    pub(super) async fn assert_refers(
        &self,
        repository: &str,
        signature: &Artifact,
        to: &Artifact,
    ) {
        let path = format!("/v2/{repository}/referrers/{}", to.digest());
        let found = self.client().get(&path).await.gives(200).json();
        let found = found["manifests"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["digest"], signature.digest());
        assert_eq!(found[0]["artifactType"], SIGNATURE);
    }

    /// Waits until everything is on SFTP and asserts that the tree is whole.
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
