//! A real nginx in front of a gateway, with TLS and without.

use std::path::Path;

use crate::certificate::Certificate;
use crate::processes::Program;
use crate::proxy::Proxy;
use crate::wait::free_port;

const NGINX: &str = "/usr/sbin/nginx";

/// Starts it in front of `backend` (`host:port`) with its files in a
/// folder. With `buffering` it takes whole bodies before it passes them
/// on, as it does by default.
///
/// # Panics
/// When it does not start.
pub async fn start(
    folder: &Path,
    certificate: &Certificate,
    backend: &str,
    buffering: bool,
) -> Proxy {
    let folder = folder.join("nginx");
    std::fs::create_dir(&folder).expect("a new folder");
    let plain = format!("127.0.0.1:{}", free_port());
    let tls = format!("127.0.0.1:{}", free_port());
    let config = config(&folder, certificate, backend, buffering, &plain, &tls);
    let file = folder.join("nginx.conf");
    std::fs::write(&file, config).expect("to write a configuration");
    let program = Program::new(NGINX, folder.join("log"))
        .args([Path::new("-c"), &file])
        .args([Path::new("-p"), &folder]);
    Proxy::start(program, plain, tls).await
}

fn config(
    folder: &Path,
    certificate: &Certificate,
    backend: &str,
    buffering: bool,
    plain: &str,
    tls: &str,
) -> String {
    let dir = folder.display();
    let (certificate, key) = (certificate.certificate.display(), certificate.key.display());
    let buffering = if buffering { "on" } else { "off" };
    format!(
        "daemon off;
master_process off;
pid {dir}/pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    upstream gateway {{
        server {backend};
        keepalive 8;
    }}
    server {{
        listen {plain};
        listen {tls} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        client_max_body_size 0;
        location / {{
            proxy_pass http://gateway;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host registry.internal:1234;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_request_buffering {buffering};
            proxy_buffering {buffering};
            proxy_read_timeout 900s;
            proxy_send_timeout 900s;
        }}
    }}
}}
"
    )
}
