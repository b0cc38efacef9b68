//! skopeo: copies between OCI layouts, folders and registries.

use std::path::PathBuf;
use std::sync::Arc;

use refity_tests::lab::{ADMIN, PASSWORD};
use serde_json::Value;

use super::fixtures::{Artifact, Fixtures, TAG};
use super::networks::Network;
use super::shell::{Shell, text};
use super::table::{Cell, Client, Operation};

const NAME: &str = "skopeo";

pub(super) struct Skopeo {
    pub(super) network: Arc<Network>,
    pub(super) fixtures: Fixtures,
    pub(super) shell: Shell,
    pub(super) version: String,
}

impl Skopeo {
    pub(super) async fn start(network: Arc<Network>) -> Self {
        let shell = Shell::new(NAME)
            .leading(&["--insecure-policy"])
            .env("REGISTRY_AUTH_FILE", "auth.json")
            .on_own_machine();
        Self {
            fixtures: network.fixtures().await,
            version: shell.version(&["--version"], 2).await,
            shell,
            network,
        }
    }

    /// `login`, or what it complained about.
    pub(super) async fn sign_in(&self, name: &str, secret: &str) -> Result<(), String> {
        let address = self.network.address();
        let arguments = [
            "login",
            "--tls-verify=false",
            "--username",
            name,
            "--password-stdin",
            address,
        ];
        self.shell.attempt(&arguments, secret).await.map(drop)
    }

    async fn login(&self) {
        self.sign_in(ADMIN, "wrong").await.unwrap_err();
        self.sign_in(ADMIN, PASSWORD).await.unwrap();
    }

    pub(super) fn remote(&self, repository: &str) -> String {
        format!("docker://{}", self.network.name(repository))
    }

    /// `skopeo copy` with these flags.
    async fn copy(&self, flags: &[&str], from: &str, to: &str) {
        let fixed = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
        let arguments = [&fixed, flags, &[from, to]].concat();
        self.shell.run(&arguments).await;
    }

    async fn push(&self, artifact: &Artifact, to: &str) {
        let folder = tempfile::tempdir().unwrap();
        let from = format!("oci:{}:{TAG}", text(&artifact.write_layout(folder.path())));
        self.copy(&["--all", "--preserve-digests"], &from, to).await;
    }

    async fn pull(&self, artifact: &Artifact, from: &str) {
        let folder = tempfile::tempdir().unwrap();
        let to = format!("oci:{}:{TAG}", text(folder.path()));
        self.copy(&["--all", "--preserve-digests"], from, &to).await;
        artifact.assert_in_layout(folder.path());
    }

    pub(super) async fn there_and_back(&self, artifact: &Artifact, repository: &str) {
        let tagged = format!("{}:{TAG}", self.remote(repository));
        self.push(artifact, &tagged).await;
        self.network.assert_has(artifact, repository, TAG).await;
        self.pull(artifact, &tagged).await;
    }

    async fn push_by_digest(&self, repository: &str) {
        let (artifact, remote) = (&self.fixtures.gzip, self.remote(repository));
        let digest = artifact.digest();
        self.push(artifact, &format!("{remote}@{digest}")).await;
        self.network.assert_has(artifact, repository, &digest).await;
    }

    /// An OCI image, which is made one of Docker's on the way.
    async fn schema2(&self, repository: &str) {
        let layout = self.fixtures.gzip.write_layout(&self.shell.path("schema2"));
        let from = format!("oci:{}:{TAG}", text(&layout));
        let tagged = format!("{}:{TAG}", self.remote(repository));
        self.copy(&["--format", "v2s2"], &from, &tagged).await;
        let (manifest, digest) = self.network.whole(repository, TAG).await;
        assert_eq!(manifest["mediaType"], self.fixtures.schema2.media_type);
        let back = self.shell.path("schema2-back");
        self.copy(&[], &tagged, &format!("dir:{}", text(&back)))
            .await;
        let found = std::fs::read(back.join("manifest.json")).unwrap();
        assert_eq!(refity_tests::client::sha256(&found), digest);
    }

