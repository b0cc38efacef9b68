//! What podman and buildah have in common: both keep images in a local
//! storage, and call what they do with it by the same words.

use std::sync::Arc;

use refity_tests::lab::{ADMIN, PASSWORD};

use super::compress::{GZIP_MAGIC, ZSTD_MAGIC};
use super::fixtures::{Artifact, Fixtures, TAG};
use super::networks::Network;
use super::shell::{Shell, text};
use super::table::{Cell, Operation};

/// For the commands for which buildah does not look into registries.conf.
const PLAIN_HTTP: &str = "--tls-verify=false";

/// One of the two.
pub(super) struct Storage {
    pub(super) network: Arc<Network>,
    pub(super) fixtures: Fixtures,
    pub(super) shell: Shell,
    pub(super) version: String,
    name: &'static str,
}

impl Storage {
    /// The client of this name, with a storage of its own. It needs no more
    /// than folders.
    pub(super) async fn start(network: Arc<Network>, name: &'static str, leading: &[&str]) -> Self {
        let shell = Shell::new(name)
            // Not REGISTRY_AUTH_FILE, which a pull of all tags does not read.
            .env("XDG_RUNTIME_DIR", "run")
            .env("CONTAINERS_REGISTRIES_CONF", "registries.conf")
            .on_own_machine();
        let plain_http = format!(
            "[[registry]]\nlocation = \"{}\"\ninsecure = true\n",
            network.address()
        );
        std::fs::write(shell.path("registries.conf"), plain_http).unwrap();
        let (root, run) = (shell.path("root"), shell.path("run/storage"));
        let shell = shell
            .leading(&["--root", text(&root), "--runroot", text(&run)])
            .leading(&["--storage-driver", "vfs"])
            .leading(leading);
        Self {
            fixtures: network.fixtures().await,
            version: shell.version(&["--version"], 2).await,
            name,
            shell,
            network,
        }
    }

    pub(super) fn tagged(&self, repository: &str) -> String {
        self.network.name(&format!("{repository}:{TAG}"))
    }

