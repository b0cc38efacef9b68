//! Sort order of tags as versions.

use std::fmt::Write as _;

/// Key prefixes of versions and of other tags.
const VERSION: char = '1';
const NO_VERSION: char = '2';

/// Returns a key that sorts tags bytewise by version.
///
/// A version is a dotted list of numbers with an optional `v`; missing numbers
/// are 0, so `1.2` sorts next to `1.2.0`. A suffix after `-` is a pre-release,
/// which sorts before the release (Semantic Versioning 2.0.0, section 11). A
/// suffix after `_` is ignored: Helm writes build metadata's `+` this way. All
/// other tags sort after all versions, by name.
#[must_use]
pub fn sort_key(tag: &str) -> String {
    version_key(tag).unwrap_or_else(|| format!("{NO_VERSION}{tag}"))
}

fn version_key(tag: &str) -> Option<String> {
    let tag = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let tag = tag.split('_').next().unwrap_or(tag);
    let (core, pre) = match tag.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (tag, None),
    };
    let mut numbers: Vec<&str> = core.split('.').map(number).collect::<Option<_>>()?;
    while numbers.last().is_some_and(|number| number.is_empty()) {
        numbers.pop();
    }
    let mut key = String::from(VERSION);
    for number in numbers {
        push_number(&mut key, number);
    }
    // Sorts below any further number; a pre-release sorts below its release.
    match pre {
        None => key.push('#'),
        Some(pre) => {
            key.push('!');
            for identifier in pre.split('.') {
                match number(identifier) {
                    Some(number) => {
                        key.push('1');
                        push_number(&mut key, number);
                    }
                    None => {
                        key.push('2');
                        key.push_str(identifier);
                    }
                }
                // Sorts below any continuation of a longer identifier.
                key.push('!');
            }
        }
    }
    Some(key)
}

/// Returns the digits without leading zeros, or `None` if the text is not a
/// number.
fn number(text: &str) -> Option<&str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.trim_start_matches('0'))
}

/// Prefixes a number with its length, so that numbers sort as text; a tag has
/// at most 128 characters.
fn push_number(key: &mut String, digits: &str) {
    // Writing to a String cannot fail.
    let _ = write!(key, "{:03}{digits}", digits.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_sort_in_order_and_before_other_names() {
        let sorted = [
            "0.1",
            "0.9.10",
            "0.10.0",
            "v1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "v1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "v1.0.0",
            "1.0.0.1",
            "1.0.1-alpine",
            "1.0.1",
            "1.2",
            "1.2.1",
            "1.9",
            "1.10",
            "2",
            "10",
            "20240131",
            "1.",
            "1..2",
            "1.2.x",
            "latest",
            "main",
            "v",
        ];
        for pair in sorted.windows(2) {
            let (first, second) = (sort_key(pair[0]), sort_key(pair[1]));
            assert!(first < second, "{pair:?}: {first} {second}");
        }
    }

    #[test]
    fn one_version_has_many_spellings() {
        for same in ["1.2", "1.2.0", "v1.2", "V1.2.0.0", "01.02", "1.2_build.7"] {
            assert_eq!(sort_key(same), sort_key("1.2"), "{same}");
        }
        assert_ne!(sort_key("1.2-0"), sort_key("1.2"));
    }

    proptest! {
        #[test]
        fn numbers_sort_as_numbers(a in proptest::array::uniform3(0_u64..2000),
                                   b in proptest::array::uniform3(0_u64..2000)) {
            let key = |n: [u64; 3]| sort_key(&format!("{}.{}.{}", n[0], n[1], n[2]));
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            let before = sort_key(&format!("{}.{}.{}-rc1", a[0], a[1], a[2]));
            prop_assert!(before < key(a));
        }

        #[test]
        fn every_tag_has_a_key(tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}") {
            let key = sort_key(&tag);
            prop_assert!(key.starts_with([VERSION, NO_VERSION]));
        }
    }
}
