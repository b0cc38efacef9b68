//! Tests of the handlers as a whole, against a real database and spool.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use futures_util::stream;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::access::{Actor, Identity};
use refity_types::digest::{Algorithm, Digest};
use refity_types::media_type::OCI_MANIFEST;
use refity_types::name::UploadId;

/// A gateway with the group `team` and its administrator.
pub(super) struct Registry {
    pub(super) state: AppState,
    actor: Actor,
    folder: TempDir,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

impl Registry {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path()).await;
        let store = &state.node.store;
        store.create_group(&"team".parse().unwrap()).await.unwrap();
        store
            .create_first_admin(String::new(), false)
            .await
            .unwrap();
        let admin = store
            .user(&"admin".parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        let actor = Actor {
            identity: Identity::by_password(admin),
            granted: None,
        };
        Self {
            state,
            actor,
            folder,
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let (parts, body) = request.into_parts();
        let answer = match Authorized::for_test(&parts, self.actor.clone()) {
            Ok(request) => dispatch(State(self.state.clone()), request, parts, body).await,
            Err(error) => Err(error),
        };
        let (parts, body) = answer.into_response().into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        self.ask(method, path, &[], body.to_owned().into()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], Body::empty()).await
    }

    /// Opens a session. Returns its path.
    async fn session(&self) -> String {
        let answer = self
            .send(Method::POST, "/v2/team/app/blobs/uploads/", "")
            .await;
        assert_eq!(answer.status, 202);
        answer.location().to_owned()
    }

    async fn push(&self, bytes: &str) -> Digest {
        let digest = Digest::sha256(bytes.as_bytes());
        let path = format!("/v2/team/app/blobs/uploads/?digest={digest}");
        assert_eq!(self.send(Method::POST, &path, bytes).await.status, 201);
        digest
    }

    fn spool_files(&self) -> Vec<std::path::PathBuf> {
        let files = std::fs::read_dir(self.folder.path().join("spool/files")).unwrap();
        files
            .flat_map(|fan| std::fs::read_dir(fan.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path())
            .collect()
    }
}

#[tokio::test]
async fn chunks_and_a_last_one_in_the_put_make_one_blob() {
    let registry = Registry::start().await;
    let session = registry.session().await;
    for (range, chunk) in [("0-2", "abc"), ("3-5", "def")] {
        let headers = [("content-range", range), ("content-length", "3")];
        let answer = registry
            .ask(Method::PATCH, &session, &headers, chunk.into())
            .await;
        assert_eq!(
            (answer.status, &answer.headers["range"] == "0-5"),
            (202, chunk == "def")
        );
    }
    let digest = Digest::sha256(b"abcdefghi");
    let put = format!("{session}?digest={digest}");
    let answer = registry.send(Method::PUT, &put, "ghi").await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.location(), format!("/v2/team/app/blobs/{digest}"));
    let blob = registry.get(answer.location()).await;
    assert_eq!(
        (blob.status, blob.body.as_slice()),
        (200, b"abcdefghi".as_slice())
    );
    // The same request returns the same response; any other finds no session.
    assert_eq!(registry.send(Method::PUT, &put, "").await.status, 201);
    let other = format!("{session}?digest={}", Digest::sha256(b"x"));
    for (method, path) in [
        (Method::PUT, &other),
        (Method::PATCH, &session),
        (Method::GET, &session),
    ] {
        let answer = registry.send(method, path, "").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "BLOB_UPLOAD_UNKNOWN")
        );
    }
}

#[tokio::test]
async fn an_out_of_order_chunk_leaves_the_session_unchanged() {
    let registry = Registry::start().await;
    let session = registry.session().await;
    registry.send(Method::PATCH, &session, "abc").await;
    for range in ["0-2", "2-4", "4-6"] {
        let headers = [("content-range", range)];
        let answer = registry
            .ask(Method::PATCH, &session, &headers, "xyz".into())
            .await;
        assert_eq!(
            (answer.status, answer.headers["range"].to_str().unwrap()),
            (416, "0-2")
        );
    }
    // Without `Content-Length`, a body that is longer than its range is only
    // detected at its end.
    let headers = [("content-range", "3-5")];
    let answer = registry
        .ask(Method::PATCH, &session, &headers, "wxyz".into())
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "SIZE_INVALID")
    );
    let put = format!("{session}?digest={}", Digest::sha256(b"abcdef"));
    assert_eq!(registry.send(Method::PUT, &put, "def").await.status, 201);
}

