//! `Content-Range` of a chunk of an upload (OCI distribution specification,
//! "Pushing a blob in chunks"): `<first>-<last>`, both counted from 0.

use axum::http::{HeaderMap, header};

use crate::registry::error::RegistryError;
use crate::registry::headers::content_length;

/// The position of a chunk, as the client declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::registry) struct ContentRange {
    /// The offset of the chunk's first byte.
    pub(in crate::registry) start: u64,
    /// The length of the chunk in bytes.
    pub(in crate::registry) length: u64,
}

impl ContentRange {
    /// Parses the request's header, if it has one.
    ///
    /// # Errors
    /// If the header is malformed or does not match `Content-Length`.
    pub(in crate::registry) fn of(headers: &HeaderMap) -> Result<Option<Self>, RegistryError> {
        let Some(value) = headers.get(header::CONTENT_RANGE) else {
            return Ok(None);
        };
        let range = value.to_str().ok().and_then(Self::parse).ok_or_else(|| {
            RegistryError::UploadInvalid(
                "a chunk's Content-Range reads <first>-<last>, both bytes counted from 0, such as \
                 0-1023"
                    .to_owned(),
            )
        })?;
        match content_length(headers) {
            Some(length) if length != range.length => Err(range.does_not_fit(length)),
            _ => Ok(Some(range)),
        }
    }

    /// Returns the error for a body of another length.
    pub(in crate::registry) fn does_not_fit(self, length: u64) -> RegistryError {
        RegistryError::SizeInvalid(format!(
            "the Content-Range says that the chunk has {} bytes, but it has {length}",
            self.length
        ))
    }

    /// Parses a range. Some clients write it as in RFC 9110, `bytes 0-1023/*`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("bytes ").unwrap_or(text);
        let text = text.split_once('/').map_or(text, |(range, _)| range);
        let (first, last) = text.trim().split_once('-')?;
        let (start, last) = (number(first)?, number(last)?);
        let length = last.checked_sub(start)?.checked_add(1)?;
        Some(Self { start, length })
    }
}

/// Parses digits only, since `u64` would accept a plus sign.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(range: &str, length: Option<u64>) -> Result<Option<ContentRange>, RegistryError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_RANGE, range.parse().unwrap());
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        ContentRange::of(&headers)
    }

    #[test]
    fn both_forms_are_parsed() {
        let expected = ContentRange {
            start: 10,
            length: 5,
        };
        for text in ["10-14", "bytes 10-14/*", "bytes 10-14/20", "bytes 10-14"] {
            assert_eq!(of(text, Some(5)).unwrap(), Some(expected), "{text}");
            assert_eq!(of(text, None).unwrap(), Some(expected), "{text}");
        }
        assert_eq!(ContentRange::of(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn malformed_ranges_are_refused() {
        for text in [
            "",
            "x",
            "5",
            "5-3",
            "-5",
            "5-",
            "+1-2",
            "0--1",
            "0-18446744073709551615",
        ] {
            assert!(
                matches!(of(text, None), Err(RegistryError::UploadInvalid(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_range_that_does_not_fit_the_length_is_refused() {
        let error = of("0-9", Some(9)).unwrap_err();
        assert!(matches!(error, RegistryError::SizeInvalid(_)), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[ -~]*", start: u32, length in 1_u64..1000) {
            let _ = ContentRange::parse(&text);
            let start = u64::from(start);
            let written = format!("{start}-{}", start + length - 1);
            prop_assert_eq!(ContentRange::parse(&written), Some(ContentRange { start, length }));
        }
    }
}
