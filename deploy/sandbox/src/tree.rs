//! Resolves client paths to files.
//!
//! Clients cannot create symbolic links, so a resolved path stays inside the
//! folder; existing links that lead outside are refused.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The served folder.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Opens an existing folder.
    ///
    /// # Errors
    /// If the folder is missing, not a folder, or unreadable.
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        if !root.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { root })
    }

    /// Returns the canonical path of the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of an existing file, following all links.
    ///
    /// # Errors
    /// If the file is missing, or a link leads outside (permission denied).
    pub fn follow(&self, path: &str) -> io::Result<PathBuf> {
        self.inside(self.root.join(relative(path)).canonicalize()?)
    }

    /// Returns the path of a name that may be missing or a link: does not
    /// follow the last component.
    ///
    /// # Errors
    /// If the parent is missing, or a link leads outside (permission denied).
    pub fn entry(&self, path: &str) -> io::Result<PathBuf> {
        let relative = relative(path);
        let (folder, name) = match relative.rsplit_once('/') {
            Some((folder, name)) => (self.inside(self.root.join(folder).canonicalize()?)?, name),
            None => (self.root.clone(), relative.as_str()),
        };
        Ok(if name.is_empty() {
            folder
        } else {
            folder.join(name)
        })
    }

    /// Like [`entry`](Self::entry), but refuses the served folder itself.
    ///
    /// # Errors
    /// As `entry`, and permission denied for `/`.
    pub fn entry_below(&self, path: &str) -> io::Result<PathBuf> {
        if relative(path).is_empty() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.entry(path)
    }

    /// Returns the path to open for writing: an existing file, following links,
    /// or an unused name.
    ///
    /// # Errors
    /// Like [`follow`](Self::follow) and [`entry`](Self::entry); a dangling
    /// link counts as missing.
    pub fn destination(&self, path: &str) -> io::Result<PathBuf> {
        let entry = self.entry(path)?;
        match fs::symlink_metadata(&entry) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(entry),
            _ => self.follow(path),
        }
    }

    fn inside(&self, path: PathBuf) -> io::Result<PathBuf> {
        if path.starts_with(&self.root) {
            Ok(path)
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

/// Normalizes a path for clients: absolute, without `.`, `..` and double
/// slashes. `..` at the root stays at the root, as in a chroot.
#[must_use]
pub fn absolute(path: &str) -> String {
    format!("/{}", relative(path))
}

fn relative(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_never_climb_above_the_root() {
        for (given, seen) in [
            ("", "/"),
            (".", "/"),
            ("../../etc/passwd", "/etc/passwd"),
            ("/a/./b/../c//", "/a/c"),
            ("/a/../../..", "/"),
        ] {
            assert_eq!(absolute(given), seen, "{given}");
        }
    }

    #[test]
    fn links_that_lead_outside_are_refused() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        let dangling = outside.path().join("missing");
        std::os::unix::fs::symlink(dangling, inside.path().join("dangling")).unwrap();
        fs::create_dir(inside.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("folder", inside.path().join("in")).unwrap();
        let tree = Tree::open(inside.path()).unwrap();

        let denied = Some(io::ErrorKind::PermissionDenied);
        let kind = |result: io::Result<PathBuf>| result.err().map(|error| error.kind());
        assert_eq!(kind(tree.follow("out")), denied);
        assert_eq!(kind(tree.follow("out/secret")), denied);
        assert_eq!(kind(tree.entry("out/new")), denied);
        assert_eq!(kind(tree.destination("out/new")), denied);
        assert_eq!(kind(tree.destination("out")), denied);
        assert_eq!(
            kind(tree.destination("dangling")),
            Some(io::ErrorKind::NotFound)
        );
        assert_eq!(kind(tree.entry_below("a/..")), denied);
        assert!(tree.entry("in/new").unwrap().ends_with("folder/new"));
    }
}
