//! skopeo: copies between OCI layouts, folders and registries.

use std::path::PathBuf;
use std::sync::Arc;

use refity_tests::lab::{ADMIN, PASSWORD};
use serde_json::Value;

use super::goods::{Goods, Parcel, TAG};
use super::shell::{Shell, text};
use super::site::Site;
use super::table::{Cell, Client, Operation};

const NAME: &str = "skopeo";

pub(super) struct Skopeo {
    pub(super) site: Arc<Site>,
    pub(super) goods: Goods,
    pub(super) shell: Shell,
    pub(super) version: String,
}

impl Skopeo {
    pub(super) async fn start(site: Arc<Site>) -> Self {
        let shell = Shell::new(NAME)
            .leading(&["--insecure-policy"])
            .env("REGISTRY_AUTH_FILE", "auth.json")
            .on_own_machine();
        Self {
            goods: site.goods().await,
            version: shell.version(&["--version"], 2).await,
            shell,
            site,
        }
    }

    /// `login`, or what it complained about.
    pub(super) async fn sign_in(&self, name: &str, secret: &str) -> Result<(), String> {
        let address = self.site.address();
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
        format!("docker://{}", self.site.name(repository))
    }

    /// `skopeo copy` with these flags.
    async fn copy(&self, flags: &[&str], from: &str, to: &str) {
        let fixed = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
        let arguments = [&fixed, flags, &[from, to]].concat();
        self.shell.run(&arguments).await;
    }

    async fn push(&self, parcel: &Parcel, to: &str) {
        let folder = tempfile::tempdir().unwrap();
        let from = format!("oci:{}:{TAG}", text(&parcel.write_layout(folder.path())));
        self.copy(&["--all", "--preserve-digests"], &from, to).await;
    }

    async fn pull(&self, parcel: &Parcel, from: &str) {
        let folder = tempfile::tempdir().unwrap();
        let to = format!("oci:{}:{TAG}", text(folder.path()));
        self.copy(&["--all", "--preserve-digests"], from, &to).await;
        parcel.assert_in_layout(folder.path());
    }

    pub(super) async fn there_and_back(&self, parcel: &Parcel, repository: &str) {
        let tagged = format!("{}:{TAG}", self.remote(repository));
        self.push(parcel, &tagged).await;
        self.site.assert_has(parcel, repository, TAG).await;
        self.pull(parcel, &tagged).await;
    }

    async fn push_by_digest(&self, repository: &str) {
        let (parcel, remote) = (&self.goods.gzip, self.remote(repository));
        let digest = parcel.digest();
        self.push(parcel, &format!("{remote}@{digest}")).await;
        self.site.assert_has(parcel, repository, &digest).await;
    }

    /// An OCI image, which is made one of Docker's on the way.
    async fn schema2(&self, repository: &str) {
        let layout = self.goods.gzip.write_layout(&self.shell.path("schema2"));
        let from = format!("oci:{}:{TAG}", text(&layout));
        let tagged = format!("{}:{TAG}", self.remote(repository));
        self.copy(&["--format", "v2s2"], &from, &tagged).await;
        let (manifest, digest) = self.site.whole(repository, TAG).await;
        assert_eq!(manifest["mediaType"], self.goods.schema2.media_type);
        let back = self.shell.path("schema2-back");
        self.copy(&[], &tagged, &format!("dir:{}", text(&back)))
            .await;
        let found = std::fs::read(back.join("manifest.json")).unwrap();
        assert_eq!(refity_tests::client::sha256(&found), digest);
    }

    async fn refer(&self, repository: &str) {
        let Goods {
            gzip, signature, ..
        } = &self.goods;
        self.site.put(gzip, repository).await;
        let by_tag = format!(
            "{}:{}.sig",
            self.remote(repository),
            gzip.digest().replace(':', "-")
        );
        self.push(signature, &by_tag).await;
        self.site.assert_refers(repository, signature, gzip).await;
        self.pull(signature, &by_tag).await;
    }

    async fn sync(&self, repository: &str) {
        let Goods { gzip, index, .. } = &self.goods;
        let from = format!("{repository}/from");
        self.site.put(gzip, &from).await;
        self.site.put_as(index, &from, "multi").await;
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
            &self.site.name(&from),
            text(&folder),
        ];
        self.shell.run(&[&flags[..], &down].concat()).await;
        let to = self.site.name(&format!("{repository}/to"));
        let up = ["--src", "dir", "--dest", "docker", text(&folder), &to];
        self.shell.run(&[&flags[..], &up].concat()).await;
        let copied = format!("{repository}/to/from");
        self.site.assert_has(gzip, &copied, TAG).await;
        self.site.assert_has(index, &copied, "multi").await;
    }

    async fn tags(&self, repository: &str) {
        self.site.put(&self.goods.gzip, repository).await;
        self.site.put_as(&self.goods.zstd, repository, "v2").await;
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
        let Goods { gzip, zstd, .. } = &self.goods;
        self.site.put(gzip, repository).await;
        self.site.put_as(zstd, repository, "v2").await;
        let tagged = format!("{}:{TAG}", self.remote(repository));
        self.shell
            .run(&["delete", "--tls-verify=false", &tagged])
            .await;
        self.site.assert_gone(repository, TAG).await;
        self.site.assert_gone(repository, &gzip.digest()).await;
        self.site.assert_has(zstd, repository, "v2").await;
    }
}

impl Client for Skopeo {
    fn name(&self) -> String {
        format!("{NAME} {}", self.version)
    }

    async fn perform(&self, operation: Operation) -> Cell {
        let repository = operation.repository(NAME);
        let tagged = format!("{}:{TAG}", self.remote(&repository));
        let goods = &self.goods;
        match operation {
            Operation::Login => self.login().await,
            Operation::Push => {
                self.push(&goods.plain, &tagged).await;
                self.site.assert_has(&goods.plain, &repository, TAG).await;
            }
            Operation::Pull => {
                self.site.put(&goods.plain, &repository).await;
                self.pull(&goods.plain, &tagged).await;
            }
            Operation::PushByDigest => self.push_by_digest(&repository).await,
            Operation::PullByDigest => {
                self.site.put(&goods.gzip, &repository).await;
                let by_digest = format!("{}@{}", self.remote(&repository), goods.gzip.digest());
                self.pull(&goods.gzip, &by_digest).await;
            }
            Operation::MultiArch => self.there_and_back(&goods.index, &repository).await,
            Operation::Oci | Operation::Gzip => self.there_and_back(&goods.gzip, &repository).await,
            Operation::Schema2 => self.schema2(&repository).await,
            Operation::Zstd => self.there_and_back(&goods.zstd, &repository).await,
            Operation::Referrers => self.refer(&repository).await,
            Operation::Chart => self.there_and_back(&goods.chart, &repository).await,
            Operation::Foreign => self.there_and_back(&goods.foreign, &repository).await,
            Operation::Sync => self.sync(&repository).await,
            Operation::Tags => self.tags(&repository).await,
            Operation::Delete => self.delete(&repository).await,
            // Its flag for it changes nothing on the way to a registry.
            Operation::ZstdChunked | Operation::BuildCache => return Cell::NoCommand,
        }
        Cell::Works
    }
}