    async fn refer(&self, repository: &str) {
        let Fixtures {
            gzip, signature, ..
        } = &self.fixtures;
        self.network.put(gzip, repository).await;
        let by_tag = format!(
            "{}:{}.sig",
            self.remote(repository),
            gzip.digest().replace(':', "-")
        );
        self.push(signature, &by_tag).await;
        self.network
            .assert_refers(repository, signature, gzip)
            .await;
        self.pull(signature, &by_tag).await;
    }

    async fn sync(&self, repository: &str) {
        let Fixtures { gzip, index, .. } = &self.fixtures;
        let from = format!("{repository}/from");
        self.network.put(gzip, &from).await;
        self.network.put_as(index, &from, "multi").await;
        let folder: PathBuf = self.shell.path("sync");
        let flags = [
            "sync",
            "--all",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
        ];
        let down = [
            "--src",
            "docker",
            "--dest",
            "dir",
            &self.network.name(&from),
            text(&folder),
        ];
        self.shell.run(&[&flags[..], &down].concat()).await;
        let to = self.network.name(&format!("{repository}/to"));
        let up = ["--src", "dir", "--dest", "docker", text(&folder), &to];
        self.shell.run(&[&flags[..], &up].concat()).await;
        let copied = format!("{repository}/to/from");
        self.network.assert_has(gzip, &copied, TAG).await;
        self.network.assert_has(index, &copied, "multi").await;
    }

    async fn tags(&self, repository: &str) {
        self.network.put(&self.fixtures.gzip, repository).await;
        self.network
            .put_as(&self.fixtures.zstd, repository, "v2")
            .await;
        let remote = self.remote(repository);
        let listed = self
            .shell
            .run(&["list-tags", "--tls-verify=false", &remote])
            .await;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed["Tags"], serde_json::json!([TAG, "v2"]));
    }

    /// By a tag, which skopeo resolves: it deletes the manifest.
    async fn delete(&self, repository: &str) {
        let Fixtures { gzip, zstd, .. } = &self.fixtures;
        self.network.put(gzip, repository).await;
        self.network.put_as(zstd, repository, "v2").await;
        let tagged = format!("{}:{TAG}", self.remote(repository));
        self.shell
            .run(&["delete", "--tls-verify=false", &tagged])
            .await;
        self.network.assert_gone(repository, TAG).await;
        self.network.assert_gone(repository, &gzip.digest()).await;
        self.network.assert_has(zstd, repository, "v2").await;
    }
}

impl Client for Skopeo {
    fn name(&self) -> String {
        format!("{NAME} {}", self.version)
    }

    async fn perform(&self, operation: Operation) -> Cell {
        let repository = operation.repository(NAME);
        let tagged = format!("{}:{TAG}", self.remote(&repository));
        let fixtures = &self.fixtures;
        match operation {
            Operation::Login => self.login().await,
            Operation::Push => {
                self.push(&fixtures.plain, &tagged).await;
                self.network
                    .assert_has(&fixtures.plain, &repository, TAG)
                    .await;
            }
            Operation::Pull => {
                self.network.put(&fixtures.plain, &repository).await;
                self.pull(&fixtures.plain, &tagged).await;
            }
            Operation::PushByDigest => self.push_by_digest(&repository).await,
            Operation::PullByDigest => {
                self.network.put(&fixtures.gzip, &repository).await;
                let by_digest = format!("{}@{}", self.remote(&repository), fixtures.gzip.digest());
                self.pull(&fixtures.gzip, &by_digest).await;
            }
            Operation::MultiArch => self.there_and_back(&fixtures.index, &repository).await,
            Operation::Oci | Operation::Gzip => {
                self.there_and_back(&fixtures.gzip, &repository).await
            }
            Operation::Schema2 => self.schema2(&repository).await,
            Operation::Zstd => self.there_and_back(&fixtures.zstd, &repository).await,
            Operation::Referrers => self.refer(&repository).await,
            Operation::Chart => self.there_and_back(&fixtures.chart, &repository).await,
            Operation::Foreign => self.there_and_back(&fixtures.foreign, &repository).await,
            Operation::Sync => self.sync(&repository).await,
            Operation::Tags => self.tags(&repository).await,
            Operation::Delete => self.delete(&repository).await,
            // Its flag for it changes nothing on the way to a registry.
            Operation::ZstdChunked | Operation::BuildCache => return Cell::NoCommand,
        }
        Cell::Works
    }
}
