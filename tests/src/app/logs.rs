//! What programs in the test's process log, kept to be searched for secrets.

use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::EnvFilter;

use crate::secrets;

/// Everything of ours; what the test's own client logs is no program's.
const FILTER: &str = "off,refity_gateway=trace,refity_uploader=trace,refity_store=trace,\
                      refity_spool=trace,refity_storage=trace,refity_node=trace,\
                      refity_config=trace";

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn log() -> MutexGuard<'static, Vec<u8>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on what programs in this process log is kept.
pub(super) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_writer(|| Sink)
            .init();
    });
}

/// Searches all that was logged since the last time; that of other tests too,
/// which run at the same time.
///
/// # Panics
/// If there is a secret in it.
pub(super) fn assert_no_secrets() {
    let new = std::mem::take(&mut *log());
    let leaks = secrets::leaks(&String::from_utf8_lossy(&new));
    if leaks.is_empty() {
        return;
    }
    let leaks: String = leaks.iter().map(|leak| format!("\n{leak}")).collect();
    if std::thread::panicking() {
        eprintln!("secrets in the log: {leaks}");
    } else {
        panic!("secrets in the log: {leaks}");
    }
}

struct Sink;

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        log().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
