//! Manifests: OCI image manifests and indexes, and Docker's two of schema 2.
//!
//! A manifest is read to learn what it names. Its bytes are never changed;
//! what was pushed is stored and served.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::media_type::{
    DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, MediaType,
    OCI_INDEX, OCI_MANIFEST,
};

/// The largest manifest that is accepted, in bytes (OCI distribution
/// specification, "Pushing Manifests", asks for at least this).
pub const MANIFEST_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The only `schemaVersion` of the accepted manifests.
const SCHEMA_VERSION: i64 = 2;

/// What a manifest describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManifestKind {
    /// One image or artifact: a config and layers.
    Image,
    /// A list of manifests.
    Index,
}

impl ManifestKind {
    /// What a manifest of this media type describes; `None` for a type that
    /// is not one of the four accepted ones.
    #[must_use]
    pub fn of(media_type: &MediaType) -> Option<Self> {
        if *media_type == OCI_MANIFEST || *media_type == DOCKER_MANIFEST {
            Some(Self::Image)
        } else if *media_type == OCI_INDEX || *media_type == DOCKER_MANIFEST_LIST {
            Some(Self::Index)
        } else {
            None
        }
    }
}

/// A reference to content (OCI image specification, descriptor.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of the content.
    pub media_type: MediaType,
    /// The digest of the content.
    pub digest: Digest,
    /// The size of the content in bytes; fits an `i64`.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// Where else the content can be had.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "or_null"
    )]
    pub urls: Vec<String>,
    /// Free words about the content.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "or_null"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The type of the artifact that the content is the manifest of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// A manifest that keeps the specifications' laws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The type to store it and to serve it under.
    pub media_type: MediaType,
    /// What it describes.
    pub kind: ManifestKind,
    /// An image's configuration; always there in an image, never in an index.
    pub config: Option<Descriptor>,
    /// An image's layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// An index's children.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one refers to; it may be absent.
    pub subject: Option<Descriptor>,
    /// The artifact's type; an image without one has its config's media type.
    pub artifact_type: Option<String>,
    /// Free words about the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// Why bytes are no manifest that can be accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More bytes than [`MANIFEST_MAX_BYTES`].
    #[error("the manifest has {0} bytes, and at most 4194304 (4 MiB) are accepted")]
    TooLarge(usize),
    /// Docker's schema 1.
    #[error(
        "Docker manifests of schema 1 are not accepted: push with Docker 1.10 or later, which \
         makes schema 2"
    )]
    Schema1,
    /// A media type that is none of the four.
    #[error(
        "{0} is not the media type of a manifest: use application/vnd.oci.image.manifest.v1+json, \
         application/vnd.oci.image.index.v1+json, \
         application/vnd.docker.distribution.manifest.v2+json or \
         application/vnd.docker.distribution.manifest.list.v2+json (artifacts say their own type in \
         artifactType)"
    )]
    MediaType(MediaType),
    /// The header and the body disagree.
    #[error("the Content-Type is {content_type}, but the manifest is {body}: send it as {body}")]
    ContentType {
        /// The type in the header.
        content_type: MediaType,
        /// The type that the body has or implies.
        body: MediaType,
    },
    /// Not JSON, or JSON of another shape.
    #[error("the manifest cannot be read: {0}")]
    Json(String),
    /// A `schemaVersion` that is not 2.
    #[error("the manifest's schemaVersion is {0}, and must be 2")]
    SchemaVersion(i64),
    /// A field that a manifest of this type must have.
    #[error("a manifest of the type {media_type} must have the field {field}")]
    Missing {
        /// The type of the manifest.
        media_type: MediaType,
        /// The field.
        field: &'static str,
    },
    /// A field that a manifest of this type must not have: what it is would
    /// depend on who reads it.
    #[error("a manifest of the type {media_type} must not have the field {field}")]
    Ambiguous {
        /// The type of the manifest.
        media_type: MediaType,
        /// The field.
        field: &'static str,
    },
}

impl Manifest {
    /// Reads a manifest. `content_type` is the request's header without its
    /// parameters (see [`MediaType::from_content_type`]), if there was one.
    ///
    /// # Errors
    /// When the bytes are no manifest of the four accepted types, or the
    /// header says something else than the body.
    pub fn parse(bytes: &[u8], content_type: Option<&MediaType>) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_MAX_BYTES {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        if let Some(content_type) = content_type {
            check_accepted(content_type)?;
        }
        // Parts that are skipped are not checked by serde_json.
        let text = std::str::from_utf8(bytes).map_err(|error| json_error(&error))?;
        let Object(body): Object<Body> =
            serde_json::from_str(text).map_err(|error| json_error(&error))?;
        let media_type = body.media_type()?;
        if let Some(content_type) = content_type
            && *content_type != media_type
        {
            return Err(ManifestError::ContentType {
                content_type: content_type.clone(),
                body: media_type,
            });
        }
        body.into_manifest(media_type)
    }

    /// The blobs that must be in the repository before this manifest is
    /// accepted, each once: the config, and the layers that may be
    /// distributed. An index may list blobs beside manifests, as the caches
    /// that `docker buildx` pushes do; those count too.
    #[must_use]
    pub fn required_blobs(&self) -> Vec<&Descriptor> {
        unique(
            self.blobs()
                .filter(|blob| !blob.media_type.is_non_distributable()),
        )
    }

