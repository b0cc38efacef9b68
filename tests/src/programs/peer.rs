//! Other people's registries, to compare with and to read our tree with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::client::Client;
use crate::processes::{Process, Program, wait_until_ready};
use crate::wait::free_port;

/// Debian's package `docker-registry`: Distribution 2.8.
pub const DEBIAN: &str = "/usr/bin/docker-registry";

/// The variable that names a binary of Distribution 3.
pub const PEER_VARIABLE: &str = "PEER_REGISTRY";

/// The registry that [`PEER_VARIABLE`] names, where it is set.
#[must_use]
pub fn from_environment() -> Option<PathBuf> {
    std::env::var_os(PEER_VARIABLE)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// A running registry of another make, on a folder, without authentication.
#[derive(Debug)]
pub struct Peer {
    process: Process,
    address: String,
    _config: TempDir,
}

impl Peer {
    /// Debian's registry, reading and writing this folder.
    pub async fn start(root: &Path) -> Self {
        Self::run(Path::new(DEBIAN), root, false).await
    }

    /// Debian's registry, which only reads this folder.
    pub async fn start_read_only(root: &Path) -> Self {
        Self::run(Path::new(DEBIAN), root, true).await
    }

    /// Any Distribution, 2 or 3.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn run(program: &Path, root: &Path, read_only: bool) -> Self {
        let config = tempfile::tempdir().expect("a temporary folder");
        let address = format!("127.0.0.1:{}", free_port());
        let mut storage = json!({
            "filesystem": { "rootdirectory": root },
            "delete": { "enabled": true },
            "maintenance": {
                "uploadpurging": { "enabled": false },
                "readonly": { "enabled": read_only },
            },
        });
        if !read_only {
            // As in the configuration that Debian ships. Not where we change
            // the folder behind its back.
            storage["cache"] = json!({ "blobdescriptor": "inmemory" });
        }
        // JSON is YAML too.
        let text = json!({
            "version": "0.1",
            "log": { "level": "error", "accesslog": { "disabled": true } },
            "storage": storage,
            "http": { "addr": address },
        });
        let file = config.path().join("config.yml");
        std::fs::write(&file, text.to_string()).expect("to write a configuration");
        let process = Process::start(
            Program::new(program, config.path().join("registry.log"))
                .args([Path::new("serve"), &file])
                // Distribution 3 looks for a collector of traces otherwise.
                .env("OTEL_TRACES_EXPORTER", "none"),
        );
        wait_until_ready(
            &process,
            &format!("http://{address}/v2/"),
            Duration::from_secs(30),
        )
        .await;
        Self {
            process,
            address,
            _config: config,
        }
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// A client without credentials.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::anonymous(&self.address)
    }
}
