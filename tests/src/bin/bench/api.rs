//! Pages of the API's long lists: the first, one in the middle and the last
//! cost the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use refity_tests::lab::Lab;
use serde_json::json;

use crate::Scale;
use crate::lists::{Page, compare, medians};
use crate::rows::add_audit;
use crate::table::{Limit, Table};

const LIMIT: Limit = Limit::AtMost(1.5);
const PAGE: usize = 50;

pub(crate) async fn measure(scale: Scale, table: &mut Table) {
    let lab = Lab::start().await;
    lab.wait_until_stored().await;
    add_audit(&lab, scale.list);
    for (what, filter) in [("all", ""), ("of one account", "&actor=bench")] {
        // The latest comes first, and entries are a second apart.
        let page = |place: &str, before: Option<usize>| {
            let cursor = before.map_or(String::new(), |n| format!("&cursor={}", cursor(n)));
            Page {
                name: format!("/api/audit, {what}: {PAGE} of {}, {place}", scale.list),
                lab: &lab,
                path: format!("/api/audit?limit={PAGE}{filter}{cursor}"),
                list: "items",
                entries: PAGE,
            }
        };
        let pages = [
            page("first", None),
            page("middle", Some(scale.list / 2)),
            page("last", Some(PAGE)),
        ];
        let medians = medians(scale.list_rounds, &pages, |_| {});
        compare(&pages, &medians, LIMIT, table);
    }
}

/// The cursor of the page behind the entry with this number, as the API makes
/// it. The id only tells entries of one time apart.
fn cursor(n: usize) -> String {
    let cursor = json!({ "key": n * 1000, "id": 0, "backwards": false });
    URL_SAFE_NO_PAD.encode(cursor.to_string())
}
