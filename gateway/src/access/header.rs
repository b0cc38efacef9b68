//! The `Authorization` header.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};

use super::AuthError;

/// The credentials that a request offers.
pub(super) enum Offer {
    /// Basic credentials (RFC 7617).
    Basic {
        /// The user's name.
        name: String,
        /// The password in plain text.
        password: String,
    },
    /// A Bearer token (RFC 6750).
    Bearer(String),
}

/// Parses the header.
///
/// # Errors
/// [`AuthError::Missing`] without the header or with another scheme;
/// [`AuthError::Wrong`] if the header is malformed.
pub(super) fn offer(headers: &HeaderMap) -> Result<Offer, AuthError> {
    let header = headers.get(AUTHORIZATION).ok_or(AuthError::Missing)?;
    let header = header.to_str().map_err(|_| AuthError::Wrong)?;
    let (scheme, value) = header.trim().split_once(' ').ok_or(AuthError::Missing)?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        basic(value).ok_or(AuthError::Wrong)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Offer::Bearer(value.to_owned()))
    } else {
        Err(AuthError::Missing)
    }
}

fn basic(value: &str) -> Option<Offer> {
    const ENGINE: GeneralPurpose = STANDARD;
    let decoded = String::from_utf8(ENGINE.decode(value).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some(Offer::Basic {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        [(AUTHORIZATION, value.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn basic_credentials_end_the_name_at_the_first_colon() {
        for value in ["Basic YWRtaW46YTpiIMOk", "basic  YWRtaW46YTpiIMOk "] {
            let Ok(Offer::Basic { name, password }) = offer(&headers(value)) else {
                panic!("{value}");
            };
            assert_eq!((name.as_str(), password.as_str()), ("admin", "a:b ä"));
        }
    }

    #[test]
    fn malformed_headers_are_wrong_and_absent_ones_missing() {
        for value in ["Basic !!!", "Basic YWRtaW4=", "Basic /w==", "Basic "] {
            let error = offer(&headers(value)).err();
            assert!(
                matches!(error, Some(AuthError::Wrong | AuthError::Missing)),
                "{value}"
            );
        }
        for header in [HeaderMap::new(), headers("Digest x=y"), headers("Basic")] {
            assert!(matches!(offer(&header), Err(AuthError::Missing)));
        }
        assert!(
            matches!(offer(&headers("Bearer a.b.c")), Ok(Offer::Bearer(token)) if token == "a.b.c")
        );
    }
}
