//! Origins (RFC 6454) whose web pages may use the API.

use std::str::FromStr;

/// A set of origins, as browsers send them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Returns whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the set contains the value of an `Origin` header.
    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|one| one == origin)
    }
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(origin)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Normalizes an origin to the form that browsers send: lower case, without a
/// path and without the scheme's default port.
fn origin(entry: &str) -> Result<String, String> {
    let refused = || {
        format!(
            "{entry} is not an origin: use a scheme, a host and an optional port, such as \
             https://tools.example.org, without a path or *"
        )
    };
    let text = entry.to_ascii_lowercase();
    let (scheme, rest) = text.split_once("://").ok_or_else(refused)?;
    let implied = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err(refused()),
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let host = host.strip_suffix(implied).unwrap_or(host);
    let inside = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if host.is_empty() || !host.chars().all(inside) {
        return Err(refused());
    }
    Ok(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn origins_are_compared_as_browsers_send_them() {
        let list = " https://Tools.example.org/, http://127.0.0.1:8080,https://a.test:443,";
        let origins: Origins = list.parse().unwrap();
        for origin in [
            "https://tools.example.org",
            "http://127.0.0.1:8080",
            "https://a.test",
        ] {
            assert!(origins.contains(origin), "{origin}");
        }
        for origin in [
            "http://tools.example.org",
            "https://tools.example.org:8443",
            "https://x.tools.example.org",
            "http://127.0.0.1",
            "null",
            "",
        ] {
            assert!(!origins.contains(origin), "{origin}");
        }
        assert!("".parse::<Origins>().unwrap().is_empty());
    }

    #[test]
    fn an_invalid_origin_is_named() {
        for text in [
            "*",
            "tools.example.org",
            "https://*.example.org",
            "https://a.test/path",
            "https://",
            "ftp://a.test",
            "null",
            "https://user@a.test",
        ] {
            let error = text.parse::<Origins>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_in_an_answer(text in "\\PC*") {
            let _ = text.parse::<Origins>();
        }
    }
}
