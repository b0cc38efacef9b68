//! buildah: all of it is what it shares with podman.

use std::sync::Arc;

use super::site::Site;
use super::storage::Storage;
use super::table::{Cell, Client, Operation};

const NAME: &str = "buildah";

pub(super) struct Buildah(pub(super) Storage);

impl Buildah {
    pub(super) async fn start(site: Arc<Site>) -> Self {
        Self(Storage::start(site, NAME, &[]).await)
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
