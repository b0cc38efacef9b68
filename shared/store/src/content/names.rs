//! Lists of names for `tags/list` and `_catalog`.

use std::ops::ControlFlow::Continue;

use crate::StoreError;
use crate::engine::db::Db;
use crate::engine::value::Params;

/// Separator of names. No name contains a character that JSON escapes, so a
/// list can be sent unchanged.
const BETWEEN: &str = "\",\"";

/// A sorted list of names. Stored in a single string, since a page has up to a
/// thousand of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    count: usize,
}

impl Names {
    /// Returns the number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns an iterator over the names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        split(&self.text).take(self.count)
    }

    /// Returns the last name.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.text.rsplit('"').next().filter(|_| self.count > 0)
    }

    /// Keeps only the first `length` names.
    pub fn truncate(&mut self, length: usize) {
        if length == 0 {
            self.text.clear();
        } else if let Some(surplus) = self.count.checked_sub(length).filter(|&n| n > 0) {
            let kept = self.text.rmatch_indices('"').nth(2 * surplus - 1);
            self.text.truncate(kept.map_or(0, |(end, _)| end));
        }
        self.count = self.count.min(length);
    }

    /// Writes the names as a JSON array.
    pub fn write_json(&self, json: &mut String) {
        json.push('[');
        if !self.is_empty() {
            json.extend(["\"", &self.text, "\""]);
        }
        json.push(']');
    }

    /// Returns the length of the JSON array in bytes.
    #[must_use]
    pub fn json_len(&self) -> usize {
        self.text.len() + 4
    }

    fn add(&mut self, name: &str) {
        if self.count > 0 {
            self.text.push_str(BETWEEN);
        }
        self.text.push_str(name);
        self.count += 1;
    }

    /// Reads the first column of all rows.
    pub(crate) fn of_rows(db: &Db, query: &str, values: impl Params) -> Result<Self, StoreError> {
        let mut names = Self::default();
        db.each(query, values, |row| {
            names.add(row.text(0)?);
            Ok(Continue(()))
        })?;
        names.check()?;
        Ok(names)
    }

    /// Verifies that the string, as JSON, is an array with the right number of
    /// names.
    fn check(&self) -> Result<(), StoreError> {
        // Count all bytes instead of stopping early: the compiler makes this
        // faster.
        let bytes = self.text.bytes();
        let quotes: usize = bytes.clone().map(|b| usize::from(b == b'"')).sum();
        let escaped: usize = bytes.map(|b| usize::from(b < b' ' || b == b'\\')).sum();
        if escaped > 0 || quotes != 2 * self.count.saturating_sub(1) {
            return Err(StoreError::Corrupt("a list of names is damaged".to_owned()));
        }
        Ok(())
    }
}

/// Splits the string into names. (Searching for one character is faster than
/// for three.)
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').step_by(2)
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            all.add(name);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_behave_like_a_list_of_strings(
            mut list in prop::collection::vec("[a-zA-Z0-9._/-]{1,4}", 0..8), length in 0..10_usize
        ) {
            let mut names: Names = list.iter().map(String::as_str).collect();
            for _ in 0..2 {
                prop_assert!(names.iter().eq(list.iter().map(String::as_str)));
                prop_assert_eq!(names.last(), list.last().map(String::as_str));
                prop_assert_eq!((names.len(), names.is_empty()), (list.len(), list.is_empty()));
                let mut json = String::new();
                names.write_json(&mut json);
                prop_assert!(json.len() <= names.json_len());
                prop_assert_eq!(json, serde_json::to_string(&list).unwrap());
                names.truncate(length);
                list.truncate(length);
            }
        }
    }

    #[test]
    fn names_that_need_json_escapes_are_corrupt() {
        for names in [&["a\"b"][..], &["a", "b\\"], &["a\n", "b"]] {
            let checked = Names::from_iter(names.iter().copied()).check();
            assert!(matches!(checked, Err(StoreError::Corrupt(_))), "{names:?}");
        }
        assert_eq!(Names::from_iter(["a", "b"]).check(), Ok(()));
        assert_eq!(Names::default().check(), Ok(()));
    }
}
