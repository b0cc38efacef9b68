//! containerd, by its own `ctr`: told to speak plain HTTP, and led by a
//! `hosts.toml` as it is in production.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refity_tests::processes::{Process, Program};
use refity_tests::wait;
use tempfile::TempDir;

use super::fixtures::{Artifact, Fixtures, TAG};
use super::networks::Network;
use super::shell::{Shell, text};
use super::table::{Cell, Client, Operation};

const CTR: &str = "ctr";
const CONTAINERD: &str = "containerd";

/// The registry's name where a `hosts.toml` says what it means.
const HOST: &str = "registry.example";

/// How long containerd may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `ctr` says when a call to its own containerd breaks off, which happens
/// on a busy machine. A registry does not speak gRPC.
const BETWEEN_THEM: &str = "rpc error: code = Internal desc = unexpected EOF";

/// How often it may.
const TRIES: usize = 3;

/// How `ctr` finds the registry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    PlainHttp,
    HostsFile,
}

pub(super) struct Ctr {
    pub(super) network: Arc<Network>,
    pub(super) fixtures: Fixtures,
    shell: Shell,
    pub(super) version: String,
    by: By,
    /// `user:password`; `None` for an anonymous client.
    credentials: Mutex<Option<String>>,
    hosts: String,
    _containerd: Containerd,
}

impl Ctr {
    pub(super) async fn start(network: Arc<Network>, by: By) -> Self {
        let containerd = Containerd::start().await;
        let shell = Shell::new(CTR).leading(&["--address", &containerd.socket()]);
        let hosts = shell.path("hosts");
        write_hosts(&hosts, network.address());
        Self {
            fixtures: network.fixtures().await,
            version: shell.version(&["--version"], 2).await,
            hosts: text(&hosts).to_owned(),
            shell,
            network,
            by,
            credentials: Mutex::new(Some(Network::credentials())),
            _containerd: containerd,
        }
    }

    fn client(&self) -> &'static str {
        match self.by {
            By::PlainHttp => "ctr-plain",
            By::HostsFile => "ctr-hosts",
        }
    }

    fn remote(&self, repository: &str) -> String {
        match self.by {
            By::PlainHttp => self.network.name(repository),
            By::HostsFile => format!("{HOST}/{repository}"),
        }
    }

    pub(super) fn tagged(&self, repository: &str) -> String {
        format!("{}:{TAG}", self.remote(repository))
    }

    /// From now on it is somebody else, or nobody in particular.
    pub(super) fn be(&self, credentials: Option<String>) {
        *self.credentials.lock().unwrap() = credentials;
    }

    /// The flags of a command that asks the registry.
    fn flags<'a>(&'a self, credentials: Option<&'a str>) -> Vec<&'a str> {
        let mut flags = match self.by {
            By::PlainHttp => vec!["--plain-http"],
            By::HostsFile => vec!["--hosts-dir", &self.hosts],
        };
        if let Some(credentials) = credentials {
            flags.extend(["--user", credentials]);
        }
        flags
    }

    /// Asks the registry; or what `ctr` complained about.
    pub(super) async fn try_to_ask(
        &self,
        command: [&str; 2],
        names: &[&str],
    ) -> Result<String, String> {
        let credentials = self.credentials.lock().unwrap().clone();
        let flags = self.flags(credentials.as_deref());
        let arguments = [&command, &flags[..], names].concat();
        let mut tries = 1;
        loop {
            match self.shell.attempt(&arguments, "").await {
                Err(words) if words.contains(BETWEEN_THEM) && tries < TRIES => tries += 1,
                ended => return ended,
            }
        }
    }

    async fn ask(&self, command: [&str; 2], names: &[&str]) -> String {
        let ended = self.try_to_ask(command, names).await;
        ended.unwrap_or_else(|words| panic!("{words}"))
    }

    async fn import(&self, artifact: &Artifact, repository: &str) {
        let folder = tempfile::tempdir().unwrap();
        let archive = artifact.write_archive(&folder.path().join("archive"));
        let name = self.remote(repository);
        let fixed = [
            "images",
            "import",
            "--no-unpack",
            "--all-platforms",
            "--base-name",
        ];
        self.shell
            .run(&[&fixed[..], &[&name, text(&archive)]].concat())
            .await;
    }

    /// Forgets the image; containerd must have nothing left, so that the next
    /// pull brings everything.
    pub(super) async fn remove(&self, name: &str) {
        self.shell.run(&["images", "remove", "--sync", name]).await;
        let left = self.shell.run(&["content", "ls", "--quiet"]).await;
        assert_eq!(left, "", "left of {name}");
    }

    async fn push(&self, artifact: &Artifact, repository: &str) {
        let tagged = self.tagged(repository);
        self.import(artifact, repository).await;
        self.ask(["images", "push"], &[&tagged]).await;
        self.remove(&tagged).await;
        self.network.assert_has(artifact, repository, TAG).await;
    }

    /// Pulls and unpacks for every platform.
    async fn pull(&self, artifact: &Artifact, name: &str) {
        let how = ["--snapshotter", "native", "--all-platforms", name];
        self.ask(["images", "pull"], &how).await;
        self.assert_has(artifact).await;
        self.remove(name).await;
    }

    /// Gets what cannot be unpacked.
    async fn fetch(&self, artifact: &Artifact, name: &str) {
        self.ask(["content", "fetch"], &["--all-platforms", name])
            .await;
        self.assert_has(artifact).await;
        self.remove(name).await;
    }

    /// containerd takes no bytes that do not hash to their digest.
    pub(super) async fn assert_has(&self, artifact: &Artifact) {
        let has = self.shell.run(&["content", "ls", "--quiet"]).await;
        let foreign = artifact.elsewhere.iter();
        let foreign = foreign.map(|layer| refity_tests::client::sha256(layer));
        for digest in artifact.contents().into_iter().chain(foreign) {
            assert!(has.lines().any(|line| line == digest), "{digest}:\n{has}");
        }
    }

    async fn login(&self, repository: &str) {
        self.network.put(&self.fixtures.gzip, repository).await;
        let tagged = self.tagged(repository);
        self.be(Some("admin:wrong".to_owned()));
        let words = self.try_to_ask(["content", "fetch"], &[&tagged]).await;
        let words = words.unwrap_err();
        assert!(words.contains("401"), "{words}");
        self.be(Some(Network::credentials()));
        self.fetch(&self.fixtures.gzip, &tagged).await;
    }

    pub(super) async fn there_and_back(&self, artifact: &Artifact, repository: &str) {
        self.push(artifact, repository).await;
        self.pull(artifact, &self.tagged(repository)).await;
    }

    async fn push_by_digest(&self, repository: &str) {
        let (artifact, digest) = (&self.fixtures.gzip, self.fixtures.gzip.digest());
        let by_digest = format!("{}@{digest}", self.remote(repository));
        self.import(artifact, repository).await;
        let tagged = self.tagged(repository);
        self.ask(["images", "push"], &[&by_digest, &tagged]).await;
        self.remove(&tagged).await;
        self.network.assert_has(artifact, repository, &digest).await;
    }

    async fn refer(&self, repository: &str) {
        let Fixtures {
            gzip, signature, ..
        } = &self.fixtures;
        self.push(signature, repository).await;
        self.network
            .assert_refers(repository, signature, gzip)
            .await;
        self.fetch(signature, &self.tagged(repository)).await;
    }
}

