//! Who is measured: ours, Debian's registry, and the one that
//! `PEER_REGISTRY` names.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use refity_tests::client::Client;
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use refity_tests::peer::{self, Peer};
use tempfile::TempDir;

/// How our own are called in the table.
pub(crate) const OURS: &str = "refity";

/// A registry that takes part.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    registry: Registry,
}

enum Registry {
    Ours(Lab),
    Peer { _peer: Peer, _root: TempDir },
}

impl Contestant {
    /// All that can take part: ours first, unless only peers are wanted.
    pub(crate) async fn all(ours: bool) -> Vec<Self> {
        let mut all = Vec::new();
        if ours {
            let lab = Lab::start().await;
            let (client, registry) = (lab.client(), Registry::Ours(lab));
            all.push(Self {
                name: OURS,
                client,
                registry,
            });
        }
        all.push(Self::peer("docker-registry", Path::new(peer::DEBIAN)).await);
        if let Some(program) = peer::from_environment() {
            all.push(Self::peer("PEER_REGISTRY", &program).await);
        }
        all
    }

    async fn peer(name: &'static str, program: &Path) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let peer = Peer::run(program, root.path(), false).await;
        let client = peer.client();
        let registry = Registry::Peer {
            _peer: peer,
            _root: root,
        };
        Self {
            name,
            client,
            registry,
        }
    }

    /// `user:password` for curl, where it needs one.
    pub(crate) fn credentials(&self) -> Option<String> {
        matches!(self.registry, Registry::Ours(_)).then(our_credentials)
    }

    /// The header with its credentials, where it needs any.
    pub(crate) fn authorization(&self) -> Option<String> {
        self.credentials().as_deref().map(basic)
    }

    /// Waits until nothing goes on in the background that would disturb the next.
    pub(crate) async fn wait_until_idle(&self) {
        if let Registry::Ours(lab) = &self.registry {
            lab.wait_until_stored_within(Duration::from_secs(1800))
                .await;
        }
    }
}

/// `user:password` of a lab's admin.
pub(crate) fn our_credentials() -> String {
    format!("{ADMIN}:{PASSWORD}")
}

/// The header that carries `user:password`.
pub(crate) fn basic(credentials: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(credentials))
}
