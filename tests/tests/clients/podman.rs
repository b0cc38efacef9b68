//! podman: the commands that it shares with buildah, and the search.

use std::sync::Arc;

use super::networks::Network;
use super::storage::Storage;
use super::table::{Cell, Client, Operation};

const NAME: &str = "podman";

pub(super) struct Podman(pub(super) Storage);

impl Podman {
    pub(super) async fn start(network: Arc<Network>) -> Self {
        let leading = ["--cgroup-manager", "cgroupfs", "--events-backend", "none"];
        Self(Storage::start(network, NAME, &leading).await)
    }
}

impl Client for Podman {
    fn name(&self) -> String {
        format!("{NAME} {}", self.0.version)
    }

    async fn perform(&self, operation: Operation) -> Cell {
        if operation == Operation::Tags {
            self.0.tags(&operation.repository(NAME)).await;
            return Cell::Works;
        }
        self.0.perform(operation).await
    }
}
