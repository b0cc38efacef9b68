//! A whole registry of its own for one test: sshd, gateways, uploaders, a
//! folder each for data and for the tree on SFTP.

mod settings;

use std::ops::Deref;
use std::process::Output;
use std::time::Duration;

pub use crate::registry::{ADMIN, GROUP, PASSWORD};
pub use settings::log_no_more_than;

use tempfile::TempDir;

use crate::processes::{Process, Program, binary, wait_until_ready};
use crate::registry::Registry;
use crate::slow_line::SlowLine;
use crate::sshd::{Sshd, SshdOptions};
use crate::wait;

/// How long a gateway may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// What a lab shall be like; see [`Lab::builder`].
#[derive(Debug)]
pub struct Builder {
    gateways: usize,
    uploaders: usize,
    groups: Vec<String>,
    environment: Vec<(String, String)>,
    sshd: SshdOptions,
    line_to_storage: Option<u32>,
}

impl Builder {
    /// With so many gateways (1).
    #[must_use]
    pub fn gateways(self, gateways: usize) -> Self {
        Self { gateways, ..self }
    }

    /// With so many uploaders (1).
    #[must_use]
    pub fn uploaders(self, uploaders: usize) -> Self {
        Self { uploaders, ..self }
    }

    /// With `SFTP_SYNC_UPLOAD`.
    #[must_use]
    pub fn sync(self, sync: bool) -> Self {
        self.env("SFTP_SYNC_UPLOAD", if sync { "true" } else { "false" })
    }

    /// With this group too.
    #[must_use]
    pub fn group(mut self, name: &str) -> Self {
        self.groups.push(name.to_owned());
        self
    }

    /// With this variable for every process of ours; it wins over the lab's own.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With an sshd that differs from the usual one.
    #[must_use]
    pub fn sshd(self, sshd: SshdOptions) -> Self {
        Self { sshd, ..self }
    }

    /// With a line to sshd that carries no more than so many bytes in a second
    /// (without limit).
    #[must_use]
    pub fn line_to_storage(mut self, bytes_per_second: u32) -> Self {
        self.line_to_storage = Some(bytes_per_second);
        self
    }

    /// Starts everything, waits until it is ready, and creates the groups.
    ///
    /// # Panics
    /// When a program is missing or does not start; with the end of its log.
    pub async fn start(self) -> Lab {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sshd_folder = folder.path().join("sshd");
        std::fs::create_dir(&sshd_folder).expect("a new folder");
        let sshd = Sshd::start_with(&sshd_folder, self.sshd).expect("a running sshd");
        let mut environment = self.environment;
        let mut line = None;
        if let Some(bytes_per_second) = self.line_to_storage {
            let slow =
                SlowLine::start(format!("127.0.0.1:{}", sshd.port()), bytes_per_second).await;
            environment.push(("FTP_PORT".to_owned(), slow.port().to_string()));
            line = Some(slow);
        }
        let ports: Vec<u16> = (0..self.gateways).map(|_| wait::free_port()).collect();
        let addresses = ports.iter().map(|port| format!("127.0.0.1:{port}"));
        let mut lab = Lab {
            registry: Registry::new(addresses.collect(), folder.path(), sshd.root()),
            settings: settings::settings(folder.path(), &sshd, &environment),
            _line: line,
            gateways: Vec::new(),
            uploaders: Vec::new(),
            sshd,
            folder,
        };
        let gateways = ports.into_iter().enumerate();
        lab.gateways = gateways.map(|(n, port)| lab.new_gateway(n, port)).collect();
        lab.uploaders = (0..self.uploaders).map(|n| lab.new_uploader(n)).collect();
        lab.wait_until_ready().await;
        if !lab.gateways.is_empty() {
            lab.create_groups(&self.groups).await;
        }
        lab
    }
}

