//! Requests about transfers, the storage, the audit log, and the description.

use serde_json::json;

use super::super::principals::{APP, Scene};
use super::{Call, bare, with};

/// The request, if the route is one of these.
pub(super) fn call(scene: &Scene, method: &str, route: &str) -> Option<Call> {
    let call = match (method, route) {
        ("GET", "/api/jobs/{id}") => bare(format!("/api/jobs/{}", scene.failed_transfer())),
        ("POST", "/api/jobs/{id}/retry") => {
            bare(format!("/api/jobs/{}/retry", scene.failed_transfer()))
        }
        ("POST", "/api/jobs/retry-failed") => {
            scene.failed_transfer();
            bare(route)
        }
        ("GET", "/api/jobs") => bare(format!("/api/jobs?repo={APP}")),
        ("POST", "/api/gc") => with(route, json!({ "dry_run": true })),
        ("GET", "/api/storage/history") => bare("/api/storage/history?days=90"),
        ("GET", "/api/storage/top") => bare("/api/storage/top?by=logical"),
        (
            "GET",
            "/api/audit" | "/api/events" | "/api/ftp/usage" | "/api/jobs/summary"
            | "/api/openapi.json" | "/api/sftp/health" | "/api/storage",
        )
        | ("POST", "/api/sftp/check") => bare(route),
        _ => return None,
    };
    Some(call)
}
