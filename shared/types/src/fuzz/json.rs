//! JSON that is almost a manifest: a valid one with random changes.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use crate::digest::{Algorithm, Digest};
use crate::media_type::{
    DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_SCHEMA1, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST,
};

/// Placeholder for a deeply nested value, replaced in the JSON text.
const DEEP: &str = "@deep@";

const FIELDS: [&str; 12] = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "subject",
    "digest",
    "size",
    "urls",
    "artifactType",
    "annotations",
    "fsLayers",
];

fn media_type() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            OCI_MANIFEST,
            OCI_INDEX,
            OCI_EMPTY,
            DOCKER_MANIFEST,
            DOCKER_MANIFEST_LIST,
            DOCKER_SCHEMA1,
        ])
        .prop_map(|known| known.to_string()),
        Just("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip".to_owned()),
        "[a-z]{1,6}/[a-z][a-z.+]{0,6}",
    ]
}

fn annotations() -> impl Strategy<Value = Value> {
    btree_map("\\PC{0,6}", "\\PC{0,6}", 0..3).prop_map(|map| json!(map))
}

/// A descriptor with unique or shared content.
fn descriptor() -> impl Strategy<Value = Value> {
    let content = prop_oneof![any::<u8>().prop_map(u64::from), any::<u64>()];
    let further = (annotations(), "[a-z/]{0,9}", any::<u8>());
    (media_type(), content, 0..=i64::MAX, any::<bool>(), further).prop_map(
        |(media_type, content, size, wide, (annotations, text, optional))| {
            let algorithm = if wide {
                Algorithm::Sha512
            } else {
                Algorithm::Sha256
            };
            let digest = Digest::of(algorithm, &content.to_le_bytes());
            let mut value = json!({ "mediaType": media_type, "digest": digest, "size": size });
            for (bit, (field, optional_value)) in [
                ("annotations", annotations),
                ("artifactType", json!(text)),
                ("urls", json!([text])),
                ("platform", json!({ "os": text })),
            ]
            .into_iter()
            .enumerate()
            {
                if optional >> bit & 1 == 1 {
                    value[field] = optional_value;
                }
            }
            value
        },
    )
}

/// A manifest that must be accepted.
pub(super) fn well_formed() -> impl Strategy<Value = Value> {
    let descriptors = || vec(descriptor(), 0..5);
    let body = (any::<bool>(), descriptor(), descriptors());
    let names_itself = prop_oneof![Just(None), any::<bool>().prop_map(Some)];
    let further = (names_itself, descriptor(), annotations(), any::<u8>());
    (body, further).prop_map(
        |((is_index, config, list), (names_itself, subject, annotations, optional))| {
            let mut value = if is_index {
                json!({ "schemaVersion": 2, "manifests": list })
            } else {
                json!({ "schemaVersion": 2, "config": config, "layers": list })
            };
            let types = match (is_index, names_itself) {
                (_, None) => None,
                (false, Some(false)) => Some(OCI_MANIFEST),
                (false, Some(true)) => Some(DOCKER_MANIFEST),
                (true, Some(false)) => Some(OCI_INDEX),
                (true, Some(true)) => Some(DOCKER_MANIFEST_LIST),
            };
            for (bit, (field, optional_value)) in [
                ("subject", subject),
                ("annotations", annotations),
                ("artifactType", json!("application/x")),
                ("history", json!([1.5, null, {}])),
            ]
            .into_iter()
            .enumerate()
            {
                if optional >> bit & 1 == 1 {
                    value[field] = optional_value;
                }
            }
            if let Some(media_type) = types {
                value["mediaType"] = json!(media_type);
            }
            value
        },
    )
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!(DEEP)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..4).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        media_type().prop_map(Value::from),
        descriptor(),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![select(FIELDS.to_vec()).prop_map(str::to_owned), "\\PC{0,6}"];
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(key, inner, 0..5).prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

#[derive(Clone, Debug)]
enum Edit {
    Replace(Value),
    Remove,
    Put(String, Value),
    /// In a list or as an object's field.
    Wrap(Option<String>),
}

fn edit() -> impl Strategy<Value = (Vec<Index>, Edit)> {
    let field = prop_oneof![select(FIELDS.to_vec()).prop_map(str::to_owned), "\\PC{0,6}"];
    let edit = prop_oneof![
        any_value().prop_map(Edit::Replace),
        Just(Edit::Remove),
        (field.clone(), any_value()).prop_map(|(field, value)| Edit::Put(field, value)),
        prop::option::of(field).prop_map(Edit::Wrap),
    ];
    (vec(any::<Index>(), 0..5), edit)
}

fn apply(value: &mut Value, way: &[Index], edit: Edit) {
    if let Some((step, rest)) = way.split_first() {
        let below = match value {
            Value::Array(list) if !list.is_empty() => Some(step.index(list.len())),
            Value::Object(map) if !map.is_empty() => Some(step.index(map.len())),
            _ => None,
        };
        match (below, rest.is_empty(), &edit, &mut *value) {
            (Some(n), true, Edit::Remove, Value::Array(list)) => drop(list.remove(n)),
            (Some(n), true, Edit::Remove, Value::Object(map)) => {
                let field = map.keys().nth(n).cloned().unwrap_or_default();
                map.remove(&field);
            }
            (Some(n), _, _, Value::Array(list)) => apply(&mut list[n], rest, edit),
            (Some(n), _, _, Value::Object(map)) => {
                if let Some(inner) = map.values_mut().nth(n) {
                    apply(inner, rest, edit);
                }
            }
            _ => apply(value, &[], edit),
        }
        return;
    }
    match edit {
        Edit::Replace(new) => *value = new,
        Edit::Put(field, new) => match value {
            Value::Object(map) => drop(map.insert(field, new)),
            Value::Array(list) => list.push(new),
            _ => *value = new,
        },
        Edit::Wrap(None) => *value = json!([value.take()]),
        Edit::Wrap(Some(field)) => *value = json!({ field: value.take() }),
        Edit::Remove => {}
    }
}

/// The text of a manifest with a few changes and with values nested up to a
/// million times.
pub(super) fn changed() -> impl Strategy<Value = String> {
    let depth = prop_oneof![20 => 0..200_usize, 1 => 0..1_000_000_usize];
    (well_formed(), vec(edit(), 0..4), depth, any::<bool>()).prop_map(
        |(mut value, edits, depth, of_objects)| {
            for (way, edit) in edits {
                apply(&mut value, &way, edit);
            }
            let text = value.to_string();
            let deep = format!("\"{DEEP}\"");
            if !text.contains(&deep) {
                return text;
            }
            let (open, middle, close) = if of_objects {
                ("{\"a\":", "1", "}")
            } else {
                ("[", "", "]")
            };
            let nested = [open.repeat(depth), middle.to_owned(), close.repeat(depth)].concat();
            // Once is enough: several would exceed the maximum size.
            text.replacen(&deep, &nested, 1)
        },
    )
}
