//! A gateway without SFTP.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use refity_tests::client::Client;
use refity_tests::database::Database;
use refity_tests::processes::{Process, Program, binary, wait_until_ready};
use refity_tests::wait;
use serde_json::Value;
use tempfile::TempDir;

pub const PASSWORD: &str = "correct horse";

const READY: Duration = Duration::from_secs(30);

/// A running gateway.
pub struct Lone {
    pub process: Process,
    pub address: String,
    folder: TempDir,
}

impl Lone {
    /// One whose administrator has [`PASSWORD`].
    pub async fn start() -> Self {
        Self::start_with(&[("ADMIN_PASSWORD", PASSWORD)]).await
    }

    /// One with these variables.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = wait::free_port();
        let process = Process::start(program(folder.path(), port, variables));
        let address = format!("127.0.0.1:{port}");
        wait_until_ready(&process, &format!("http://{address}/readyz"), READY).await;
        Self {
            process,
            address,
            folder,
        }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn database(&self) -> Database {
        Database::open(&self.data_dir())
    }

    pub fn anonymous(&self) -> Client {
        Client::anonymous(&self.address)
    }

    /// The administrator's client.
    pub fn client(&self) -> Client {
        self.anonymous().with_credentials("admin", PASSWORD)
    }

    /// Moves the clocks to so many milliseconds from now.
    pub fn set_clock(&self, milliseconds: i64) {
        std::fs::write(offset_file(self.folder.path()), milliseconds.to_string()).unwrap();
    }

    /// The log's lines, read as JSON. A line is there after its answer.
    pub fn lines(&self) -> Vec<Value> {
        let log = self.process.log();
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits for the line of a request with this id.
    pub async fn line_of(&self, request_id: &str) -> Value {
        let found = wait::until_some(READY, async || {
            let mut lines = self.lines().into_iter();
            lines.find(|line| line["message"] == "request" && line["request_id"] == request_id)
        })
        .await;
        found.unwrap_or_else(|| panic!("no line of {request_id}: {}", self.process.log_tail()))
    }
}

fn offset_file(folder: &Path) -> PathBuf {
    folder.join("clock-offset")
}

/// A gateway in this folder; later variables win.
pub fn program(folder: &Path, port: u16, variables: &[(&str, &str)]) -> Program {
    let program = Program::new(binary("refity-gateway"), folder.join("gateway.log"))
        .env("DATA_DIR", folder.join("data"))
        .env("LISTEN_ADDRESS", "127.0.0.1")
        .env("PORT", port.to_string())
        .env("WEB_PORT", "0")
        .env("FTP_HOST", "127.0.0.1")
        .env("FTP_PORT", "1")
        .env("FTP_USERNAME", "nobody")
        .env("FTP_PASSWORD", "the-sftp-password")
        .env("SPOOL_MIN_FREE", "100M")
        .env("LOG_FORMAT", "json")
        .env("LOG_LEVEL", "trace")
        .env(
            refity_config::clock::OFFSET_FILE_VARIABLE,
            offset_file(folder),
        );
    let variables = variables.iter();
    variables.fold(program, |program, (name, value)| program.env(name, *value))
}

/// Runs a gateway that is to end by itself: what it said, and its status.
pub async fn run(program: &Program) -> Output {
    let mut command = tokio::process::Command::from(program.command());
    let output = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(READY, output).await;
    output.expect("it does not start").unwrap()
}
