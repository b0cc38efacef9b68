//! Intents read back after writing, and after a power failure truncated them.

use bytes::Bytes;
use proptest::prelude::*;
use refity_fuzz::{check, damaged};
use refity_types::deletion::{Deletion, TaggedManifest};
use refity_types::digest::{Algorithm, Digest};
use refity_types::name::Tag;

use crate::{Intent, IntentAction};

fn deleted(deletion: Deletion) -> IntentAction {
    IntentAction::Delete { deletion }
}

fn intent() -> impl Strategy<Value = Intent> {
    let text = |pattern: &'static str| pattern.prop_map(|text: String| text);
    (
        any::<i64>(),
        text("[a-z0-9]{1,5}(/[a-z0-9]{1,5}){0,3}"),
        text("[a-z]{1,5}/[a-z][a-z+.]{0,5}"),
        prop::collection::vec(text("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,10}"), 0..4),
        prop_oneof![
            any::<Vec<u8>>(),
            // Lines of text, like manifests.
            text("(\\PC{0,10}\\n){0,4}").prop_map(String::into_bytes),
        ],
        any::<bool>(),
        0..5,
    )
        .prop_map(
            |(generation, repository, media_type, tags, manifest, wide, what)| {
                let algorithm = if wide {
                    Algorithm::Sha512
                } else {
                    Algorithm::Sha256
                };
                let digest = Digest::of(algorithm, &manifest);
                let mut tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
                let action = match (what, tags.pop()) {
                    (1, Some(tag)) => deleted(Deletion::Tag { tag }),
                    (2, _) => deleted(Deletion::Blob { digest }),
                    (3, _) => deleted(Deletion::Manifest { digest, tags }),
                    (4, _) => deleted(Deletion::Repository {
                        manifests: vec![TaggedManifest {
                            digest: digest.clone(),
                            tags,
                        }],
                        blobs: vec![digest],
                    }),
                    _ => IntentAction::Put {
                        media_type: media_type.parse().unwrap(),
                        digest,
                        tags,
                        manifest: manifest.into(),
                    },
                };
                Intent {
                    generation,
                    repository: repository.parse().unwrap(),
                    action,
                }
            },
        )
}

fn written(intent: &Intent) -> Vec<u8> {
    let mut bytes = Vec::new();
    intent.write_to(&mut bytes).unwrap();
    bytes
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let written = intent().prop_map(|intent| written(&intent));
    prop_oneof![4 => damaged(written), 1 => any::<Vec<u8>>()]
}

#[test]
fn fuzz_intents() {
    let input = (intent(), bytes(), any::<prop::sample::Index>());
    check("intents", &input, |(intent, other, end)| {
        let bytes = Bytes::from(written(&intent));
        prop_assert_eq!(Intent::from_bytes(&bytes), Some(intent));
        let torn = bytes.slice(..end.index(bytes.len()));
        prop_assert_eq!(Intent::from_bytes(&torn), None);
        if let Some(read) = Intent::from_bytes(&other.into()) {
            if let IntentAction::Put {
                digest, manifest, ..
            } = &read.action
            {
                prop_assert_eq!(&Digest::of(digest.algorithm(), manifest), digest);
            }
            prop_assert_eq!(Intent::from_bytes(&written(&read).into()), Some(read));
        }
        Ok(())
    });
}
