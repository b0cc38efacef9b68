//! Starts a gateway from its configuration, or explains why it cannot start.

use std::io;
use std::net::SocketAddr;

use refity_config::clock::Clock;
use refity_config::installation::{InstallationError, secret_file};
use refity_config::telemetry::TelemetryError;
use refity_node::supervise::{PartEnded, Supervisor};
use refity_node::{Node, NodeError};
use refity_storage::{Role, StorageError};
use refity_store::StoreError;
use tokio::sync::watch;

use crate::access::first_admin::{self, FirstAdminError};
use crate::access::{self, PasswordError, Secrets};
use crate::config::Config;
use crate::limit::Limit;
use crate::state::{AppState, Inputs, Settings};
use crate::ui::{Ui, UiError};
use crate::usage::Usage;

/// The name of the key file for session tokens below `DATA_DIR`.
const TOKEN_KEY: &str = "jwt.secret";

/// The name in the database of the key for the hashes of secrets.
const SECRETS_KEY: &str = "secrets";

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// Logging could not start.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The system does not provide threads or signals.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    /// The data folder or its contents cannot be used.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The size of the data folder's disk is unknown.
    #[error("DATA_DIR: cannot ask for the size of its disk: {0}")]
    Disk(io::Error),
    /// The key that signs tokens cannot be used.
    #[error("JWT_SECRET is not set, and its file cannot be used: {0}")]
    TokenKey(InstallationError),
    /// The connections to the storage cannot be set up.
    #[error("cannot prepare the sessions to the storage: {0}")]
    Storage(#[from] StorageError),
    /// The client for Hetzner's API cannot be set up.
    #[error("FTP_USAGE_ENABLED: Hetzner's API cannot be asked: {0}")]
    Usage(reqwest::Error),
    /// The folder of the web interface cannot be used.
    #[error(transparent)]
    Ui(#[from] UiError),
    /// The first user cannot be created.
    #[error(transparent)]
    FirstAdmin(#[from] FirstAdminError),
    /// The system has no randomness for keys.
    #[error("cannot make the keys: {0}")]
    Keys(#[from] PasswordError),
    /// The database failed after it was opened.
    #[error("the database does not work: {0}")]
    Store(#[from] StoreError),
    /// Another process listens on the address.
    #[error("cannot listen on {0}: the port is in use by another program; set {1} to another")]
    PortInUse(SocketAddr, &'static str),
    /// The system does not allow listening on the address.
    #[error("cannot listen on {address}: {source}; set LISTEN_ADDRESS or {variable} to another")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The port's variable.
        variable: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A part of the program ended unexpectedly.
    #[error(transparent)]
    PartEnded(#[from] PartEnded),
}

impl StartError {
    /// Whether an operator must act before another start can succeed.
    pub(crate) fn needs_person(&self) -> bool {
        match self {
            Self::Telemetry(_) | Self::Listen { .. } | Self::Usage(_) | Self::Ui(_) => true,
            Self::Node(error) => error.needs_person(),
            Self::TokenKey(error) => error.needs_person(),
            Self::Store(error) | Self::FirstAdmin(FirstAdminError::Store(error)) => {
                error.needs_person()
            }
            Self::Runtime(_)
            | Self::Disk(_)
            | Self::Storage(_)
            | Self::FirstAdmin(FirstAdminError::Password(_))
            | Self::Keys(_)
            | Self::PortInUse(..)
            | Self::PartEnded(_) => false,
        }
    }
}

/// Opens the data folder, and creates what the first start needs. The gateway's
/// parts are supervised from then on.
///
/// # Errors
/// See [`StartError`].
pub(crate) async fn open(
    config: &Config,
    clock: Clock,
    shutdown: watch::Receiver<bool>,
) -> Result<(AppState, Supervisor), StartError> {
    let node = Node::open_at(&config.data.data_dir, "gateway", clock).await?;
    let spool = config.data.spool_settings().map_err(StartError::Disk)?;
    let secrets = node.store.server_key(SECRETS_KEY, access::random_key()?);
    let secrets = Secrets::new(secrets.await?);
    let clock = node.store.clock();
    let supervisor = Supervisor::new(&node.store);
    let usage = config.usage.clone();
    let usage = usage.map(|settings| Usage::new(settings, clock.clone()));
    let inputs = Inputs {
        parts: supervisor.parts().clone(),
        session_key: token_key(config).await?,
        secrets,
        token_lifetime: config.http.token_lifetime,
        uploads: Limit::new(config.limits.uploads, config.limits.uploads_each),
        usage: usage.transpose().map_err(StartError::Usage)?,
        ui: ui(config).await?,
        shutdown,
        node,
        storage: refity_storage::open(
            config.storage.clone(),
            &config.data.data_dir,
            Role::Gateway,
        )?,
        settings: Settings {
            spool,
            sync: config.sync,
            collection: config.collection,
            public_url: config.http.public_url.clone(),
            cors_origins: config.http.cors_origins.clone(),
            proxies: config.http.proxies.clone(),
            body_timeout: config.limits.body_timeout,
        },
    };
    let state = AppState::new(inputs)?;
    let password = config.secrets.admin_password.as_ref();
    first_admin::create(&state.node.store, &state.access, password).await?;
    Ok((state, supervisor))
}

/// Returns the web interface: that of `UI_DIR`, or the built-in one.
async fn ui(config: &Config) -> Result<Ui, StartError> {
    let folder = config.ui_dir.clone();
    let ui = tokio::task::spawn_blocking(move || match folder {
        Some(folder) => Ui::in_folder(&folder),
        None => Ok(Ui::built_in()),
    });
    let ui = ui
        .await
        .map_err(|error| StartError::Runtime(io::Error::other(error)))?;
    Ok(ui?)
}

async fn token_key(config: &Config) -> Result<Vec<u8>, StartError> {
    if let Some(secret) = &config.secrets.jwt_secret {
        return Ok(secret.expose().as_bytes().to_owned());
    }
    let path = config.data.data_dir.join(TOKEN_KEY);
    tokio::task::spawn_blocking(move || secret_file(&path))
        .await
        .map_err(|error| StartError::Runtime(io::Error::other(error)))?
        .map_err(StartError::TokenKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_need_an_operator_are_not_retried() {
        assert!(StartError::Node(NodeError::DatabaseLost).needs_person());
        let address = ([127, 0, 0, 1], 5000).into();
        assert!(!StartError::PortInUse(address, "PORT").needs_person());
    }
}
