//! Paths below `/v2`.

use proptest::prelude::*;
use refity_fuzz::{Grammar, check, nearly};

use super::{COMPONENT, decoded};
use crate::registry::{Endpoint, RegistryError};

/// Returns the path of an endpoint whose parts are well-formed.
fn written(endpoint: &Endpoint) -> Option<String> {
    Some(match endpoint {
        Endpoint::Version => "/v2/".to_owned(),
        Endpoint::Catalog => "/v2/_catalog".to_owned(),
        Endpoint::Tags(name) => format!("/v2/{name}/tags/list"),
        Endpoint::Manifest(name, reference) => {
            format!("/v2/{name}/manifests/{}", reference.as_ref().ok()?)
        }
        Endpoint::Referrers(name, digest) => {
            format!("/v2/{name}/referrers/{}", digest.as_ref().ok()?)
        }
        Endpoint::Blob(name, digest) => format!("/v2/{name}/blobs/{}", digest.as_ref().ok()?),
        Endpoint::Uploads(name) => format!("/v2/{name}/blobs/uploads/"),
        Endpoint::Upload(name, id) => format!("/v2/{name}/blobs/uploads/{id}"),
    })
}

fn paths() -> impl Strategy<Value = String> {
    let well_formed = "/v2/([a-z0-9]{1,3}|[a-z]_[a-z]|blobs|uploads|manifests|tags)\
                       (/([a-z0-9]{1,3}|blobs|uploads|list|tags|manifests|referrers)){0,4}\
                       /(tags/list|manifests/[a-zA-Z0-9._-]{1,5}|(manifests|blobs|referrers)/\
                       sha256:[0-9a-f]{64}|blobs/uploads/?|blobs/uploads/[0-9a-f]{8}-[0-9a-f]{4}\
                       -[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})";
    // Some characters are escaped, as some clients do, and some escaped twice,
    // as attackers try.
    let escaped = (nearly(well_formed), any::<u64>(), any::<bool>()).prop_map(
        |(path, which, twice)| -> String {
            let escape = |(n, c): (usize, char)| match which >> (n % 64) & 1 {
                1 if n > 4 && c.is_ascii() && twice => format!("%25{:02X}", c as u32),
                1 if n > 4 && c.is_ascii() => format!("%{:02x}", c as u32),
                _ => c.to_string(),
            };
            path.chars().enumerate().map(escape).collect()
        },
    );
    prop_oneof![
        nearly(well_formed),
        escaped,
        "/v2/[a-z0-9/%._:-]{0,60}",
        "/v2/?(_catalog)?",
        "\\PC*",
    ]
}

#[test]
fn fuzz_paths() {
    let name = format!("{COMPONENT}(?:/{COMPONENT})*");
    let grammar = Grammar::new(&format!(
        "(?s)/v2/?|/v2/_catalog|/v2/({name})/(?:tags/list|manifests/.*|referrers/.*|blobs/.*)"
    ));
    let safe = Grammar::new(&name);
    check("paths", &paths(), |path| {
        let plain = decoded(&path);
        match Endpoint::parse(&path) {
            Ok(endpoint) => {
                prop_assert!(grammar.accepts(&plain), "{endpoint:?}");
                if let Some(repository) = endpoint.repository() {
                    prop_assert!(safe.accepts(repository.as_str()));
                    let before = format!("/v2/{repository}/");
                    prop_assert!(plain.starts_with(&before), "{before}");
                }
                if let Some(written) = written(&endpoint) {
                    prop_assert_eq!(Endpoint::parse(&written).ok(), Some(endpoint));
                }
            }
            Err(RegistryError::NoSuchPath) if !path.contains('%') => {
                prop_assert!(!plain.ends_with("/tags/list") || !grammar.accepts(&plain));
            }
            Err(
                RegistryError::NoSuchPath
                | RegistryError::NameInvalid(_)
                | RegistryError::UploadInvalid(_),
            ) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
        Ok(())
    });
}
