//! Manifests: arbitrary bytes, and JSON that is almost a manifest.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use refity_fuzz::{check, damaged};
use serde_json::Value;

use super::json::{changed, well_formed};
use crate::manifest::{Descriptor, MANIFEST_MAX_BYTES, Manifest, ManifestKind};
use crate::media_type::{DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST};

/// The manifest types with their kinds.
const ACCEPTED: [(&str, ManifestKind); 4] = [
    (
        "application/vnd.oci.image.manifest.v1+json",
        ManifestKind::Image,
    ),
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        ManifestKind::Image,
    ),
    (
        "application/vnd.oci.image.index.v1+json",
        ManifestKind::Index,
    ),
    (
        "application/vnd.docker.distribution.manifest.list.v2+json",
        ManifestKind::Index,
    ),
];

#[test]
fn fuzz_manifest_bytes() {
    let written = well_formed().prop_map(|value| value.to_string().into_bytes());
    let bytes = prop_oneof![4 => damaged(written), 1 => any::<Vec<u8>>()];
    check("manifest bytes", &bytes, |bytes| laws(&bytes));
}

#[test]
fn fuzz_manifest_json() {
    check(
        "manifest JSON",
        &(well_formed(), changed()),
        |(whole, changed)| {
            let whole = whole.to_string();
            let read = Manifest::parse(whole.as_bytes(), None);
            prop_assert!(read.is_ok(), "{whole}: {read:?}");
            laws(whole.as_bytes())?;
            laws(changed.as_bytes())
        },
    );
}

/// Property: accepted bytes match the parsed manifest.
fn laws(bytes: &[u8]) -> TestCaseResult {
    let Ok(manifest) = Manifest::parse(bytes, None) else {
        return Ok(());
    };
    prop_assert!(bytes.len() <= MANIFEST_MAX_BYTES);
    let kind = ACCEPTED
        .iter()
        .find(|(media_type, _)| *media_type == manifest.media_type.as_str())
        .map(|(_, kind)| *kind);
    prop_assert_eq!(kind, Some(manifest.kind));
    // The header may only repeat the type.
    for media_type in [
        OCI_MANIFEST,
        OCI_INDEX,
        DOCKER_MANIFEST,
        DOCKER_MANIFEST_LIST,
    ] {
        let same = media_type == manifest.media_type;
        let read = Manifest::parse(bytes, Some(&media_type));
        prop_assert_eq!(read.ok(), Some(manifest.clone()).filter(|_| same));
    }
    each_reference_is_listed_once(&manifest)?;
    // Other parsers have their own limits for parts that ours skips.
    match serde_json::from_slice::<Value>(bytes) {
        Ok(body) => says_the_same(&manifest, &body),
        Err(_) => Ok(()),
    }
}

fn each_reference_is_listed_once(manifest: &Manifest) -> TestCaseResult {
    let named = manifest
        .config
        .iter()
        .chain(&manifest.layers)
        .chain(&manifest.manifests);
    let named: HashSet<_> = named.map(|descriptor| &descriptor.digest).collect();
    let blobs = [manifest.required_blobs(), manifest.optional_blobs()].concat();
    let manifests = manifest.required_manifests();
    let mut listed = HashSet::new();
    for list in [&blobs, &manifests] {
        let digests: HashSet<_> = list.iter().map(|descriptor| &descriptor.digest).collect();
        prop_assert_eq!(digests.len(), list.len());
        listed.extend(digests);
    }
    prop_assert_eq!(listed, named);
    Ok(())
}

fn says_the_same(manifest: &Manifest, body: &Value) -> TestCaseResult {
    prop_assert!(body.is_object());
    prop_assert_eq!(&body["schemaVersion"], &Value::from(2));
    if !body["mediaType"].is_null() {
        prop_assert_eq!(
            body["mediaType"].as_str(),
            Some(manifest.media_type.as_str())
        );
    }
    let (own, foreign) = match manifest.kind {
        ManifestKind::Image => ("layers", "manifests"),
        ManifestKind::Index => ("manifests", "layers"),
    };
    prop_assert!(body.get(own).is_some() && body.get(foreign).is_none());
    prop_assert_eq!(
        manifest.kind == ManifestKind::Image,
        manifest.config.is_some()
    );
    let list = if own == "layers" {
        &manifest.layers
    } else {
        &manifest.manifests
    };
    let written = body[own].as_array().cloned().unwrap_or_default();
    prop_assert_eq!(list.len(), written.len());
    for (read, written) in list.iter().zip(&written) {
        same_descriptor(read, written)?;
    }
    for (read, field) in [(&manifest.config, "config"), (&manifest.subject, "subject")] {
        match read {
            Some(read) => same_descriptor(read, &body[field])?,
            None => prop_assert!(body[field].is_null()),
        }
    }
    Ok(())
}

fn same_descriptor(read: &Descriptor, written: &Value) -> TestCaseResult {
    prop_assert_eq!(
        Some(read.media_type.as_str()),
        written["mediaType"].as_str()
    );
    prop_assert_eq!(Some(read.digest.as_str()), written["digest"].as_str());
    prop_assert_eq!(Some(read.size), written["size"].as_u64());
    prop_assert!(i64::try_from(read.size).is_ok());
    let annotations = written["annotations"].as_object();
    prop_assert_eq!(
        read.annotations.len(),
        annotations.map_or(0, serde_json::Map::len)
    );
    Ok(())
}
