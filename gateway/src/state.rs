//! The state that every handler can reach. It knows nothing of the handlers.

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

/// The gateway's parts. Cheap to clone, which each layer of the router does
/// with each request.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Parts>);

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What the gateway consists of.
pub(crate) struct Parts {
    /// Database, spool, this process's name.
    pub(crate) node: Node,
    /// Where the registry's tree is kept: a trait object, so that tests can put
    /// another in its place.
    pub(crate) storage: Arc<dyn Storage>,
    /// Authentication.
    pub(crate) access: Arc<Access>,
    /// The fetches from SFTP that clients read right now.
    pub(crate) cold_pulls: Arc<ColdPulls>,
    /// The bodies that are written right now.
    pub(crate) uploads: Arc<Limit>,
    /// Whether pushes are taken.
    pub(crate) readiness: ReadinessProbe,
    /// The buffer of the audit log.
    pub(crate) audit: Arc<AuditBuffer>,
    /// Job events, for all event streams.
    pub(crate) job_events: Arc<JobEvents>,
    /// The requests that wait until SFTP holds what they pushed.
    pub(crate) sync_waits: Arc<SyncWaits>,
    /// Held while the storage is checked on demand: one check at a time.
    pub(crate) storage_check: Arc<Mutex<()>>,
    /// The Storage Box's usage, where it is asked for.
    pub(crate) usage: Option<Arc<Usage>>,
    /// The web interface.
    pub(crate) ui: Ui,
    /// True when the process shuts down: for answers without end.
    pub(crate) shutdown: watch::Receiver<bool>,
    /// What does not change while the process runs.
    pub(crate) settings: Settings,
}

/// What does not change while the process runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How much of the disk is the spool's.
    pub(crate) spool: SpoolSettings,
    /// `SFTP_SYNC_UPLOAD`: how long a request waits until its bytes are on
    /// SFTP; `None` if it does not wait.
    pub(crate) sync: Option<Duration>,
    /// What is garbage.
    pub(crate) collection: CollectRules,
    /// `PUBLIC_URL`: where clients reach this registry; `None` if it is the
    /// address that they used.
    pub(crate) public_url: Option<String>,
    /// `CORS_ORIGINS`: other origins whose pages may use the API.
    pub(crate) cors_origins: Origins,
    /// Which proxies are trusted for the client's address.
    pub(crate) proxies: TrustedProxies,
    /// How long a client that sends a body may send nothing of it.
    pub(crate) body_timeout: Duration,
}

/// What a start gathers for the state.
pub(crate) struct Inputs {
    /// What supervises background parts.
    pub(crate) parts: supervise::Parts,
    /// Database, spool, this process's name.
    pub(crate) node: Node,
    /// Where the registry's tree is kept.
    pub(crate) storage: Arc<dyn Storage>,
    /// The key that signs the tokens of sessions.
    pub(crate) session_key: Vec<u8>,
    /// Makes the secrets of access tokens.
    pub(crate) secrets: Secrets,
    /// How long a registry token is valid.
    pub(crate) token_lifetime: Duration,
    /// How many bodies may be written at once.
    pub(crate) uploads: Arc<Limit>,
    /// The Storage Box's usage, if it is configured.
    pub(crate) usage: Option<Arc<Usage>>,
    /// The web interface.
    pub(crate) ui: Ui,
    /// True when the process shuts down.
    pub(crate) shutdown: watch::Receiver<bool>,
    /// What does not change while the process runs.
    pub(crate) settings: Settings,
}

impl AppState {
    /// The state of a gateway with these inputs.
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
    /// A gateway's state in this folder, with a storage that is missing.
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

    /// The settings, to be changed before anybody else has the state.
    pub(crate) fn settings_mut(&mut self) -> &mut Settings {
        &mut Arc::get_mut(&mut self.0).unwrap().settings
    }
}
