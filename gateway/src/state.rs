//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use refity_config::{CollectRules, Origins, SpoolSettings, TrustedProxies};
use refity_node::Node;
use refity_storage::Storage;
use tokio::sync::watch;

use crate::access::Access;
use crate::api::health::Probe;
use crate::api::sftp::Checking;
use crate::limit::Limit;
use crate::live::Live;
use crate::recorder::Recorder;
use crate::registry::{ColdPulls, SyncWaits};
use crate::usage::Usage;
use crate::web::Ui;

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

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

/// What the gateway consists of.
pub(crate) struct Parts {
    /// Database, spool, this process's name.
    pub(crate) node: Node,
    /// Where the registry's tree is kept: a trait object, so that tests can put
    /// another in its place.
    pub(crate) storage: Arc<dyn Storage>,
    /// Who is who.
    pub(crate) access: Arc<Access>,
    /// The fetches from SFTP that clients read right now.
    pub(crate) cold_pulls: Arc<ColdPulls>,
    /// The bodies that are written right now.
    pub(crate) uploads: Arc<Limit>,
    /// What was last found when somebody asked whether pushes are taken.
    pub(crate) probe: Arc<Probe>,
    /// What is written into the audit log soon.
    pub(crate) recorder: Arc<Recorder>,
    /// What goes on, for all who watch.
    pub(crate) live: Arc<Live>,
    /// The requests that wait until SFTP holds what they pushed.
    pub(crate) sync_waits: Arc<SyncWaits>,
    /// The check of SFTP that somebody asked for.
    pub(crate) checking: Checking,
    /// The Storage Box's usage, where it is asked for.
    pub(crate) usage: Option<Arc<Usage>>,
    /// The web interface.
    pub(crate) ui: Ui,
    /// True when the process is to end: for answers that have no end.
    pub(crate) ending: watch::Receiver<bool>,
    /// What does not change while the process runs.
    pub(crate) settings: Settings,
}

/// What does not change while the process runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How much of the disk is the spool's.
    pub(crate) spool: SpoolSettings,
    /// `SFTP_SYNC_UPLOAD`: how long a request waits until its bytes are on
    /// SFTP; nothing: it does not wait.
    pub(crate) sync: Option<Duration>,
    /// What is garbage.
    pub(crate) collection: CollectRules,
    /// `PUBLIC_URL`: where clients reach this registry; nothing: as they call
    /// it.
    pub(crate) public_url: Option<String>,
    /// `CORS_ORIGINS`: other origins whose pages may use the API.
    pub(crate) cors_origins: Origins,
    /// Whose word counts for where a request comes from.
    pub(crate) proxies: TrustedProxies,
    /// How long a client that sends a body may send nothing of it.
    pub(crate) body_timeout: Duration,
}

#[cfg(test)]
impl AppState {
    /// A gateway's state in this folder, with a storage that is missing.
    pub(crate) async fn for_test(data_dir: &std::path::Path) -> Self {
        use crate::access::Secrets;
        use refity_node::supervise;
        let storage = refity_storage::FolderStorage::new(&data_dir.join("no-storage"));
        let node = Node::open(data_dir, "gateway").await.unwrap();
        let supervised = supervise::Parts::unsupervised(node.store.clock().clone());
        let parts = Parts {
            recorder: Recorder::start(node.store.clone(), &supervised),
            sync_waits: SyncWaits::new(node.store.clone(), supervised.clone()),
            live: Live::new(node.store.clone(), supervised),
            checking: Checking::default(),
            usage: None,
            ui: Ui::built_in(),
            ending: watch::channel(false).1,
            node,
            storage: Arc::new(storage),
            access: Arc::new(
                Access::new(
                    b"a key of thirty-two bytes or more",
                    Secrets::new(b"another".to_vec()),
                    Duration::from_secs(300),
                )
                .unwrap(),
            ),
            cold_pulls: Arc::default(),
            uploads: Limit::new(4, 4),
            probe: Arc::default(),
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
        parts.into()
    }

    /// Changes what else does not change. Nobody else may have it yet.
    pub(crate) fn settings_mut(&mut self) -> &mut Settings {
        &mut Arc::get_mut(&mut self.0).unwrap().settings
    }
}
