//! Parsers for single values.

use std::time::Duration;

/// `true/1/yes/on` or `false/0/no/off`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("use true, 1 or yes, or false, 0 or no".to_owned()),
    }
}

/// A TCP port.
pub(super) fn port(text: &str) -> Result<u16, String> {
    match text.trim().parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err("use a port from 1 to 65535".to_owned()),
    }
}

/// A TCP port, or 0 for none.
pub(super) fn port_or_off(text: &str) -> Result<u16, String> {
    text.trim()
        .parse()
        .map_err(|_| "use a port from 1 to 65535, or 0 for none".to_owned())
}

/// A limit: at least 1.
pub(super) fn count(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("use a whole number of at least 1".to_owned()),
    }
}

/// Bytes: a whole number, alone or with K, M, G or T (powers of 1024), which
/// may be followed by `B` or `iB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    parse_size(&text.trim().to_ascii_uppercase()).ok_or_else(|| {
        "use a number of bytes, optionally with K, M, G or T (powers of 1024), such as 20G"
            .to_owned()
    })
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text);
    let unit: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        "T" | "TB" | "TIB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// A duration above zero: a whole number with `ms`, `s`, `m`, `h` or `d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(&text.trim().to_ascii_lowercase()).ok_or_else(|| {
        "use a whole number above 0 with a unit (s, m, h or d), such as 90s, 15m or 2h".to_owned()
    })
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text);
    let unit_ms: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    let ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    // Deadlines are computed in signed milliseconds.
    let fits = i64::try_from(ms).is_ok_and(|ms| ms > 0 && ms < i64::MAX / 2);
    fits.then(|| Duration::from_millis(ms))
}

/// Splits the leading digits from the unit.
fn split_unit(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn booleans() {
        for text in ["true", "1", "yes", "YES", " True "] {
            assert_eq!(boolean(text), Ok(true), "{text}");
        }
        for text in ["false", "0", "no", "off"] {
            assert_eq!(boolean(text), Ok(false), "{text}");
        }
        for text in ["", "2", "ja", "truee"] {
            assert!(boolean(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports() {
        assert_eq!(port("22"), Ok(22));
        assert_eq!(port("65535"), Ok(65535));
        assert_eq!(port_or_off("0"), Ok(0));
        for text in ["0", "65536", "-1", "ssh", "", "22.0"] {
            assert!(port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(count("1"), Ok(1));
        assert_eq!(count(" 4096 "), Ok(4096));
        for text in ["0", "-1", "", "many", "1.5"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("20G", 20 << 30),
            ("20g", 20 << 30),
            ("20 GiB", 20 << 30),
            ("20GB", 20 << 30),
            ("3k", 3 << 10),
            ("512M", 512 << 20),
            ("2T", 2 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "1.5G", "-1", "20P", "20 %", "20%", "99999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for text in [
            "",
            "90",
            "0s",
            "-1s",
            "1.5h",
            "15 minutes",
            "1w",
            "9223372036854775807h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_in_an_answer(text in "\\PC*") {
            let _ = (boolean(&text), port(&text), port_or_off(&text), size(&text), duration(&text));
        }

        #[test]
        fn a_number_alone_is_bytes(bytes: u64) {
            prop_assert_eq!(size(&bytes.to_string()), Ok(bytes));
        }
    }
}