#[tokio::test]
async fn received_bytes_of_an_interrupted_body_are_kept() {
    let registry = Registry::start().await;
    let session = registry.session().await;
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let torn = Body::from_stream(stream::iter([Ok("abc"), Ok("de"), Err(reset)]));
    registry.ask(Method::PATCH, &session, &[], torn).await;
    assert_eq!(registry.get(&session).await.headers["range"], "0-4");
    let put = format!("{session}?digest={}", Digest::sha256(b"abcdef"));
    assert_eq!(registry.send(Method::PUT, &put, "f").await.status, 201);
}

#[tokio::test]
async fn a_digest_mismatch_cancels_the_session_and_leaves_no_file() {
    let registry = Registry::start().await;
    let existing = registry.push("here").await;
    let session = registry.session().await;
    for bytes in ["other", ""] {
        let session = registry.session().await;
        let put = format!("{session}?digest={existing}");
        let answer = registry.send(Method::PUT, &put, bytes).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "DIGEST_INVALID")
        );
        assert_eq!(registry.get(&session).await.status, 404);
    }
    let cancelled = registry.send(Method::DELETE, &session, "").await;
    assert_eq!(cancelled.status, 204);
    assert_eq!(registry.spool_files().len(), 1);
    let blob = registry
        .get(&format!("/v2/team/app/blobs/{existing}"))
        .await;
    assert_eq!(blob.body, b"here");
}

#[tokio::test]
async fn a_digest_of_another_algorithm_is_checked_too() {
    let registry = Registry::start().await;
    let digest = Digest::of(Algorithm::Sha512, b"abc");
    for query in ["", "?digest-algorithm=sha512"] {
        let begin = format!("/v2/team/app/blobs/uploads/{query}");
        let session = registry
            .send(Method::POST, &begin, "")
            .await
            .location()
            .to_owned();
        let put = format!("{session}?digest={digest}");
        assert_eq!(registry.send(Method::PUT, &put, "abc").await.status, 201);
    }
    let blob = registry.get(&format!("/v2/team/app/blobs/{digest}")).await;
    assert_eq!(blob.headers["docker-content-digest"], digest.as_str());
}

#[tokio::test]
async fn a_push_restores_a_missing_file() {
    let registry = Registry::start().await;
    let digest = registry.push("abc").await;
    let path = format!("/v2/team/app/blobs/{digest}");
    std::fs::remove_file(&registry.spool_files()[0]).unwrap();
    registry.push("abc").await;
    assert_eq!(registry.get(&path).await.body, b"abc");
    // If the same bytes are pushed twice, only one file is kept.
    registry.push("abc").await;
    assert_eq!(registry.spool_files().len(), 1);
    std::fs::write(&registry.spool_files()[0], "a").unwrap();
    let lost = registry.get(&path).await;
    assert_eq!((lost.status, lost.code().as_str()), (404, "BLOB_UNKNOWN"));
    registry.push("abc").await;
    assert_eq!(registry.get(&path).await.body, b"abc");
}

#[tokio::test]
async fn a_push_replaces_a_corrupt_file_of_the_right_size() {
    let registry = Registry::start().await;
    let digest = registry.push("abc").await;
    std::fs::write(&registry.spool_files()[0], "xyz").unwrap();
    registry.push("abc").await;
    let blob = registry.get(&format!("/v2/team/app/blobs/{digest}")).await;
    assert_eq!(blob.body, b"abc");
    assert_eq!(registry.spool_files().len(), 1);
}

#[tokio::test]
async fn no_file_is_created_for_another_repositorys_session() {
    let registry = Registry::start().await;
    let session = registry.session().await;
    let files = registry.spool_files();
    let foreign = session.replace("team/app", "team/other");
    let unknown = format!("/v2/team/app/blobs/uploads/{}", uuid::Uuid::new_v4());
    for path in [foreign, unknown] {
        let put = format!("{path}?digest={}", Digest::sha256(b"abc"));
        for (method, path) in [
            (Method::PATCH, &path),
            (Method::PUT, &put),
            (Method::DELETE, &path),
        ] {
            let answer = registry.send(method, path, "abc").await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (404, "BLOB_UPLOAD_UNKNOWN")
            );
        }
    }
    assert_eq!(registry.spool_files(), files);
    let refused = registry
        .send(Method::POST, "/v2/nowhere/app/blobs/uploads/", "")
        .await;
    assert_eq!(refused.status, 403);
    assert_eq!(registry.spool_files(), files);
    // The session itself is unchanged.
    assert_eq!(
        registry.send(Method::PATCH, &session, "a").await.status,
        202
    );
}

