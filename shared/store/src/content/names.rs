//! Lists of names, as `tags/list` and `_catalog` show them, read from the runs
//! of names that the database keeps of each list (`name_runs`).

use rusqlite::{CachedStatement, Connection, Params, params};

use crate::StoreError;

/// The list of all repositories. That of a repository's tags has the
/// repository's key.
pub(crate) const REPOSITORIES: i64 = 0;

/// Between two names. No name has a character that JSON escapes, so a list of
/// them can be sent as it is.
const BETWEEN: &str = "\",\"";

/// Names in order. They are kept in one text: a page has a thousand of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    count: usize,
}

impl Names {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        split(&self.text).take(self.count)
    }

    /// The last name.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.text.rsplit('"').next().filter(|_| self.count > 0)
    }

    /// Keeps the first so many.
    pub fn truncate(&mut self, length: usize) {
        if length == 0 {
            self.text.clear();
        } else if let Some(surplus) = self.count.checked_sub(length).filter(|&n| n > 0) {
            // From the end: what is too many is less than a run.
            let kept = self.text.rmatch_indices('"').nth(2 * surplus - 1);
            self.text.truncate(kept.map_or(0, |(end, _)| end));
        }
        self.count = self.count.min(length);
    }

    /// Writes them as a list in JSON.
    pub fn write_json(&self, json: &mut String) {
        json.push('[');
        if !self.is_empty() {
            json.extend(["\"", &self.text, "\""]);
        }
        json.push(']');
    }

    /// How long the list in JSON is, in bytes.
    #[must_use]
    pub fn json_len(&self) -> usize {
        self.text.len() + 4
    }

    /// Adds the names of a run that come after `last`.
    fn add_run(&mut self, run: &str, count: usize, last: &str) -> Result<(), StoreError> {
        check(run, count)?;
        let passed = split(run).take_while(|name| *name <= last);
        let (passed, bytes) = passed.fold((0, 0), |(passed, bytes), name| {
            (passed + 1, bytes + name.len() + BETWEEN.len())
        });
        if passed < count {
            self.add(&run[bytes..], count - passed);
        }
        Ok(())
    }

    fn add(&mut self, text: &str, count: usize) {
        if self.count > 0 {
            self.text.push_str(BETWEEN);
        }
        self.text.push_str(text);
        self.count += count;
    }

    /// The first column of all rows.
    pub(crate) fn of_rows(
        query: &mut CachedStatement<'_>,
        values: impl Params,
    ) -> Result<Self, StoreError> {
        let mut names = Self::default();
        let mut rows = query.query(values)?;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_str();
            let name = name.map_err(|error| StoreError::Corrupt(error.to_string()))?;
            names.add_run(name, 1, "")?;
        }
        Ok(names)
    }

    /// The names of a list: those after `last`, at most `limit`.
    pub(crate) fn read(
        db: &Connection,
        list: i64,
        last: &str,
        limit: Option<u32>,
    ) -> Result<Self, StoreError> {
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let mut query = db.prepare_cached(
            "SELECT count, names FROM name_runs
             WHERE list = ?1 AND count > 0 AND first >= (
                 SELECT max(first) FROM name_runs WHERE list = ?1 AND first <= ?2)
             ORDER BY first",
        )?;
        let mut rows = query.query(params![list, last])?;
        let mut names = Self::default();
        while names.count < limit
            && let Some(row) = rows.next()?
        {
            let run = row.get_ref(1)?.as_str();
            let run = run.map_err(|error| StoreError::Corrupt(error.to_string()))?;
            // Only the first can have names that are not after it.
            let last = if names.is_empty() { last } else { "" };
            names.add_run(run, row.get::<_, u32>(0)? as usize, last)?;
        }
        names.truncate(limit);
        Ok(names)
    }
}

/// The names of a text. (To look for one character is faster than for three.)
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').step_by(2)
}

/// Makes sure that a run is a list of so many names when it stands in JSON.
fn check(run: &str, count: usize) -> Result<(), StoreError> {
    // All bytes are looked at, many at once: that is faster than to stop.
    let quotes: usize = run.bytes().map(|b| usize::from(b == b'"')).sum();
    let escaped: usize = run
        .bytes()
        .map(|b| usize::from(b < b' ' || b == b'\\'))
        .sum();
    if escaped > 0 || count == 0 || quotes != 2 * (count - 1) {
        return Err(StoreError::Corrupt("a list of names is damaged".to_owned()));
    }
    Ok(())
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            all.add(name, 1);
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
        fn names_are_what_a_list_of_texts_would_be(
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
    fn a_run_that_is_no_list_in_json_is_damage() {
        for (run, count) in [
            ("a", 0),
            ("a", 2),
            ("a\",\"b", 1),
            ("a\"b", 1),
            ("a\\", 1),
            ("a\n", 1),
        ] {
            let added = Names::default().add_run(run, count, "");
            assert!(matches!(added, Err(StoreError::Corrupt(_))), "{run:?}");
        }
    }
}
