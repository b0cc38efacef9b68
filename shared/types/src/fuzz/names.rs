//! Repositories, groups, tags, references and upload ids.

use proptest::prelude::*;
use refity_fuzz::{Grammar, check, nearly};

use super::{DIGEST, reads_back};
use crate::name::{GroupName, NameError, Reference, RepositoryName, Tag, UploadId};

/// OCI distribution specification, "Pulling manifests".
const COMPONENT: &str = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*";
const TAG: &str = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}";
/// RFC 9562 section 4, in lower case.
const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

#[test]
fn fuzz_names() {
    let component = Grammar::new(COMPONENT);
    let repository = Grammar::new(&format!("{COMPONENT}(?:/{COMPONENT})*"));
    let texts = prop_oneof![
        nearly("[a-z0-9]{1,3}(((\\.|_|__|-{1,4})[a-z0-9]{1,3})|(/[a-z0-9]{1,2})){0,8}"),
        // Around the maximum length.
        nearly("([a-z0-9]{1,9}[-./_]){40,60}[a-z]"),
        nearly("[a-z]{253,257}"),
        "[a-zA-Z0-9./_-]{0,40}",
        "\\PC*",
    ];
    check("names", &texts, |text| {
        let fits = text.len() <= 255;
        let read = text.parse::<RepositoryName>();
        prop_assert_eq!(read.is_ok(), fits && repository.accepts(&text));
        if let Ok(name) = read {
            reads_back(&name, &text)?;
            let first = text.split('/').next();
            let group = name.group();
            prop_assert_eq!(Some(group.as_str()), first);
            reads_back(&group, group.as_str())?;
            prop_assert_eq!(name.is_single(), group.as_str() == text);
        } else {
            prop_assert_eq!(read, Err(NameError::Repository));
        }
        let read = text.parse::<GroupName>();
        prop_assert_eq!(read.is_ok(), fits && component.accepts(&text));
        Ok(())
    });
}

#[test]
fn fuzz_references() {
    let (tag, digest, uuid) = (Grammar::new(TAG), Grammar::new(DIGEST), Grammar::new(UUID));
    let texts = prop_oneof![
        nearly("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,12}"),
        nearly("[a-zA-Z0-9_][a-zA-Z0-9._-]{125,129}"),
        nearly("sha256:[0-9a-f]{64}"),
        nearly(UUID),
        "\\PC*",
    ];
    check("references", &texts, |text| {
        let read = text.parse::<Tag>();
        prop_assert_eq!(read.is_ok(), tag.accepts(&text));
        if let Ok(read) = read {
            reads_back(&read, &text)?;
        }
        match text.parse::<Reference>() {
            Ok(Reference::Tag(read)) => prop_assert_eq!(Ok(read), text.parse()),
            Ok(Reference::Digest(read)) => {
                prop_assert!(digest.accepts(&text));
                prop_assert_eq!(read.as_str(), &text);
            }
            Err(_) => prop_assert!(!tag.accepts(&text) && !digest.accepts(&text)),
        }
        let read = text.parse::<UploadId>();
        prop_assert_eq!(read.is_ok(), uuid.accepts(&text));
        if let Ok(read) = read {
            prop_assert_eq!(read.to_string(), text);
        }
        Ok(())
    });
}
