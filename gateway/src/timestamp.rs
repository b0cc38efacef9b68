//! Times in the format of the API.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// A day in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Formats milliseconds since 1970 (UTC) as in RFC 3339, such as
/// `2026-01-31T12:00:00.5Z`.
pub(crate) fn rfc3339(ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        // Years after 9999 have no such format.
        .unwrap_or_default()
}

/// Formats a day since 1970, such as `2026-01-31`.
pub(crate) fn day(days: i64) -> String {
    let text = rfc3339(days.saturating_mul(DAY_MS));
    text.split('T').next().unwrap_or_default().to_owned()
}

/// Parses a time as in RFC 3339 to milliseconds since 1970 (UTC).
pub(crate) fn from_rfc3339(text: &str) -> Option<i64> {
    milliseconds(OffsetDateTime::parse(text, &Rfc3339).ok()?)
}

/// As [`from_rfc3339`], or the start of a day such as `2026-01-31`.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let date = format_description!("[year]-[month]-[day]");
    match Date::parse(text, date) {
        Ok(date) => milliseconds(date.midnight().assume_utc()),
        Err(_) => from_rfc3339(text),
    }
}

fn milliseconds(time: OffsetDateTime) -> Option<i64> {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_times_are_parsed() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-01-31T12:00:00.5Z", Some(1_769_860_800_500)),
            ("2026-01-31T14:00:00.500+02:00", Some(1_769_860_800_500)),
            ("2026-01-31", None),
            ("2026-02-30T00:00:00Z", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(from_rfc3339(text), ms, "{text}");
        }
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_769_860_800_500), "2026-01-31T12:00:00.5Z");
        assert_eq!(rfc3339(i64::MAX), "");
    }

    #[test]
    fn times_and_days_round_trip() {
        for ms in [0, 1_769_860_800_500, -1000] {
            assert_eq!(parse(&rfc3339(ms)), Some(ms));
        }
        assert_eq!(parse("2026-01-31"), Some(1_769_817_600_000));
        assert_eq!(parse("2026-01-31T12:00:00+01:00"), Some(1_769_857_200_000));
        for text in [
            "",
            "yesterday",
            "2026-02-30",
            "2026-01-31 12:00",
            "1769860800",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(
            (day(0), day(20_484)),
            ("1970-01-01".to_owned(), "2026-01-31".to_owned())
        );
    }
}
