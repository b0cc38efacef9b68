//! Lists of names, as `tags/list` and `_catalog` show them.

use rusqlite::{CachedStatement, Params};

use super::StoreError;

/// Names in order. They are kept in one text: a page has a thousand of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Names {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ends = self.ends.iter().copied();
        starts.zip(ends).map(|(start, end)| &self.text[start..end])
    }

    /// The last name.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        let (&end, before) = self.ends.split_last()?;
        let start = before.last().copied().unwrap_or_default();
        Some(&self.text[start..end])
    }

    /// Keeps the first so many.
    pub fn truncate(&mut self, length: usize) {
        self.ends.truncate(length);
        self.text
            .truncate(self.ends.last().copied().unwrap_or_default());
    }

    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    /// The first column of all rows.
    pub(super) fn read(
        query: &mut CachedStatement<'_>,
        params: impl Params,
    ) -> Result<Self, StoreError> {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(error.to_string());
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        let mut rows = query.query(params)?;
        while let Some(row) = rows.next()? {
            let name = row
                .get_ref(0)?
                .as_bytes()
                .map_err(|error| corrupt(&error))?;
            text.extend_from_slice(name);
            ends.push(text.len());
        }
        let text = String::from_utf8(text).map_err(|error| corrupt(&error))?;
        if !ends.iter().all(|&end| text.is_char_boundary(end)) {
            return Err(corrupt(&"a name is not in UTF-8"));
        }
        Ok(Self { text, ends })
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            all.push(name);
        }
        all
    }
}

impl serde::Serialize for Names {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_are_what_a_list_of_texts_would_be(
            mut list in prop::collection::vec("\\PC{0,4}", 0..8), length in 0..10_usize
        ) {
            let mut names: Names = list.iter().map(String::as_str).collect();
            for _ in 0..2 {
                prop_assert!(names.iter().eq(list.iter().map(String::as_str)));
                prop_assert_eq!(names.last(), list.last().map(String::as_str));
                prop_assert_eq!((names.len(), names.is_empty()), (list.len(), list.is_empty()));
                let json = serde_json::to_string(&names).unwrap();
                prop_assert_eq!(json, serde_json::to_string(&list).unwrap());
                names.truncate(length);
                list.truncate(length);
            }
        }
    }
}
