//! How each client is told who it is.

use super::super::fixtures::TAG;
use super::super::shell::text;
use super::super::storage::Storage;
use super::{Artifact, Buildah, Ctr, DockerClient, Network, Podman, SignsIn, Skopeo};

impl SignsIn for DockerClient {
    const NAME: &'static str = "docker";

    fn network(&self) -> &Network {
        &self.network
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn artifact(&self) -> &Artifact {
        &self.fixtures.schema2
    }

    async fn log_in(&self, name: &str, secret: &str) -> Result<(), String> {
        let address = self.network.address();
        self.docker.login(address, name, secret).await.map(drop)
    }

    async fn log_out(&self) {
        self.run(&["logout", self.network.address()]).await;
    }

    async fn there_and_back(&self, repository: &str) {
        self.schema2(repository).await;
    }

    async fn fetch(&self, repository: &str) -> Result<(), String> {
        let (name, id) = (self.tagged(repository), self.artifact().id());
        self.docker.pull(&name).await?;
        assert_eq!(self.docker.image_id(&name).await.unwrap(), id);
        self.docker.rmi(&id).await.map(drop)
    }
}

impl SignsIn for Skopeo {
    const NAME: &'static str = "skopeo";

    fn network(&self) -> &Network {
        &self.network
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn artifact(&self) -> &Artifact {
        &self.fixtures.gzip
    }

    async fn log_in(&self, name: &str, secret: &str) -> Result<(), String> {
        self.sign_in(name, secret).await
    }

    async fn log_out(&self) {
        // Where it is not signed in it says so.
        let _ = (self.shell)
            .attempt(&["logout", self.network.address()], "")
            .await;
    }

    async fn there_and_back(&self, repository: &str) {
        Skopeo::there_and_back(self, &self.fixtures.gzip, repository).await;
    }

    async fn fetch(&self, repository: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let from = format!("{}:{TAG}", self.remote(repository));
        let to = format!("oci:{}:{TAG}", text(folder.path()));
        let copy = ["copy", "--src-tls-verify=false", &from, &to];
        self.shell.attempt(&copy, "").await?;
        self.artifact().assert_in_layout(folder.path());
        Ok(())
    }
}

impl Storage {
    async fn log_out(&self) {
        let _ = (self.shell)
            .attempt(&["logout", self.network.address()], "")
            .await;
    }

    async fn fetch(&self, repository: &str) -> Result<(), String> {
        let (name, artifact) = (self.tagged(repository), &self.fixtures.gzip);
        self.shell.attempt(&["pull", "--quiet", &name], "").await?;
        let found = self.digest_and_id(&name).await;
        assert_eq!(found, (artifact.digest(), artifact.id()));
        self.remove(&artifact.id()).await;
        Ok(())
    }
}

/// podman and buildah are asked by the same words.
macro_rules! by_storage {
    ($client:ty, $name:literal) => {
        impl SignsIn for $client {
            const NAME: &'static str = $name;

            fn network(&self) -> &Network {
                &self.0.network
            }

            fn version(&self) -> &str {
                &self.0.version
            }

            fn artifact(&self) -> &Artifact {
                &self.0.fixtures.gzip
            }

            async fn log_in(&self, name: &str, secret: &str) -> Result<(), String> {
                self.0.sign_in(name, secret).await
            }

            async fn log_out(&self) {
                self.0.log_out().await;
            }

            async fn there_and_back(&self, repository: &str) {
                let image = &self.0.fixtures.gzip;
                self.0.there_and_back(image, &[], repository).await;
            }

            async fn fetch(&self, repository: &str) -> Result<(), String> {
                self.0.fetch(repository).await
            }
        }
    };
}
by_storage!(Podman, "podman");
by_storage!(Buildah, "buildah");

impl SignsIn for Ctr {
    const NAME: &'static str = "ctr";

    fn network(&self) -> &Network {
        &self.network
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn artifact(&self) -> &Artifact {
        &self.fixtures.gzip
    }

    /// It says who it is with each command: this is its first.
    async fn log_in(&self, name: &str, secret: &str) -> Result<(), String> {
        let repository = format!("{}/ctr/first", super::GROUP);
        self.network.put(self.artifact(), &repository).await;
        self.be(Some(format!("{name}:{secret}")));
        self.fetch(&repository).await
    }

    async fn log_out(&self) {
        self.be(None);
    }

    async fn there_and_back(&self, repository: &str) {
        Ctr::there_and_back(self, &self.fixtures.gzip, repository).await;
    }

    async fn fetch(&self, repository: &str) -> Result<(), String> {
        let name = self.tagged(repository);
        let names = ["--all-platforms", &name];
        self.try_to_ask(["content", "fetch"], &names).await?;
        self.assert_has(self.artifact()).await;
        self.remove(&name).await;
        Ok(())
    }
}
