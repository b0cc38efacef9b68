//! The web interface in a real browser: how much of a core a page takes on
//! which thousands of transfers change, and how many rows pages ask for where
//! there are many.

use refity_tests::browser::{self, Props};
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;

use crate::Scale;
use crate::rows::{add_repositories, add_tags, tag};
use crate::table::{Limit, Table};

/// Transfers that change while the page is shown.
const TRANSFERS: usize = 5_000;

/// Of one core, by all of Chromium's processes.
const CORE: Limit = Limit::AtMost(0.3);

/// Of one answer of the API.
const ROWS: Limit = Limit::AtMost(100.0);

pub(crate) async fn measure(scale: Scale, table: &mut Table) {
    let mut lab = Lab::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    let pushed = image.push(&client, "team/long", &tag(0)).await;
    pushed.expect("a pushed image");
    lab.wait_until_stored().await;
    add_tags(&lab, "team/long", scale.list);
    add_repositories(&lab, "team/long", scale.list / 10);
    let transfers = TRANSFERS.to_string();
    let said = browser::run(&mut lab, Props::default(), "bench", &[&transfers]).await;
    let figure = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|words| words.trim().parse::<f64>().ok())
            .unwrap_or_else(|| panic!("{name} is not in:\n{said}"))
    };
    let what = format!("/transfers while {TRANSFERS} transfers change, Chromium");
    table.figure(&what, "cores", figure("cores:"), CORE);
    let what = format!("most rows of one answer, {} tags", scale.list);
    table.figure(&what, "rows", figure("rows:"), ROWS);
}
