//! The paths of the gateway that the API description does not list, for the
//! router and the tests.

/// The pages below `/api`: the viewer of the API description, and the files
/// that it loads.
pub const API_PAGES: [&str; 3] = ["/api/docs", "/api/docs/page.js", "/api/docs/style.css"];

/// A path with its methods.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The pattern, with parameters in braces. `{name}` matches any number of
    /// components.
    pub path: &'static str,
    /// The methods in the format of `Allow`, separated by a comma and a space.
    pub methods: &'static str,
}

pub use crate::registry::REGISTRY_ROUTES;
