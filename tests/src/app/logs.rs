//! The log of the programs of one app, kept to be searched for secrets.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Dispatch;
use tracing_subscriber::EnvFilter;

use crate::secrets;

/// Everything of ours; the test's own client logs to nobody.
const FILTER: &str = "off,refity_gateway=trace,refity_uploader=trace,refity_store=trace,\
                      refity_spool=trace,refity_storage=trace,refity_node=trace,\
                      refity_config=trace";

/// Lines of the log that a test shows when it fails.
const TAIL: usize = 50;

/// A log in memory. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Returns a subscriber that writes into this log.
    pub(super) fn subscriber(&self) -> Dispatch {
        let log = self.clone();
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_writer(move || log.clone())
            .into()
    }

    /// Searches the log for secrets. A test that has failed prints its end.
    ///
    /// # Panics
    /// If there is a secret in it, unless the thread panics already.
    pub(super) fn assert_no_secrets(&self) {
        let text = String::from_utf8_lossy(&self.lock()).into_owned();
        let leaks = secrets::leaks(&text);
        let leaks: String = leaks.iter().map(|leak| format!("\n{leak}")).collect();
        if std::thread::panicking() {
            let lines: Vec<_> = text.lines().collect();
            let end = &lines[lines.len().saturating_sub(TAIL)..];
            eprintln!("the app's log ends with:\n{}", end.join("\n"));
            if !leaks.is_empty() {
                eprintln!("secrets in the log: {leaks}");
            }
        } else {
            assert!(leaks.is_empty(), "secrets in the log: {leaks}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
