//! A file for browsers, in the encodings in which it can be sent.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::preference;

pub(crate) const HTML: &str = "text/html; charset=utf-8";

pub(crate) const CSS: &str = "text/css; charset=utf-8";

pub(crate) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The number of bytes of a hash in an entity tag.
const TAG_BYTES: usize = 16;

/// A content coding (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// All codings, in order of preference.
    pub(crate) const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// Returns the file name suffix for this coding.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// A file for browsers.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    media_type: &'static str,
    plain: Form,
    /// The compressed forms, in order of preference.
    compressed: Vec<(Coding, Form)>,
}

/// The bytes to send, and their entity tag (RFC 9110 section 8.8.3).
#[derive(Clone, Debug)]
struct Form {
    bytes: Bytes,
    tag: String,
}

impl Form {
    fn of(bytes: Bytes) -> Self {
        let hash = Sha256::digest(&bytes);
        let hex: String = hash[..TAG_BYTES]
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        Self {
            bytes,
            tag: format!("\"{hex}\""),
        }
    }
}

impl Asset {
    pub(crate) fn of(media_type: &'static str, bytes: Bytes) -> Self {
        Self {
            media_type,
            plain: Form::of(bytes),
            compressed: Vec::new(),
        }
    }

    /// Adds a compressed form. Call this in order of preference.
    pub(crate) fn or(mut self, coding: Coding, bytes: Bytes) -> Self {
        self.compressed.push((coding, Form::of(bytes)));
        self
    }

    /// Returns the response to a `GET` or `HEAD`: the form that the client
    /// prefers, or 304 if the client already has it.
    pub(crate) fn answer(&self, parts: &Parts) -> Response {
        let (coding, form) = self.preferred(&parts.headers);
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        insert(headers, ETAG, &form.tag);
        if !self.compressed.is_empty() {
            insert(headers, VARY, "Accept-Encoding");
        }
        if is_known(&parts.headers, &form.tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        insert(headers, CONTENT_TYPE, self.media_type);
        headers.insert(CONTENT_LENGTH, form.bytes.len().into());
        if let Some(coding) = coding {
            insert(headers, CONTENT_ENCODING, coding.name());
        }
        if parts.method != Method::HEAD {
            *response.body_mut() = Body::from(form.bytes.clone());
        }
        response
    }

    /// Returns the form with the highest weight; on a tie, the best
    /// compression. Returns the uncompressed form if the client prefers it or
    /// accepts no other (RFC 9110 section 12.5.3).
    fn preferred(&self, headers: &HeaderMap) -> (Option<Coding>, &Form) {
        let accepted = preference::of(headers, &ACCEPT_ENCODING);
        let named = |name: &str| {
            let mut entries = accepted.iter().filter(|(it, _)| it == name);
            entries.next().map(|(_, weight)| *weight)
        };
        let any = named("*").unwrap_or(0.0);
        let mut best = (None, &self.plain);
        let mut most = 0.0;
        for (coding, form) in &self.compressed {
            let weight = named(coding.name()).unwrap_or(any);
            if weight > most {
                best = (Some(*coding), form);
                most = weight;
            }
        }
        if named("identity").is_some_and(|weight| weight > most) {
            return (None, &self.plain);
        }
        best
    }
}

fn insert(headers: &mut HeaderMap, name: axum::http::HeaderName, text: &str) {
    // All values consist of letters, digits and punctuation.
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// Whether the client already has the form with this tag (RFC 9110 section
/// 13.1.2). A proxy that compresses turns it into a weak tag.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|it| it.trim().trim_start_matches("W/"));
    tags.any(|it| it == tag || it == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> Asset {
        Asset::of(CSS, Bytes::from_static(b"plain"))
            .or(Coding::Brotli, Bytes::from_static(b"brotli"))
            .or(Coding::Gzip, Bytes::from_static(b"gzip"))
    }

    #[test]
    fn the_client_chooses_the_form() {
        for (accepted, expected) in [
            ("", None),
            ("deflate", None),
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("gzip", Some(Coding::Gzip)),
            ("gzip;q=1.0, br;q=0.9", Some(Coding::Gzip)),
            ("br;q=0, *", Some(Coding::Gzip)),
            ("*", Some(Coding::Brotli)),
            ("*;q=0", None),
            ("br;q=0.5, identity", None),
            ("br, identity;q=0.5", Some(Coding::Brotli)),
            ("br;q=0,gzip;q=0,identity;q=0", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(asset().preferred(&headers).0, expected, "{accepted}");
        }
    }

    #[test]
    fn each_form_has_its_own_tag() {
        let asset = asset();
        let (brotli, gzip) = (&asset.compressed[0].1, &asset.compressed[1].1);
        assert_ne!(asset.plain.tag, brotli.tag);
        assert_ne!(brotli.tag, gzip.tag);
        for (given, known) in [
            (brotli.tag.as_str(), true),
            (&format!("\"x\", W/{}", brotli.tag), true),
            ("*", true),
            (&asset.plain.tag, false),
            (brotli.tag.trim_matches('"'), false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, given.parse().unwrap());
            assert_eq!(is_known(&headers, &brotli.tag), known, "{given}");
        }
    }
}
