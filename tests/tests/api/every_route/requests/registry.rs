//! Requests to `/v2`.

use refity_gateway::route::API_PAGES;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::random;

use super::super::principals::{APP, Scene};
use super::{Body, Call, bare};

/// The request, if the route is one of these.
pub(super) async fn call(scene: &Scene, method: &str, route: &str) -> Option<Call> {
    let image = &scene.image;
    let digest = image.digest();
    let uploads = format!("/v2/{APP}/blobs/uploads/");
    let call = match (method, route) {
        (_, "/v2/" | "/v2/_catalog") => bare(route),
        ("GET", page) if API_PAGES.contains(&page) => bare(page),
        (_, "/v2/{name}/tags/list") => bare(format!("/v2/{APP}/tags/list")),
        ("GET" | "HEAD", "/v2/{name}/manifests/{reference}") => {
            bare(format!("/v2/{APP}/manifests/v1"))
        }
        ("PUT", "/v2/{name}/manifests/{reference}") => Call {
            path: format!("/v2/{APP}/manifests/put-{}", scene.number()),
            body: Body::Bytes(image.media_type(), image.manifest.clone()),
        },
        ("DELETE", "/v2/{name}/manifests/{reference}") => {
            bare(format!("/v2/{}/manifests/v1", scene.repository().await))
        }
        (_, "/v2/{name}/referrers/{digest}") => bare(format!("/v2/{APP}/referrers/{digest}")),
        ("GET" | "HEAD", "/v2/{name}/blobs/{digest}") => {
            bare(format!("/v2/{APP}/blobs/{}", image.id()))
        }
        ("DELETE", "/v2/{name}/blobs/{digest}") => {
            let pushed = scene.admin.push_blob(APP, random::bytes(10)).await;
            bare(format!("/v2/{APP}/blobs/{}", pushed.expect("a push")))
        }
        ("POST", "/v2/{name}/blobs/uploads/") => bare(uploads),
        (_, "/v2/{name}/blobs/uploads/{id}") => {
            let upload = scene.admin.start_upload(APP).await.gives(202).location();
            let (bytes, kind) = (random::bytes(10), "application/octet-stream");
            match method {
                "PATCH" => Call {
                    path: upload,
                    body: Body::Bytes(kind, bytes),
                },
                "PUT" => Call {
                    path: format!("{upload}?digest={}", sha256(&bytes)),
                    body: Body::Bytes(kind, bytes),
                },
                _ => bare(upload),
            }
        }
        _ => return None,
    };
    Some(call)
}