/// A running registry; see [`Registry`] for most of what it does. Dropping it kills all of it and removes its files; in
/// a test that fails it prints the end of every log before.
pub struct Lab {
    // Fields drop in this order: programs before their files.
    gateways: Vec<Process>,
    uploaders: Vec<Process>,
    registry: Registry,
    _line: Option<SlowLine>,
    sshd: Sshd,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

impl Lab {
    /// One gateway, one uploader, async.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// What to change about that.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            gateways: 1,
            uploaders: 1,
            groups: vec![GROUP.to_owned()],
            environment: Vec::new(),
            sshd: SshdOptions::default(),
            line_to_storage: None,
        }
    }

    /// The process of one gateway.
    #[must_use]
    pub fn gateway(&self, n: usize) -> &Process {
        &self.gateways[n]
    }

    /// The process of one uploader.
    #[must_use]
    pub fn uploader(&self, n: usize) -> &Process {
        &self.uploaders[n]
    }

    /// The SFTP server.
    #[must_use]
    pub fn sshd(&self) -> &Sshd {
        &self.sshd
    }

    /// The SFTP server, to kill and restart it.
    pub fn sshd_mut(&mut self) -> &mut Sshd {
        &mut self.sshd
    }

    /// Runs `refity-uploader <arguments>` with the lab's settings to its end.
    pub async fn uploader_command(&self, arguments: &[&str]) -> Output {
        self.command("refity-uploader", arguments).await
    }

    /// Runs `refity-gateway <arguments>` with the lab's settings to its end.
    pub async fn gateway_command(&self, arguments: &[&str]) -> Output {
        self.command("refity-gateway", arguments).await
    }

    /// Ends all gateways and uploaders with SIGTERM, those that run.
    ///
    /// # Panics
    /// When one does not end in time.
    pub async fn stop_all(&self) {
        for process in self.processes().filter(|process| process.is_running()) {
            process.terminate().await;
        }
    }

    /// Starts all gateways and uploaders that do not run, and waits until the
    /// gateways are ready.
    ///
    /// # Panics
    /// When one does not start.
    pub async fn start_all(&self) {
        for process in self.processes().filter(|process| !process.is_running()) {
            process.restart();
        }
        self.wait_until_ready().await;
    }

    /// Waits until every gateway is ready.
    ///
    /// # Panics
    /// When one is not in time; with the end of its log.
    pub async fn wait_until_ready(&self) {
        for (n, gateway) in self.gateways.iter().enumerate() {
            let url = format!("http://{}/readyz", self.address(n));
            wait_until_ready(gateway, &url, READY).await;
        }
    }

    /// Makes all blobs cold: stops everything, empties the spool, and starts
    /// it again. Waits before until all is stored.
    pub async fn make_cold(&self) {
        self.wait_until_stored().await;
        self.stop_all().await;
        self.empty_spool();
        self.start_all().await;
    }

    /// Removes all bytes of the spool, as someone would by hand.
    ///
    /// # Panics
    /// When a process of ours still runs.
    pub fn empty_spool(&self) {
        let running = self.processes().any(Process::is_running);
        assert!(!running, "stop all processes before the spool is emptied");
        self.remove_spool_files();
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.gateways.iter().chain(&self.uploaders)
    }

    fn new_gateway(&self, n: usize, port: u16) -> Process {
        let program = self.program("refity-gateway", &format!("gateway-{n}.log"));
        Process::start(program.env("PORT", port.to_string()))
    }

    fn new_uploader(&self, n: usize) -> Process {
        Process::start(self.program("refity-uploader", &format!("uploader-{n}.log")))
    }

    fn program(&self, name: &str, log: &str) -> Program {
        let program = Program::new(binary(name), self.folder.path().join(log));
        let settings = self.settings.iter();
        settings.fold(program, |program, (name, value)| program.env(name, value))
    }

    async fn command(&self, name: &str, arguments: &[&str]) -> Output {
        let program = self
            .program(name, "command.log")
            .args(arguments.iter().copied());
        let mut command = tokio::process::Command::from(program.command());
        command
            .kill_on_drop(true)
            .output()
            .await
            .expect("to run our binary")
    }
}

impl Deref for Lab {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for process in self.processes() {
                eprintln!("{}", process.log_tail());
            }
        }
    }
}
