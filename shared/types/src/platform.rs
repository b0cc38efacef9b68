//! Platforms of images (OCI image specification, image-index.md, "platform").

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The placeholder for artifacts such as attestations.
const UNKNOWN: &str = "unknown";

/// Annotation with the digest of the image that an attestation of `docker
/// buildx` describes.
const ABOUT: &str = "vnd.docker.reference.digest";

/// The platform of an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux` or another.
    pub os: String,
    /// `amd64` or another.
    pub architecture: String,
    /// Variant of the architecture, such as `v8`.
    #[serde(default)]
    pub variant: Option<String>,
}

impl Platform {
    /// Returns whether this is the placeholder for artifacts.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.os == UNKNOWN && self.architecture == UNKNOWN
    }

    /// Returns whether `os/architecture` or `os/architecture/variant` matches
    /// this platform.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let mut parts = name.split('/');
        let named = parts.next() == Some(&*self.os) && parts.next() == Some(&*self.architecture);
        match (parts.next(), parts.next()) {
            (None, _) => named,
            (variant, None) => named && variant == self.variant.as_deref(),
            _ => false,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_deref() {
            None | Some("") => Ok(()),
            Some(variant) => write!(f, "/{variant}"),
        }
    }
}

/// A manifest of an index with its platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its digest.
    pub digest: Digest,
    /// The platform.
    pub platform: Option<Platform>,
    /// The image that an attestation describes.
    pub about: Option<String>,
}

impl Child {
    /// Returns whether the manifest is an attestation rather than an image.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        self.about.is_some() || self.platform.as_ref().is_some_and(Platform::is_unknown)
    }
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    digest: Digest,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

/// Returns the manifests of an index in order, or none if it is malformed.
#[must_use]
pub fn children(index: &[u8]) -> Vec<Child> {
    let Ok(index) = serde_json::from_slice::<Index>(index) else {
        return Vec::new();
    };
    let child = |entry: Entry| Child {
        about: entry
            .annotations
            .and_then(|mut annotations| annotations.remove(ABOUT)),
        digest: entry.digest,
        platform: entry.platform,
    };
    let manifests = index.manifests.unwrap_or_default();
    manifests.into_iter().map(child).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn platforms_have_names() {
        let platform = |variant: Option<&str>| Platform {
            os: "linux".to_owned(),
            architecture: "arm".to_owned(),
            variant: variant.map(str::to_owned),
        };
        assert_eq!(platform(Some("v7")).to_string(), "linux/arm/v7");
        assert_eq!(platform(None).to_string(), "linux/arm");
        for (name, expected) in [
            ("linux/arm", true),
            ("linux/arm/v7", true),
            ("linux/arm/v6", false),
            ("linux/arm/v7/x", false),
            ("linux", false),
            ("", false),
        ] {
            assert_eq!(platform(Some("v7")).is_called(name), expected, "{name}");
        }
    }

    #[test]
    fn attestations_are_distinguished_from_images() {
        let (image, about) = (Digest::sha256(b"a"), Digest::sha256(b"b"));
        let index = json!({ "manifests": [
            { "digest": image, "platform": { "os": "linux", "architecture": "amd64" } },
            { "digest": about, "platform": { "os": "unknown", "architecture": "unknown" },
              "annotations": { "vnd.docker.reference.digest": image } },
            { "digest": image, "platform": null, "annotations": null },
        ]});
        let children = children(index.to_string().as_bytes());
        let attestations: Vec<_> = children.iter().map(Child::is_attestation).collect();
        assert_eq!(attestations, [false, true, false]);
        assert_eq!(children[1].about.as_deref(), Some(image.as_str()));
        assert_eq!(super::children(b"[]"), []);
    }
}
