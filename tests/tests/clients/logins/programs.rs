//! How each client is told who it is.

use super::super::goods::TAG;
use super::super::shell::text;
use super::super::storage::Storage;
use super::{Buildah, Ctr, DockerClient, Parcel, Podman, SignsIn, Site, Skopeo};

impl SignsIn for DockerClient {
    const NAME: &'static str = "docker";

    fn site(&self) -> &Site {
        &self.site
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn parcel(&self) -> &Parcel {
        &self.goods.schema2
    }

    async fn log_in(&self, name: &str, secret: &str) -> Result<(), String> {
        let address = self.site.address();
        self.docker.login(address, name, secret).await.map(drop)
    }

    async fn log_out(&self) {
        self.run(&["logout", self.site.address()]).await;
    }

    async fn there_and_back(&self, repository: &str) {
        self.schema2(repository).await;
    }

    async fn fetch(&self, repository: &str) -> Result<(), String> {
        let (name, id) = (self.tagged(repository), self.parcel().id());
        self.docker.pull(&name).await?;
        assert_eq!(self.docker.image_id(&name).await.unwrap(), id);
        self.docker.rmi(&id).await.map(drop)
    }
}

impl SignsIn for Skopeo {
    const NAME: &'static str = "skopeo";

    fn site(&self) -> &Site {
        &self.site
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn parcel(&self) -> &Parcel {
        &self.goods.gzip
    }

    async fn log_in(&self, name: &str, secret: &str) -> Result<(), String> {
        self.sign_in(name, secret).await
    }

    async fn log_out(&self) {
        // Where it is not signed in it says so.
        let _ = (self.shell)
            .attempt(&["logout", self.site.address()], "")
            .await;
    }

    async fn there_and_back(&self, repository: &str) {
        Skopeo::there_and_back(self, &self.goods.gzip, repository).await;
    }

    async fn fetch(&self, repository: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let from = format!("{}:{TAG}", self.remote(repository));
        let to = format!("oci:{}:{TAG}", text(folder.path()));
        let copy = ["copy", "--src-tls-verify=false", &from, &to];
        self.shell.attempt(&copy, "").await?;
        self.parcel().assert_in_layout(folder.path());
        Ok(())
    }
}

impl Storage {
    async fn log_out(&self) {
        let _ = (self.shell)
            .attempt(&["logout", self.site.address()], "")
            .await;
    }

    async fn fetch(&self, repository: &str) -> Result<(), String> {
        let (name, parcel) = (self.tagged(repository), &self.goods.gzip);
        self.shell.attempt(&["pull", "--quiet", &name], "").await?;
        let found = self.digest_and_id(&name).await;
        assert_eq!(found, (parcel.digest(), parcel.id()));
        self.remove(&parcel.id()).await;
        Ok(())
    }
}

/// podman and buildah are asked by the same words.
macro_rules! by_storage {
    ($client:ty, $name:literal) => {
        impl SignsIn for $client {
            const NAME: &'static str = $name;

            fn site(&self) -> &Site {
                &self.0.site
            }

            fn version(&self) -> &str {
                &self.0.version
            }

            fn parcel(&self) -> &Parcel {
                &self.0.goods.gzip
            }

            async fn log_in(&self, name: &str, secret: &str) -> Result<(), String> {
                self.0.sign_in(name, secret).await
            }

            async fn log_out(&self) {
                self.0.log_out().await;
            }

            async fn there_and_back(&self, repository: &str) {
                let image = &self.0.goods.gzip;
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

    fn site(&self) -> &Site {
        &self.site
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn parcel(&self) -> &Parcel {
        &self.goods.gzip
    }

    /// It says who it is with each command: this is its first.
    async fn log_in(&self, name: &str, secret: &str) -> Result<(), String> {
        let repository = format!("{}/ctr/first", super::GROUP);
        self.site.put(self.parcel(), &repository).await;
        self.be(Some(format!("{name}:{secret}")));
        self.fetch(&repository).await
    }

    async fn log_out(&self) {
        self.be(None);
    }

    async fn there_and_back(&self, repository: &str) {
        Ctr::there_and_back(self, &self.goods.gzip, repository).await;
    }

    async fn fetch(&self, repository: &str) -> Result<(), String> {
        let name = self.tagged(repository);
        let names = ["--all-platforms", &name];
        self.try_to_ask(["content", "fetch"], &names).await?;
        self.assert_has(self.parcel()).await;
        self.remove(&name).await;
        Ok(())
    }
}
