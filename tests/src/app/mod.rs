//! A registry in the test's own process: the gateway's router behind a real
//! listener, the uploader's parts, and a local folder as the storage. For tests
//! that prove nothing about processes, wires or kills; it starts in a few
//! milliseconds, where a [`Lab`](crate::lab::Lab) needs sshd and processes.

mod in_process;
mod logs;

use std::ops::Deref;
use std::time::Duration;

use refity_config::clock::Clock;
use tempfile::TempDir;

use crate::registry::{self, GROUP, Registry};
use crate::secrets;
use crate::wait;

pub use in_process::InProcess;
use logs::Log;

/// How long a gateway may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// The properties of a [`TestApp`].
#[derive(Debug)]
pub struct Builder {
    gateways: usize,
    uploaders: usize,
    groups: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Builder {
    /// Sets the number of gateways (1).
    #[must_use]
    pub fn gateways(self, gateways: usize) -> Self {
        Self { gateways, ..self }
    }

    /// Sets the number of uploaders (1).
    #[must_use]
    pub fn uploaders(self, uploaders: usize) -> Self {
        Self { uploaders, ..self }
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, name: &str) -> Self {
        self.groups.push(name.to_owned());
        self
    }

    /// Creates no groups.
    #[must_use]
    pub fn without_groups(mut self) -> Self {
        self.groups.clear();
        self
    }

    /// Sets a variable of all programs.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        secrets::note_variable(name, value);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets `SFTP_SYNC_UPLOAD`.
    #[must_use]
    pub fn sync(self, sync: bool) -> Self {
        self.env("SFTP_SYNC_UPLOAD", if sync { "true" } else { "false" })
    }

    /// Starts everything, waits until it is ready, and creates the groups.
    ///
    /// # Panics
    /// If a program does not start.
    pub async fn start(self) -> TestApp {
        let log = Log::default();
        let subscriber = log.subscriber();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tree = folder.path().join("storage");
        std::fs::create_dir(&tree).expect("a new folder");
        let ports: Vec<u16> = (0..self.gateways).map(|_| wait::free_port()).collect();
        let addresses = ports.iter().map(|port| format!("127.0.0.1:{port}"));
        let registry = Registry::new(addresses.collect(), folder.path(), tree.clone());
        let clock = Clock::with_offset_file(&registry::offset_file(folder.path()));
        let clock = clock.expect("a clock");
        let mut variables = registry::variables(folder.path());
        for (name, value) in &variables {
            secrets::note_variable(name, value);
        }
        let tree = tree.to_str().expect("a path in UTF-8").to_owned();
        variables.push(("STORAGE_FOLDER".to_owned(), tree));
        variables.extend(self.variables);
        let gateways = ports.iter().map(|port| {
            let mut variables = variables.clone();
            variables.push(("PORT".to_owned(), port.to_string()));
            InProcess::gateway(variables, clock.clone(), subscriber.clone())
        });
        let uploader = || InProcess::uploader(variables.clone(), clock.clone(), subscriber.clone());
        let app = TestApp {
            gateways: gateways.collect(),
            uploaders: (0..self.uploaders).map(|_| uploader()).collect(),
            registry,
            log,
            _folder: folder,
        };
        app.wait_until_ready().await;
        if self.gateways > 0 {
            app.create_groups(&self.groups).await;
        }
        app
    }
}

/// A running registry; see [`Registry`] for most of what it does. Dropping it
/// ends all of it, and searches what was logged for secrets.
pub struct TestApp {
    // Fields drop in this order: programs before their files.
    gateways: Vec<InProcess>,
    uploaders: Vec<InProcess>,
    registry: Registry,
    log: Log,
    _folder: TempDir,
}

impl TestApp {
    /// Starts a gateway and an uploader.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Returns what [`TestApp::start`] starts, to be changed.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            gateways: 1,
            uploaders: 1,
            groups: vec![GROUP.to_owned()],
            variables: Vec::new(),
        }
    }

    /// One gateway.
    #[must_use]
    pub fn gateway(&self, n: usize) -> &InProcess {
        &self.gateways[n]
    }

    /// One uploader.
    #[must_use]
    pub fn uploader(&self, n: usize) -> &InProcess {
        &self.uploaders[n]
    }

    /// Makes all blobs cold: stops everything, empties the spool, and starts
    /// it again. Waits before until all is stored.
    pub async fn make_cold(&self) {
        self.wait_until_stored().await;
        for program in self.programs() {
            program.terminate().await;
        }
        self.remove_spool_files();
        self.programs().for_each(InProcess::restart);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&self) {
        for n in 0..self.gateways.len() {
            let client = self.client_of(n);
            let ready = wait::until_some(READY, async || {
                self.gateways[n].assert_running().await;
                let answer = client.get("/readyz").await.ok()?;
                (answer.status == 200).then_some(())
            });
            assert!(ready.await.is_some(), "gateway {n} is not ready");
        }
    }

    fn programs(&self) -> impl Iterator<Item = &InProcess> {
        self.gateways.iter().chain(&self.uploaders)
    }
}

impl Deref for TestApp {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.programs().for_each(InProcess::kill);
        self.log.assert_no_secrets();
    }
}
