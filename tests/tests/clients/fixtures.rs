//! Test images and artifacts of random bytes, in memory and as an OCI image
//! layout on disk.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use refity_tests::client::sha256;
use refity_tests::image::{Format, descriptor, tar};
use refity_tests::random;
use serde_json::{Value, json};

use super::compress::{gzip, zstd};

/// The tag that each layout carries.
pub(super) const TAG: &str = "v1";

/// The artifact type of the signatures.
pub(super) const SIGNATURE: &str = "application/vnd.example.signature";

/// More than one block of gzip and of zstd.
const LAYER_BYTES: usize = 150_000;

/// A manifest with everything that it references.
#[derive(Clone)]
pub(super) struct Artifact {
    pub(super) media_type: &'static str,
    pub(super) manifest: Bytes,
    /// The config first, unless this is an index.
    pub(super) blobs: Vec<Bytes>,
    /// Foreign layers: not pushed to the registry; the manifest has their URLs.
    pub(super) elsewhere: Vec<Bytes>,
    /// The manifests of an index.
    pub(super) children: Vec<Artifact>,
}

/// The artifacts of one client; no two clients share a blob.
pub(super) struct Fixtures {
    /// An image with uncompressed layers.
    pub(super) plain: Artifact,
    /// A second one: a client does not push a layer twice to recompress it.
    pub(super) to_compress: Artifact,
    pub(super) gzip: Artifact,
    pub(super) zstd: Artifact,
    /// With Docker's media types.
    pub(super) schema2: Artifact,
    /// An index for amd64 and arm64.
    pub(super) index: Artifact,
    /// A Helm chart.
    pub(super) chart: Artifact,
    /// An image with a non-distributable layer.
    pub(super) foreign: Artifact,
    /// An artifact whose subject is `gzip`.
    pub(super) signature: Artifact,
}

impl Fixtures {
    /// Returns new fixtures. The foreign layer's URL is `elsewhere` + its digest.
    pub(super) fn new(elsewhere: &str) -> Self {
        let image = |layer| image("amd64", Format::Oci, &[layer, layer]);
        let gzip = image(Layer::Gzip);
        let signature = artifact(
            (OCI_EMPTY, "{}"),
            (SIGNATURE, random::bytes(100)),
            &json!({ "artifactType": SIGNATURE, "subject": gzip.descriptor() }),
        );
        let chart = artifact(
            (
                "application/vnd.cncf.helm.config.v1+json",
                r#"{"name":"chart","version":"0.1.0","apiVersion":"v2"}"#,
            ),
            (
                "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                super::compress::gzip(&tar(&[("chart/Chart.yaml", &random::bytes(500))])),
            ),
            &json!({}),
        );
        Self {
            plain: image(Layer::Plain),
            to_compress: image(Layer::Plain),
            zstd: image(Layer::Zstd),
            schema2: self::image("amd64", Format::Docker, &[Layer::Gzip, Layer::Gzip]),
            index: index(),
            foreign: image(Layer::Foreign(elsewhere)),
            chart,
            signature,
            gzip,
        }
    }
}

const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The form of a layer.
#[derive(Clone, Copy)]
enum Layer<'a> {
    Plain,
    Gzip,
    Zstd,
    /// Gzip, at this address + its digest.
    Foreign(&'a str),
}

impl Layer<'_> {
    fn compress(self, bytes: Bytes) -> Bytes {
        match self {
            Self::Plain => bytes,
            Self::Gzip | Self::Foreign(_) => gzip(&bytes),
            Self::Zstd => zstd(&bytes),
        }
    }

    fn media_type(self, format: Format) -> &'static str {
        match (self, format) {
            (Self::Plain, _) => "application/vnd.oci.image.layer.v1.tar",
            (Self::Zstd, _) => "application/vnd.oci.image.layer.v1.tar+zstd",
            (Self::Foreign(_), _) => "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            (Self::Gzip, Format::Oci) => "application/vnd.oci.image.layer.v1.tar+gzip",
            (Self::Gzip, Format::Docker) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

fn image(architecture: &str, format: Format, layers: &[Layer]) -> Artifact {
    image_of(architecture, format, layers, LAYER_BYTES)
}

fn image_of(architecture: &str, format: Format, layers: &[Layer], layer_bytes: usize) -> Artifact {
    let (mut diff_ids, mut descriptors) = (Vec::new(), Vec::new());
    let (mut blobs, mut elsewhere) = (vec![Bytes::new()], Vec::new());
    for (n, layer) in layers.iter().enumerate() {
        let files = tar(&[(&format!("file-{n}"), &random::bytes(layer_bytes))]);
        diff_ids.push(sha256(&files));
        let blob = layer.compress(files);
        let mut named = descriptor(layer.media_type(format), &blob);
        if let Layer::Foreign(address) = layer {
            named["urls"] = json!([format!("{address}{}", sha256(&blob))]);
            elsewhere.push(blob);
        } else {
            blobs.push(blob);
        }
        descriptors.push(named);
    }
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    blobs[0] = config.to_string().into();
    let config = match format {
        Format::Oci => "application/vnd.oci.image.config.v1+json",
        Format::Docker => "application/vnd.docker.container.image.v1+json",
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": format.manifest(),
        "config": descriptor(config, &blobs[0]),
        "layers": descriptors,
    });
    Artifact {
        media_type: format.manifest(),
        manifest: manifest.to_string().into(),
        blobs,
        elsewhere,
        children: Vec::new(),
    }
}

