//! The fuzz targets of the protocol. Those of the parsed types are in
//! `shared/types/src/fuzz/`.

mod pages;
mod paths;
mod queries;
mod ranges;

use percent_encoding::percent_decode_str;

/// One component of a repository's name (OCI distribution specification,
/// "Pulling manifests").
const COMPONENT: &str = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*";

/// Percent-decodes a text once.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
