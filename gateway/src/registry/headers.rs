//! The header values that several responses of the registry share.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use refity_types::digest::Digest;
use refity_types::name::{RepositoryName, UploadId};

/// `Docker-Content-Digest`.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// `Docker-Upload-UUID`, which some clients display.
pub(super) const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// `OCI-Subject`.
pub(super) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// `OCI-Tag`, for each tag that a push by digest set.
pub(super) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// `OCI-Filters-Applied`.
pub(super) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// `Docker-Distribution-Api-Version`, on every response.
pub(super) const API_VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("docker-distribution-api-version"),
    HeaderValue::from_static("registry/2.0"),
);

/// Returns the location of an upload. It is relative, so that it works behind
/// any proxy.
pub(super) fn upload_location(repository: &RepositoryName, id: UploadId) -> String {
    format!("/v2/{repository}/blobs/uploads/{id}")
}

/// Returns the `Range` header of an upload. Before any bytes are received it is
/// `0-0`, which clients know from Distribution.
pub(super) fn received_range(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}

/// Returns the entity tag of content: its digest.
pub(super) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Whether the client already has this content (RFC 9110 section 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, digest: &Digest) -> bool {
    let tag = entity_tag(digest);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Returns the request's `Content-Length`.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_entity_is_found_in_the_list() {
        let digest = Digest::sha256(b"x");
        let known = |value: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            is_known(&headers, &digest)
        };
        assert!(known(format!("\"{digest}\"")));
        assert!(known(format!("\"other\", W/\"{digest}\"")));
        assert!(known("*".to_owned()));
        assert!(!known("\"other\"".to_owned()));
        assert!(!known(digest.to_string()));
        assert!(!is_known(&HeaderMap::new(), &digest));
    }

    #[test]
    fn an_empty_upload_has_the_range_of_one_byte() {
        assert_eq!(received_range(0), "0-0");
        assert_eq!(received_range(1), "0-0");
        assert_eq!(received_range(100), "0-99");
    }
}