fn index() -> Artifact {
    let platforms = ["amd64", "arm64"];
    let children = platforms.map(|platform| image(platform, Format::Oci, &[Layer::Gzip]));
    let named = platforms.iter().zip(&children).map(|(platform, child)| {
        let mut named = child.descriptor();
        named["platform"] = json!({ "architecture": platform, "os": "linux" });
        named
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": Format::Oci.index(),
        "manifests": named.collect::<Vec<_>>(),
    });
    Artifact {
        media_type: Format::Oci.index(),
        manifest: manifest.to_string().into(),
        blobs: Vec::new(),
        elsewhere: Vec::new(),
        children: children.into(),
    }
}

fn artifact(config: (&str, &'static str), layer: (&str, Bytes), more: &Value) -> Artifact {
    let blobs = vec![Bytes::from(config.1), layer.1];
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": Format::Oci.manifest(),
        "config": descriptor(config.0, &blobs[0]),
        "layers": [descriptor(layer.0, &blobs[1])],
    });
    for (name, value) in more.as_object().unwrap() {
        manifest[name] = value.clone();
    }
    Artifact {
        media_type: Format::Oci.manifest(),
        manifest: manifest.to_string().into(),
        blobs,
        elsewhere: Vec::new(),
        children: Vec::new(),
    }
}

impl Artifact {
    /// Returns an image with `layers` uncompressed layers of `layer_bytes` each.
    pub(super) fn of_plain_layers(layers: usize, layer_bytes: usize) -> Self {
        let layers = vec![Layer::Plain; layers];
        image_of("amd64", Format::Oci, &layers, layer_bytes)
    }

    /// The manifest's digest.
    pub(super) fn digest(&self) -> String {
        sha256(&self.manifest)
    }

    /// The digest of the config: an image's ID.
    pub(super) fn id(&self) -> String {
        sha256(&self.blobs[0])
    }

    /// The digests of everything that a pull transfers, without foreign layers.
    pub(super) fn contents(&self) -> Vec<String> {
        let contents = self.served().map(|bytes| sha256(bytes));
        let children = self.children.iter().flat_map(Self::contents);
        contents.chain(children).collect()
    }

    fn descriptor(&self) -> Value {
        descriptor(self.media_type, &self.manifest)
    }

    fn served(&self) -> impl Iterator<Item = &Bytes> {
        self.blobs.iter().chain([&self.manifest])
    }

    /// All contents including foreign layers; children before their index.
    fn all(&self) -> Vec<&Bytes> {
        let children = self.children.iter().flat_map(Self::all);
        children
            .chain(&self.elsewhere)
            .chain(self.served())
            .collect()
    }

    /// The files of an OCI image layout.
    fn layout(&self) -> Vec<(String, Bytes)> {
        let mut named = self.descriptor();
        named["annotations"] = json!({ "org.opencontainers.image.ref.name": TAG });
        let index = json!({ "schemaVersion": 2, "manifests": [named] });
        let version = json!({ "imageLayoutVersion": "1.0.0" });
        let mut files = vec![
            ("oci-layout".to_owned(), version.to_string().into()),
            ("index.json".to_owned(), index.to_string().into()),
        ];
        let blobs = self.all().into_iter();
        files.extend(blobs.map(|bytes| (blob_path(&sha256(bytes)), bytes.clone())));
        files
    }

    /// Writes the layout into a folder.
    pub(super) fn write_layout(&self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        for (name, bytes) in self.layout() {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
        folder.to_owned()
    }

    /// Writes the layout as a tar file.
    pub(super) fn write_archive(&self, file: &Path) -> PathBuf {
        let files = self.layout();
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_ref()))
            .collect();
        std::fs::write(file, tar(&files)).unwrap();
        file.to_owned()
    }

    /// Asserts that a layout written by a client contains this artifact, byte for byte.
    pub(super) fn assert_in_layout(&self, folder: &Path) {
        let index = std::fs::read(folder.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        assert_eq!(index["manifests"][0]["digest"], self.digest(), "{index}");
        self.assert_blobs_in(folder);
    }

    fn assert_blobs_in(&self, folder: &Path) {
        for bytes in self.served() {
            let file = folder.join(blob_path(&sha256(bytes)));
            let found =
                std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert!(found == **bytes, "{} differs", file.display());
        }
        for child in &self.children {
            child.assert_blobs_in(folder);
        }
    }
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}
