//! Digests, and hashes that are saved and restored.

use proptest::prelude::*;
use refity_fuzz::{Grammar, check, damaged, nearly};
use sha2::Digest as _;

use super::{DIGEST, reads_back};
use crate::digest::{Algorithm, Digest, Hasher};

#[derive(Clone, Debug)]
enum Input {
    Text(String),
    /// Bytes hashed in pieces, saving the hash in between.
    Pieces(Vec<Vec<u8>>, Algorithm),
    /// Arbitrary bytes in place of a saved hash.
    Saved(Vec<u8>),
}

fn input() -> impl Strategy<Value = Input> {
    let algorithm = prop_oneof![Just(Algorithm::Sha256), Just(Algorithm::Sha512)];
    let pieces = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5);
    let saved = (algorithm.clone(), any::<Vec<u8>>()).prop_map(|(algorithm, bytes)| {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        hasher.save()
    });
    prop_oneof![
        nearly("sha256:[0-9a-f]{64}").prop_map(Input::Text),
        nearly("sha512:[0-9a-f]{128}").prop_map(Input::Text),
        nearly("(sha256|sha512|sha384|md5|SHA256|)[:@]?[0-9a-fA-F]{0,130}").prop_map(Input::Text),
        "\\PC*".prop_map(Input::Text),
        (pieces, algorithm).prop_map(|(pieces, algorithm)| Input::Pieces(pieces, algorithm)),
        damaged(saved).prop_map(Input::Saved),
        any::<Vec<u8>>().prop_map(Input::Saved),
    ]
}

/// Computes the digest independently of our code.
fn hashed_at_once(algorithm: Algorithm, bytes: &[u8]) -> String {
    let hex = |hash: &[u8]| -> String { hash.iter().map(|byte| format!("{byte:02x}")).collect() };
    match algorithm {
        Algorithm::Sha256 => format!("sha256:{}", hex(&sha2::Sha256::digest(bytes))),
        Algorithm::Sha512 => format!("sha512:{}", hex(&sha2::Sha512::digest(bytes))),
    }
}

#[test]
fn fuzz_digests() {
    let grammar = Grammar::new(DIGEST);
    check("digests", &input(), |input| {
        match input {
            Input::Text(text) => {
                let read = text.parse::<Digest>();
                prop_assert_eq!(read.is_ok(), grammar.accepts(&text));
                if let Ok(digest) = read {
                    reads_back(&digest, &text)?;
                    let parts = format!("{}:{}", digest.algorithm().name(), digest.hex());
                    prop_assert_eq!(parts, text);
                }
            }
            Input::Pieces(pieces, algorithm) => {
                let mut hasher = Hasher::new(algorithm);
                for piece in &pieces {
                    hasher.update(piece);
                    hasher = Hasher::resume(&hasher.save()).unwrap();
                }
                let digest = hasher.finish();
                let expected = hashed_at_once(algorithm, &pieces.concat());
                prop_assert_eq!(digest.as_str(), &expected);
                reads_back(&digest, &expected)?;
            }
            Input::Saved(saved) => {
                if let Ok(mut hasher) = Hasher::resume(&saved) {
                    prop_assert_eq!(hasher.save(), saved);
                    hasher.update(&[1; 200]);
                    prop_assert!(grammar.accepts(hasher.finish().as_str()));
                }
            }
        }
        Ok(())
    });
}
