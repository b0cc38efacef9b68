//! docker, with a real engine.

use std::sync::Arc;

use refity_tests::docker::Docker;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, PASSWORD};
use serde_json::Value;

use super::compress::GZIP_MAGIC;
use super::fixtures::{Artifact, Fixtures, TAG};
use super::networks::Network;
use super::table::{Cell, Client, Operation};

const NAME: &str = "docker";

pub(super) struct DockerClient {
    pub(super) network: Arc<Network>,
    pub(super) fixtures: Fixtures,
    pub(super) docker: Docker,
    pub(super) version: String,
}

impl DockerClient {
    pub(super) async fn start(network: Arc<Network>) -> Self {
        let docker = Docker::start().await;
        let version = ["version", "--format", "{{.Server.Version}}"];
        Self {
            fixtures: network.fixtures().await,
            version: docker.run(&version).await.unwrap(),
            docker,
            network,
        }
    }

    /// Debian 12 has an older one.
    fn unpacks_zstd(&self) -> bool {
        const FIRST: u32 = 23;
        let major = self.version.split('.').next().unwrap();
        major.parse::<u32>().unwrap() >= FIRST
    }

    pub(super) async fn run(&self, arguments: &[&str]) -> String {
        self.docker
            .run(arguments)
            .await
            .unwrap_or_else(|words| panic!("{words}"))
    }

    pub(super) fn tagged(&self, repository: &str) -> String {
        self.network.name(&format!("{repository}:{TAG}"))
    }

    async fn login(&self) {
        let address = self.network.address();
        self.docker
            .login(address, ADMIN, "wrong")
            .await
            .unwrap_err();
        self.docker.login(address, ADMIN, PASSWORD).await.unwrap();
    }

    /// Pushes a random image for this platform; hands back its id and what
    /// the registry has of it.
    async fn push(
        &self,
        architecture: &str,
        name: &str,
        repository: &str,
        tag: &str,
    ) -> (Image, Value, String) {
        let image = Image::random_for(architecture, Format::Docker, 2, 50_000);
        self.docker.load(&image.docker_tarball(name)).await.unwrap();
        self.run(&["push", name]).await;
        self.docker.rmi(&image.id()).await.unwrap();
        let (manifest, digest) = self.network.whole(repository, tag).await;
        assert_eq!(manifest["config"]["digest"], image.id());
        (image, manifest, digest)
    }

    /// Pulls an image that must have this id, and forgets it.
    async fn pull(&self, more: &[&str], name: &str, id: &str) {
        self.run(&[&["pull"], more, &[name]].concat()).await;
        assert_eq!(self.docker.image_id(name).await.unwrap(), id);
        self.docker.rmi(id).await.unwrap();
    }

    async fn pull_parcel(&self, artifact: &Artifact, repository: &str) {
        self.network.put(artifact, repository).await;
        let name = self.tagged(repository);
        self.run(&["pull", &name]).await;
        let digests = ["image", "inspect", "--format", "{{.RepoDigests}}", &name];
        let digests = self.run(&digests).await;
        assert!(digests.contains(&artifact.digest()), "{digests}");
        assert_eq!(self.docker.image_id(&name).await.unwrap(), artifact.id());
        self.docker.rmi(&artifact.id()).await.unwrap();
    }

    pub(super) async fn schema2(&self, repository: &str) {
        let name = self.tagged(repository);
        let (image, manifest, _) = self.push("amd64", &name, repository, TAG).await;
        assert_eq!(manifest["mediaType"], Format::Docker.manifest());
        self.network
            .assert_layers(repository, &manifest, GZIP_MAGIC, ".gzip")
            .await;
        self.pull(&[], &name, &image.id()).await;
    }

    async fn pull_by_digest(&self, repository: &str) {
        let image = &self.fixtures.gzip;
        self.network.put(image, repository).await;
        let name = self
            .network
            .name(&format!("{repository}@{}", image.digest()));
        self.pull(&[], &name, &image.id()).await;
    }

    async fn all_tags(&self, repository: &str) {
        let name = self.network.name(repository);
        let images = ["v1", "v2"].map(|tag| (tag, Image::random(Format::Docker, 1, 10_000)));
        for (tag, image) in &images {
            let tarball = image.docker_tarball(&format!("{name}:{tag}"));
            self.docker.load(&tarball).await.unwrap();
        }
        self.run(&["push", "--all-tags", &name]).await;
        for (_, image) in &images {
            self.docker.rmi(&image.id()).await.unwrap();
        }
        self.run(&["pull", "--all-tags", &name]).await;
        for (tag, image) in &images {
            let found = self.docker.image_id(&format!("{name}:{tag}")).await;
            assert_eq!(found.unwrap(), image.id());
            self.docker.rmi(&image.id()).await.unwrap();
        }
    }

    async fn multi_arch(&self, repository: &str) {
        let list = self.tagged(repository);
        let (mut names, mut pushed) = (Vec::new(), Vec::new());
        for platform in ["amd64", "arm64"] {
            let name = self.network.name(&format!("{repository}:{platform}"));
            pushed.push(self.push(platform, &name, repository, platform).await);
            names.push(name);
        }
        let create = [
            "manifest",
            "create",
            "--insecure",
            &list,
            &names[0],
            &names[1],
        ];
        self.run(&create).await;
        self.run(&["manifest", "push", "--insecure", &list]).await;
        let (index, _) = self.network.whole(repository, TAG).await;
        let named = index["manifests"].as_array().unwrap();
        assert_eq!(named.len(), pushed.len(), "{index}");
        for (named, (image, _, digest)) in named.iter().zip(&pushed) {
            assert_eq!(named["digest"], digest.as_str());
            let platform = format!("linux/{}", image.architecture);
            self.pull(&["--platform", &platform], &list, &image.id())
                .await;
        }
    }
}

impl Client for DockerClient {
    fn name(&self) -> String {
        format!("{NAME} {}", self.version)
    }

    async fn perform(&self, operation: Operation) -> Cell {
        let repository = operation.repository(NAME);
        let fixtures = &self.fixtures;
        match operation {
            Operation::Login => self.login().await,
            Operation::Push => {
                let name = self.tagged(&repository);
                self.push("amd64", &name, &repository, TAG).await;
            }
            Operation::Pull => self.pull_parcel(&fixtures.schema2, &repository).await,
            Operation::PullByDigest => self.pull_by_digest(&repository).await,
            Operation::MultiArch => self.multi_arch(&repository).await,
            Operation::Sync => self.all_tags(&repository).await,
            Operation::Schema2 | Operation::Gzip => self.schema2(&repository).await,
            // It pushes only Docker's own manifests, with gzip.
            Operation::Oci => {
                self.pull_parcel(&fixtures.gzip, &repository).await;
                return Cell::Pulls;
            }
            Operation::Zstd if self.unpacks_zstd() => {
                self.pull_parcel(&fixtures.zstd, &repository).await;
                return Cell::Pulls;
            }
            // Buildx and its BuildKit.
            Operation::BuildCache => return Cell::NotAtHand,
            Operation::Zstd
            | Operation::PushByDigest
            | Operation::ZstdChunked
            | Operation::Referrers
            | Operation::Chart
            | Operation::Foreign
            | Operation::Tags
            | Operation::Delete => return Cell::NoCommand,
        }
        Cell::Works
    }
}