impl Client for Ctr {
    fn name(&self) -> String {
        let by = match self.by {
            By::PlainHttp => "--plain-http",
            By::HostsFile => "--hosts-dir",
        };
        format!("{CTR} {by} {}", self.version)
    }

    async fn perform(&self, operation: Operation) -> Cell {
        let repository = operation.repository(self.client());
        let tagged = self.tagged(&repository);
        let fixtures = &self.fixtures;
        match operation {
            Operation::Login => self.login(&repository).await,
            Operation::Push => self.push(&fixtures.plain, &repository).await,
            Operation::Pull => {
                self.network.put(&fixtures.plain, &repository).await;
                self.pull(&fixtures.plain, &tagged).await;
            }
            Operation::PushByDigest => self.push_by_digest(&repository).await,
            Operation::PullByDigest => {
                self.network.put(&fixtures.gzip, &repository).await;
                let name = format!("{}@{}", self.remote(&repository), fixtures.gzip.digest());
                self.pull(&fixtures.gzip, &name).await;
            }
            Operation::MultiArch => self.there_and_back(&fixtures.index, &repository).await,
            Operation::Oci | Operation::Gzip => {
                self.there_and_back(&fixtures.gzip, &repository).await
            }
            Operation::Schema2 => self.there_and_back(&fixtures.schema2, &repository).await,
            Operation::Zstd => self.there_and_back(&fixtures.zstd, &repository).await,
            Operation::Referrers => self.refer(&repository).await,
            Operation::Chart => {
                self.push(&fixtures.chart, &repository).await;
                self.fetch(&fixtures.chart, &tagged).await;
            }
            Operation::Foreign => self.there_and_back(&fixtures.foreign, &repository).await,
            Operation::ZstdChunked
            | Operation::Sync
            | Operation::Tags
            | Operation::Delete
            | Operation::BuildCache => {
                return Cell::NoCommand;
            }
        }
        Cell::Works
    }
}

fn write_hosts(folder: &Path, address: &str) {
    let folder = folder.join(HOST);
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "server = \"http://{address}\"\n\
         [host.\"http://{address}\"]\n\
         capabilities = [\"pull\", \"resolve\", \"push\"]\n"
    );
    std::fs::write(folder.join("hosts.toml"), text).unwrap();
}

/// A containerd that shares nothing with the machine's.
struct Containerd {
    process: Process,
    folder: TempDir,
}

impl Containerd {
    async fn start() -> Self {
        // A short path: a unix socket's is limited to 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("ct")
            .tempdir_in("/tmp")
            .unwrap();
        let path = folder.path();
        let config = format!(
            "version = 2\nroot = {root:?}\nstate = {state:?}\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n\
             [grpc]\naddress = {socket:?}\n",
            root = path.join("root"),
            state = path.join("state"),
            socket = path.join("s"),
        );
        let file = path.join("config.toml");
        std::fs::write(&file, config).unwrap();
        let program = Program::new(CONTAINERD, path.join("log"))
            .args(["--config".as_ref(), file.as_os_str()])
            .env("TMPDIR", path);
        let containerd = Self {
            process: Process::start(program),
            folder,
        };
        containerd.wait_until_ready().await;
        containerd
    }

    fn socket(&self) -> String {
        text(&self.folder.path().join("s")).to_owned()
    }

    async fn wait_until_ready(&self) {
        let socket = self.socket();
        let answered = wait::until_some(PATIENCE, async || {
            let log = || self.process.log_tail();
            assert!(self.process.is_running(), "containerd ended:\n{}", log());
            let version = tokio::process::Command::new(CTR)
                .args(["--address", &socket, "version"])
                .output()
                .await;
            version
                .is_ok_and(|output| output.status.success())
                .then_some(())
        });
        let answered = answered.await;
        assert!(answered.is_some(), "{}", self.process.log_tail());
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.process.terminate_or_kill(PATIENCE);
    }
}
