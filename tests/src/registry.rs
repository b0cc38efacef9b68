//! What a test does with a running registry, be it a [`Lab`] of processes or a
//! [`TestApp`] in the test's own process. Both dereference to it.
//!
//! [`Lab`]: crate::lab::Lab
//! [`TestApp`]: crate::app::TestApp

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::checker::{self, Report, Tmp};
use crate::client::Client;
use crate::database::Database;
use crate::round_robin::RoundRobin;
use crate::wait;

/// The user that the first start creates.
pub const ADMIN: &str = "admin";

/// The admin's password.
pub const PASSWORD: &str = "an-admin-of-the-lab";

/// The group that every registry has.
pub const GROUP: &str = "team";

/// How long all that was pushed may take to arrive in the storage. Generous:
/// the machine may be busy with other tests.
const STORED: Duration = Duration::from_secs(180);

/// Milliseconds after which an uploader sweeps again.
const SWEEP_MS: i64 = 61_000;

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    addresses: Vec<String>,
    folder: PathBuf,
    tree: PathBuf,
}

impl Registry {
    /// Describes a registry with these gateways (`host:port`), whose `data` and
    /// clock offset are in `folder`, and whose tree is a local folder.
    pub(crate) fn new(addresses: Vec<String>, folder: &Path, tree: PathBuf) -> Self {
        std::fs::write(offset_file(folder), "0").expect("to write an offset");
        let folder = folder.to_owned();
        Self {
            addresses,
            folder,
            tree,
        }
    }

    /// The admin's client of the first gateway.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_of(0)
    }

    /// A client of the first gateway without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::anonymous(self.address(0))
    }

    /// The admin's client of one gateway.
    #[must_use]
    pub fn client_of(&self, gateway: usize) -> Client {
        Client::anonymous(self.address(gateway)).with_credentials(ADMIN, PASSWORD)
    }

    /// `127.0.0.1:port` of one gateway.
    #[must_use]
    pub fn address(&self, gateway: usize) -> &str {
        &self.addresses[gateway]
    }

    /// `DATA_DIR`.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.folder)
    }

    /// The registry's database.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::open(&self.data_dir())
    }

    /// The storage's root as the local folder that it is: it contains
    /// `docker/registry/v2`.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.tree.clone()
    }

    /// Starts a proxy that sends each request to the next gateway.
    pub async fn round_robin(&self) -> RoundRobin {
        RoundRobin::start(self.addresses.clone()).await
    }

    /// Starts such a proxy as a slow line: all clients together send at most so
    /// many bytes in a second.
    pub async fn slow_line(&self, bytes_per_second: u32) -> RoundRobin {
        RoundRobin::start_slow(self.addresses.clone(), bytes_per_second).await
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

    /// Creates these groups.
    pub(crate) async fn create_groups(&self, groups: &[String]) {
        for group in groups {
            let answer = self.client().create_group(group).await.expect("an answer");
            assert!(
                (200..300).contains(&answer.status),
                "create {group}: {answer:?}"
            );
        }
    }

    /// Moves the clocks of all processes by so many milliseconds. See
    /// `refity_config::clock`.
    ///
    /// # Panics
    /// If the file with the offset cannot be written.
    pub fn clock_forward(&self, milliseconds: i64) {
        let file = offset_file(&self.folder);
        let text = std::fs::read_to_string(&file).expect("the clock's offset");
        let offset: i64 = text.parse().expect("milliseconds");
        // By rename: nobody may read half a number.
        let new = file.with_extension("new");
        std::fs::write(&new, (offset + milliseconds).to_string()).expect("to write an offset");
        std::fs::rename(&new, &file).expect("to rename it");
    }

    /// Waits until an uploader has swept: moves the clocks on by more than the
    /// time between two sweeps, then waits for the sweep's effect. No job may
    /// run meanwhile: its lease would be over.
    ///
    /// # Panics
    /// If there is no such effect within three minutes.
    pub async fn wait_for_sweep(&self, effect: &str, holds: impl AsyncFnMut() -> bool) {
        self.clock_forward(SWEEP_MS);
        wait::until(effect, STORED, holds).await;
    }

    /// Waits until no transfer is unfinished: all that was acknowledged is in
    /// the storage.
    ///
    /// # Panics
    /// If it takes longer than three minutes; with the unfinished jobs.
    pub async fn wait_until_stored(&self) {
        self.wait_until_stored_within(STORED).await;
    }

    /// As [`Registry::wait_until_stored`], with another deadline.
    ///
    /// # Panics
    /// If it takes longer; with the unfinished jobs.
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

    /// Returns what the checker finds in the storage when no job is unfinished.
    #[must_use]
    pub fn check(&self) -> Report {
        checker::check(&self.tree(), &Tmp::MustBeEmpty)
    }

    /// Waits until all is stored, and checks that the tree is whole.
    ///
    /// # Panics
    /// If it is not.
    pub async fn assert_stored_whole(&self) -> Report {
        self.wait_until_stored().await;
        let report = self.check();
        report.assert_clean();
        report
    }

    /// The files of uploads and blobs in the spool.
    ///
    /// # Panics
    /// If the spool's folders cannot be read.
    #[must_use]
    pub fn spool_files(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.data_dir().join("spool/files"));
        let folders = folders.expect("the spool's folders").flatten();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()));
        files.flatten().flatten().map(|file| file.path()).collect()
    }

    /// Bytes in all files of the spool.
    #[must_use]
    pub fn spool_bytes(&self) -> u64 {
        let files = self.spool_files();
        let sizes = files.iter().filter_map(|file| file.metadata().ok());
        sizes.map(|meta| meta.len()).sum()
    }

    /// Removes all bytes of the spool, as someone would by hand. Nothing may
    /// run meanwhile.
    ///
    /// # Panics
    /// If they cannot be removed.
    pub(crate) fn remove_spool_files(&self) {
        for file in self.spool_files() {
            std::fs::remove_file(file).expect("to remove it");
        }
    }
}

/// `DATA_DIR` of a registry in this folder.
pub(crate) fn data_dir(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// The variables that all our programs get.
pub(crate) fn variables(folder: &Path) -> Vec<(String, String)> {
    let path = data_dir(folder);
    let own = [
        ("DATA_DIR", path.to_str().expect("a path in UTF-8")),
        ("LISTEN_ADDRESS", "127.0.0.1"),
        ("WEB_PORT", "0"),
        ("ADMIN_PASSWORD", PASSWORD),
        // What a test collects, it collects itself.
        ("GC_SCHEDULE", "off"),
        // Not a share of the disk that the tests run on.
        ("SPOOL_MIN_FREE", "100M"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.into()
}

/// The file that says by how much the clocks of a registry were moved.
pub(crate) fn offset_file(folder: &Path) -> PathBuf {
    folder.join("clock-offset")
}

/// How many jobs are not done yet, failed ones included.
fn unfinished(summary: &Value) -> Option<u64> {
    let states = ["waiting", "pending", "running", "failed"];
    states.iter().map(|state| summary[state].as_u64()).sum()
}
