//! Manifests: OCI image manifests and indexes, and Docker's schema 2
//! equivalents.
//!
//! A manifest is parsed for its references. Its bytes are stored and served
//! unchanged.

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

/// Maximum size of a manifest in bytes (the minimum limit in OCI distribution
/// specification, "Pushing Manifests").
pub const MANIFEST_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The only accepted `schemaVersion`.
const SCHEMA_VERSION: i64 = 2;

/// The kind of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManifestKind {
    /// An image or artifact: a config and layers.
    Image,
    /// A list of manifests.
    Index,
}

impl ManifestKind {
    /// Returns the kind for a media type, or `None` for an unsupported type.
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

/// A descriptor (OCI image specification, descriptor.md).
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
    /// Alternative locations of the content.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "or_null"
    )]
    pub urls: Vec<String>,
    /// Annotations of the content.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "or_null"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The artifact type, if the content is an artifact's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// A valid manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The media type to store and serve.
    pub media_type: MediaType,
    /// The kind.
    pub kind: ManifestKind,
    /// The config; `Some` for images, `None` for indexes.
    pub config: Option<Descriptor>,
    /// The layers of an image, base layer first.
    pub layers: Vec<Descriptor>,
    /// The children of an index.
    pub manifests: Vec<Descriptor>,
    /// The subject, which may be missing in the repository.
    pub subject: Option<Descriptor>,
    /// The artifact type; for an image without one, the media type of its
    /// config.
    pub artifact_type: Option<String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// The bytes are not an acceptable manifest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More bytes than [`MANIFEST_MAX_BYTES`].
    #[error("the manifest has {0} bytes; at most 4194304 (4 MiB) are accepted")]
    TooLarge(usize),
    /// Docker schema 1.
    #[error(
        "Docker manifests of schema 1 are not accepted: push with Docker 1.10 or later, which \
         uses schema 2"
    )]
    Schema1,
    /// Unsupported media type.
    #[error(
        "{0} is not the media type of a manifest: use application/vnd.oci.image.manifest.v1+json, \
         application/vnd.oci.image.index.v1+json, \
         application/vnd.docker.distribution.manifest.v2+json or \
         application/vnd.docker.distribution.manifest.list.v2+json (artifacts say their own type in \
         artifactType)"
    )]
    MediaType(MediaType),
    /// The header contradicts the body.
    #[error("the Content-Type is {content_type}, but the manifest is {body}: send it as {body}")]
    ContentType {
        /// The type in the header.
        content_type: MediaType,
        /// The type that the body declares or implies.
        body: MediaType,
    },
    /// Malformed JSON, or JSON of another structure.
    #[error("malformed manifest: {0}")]
    Json(String),
    /// A `schemaVersion` that is not 2.
    #[error("the manifest's schemaVersion is {0}, but must be 2")]
    SchemaVersion(i64),
    /// A required field is missing.
    #[error("a manifest of type {media_type} must have the field {field}")]
    Missing {
        /// The type of the manifest.
        media_type: MediaType,
        /// The field.
        field: &'static str,
    },
    /// A forbidden field is present: readers could interpret the manifest
    /// differently.
    #[error("a manifest of type {media_type} must not have the field {field}")]
    Ambiguous {
        /// The type of the manifest.
        media_type: MediaType,
        /// The field.
        field: &'static str,
    },
}

impl Manifest {
    /// Parses a manifest. `content_type` is the request's header without
    /// parameters (see [`MediaType::from_content_type`]), if present.
    ///
    /// # Errors
    /// If the bytes are not a manifest of a supported type, or the header
    /// contradicts the body.
    pub fn parse(bytes: &[u8], content_type: Option<&MediaType>) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_MAX_BYTES {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        if let Some(content_type) = content_type {
            check_accepted(content_type)?;
        }
        // serde_json does not validate skipped parts.
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

    /// Returns the blobs that the repository must have before it accepts this
    /// manifest, without duplicates: the config and the distributable layers.
    /// An index may also list blobs, as the caches of `docker buildx` do.
    #[must_use]
    pub fn required_blobs(&self) -> Vec<&Descriptor> {
        unique(
            self.blobs()
                .filter(|blob| !blob.media_type.is_non_distributable()),
        )
    }

    /// Returns the blobs that may be missing, without duplicates:
    /// non-distributable layers that are not required otherwise.
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

    /// Returns the child manifests that the repository must have, without
    /// duplicates.
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

/// Deduplicates descriptors by digest.
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

/// A manifest in JSON. A `null` field is present and empty: Go serializes empty
/// lists this way.
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
    /// Returns the type that the body declares or implies.
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

/// Accepts only a JSON object: serde would also deserialize a struct from a
/// list.
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

/// Treats `null` as the default value.
fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Treats `null` as present.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    or_null(deserializer).map(Some)
}

/// Most clients and the database store sizes as `i64`.
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
