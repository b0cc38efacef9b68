//! The fuzz targets of the parsed types. Those of the intents are in
//! `shared/spool/src/fuzz.rs`, those of the protocol in
//! `gateway/src/registry/fuzz/`.
//!
//! A text is accepted exactly if it matches the specification's grammar, and it
//! parses to the same value after printing.

mod digests;
mod json;
mod manifests;
mod media_types;
mod names;

use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A digest by descriptor.md of the OCI image specification, with the
/// algorithms of this registry.
const DIGEST: &str = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}";

/// Property: a parsed value survives printing and parsing, as text and as JSON.
fn reads_back<T>(parsed: &T, text: &str) -> TestCaseResult
where
    T: FromStr<Err: Debug> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    prop_assert_eq!(parsed.to_string(), text);
    prop_assert_eq!(&text.parse::<T>().unwrap(), parsed);
    let json = serde_json::to_string(parsed).unwrap();
    prop_assert_eq!(&json, &serde_json::to_string(text).unwrap());
    prop_assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), parsed);
    Ok(())
}
