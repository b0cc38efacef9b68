//! Referrers: signatures, SBOMs and other artifacts that have a subject.

use bytes::Bytes;
use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, descriptor};
use serde_json::{Value, json};

use super::APP;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// An artifact of this type that refers to a subject.
fn artifact(subject: &Value, artifact_type: Option<&str>, note: &str) -> Bytes {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(EMPTY, b"{}"),
        "layers": [descriptor(EMPTY, b"{}")],
        "subject": subject,
        "annotations": { "org.example.note": note },
    });
    if let Some(artifact_type) = artifact_type {
        manifest["artifactType"] = json!(artifact_type);
    }
    Bytes::from(manifest.to_string())
}

/// An index that refers to a subject and does not say what it is.
fn index_of(subject: &Value) -> Bytes {
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": subject,
    });
    Bytes::from(index.to_string())
}

async fn push(client: &Client, media_type: &str, manifest: &Bytes) -> Answer {
    let digest = sha256(manifest);
    let put = client.put_manifest(APP, &digest, media_type, manifest.clone());
    put.await.gives(201)
}

async fn referrers(client: &Client, subject: &str, query: &str) -> Answer {
    let path = format!("/v2/{APP}/referrers/{subject}{query}");
    let answer = client.get(&path).await.gives(200);
    assert_eq!(answer.header("content-type"), Some(INDEX));
    let body = answer.json();
    assert_eq!(
        (&body["schemaVersion"], &body["mediaType"]),
        (&json!(2), &json!(INDEX))
    );
    answer
}

fn digests(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let manifests = body["manifests"].as_array().expect("a list");
    let digest = |entry: &Value| entry["digest"].as_str().expect("a digest").to_owned();
    manifests.iter().map(digest).collect()
}

#[tokio::test]
async fn artifacts_are_found_by_their_subject() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    let subject = descriptor(MANIFEST, &image.manifest);
    let (digest, other) = (image.digest(), sha256(b"other"));
    assert_eq!(digests(&referrers(&client, &digest, "").await).len(), 0);

    // The artifacts come first: the subject may be absent.
    client
        .push_blob(APP, Bytes::from_static(b"{}"))
        .await
        .unwrap();
    let sbom = artifact(&subject, Some("application/vnd.example.sbom"), "an SBOM");
    let signature = artifact(
        &subject,
        Some("application/vnd.example.signature+json"),
        "signed",
    );
    let plain = artifact(&subject, Some(""), "its config names its type");
    for manifest in [&sbom, &signature, &plain] {
        let answer = push(&client, MANIFEST, manifest).await;
        assert_eq!(answer.header("oci-subject"), Some(&*digest));
    }
    let index = Bytes::from(
        json!({
            "schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": subject,
            "artifactType": "application/vnd.example.sbom",
        })
        .to_string(),
    );
    let untyped = index_of(&subject);
    for index in [&index, &untyped] {
        let answer = push(&client, INDEX, index).await;
        assert_eq!(answer.header("oci-subject"), Some(&*digest));
    }
    image.push(&client, APP, "v1").await.unwrap();

    let all = referrers(&client, &digest, "").await;
    assert_eq!(
        digests(&all),
        [&sbom, &signature, &plain, &index, &untyped].map(|m| sha256(m))
    );
    assert_eq!(all.header("oci-filters-applied"), None);
    let expected = json!({
        "mediaType": MANIFEST, "digest": sha256(&sbom), "size": sbom.len(),
        "artifactType": "application/vnd.example.sbom",
        "annotations": { "org.example.note": "an SBOM" },
    });
    assert_eq!(all.json()["manifests"][0], expected);
    assert_eq!(all.json()["manifests"][2]["artifactType"], json!(EMPTY));
    let last = json!({
        "mediaType": INDEX, "digest": sha256(&index), "size": index.len(),
        "artifactType": "application/vnd.example.sbom",
    });
    assert_eq!(all.json()["manifests"][3], last);
    // An index has no configuration whose type it could have.
    let bare = json!({ "mediaType": INDEX, "digest": sha256(&untyped), "size": untyped.len() });
    assert_eq!(all.json()["manifests"][4], bare);

    for (artifact_type, expected) in [
        (
            "application/vnd.example.sbom",
            vec![sha256(&sbom), sha256(&index)],
        ),
        (
            "application%2Fvnd.example.signature%2Bjson",
            vec![sha256(&signature)],
        ),
        (
            "application/vnd.example.signature+json",
            vec![sha256(&signature)],
        ),
        (EMPTY, vec![sha256(&plain)]),
        ("application/unknown", vec![]),
    ] {
        let query = format!("?artifactType={artifact_type}");
        let filtered = referrers(&client, &digest, &query).await;
        assert_eq!(digests(&filtered), expected, "{artifact_type}");
        assert_eq!(filtered.header("oci-filters-applied"), Some("artifactType"));
    }

    // Of this repository and this subject only, and never an error.
    assert_eq!(digests(&referrers(&client, &other, "").await).len(), 0);
    for repository in ["team/unknown", "nobody/nothing"] {
        let path = format!("/v2/{repository}/referrers/{digest}");
        let answer = client.get(&path).await.gives(200);
        assert_eq!(answer.json()["manifests"], json!([]));
    }
    let path = format!("/v2/{APP}/referrers/sha256:zz");
    client.get(&path).await.refuses(400, "DIGEST_INVALID");
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn many_referrers_come_by_pages() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let subject = descriptor(MANIFEST, b"absent");
    let digest = sha256(b"absent");
    client
        .push_blob(APP, Bytes::from_static(b"{}"))
        .await
        .unwrap();
    let mut pushed = Vec::new();
    for n in 0..6 {
        let kind = ["application/vnd.example.a+b", "application/vnd.example.c"][n % 2];
        // Two of these are more than an answer may hold.
        let note = "x".repeat(if n < 4 { 2_500_000 } else { 10 });
        let manifest = artifact(&subject, Some(kind), &format!("{n}{note}"));
        push(&client, MANIFEST, &manifest).await;
        pushed.push(sha256(&manifest));
    }
    let pages = async |query: &str| {
        let mut target = Some(format!("/v2/{APP}/referrers/{digest}{query}"));
        let mut seen: Vec<Vec<String>> = Vec::new();
        while let Some(page) = target {
            let answer = client.get(&page).await.gives(200);
            assert!(
                answer.body.len() <= 4 * 1024 * 1024,
                "{}",
                answer.body.len()
            );
            let filters = query.contains("artifactType").then_some("artifactType");
            assert_eq!(answer.header("oci-filters-applied"), filters, "{query}");
            seen.push(digests(&answer));
            target = answer.next_page();
        }
        seen
    };
    let lengths = |pages: &[Vec<String>]| pages.iter().map(Vec::len).collect::<Vec<_>>();
    let all = pages("").await;
    assert_eq!(
        (lengths(&all), all.concat()),
        (vec![1, 1, 1, 3], pushed.clone())
    );
    let some = pages("?n=2").await;
    assert_eq!(
        (lengths(&some), some.concat()),
        (vec![1, 1, 1, 2, 1], pushed.clone())
    );
    let half: Vec<String> = pushed.iter().step_by(2).cloned().collect();
    assert_eq!(
        pages("?artifactType=application/vnd.example.a%2Bb")
            .await
            .concat(),
        half
    );
    assert_eq!(pages("?n=0").await, [Vec::<String>::new()]);
    for query in ["n=x", "last=x", "last=", "n=1&n=2"] {
        let path = format!("/v2/{APP}/referrers/{digest}?{query}");
        client.get(&path).await.gives(400);
    }
}
