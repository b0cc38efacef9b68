//! `Range` of a pull (RFC 9110 section 14): a single range of bytes. Several
//! ranges and malformed headers select the whole blob.

use std::ops::Range;

/// The requested part of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::registry) enum RequestedRange {
    /// The whole blob.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// A range outside the blob.
    Nothing,
}

impl RequestedRange {
    /// Parses a `Range` header for content of `size` bytes.
    pub(in crate::registry) fn parse(header: &str, size: u64) -> Self {
        let Some((first, last)) = header
            .strip_prefix("bytes=")
            .and_then(|range| range.trim().split_once('-'))
        else {
            return Self::Whole;
        };
        let (start, end) = match (number(first), number(last)) {
            (Some(start), Some(last)) => (start, last.saturating_add(1).min(size)),
            (Some(start), None) if last.is_empty() => (start, size),
            (None, Some(length)) if first.is_empty() => (size.saturating_sub(length), size),
            _ => return Self::Whole,
        };
        if start < end {
            Self::Part(start..end)
        } else {
            Self::Nothing
        }
    }
}

/// Parses digits only. A number that does not fit into `u64` is past every end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_a_part() {
        for (header, range) in [
            ("bytes=500-1499", 500..1500),
            ("bytes=500-", 500..2500),
            ("bytes=-500", 2000..2500),
            ("bytes=-9999", 0..2500),
            ("bytes=2000-5000", 2000..2500),
            ("bytes=0-0", 0..1),
            ("bytes=0-99999999999999999999", 0..2500),
            // The number does not even fit into 128 bits.
            (
                "bytes=0-0000400000000000000000001000000000000000000",
                0..2500,
            ),
        ] {
            assert_eq!(
                RequestedRange::parse(header, 2500),
                RequestedRange::Part(range),
                "{header}"
            );
        }
    }

    #[test]
    fn a_range_without_bytes_is_nothing() {
        for header in ["bytes=500-0", "bytes=2500-", "bytes=2500-2600", "bytes=-0"] {
            assert_eq!(
                RequestedRange::parse(header, 2500),
                RequestedRange::Nothing,
                "{header}"
            );
        }
        assert_eq!(
            RequestedRange::parse("bytes=0-", 0),
            RequestedRange::Nothing
        );
        assert_eq!(
            RequestedRange::parse("bytes=99999999999999999999-", 10),
            RequestedRange::Nothing
        );
    }

    #[test]
    fn what_cannot_be_read_is_the_whole() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "items=0-1",
            "bytes=0-1,3-4",
        ] {
            assert_eq!(
                RequestedRange::parse(header, 2500),
                RequestedRange::Whole,
                "{header}"
            );
        }
    }
}
