//! crane, of go-containerregistry: pushes, pulls and copies OCI layouts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use refity_tests::lab::{ADMIN, PASSWORD};

use super::goods::{Goods, Parcel, TAG};
use super::shell::{Shell, text};
use super::site::Site;
use super::table::{Cell, Client, Operation};

const NAME: &str = "crane";

/// Names the program, which Debian does not have; else it is looked for in `PATH`.
const VARIABLE: &str = "CRANE";

/// The flag without which foreign layers are neither pushed nor copied.
const FOREIGN_TOO: &str = "--allow-nondistributable-artifacts";

pub(super) struct Crane {
    site: Arc<Site>,
    goods: Goods,
    shell: Shell,
    version: String,
}

impl Crane {
    /// `None` where it is not installed.
    pub(super) async fn start(site: Arc<Site>) -> Option<Self> {
        let shell = Shell::new(program()?).env("DOCKER_CONFIG", "config");
        Some(Self {
            goods: site.goods().await,
            version: shell.version(&["version"], 0).await,
            shell,
            site,
        })
    }

    async fn login(&self) {
        let address = self.site.address();
        let login = ["auth", "login", address, "-u", ADMIN, "--password-stdin"];
        // It keeps what it is told, and asks nobody.
        self.shell.run_with_input(&login, "wrong").await;
        self.shell.fails(&["catalog", address], "").await;
        self.shell.run_with_input(&login, PASSWORD).await;
        self.shell.run(&["catalog", address]).await;
    }

    fn tagged(&self, repository: &str) -> String {
        self.site.name(&format!("{repository}:{TAG}"))
    }

    async fn push(&self, parcel: &Parcel, to: &str) {
        let folder = tempfile::tempdir().unwrap();
        let layout = parcel.write_layout(folder.path());
        self.shell.run(&["push", text(&layout), to]).await;
    }

    async fn pull(&self, parcel: &Parcel, from: &str) {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("layout");
        self.shell
            .run(&["pull", "--format=oci", from, text(&to)])
            .await;
        parcel.assert_in_layout(&to);
    }

    async fn there_and_back(&self, parcel: &Parcel, repository: &str) {
        let tagged = self.tagged(repository);
        self.push(parcel, &tagged).await;
        self.site.assert_has(parcel, repository, TAG).await;
        self.pull(parcel, &tagged).await;
    }

    async fn push_by_digest(&self, repository: &str) {
        let digest = self.goods.gzip.digest();
        let name = self.site.name(&format!("{repository}@{digest}"));
        self.push(&self.goods.gzip, &name).await;
        self.site
            .assert_has(&self.goods.gzip, repository, &digest)
            .await;
    }

    async fn refer(&self, repository: &str) {
        let Goods {
            gzip, signature, ..
        } = &self.goods;
        self.site.put(gzip, repository).await;
        let name = self
            .site
            .name(&format!("{repository}@{}", signature.digest()));
        self.push(signature, &name).await;
        self.site.assert_refers(repository, signature, gzip).await;
        self.pull(signature, &name).await;
    }

    /// Without the layer, from one repository to another; then with it: crane
    /// gets none from this machine's own addresses.
    async fn foreign(&self, repository: &str) {
        let foreign = &self.goods.foreign;
        self.push(foreign, &self.tagged(repository)).await;
        self.site.assert_has(foreign, repository, TAG).await;
        let copy = format!("{repository}/copy");
        self.shell
            .run(&["copy", &self.tagged(repository), &self.tagged(&copy)])
            .await;
        self.site.assert_has(foreign, &copy, TAG).await;
        let with_layer = format!("{repository}/with-layer");
        let layout = foreign.write_layout(&self.shell.path("foreign"));
        let tagged = self.tagged(&with_layer);
        self.shell
            .run(&["push", FOREIGN_TOO, text(&layout), &tagged])
            .await;
        self.site.whole(&with_layer, TAG).await;
        self.pull(foreign, &tagged).await;
    }

    async fn sync(&self, repository: &str) {
        let Goods { gzip, index, .. } = &self.goods;
        self.site.put(gzip, repository).await;
        self.site.put_as(index, repository, "multi").await;
        let copy = format!("{repository}/copy");
        let (from, to) = (self.site.name(repository), self.site.name(&copy));
        self.shell.run(&["copy", "--all-tags", &from, &to]).await;
        self.site.assert_has(gzip, &copy, TAG).await;
        self.site.assert_has(index, &copy, "multi").await;
    }

    async fn tags(&self, repository: &str) {
        self.site.put(&self.goods.gzip, repository).await;
        self.site.put_as(&self.goods.zstd, repository, "v2").await;
        let listed = self.shell.run(&["ls", &self.site.name(repository)]).await;
        assert_eq!(listed.lines().collect::<Vec<_>>(), [TAG, "v2"]);
    }

    /// A tag, whose manifest stays; then the manifest.
    async fn delete(&self, repository: &str) {
        let Goods { gzip, zstd, .. } = &self.goods;
        self.site.put(gzip, repository).await;
        self.site.put_as(zstd, repository, "v2").await;
        let tagged = self.tagged(repository);
        self.shell.run(&["delete", &tagged]).await;
        self.site.assert_gone(repository, TAG).await;
        let digest = gzip.digest();
        self.site.assert_has(gzip, repository, &digest).await;
        let by_digest = self.site.name(&format!("{repository}@{digest}"));
        self.shell.run(&["delete", &by_digest]).await;
        self.site.assert_gone(repository, &digest).await;
        self.site.assert_has(zstd, repository, "v2").await;
    }
}

impl Client for Crane {
    fn name(&self) -> String {
        format!("{NAME} {}", self.version)
    }

    async fn perform(&self, operation: Operation) -> Cell {
        let repository = operation.repository(NAME);
        let tagged = self.tagged(&repository);
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
                let digest = goods.gzip.digest();
                let name = self.site.name(&format!("{repository}@{digest}"));
                self.pull(&goods.gzip, &name).await;
            }
            Operation::MultiArch => self.there_and_back(&goods.index, &repository).await,
            Operation::Oci | Operation::Gzip => self.there_and_back(&goods.gzip, &repository).await,
            Operation::Schema2 => self.there_and_back(&goods.schema2, &repository).await,
            Operation::Zstd => self.there_and_back(&goods.zstd, &repository).await,
            Operation::Referrers => self.refer(&repository).await,
            Operation::Chart => self.there_and_back(&goods.chart, &repository).await,
            Operation::Foreign => self.foreign(&repository).await,
            Operation::Sync => self.sync(&repository).await,
            Operation::Tags => self.tags(&repository).await,
            Operation::Delete => self.delete(&repository).await,
            Operation::ZstdChunked | Operation::BuildCache => return Cell::NoCommand,
        }
        Cell::Works
    }
}

fn program() -> Option<PathBuf> {
    let set = |name: OsString| Some(name).filter(|value| !value.is_empty());
    if let Some(path) = std::env::var_os(VARIABLE).and_then(set) {
        return Some(path.into());
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
}
