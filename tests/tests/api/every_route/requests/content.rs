//! Requests about groups, repositories, tags and images, also by the older
//! paths.

use serde_json::json;

use super::super::principals::{APP, Scene};
use super::{Call, bare, with};

/// The request, if the route is one of these.
pub(super) async fn call(scene: &Scene, method: &str, route: &str) -> Option<Call> {
    let digest = scene.image.digest();
    let call = match (method, route) {
        ("GET", "/api/groups" | "/api/repos" | "/api/repositories" | "/api/dashboard") => {
            bare(route)
        }
        ("GET", "/api/overview" | "/api/config") => bare(route),
        ("GET", "/api/search") => bare("/api/search?q=app"),
        ("POST", "/api/groups") => with(route, json!({ "name": format!("new{}", scene.number()) })),
        ("PATCH", "/api/groups/{group}") => {
            with("/api/groups/team", json!({ "create_on_push": true }))
        }
        ("DELETE", "/api/groups/{group}") => bare(format!("/api/groups/{}", scene.group().await)),
        ("GET", "/api/groups/{group}/repositories") => bare("/api/groups/team/repositories"),
        ("GET", "/api/groups/{group}/repositories/{repository}/tags") => {
            bare("/api/groups/team/repositories/app/tags")
        }
        ("POST", "/api/repos" | "/api/repositories") => with(
            route,
            json!({ "name": format!("team/new{}", scene.number()) }),
        ),
        ("DELETE", "/api/repos") => with(
            format!("/api/repos?repo={}", scene.repository().await),
            json!({ "dry_run": false }),
        ),
        ("DELETE", "/api/repositories/{repository}") => {
            bare(format!("/api/repositories/{}", scene.repository().await))
        }
        ("DELETE", "/api/repositories/{repository}/tags/{tag}") => {
            let repository = scene.repository().await;
            bare(format!("/api/repositories/{repository}/tags/v1"))
        }
        ("GET", "/api/tags") => bare(format!("/api/tags?repo={APP}")),
        ("POST", "/api/tags/delete") => with(
            route,
            json!({ "repo": scene.repository().await, "tags": ["v1"], "dry_run": false }),
        ),
        ("GET", "/api/image") => bare(format!("/api/image?repo={APP}&ref=v1")),
        ("DELETE", "/api/image") => with(
            format!(
                "/api/image?repo={}&digest={digest}",
                scene.repository().await
            ),
            json!({ "dry_run": false }),
        ),
        ("GET", "/api/referrers") => bare(format!("/api/referrers?repo={APP}&digest={digest}")),
        ("GET", "/api/diff") => bare(format!("/api/diff?repo={APP}&from=v1&to=v2")),
        _ => return None,
    };
    Some(call)
}
