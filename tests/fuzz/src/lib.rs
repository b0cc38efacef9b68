//! What the fuzz targets share. A target is a test whose name begins with
//! `fuzz_`: it makes up input and checks laws that hold for all of it.
//!
//! In `make test` each target tries a few hundred inputs; in `make fuzz` it
//! goes on for as long as [`SECONDS_VARIABLE`] says.

use std::cell::Cell;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use regex::Regex;

/// The variable with the seconds that each target is to run.
pub const SECONDS_VARIABLE: &str = "REFITY_FUZZ_SECONDS";

/// Checks a law on made-up input: on as many as proptest does by itself, or
/// for as long as [`SECONDS_VARIABLE`] says, and then tells on how many.
///
/// # Panics
/// When the law does not hold, with the smallest input that shows it; or when
/// the variable is no number.
pub fn check<S: Strategy>(target: &str, input: &S, law: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    let limit = limit();
    let started = Instant::now();
    let cases = Cell::new(0_u64);
    let counted = |value| {
        cases.set(cases.get() + 1);
        law(value)
    };
    loop {
        // Each runner draws a seed of its own. What fails is shown whole, and
        // becomes a test of its own: no file need remember it.
        let mut runner = TestRunner::new(Config {
            failure_persistence: None,
            ..Config::default()
        });
        if let Err(failure) = runner.run(input, counted) {
            panic!("{target}: {failure}");
        }
        if started.elapsed() >= limit.unwrap_or_default() {
            break;
        }
    }
    if limit.is_some() {
        let seconds = started.elapsed().as_secs();
        eprintln!("{target}: {} cases in {seconds} s", cases.get());
    }
}

fn limit() -> Option<Duration> {
    let seconds = std::env::var(SECONDS_VARIABLE).ok()?;
    let Ok(seconds) = seconds.parse() else {
        panic!("{SECONDS_VARIABLE} must be a whole number of seconds, not {seconds}");
    };
    Some(Duration::from_secs(seconds))
}

/// A grammar as its specification prints it, apart from the code that is
/// tried.
#[derive(Debug)]
pub struct Grammar(Regex);

impl Grammar {
    /// The grammar of this regular expression, for a whole text.
    ///
    /// # Panics
    /// When it is no regular expression.
    #[must_use]
    pub fn new(expression: &str) -> Self {
        match Regex::new(&format!("^(?:{expression})$")) {
            Ok(regex) => Self(regex),
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether all of the text is of the grammar.
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// What the groups of the expression found, if the text is of the grammar.
    #[must_use]
    pub fn groups<'t>(&self, text: &'t str) -> Option<Vec<Option<&'t str>>> {
        let found = self.0.captures(text)?;
        let groups = found.iter().skip(1);
        Some(
            groups
                .map(|group| group.map(|group| group.as_str()))
                .collect(),
        )
    }
}

/// Texts that are well-formed, or nearly so: some characters were taken out,
/// put in or replaced.
pub fn nearly(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        "[a-zA-Z0-9]".prop_map(Some),
        "[-._/:%+*~ =&?,;\"#\\\\]".prop_map(Some),
        "\\PC".prop_map(Some),
        Just(None),
    ];
    let edits = vec((any::<Index>(), any::<bool>(), character), 0..4);
    (text, edits).prop_map(|(text, edits)| {
        let mut characters: Vec<char> = text.chars().collect();
        for (place, replaces, put) in edits {
            let place = place.index(characters.len() + 1);
            if (replaces || put.is_none()) && place < characters.len() {
                characters.remove(place);
            }
            for character in put.iter().flat_map(|put: &String| put.chars()) {
                characters.insert(place, character);
            }
        }
        characters.into_iter().collect()
    })
}

/// Bytes that were damaged in a few places, or cut off.
pub fn damaged(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<Index>(), 0..4_u8, any::<u8>()), 0..4);
    (bytes, edits).prop_map(|(mut bytes, edits)| {
        for (place, edit, byte) in edits {
            let place = place.index(bytes.len() + 1);
            match (edit, bytes.get_mut(place)) {
                (0, Some(there)) => *there = byte,
                (1, Some(there)) => *there ^= 1 << (byte % 8),
                (2, Some(_)) => bytes.truncate(place),
                _ => bytes.insert(place, byte),
            }
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_law_that_does_not_hold_is_told_with_the_smallest_input() {
        let failed = catch_unwind(|| {
            check("numbers", &(0..1000_u32), |number| {
                prop_assert!(number < 17);
                Ok(())
            });
        });
        let message = failed.unwrap_err().downcast::<String>().unwrap();
        assert!(
            message.contains("numbers") && message.contains("17"),
            "{message}"
        );
    }

    #[test]
    fn a_grammar_is_for_the_whole_text() {
        let grammar = Grammar::new("a+|(b)c");
        assert!(grammar.accepts("aa") && !grammar.accepts("aab") && !grammar.accepts("xa"));
        assert_eq!(grammar.groups("bc"), Some(vec![Some("b")]));
        assert_eq!(grammar.groups("b"), None);
    }

    #[test]
    fn nearly_well_formed_is_often_well_formed_and_often_not() {
        let grammar = Grammar::new("[a-z]{1,20}");
        let (well, ill) = (Cell::new(0), Cell::new(0));
        check("nearly", &nearly("[a-z]{1,20}"), |text| {
            let count = if grammar.accepts(&text) { &well } else { &ill };
            count.set(count.get() + 1);
            Ok(())
        });
        assert!(well.get() > 20 && ill.get() > 20, "{well:?} {ill:?}");
    }
}
