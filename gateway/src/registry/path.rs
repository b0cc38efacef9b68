//! Paths below `/v2/`. Names have any number of components, so a path is parsed
//! from its end.

use crate::route::Route;
use percent_encoding::percent_decode_str;
use refity_types::digest::{Digest, DigestError};
use refity_types::name::{NameError, Reference, RepositoryName, UploadId};

use super::error::RegistryError;

macro_rules! endpoints {
    ($($(#[$doc:meta])* $name:ident $(($($field:ty),*))?: $path:literal, $methods:literal;)*) => {
        /// A parsed path of the registry protocol (OCI distribution specification, "Endpoints", and
        /// Distribution's catalog). Malformed references and digests are kept, because the error
        /// for them depends on the method.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Endpoint {
            $($(#[$doc])* $name $(($($field),*))?,)*
        }

        /// The routes of the registry protocol.
        pub const REGISTRY_ROUTES: &[Route] = &[
            $(Route { path: $path, methods: $methods },)*
        ];

        impl Endpoint {
            /// Returns the methods of the path, in the format of `Allow`.
            pub(super) fn methods(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $methods,)*
                }
            }
        }
    };
}

endpoints! {
    /// The version check, with which clients also check their credentials.
    Version: "/v2/", "GET, HEAD";
    /// The names of all repositories.
    Catalog: "/v2/_catalog", "GET, HEAD";
    /// The tags of a repository.
    Tags(RepositoryName): "/v2/{name}/tags/list", "GET, HEAD";
    /// A manifest, by tag or digest.
    Manifest(RepositoryName, Result<Reference, NameError>):
        "/v2/{name}/manifests/{reference}", "GET, HEAD, PUT, DELETE";
    /// The manifests that refer to a manifest.
    Referrers(RepositoryName, Result<Digest, DigestError>):
        "/v2/{name}/referrers/{digest}", "GET, HEAD";
    /// A blob.
    Blob(RepositoryName, Result<Digest, DigestError>):
        "/v2/{name}/blobs/{digest}", "GET, HEAD, DELETE";
    /// Where uploads start.
    Uploads(RepositoryName): "/v2/{name}/blobs/uploads/", "POST";
    /// An upload.
    Upload(RepositoryName, UploadId):
        "/v2/{name}/blobs/uploads/{id}", "GET, HEAD, PATCH, PUT, DELETE";
}

impl Endpoint {
    /// Parses a request's path, percent-decoding it once.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchPath`], [`RegistryError::NameInvalid`], and
    /// [`RegistryError::UploadInvalid`] for an invalid upload id.
    pub(crate) fn parse(path: &str) -> Result<Self, RegistryError> {
        let rest = match path.strip_prefix("/v2") {
            Some("" | "/") => return Ok(Self::Version),
            Some(rest) => rest.strip_prefix('/').ok_or(RegistryError::NoSuchPath)?,
            None => return Err(RegistryError::NoSuchPath),
        };
        let parts: Vec<String> = rest
            .split('/')
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["_catalog"] => Ok(Self::Catalog),
            [name @ .., "tags", "list"] => Ok(Self::Tags(repository(name)?)),
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                Ok(Self::Uploads(repository(name)?))
            }
            [name @ .., "blobs", "uploads", id] => {
                let id = id
                    .parse()
                    .map_err(|error: NameError| RegistryError::UploadInvalid(error.to_string()))?;
                Ok(Self::Upload(repository(name)?, id))
            }
            [name @ .., "blobs", digest] => Ok(Self::Blob(repository(name)?, digest.parse())),
            [name @ .., "manifests", reference] => {
                Ok(Self::Manifest(repository(name)?, reference.parse()))
            }
            [name @ .., "referrers", digest] => {
                Ok(Self::Referrers(repository(name)?, digest.parse()))
            }
            _ => Err(RegistryError::NoSuchPath),
        }
    }

    /// Returns the repository of the path.
    pub(crate) fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Version | Self::Catalog => None,
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Referrers(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _) => Some(name),
        }
    }
}

