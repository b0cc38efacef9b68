use proptest::prelude::*;

use super::*;

/// Any JSON value, favouring the fields of a manifest.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::from(2)),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(Value::from(OCI_MANIFEST.as_str())),
        Just(Value::from(OCI_INDEX.as_str())),
        Just(descriptor(LAYER, "one")),
    ];
    let key = prop_oneof![
        prop::sample::select(vec![
            "schemaVersion",
            "mediaType",
            "config",
            "layers",
            "manifests",
            "subject",
            "digest",
            "size",
            "artifactType",
            "annotations",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,8}",
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes: Vec<u8>) {
        let _ = Manifest::parse(&bytes, None);
    }

    #[test]
    fn what_is_accepted_keeps_the_laws(value in any_json(), fields in any_json()) {
        let mut body = image();
        if let Value::Object(fields) = fields {
            body.as_object_mut().unwrap().extend(fields);
        }
        for body in [value, body] {
            let Ok(manifest) = parse(&body, None) else { continue };
            prop_assert_eq!(ManifestKind::of(&manifest.media_type), Some(manifest.kind));
            prop_assert_eq!(manifest.kind == ManifestKind::Image, manifest.config.is_some());
            prop_assert!(manifest.layers.is_empty() || manifest.manifests.is_empty());
            let media_type = manifest.media_type.clone();
            prop_assert_eq!(parse(&body, Some(&media_type)), Ok(manifest));
        }
    }

    #[test]
    fn each_reference_is_in_one_list_once(
        layers in prop::collection::vec((0..6_u8, any::<bool>()), 0..12)
    ) {
        let layers: Vec<_> = layers
            .iter()
            .map(|(content, foreign)| {
                descriptor(if *foreign { FOREIGN } else { LAYER }, &content.to_string())
            })
            .collect();
        let manifest = parse(&with(image(), "layers", layers), None).unwrap();
        let listed = [manifest.required_blobs(), manifest.optional_blobs()].concat();
        let listed = contents(&listed);
        let distinct: HashSet<_> = listed.iter().cloned().collect();
        prop_assert_eq!(listed.len(), distinct.len());
        let named: HashSet<_> = manifest.layers.iter().chain(&manifest.config)
            .map(|named| named.digest.clone()).collect();
        prop_assert_eq!(distinct, named);
    }
}
