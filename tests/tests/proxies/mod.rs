//! Behind nginx and Caddy, with TLS in front: everything that works without
//! works through them, and clients are told apart only by what proxies of
//! ours say of them.

mod expect;
mod http2;
mod push_pull;
mod trusted_proxies;

use refity_tests::certificate::Certificate;
use refity_tests::lab::{Builder, GROUP, Lab};
use refity_tests::proxy::Proxy;
use refity_tests::{caddy, nginx};
use tempfile::TempDir;

/// The proxies of a lab, all in front of its gateway.
struct Proxies {
    lab: Lab,
    certificate: Certificate,
    /// Passes bodies on while they come.
    nginx: Proxy,
    /// Takes whole bodies first, as nginx does by default.
    buffering: Proxy,
    caddy: Proxy,
    _folder: TempDir,
}

impl Proxies {
    async fn start() -> Self {
        Self::of(Lab::builder().env("TRUSTED_PROXIES", "127.0.0.1")).await
    }

    async fn of(lab: Builder) -> Self {
        let lab = lab.env("LOG_FORMAT", "json").start().await;
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::make(folder.path());
        let second = folder.path().join("buffering");
        std::fs::create_dir(&second).unwrap();
        let gateway = lab.address(0);
        Self {
            nginx: nginx::start(folder.path(), &certificate, gateway, false).await,
            buffering: nginx::start(&second, &certificate, gateway, true).await,
            caddy: caddy::start(folder.path(), &certificate, gateway).await,
            certificate,
            lab,
            _folder: folder,
        }
    }

    /// `host:port` of each with TLS.
    fn tls(&self) -> [&str; 3] {
        [self.nginx.tls(), self.buffering.tls(), self.caddy.tls()]
    }

    /// `host:port` of each without TLS.
    fn plain(&self) -> [&str; 3] {
        [
            self.nginx.plain(),
            self.buffering.plain(),
            self.caddy.plain(),
        ]
    }
}

/// A repository of the lab's group.
fn repository(name: &str) -> String {
    format!("{GROUP}/{name}")
}
