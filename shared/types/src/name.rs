//! Names of repositories, groups, tags and references (OCI distribution
//! specification, "Pulling manifests"), and ids of this project.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, DigestError};

/// Maximum length of a repository name in characters. Distribution's limit
/// without the host name; keeps every remote path below common file system
/// limits.
pub const REPOSITORY_NAME_MAX: usize = 255;

/// The text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Invalid repository name.
    #[error(
        "a repository name has lower-case letters, digits and the separators . _ __ - inside its \
         components, / between them, and at most 255 characters"
    )]
    Repository,
    /// Invalid group name.
    #[error(
        "a group name has lower-case letters and digits, with . _ __ or - between them, no /, and \
         at most 255 characters"
    )]
    Group,
    /// Invalid tag.
    #[error(
        "a tag starts with a letter, a digit or _ and continues with letters, digits, . _ - up to \
         128 characters"
    )]
    Tag,
    /// Invalid id.
    #[error("an upload id is a UUID; use the Location header of the registry")]
    Id,
    /// Invalid digest.
    #[error("{0}")]
    Digest(#[from] DigestError),
}

/// One component: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !alphanumeric(first) || !alphanumeric(last) {
        return false;
    }
    bytes
        .split(|&b| alphanumeric(b))
        .filter(|separator| !separator.is_empty())
        .all(|separator| {
            matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|&b| b == b'-')
        })
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A repository name: components joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(String);
text_type!(RepositoryName);

impl RepositoryName {
    /// Returns the repository's group: the first component.
    #[must_use]
    pub fn group(&self) -> GroupName {
        let first = self.0.split('/').next().unwrap_or(&self.0);
        GroupName(first.to_owned())
    }

    /// Returns whether the name has only one component, which is also its
    /// group.
    #[must_use]
    pub fn is_single(&self) -> bool {
        !self.0.contains('/')
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= REPOSITORY_NAME_MAX && text.split('/').all(is_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Repository)
        }
    }
}

/// A group name: a single component.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(String);
text_type!(GroupName);

impl FromStr for GroupName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= REPOSITORY_NAME_MAX && is_component(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Group)
        }
    }
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);
text_type!(Tag);

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let well_formed = (1..=128).contains(&text.len())
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| word(b) || (i > 0 && (b == b'.' || b == b'-')));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Tag)
        }
    }
}

/// A reference to a manifest in a URL: a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// By tag.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = NameError;

    /// Tags cannot contain a colon, so a colon means a digest.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(text.parse()?))
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Generates a random id.
            #[must_use]
            pub fn random() -> Self {
                Self(uuid::Uuid::new_v4())
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // Accept only the canonical form.
                let id = uuid::Uuid::try_parse(text).map_err(|_| NameError::Id)?;
                if id.hyphenated().to_string() == text {
                    Ok(Self(id))
                } else {
                    Err(NameError::Id)
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_type! {
    /// The id of an upload session: a random UUID (version 4) in lower case.
    UploadId
}

uuid_type! {
    /// The name of a spool file. The file of an upload session is named by the
    /// session's id.
    FileId
}

uuid_type! {
    /// The name of an intent file in the spool.
    IntentId
}

impl From<UploadId> for FileId {
    fn from(id: UploadId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_of_one_to_many_components() {
        for name in [
            "a",
            "team/app",
            "team/app/api/v2/x",
            "a__b/c-d/e.f",
            "a---b",
            "0/1",
        ] {
            assert!(name.parse::<RepositoryName>().is_ok(), "{name}");
        }
        for name in [
            "", "/", "a/", "/a", "a//b", "A", "team/App", "-a", "a-", "a..b", "a___b", "a.-b",
            "a b", "a/../b", "ä", "a%2Fb", "a:b",
        ] {
            assert_eq!(
                name.parse::<RepositoryName>(),
                Err(NameError::Repository),
                "{name}"
            );
        }
        assert!("a".repeat(255).parse::<RepositoryName>().is_ok());
        assert!("a".repeat(256).parse::<RepositoryName>().is_err());
    }

    #[test]
    fn the_group_is_the_first_component() {
        let name: RepositoryName = "team/app/api".parse().unwrap();
        assert_eq!(name.group().as_str(), "team");
        assert!(!name.is_single());
        assert!("nginx".parse::<RepositoryName>().unwrap().is_single());
    }

    #[test]
    fn tags_by_the_specification() {
        let longest = "a".repeat(128);
        for tag in ["1.2.3", "v1.0", "_x", "A", longest.as_str()] {
            assert!(tag.parse::<Tag>().is_ok(), "{tag}");
        }
        let too_long = "a".repeat(129);
        for tag in ["", ".a", "-a", "a/b", "a:b", "a b", too_long.as_str()] {
            assert!(tag.parse::<Tag>().is_err(), "{tag}");
        }
    }

    #[test]
    fn a_reference_with_a_colon_must_be_a_digest() {
        assert!(matches!("latest".parse(), Ok(Reference::Tag(_))));
        let digest = Digest::sha256(b"x").to_string();
        assert!(matches!(digest.parse(), Ok(Reference::Digest(_))));
        assert!("sha256:zz".parse::<Reference>().is_err());
    }

    #[test]
    fn upload_ids_have_one_spelling() {
        let id = UploadId::random();
        assert_eq!(id.to_string().parse::<UploadId>(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<UploadId>().is_err());
        assert!("..".parse::<UploadId>().is_err());
    }
}
