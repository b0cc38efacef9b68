//! buildah: all of it is what it shares with podman.

use std::sync::Arc;

use super::networks::Network;
use super::storage::Storage;
use super::table::{Cell, Client, Operation};

const NAME: &str = "buildah";

pub(super) struct Buildah(pub(super) Storage);

impl Buildah {
    pub(super) async fn start(network: Arc<Network>) -> Self {
        Self(Storage::start(network, NAME, &[]).await)
    }
}

impl Client for Buildah {
    fn name(&self) -> String {
        format!("{NAME} {}", self.0.version)
    }

    async fn perform(&self, operation: Operation) -> Cell {
        self.0.perform(operation).await
    }
}