    /// `login`, or what it complained about.
    pub(super) async fn sign_in(&self, name: &str, secret: &str) -> Result<(), String> {
        let address = self.network.address();
        let arguments = [
            "login",
            PLAIN_HTTP,
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

    /// Brings an image into the storage without a registry.
    async fn load(&self, artifact: &Artifact) {
        // A name in its working folder: the image is called by its path, and
        // that of the folder has capitals.
        let layout = artifact.write_layout(&self.shell.path("layout"));
        let from = format!("oci:layout:{TAG}");
        let id = self.shell.run(&["pull", "--quiet", &from]).await;
        assert!(artifact.id().ends_with(&id), "{id}");
        std::fs::remove_dir_all(layout).unwrap();
    }

    /// Forgets an image, so that the next pull brings all of it.
    pub(super) async fn remove(&self, id: &str) {
        self.shell.run(&["rmi", "--force", id]).await;
    }

    pub(super) async fn digest_and_id(&self, name: &str) -> (String, String) {
        let format = match self.name {
            "buildah" => "{{.FromImageDigest}} {{.FromImageID}}",
            _ => "{{.Digest}} {{.Id}}",
        };
        let found = ["inspect", "--type", "image", "--format", format, name];
        let found = self.shell.run(&found).await;
        let (digest, id) = found.split_once(' ').unwrap();
        (digest.to_owned(), format!("sha256:{id}"))
    }

    /// Pulls an image that must have this digest and id, and forgets it.
    async fn pull(&self, more: &[&str], name: &str, digest: &str, id: &str) {
        self.shell
            .run(&[&["pull", "--quiet"], more, &[name]].concat())
            .await;
        let found = self.digest_and_id(name).await;
        assert_eq!(found, (digest.to_owned(), id.to_owned()));
        self.remove(id).await;
    }

    /// Pushes an image with these flags and pulls it back; hands back the
    /// manifest that the registry has.
    pub(super) async fn there_and_back(
        &self,
        artifact: &Artifact,
        flags: &[&str],
        repository: &str,
    ) -> serde_json::Value {
        self.load(artifact).await;
        let (id, tagged) = (artifact.id(), self.tagged(repository));
        let digest_file = self.shell.path("digest");
        let fixed = ["push", "--digestfile", text(&digest_file)];
        self.shell
            .run(&[&fixed, flags, &[&id["sha256:".len()..], &tagged]].concat())
            .await;
        self.remove(&id).await;
        let (manifest, digest) = self.network.whole(repository, TAG).await;
        assert_eq!(std::fs::read_to_string(digest_file).unwrap().trim(), digest);
        // Another format's configuration may be another.
        let id = manifest["config"]["digest"].as_str().unwrap();
        self.pull(&[], &tagged, &digest, id).await;
        manifest
    }

    async fn compressed(&self, artifact: &Artifact, repository: &str, how: &str, magic: &[u8]) {
        let flags = ["--format", "oci", "--compression-format", how];
        let manifest = self.there_and_back(artifact, &flags, repository).await;
        let kind = how.split(':').next().unwrap();
        self.network
            .assert_layers(repository, &manifest, magic, &format!("+{kind}"))
            .await;
        if how.ends_with(":chunked") {
            let annotations = manifest["layers"][0]["annotations"].to_string();
            assert!(annotations.contains("zstd-chunked"), "{manifest}");
        }
    }

    /// An image whose layers are not compressed: others are kept unpacked, and
    /// would be packed to other bytes.
    async fn push_by_digest(&self, repository: &str) {
        let artifact = &self.fixtures.plain;
        self.load(artifact).await;
        let (id, digest) = (artifact.id(), artifact.digest());
        let name = self.network.name(&format!("{repository}@{digest}"));
        let to = format!("docker://{name}");
        self.shell.run(&["push", &id["sha256:".len()..], &to]).await;
        self.remove(&id).await;
        self.network.assert_has(artifact, repository, &digest).await;
    }

    async fn pull_all_tags(&self, repository: &str) {
        let Fixtures { gzip, plain, .. } = &self.fixtures;
        self.network.put(gzip, repository).await;
        self.network.put_as(plain, repository, "v2").await;
        let name = self.network.name(repository);
        self.shell
            .run(&["pull", "--quiet", "--all-tags", &name])
            .await;
        for (tag, artifact) in [(TAG, gzip), ("v2", plain)] {
            let found = self.digest_and_id(&format!("{name}:{tag}")).await;
            assert_eq!(found, (artifact.digest(), artifact.id()));
            self.remove(&artifact.id()).await;
        }
    }

    /// A list that the client makes of two images, and one that it is given.
    async fn multi_arch(&self, repository: &str) {
        let given = &self.fixtures.index;
        let list = self.tagged(repository);
        self.shell.run(&["manifest", "create", &list]).await;
        for child in &given.children {
            let reference = format!("{repository}/one");
            self.network.put(child, &reference).await;
            let name = self
                .network
                .name(&format!("{reference}@{}", child.digest()));
            let from = format!("docker://{name}");
            self.shell
                .run(&["manifest", "add", PLAIN_HTTP, &list, &from])
                .await;
        }
        let to = format!("docker://{list}");
        let push = ["manifest", "push", "--all", PLAIN_HTTP, &list, &to];
        self.shell.run(&push).await;
        self.shell.run(&["manifest", "rm", &list]).await;
        let (index, _) = self.network.whole(repository, TAG).await;
        let digests = index["manifests"].as_array().unwrap().iter();
        let digests: Vec<_> = digests
            .map(|named| named["digest"].as_str().unwrap())
            .collect();
        assert_eq!(
            digests,
            given
                .children
                .iter()
                .map(Artifact::digest)
                .collect::<Vec<_>>()
        );

        let whole = format!("{repository}/given");
        self.network.put(given, &whole).await;
        for (child, platform) in given.children.iter().zip(["amd64", "arm64"]) {
            let id = child.id();
            let name = self.tagged(&whole);
            self.shell
                .run(&["pull", "--quiet", "--arch", platform, &name])
                .await;
            assert_eq!(self.digest_and_id(&name).await.1, id, "{platform}");
            self.remove(&id).await;
        }
    }

    async fn foreign(&self, repository: &str) {
        let foreign = &self.fixtures.foreign;
        self.network.put(foreign, repository).await;
        let name = self.tagged(repository);
        self.pull(&[], &name, &foreign.digest(), &foreign.id())
            .await;
    }

    /// A build whose layers come from the registry when the storage has none.
    async fn build_cache(&self, repository: &str) {
        let context = self.shell.path("context");
        std::fs::create_dir(&context).unwrap();
        std::fs::write(context.join("file"), refity_tests::random::bytes(1000)).unwrap();
        std::fs::write(
            context.join("Containerfile"),
            "FROM scratch\nCOPY file /file\n",
        )
        .unwrap();
        let cache = self.network.name(repository);
        let build = [
            "build",
            "--isolation",
            "chroot",
            "--layers",
            "--cache-to",
            &cache,
            "--cache-from",
            &cache,
            "--tag",
            "built",
            text(&context),
        ];
        self.shell.run(&build).await;
        self.shell.run(&["rmi", "--all", "--force"]).await;
        let words = self.shell.run(&build).await;
        assert!(words.contains("Cache pulled from remote"), "{words}");
    }

    pub(super) async fn tags(&self, repository: &str) {
        self.network.put(&self.fixtures.gzip, repository).await;
        self.network
            .put_as(&self.fixtures.zstd, repository, "v2")
            .await;
        let name = self.network.name(repository);
        let search = ["search", "--list-tags", &name];
        let listed = self.shell.run(&search).await;
        // A heading, and names before the tags.
        let tags = listed
            .lines()
            .skip(1)
            .filter_map(|line| line.split(' ').next_back());
        assert_eq!(tags.collect::<Vec<_>>(), [TAG, "v2"], "{listed}");
    }

    /// What both do.
    pub(super) async fn perform(&self, operation: Operation) -> Cell {
        let repository = &operation.repository(self.name);
        let fixtures = &self.fixtures;
        match operation {
            Operation::Login => self.login().await,
            Operation::Push => {
                self.there_and_back(&fixtures.gzip, &[], repository).await;
            }
            Operation::Pull => {
                let image = &fixtures.gzip;
                self.network.put(image, repository).await;
                let name = self.tagged(repository);
                self.pull(&[], &name, &image.digest(), &image.id()).await;
            }
            Operation::PushByDigest => self.push_by_digest(repository).await,
            Operation::PullByDigest => {
                let (digest, id) = (fixtures.gzip.digest(), fixtures.gzip.id());
                self.network.put(&fixtures.gzip, repository).await;
                let name = self.network.name(&format!("{repository}@{digest}"));
                self.pull(&[], &name, &digest, &id).await;
            }
            Operation::MultiArch => self.multi_arch(repository).await,
            Operation::Oci | Operation::Schema2 => {
                let (flag, media_type) = match operation {
                    Operation::Oci => ("oci", fixtures.gzip.media_type),
                    _ => ("v2s2", fixtures.schema2.media_type),
                };
                let flags = ["--format", flag];
                let manifest = self
                    .there_and_back(&fixtures.gzip, &flags, repository)
                    .await;
                assert_eq!(manifest["mediaType"], media_type);
            }
            Operation::Gzip => {
                self.compressed(&fixtures.gzip, repository, "gzip", GZIP_MAGIC)
                    .await;
            }
            Operation::Zstd => {
                self.compressed(&fixtures.zstd, repository, "zstd", ZSTD_MAGIC)
                    .await;
            }
            Operation::ZstdChunked => {
                let how = "zstd:chunked";
                self.compressed(&fixtures.to_compress, repository, how, ZSTD_MAGIC)
                    .await;
            }
            Operation::Foreign => self.foreign(repository).await,
            Operation::BuildCache => self.build_cache(repository).await,
            Operation::Sync => {
                self.pull_all_tags(repository).await;
                return Cell::Pulls;
            }
            // No artifacts, and no tags without an image.
            Operation::Referrers | Operation::Chart | Operation::Tags | Operation::Delete => {
                return Cell::NoCommand;
            }
        }
        Cell::Works
    }
}
