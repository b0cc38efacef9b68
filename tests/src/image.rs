//! Images of random bytes, made without a network and without docker.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::{Client, Failure, sha256};
use crate::random;

/// Whose media types an image carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The OCI image specification's.
    Oci,
    /// Docker's schema 2.
    Docker,
}

impl Format {
    /// The media type of a manifest.
    #[must_use]
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    /// The media type of an index, or manifest list.
    #[must_use]
    pub fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar",
        }
    }
}

/// An image for one architecture.
#[derive(Clone, Debug)]
pub struct Image {
    /// Whose media types it carries.
    pub format: Format,
    /// `amd64` or another.
    pub architecture: String,
    /// The configuration's bytes; their digest is what docker calls the image's id.
    pub config: Bytes,
    /// The layers' bytes: uncompressed tars.
    pub layers: Vec<Bytes>,
    /// The manifest's bytes.
    pub manifest: Bytes,
}

impl Image {
    /// An image for amd64 with so many layers, each a tar of one random file.
    #[must_use]
    pub fn random(format: Format, layers: usize, layer_bytes: usize) -> Self {
        Self::random_for("amd64", format, layers, layer_bytes)
    }

    /// An image for any architecture.
    #[must_use]
    pub fn random_for(
        architecture: &str,
        format: Format,
        layers: usize,
        layer_bytes: usize,
    ) -> Self {
        let layers: Vec<Bytes> = (0..layers)
            .map(|n| tar(&[(&format!("file-{n}"), &random::bytes(layer_bytes))]))
            .collect();
        Self::of_layers(architecture, format, layers)
    }

    /// An image of these layers, with arbitrary bytes.
    #[must_use]
    pub fn of_layers(architecture: &str, format: Format, layers: Vec<Bytes>) -> Self {
        let config = config(architecture, &layers);
        let manifest = manifest(format, &config, &layers);
        Self {
            format,
            architecture: architecture.to_owned(),
            config,
            layers,
            manifest,
        }
    }

    /// The manifest's digest.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256(&self.manifest)
    }

    /// The id that docker shows after a load or a pull.
    #[must_use]
    pub fn id(&self) -> String {
        sha256(&self.config)
    }

    /// The manifest's media type.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.format.manifest()
    }

    /// All blobs that the manifest names.
    pub fn blobs(&self) -> impl Iterator<Item = &Bytes> {
        self.layers.iter().chain([&self.config])
    }

    /// Pushes blobs and manifest under a tag, or under its own digest.
    ///
    /// # Errors
    /// When any answer is not that of success.
    pub async fn push(
        &self,
        client: &Client,
        repository: &str,
        reference: &str,
    ) -> Result<(), Failure> {
        for blob in self.blobs() {
            client.push_blob(repository, blob.clone()).await?;
        }
        put(
            client,
            repository,
            reference,
            self.media_type(),
            &self.manifest,
        )
        .await
    }

    /// Pulls manifest and blobs, and compares every byte.
    ///
    /// # Panics
    /// When anything is missing or differs.
    pub async fn assert_pullable(&self, client: &Client, repository: &str, reference: &str) {
        let answer = client
            .get_manifest(repository, reference)
            .await
            .expect("an answer");
        let answer = answer.expect_status(200);
        assert_eq!(answer.body, self.manifest, "{repository}:{reference}");
        assert_eq!(answer.header("content-type"), Some(self.media_type()));
        for blob in self.blobs() {
            let answer = client.get_blob(repository, &sha256(blob), None).await;
            let answer = answer.expect("an answer").expect_status(200);
            assert!(answer.body == *blob, "other bytes for {}", sha256(blob));
        }
    }

    /// The image as `docker load` takes it, under this name (`host/name:tag`).
    #[must_use]
    pub fn docker_tarball(&self, name: &str) -> Bytes {
        let layer_names: Vec<String> = (0..self.layers.len())
            .map(|n| format!("{n}/layer.tar"))
            .collect();
        let contents = json!([{
            "Config": "config.json",
            "RepoTags": [name],
            "Layers": layer_names,
        }]);
        let contents = contents.to_string();
        let mut files: Vec<(&str, &[u8])> = vec![
            ("manifest.json", contents.as_bytes()),
            ("config.json", &self.config),
        ];
        for (name, layer) in layer_names.iter().zip(&self.layers) {
            files.push((name, layer));
        }
        tar(&files)
    }

    /// How an index names this image.
    fn descriptor(&self) -> Value {
        let mut descriptor = descriptor(self.media_type(), &self.manifest);
        descriptor["platform"] = json!({ "architecture": self.architecture, "os": "linux" });
        descriptor
    }
}

/// An image for several architectures.
#[derive(Clone, Debug)]
pub struct Index {
    /// Whose media types it carries.
    pub format: Format,
    /// One image for each architecture.
    pub images: Vec<Image>,
    /// The index's bytes.
    pub manifest: Bytes,
}

impl Index {
    /// An index of one random image for each architecture.
    #[must_use]
    pub fn random(
        format: Format,
        architectures: &[&str],
        layers: usize,
        layer_bytes: usize,
    ) -> Self {
        let image =
            |architecture: &&str| Image::random_for(architecture, format, layers, layer_bytes);
        Self::of_images(format, architectures.iter().map(image).collect())
    }

    /// An index of these images.
    #[must_use]
    pub fn of_images(format: Format, images: Vec<Image>) -> Self {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": format.index(),
            "manifests": images.iter().map(Image::descriptor).collect::<Vec<_>>(),
        });
        Self {
            format,
            images,
            manifest: manifest.to_string().into(),
        }
    }

    /// The index's digest.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256(&self.manifest)
    }

    /// The index's media type.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.format.index()
    }

    /// Pushes the images by digest, then the index under a tag.
    ///
    /// # Errors
    /// When any answer is not that of success.
    pub async fn push(&self, client: &Client, repository: &str, tag: &str) -> Result<(), Failure> {
        for image in &self.images {
            image.push(client, repository, &image.digest()).await?;
        }
        put(client, repository, tag, self.media_type(), &self.manifest).await
    }
}

/// A descriptor of these bytes.
#[must_use]
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

async fn put(
    client: &Client,
    repository: &str,
    reference: &str,
    media_type: &str,
    bytes: &Bytes,
) -> Result<(), Failure> {
    let answer = client
        .put_manifest(repository, reference, media_type, bytes.clone())
        .await?;
    if answer.status == 201 {
        Ok(())
    } else {
        Err(answer.into())
    }
}

fn config(architecture: &str, layers: &[Bytes]) -> Bytes {
    let diff_ids: Vec<String> = layers.iter().map(|layer| sha256(layer)).collect();
    let text = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Cmd": ["/file-0"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    text.to_string().into()
}

fn manifest(format: Format, config: &Bytes, layers: &[Bytes]) -> Bytes {
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| descriptor(format.layer(), layer))
        .collect();
    let text = json!({
        "schemaVersion": 2,
        "mediaType": format.manifest(),
        "config": descriptor(format.config(), config),
        "layers": layers,
    });
    text.to_string().into()
}

/// A tar (POSIX ustar) of these files.
#[must_use]
pub fn tar(files: &[(&str, &[u8])]) -> Bytes {
    const BLOCK: usize = 512;
    let mut archive = Vec::new();
    for (name, content) in files {
        archive.extend_from_slice(&tar_header(name, content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    // The end of an archive: two blocks of zeros.
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive.into()
}

fn tar_header(name: &str, size: usize) -> [u8; 512] {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    // The checksum is taken with blanks in its own place.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