    /// The blobs that may be absent, each once: layers that must not be
    /// distributed, and nothing else requires.
    #[must_use]
    pub fn optional_blobs(&self) -> Vec<&Descriptor> {
        let required: HashSet<&Digest> = self
            .required_blobs()
            .iter()
            .map(|blob| &blob.digest)
            .collect();
        unique(self.blobs().filter(|blob| {
            blob.media_type.is_non_distributable() && !required.contains(&blob.digest)
        }))
    }

    /// An index's children that must be in the repository as manifests, each
    /// once.
    #[must_use]
    pub fn required_manifests(&self) -> Vec<&Descriptor> {
        unique(self.manifests.iter().filter(|child| is_manifest(child)))
    }

    fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config
            .iter()
            .chain(&self.layers)
            .chain(self.manifests.iter().filter(|child| !is_manifest(child)))
    }
}

fn is_manifest(descriptor: &Descriptor) -> bool {
    ManifestKind::of(&descriptor.media_type).is_some()
}

/// The first descriptor of each digest.
fn unique<'a>(descriptors: impl Iterator<Item = &'a Descriptor>) -> Vec<&'a Descriptor> {
    let mut seen = HashSet::new();
    descriptors
        .filter(|descriptor| seen.insert(&descriptor.digest))
        .collect()
}

fn json_error(error: &dyn fmt::Display) -> ManifestError {
    ManifestError::Json(error.to_string())
}

fn check_accepted(media_type: &MediaType) -> Result<(), ManifestError> {
    if *media_type == DOCKER_SCHEMA1 || *media_type == DOCKER_SCHEMA1_SIGNED {
        Err(ManifestError::Schema1)
    } else if ManifestKind::of(media_type).is_none() {
        Err(ManifestError::MediaType(media_type.clone()))
    } else {
        Ok(())
    }
}

/// A manifest as it stands in JSON. A field that is `null` is a field that is
/// there and empty: that is how Go writes an empty list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    schema_version: i64,
    media_type: Option<MediaType>,
    config: Option<Object<Descriptor>>,
    #[serde(default, deserialize_with = "present")]
    layers: Option<Vec<Object<Descriptor>>>,
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Vec<Object<Descriptor>>>,
    subject: Option<Object<Descriptor>>,
    artifact_type: Option<String>,
    #[serde(default, deserialize_with = "or_null")]
    annotations: BTreeMap<String, String>,
}

impl Body {
    /// The type that the body has, or else implies.
    fn media_type(&self) -> Result<MediaType, ManifestError> {
        if let Some(media_type) = &self.media_type {
            check_accepted(media_type)?;
        }
        match self.schema_version {
            SCHEMA_VERSION => {}
            1 => return Err(ManifestError::Schema1),
            other => return Err(ManifestError::SchemaVersion(other)),
        }
        let implied = || {
            if self.manifests.is_some() {
                OCI_INDEX
            } else {
                OCI_MANIFEST
            }
        };
        Ok(self.media_type.clone().unwrap_or_else(implied))
    }

    fn into_manifest(self, media_type: MediaType) -> Result<Manifest, ManifestError> {
        let kind = ManifestKind::of(&media_type)
            .ok_or_else(|| ManifestError::MediaType(media_type.clone()))?;
        let fields = [
            ("config", self.config.is_some(), ManifestKind::Image),
            ("layers", self.layers.is_some(), ManifestKind::Image),
            ("manifests", self.manifests.is_some(), ManifestKind::Index),
        ];
        for (field, present, of) in fields {
            if present && of != kind {
                return Err(ManifestError::Ambiguous { media_type, field });
            }
        }
        for (field, present, of) in fields {
            if !present && of == kind {
                return Err(ManifestError::Missing { media_type, field });
            }
        }
        let config = self.config.map(Object::into_inner);
        let artifact_type = self
            .artifact_type
            .filter(|own| !own.is_empty())
            .or_else(|| config.as_ref().map(|config| config.media_type.to_string()));
        Ok(Manifest {
            media_type,
            kind,
            config,
            layers: inner(self.layers),
            manifests: inner(self.manifests),
            subject: self.subject.map(Object::into_inner),
            artifact_type,
            annotations: self.annotations,
        })
    }
}

fn inner(list: Option<Vec<Object<Descriptor>>>) -> Vec<Descriptor> {
    list.unwrap_or_default()
        .into_iter()
        .map(Object::into_inner)
        .collect()
}

/// A value that must be a JSON object: serde would read a struct from a list
/// too.
struct Object<T>(T);

impl<T> Object<T> {
    fn into_inner(self) -> T {
        self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// `null` is the empty value.
fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A field that is there, be it `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    or_null(deserializer).map(Some)
}

/// Sizes are counted in `i64` by most clients and by the database.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    number
        .as_i64()
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| {
            D::Error::custom(format!(
                "the size {number} must be a whole number of bytes from 0 to {}",
                i64::MAX
            ))
        })
}

#[cfg(test)]
mod tests;
