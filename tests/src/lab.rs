//! A whole registry of its own for one test: sshd, gateways, uploaders, a
//! folder each for data and for the tree on SFTP.

mod settings;
mod spool;

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

pub use settings::log_no_more_than;

use serde_json::Value;
use tempfile::TempDir;

use crate::checker::{self, Report, Tmp};
use crate::client::Client;
use crate::database::Database;
use crate::processes::{Process, Program, binary, wait_until_ready};
use crate::round_robin::RoundRobin;
use crate::slow_line::SlowLine;
use crate::sshd::{Sshd, SshdOptions};
use crate::wait;

/// The user that the first start makes.
pub const ADMIN: &str = "admin";

/// The admin's password in every lab.
pub const PASSWORD: &str = "an-admin-of-the-lab";

/// The group that every lab has.
pub const GROUP: &str = "team";

/// How long a gateway may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// How long all that was pushed may take to arrive on SFTP. Generous: the
/// machine may be busy with other tests.
const STORED: Duration = Duration::from_secs(180);

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
        let mut lab = Lab {
            settings: settings::settings(folder.path(), &sshd, &environment),
            _line: line,
            gateways: Vec::new(),
            uploaders: Vec::new(),
            sshd,
            folder,
        };
        lab.gateways = (0..self.gateways).map(|n| lab.new_gateway(n)).collect();
        lab.uploaders = (0..self.uploaders).map(|n| lab.new_uploader(n)).collect();
        lab.wait_until_ready().await;
        if !lab.gateways.is_empty() {
            for group in &self.groups {
                let answer = lab.client().create_group(group).await.expect("an answer");
                assert!(
                    (200..300).contains(&answer.status),
                    "create {group}: {answer:?}"
                );
            }
        }
        lab
    }
}

/// A gateway and where it listens.
#[derive(Debug)]
struct Gateway {
    process: Process,
    address: String,
}

/// A running registry. Dropping it kills all of it and removes its files; in
/// a test that fails it prints the end of every log before.
pub struct Lab {
    // Fields drop in this order: programs before their files.
    gateways: Vec<Gateway>,
    uploaders: Vec<Process>,
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

    /// The admin's client of the first gateway.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_of(0)
    }

    /// The admin's client of one gateway.
    #[must_use]
    pub fn client_of(&self, gateway: usize) -> Client {
        Client::anonymous(self.address(gateway)).with_credentials(ADMIN, PASSWORD)
    }

    /// `127.0.0.1:port` of one gateway.
    #[must_use]
    pub fn address(&self, gateway: usize) -> &str {
        &self.gateways[gateway].address
    }

    /// How many TCP connections one gateway has.
    ///
    /// # Panics
    /// If the system does not say.
    #[must_use]
    pub fn connections(&self, gateway: usize) -> usize {
        let (_, port) = self.address(gateway).rsplit_once(':').expect("a port");
        crate::sshd::connections(port.parse().expect("a port"))
    }

    /// The process of one gateway.
    #[must_use]
    pub fn gateway(&self, n: usize) -> &Process {
        &self.gateways[n].process
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

    /// `DATA_DIR`.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The registry's database.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::open(&self.data_dir())
    }

    /// `FTP_ROOT` as the local folder that it is: it holds `docker/registry/v2`.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.sshd.root()
    }

    /// A proxy that sends each request to the next gateway.
    pub async fn round_robin(&self) -> RoundRobin {
        RoundRobin::start(self.addresses()).await
    }

    /// Such a proxy as a slow line: all clients together send no more than so
    /// many bytes in a second.
    pub async fn slow_line(&self, bytes_per_second: u32) -> RoundRobin {
        RoundRobin::start_slow(self.addresses(), bytes_per_second).await
    }

    fn addresses(&self) -> Vec<String> {
        let gateways = self.gateways.iter();
        gateways.map(|gateway| gateway.address.clone()).collect()
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
        for gateway in &self.gateways {
            let url = format!("http://{}/readyz", gateway.address);
            wait_until_ready(&gateway.process, &url, READY).await;
        }
    }

    /// Removes all bytes of the spool, as someone would by hand.
    ///
    /// # Panics
    /// When a process of ours still runs.
    pub fn empty_spool(&self) {
        let running = self.processes().any(Process::is_running);
        assert!(!running, "stop all processes before the spool is emptied");
        let files = self.data_dir().join("spool/files");
        for folder in std::fs::read_dir(&files).expect("the spool's folders") {
            let folder = folder.expect("a folder").path();
            for file in std::fs::read_dir(folder).expect("the spool's files") {
                std::fs::remove_file(file.expect("a file").path()).expect("to remove it");
            }
        }
    }

    /// Waits until no transfer is unfinished: all that was acknowledged is on SFTP.
    ///
    /// # Panics
    /// When it takes longer than three minutes; with the unfinished jobs.
    pub async fn wait_until_stored(&self) {
        self.wait_until_stored_within(STORED).await;
    }

    /// As [`Lab::wait_until_stored`], with a deadline of one's own.
    ///
    /// # Panics
    /// When it takes longer; with the unfinished jobs.
    pub async fn wait_until_stored_within(&self, limit: Duration) {
        let client = self.client();
        let mut summary = None;
        let stored = wait::until_some(limit, async || {
            // A gateway that was just killed answers later.
            let answer = client.jobs_summary().await.ok()?;
            summary = Some(answer);
            let jobs = summary
                .as_ref()
                .filter(|answer| answer.status == 200)?
                .json();
            (unfinished(&jobs)? == 0).then_some(())
        })
        .await;
        if stored.is_none() {
            let jobs = client.jobs().await;
            panic!("not stored after {limit:?}\nsummary: {summary:?}\njobs: {jobs:?}");
        }
    }

    /// Moves the clocks of all processes on by so many milliseconds; back,
    /// where negative. See `refity_config::clock`.
    ///
    /// # Panics
    /// When the file with the offset cannot be written.
    pub fn clock_forward(&self, milliseconds: i64) {
        let file = settings::offset_file(self.folder.path());
        let text = std::fs::read_to_string(&file).expect("the clock's offset");
        let offset: i64 = text.parse().expect("milliseconds");
        // By rename: nobody may read half a number.
        let new = file.with_extension("new");
        std::fs::write(&new, (offset + milliseconds).to_string()).expect("to write an offset");
        std::fs::rename(&new, &file).expect("to rename it");
    }

    /// What the checker finds on SFTP, when no job is unfinished.
    #[must_use]
    pub fn check(&self) -> Report {
        checker::check(&self.tree(), &Tmp::MustBeEmpty)
    }

    /// Waits until all is stored, and checks that the tree is whole.
    ///
    /// # Panics
    /// When it is not.
    pub async fn assert_stored_whole(&self) -> Report {
        self.wait_until_stored().await;
        let report = self.check();
        report.assert_clean();
        report
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        let gateways = self.gateways.iter().map(|gateway| &gateway.process);
        gateways.chain(&self.uploaders)
    }

    fn new_gateway(&self, n: usize) -> Gateway {
        let port = wait::free_port();
        let program = self.program("refity-gateway", &format!("gateway-{n}.log"));
        Gateway {
            process: Process::start(program.env("PORT", port.to_string())),
            address: format!("127.0.0.1:{port}"),
        }
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

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for process in self.processes() {
                eprintln!("{}", process.log_tail());
            }
        }
    }
}

/// How many jobs are not done yet, those that need a person included.
fn unfinished(summary: &Value) -> Option<u64> {
    let states = ["waiting", "pending", "running", "failed"];
    states.iter().map(|state| summary[state].as_u64()).sum()
}
