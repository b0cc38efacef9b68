//! Opens a session: connects, checks the host key, signs in and starts SFTP.

use std::collections::HashSet;
use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};

use ssh2::{ErrorCode, MethodType};

use super::auth;
use super::config::SftpConfig;
use super::known_hosts::KnownHosts;
use super::session::{Extended, Session, in_millis};
use crate::error::{Reason, StorageError};

/// Seconds without traffic before a keepalive is sent.
const KEEPALIVE_SECONDS: u32 = 30;
/// Maximum bytes read of the server's greeting.
const GREETING_MAX: u64 = 8 * 1024;
const GREETING_LINES: usize = 32;

impl Session {
    /// Connects, checks the host key and signs in. Makes one attempt.
    ///
    /// # Errors
    /// A connection error, or [`StorageError::NeedsPerson`] for the host key or
    /// the account. The message says which step failed.
    pub fn connect(config: &SftpConfig) -> Result<Self, StorageError> {
        let stream = dial(config)?;
        let io_error = |error: io::Error| {
            StorageError::connection(format!("the connection to the storage failed: {error}"))
        };
        stream.set_nodelay(true).map_err(io_error)?;
        let kept = stream.try_clone().map_err(io_error)?;
        let mut raw = ssh2::Session::new().map_err(|error| handshake_error(&error, config))?;
        raw.set_timeout(in_millis(config.timeouts.operation));
        let known = KnownHosts::new(&config.known_hosts, &config.host, config.port);
        raw.method_pref(MethodType::HostKey, &known.algorithms(&raw)?)
            .map_err(|error| handshake_error(&error, config))?;
        raw.set_tcp_stream(stream);
        raw.handshake()
            .map_err(|error| handshake_error(&error, config))?;
        known.verify(&raw)?;
        auth::sign_in(&raw, config)?;
        raw.set_keepalive(true, KEEPALIVE_SECONDS);
        let sftp = raw.sftp().map_err(|error| no_sftp(&error, config))?;
        Ok(Self {
            extended: Extended::Untried,
            sftp: Some(sftp),
            raw: Some(raw),
            stream: Some(kept),
            folders: HashSet::new(),
            fsync_refused: false,
            broken: false,
        })
    }
}

/// Checks whether an SSH server responds, and returns its identification.
/// Blocking.
///
/// # Errors
/// A connection error.
pub(super) fn reach(config: &SftpConfig) -> Result<String, StorageError> {
    let stream = dial(config)?;
    let failed = |error: io::Error| {
        StorageError::connection(format!(
            "the server {} port {} says nothing: {error}",
            config.host, config.port
        ))
    };
    stream
        .set_read_timeout(Some(config.timeouts.connect))
        .map_err(failed)?;
    let mut greeting = String::new();
    // RFC 4253 section 4.2: at most 255 bytes, possibly after other lines.
    let lines = io::BufReader::new(io::Read::take(stream, GREETING_MAX));
    for line in io::BufRead::lines(lines).take(GREETING_LINES) {
        greeting = line.map_err(failed)?;
        if greeting.starts_with("SSH-") {
            let shown: String = greeting.chars().filter(|c| !c.is_control()).collect();
            return Ok(format!("{} port {}: {shown}", config.host, config.port));
        }
    }
    let (host, port) = (&config.host, config.port);
    Err(StorageError::connection(if greeting.is_empty() {
        format!("the server {host} port {port} closes the connection without a word")
    } else {
        format!("what answers on {host} port {port} does not speak SSH: it says {greeting:.60?}")
    }))
}

/// Connects to the host, trying each of its addresses.
fn dial(config: &SftpConfig) -> Result<TcpStream, StorageError> {
    let (host, port) = (config.host.as_str(), config.port);
    if host.contains('\0') {
        return Err(StorageError::connection("the host name is not valid"));
    }
    let addresses = (host, port).to_socket_addrs().map_err(|error| {
        StorageError::connection(format!("the name {host} cannot be resolved: {error}"))
    })?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, config.timeouts.connect) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    let words = match last {
        None => "the name has no address".to_owned(),
        Some(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "the connection is refused".to_owned(),
            io::ErrorKind::TimedOut => format!(
                "no answer within {} seconds",
                config.timeouts.connect.as_secs()
            ),
            _ => error.to_string(),
        },
    };
    Err(StorageError::connection(format!(
        "cannot connect to {host} port {port}: {words}"
    )))
}

fn handshake_error(error: &ssh2::Error, config: &SftpConfig) -> StorageError {
    StorageError::connection(format!(
        "the server {} port {} did not complete the SSH handshake: {}",
        config.host,
        config.port,
        error.message()
    ))
}

/// Converts an error of starting SFTP after a successful sign-in: either the
/// server has no SFTP service, or the connection failed.
fn no_sftp(error: &ssh2::Error, config: &SftpConfig) -> StorageError {
    match error.code() {
        ErrorCode::Session(-22) => StorageError::person(
            Reason::Other,
            format!(
                "the server {} offers {} no SFTP",
                config.host, config.username
            ),
            "Enable SFTP for the account on the server.",
        ),
        _ => handshake_error(error, config),
    }
}