#[tokio::test]
async fn a_request_that_waited_uses_the_sessions_current_state() {
    let registry = Registry::start().await;
    let (spool, store) = (&registry.state.node.spool, &registry.state.node.store);
    let (app, digest) = ("team/app".parse().unwrap(), Digest::sha256(b"abc"));
    for (commits, status) in [(true, 201), (false, 404)] {
        let session = registry.session().await;
        registry.send(Method::PATCH, &session, "abc").await;
        let id: UploadId = session.rsplit('/').next().unwrap().parse().unwrap();
        let other = spool.lock_upload(id).await.unwrap().unwrap();
        let put = format!("{session}?digest={digest}");
        let mut waiting = Box::pin(registry.send(Method::PUT, &put, ""));
        let short = Duration::from_millis(100);
        assert!(tokio::time::timeout(short, &mut waiting).await.is_err());
        if commits {
            let committed = store.commit_upload(id, &app, &digest, 3).await.unwrap();
            assert!(matches!(committed, refity_store::Committed::Blob { .. }));
            drop(other);
        } else {
            store.cancel_upload(id).await.unwrap();
            other.discard().await.unwrap();
        }
        assert_eq!(waiting.await.status, status);
    }
    assert_eq!(registry.spool_files().len(), 1);
}

#[tokio::test]
async fn a_session_without_its_file_is_unknown() {
    let registry = Registry::start().await;
    let session = registry.session().await;
    std::fs::remove_file(&registry.spool_files()[0]).unwrap();
    for _ in 0..2 {
        let answer = registry.send(Method::PATCH, &session, "abc").await;
        assert_eq!(answer.status, 404);
    }
    assert_eq!(registry.spool_files().len(), 0);
}

#[tokio::test]
async fn blobs_are_mounted_from_readable_repositories_only() {
    let registry = Registry::start().await;
    let digest = registry.push("abc").await;
    let elsewhere = format!("/v2/team/other/blobs/{digest}");
    assert_eq!(registry.get(&elsewhere).await.status, 404);
    for (from, status) in [
        ("&from=team/none", 202),
        ("&from=Not%20a%20name", 202),
        ("&from=team/app", 201),
    ] {
        let mount = format!("/v2/team/other/blobs/uploads/?mount={digest}{from}");
        assert_eq!(
            registry.send(Method::POST, &mount, "").await.status,
            status,
            "{from}"
        );
    }
    assert_eq!(registry.get(&elsewhere).await.body, b"abc");
}

#[tokio::test]
async fn a_manifest_requires_the_content_it_references() {
    let registry = Registry::start().await;
    let (config, layer) = (Digest::sha256(b"{}"), registry.push("layer").await);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 },
        "layers": [{ "mediaType": "text/plain", "digest": layer, "size": 5 }],
    })
    .to_string();
    let put = |path| registry.send(Method::PUT, path, &manifest);
    let answer = put("/v2/team/app/manifests/v1").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (404, "MANIFEST_BLOB_UNKNOWN")
    );
    assert!(
        registry
            .state
            .node
            .spool
            .list_intents()
            .await
            .unwrap()
            .is_empty()
    );
    registry.push("{}").await;
    let answer = put("/v2/team/app/manifests/v1").await;
    assert_eq!(answer.status, 201);
    for path in ["/v2/team/app/manifests/v1", answer.location()] {
        let got = registry.get(path).await;
        assert_eq!((got.status, got.body), (200, manifest.clone().into_bytes()));
        assert_eq!(got.headers["content-type"], OCI_MANIFEST.as_str());
    }
    let wrong = format!("/v2/team/app/manifests/{config}");
    assert_eq!(put(&wrong).await.code(), "DIGEST_INVALID");
    let tags = registry.get("/v2/team/app/tags/list?n=0").await;
    assert_eq!(tags.body, br#"{"name":"team/app","tags":[]}"#);
}

