//! What the processes serve and say: ports, synchronous pushes, logs.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::{ArgAction, Args};

use super::{Origins, Problems, TrustedProxies, values};
use crate::telemetry::{LogFormat, LogLevel};

/// Logging.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct LogArgs {
    /// error, warn, info, debug or trace, or directives such as
    /// info,refity_gateway=debug
    #[arg(long, env, default_value = "info")]
    pub log_level: LogLevel,
    /// Form of the log lines on standard error
    #[arg(long, env, value_enum, ignore_case = true, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Synchronous pushes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Synchronous pushes")]
pub struct SyncArgs {
    /// Answer a push only when SFTP holds what was pushed: true, 1, yes, or false, 0,
    /// no
    #[arg(
        long, env, action = ArgAction::Set, value_parser = values::boolean,
        num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true"
    )]
    pub sftp_sync_upload: bool,
    /// How long such a push waits before it is answered with 503 and goes on: 90s, 15m,
    /// 2h
    #[arg(long, env, value_parser = values::duration, default_value = "15m")]
    pub sftp_sync_timeout: Duration,
}

/// Where the gateway listens.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listening")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct HttpArgs {
    /// TCP port of the registry
    #[arg(long, env, value_parser = values::port, default_value = "5000")]
    pub port: u16,
    /// Second TCP port, for the web interface; both serve the same; 0 = off
    #[arg(long, env, value_parser = values::port_or_off, default_value = "8080")]
    pub web_port: u16,
    /// IPv4 or IPv6 address to listen on; :: takes both
    #[arg(long, env, value_parser = address, default_value = "0.0.0.0")]
    pub listen_address: IpAddr,
    /// Proxies in front of the gateway, whose X-Forwarded-For, -Proto and -Host or
    /// Forwarded headers count: IP addresses and networks, comma-separated, such as
    /// 127.0.0.1,10.0.0.0/8 [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub trusted_proxies: TrustedProxies,
    /// Where clients reach this registry, such as https://registry.example.org: tokens
    /// are fetched there, and copied commands name it [default: as clients call it]
    #[arg(long, env, value_parser = public_url)]
    pub public_url: Option<String>,
    /// Other origins whose pages may use the API with a Bearer token, such as
    /// https://tools.example.org: exact, comma-separated; cookies never count there
    /// [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub cors_origins: Origins,
    /// How long a token of docker, podman and other clients is good before they fetch
    /// the next by themselves: 60s to 1h
    #[arg(long, env, value_parser = token_lifetime, default_value = "5m")]
    pub token_lifetime: Duration,
}

/// Clients take no less (Distribution, "Token Authentication Specification").
const TOKEN_LIFETIME_MIN: Duration = Duration::from_secs(60);

const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(60 * 60);

fn token_lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = values::duration(text)?;
    if (TOKEN_LIFETIME_MIN..=TOKEN_LIFETIME_MAX).contains(&lifetime) {
        Ok(lifetime)
    } else {
        Err("a token lives 60s at least and 1h at most".to_owned())
    }
}

fn public_url(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let well_formed = host.is_some_and(|host| {
        let inside = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        !host.is_empty() && host.chars().all(inside)
    });
    if well_formed {
        Ok(text.to_owned())
    } else {
        Err(
            "give a scheme, a host and perhaps a port, and no path: https://registry.example.org"
                .to_owned(),
        )
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse().map_err(|_| {
        "an address is an IP address without a port, such as 0.0.0.0, 127.0.0.1, :: or ::1"
            .to_owned()
    })
}

/// [`HttpArgs`], validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// The registry's address.
    pub registry: SocketAddr,
    /// The web interface's address, unless it is off.
    pub web: Option<SocketAddr>,
    /// Whose word counts for where a request comes from.
    pub proxies: TrustedProxies,
    /// Where clients reach the registry: a scheme and a host, without a slash at the end.
    pub public_url: Option<String>,
    /// Other origins whose pages may use the API.
    pub cors_origins: Origins,
    /// How long a token for the registry is good.
    pub token_lifetime: Duration,
}

impl HttpArgs {
    /// Puts the addresses together.
    ///
    /// # Errors
    /// When both ports are the same.
    pub fn settings(&self) -> Result<HttpSettings, Problems> {
        let mut problems = Problems::default();
        if self.port == self.web_port {
            problems.add(format!(
                "PORT and WEB_PORT are both {}: both ports serve the same, so set WEB_PORT to 0 \
                 for one port only",
                self.port
            ));
        }
        let at = |port| SocketAddr::new(self.listen_address, port);
        problems.into_result(HttpSettings {
            registry: at(self.port),
            web: (self.web_port != 0).then(|| at(self.web_port)),
            proxies: self.trusted_proxies.clone(),
            public_url: self.public_url.clone(),
            cors_origins: self.cors_origins.clone(),
            token_lifetime: self.token_lifetime,
        })
    }
}
