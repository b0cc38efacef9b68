//! crane, of go-containerregistry: pushes, pulls and copies OCI layouts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use refity_tests::lab::{ADMIN, PASSWORD};

use super::fixtures::{Artifact, Fixtures, TAG};
use super::networks::Network;
use super::shell::{Shell, text};
use super::table::{Cell, Client, Operation};

const NAME: &str = "crane";

/// Names the program, which Debian does not have; else it is looked for in `PATH`.
const VARIABLE: &str = "CRANE";

/// The flag without which foreign layers are neither pushed nor copied.
const FOREIGN_TOO: &str = "--allow-nondistributable-artifacts";

pub(super) struct Crane {
    network: Arc<Network>,
    fixtures: Fixtures,
    shell: Shell,
    version: String,
}

impl Crane {
    /// `None` where it is not installed.
    pub(super) async fn start(network: Arc<Network>) -> Option<Self> {
        let shell = Shell::new(program()?).env("DOCKER_CONFIG", "config");
        Some(Self {
            fixtures: network.fixtures().await,
            version: shell.version(&["version"], 0).await,
            shell,
            network,
        })
    }

    async fn login(&self) {
        let address = self.network.address();
        let login = ["auth", "login", address, "-u", ADMIN, "--password-stdin"];
        // It keeps what it is told, and asks nobody.
        self.shell.run_with_input(&login, "wrong").await;
        self.shell.fails(&["catalog", address], "").await;
        self.shell.run_with_input(&login, PASSWORD).await;
        self.shell.run(&["catalog", address]).await;
    }

    fn tagged(&self, repository: &str) -> String {
        self.network.name(&format!("{repository}:{TAG}"))
    }

    async fn push(&self, artifact: &Artifact, to: &str) {
        let folder = tempfile::tempdir().unwrap();
        let layout = artifact.write_layout(folder.path());
        self.shell.run(&["push", text(&layout), to]).await;
    }

    async fn pull(&self, artifact: &Artifact, from: &str) {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("layout");
        self.shell
            .run(&["pull", "--format=oci", from, text(&to)])
            .await;
        artifact.assert_in_layout(&to);
    }

    async fn there_and_back(&self, artifact: &Artifact, repository: &str) {
        let tagged = self.tagged(repository);
        self.push(artifact, &tagged).await;
        self.network.assert_has(artifact, repository, TAG).await;
        self.pull(artifact, &tagged).await;
    }

    async fn push_by_digest(&self, repository: &str) {
        let digest = self.fixtures.gzip.digest();
        let name = self.network.name(&format!("{repository}@{digest}"));
        self.push(&self.fixtures.gzip, &name).await;
        self.network
            .assert_has(&self.fixtures.gzip, repository, &digest)
            .await;
    }

    async fn refer(&self, repository: &str) {
        let Fixtures {
            gzip, signature, ..
        } = &self.fixtures;
        self.network.put(gzip, repository).await;
        let name = self
            .network
            .name(&format!("{repository}@{}", signature.digest()));
        self.push(signature, &name).await;
        self.network
            .assert_refers(repository, signature, gzip)
            .await;
        self.pull(signature, &name).await;
    }

    /// Without the layer, from one repository to another; then with it: crane
    /// gets none from this machine's own addresses.
    async fn foreign(&self, repository: &str) {
        let foreign = &self.fixtures.foreign;
        self.push(foreign, &self.tagged(repository)).await;
        self.network.assert_has(foreign, repository, TAG).await;
        let copy = format!("{repository}/copy");
        self.shell
            .run(&["copy", &self.tagged(repository), &self.tagged(&copy)])
            .await;
        self.network.assert_has(foreign, &copy, TAG).await;
        let with_layer = format!("{repository}/with-layer");
        let layout = foreign.write_layout(&self.shell.path("foreign"));
        let tagged = self.tagged(&with_layer);
        self.shell
            .run(&["push", FOREIGN_TOO, text(&layout), &tagged])
            .await;
        self.network.whole(&with_layer, TAG).await;
        self.pull(foreign, &tagged).await;
    }

    async fn sync(&self, repository: &str) {
        let Fixtures { gzip, index, .. } = &self.fixtures;
        self.network.put(gzip, repository).await;
        self.network.put_as(index, repository, "multi").await;
        let copy = format!("{repository}/copy");
        let (from, to) = (self.network.name(repository), self.network.name(&copy));
        self.shell.run(&["copy", "--all-tags", &from, &to]).await;
        self.network.assert_has(gzip, &copy, TAG).await;
        self.network.assert_has(index, &copy, "multi").await;
    }

    async fn tags(&self, repository: &str) {
        self.network.put(&self.fixtures.gzip, repository).await;
        self.network
            .put_as(&self.fixtures.zstd, repository, "v2")
            .await;
        let listed = self
            .shell
            .run(&["ls", &self.network.name(repository)])
            .await;
        assert_eq!(listed.lines().collect::<Vec<_>>(), [TAG, "v2"]);
    }

    /// A tag, whose manifest stays; then the manifest.
    async fn delete(&self, repository: &str) {
        let Fixtures { gzip, zstd, .. } = &self.fixtures;
        self.network.put(gzip, repository).await;
        self.network.put_as(zstd, repository, "v2").await;
        let tagged = self.tagged(repository);
        self.shell.run(&["delete", &tagged]).await;
        self.network.assert_gone(repository, TAG).await;
        let digest = gzip.digest();
        self.network.assert_has(gzip, repository, &digest).await;
        let by_digest = self.network.name(&format!("{repository}@{digest}"));
        self.shell.run(&["delete", &by_digest]).await;
        self.network.assert_gone(repository, &digest).await;
        self.network.assert_has(zstd, repository, "v2").await;
    }
}

impl Client for Crane {
    fn name(&self) -> String {
        format!("{NAME} {}", self.version)
    }

    async fn perform(&self, operation: Operation) -> Cell {
        let repository = operation.repository(NAME);
        let tagged = self.tagged(&repository);
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
                let digest = fixtures.gzip.digest();
                let name = self.network.name(&format!("{repository}@{digest}"));
                self.pull(&fixtures.gzip, &name).await;
            }
            Operation::MultiArch => self.there_and_back(&fixtures.index, &repository).await,
            Operation::Oci | Operation::Gzip => {
                self.there_and_back(&fixtures.gzip, &repository).await
            }
            Operation::Schema2 => self.there_and_back(&fixtures.schema2, &repository).await,
            Operation::Zstd => self.there_and_back(&fixtures.zstd, &repository).await,
            Operation::Referrers => self.refer(&repository).await,
            Operation::Chart => self.there_and_back(&fixtures.chart, &repository).await,
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
