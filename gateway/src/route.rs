//! The paths of the gateway that its API's description does not name: the
//! router and the tests read them here.

/// The pages below `/api`: one that shows the API's description, and what it
/// loads.
pub const API_PAGES: [&str; 3] = ["/api/docs", "/api/docs/page.js", "/api/docs/style.css"];

macro_rules! ends {
    ($($(#[$doc:meta])* $name:ident: $path:literal, $methods:literal;)*) => {
        /// An end of the registry protocol (OCI distribution specification,
        /// "Endpoints", and Distribution's catalog).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum End {
            $($(#[$doc])* $name,)*
        }

        impl End {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its path. `{name}` has any number of components.
            #[must_use]
            pub fn path(self) -> &'static str {
                match self {
                    $(Self::$name => $path,)*
                }
            }

            /// Its methods, as `Allow` lists them.
            #[must_use]
            pub fn methods(self) -> &'static str {
                match self {
                    $(Self::$name => $methods,)*
                }
            }
        }
    };
}

ends! {
    /// Whether this is a registry, and who asks.
    Version: "/v2/", "GET, HEAD";
    /// The names of all repositories.
    Catalog: "/v2/_catalog", "GET, HEAD";
    /// The tags of a repository.
    Tags: "/v2/{name}/tags/list", "GET, HEAD";
    /// A manifest, by tag or digest.
    Manifest: "/v2/{name}/manifests/{reference}", "GET, HEAD, PUT, DELETE";
    /// What refers to a manifest.
    Referrers: "/v2/{name}/referrers/{digest}", "GET, HEAD";
    /// A blob.
    Blob: "/v2/{name}/blobs/{digest}", "GET, HEAD, DELETE";
    /// Where uploads begin.
    Uploads: "/v2/{name}/blobs/uploads/", "POST";
    /// An upload.
    Upload: "/v2/{name}/blobs/uploads/{id}", "GET, HEAD, PATCH, PUT, DELETE";
}
