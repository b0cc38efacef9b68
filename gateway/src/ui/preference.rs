//! Parses the client's preferences in headers such as `Accept` (RFC 9110
//! section 12.4.2).

use axum::http::HeaderMap;
use axum::http::header::HeaderName;

/// Returns the entries of all lines of a header in lower case, each with its
/// weight. The weight is 1 if there is none, and 0 if it is invalid or the
/// client does not accept the entry.
pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, f32)> {
    let lines = headers.get_all(name).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(entry)
        .collect()
}

fn entry(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let mut weights = parts.filter_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q=")));
    let weight = weights.next().map_or(1.0, |it| {
        let number = it.parse().unwrap_or(0.0);
        // NaN is not in the range either.
        if (0.0..=1.0).contains(&number) {
            number
        } else {
            0.0
        }
    });
    (name, weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::http::header::ACCEPT;

    #[test]
    fn entries_have_weights() {
        for (value, expected) in [
            ("br", [("br", 1.0)].as_slice()),
            ("GZIP;q=0.5,br", &[("gzip", 0.5), ("br", 1.0)]),
            (
                "text/html;level=1; q=0.3 , */* ;Q=0",
                &[("text/html", 0.3), ("*/*", 0.0)],
            ),
            (
                "a;q=2, b;q=-1, c;q=NaN, d;q=",
                &[("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0)],
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(value));
            let found = of(&headers, &ACCEPT);
            let found: Vec<_> = found.iter().map(|(it, q)| (it.as_str(), *q)).collect();
            assert_eq!(found, expected, "{value}");
        }
        assert_eq!(of(&HeaderMap::new(), &ACCEPT), []);
    }
}
