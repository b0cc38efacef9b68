//! The fuzz targets of the parsed types. Those of the intents are in
//! `shared/spool/src/fuzz.rs`, those of the protocol in
//! `gateway/src/registry/fuzz/`.
//!
//! What is accepted must be of the grammar that the specification prints, and
//! the other way round; and it must read the same when it is written again.

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

/// A digest as descriptor.md of the OCI image specification has it, with the
/// algorithms of this registry.
const DIGEST: &str = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}";

/// What was parsed reads the same when it is written again, as text and as
/// JSON.
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
