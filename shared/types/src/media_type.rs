//! Media types: `type/subtype` (RFC 6838 section 4.2), and those that a
//! registry has to know.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Maximum length in characters: two names of 127 and the slash.
pub const MEDIA_TYPE_MAX: usize = 255;

/// Maximum length of the name on either side of the slash (RFC 6838 section
/// 4.2).
const NAME_MAX: usize = 127;

/// A media type without parameters, as pushed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(Cow<'static, str>);

/// OCI image manifest.
pub const OCI_MANIFEST: MediaType = known("application/vnd.oci.image.manifest.v1+json");
/// OCI image index.
pub const OCI_INDEX: MediaType = known("application/vnd.oci.image.index.v1+json");
/// Docker image manifest, version 2, schema 2.
pub const DOCKER_MANIFEST: MediaType =
    known("application/vnd.docker.distribution.manifest.v2+json");
/// Docker manifest list, version 2, schema 2.
pub const DOCKER_MANIFEST_LIST: MediaType =
    known("application/vnd.docker.distribution.manifest.list.v2+json");
/// Docker image manifest, version 2, schema 1, unsigned. Refused.
pub const DOCKER_SCHEMA1: MediaType = known("application/vnd.docker.distribution.manifest.v1+json");
/// Docker image manifest, version 2, schema 1, signed. Refused.
pub const DOCKER_SCHEMA1_SIGNED: MediaType =
    known("application/vnd.docker.distribution.manifest.v1+prettyjws");
/// OCI image configuration.
pub const OCI_IMAGE_CONFIG: MediaType = known("application/vnd.oci.image.config.v1+json");
/// OCI empty descriptor: the two bytes `{}`.
pub const OCI_EMPTY: MediaType = known("application/vnd.oci.empty.v1+json");

/// Non-distributable layers; each type includes its compressed and encrypted
/// forms (`+gzip`, `.gzip`, …).
const NON_DISTRIBUTABLE: [&str; 2] = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

const fn known(text: &'static str) -> MediaType {
    MediaType(Cow::Borrowed(text))
}

/// The text is not a valid media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a media type has the form type/subtype, such as application/vnd.oci.image.manifest.v1+json: letters, \
     digits and ! # $ & - ^ _ . + with a letter or digit first, at most 127 characters on either \
     side"
)]
pub struct MediaTypeError;

impl MediaType {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the value of a `Content-Type` header without its parameters (`;
    /// charset=utf-8`).
    ///
    /// # Errors
    /// If the part before the parameters is not a media type.
    pub fn from_content_type(value: &str) -> Result<Self, MediaTypeError> {
        let media_type = value.split_once(';').map_or(value, |(before, _)| before);
        media_type.trim().parse()
    }

    /// Returns whether a layer of this type may be missing in the registry (OCI
    /// image specification, layer.md, "Non-Distributable Layers", and Docker's
    /// foreign layers).
    #[must_use]
    pub fn is_non_distributable(&self) -> bool {
        NON_DISTRIBUTABLE.iter().any(|known| {
            self.0
                .strip_prefix(known)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '.']))
        })
    }
}

/// RFC 6838's `restricted-name`.
fn is_restricted_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= NAME_MAX
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((kind, subtype)) if is_restricted_name(kind) && is_restricted_name(subtype) => {
                Ok(Self(Cow::Owned(text.to_owned())))
            }
            _ => Err(MediaTypeError),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for MediaType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for MediaType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_ones_are_well_formed() {
        for known in [
            OCI_MANIFEST,
            OCI_INDEX,
            DOCKER_MANIFEST,
            DOCKER_MANIFEST_LIST,
            DOCKER_SCHEMA1,
            DOCKER_SCHEMA1_SIGNED,
            OCI_IMAGE_CONFIG,
            OCI_EMPTY,
        ] {
            assert_eq!(known.as_str().parse(), Ok(known));
        }
    }

    #[test]
    fn refuses_what_rfc_6838_does_not_allow() {
        let long = "a".repeat(128);
        for text in [
            "",
            "/",
            "application",
            "application/",
            "/json",
            "a/b/c",
            "a b/c",
            "a/b; charset=utf-8",
            "a/.b",
            "ä/b",
            "*/*",
            &format!("{long}/a"),
            &format!("a/{long}"),
        ] {
            assert_eq!(text.parse::<MediaType>(), Err(MediaTypeError), "{text}");
        }
        let longest = format!("{}/{}", "a".repeat(127), "b".repeat(127));
        assert_eq!(longest.len(), MEDIA_TYPE_MAX);
        assert!(longest.parse::<MediaType>().is_ok());
    }

    #[test]
    fn a_content_type_may_have_parameters() {
        for value in [
            "application/json",
            "application/json; charset=utf-8",
            " application/json ;a=b;c=d",
        ] {
            let media_type = MediaType::from_content_type(value).unwrap();
            assert_eq!(media_type.as_str(), "application/json");
        }
        assert!(MediaType::from_content_type("; charset=utf-8").is_err());
    }

    #[test]
    fn non_distributable_layers() {
        for (text, expected) in [
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar",
                true,
            ),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                true,
            ),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
                true,
            ),
            (
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                true,
            ),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar", true),
            (
                "application/vnd.docker.image.rootfs.foreign.diff.target",
                false,
            ),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", false),
            ("application/vnd.oci.image.layer.v1.tar+gzip", false),
        ] {
            let media_type: MediaType = text.parse().unwrap();
            assert_eq!(media_type.is_non_distributable(), expected, "{text}");
        }
    }
}