fn repository(parts: &[&str]) -> Result<RepositoryName, RegistryError> {
    parts.join("/").parse().map_err(RegistryError::NameInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn each_path_is_parsed_from_its_end() {
        let digest = Digest::sha256(b"x");
        let id = UploadId::random();
        let reference = Reference::Tag("v1.0".parse().unwrap());
        for (path, endpoint) in [
            ("/v2".to_owned(), Endpoint::Version),
            ("/v2/".to_owned(), Endpoint::Version),
            ("/v2/_catalog".to_owned(), Endpoint::Catalog),
            ("/v2/a/tags/list".to_owned(), Endpoint::Tags(name("a"))),
            (
                "/v2/a/b/c/d/e/manifests/v1.0".to_owned(),
                Endpoint::Manifest(name("a/b/c/d/e"), Ok(reference.clone())),
            ),
            (
                "/v2/manifests/tags/list/manifests/v1.0".to_owned(),
                Endpoint::Manifest(name("manifests/tags/list"), Ok(reference)),
            ),
            (
                format!("/v2/blobs/uploads/blobs/{digest}"),
                Endpoint::Blob(name("blobs/uploads"), Ok(digest.clone())),
            ),
            (
                format!(
                    "/v2/team%2Fapp/blobs/{}",
                    digest.as_str().replace(':', "%3A")
                ),
                Endpoint::Blob(name("team/app"), Ok(digest.clone())),
            ),
            (
                "/v2/a/b/blobs/uploads/".to_owned(),
                Endpoint::Uploads(name("a/b")),
            ),
            (
                "/v2/a/b/blobs/uploads".to_owned(),
                Endpoint::Uploads(name("a/b")),
            ),
            (
                format!("/v2/a/b/blobs/uploads/{id}"),
                Endpoint::Upload(name("a/b"), id),
            ),
            (
                format!("/v2/a/referrers/{digest}"),
                Endpoint::Referrers(name("a"), Ok(digest)),
            ),
        ] {
            assert_eq!(Endpoint::parse(&path).unwrap(), endpoint, "{path}");
        }
    }

    #[test]
    fn malformed_references_are_left_to_the_method() {
        for path in [
            "/v2/a/manifests/.x",
            "/v2/a/manifests/sha256:zz",
            "/v2/a/manifests/",
        ] {
            let endpoint = Endpoint::parse(path).unwrap();
            assert!(matches!(endpoint, Endpoint::Manifest(_, Err(_))), "{path}");
        }
        for path in [
            "/v2/a/blobs/../../x",
            "/v2/a/blobs/x",
            "/v2/a/blobs/%2e%2e%2fx",
        ] {
            match Endpoint::parse(path) {
                Ok(Endpoint::Blob(_, digest)) => assert!(digest.is_err(), "{path}"),
                other => assert!(matches!(other, Err(RegistryError::NoSuchPath)), "{path}"),
            }
        }
    }

    #[test]
    fn ill_formed_ids_names_and_paths_are_refused() {
        for id in ["..", "%252E", "%252e%252e%252f", "..%2f..%2fx", "x", "%ff"] {
            let error = Endpoint::parse(&format!("/v2/a/b/blobs/uploads/{id}")).unwrap_err();
            assert!(
                matches!(error, RegistryError::UploadInvalid(_)),
                "{id}: {error}"
            );
        }
        for path in [
            "/v2/A/tags/list",
            "/v2//tags/list",
            "/v2/a//b/tags/list",
            "/v2/../x/tags/list",
        ] {
            let error = Endpoint::parse(path).unwrap_err();
            assert!(
                matches!(error, RegistryError::NameInvalid(_)),
                "{path}: {error}"
            );
        }
        for path in [
            "/",
            "/v3/",
            "/v2x",
            "/v2/x",
            "/v2/a/b",
            "/v2/a/tags",
            "/v2/a/blobs/uploads/x/y",
        ] {
            let error = Endpoint::parse(path).unwrap_err();
            assert!(
                matches!(error, RegistryError::NoSuchPath),
                "{path}: {error}"
            );
        }
    }
}