#[tokio::test]
async fn a_push_supersedes_one_interrupted_by_a_kill() {
    let registry = Registry::start().await;
    let node = &registry.state.node;
    // As if the clock had been ahead at that time and the push had not
    // committed.
    let ahead = node.store.next_generation().await.unwrap() + (1 << 40);
    let manifest = bytes::Bytes::from_static(b"{}");
    let intent = refity_spool::Intent {
        generation: ahead,
        repository: "team/app".parse().unwrap(),
        action: refity_spool::IntentAction::Put {
            media_type: OCI_MANIFEST,
            digest: Digest::sha256(&manifest),
            tags: Vec::new(),
            manifest,
        },
    };
    let id = refity_types::name::IntentId::random();
    node.spool.write_intent(id, intent).await.unwrap();
    assert!(node.store.next_generation().await.unwrap() < ahead);
    let restarted = refity_node::Node::open(registry.folder.path(), "gateway").await;
    let restarted = restarted.unwrap();
    assert!(restarted.store.next_generation().await.unwrap() > ahead);
    assert!(node.store.next_generation().await.unwrap() > ahead);
}

#[tokio::test]
async fn only_an_accepted_delete_leaves_an_intent() {
    let registry = Registry::start().await;
    let (config, alone) = (registry.push("{}").await, registry.push("alone").await);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 },
        "layers": [],
    })
    .to_string();
    let path = "/v2/team/app/manifests/v1";
    let put = registry.send(Method::PUT, path, &manifest).await;
    assert_eq!(put.status, 201);
    let spool = &registry.state.node.spool;
    for (blob, status, intents) in [(&config, 405, 1), (&alone, 202, 2)] {
        let path = format!("/v2/team/app/blobs/{blob}");
        let answer = registry.send(Method::DELETE, &path, "").await;
        assert_eq!(answer.status, status);
        assert_eq!(spool.list_intents().await.unwrap().len(), intents);
        assert!(spool.list_prepared_intents().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_full_disk_and_a_missing_group_refuse_a_push_before_its_bytes() {
    let mut registry = Registry::start().await;
    let session = registry.session().await;
    let begin = "/v2/nowhere/app/blobs/uploads/";
    let answer = registry.send(Method::POST, begin, "").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"));
    registry.state.settings_mut().spool.spool_min_free = u64::MAX;
    let answer = registry.send(Method::PATCH, &session, "abc").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "UNAVAILABLE")
    );
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(registry.get(&session).await.status, 204);
}

#[tokio::test]
async fn a_synchronous_push_that_times_out_is_kept() {
    let mut registry = Registry::start().await;
    registry.state.settings_mut().sync = Some(Duration::from_millis(50));
    let session = registry.session().await;
    let put = format!("{session}?digest={}", Digest::sha256(b"abc"));
    for _ in 0..2 {
        let answer = registry.send(Method::PUT, &put, "abc").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (503, "UNAVAILABLE")
        );
    }
    let blob = format!("/v2/team/app/blobs/{}", Digest::sha256(b"abc"));
    assert_eq!(registry.get(&blob).await.body, b"abc");
}

#[tokio::test]
async fn the_catalog_names_only_what_the_reader_may_pull() {
    let mut registry = Registry::start().await;
    registry.push("layer").await;
    let answer = registry.get("/v2/_catalog").await;
    let listed: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(listed, json!({ "repositories": ["team/app"] }));
    registry.actor.identity = Identity::anonymous();
    let answer = registry.get("/v2/_catalog?n=1").await;
    let listed: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(listed, json!({ "repositories": [] }));
    assert!(answer.headers.get(header::LINK).is_none());
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused_and_its_session_survives() {
    let registry = Registry::start().await;
    let session = registry.session().await;
    let uploads = &registry.state.uploads;
    let others: Vec<_> = std::iter::from_fn(|| uploads.acquire(None).ok()).collect();
    let refused = registry.send(Method::PATCH, &session, "abc").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "TOOMANYREQUESTS")
    );
    assert!(refused.headers.contains_key("retry-after"));
    // A request without a body takes no permit.
    registry.session().await;
    assert_eq!(registry.get(&session).await.status, 204);
    drop(others);
    for _ in 0..10 {
        let sent = registry.send(Method::PATCH, &session, "abc").await;
        assert_eq!(sent.status, 202, "each permit comes back");
    }
}
