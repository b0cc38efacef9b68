use serde_json::{Value, json};

use super::*;
use crate::media_type::{OCI_EMPTY, OCI_IMAGE_CONFIG};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

fn descriptor(media_type: &str, content: &str) -> Value {
    json!({
        "mediaType": media_type,
        "digest": Digest::sha256(content.as_bytes()),
        "size": content.len(),
    })
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "config": descriptor(OCI_IMAGE_CONFIG.as_str(), "config"),
        "layers": [descriptor(LAYER, "one"), descriptor(LAYER, "two"), descriptor(LAYER, "one")],
    })
}

fn index() -> Value {
    json!({
        "schemaVersion": 2,
        "manifests": [
            descriptor(OCI_MANIFEST.as_str(), "amd64"),
            descriptor(OCI_MANIFEST.as_str(), "arm64"),
        ],
    })
}

fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

fn parse(body: &Value, content_type: Option<&MediaType>) -> Result<Manifest, ManifestError> {
    Manifest::parse(body.to_string().as_bytes(), content_type)
}

fn contents(descriptors: &[&Descriptor]) -> Vec<Digest> {
    descriptors
        .iter()
        .map(|found| found.digest.clone())
        .collect()
}

fn digests(contents: &[&str]) -> Vec<Digest> {
    contents
        .iter()
        .map(|content| Digest::sha256(content.as_bytes()))
        .collect()
}

#[test]
fn the_type_is_what_the_body_says_or_implies() {
    for (body, own, effective) in [
        (image(), None, OCI_MANIFEST),
        (index(), None, OCI_INDEX),
        (image(), Some(OCI_MANIFEST), OCI_MANIFEST),
        (image(), Some(DOCKER_MANIFEST), DOCKER_MANIFEST),
        (index(), Some(OCI_INDEX), OCI_INDEX),
        (index(), Some(DOCKER_MANIFEST_LIST), DOCKER_MANIFEST_LIST),
    ] {
        let body = match own {
            Some(own) => with(body, "mediaType", own.as_str()),
            None => body,
        };
        for content_type in [None, Some(&effective)] {
            let manifest = parse(&body, content_type).unwrap();
            assert_eq!(manifest.media_type, effective);
            assert_eq!(Some(manifest.kind), ManifestKind::of(&effective));
        }
        for other in [
            OCI_MANIFEST,
            OCI_INDEX,
            DOCKER_MANIFEST,
            DOCKER_MANIFEST_LIST,
        ] {
            if other != effective {
                assert_eq!(
                    parse(&body, Some(&other)),
                    Err(ManifestError::ContentType {
                        content_type: other,
                        body: effective.clone()
                    })
                );
            }
        }
    }
}

#[test]
fn other_types_are_refused_in_the_header_and_in_the_body() {
    let json_type: MediaType = "application/json".parse().unwrap();
    let expected = Err(ManifestError::MediaType(json_type.clone()));
    assert_eq!(parse(&image(), Some(&json_type)), expected);
    assert_eq!(
        parse(&with(image(), "mediaType", "application/json"), None),
        expected
    );
}

