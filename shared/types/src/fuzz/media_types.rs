//! Media types and `Content-Type`.

use proptest::prelude::*;
use refity_fuzz::{Grammar, check, nearly};

use super::reads_back;
use crate::media_type::MediaType;

/// RFC 6838 section 4.2, `restricted-name`.
const NAME: &str = r"[A-Za-z0-9][A-Za-z0-9!#$&\-^_.+]{0,126}";

#[test]
fn fuzz_media_types() {
    let grammar = Grammar::new(&format!("{NAME}/{NAME}"));
    let texts = prop_oneof![
        nearly("[a-zA-Z0-9][a-z0-9!#$&^_.+-]{0,8}/[a-zA-Z0-9][a-z0-9!#$&^_.+-]{0,8}"),
        nearly("[a-z]{125,128}/[a-z.+]{125,128}"),
        nearly("application/vnd\\.(oci|docker)\\.[a-z.]{1,20}\\+(json|gzip)"),
        "\\PC*",
    ];
    let around = ("[ \\t]{0,2}", "([ \\t]{0,2};[ -~]{0,20})?");
    check(
        "media types",
        &(texts, around),
        |(text, (before, after))| {
            let read = text.parse::<MediaType>();
            prop_assert_eq!(read.is_ok(), grammar.accepts(&text));
            let header = MediaType::from_content_type(&format!("{before}{text}{after}"));
            if let Ok(media_type) = read {
                reads_back(&media_type, &text)?;
                prop_assert_eq!(header, Ok(media_type));
            } else if let Ok(media_type) = header {
                let bare = text.split(';').next().unwrap_or_default().trim();
                prop_assert_eq!(media_type.as_str(), bare);
            }
            Ok(())
        },
    );
}
