//! The paths of the gateway that its API's description does not list: the
//! router and the tests read them here.

/// The pages below `/api`: one that shows the API's description, and the files
/// that it loads.
pub const API_PAGES: [&str; 3] = ["/api/docs", "/api/docs/page.js", "/api/docs/style.css"];

/// A path with its methods.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// With parameters in braces. `{name}` has any number of components.
    pub path: &'static str,
    /// As `Allow` lists them, separated by a comma and a space.
    pub methods: &'static str,
}

pub use crate::registry::REGISTRY_ROUTES;
