//! A real proxy in front of a gateway, with TLS and without.

use crate::processes::{Process, Program};
use crate::wait::until_listening;

/// A running nginx or Caddy. It calls the gateway by another name than the
/// client did, and passes on what it was called in `X-Forwarded-` headers.
#[derive(Debug)]
pub struct Proxy {
    process: Process,
    plain: String,
    tls: String,
}

impl Proxy {
    /// Starts it, and waits until it listens on both ports.
    pub(crate) async fn start(program: Program, plain: String, tls: String) -> Self {
        let process = Process::start(program);
        until_listening(&process, &[&plain, &tls]).await;
        Self {
            process,
            plain,
            tls,
        }
    }

    /// `127.0.0.1:port` without TLS.
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// `127.0.0.1:port` with TLS.
    #[must_use]
    pub fn tls(&self) -> &str {
        &self.tls
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}
