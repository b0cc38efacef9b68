//! Rights on repositories, and scopes that restrict them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{GroupName, RepositoryName};

/// A right on a repository or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Read blobs, manifests and tags.
    Pull,
    /// Write them. Implies pull.
    Push,
    /// Delete them. Implies pull.
    Delete,
    /// Change the group's settings, robots and grants. Implies all other
    /// rights.
    Manage,
}

impl Right {
    /// All rights in ascending order.
    pub const ALL: [Self; 4] = [Self::Pull, Self::Push, Self::Delete, Self::Manage];

    /// Returns the name in the API and in token scopes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Manage => "manage",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Pull => 1,
            Self::Push => 2,
            Self::Delete => 4,
            Self::Manage => 8,
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Right {
    type Err = RightError;

    fn from_str(text: &str) -> Result<Self, RightError> {
        let named = Self::ALL.into_iter().find(|right| right.name() == text);
        named.ok_or(RightError)
    }
}

/// The text is not a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a right is pull, push, delete or manage")]
pub struct RightError;

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Right>", into = "Vec<Right>")]
pub struct Rights(u8);

impl Rights {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(15);
    /// Rights of everyone in a public group.
    pub const PULL: Self = Self(1);

    /// Returns whether the set contains a right.
    #[must_use]
    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Returns whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the union.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the intersection.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Adds implied rights: push requires pull.
    #[must_use]
    pub fn whole(self) -> Self {
        if self.has(Right::Manage) {
            Self::ALL
        } else if self.is_empty() {
            self
        } else {
            self.or(Self::PULL)
        }
    }

    /// Returns the rights in ascending order.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |&right| self.has(right))
    }

    /// Returns the number stored in the database.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Converts from the number stored in the database.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right.bit()))
    }
}

impl From<Vec<Right>> for Rights {
    fn from(rights: Vec<Right>) -> Self {
        rights.into_iter().collect()
    }
}

impl From<Rights> for Vec<Right> {
    fn from(rights: Rights) -> Self {
        rights.iter().collect()
    }
}

/// A pattern for repositories: `*` for all, `team/*` for a group, or a
/// repository name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Every repository.
    All,
    /// The repositories of a group, including one named like the group.
    Group(GroupName),
    /// One.
    Repository(RepositoryName),
}

impl Pattern {
    /// Returns whether the pattern matches a repository.
    #[must_use]
    pub fn matches(&self, repository: &RepositoryName) -> bool {
        match self {
            Self::All => true,
            Self::Group(group) => repository.group() == *group,
            Self::Repository(name) => name == repository,
        }
    }

    /// Returns whether the pattern matches only repositories of this group.
    #[must_use]
    pub fn is_within(&self, group: &GroupName) -> bool {
        match self {
            Self::All => false,
            Self::Group(name) => name == group,
            Self::Repository(name) => name.group() == *group,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Group(group) => write!(f, "{group}/*"),
            Self::Repository(name) => name.fmt(f),
        }
    }
}

/// The text is not a valid pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use *, a group such as `team/*`, or a repository such as `team/app`")]
pub struct PatternError;

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            Ok(Self::All)
        } else if let Some(group) = text.strip_suffix("/*") {
            group.parse().map(Self::Group).map_err(|_| PatternError)
        } else {
            text.parse().map(Self::Repository).map_err(|_| PatternError)
        }
    }
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Rights on some repositories; a token has a list of scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The repositories.
    pub repositories: Pattern,
    /// The rights on them.
    pub rights: Rights,
}

/// Returns the rights that scopes grant on a repository.
#[must_use]
pub fn allowed(scopes: &[Scope], repository: &RepositoryName) -> Rights {
    let matching = scopes
        .iter()
        .filter(|scope| scope.repositories.matches(repository));
    matching.fold(Rights::NONE, |all, scope| all.or(scope.rights.whole()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(words: &str) -> Rights {
        words
            .split(',')
            .map(|word| word.parse::<Right>().unwrap())
            .collect()
    }

    #[test]
    fn rights_include_the_rights_they_require() {
        assert_eq!(rights("push").whole(), rights("pull,push"));
        assert_eq!(rights("delete").whole(), rights("pull,delete"));
        assert_eq!(rights("manage").whole(), Rights::ALL);
        assert_eq!(Rights::NONE.whole(), Rights::NONE);
    }

    #[test]
    fn scopes_grant_rights_on_matching_repositories() {
        let scopes = [
            Scope {
                repositories: "team/*".parse().unwrap(),
                rights: rights("pull"),
            },
            Scope {
                repositories: "team/app".parse().unwrap(),
                rights: rights("push"),
            },
        ];
        for (repository, expected) in [
            ("team/app", rights("pull,push")),
            ("team/app/api", rights("pull")),
            ("team", rights("pull")),
            ("teams/app", Rights::NONE),
            ("other/team", Rights::NONE),
        ] {
            let found = allowed(&scopes, &repository.parse().unwrap());
            assert_eq!(found, expected, "{repository}");
        }
    }

    #[test]
    fn patterns_are_read_as_they_are_written() {
        for text in ["*", "team/*", "team/app", "team", "a/b/c"] {
            let pattern: Pattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), text);
        }
        for text in [
            "",
            "**",
            "team/*/x",
            "Team/*",
            "/*",
            "team/app/*",
            "team/",
            "%",
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(PatternError), "{text}");
        }
    }

    #[test]
    fn sets_are_serialized_as_names() {
        let json = serde_json::to_string(&rights("delete,pull")).unwrap();
        assert_eq!(json, r#"["pull","delete"]"#);
        let read: Rights = serde_json::from_str(r#"["push","push"]"#).unwrap();
        assert_eq!(read, rights("push"));
        assert!(serde_json::from_str::<Rights>(r#"["admin"]"#).is_err());
    }
}
