//! Listening, synchronous pushes and logging.

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
    /// Log at this level: error, warn, info, debug or trace, or directives such as
    /// info,refity_gateway=debug
    #[arg(long, env, default_value = "info")]
    pub log_level: LogLevel,
    /// Write log lines to standard error in this format
    #[arg(long, env, value_enum, ignore_case = true, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Synchronous pushes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Synchronous pushes")]
pub struct SyncArgs {
    /// Answer a push only once SFTP has it: true, 1, yes, or false, 0, no
    #[arg(
        long, env, action = ArgAction::Set, value_parser = values::boolean,
        num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true"
    )]
    pub sftp_sync_upload: bool,
    /// Answer such a push with 503 after waiting this long; the transfer continues: 90s,
    /// 15m, 2h
    #[arg(long, env, value_parser = values::duration, default_value = "15m")]
    pub sftp_sync_timeout: Duration,
}

/// Where the gateway listens.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listening")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct HttpArgs {
    /// Serve the registry on this TCP port
    #[arg(long, env, value_parser = values::port, default_value = "5000")]
    pub port: u16,
    /// Listen on a second TCP port, for the web interface; both ports serve the same; 0 =
    /// off
    #[arg(long, env, value_parser = values::port_or_off, default_value = "8080")]
    pub web_port: u16,
    /// Listen on this IPv4 or IPv6 address; :: is both
    #[arg(long, env, value_parser = address, default_value = "0.0.0.0")]
    pub listen_address: IpAddr,
    /// Trust the X-Forwarded-For, -Proto and -Host or Forwarded headers of these
    /// proxies: IP addresses and networks, comma-separated, such as
    /// 127.0.0.1,10.0.0.0/8 [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub trusted_proxies: TrustedProxies,
    /// Use this public URL in token requests and copied commands, such as
    /// https://registry.example.org [default: the host that the client requested]
    #[arg(long, env, value_parser = public_url)]
    pub public_url: Option<String>,
    /// Let pages of these origins use the API with a Bearer token, never with cookies:
    /// exact, comma-separated, such as https://tools.example.org [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub cors_origins: Origins,
    /// Issue tokens with this lifetime to docker, podman and other clients, which renew
    /// them automatically: 60s to 1h
    #[arg(long, env, value_parser = token_lifetime, default_value = "5m")]
    pub token_lifetime: Duration,
}

/// The minimum in Distribution's "Token Authentication Specification".
const TOKEN_LIFETIME_MIN: Duration = Duration::from_secs(60);

const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(60 * 60);

fn token_lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = values::duration(text)?;
    if (TOKEN_LIFETIME_MIN..=TOKEN_LIFETIME_MAX).contains(&lifetime) {
        Ok(lifetime)
    } else {
        Err("use a duration from 60s to 1h".to_owned())
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
            "use a scheme, a host and an optional port without a path, such as https://registry.example.org"
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
        "use an IP address without a port, such as 0.0.0.0, 127.0.0.1, :: or ::1".to_owned()
    })
}

/// [`HttpArgs`], validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Address of the registry.
    pub registry: SocketAddr,
    /// Address of the web interface, or `None` if it is off.
    pub web: Option<SocketAddr>,
    /// Proxies that are trusted for the client address.
    pub proxies: TrustedProxies,
    /// Public URL of the registry: scheme and host, without a trailing slash.
    pub public_url: Option<String>,
    /// Origins whose pages may use the API.
    pub cors_origins: Origins,
    /// Lifetime of registry tokens.
    pub token_lifetime: Duration,
}

impl HttpArgs {
    /// Validates the settings and combines address and ports.
    ///
    /// # Errors
    /// If both ports are the same.
    pub fn settings(&self) -> Result<HttpSettings, Problems> {
        let mut problems = Problems::default();
        if self.port == self.web_port {
            problems.add(format!(
                "PORT and WEB_PORT are both {}: choose another WEB_PORT, or set it to 0 (both \
                 ports serve the same)",
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
