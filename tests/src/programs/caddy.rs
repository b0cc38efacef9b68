//! A real Caddy in front of a gateway, with TLS and without.

use std::path::Path;

use crate::certificate::Certificate;
use crate::processes::Program;
use crate::proxy::Proxy;
use crate::wait::free_port;

const CADDY: &str = "/usr/bin/caddy";

/// Starts it in front of `backend` (`host:port`) with its files in a
/// folder.
///
/// # Panics
/// When it does not start.
pub async fn start(folder: &Path, certificate: &Certificate, backend: &str) -> Proxy {
    let folder = folder.join("caddy");
    std::fs::create_dir(&folder).expect("a new folder");
    let (plain, tls) = (free_port(), free_port());
    let (file, key) = (certificate.certificate.display(), certificate.key.display());
    let config = format!(
        "{{
    admin off
    auto_https off
}}
(gateway) {{
    bind 127.0.0.1
    reverse_proxy {backend} {{
        header_up Host registry.internal:1234
    }}
}}
http://:{plain} {{
    import gateway
}}
https://:{tls} {{
    tls {file} {key}
    import gateway
}}
"
    );
    let caddyfile = folder.join("Caddyfile");
    std::fs::write(&caddyfile, config).expect("to write a configuration");
    let program = Program::new(CADDY, folder.join("log"))
        .args(["run", "--adapter", "caddyfile", "--config"])
        .args([&caddyfile])
        // Where it keeps its own files.
        .env("HOME", &folder)
        .env("XDG_DATA_HOME", &folder)
        .env("XDG_CONFIG_HOME", &folder);
    let (plain, tls) = (format!("127.0.0.1:{plain}"), format!("127.0.0.1:{tls}"));
    Proxy::start(program, plain, tls).await
}
