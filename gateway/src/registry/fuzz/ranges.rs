//! `Range` of a pull and `Content-Range` of a chunk.

use axum::http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use refity_fuzz::{Grammar, check, nearly};

use crate::registry::RegistryError;
use crate::registry::blobs::range::RequestedRange;
use crate::registry::uploads::content_range::ContentRange;

/// A number as text, which may be too large for any integer.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..20_u32).prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        (0..5_u64).prop_map(|n| (u64::MAX - n).to_string()),
        "[0-9]{0,30}",
    ]
}

/// `<first>-<last>`.
fn ends() -> impl Strategy<Value = String> {
    (number(), number()).prop_map(|(first, last)| format!("{first}-{last}"))
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_u64, any::<u64>(), u64::MAX - 3..=u64::MAX]
}

/// Parses a whole number. A mutated number may have more digits than any
/// integer holds, and is then past every end.
fn value(digits: &str) -> u128 {
    digits.parse().unwrap_or(u128::MAX)
}

#[test]
fn fuzz_ranges() {
    let grammar = Grammar::new(r"(?s)bytes=\s*([0-9]*)-([0-9]*)\s*");
    let header = || ends().prop_map(|ends| format!("bytes={ends}"));
    let headers = prop_oneof![3 => header(), 2 => nearly(header()), 1 => "\\PC*"];
    check("ranges", &(headers, size()), |(header, size)| {
        let asked = RequestedRange::parse(&header, size);
        let ends = grammar.groups(&header).and_then(|ends| match ends[..] {
            // RFC 9110 section 14.1.2: a suffix, or from first to last.
            [Some(""), Some("")] => None,
            [Some(""), Some(length)] => {
                let length = value(length).min(size.into());
                Some((u128::from(size) - length, size.into()))
            }
            [Some(first), Some("")] => Some((value(first), size.into())),
            [Some(first), Some(last)] => {
                let end = value(last).saturating_add(1).min(size.into());
                Some((value(first), end))
            }
            _ => None,
        });
        match (asked, ends) {
            (RequestedRange::Whole, None) => {}
            (RequestedRange::Nothing, Some((start, end))) => prop_assert!(start >= end),
            (RequestedRange::Part(range), Some((start, end))) => {
                prop_assert!(range.start < range.end && range.end <= size);
                prop_assert_eq!((range.start.into(), range.end.into()), (start, end));
            }
            (asked, ends) => prop_assert!(false, "{asked:?} {ends:?}"),
        }
        Ok(())
    });
}

#[test]
fn fuzz_content_ranges() {
    // A header that is not ASCII does not match.
    let grammar = Grammar::new(r"(?:bytes )?[\t ]*([0-9]+)-([0-9]+)[\t ]*(?:/[\t -~]*)?");
    let rfc = || (ends(), "/(\\*|[0-9]{1,4})").prop_map(|(ends, all)| format!("bytes {ends}{all}"));
    let texts = prop_oneof![ends(), rfc(), nearly(ends()), nearly(rfc()), "[ -~]*"];
    let lengths = prop::option::of(size());
    check("content ranges", &(texts, lengths), |(text, length)| {
        let mut headers = HeaderMap::new();
        let Ok(range) = HeaderValue::from_str(&text) else {
            return Ok(());
        };
        headers.insert(header::CONTENT_RANGE, range);
        let written = grammar.groups(&text).and_then(|ends| match ends[..] {
            [Some(first), Some(last)] => chunk(value(first), value(last)),
            _ => None,
        });
        agrees(&ContentRange::of(&headers), written, None)?;
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, length.into());
            agrees(&ContentRange::of(&headers), written, Some(length))?;
        }
        Ok(())
    });
}

/// Returns the offset and the length of a chunk, if both fit into `u64`.
fn chunk(first: u128, last: u128) -> Option<(u64, u64)> {
    let length = last.checked_sub(first)?.checked_add(1)?;
    u64::try_from(last).ok()?;
    Some((u64::try_from(first).ok()?, u64::try_from(length).ok()?))
}

fn agrees(
    read: &Result<Option<ContentRange>, RegistryError>,
    written: Option<(u64, u64)>,
    length: Option<u64>,
) -> TestCaseResult {
    match (read, written) {
        (Ok(Some(range)), Some(written)) => {
            prop_assert_eq!((range.start, range.length), written);
            prop_assert!(length.is_none_or(|length| length == range.length));
        }
        (Err(RegistryError::SizeInvalid(_)), Some((_, counted))) => {
            prop_assert!(length.is_some_and(|length| length != counted));
        }
        (Err(RegistryError::UploadInvalid(_)), None) => {}
        (read, written) => prop_assert!(false, "{read:?} {written:?}"),
    }
    Ok(())
}
