//! Typed storage paths, which cannot leave the storage's root.

use std::fmt;

/// One component of a [`RemotePath`]: not empty, neither `.` nor `..`, and
/// without `/` or NUL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

/// A path below the storage's root (`FTP_ROOT` or `STORAGE_FOLDER`): one or
/// more [`FileName`]s, separated by `/`. [`layout`](crate::layout) creates the
/// paths of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemotePath(String);

/// The text is not a [`RemotePath`] or [`FileName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a path below the storage's root")]
pub struct PathError(String);

impl FileName {
    /// Parses a component.
    ///
    /// # Errors
    /// [`PathError`] if the text is not a valid component.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if is_component(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathError(text.to_owned()))
        }
    }

    /// Returns the component as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RemotePath {
    /// Parses a relative path.
    ///
    /// # Errors
    /// [`PathError`] if the path is absolute or a component is not a
    /// [`FileName`].
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.split('/').all(is_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathError(text.to_owned()))
        }
    }

    /// Wraps a path made of validated components.
    pub(crate) fn checked(text: String) -> Self {
        debug_assert!(text.split('/').all(is_component), "{text:?}");
        Self(text)
    }

    /// Returns the path as text, relative to the storage's root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Appends a relative path.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        Self(format!("{}/{}", self.0, below.0))
    }

    /// Appends an entry's name.
    #[must_use]
    pub fn child(&self, name: &FileName) -> Self {
        Self(format!("{}/{}", self.0, name.0))
    }

    /// Returns the parent folder, or `None` if that is the root itself.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.0.rsplit_once('/')?;
        Some(Self(parent.to_owned()))
    }
}

fn is_component(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['/', '\0'])
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_that_leaves_the_root_is_refused() {
        for text in [
            "", ".", "..", "/", "/a", "a/", "a//b", "a/../b", "./a", "a\0b",
        ] {
            assert!(RemotePath::parse(text).is_err(), "{text:?}");
            assert!(FileName::parse(text).is_err(), "{text:?}");
        }
        assert!(FileName::parse("a/b").is_err());
        assert_eq!(RemotePath::parse("a/b").unwrap().as_str(), "a/b");
    }

    #[test]
    fn parents_end_below_the_root() {
        let path = RemotePath::parse("a/b").unwrap();
        let parent = path.parent().unwrap();
        assert_eq!(parent.as_str(), "a");
        assert_eq!(parent.parent(), None);
        assert_eq!(parent.child(&FileName::parse("b").unwrap()), path);
        assert_eq!(parent.join(&parent).as_str(), "a/a");
    }

    proptest! {
        #[test]
        fn accepted_paths_stay_below_the_root(text in "\\PC{0,40}") {
            if let Ok(path) = RemotePath::parse(&text) {
                let mut components = std::path::Path::new(path.as_str()).components();
                prop_assert!(components.all(|it| matches!(it, std::path::Component::Normal(_))));
            }
        }
    }
}