#[test]
fn schema_1_is_refused_by_name() {
    let body = json!({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": [], "history": []});
    assert_eq!(parse(&body, None), Err(ManifestError::Schema1));
    assert_eq!(
        parse(&body, Some(&OCI_MANIFEST)),
        Err(ManifestError::Schema1)
    );
    for media_type in [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED] {
        assert_eq!(
            parse(&image(), Some(&media_type)),
            Err(ManifestError::Schema1)
        );
        let body = with(image(), "mediaType", media_type.as_str());
        assert_eq!(parse(&body, None), Err(ManifestError::Schema1));
    }
    assert!(ManifestError::Schema1.to_string().contains("schema 1"));
}

#[test]
fn each_invalid_field_is_refused_with_a_message() {
    let bad_layer = |field: &str, value: Value| {
        with(
            image(),
            "layers",
            vec![with(descriptor(LAYER, "one"), field, value)],
        )
    };
    for (body, words) in [
        (json!([]), "a JSON object"),
        (json!([2, OCI_MANIFEST]), "a JSON object"),
        (json!("manifest"), "a JSON object"),
        (json!({}), "missing field `schemaVersion`"),
        (with(image(), "schemaVersion", 3), "must be 2"),
        (with(image(), "schemaVersion", "2"), "invalid type: string"),
        (with(image(), "mediaType", "json"), "type/subtype"),
        (
            with(image(), "manifests", json!([])),
            "must not have the field config",
        ),
        (
            with(
                with(image(), "manifests", json!([])),
                "mediaType",
                OCI_MANIFEST.as_str(),
            ),
            "must not have the field manifests",
        ),
        (
            with(index(), "layers", json!([])),
            "must not have the field layers",
        ),
        (
            with(index(), "config", image()["config"].clone()),
            "must not have the field config",
        ),
        (without(image(), "config"), "must have the field config"),
        (without(image(), "layers"), "must have the field layers"),
        (
            with(json!({"schemaVersion": 2}), "mediaType", OCI_INDEX.as_str()),
            "the field manifests",
        ),
        (
            with(image(), "config", json!(["a/b", "sha256:x", 1])),
            "a JSON object",
        ),
        (with(image(), "layers", json!({})), "expected a sequence"),
        (
            with(image(), "annotations", json!({"a": 1})),
            "expected a string",
        ),
        (
            bad_layer("size", json!(-1)),
            "size -1 must be a whole number of bytes",
        ),
        (
            bad_layer("size", json!(1.5)),
            "size 1.5 must be a whole number of bytes",
        ),
        (
            bad_layer("size", json!(u64::MAX)),
            "from 0 to 9223372036854775807",
        ),
        (bad_layer("size", json!("1")), "expected a JSON number"),
        (
            bad_layer("digest", json!("sha256:zz")),
            "64 lower-case hex digits",
        ),
        (
            bad_layer("digest", json!("md5:zz")),
            "must be sha256 or sha512",
        ),
        (bad_layer("mediaType", json!("layer")), "type/subtype"),
    ] {
        let error = parse(&body, None).unwrap_err().to_string();
        assert!(error.contains(words), "{body}: {error}");
    }
}

#[test]
fn bytes_that_are_not_json_are_refused() {
    let twice = br#"{"schemaVersion":2,"layers":[],"layers":[]}"#;
    let not_utf8 = b"{\"schemaVersion\":2,\"x\":\"\xff\"}";
    for bytes in [b"".as_slice(), b"{", b"\xff\xfe", twice, not_utf8] {
        let error = Manifest::parse(bytes, None).unwrap_err();
        assert!(matches!(error, ManifestError::Json(_)), "{error}");
    }
}

#[test]
fn the_size_is_bounded() {
    let padding = MANIFEST_MAX_BYTES - image().to_string().len();
    let mut bytes = image().to_string().into_bytes();
    bytes.extend(std::iter::repeat_n(b' ', padding));
    assert!(Manifest::parse(&bytes, None).is_ok());
    bytes.push(b' ');
    let error = Manifest::parse(&bytes, None).unwrap_err();
    assert_eq!(error, ManifestError::TooLarge(MANIFEST_MAX_BYTES + 1));
}

#[test]
fn deep_nesting_is_refused() {
    for open in ["[", "{\"a\":"] {
        let deep = format!("{{\"schemaVersion\":2,\"x\":{}", open.repeat(200_000));
        assert!(Manifest::parse(deep.as_bytes(), None).is_err());
    }
}

#[test]
fn an_image_requires_its_config_and_each_layer_once() {
    let manifest = parse(&image(), None).unwrap();
    assert_eq!(
        contents(&manifest.required_blobs()),
        digests(&["config", "one", "two"])
    );
    assert!(manifest.optional_blobs().is_empty());
    assert!(manifest.required_manifests().is_empty());
    assert_eq!(manifest.layers.len(), 3);
}

#[test]
fn foreign_layers_may_be_absent_unless_something_else_requires_them() {
    let layers = json!([
        descriptor(LAYER, "one"),
        descriptor(FOREIGN, "windows"),
        descriptor(FOREIGN, "windows"),
        descriptor(FOREIGN, "one"),
    ]);
    let manifest = parse(&with(image(), "layers", layers), None).unwrap();
    assert_eq!(
        contents(&manifest.required_blobs()),
        digests(&["config", "one"])
    );
    assert_eq!(contents(&manifest.optional_blobs()), digests(&["windows"]));
}

#[test]
fn an_index_requires_its_children_as_manifests_or_as_blobs() {
    let children = json!([
        descriptor(OCI_MANIFEST.as_str(), "amd64"),
        descriptor(OCI_INDEX.as_str(), "nested"),
        descriptor(OCI_MANIFEST.as_str(), "amd64"),
        descriptor(LAYER, "cached"),
        descriptor("application/vnd.buildkit.cacheconfig.v0", "cache config"),
    ]);
    let manifest = parse(&with(index(), "manifests", children), None).unwrap();
    assert_eq!(
        contents(&manifest.required_manifests()),
        digests(&["amd64", "nested"])
    );
    assert_eq!(
        contents(&manifest.required_blobs()),
        digests(&["cached", "cache config"])
    );
}

#[test]
fn the_artifact_type_falls_back_to_the_config() {
    let config = descriptor(OCI_EMPTY.as_str(), "{}");
    for (body, expected) in [
        (image(), Some(OCI_IMAGE_CONFIG.to_string())),
        (
            with(image(), "artifactType", ""),
            Some(OCI_IMAGE_CONFIG.to_string()),
        ),
        (with(image(), "artifactType", "a/b"), Some("a/b".to_owned())),
        (with(image(), "config", config), Some(OCI_EMPTY.to_string())),
        (index(), None),
        (with(index(), "artifactType", "a/b"), Some("a/b".to_owned())),
    ] {
        assert_eq!(
            parse(&body, None).unwrap().artifact_type,
            expected,
            "{body}"
        );
    }
}

#[test]
fn go_writes_empty_lists_as_null() {
    let body = with(image(), "layers", Value::Null);
    let body = with(body, "annotations", Value::Null);
    let body = with(body, "subject", Value::Null);
    let manifest = parse(&body, None).unwrap();
    assert!(manifest.layers.is_empty() && manifest.subject.is_none());
    let manifest = parse(&with(index(), "manifests", Value::Null), None).unwrap();
    assert_eq!(manifest.media_type, OCI_INDEX);
}

#[test]
fn subject_and_annotations_are_kept() {
    let body = with(
        image(),
        "subject",
        descriptor(OCI_MANIFEST.as_str(), "subject"),
    );
    let body = with(body, "annotations", json!({"a": "b"}));
    let manifest = parse(&body, None).unwrap();
    assert_eq!(
        manifest.subject.as_ref().unwrap().digest,
        Digest::sha256(b"subject")
    );
    assert_eq!(manifest.annotations["a"], "b");
    // A subject may be absent, so it is not required.
    assert_eq!(manifest.required_blobs().len(), 3);
    assert!(manifest.required_manifests().is_empty());
}

#[test]
fn a_descriptor_is_written_as_it_was_read() {
    let full = json!({
        "mediaType": LAYER,
        "digest": Digest::sha256(b"one"),
        "size": 3,
        "urls": ["https://example.com/one"],
        "annotations": {"a": "b"},
        "artifactType": "c/d",
    });
    for value in [full, descriptor(LAYER, "one")] {
        let descriptor: Descriptor = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&descriptor).unwrap(), value);
    }
}
