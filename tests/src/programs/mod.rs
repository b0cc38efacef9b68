//! Programs that tests start: our own, servers, engines and a browser.

pub mod browser;
pub mod caddy;
pub mod certificate;
pub mod docker;
pub mod nginx;
pub mod peer;
pub mod processes;
pub mod proftpd;
pub mod proxy;
pub mod sshd;
