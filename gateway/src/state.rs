//! The state that all handlers share. It does not depend on the handlers.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use refity_config::{CollectRules, Origins, SpoolSettings, TrustedProxies};
use refity_node::Node;
use refity_node::supervise;
use refity_storage::Storage;
use tokio::sync::{Mutex, watch};

use crate::access::{Access, PasswordError, Secrets};
use crate::audit::AuditBuffer;
use crate::cold::ColdPulls;
use crate::job_events::JobEvents;
use crate::limit::Limit;
use crate::readiness::ReadinessProbe;
use crate::sync_waits::SyncWaits;
use crate::ui::Ui;
use crate::usage::Usage;

/// The gateway's components. Cheap to clone, since each layer of the router
/// clones them for each request.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Parts>);

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The gateway's components.
pub(crate) struct Parts {
    /// The database, the spool, and this process's name.
    pub(crate) node: Node,
    /// The storage of the registry's tree: a trait object, so that tests can
    /// replace it.
    pub(crate) storage: Arc<dyn Storage>,
    /// Authentication.
    pub(crate) access: Arc<Access>,
    /// The running fetches of blobs from SFTP.
    pub(crate) cold_pulls: Arc<ColdPulls>,
    /// The permits for bodies that are being written.
    pub(crate) uploads: Arc<Limit>,
    /// Whether pushes are accepted.
    pub(crate) readiness: ReadinessProbe,
    /// The buffer of the audit log.
    pub(crate) audit: Arc<AuditBuffer>,
    /// Job events, for all event streams.
    pub(crate) job_events: Arc<JobEvents>,
    /// The requests that wait until their content is stored on SFTP.
    pub(crate) sync_waits: Arc<SyncWaits>,
    /// Locked during an on-demand check of the storage: only one check runs at
    /// a time.
    pub(crate) storage_check: Arc<Mutex<()>>,
    /// The usage of the Storage Box, if configured.
    pub(crate) usage: Option<Arc<Usage>>,
    /// The web interface.
    pub(crate) ui: Ui,
    /// True when the process is shutting down, for responses without an end.
    pub(crate) shutdown: watch::Receiver<bool>,
    /// The settings, which do not change while the process is running.
    pub(crate) settings: Settings,
}

/// The settings, which do not change while the process is running.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The limits of the spool's disk space.
    pub(crate) spool: SpoolSettings,
    /// `SFTP_SYNC_UPLOAD`: how long a request waits until its bytes are stored
    /// on SFTP; `None` if it does not wait.
    pub(crate) sync: Option<Duration>,
    /// The rules for garbage collection.
    pub(crate) collection: CollectRules,
    /// `PUBLIC_URL`: the address of this registry for clients; `None` to use
    /// the address of each request.
    pub(crate) public_url: Option<String>,
    /// `CORS_ORIGINS`: other origins whose pages may use the API.
    pub(crate) cors_origins: Origins,
    /// The proxies that are trusted to report the client's address.
    pub(crate) proxies: TrustedProxies,
    /// How long a client may send nothing while its request body is read.
    pub(crate) body_timeout: Duration,
}

/// The inputs for the state.
pub(crate) struct Inputs {
    /// The supervisor of background tasks.
    pub(crate) parts: supervise::Parts,
    /// The database, the spool, and this process's name.
    pub(crate) node: Node,
    /// The storage of the registry's tree.
    pub(crate) storage: Arc<dyn Storage>,
    /// The key that signs the tokens of sessions.
    pub(crate) session_key: Vec<u8>,
    /// The generator of access tokens.
    pub(crate) secrets: Secrets,
    /// How long a registry token is valid.
    pub(crate) token_lifetime: Duration,
    /// The limit for bodies that are being written.
    pub(crate) uploads: Arc<Limit>,
    /// The usage of the Storage Box, if configured.
    pub(crate) usage: Option<Arc<Usage>>,
    /// The web interface.
    pub(crate) ui: Ui,
    /// True when the process is shutting down.
    pub(crate) shutdown: watch::Receiver<bool>,
    /// The settings, which do not change while the process is running.
    pub(crate) settings: Settings,
}

impl AppState {
    /// Creates the state of a gateway with these inputs.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn new(inputs: Inputs) -> Result<Self, PasswordError> {
        let (store, spool) = (&inputs.node.store, &inputs.node.spool);
        let audit = AuditBuffer::start(store.clone(), &inputs.parts);
        let access = Access::new(
            store.clone(),
            Arc::clone(&audit),
            &inputs.session_key,
            inputs.secrets,
            inputs.token_lifetime,
        )?;
        let spool_settings = inputs.settings.spool.clone();
        let parts = Parts {
            readiness: ReadinessProbe::new(store.clone(), spool.clone(), spool_settings),
            job_events: JobEvents::new(store.clone(), inputs.parts.clone()),
            sync_waits: SyncWaits::new(store.clone(), inputs.parts),
            audit,
            access: Arc::new(access),
            storage_check: Arc::default(),
            cold_pulls: ColdPulls::new(
                store.clone(),
                spool.clone(),
                Arc::clone(&inputs.storage),
                inputs.settings.spool.clone(),
            ),
            uploads: inputs.uploads,
            usage: inputs.usage,
            ui: inputs.ui,
            shutdown: inputs.shutdown,
            storage: inputs.storage,
            node: inputs.node,
            settings: inputs.settings,
        };
        Ok(Self(Arc::new(parts)))
    }
}

#[cfg(test)]
impl AppState {
    /// Creates a gateway's state in this folder, without a storage.
    pub(crate) async fn for_test(data_dir: &std::path::Path) -> Self {
        let storage = refity_storage::FolderStorage::new(&data_dir.join("no-storage"));
        let node = Node::open(data_dir, "gateway").await.unwrap();
        let inputs = Inputs {
            parts: supervise::Parts::unsupervised(node.store.clock().clone()),
            node,
            storage: Arc::new(storage),
            session_key: b"a key of thirty-two bytes or more".to_vec(),
            secrets: Secrets::new(b"another".to_vec()),
            token_lifetime: Duration::from_secs(300),
            uploads: Limit::new(4, 4),
            usage: None,
            ui: Ui::built_in(),
            shutdown: watch::channel(false).1,
            settings: Settings {
                spool: SpoolSettings {
                    data_dir: data_dir.to_owned(),
                    cache_max_bytes: 0,
                    spool_min_free: 0,
                },
                sync: None,
                collection: CollectRules::default(),
                public_url: None,
                cors_origins: Origins::default(),
                proxies: TrustedProxies::default(),
                body_timeout: Duration::from_secs(120),
            },
        };
        Self::new(inputs).unwrap()
    }

    /// Returns the settings, to be changed before the state is shared.
    pub(crate) fn settings_mut(&mut self) -> &mut Settings {
        &mut Arc::get_mut(&mut self.0).unwrap().settings
    }
}
